"""What the office does while a test looks at a page: the services, in the console's own environment."""

import os
import subprocess
import sys

from csoc.launcher import secrets_of
from tests.running import ROOT, RunningConsole


def staff(console: RunningConsole, module: str, act: str, number: int) -> str:
    """Let ``tests.browser.<module>`` do ``act`` with the trailer of that number; returns what it prints."""
    info = console.info
    env = {key: value for key, value in os.environ.items() if not key.startswith("CSOC_")}
    env |= info["environment"] | secrets_of(console.data)
    env |= {"CSOC_DATABASE_URL": info["database_url"], "CSOC_REDIS_URL": info["redis_url"]}
    env |= {"DJANGO_SETTINGS_MODULE": "csoc.settings"}
    command = [sys.executable, "-m", f"tests.browser.{module}", act, str(number)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()
