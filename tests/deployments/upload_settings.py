"""The console's settings with one door only, so that what is tested is how a body comes in."""

import os

from csoc.settings import *  # noqa: F403

ROOT_URLCONF = "tests.deployments.upload_door"
# As few as start; allauth insists on its own.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
if os.environ.get("CSOC_TEST_SPOOL"):
    # Django's own default, to show that the test would see a file on the disk.
    FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
