"""`console.py run` as a person meets it: ready, guarded, healing, and gone after Ctrl-C."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from hashlib import sha256
from pathlib import Path

import psycopg
import redis

from audit.checkpoints import read_witnesses
from audit.notes import VerifierKey, open_note
from csoc.ports import answers_at, free_ports
from tests.running import ROOT, RunningConsole

PROCESSES = {
    "postgres", "valkey", "web", "worker", "exporter", "beat", "sequencer", "publisher", "witness",
    "gateway", "simulator",
}  # fmt: skip


#: RUN_MARK and the rest are the supervisor's, so that nothing is left behind.
ENVIRONMENT_OF_A_WITNESS = {b"PATH", b"LANG", b"CSOC_RUN", b"PYTHONUNBUFFERED", b"LC_CTYPE"}


def test_a_whole_run_from_ready_to_nothing_left(tmp_path: Path) -> None:
    running = RunningConsole(tmp_path / "data").start()
    try:
        the_run_file_is_private_and_complete(running)
        a_second_run_on_the_same_data_is_refused(running)
        operators_commands_work_on_it(running)
        a_killed_process_comes_back(running)
        the_log_is_cosigned_by_the_witness(running)
    finally:
        code = running.stop()
    assert code == 0, running.output[-3000:]
    assert "nothing of this console is left running" in running.output
    assert "does not stop" not in running.output, "each process ends by itself"
    assert not (running.data / "run.json").exists()
    assert processes_that_mention(running.data) == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", running.port)) != 0


def the_run_file_is_private_and_complete(running: RunningConsole) -> None:
    info = running.info
    assert stat.S_IMODE((running.data / "run.json").stat().st_mode) == 0o600
    assert info["url"] == running.url
    assert set(info["pids"]) == PROCESSES
    for role in (
        "dispatcher",
        "dispatcher-2",
        "supervisor",
        "supervisor-2",
        "privacy_officer",
        "administrator",
    ):
        assert set(info["people"][role]) == {"username", "password", "totp_secret"}
    assert {trailer["simulated"] for trailer in info["trailers"]} == {True, False}
    assert all(Path(trailer["private_key_file"]).is_file() for trailer in info["trailers"])
    assert set(info["hotlist"]["sample"]) >= {"plate", "jurisdiction", "entry_id", "category"}
    with psycopg.connect(info["database_url"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("csoc_app",)
    with redis.Redis.from_url(info["redis_url"]) as client:
        assert client.ping()
    with urllib.request.urlopen(f"{running.url}/readyz", timeout=5) as answer:
        assert answer.status == 200


def the_log_is_cosigned_by_the_witness(running: RunningConsole) -> None:
    """By a process that has nothing of ours: no setting, no database, no key but its own."""
    told = running.info["audit"]
    listed, faults = read_witnesses(Path(told["witness_list"]))
    assert faults == []
    assert [(one.vkey.text, one.url) for one in listed] == [(told["witness"]["vkey"], told["witness"]["url"])]
    environ = Path(f"/proc/{running.info['pids']['witness']}/environ").read_bytes().split(b"\0")
    assert {word.split(b"=")[0] for word in environ if word} <= ENVIRONMENT_OF_A_WITNESS
    keys = [VerifierKey.parse(text) for text in told["log_vkeys"]]
    address = f"{listed[0].url}/{sha256(keys[0].name.encode()).hexdigest()}/checkpoint"
    deadline = time.monotonic() + 30
    while not answers_at(address):
        assert time.monotonic() < deadline, running.output[-2000:]
        time.sleep(0.1)
    with urllib.request.urlopen(address, timeout=5) as answer:
        opened = open_note(answer.read().decode(), [*keys, listed[0].vkey], strict=True)
    assert opened.checkpoint.size > 0 and len(opened.cosignatures) == 1


def a_second_run_on_the_same_data_is_refused(running: RunningConsole) -> None:
    port = str(free_ports(1)[0])
    command = [sys.executable, "console.py", "run", "--data", str(running.data), "--port", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "Another console already runs" in done.stdout
    the_run_file_is_private_and_complete(running)


def operators_commands_work_on_it(running: RunningConsole) -> None:
    """With the demonstration's own settings and keys, and nothing of the shell's they are typed in."""
    secret = (running.data / "keys" / "session-secret").read_text()
    assert secret not in (running.data / "run.json").read_text("utf-8")
    foreign = {"CSOC_ENV": "production", "CSOC_OWNER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}
    for words in (
        ["audit_verify"],
        ["audit_key", "show"],
        ["audit_fsck"],
        ["--as", "owner", "audit_key", "show"],
    ):
        command = [sys.executable, "console.py", "manage", "--data", str(running.data), *words]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | foreign, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        if words[-1] == "show":
            assert running.info["audit"]["log_vkeys"][0].split("+")[1] in done.stdout


def a_killed_process_comes_back(running: RunningConsole) -> None:
    before = running.info["pids"]["worker"]
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while running.info["pids"]["worker"] == before:
        assert time.monotonic() < deadline, running.output[-2000:]
        time.sleep(0.1)
    assert "worker was killed by SIGKILL; starting it again" in running.output


def processes_that_mention(data: Path) -> list[str]:
    """Every process, not ours, that names the directory in its command, environment or working folder."""
    needle, found = str(data).encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        try:
            texts = [(entry / name).read_bytes() for name in ("cmdline", "environ")]
            texts.append(os.fsencode((entry / "cwd").readlink()))
        except OSError:
            continue
        if any(needle in text for text in texts):
            found.append(f"{entry.name} {texts[0]!r}")
    return found
