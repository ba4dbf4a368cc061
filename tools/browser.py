"""Finds a Chromium for the browser tests. Standard library only: console.py uses it."""

import os
import subprocess
from pathlib import Path

#: Libraries that Chromium needs from the system, and the Debian packages that hold them.
LIBRARIES = {"libnss3.so": "libnss3", "libnspr4.so": "libnspr4", "libexpat.so.1": "libexpat1"}
SYSTEM_CHROMIUM = "/usr/bin/chromium"
# Only the path is taken: the package's own arguments are for another kind of machine.
UNPACK = "import('@sparticuz/chromium').then(m => m.default.executablePath()).then(p => console.log(p))"


def find(node: Path, front_end: Path, folder: Path, env: dict) -> str:
    """Return a Chromium that starts: the npm package's (unpacked to ``folder``), else the system's.

    An empty text means that neither starts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = subprocess.run(
        [str(node), "-e", UNPACK],
        cwd=str(front_end),
        env=dict(env, TMPDIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout
    for path in (said.strip(), SYSTEM_CHROMIUM):
        if path and os.path.isfile(path) and starts(path):
            return path
    return ""


def starts(program: str) -> bool:
    """Tell whether a program can say its version."""
    try:
        said = subprocess.run(
            [program, "--version"], timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return said.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def missing_libraries() -> list:
    """Return the Debian packages whose libraries the loader does not know."""
    found = subprocess.run(["/sbin/ldconfig", "-p"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    known = found.stdout.decode()
    return [package for library, package in LIBRARIES.items() if library not in known]
