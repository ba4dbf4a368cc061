#!/usr/bin/env python3
"""CSOC: one command to run the console, one to test it.

  python3 console.py run     the whole console on this machine, with demo people and trailers
  python3 console.py test    lint, types, unit, integration and browser tests; closes with one line
  python3 console.py bench   measure it (`bench --help` lists the measurements)
  python3 console.py conformance  hold any console to the trailer contract (`conformance --help`)
  python3 console.py doctor  say what is wrong here and what to do (--data DIR: with the console there)
  python3 console.py manage  an operator's command in the demonstration that runs, for example
                             `manage audit_verify` or `manage audit_key show`
  python3 console.py help    this text

Options of `run`:
  --port N            where the console listens on 127.0.0.1 (default 8000)
  --data DIR          where databases, keys and logs live (default .local)
  --quiet-trailers    trailers connect, but raise alerts only on request
  --web N             web processes that share the port (default 1; at most one for each processor helps)
  --database-url URL  use this PostgreSQL (role csoc_app) instead of the embedded one
  --redis-url URL     use this Valkey or Redis instead of the embedded one
  --no-demo           production: no demo people, no simulated trailers; needs the CSOC_ settings

Options of `manage`, before the command's own words:
  --data DIR          where that demonstration lives (default .local)
  --as ROLE           the database role: app (default), sequencer, publisher or owner

Needs Python 3.11, 3.12 or 3.13 and nothing else. Everything it installs stays in .venv, .cache and
frontend/node_modules; a stage is skipped while its input is unchanged. Ctrl-C stops everything.
"""

# Standard library only, here and in what it imports, and no syntax that an old Python cannot read: it must be
# able to say it is old.
import argparse
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tools import bench_options, browser, stages
from tools.stages import (
    FAILED,
    INTERRUPTED,
    LIBRARY_MISSING,
    PORT_TAKEN,
    SERVER_FAILED,
    USAGE,
    WRONG_PYTHON,
    Trouble,
    say,
)

OLDEST, NEWEST = (3, 11), (3, 13)


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


def check_folder(folder: Path) -> None:
    """Refuse a data directory that cannot be one, or whose disk is nearly full."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(str(there), os.W_OK):
        raise Trouble(
            USAGE,
            "%s is not a folder this user can write to." % there,
            "Choose another one with --data DIR.",
        )
    stages.check_disk(folder)


# -- run -------------------------------------------------------------------------------------------


def options(words: list) -> argparse.Namespace:
    """Read the options of `run`. The launcher reads the same ones again, inside the environment."""
    parser = argparse.ArgumentParser(
        prog="console.py run", description="Run the whole console on this machine."
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port on 127.0.0.1 (default 8000)"
    )
    parser.add_argument(
        "--data", type=Path, default=stages.ROOT / ".local", metavar="DIR", help="default .local"
    )
    parser.add_argument("--quiet-trailers", action="store_true", help="alerts only on request")
    parser.add_argument("--web", type=int, default=1, metavar="N", help="web processes (default 1)")
    parser.add_argument("--database-url", default="", metavar="URL", help="PostgreSQL, role csoc_app")
    parser.add_argument("--redis-url", default="", metavar="URL", help="Valkey or Redis")
    parser.add_argument("--no-demo", action="store_true", help="production: no demo people or trailers")
    chosen = parser.parse_args(words)
    if not 1 <= chosen.port <= 65535:
        parser.error("--port must be between 1 and 65535")
    if not 1 <= chosen.web <= 16:
        parser.error("--web must be between 1 and 16")
    return chosen


def run(words: list) -> int:
    """Prepare, then become the launcher: same process, so Ctrl-C and its exit code are its own."""
    chosen = options(words)
    check_port(chosen.port)
    check_folder(chosen.data.resolve())
    say("The console prepares itself in %s" % stages.ROOT)
    stages.prepare(with_tools=False)
    command = [
        str(stages.PYTHON),
        "-m",
        "csoc.launcher",
        "--port",
        str(chosen.port),
        "--data",
        str(chosen.data.resolve()),
    ]
    command += ["--web", str(chosen.web)]
    command += ["--started", repr(time.time() - (time.monotonic() - stages.STARTED))]
    for name in ("quiet_trailers", "no_demo"):
        command += ["--" + name.replace("_", "-")] if getattr(chosen, name) else []
    for name in ("database_url", "redis_url"):
        command += ["--" + name.replace("_", "-"), getattr(chosen, name)] if getattr(chosen, name) else []
    os.chdir(str(stages.ROOT))
    sys.stdout.flush()
    os.execv(command[0], command)


# -- test and bench --------------------------------------------------------------------------------


def chromium() -> str:
    """Return the path of a Chromium that starts here; the one from npm first, then the system's."""
    missing = browser.missing_libraries()
    if missing:
        say("The test browser needs: apt install " + " ".join(missing))
    found = browser.find(
        stages.node() / "bin/node", stages.FRONTEND, stages.CACHE / "chromium", stages.node_env()
    )
    if not found:
        raise Trouble(
            LIBRARY_MISSING,
            "No Chromium starts on this machine, so the browser tests cannot run.",
            "On Debian or Ubuntu: apt install %s  (or: chromium)" % " ".join(browser.LIBRARIES.values()),
        )
    return found


def test_env() -> dict:
    """Return the environment of every check and test: a test console, never a real one."""
    env = stages.node_env()
    # CSOC_PICTURES names a folder: the browser tests keep what they see there, for a person to look at.
    clean = {key: env[key] for key in env if not key.startswith("CSOC_") or key == "CSOC_PICTURES"}
    return dict(clean, CSOC_ENV="test", CSOC_CHROMIUM=chromium(), CSOC_NODE=str(stages.node() / "bin/node"))


def test(words: list) -> int:
    """Prepare, then run every check and test; words after `test` go to pytest, and skip the rest."""
    if words[:1] in (["--help"], ["-h"]):
        print("console.py test          every check and test")
        print("console.py test WORDS …  only pytest, with these words")
        return 0
    stages.prepare(with_tools=True)
    return subprocess.call(
        [str(stages.PYTHON), "tools/run_tests.py"] + words, cwd=str(stages.ROOT), env=test_env()
    )


def bench(words: list) -> int:
    """Run the measurements with the tools of the tests."""
    bench_options.read(words)
    stages.prepare(with_tools=True)
    return subprocess.call([str(stages.PYTHON), "-m", "bench"] + words, cwd=str(stages.ROOT), env=test_env())


def conformance(words: list) -> int:
    """Hold a console, ours or another, to every line of the trailer contract that is seen from outside."""
    stages.prepare(with_tools=True)
    return subprocess.call(
        [str(stages.PYTHON), "-m", "tests.contract.conformance"] + words, cwd=str(stages.ROOT)
    )


# -- doctor ----------------------------------------------------------------------------------------


def doctor(words: list) -> int:
    """Look at everything a run or a test needs; say what is wrong and what to do."""
    parser = argparse.ArgumentParser(prog="console.py doctor", description=doctor.__doc__)
    parser.add_argument(
        "--data", type=Path, default=stages.ROOT / ".local", metavar="DIR", help="default .local"
    )
    data, wrong = parser.parse_args(words).data.resolve(), 0
    for title, look in (
        ("Python", lambda: check_python() or "%d.%d.%d" % sys.version_info[:3]),
        (
            "disk",
            lambda: (
                stages.check_disk(stages.ROOT)
                or "%d MB free" % (shutil.disk_usage(str(stages.ROOT)).free // 1_000_000)
            ),
        ),
        ("port 8000", lambda: check_port(8000) or "free"),
        ("libraries", look_at_libraries),
        ("test browser", look_at_browser),
        ("data", lambda: look_at_data(data)),
    ):
        try:
            print("ok     %-13s %s" % (title, look()))
        except Trouble as trouble:
            wrong += 1
            print("WRONG  %-13s %s\n       %-13s -> %s" % (title, trouble, "", trouble.todo))
    wrong += look_at_log(data)
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
    if not stages.PYTHON.exists():
        return "not installed yet; the first `run` does that"
    if not (stages.CACHE / "stamps/libraries").exists():
        raise Trouble(LIBRARY_MISSING, "The last installation did not finish.", "python3 console.py run")
    code, output = stages.follow([stages.PYTHON, "-m", "pip", "check"], stages.ROOT)
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


def look_at_data(data: Path) -> str:
    """Say whether a console runs on a data directory."""
    lock = data / "lock"
    if not lock.exists():
        return "%s does not exist yet" % data
    with lock.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return "a console is running on %s (process %s)" % (data, held.read().strip() or "?")
    if (data / "run.json").exists():
        raise Trouble(
            SERVER_FAILED,
            "The last run on %s ended without cleaning up." % data,
            "rm %s" % (data / "run.json"),
        )
    return "no console is running on %s" % data


def look_at_log(data: Path) -> int:
    """Print how the audit log of the console that runs on ``data`` is; count what to mend."""
    if not (data / "run.json").exists() or not stages.PYTHON.exists():
        return 0
    code, output = stages.follow([stages.PYTHON, "-m", "csoc.health", "doctor", "--data", data], stages.ROOT)
    findings = [line.split("\t") for line in output.splitlines() if line.count("\t") == 3]
    if code and not findings:
        findings = [
            ["WRONG", "audit log", "It cannot be looked at: " + output.strip()[-200:], "Report this."]
        ]
    for weight, about, fact, todo in findings:
        print("%-6s %-13s %s" % (weight, about, fact))
        if todo:
            print("       %-13s -> %s" % ("", todo))
    return sum(weight == "WRONG" for weight, _about, _fact, _todo in findings)


# -- manage ----------------------------------------------------------------------------------------


def manage(words: list) -> int:
    """Become manage.py with the environment of the demonstration that runs on a data directory."""
    parser = argparse.ArgumentParser(
        prog="console.py manage", description="Run an operator's command in the demonstration that runs."
    )
    parser.add_argument(
        "--data", type=Path, default=stages.ROOT / ".local", metavar="DIR", help="default .local"
    )
    parser.add_argument(
        "--as", dest="role", choices=["app", "sequencer", "publisher", "owner"], default="app"
    )
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="WORDS", help="as for manage.py: audit_verify"
    )
    chosen = parser.parse_args(words)
    if not chosen.words:
        parser.error("which command? For example: console.py manage audit_verify")
    if not stages.PYTHON.exists():
        raise Trouble(
            LIBRARY_MISSING, "Nothing is installed yet, so nothing runs.", "Start it: python3 console.py run"
        )
    command = [str(stages.PYTHON), "-m", "csoc.operate", "--data", str(chosen.data.resolve())]
    os.chdir(str(stages.ROOT))
    sys.stdout.flush()
    os.execv(command[0], command + ["--as", chosen.role] + chosen.words)


# -- the command line ------------------------------------------------------------------------------


def help_text(words: list) -> int:
    """Print what this program does."""
    print(__doc__.strip())
    return 0


COMMANDS = {"run": run, "test": test, "bench": bench, "conformance": conformance, "doctor": doctor,
            "manage": manage, "help": help_text, "--help": help_text, "-h": help_text}  # fmt: skip


def main(words: list) -> int:
    """Call one command; turn trouble into a sentence and its exit code."""
    if not words:
        print(__doc__.strip(), file=sys.stderr)
        return USAGE
    if words[0] not in COMMANDS:
        print(
            "There is no command '%s'; run, test, bench, conformance, doctor, manage and help are."
            % words[0],
            file=sys.stderr,
        )
        return USAGE
    try:
        if COMMANDS[words[0]] not in (doctor, help_text):
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
