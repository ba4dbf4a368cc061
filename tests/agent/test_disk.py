"""A full disk at the trailer: nothing ends but what has to, no restart is wider, and it is told."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent import disk
from agent.buffer import KEPT, KEY_KEPT, Buffer
from agent.media import clip
from agent.permit import Permit
from agent.ports import PlateRead
from agent.store import Store
from agent.trailer import TrailerAgent
from tests.agent.lists import listed
from tests.agent.parts import GUNSHOT, until
from tests.agent.test_standing import DEPLOYED, OFF
from tests.agent.test_trailer import SOON, deployed

AT = datetime(2026, 4, 27, 23, 14, 7, tzinfo=UTC)
WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


class FullDisk:
    """Lets no row be written or deleted and no file be finished while it is ``full``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._finish)
        monkeypatch.setattr(disk, "RETRY_S", 0.05)
        monkeypatch.setattr("agent.trailer.KEEP_TIME_S", 0.1)

    def fill(self, store: Store) -> None:
        self.full = True
        store.db.set_authorizer(self._row)

    def clear(self, store: Store) -> None:
        self.full = False
        store.db.set_authorizer(None)

    def _row(self, action: int, *_what: Any) -> int:
        return sqlite3.SQLITE_DENY if self.full and action in WRITES else sqlite3.SQLITE_OK

    def _finish(self, number: int) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        self._fsync(number)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def restarted(agent: TrailerAgent) -> Permit:
    """What another run of the agent would find."""
    return Permit("TRL-0007", agent.store, agent.config.state_dir, agent.clock)


async def test_a_narrower_state_counts_and_the_wider_one_is_not_found_by_a_restart(tmp_path, room):
    async with deployed(tmp_path) as (console, agent):
        assert restarted(agent).on("alpr")
        room.fill(agent.store)
        console.deploy(datetime.now(UTC) + SOON, version=2)
        console.desired["modules"]["alpr"] = False
        await console.socket.send('{"t":"desired-changed"}')
        await until(lambda: not agent.sensing("alpr_hit"))
        assert agent.sensing("gunshot"), "what stays authorised goes on"
        await until(lambda: "disk" in agent.status()["faults"])
        assert not restarted(agent).deployed()
        room.clear(agent.store)
        await agent.fetch_desired()
        kept = restarted(agent)
        assert kept.on("acoustic") and not kept.on("alpr"), "kept as soon as there is room"


async def test_an_end_counts_and_what_waits_can_be_read_no_more(tmp_path, room):
    async with deployed(tmp_path) as (console, agent):
        await console.down()
        agent.report("gunshot", GUNSHOT, clip(b"RIFF" * 20, 16_000))
        key, sealed = agent.buffer._key, agent.store.db.execute("SELECT sealed FROM media").fetchone()[0]
        assert (agent.config.state_dir / "buffer.key").read_bytes() == key
        console.script = [(503, None)] * 99
        await console.up()
        await until(lambda: agent.connected)
        console.undeploy(2)
        room.fill(agent.store)
        await agent.fetch_desired()
        await until(lambda: agent.modules() == OFF)
        assert agent.store.db.execute("SELECT sealed FROM media").fetchone()[0] == sealed, "no room to delete"
        for path in agent.config.state_dir.iterdir():
            assert key not in path.read_bytes()
        assert not restarted(agent).deployed()
        await asyncio.sleep(0.7)
        assert agent.modules() == OFF and agent.connected and "disk" in agent.status()["faults"]


@pytest.mark.parametrize("name", ["module.off", "deactivate"])
async def test_a_command_that_ends_needs_no_room(tmp_path, room, name):
    async with deployed(tmp_path) as (console, agent):
        room.fill(agent.store)
        console.desired_script = [(503, None)] * 99
        args = {"module": "acoustic"} if name == "module.off" else {"wipe": True}
        assert (await console.tell(console.command(name, args=args)))[-1]["status"] == "done"
        assert not agent.sensing("gunshot") and not restarted(agent).deployed()
        assert "disk" in agent.faults


async def test_the_term_ends_and_alerts_are_told_as_lost_while_the_disk_is_full(tmp_path, room):
    async with deployed(tmp_path) as (_, agent):
        room.fill(agent.store)
        await until(lambda: "disk" in agent.faults)
        assert agent.modules() == DEPLOYED and agent.connected
        agent.faults.clear()
        with pytest.raises(sqlite3.Error):
            agent.report("gunshot", GUNSHOT)
        assert "disk" in agent.faults
        agent.clock.offset = SOON
        await until(lambda: agent._said and agent._said[0] == OFF)


async def test_a_disk_that_fills_while_an_alert_is_sent_ends_nothing(tmp_path, room):
    async with deployed(tmp_path) as (console, agent):
        take = console._take

        def fills(body: Any) -> Any:
            room.fill(agent.store)
            return take(body)

        console._take = fills
        entry = agent.report("gunshot", GUNSHOT)
        await until(lambda: len(console.posts()) > 1)
        console._take = take
        room.clear(agent.store)
        await until(lambda: not len(agent.buffer))
        assert list(console.alerts) == [entry.id] and agent.connected


async def test_a_list_that_no_disk_keeps_counts_and_leaves_no_older_one(tmp_path, room):
    async with deployed(tmp_path) as (console, agent):
        console.lists = [listed(1, ("e-1", "ZZDEM01", "CA-ON", "stolen_vehicle"))]
        agent.keeper.wake()
        await until(lambda: agent.plates.version == 1)
        await until((agent.config.state_dir / "hotlist.key").exists)
        room.fill(agent.store)
        console.lists = [listed(2, ("e-2", "ZZDEM02", "CA-ON", "stolen_vehicle"))]
        agent.keeper.wake()
        await until(lambda: agent.plates.version == 2)
        await until(lambda: not list(agent.config.state_dir.glob("hotlist.*")))
        assert "disk" in agent.faults and agent.connected
        now = agent.clock.now()
        assert agent.plates.match("ZZDEM01", "CA-ON", now) is None
        assert agent.plates.match("ZZDEM02", "CA-ON", now) is not None
        agent.faults.clear()
        await agent.on_read(PlateRead("ZZDEM02", "CA-ON", 0.9))
        assert "disk" in agent.faults, "a hit that is lost is told"


def test_when_nothing_can_be_deleted_the_key_goes_before_48_hours(tmp_path: Path, room: FullDisk) -> None:
    buffer = Buffer(Store(tmp_path), tmp_path, "TRL-0007")
    buffer.add("alpr_hit", "a", AT, lambda seq: {"plate": "CABC123"})
    room.fill(buffer.store)
    with pytest.raises(sqlite3.Error):
        buffer.expire(AT + KEPT)
    assert buffer.waiting() and (tmp_path / "buffer.key").exists()
    with pytest.raises(sqlite3.Error):
        buffer.expire(AT + KEY_KEPT)
    assert not (tmp_path / "buffer.key").exists() and timedelta(hours=48) > KEY_KEPT
    room.clear(buffer.store)
    assert buffer.waiting() == [] and buffer.dropped == 1
    buffer.add("alpr_hit", "b", AT, lambda seq: {"plate": "CABC123"})
    assert len(Buffer(Store(tmp_path), tmp_path, "TRL-0007").waiting()) == 1, "the next key is kept first"


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.db.execute(f"PRAGMA max_page_count = {store.db.execute('PRAGMA page_count').fetchone()[0]}")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="full"), store.transaction() as db:
            db.execute("INSERT INTO media VALUES ('a', 'clip', NULL, ?, 0)", (bytes(500_000),))
    store.db.execute("PRAGMA max_page_count = 100000")
    with store.transaction():
        store.set_counter("a", 1)
    assert store.counter("a") == 1
