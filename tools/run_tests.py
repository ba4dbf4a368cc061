"""Run every check and test of this repository and close with one line: ``N passed, N failed``.

Called by ``console.py test`` inside the environment that it prepared. Each check counts as one.
Arguments go to pytest and leave the rest out. Exit code 0 only when nothing failed.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
CACHE = ROOT / ".cache"
STARTED = time.monotonic()
#: A disk in memory, and how much of it must be free (a whole run was seen to fill 1.8 GB).
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4_000_000_000
ASYNC_UNSAFE = {"DJANGO_ALLOW_ASYNC_UNSAFE": "1"}

Check = tuple[str, list[str], Path]


def say(text: str) -> None:
    """Print one progress line with the time since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def checks() -> list[Check]:
    """Return the checks that come before the tests."""
    python, node = sys.executable, os.environ["CSOC_NODE"]
    tools = Path(python).parent
    pages = [str(path) for path in sorted(ROOT.glob("templates/**/*.html"))]
    found = [
        ("Python style", [str(tools / "ruff"), "check", "."], ROOT),
        ("Python format", [str(tools / "ruff"), "format", "--check", "."], ROOT),
        ("types", [str(tools / "mypy"), "."], ROOT),
        ("imports go one way", [str(tools / "lint-imports"), "--no-cache"], ROOT),
        ("template style", [str(tools / "djade"), "--check", *pages], ROOT),
        ("front-end types", [node, "node_modules/typescript/bin/tsc", "--noEmit"], FRONTEND),
        (
            "front-end style",
            [node, "node_modules/@biomejs/biome/bin/biome", "lint", "--diagnostic-level=error", "."],
            FRONTEND,
        ),
    ]
    if list(FRONTEND.glob("tests/*.test.ts")):
        found.append(("front-end units", [node, "build.mjs", "test"], FRONTEND))
    return found


def run_check(check: Check, env: dict[str, str]) -> bool:
    """Run one check quietly; show what it said only when it failed."""
    title, command, folder = check
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, errors="replace")
    say(f"{title:<26} {'ok' if done.returncode == 0 else 'FAILED'}")
    if done.returncode:
        print("\n".join("    " + line for line in (done.stdout + done.stderr).splitlines()[-80:]), flush=True)
    return done.returncode == 0


def run_pytest(title: str, words: list[str], env: dict[str, str]) -> tuple[int, int]:
    """Run pytest with its output on the screen; return (passed, failed)."""
    # One each, so that how long a test took can still be read when the next stage runs.
    report = CACHE / f"report-{title.split()[0].lower()}.xml"
    report.unlink(missing_ok=True)
    say(f"{title} …")
    code = subprocess.call(
        [sys.executable, "-m", "pytest", f"--junitxml={report}", *words], cwd=ROOT, env=env
    )
    passed, failed = counts(report) if report.exists() else (0, 1)
    # pytest may fail without a failed test: a broken conftest, nothing collected, an interruption.
    return passed, max(failed, int(code != 0))


def counts(report: Path) -> tuple[int, int]:
    """Return (passed, failed) of a JUnit report; an error is a failure, a skipped test is neither."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    if suite is None:
        return 0, 1
    number = {name: int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}
    failed = number["failures"] + number["errors"]
    return number["tests"] - failed - number["skipped"], failed


@contextlib.contextmanager
def in_memory(env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Let the servers and temporary files of a whole run lie in memory where there is room, else on the disk.

    Each test that commits gets a database of its own: its thousand files are copied in 20 ms there, and in
    200 to 350 ms on a disk.
    """
    if not os.access(MEMORY, os.W_OK) or room() < ROOM_BYTES:
        yield env
        return
    with tempfile.TemporaryDirectory(prefix="csoc-tests-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        # PostgreSQL may run as another user under root: it must pass through here.
        os.chmod(folder, 0o711)
        yield env | {"TMPDIR": folder, "CSOC_TEST_HOME": folder}


def room() -> int:
    """Free bytes of the disk in memory, as far as memory itself has them."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    [available] = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return min(available, shutil.disk_usage(MEMORY).free)


def main(words: list[str]) -> int:
    """Run everything, or only the named tests."""
    CACHE.mkdir(exist_ok=True)
    env = os.environ | {"MYPY_CACHE_DIR": str(CACHE / "mypy"), "RUFF_CACHE_DIR": str(CACHE / "ruff")}
    if words:
        results = [run_pytest("Chosen tests", words, env | ASYNC_UNSAFE)]
    else:
        outcomes = [run_check(check, env) for check in checks()]
        results = [(sum(outcomes), len(outcomes) - sum(outcomes))]
        together = ["-q", "-n", "2", "--dist", "loadfile"]
        with in_memory(env) as kept:
            results.append(
                run_pytest("Unit and integration tests", [*together, "--ignore=tests/browser", "tests"], kept)
            )
            # Playwright's own event loop may not share a process with the asynchronous tests.
            results.append(run_pytest("Browser tests", [*together, "tests/browser"], kept | ASYNC_UNSAFE))
    passed, failed = (sum(column) for column in zip(*results, strict=True))
    print(f"{passed} passed, {failed} failed", flush=True)
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
