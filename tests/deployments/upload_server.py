"""The web process with one door that takes a consent document and says what arrived; for tests only.

Run: ``DJANGO_SETTINGS_MODULE=tests.deployments.upload_settings python -m tests.deployments.upload_server``
"""

from __future__ import annotations

import os

from csoc import server

if __name__ == "__main__":
    server.DOCUMENT_WITHIN_S = server.BULK_WITHIN_S = int(os.environ["CSOC_TEST_WITHIN_S"])
    server.main()
