"""Keys: made once, prepared for the witnesses, rotated by an entry that both sign; safe in any crash."""

import io
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from audit import serving
from audit.halt import Halt
from audit.head import Head
from audit.logkeys import LogKeys
from audit.orders import Orders
from audit.sequencer import Sequencer
from tests.audit.conftest import ORIGIN, in_office
from tests.audit.logs import Crash, check_log, crash_after, entries, signers, write
from tests.servers import TestServers

Connect = Callable[[str], psycopg.Connection[Any]]
New = Callable[..., Sequencer]


@pytest.fixture
def old(connect_as: Connect, new_sequencer: New, log_keys: LogKeys) -> str:
    """The verifier key of a log of 6 lines, whose next key is prepared and whose rotation is ordered."""
    sequencer = in_office(new_sequencer())
    write(connect_as("csoc_app"), 5)
    sequencer.step()
    sequencer.connection.close()
    log_keys.prepare()
    Orders(log_keys.folder).ask_rotation()
    return str(log_keys.vkey)


def check_rotated(app: psycopg.Connection[Any], keys: LogKeys, old: str, new: str) -> None:
    """One line names the new key; the first note over it has both signatures, later ones the new alone."""
    lines = entries(app)
    (place,) = [index for index, entry in enumerate(lines) if entry["verb"] == "log.rotate"]
    assert lines[place]["vkey"] == new == str(keys.vkey) and keys.next_vkey is None
    notes = app.execute("SELECT size, note FROM audit_checkpoint ORDER BY size").fetchall()
    both = [size for size, note in notes if len(signers(note, [old, new])) == 2]
    assert both == [place + 1]
    assert all(signers(note, [old]) for size, note in notes if size <= place + 1)
    assert all(signers(note, [new]) for size, note in notes if size >= place + 1)
    rows = app.execute("SELECT generation, n, vkey, from_size FROM audit_log_key ORDER BY n").fetchall()
    assert rows == [(1, 1, old, 0), (1, 2, new, place + 1)]
    assert not Orders(keys.folder).rotation.exists()
    check_log(app)


@pytest.mark.parametrize("crash", ["", "rotation-line", "signed", "headed", "kept", "advanced"])
def test_a_rotation_is_safe_in_every_crash(
    connect_as: Connect, new_sequencer: New, log_keys: LogKeys, old: str, crash: str
) -> None:
    app, new = connect_as("csoc_app"), str(log_keys.next_vkey)
    sequencer = in_office(new_sequencer(crash_after(crash)))
    write(app, 2)
    if crash:
        with pytest.raises(Crash):
            sequencer.step()
        sequencer = in_office(new_sequencer())
    sequencer.step()
    write(app, 2)
    sequencer.step()
    check_rotated(app, log_keys, old, new)


def test_a_crash_before_the_line_commits_leaves_the_order(
    connect_as: Connect, new_sequencer: New, log_keys: LogKeys, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, new = connect_as("csoc_app"), str(log_keys.next_vkey)
    sequencer = in_office(new_sequencer())

    def crash(*args: Any) -> None:
        raise Crash

    monkeypatch.setattr(sequencer, "_keep_key", crash)
    with pytest.raises(Crash):
        sequencer.step()
    assert "log.rotate" not in {entry["verb"] for entry in entries(app)}
    successor = in_office(new_sequencer())
    successor.step()
    check_rotated(app, log_keys, old, new)


def test_an_order_without_a_prepared_key_changes_nothing(
    connect_as: Connect, new_sequencer: New, log_keys: LogKeys, old: str
) -> None:
    (log_keys.folder / "next.key").unlink()
    sequencer = in_office(new_sequencer())
    write(connect_as("csoc_app"), 1)
    sequencer.step()
    assert str(log_keys.vkey) == old and not Orders(log_keys.folder).rotation.exists()
    check_log(connect_as("csoc_app"))


def test_the_old_key_is_of_no_use_after_a_rotation(
    new_sequencer: New, log_keys: LogKeys, log_head: Head, old: str
) -> None:
    before = (log_keys.folder / "current.key").read_bytes()
    sequencer = in_office(new_sequencer())
    sequencer.step()
    sequencer.connection.close()
    assert before not in [path.read_bytes() for path in log_keys.folder.iterdir()]
    (log_keys.folder / "current.key").write_bytes(before)
    with pytest.raises(Halt) as halt:
        in_office(new_sequencer())
    assert halt.value.code == "wrong-key"


def test_it_rotates_again_and_again(connect_as: Connect, new_sequencer: New, log_keys: LogKeys) -> None:
    sequencer, app = new_sequencer(), connect_as("csoc_app")
    in_office(sequencer)
    used = [str(log_keys.vkey)]
    for _time in range(3):
        used.append(str(log_keys.prepare()))
        Orders(log_keys.folder).ask_rotation()
        write(app, 1)
        sequencer.step()
    rows = app.execute("SELECT n, vkey FROM audit_log_key ORDER BY n").fetchall()
    assert rows == [(n, vkey) for n, vkey in enumerate(used, 1)]
    check_log(app)


def test_the_keys_are_private_files_made_once(tmp_path: Path) -> None:
    keys = LogKeys(tmp_path / "audit-log", ORIGIN)
    assert not keys.exist
    keys.create()
    vkey = keys.vkey
    keys.create()
    assert keys.prepare() == keys.prepare() != vkey == LogKeys(keys.folder, ORIGIN).vkey
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    keys.begin_generation(3)
    assert (keys.origin, keys.vkey.name) == (f"{ORIGIN}/3", f"{ORIGIN}/3")
    assert keys.vkey.public == vkey.public and keys.vkey != vkey


def test_a_key_that_vanishes_is_missing_and_never_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = LogKeys(tmp_path / "audit-log", ORIGIN)
    keys.create()
    keys.prepare()
    for name in ("current.key", "next.key"):
        (keys.folder / name).unlink()
    told, asked = Path.exists, set()

    def there_a_moment_ago(path: Path) -> bool:
        first = path not in asked
        asked.add(path)
        return first or told(path)

    monkeypatch.setattr(Path, "exists", there_a_moment_ago)
    for read in ("vkey", "next_vkey"):
        with pytest.raises(Halt) as halt:
            getattr(keys, read)
        assert halt.value.code == "key-missing"
    assert [path.name for path in keys.folder.iterdir()] == ["unsigned"]


def test_the_command_prepares_and_the_running_sequencer_rotates(
    servers: TestServers,
    own_database: str,
    connect_as: Connect,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DATA_DIR, settings.AUDIT_HEAD_DIR = tmp_path, tmp_path / "head"
    keys, app = serving.keys(), connect_as("csoc_app")

    def run(word: str) -> str:
        told = io.StringIO()
        call_command("audit_key", word, stdout=told)
        return told.getvalue()

    with pytest.raises(CommandError, match="not in the key folder"):
        run("prepare")
    stop = threading.Event()
    process = threading.Thread(
        target=serving.run,
        args=(lambda: psycopg.connect(servers.url("csoc_sequencer", own_database)), stop.is_set),
    )
    monkeypatch.setattr("audit.management.commands.audit_key.WAIT_S", 0.2)
    process.start()
    try:
        while not app.execute("SELECT 1 FROM audit_checkpoint").fetchone():
            assert process.is_alive()
            stop.wait(0.02)
        old = str(keys.vkey)
        assert run("show").split() == ["current", old]
        with pytest.raises(CommandError, match="audit_key prepare"):
            run("rotate")
        new = run("prepare").splitlines()[-1]
        assert new == str(keys.next_vkey) and f"next     {new}" in run("show")
        monkeypatch.setattr("audit.management.commands.audit_key.WAIT_S", 30)
        assert run("rotate").splitlines()[-1] == new
    finally:
        stop.set()
        process.join(20)
    check_rotated(app, keys, old, new)
    keys.prepare()
    monkeypatch.setattr("audit.management.commands.audit_key.WAIT_S", 0.2)
    with pytest.raises(CommandError, match="The order stands"):
        run("rotate")
