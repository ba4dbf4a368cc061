"""Store and forward: encrypted, in order, bounded, there after a restart, gone after a purge."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.buffer import KEPT, Buffer
from agent.media import MediaStore, clip
from agent.store import Store
from agent.trailer import TrailerAgent
from tests.agent.parts import GUNSHOT, pair, running, until

AT = datetime(2026, 4, 27, 23, 14, 7, tzinfo=UTC)


def opened(path: Path, limit: int = 100, trailer: str = "TRL-0007") -> Buffer:
    return Buffer(Store(path), path, trailer, limit=limit)


def add(buffer: Buffer, kind: str = "gunshot", secret: str = "x") -> str:
    alert_id = str(uuid.uuid4())
    buffer.add(kind, alert_id, AT, lambda seq: {"seq": seq, "kind": kind, "plate": secret})
    return alert_id


def test_what_waits_is_unreadable_on_disk(tmp_path):
    buffer = opened(tmp_path)
    add(buffer, secret="CABC123")
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"CABC123" not in on_disk and b"gunshot" not in on_disk
    assert buffer.waiting()[0].body["plate"] == "CABC123"


def test_only_the_owner_may_read_the_files(tmp_path):
    add(opened(tmp_path))
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_restart_keeps_what_waits_and_the_number(tmp_path):
    first = opened(tmp_path)
    ids = [add(first), add(first)]
    first.store.close()
    second = opened(tmp_path)
    assert [entry.id for entry in second.waiting()] == ids
    for alert_id in ids:
        second.remove(alert_id)
    add(second)
    assert [entry.seq for entry in second.waiting()] == [3]


def test_gunshots_go_before_plates_and_older_before_newer(tmp_path):
    buffer = opened(tmp_path)
    for kind in ("alpr_hit", "gunshot", "alpr_hit", "gunshot"):
        add(buffer, kind)
    assert [entry.seq for entry in buffer.waiting()] == [2, 4, 1, 3]


def test_a_full_buffer_gives_up_old_plates_first_and_says_so(tmp_path):
    buffer = opened(tmp_path, limit=3)
    for kind in ("gunshot", "alpr_hit", "alpr_hit", "gunshot", "gunshot", "gunshot"):
        add(buffer, kind)
    assert [entry.seq for entry in buffer.waiting()] == [4, 5, 6]
    assert buffer.dropped == 3


def test_a_purge_leaves_nothing_but_the_number(tmp_path):
    buffer = opened(tmp_path)
    alert_id = add(buffer, secret="CABC123")
    old_key = (tmp_path / "buffer.key").read_bytes()
    assert buffer.purge() == 1
    assert len(buffer) == 0 and not buffer.raised(alert_id)
    assert (tmp_path / "buffer.key").read_bytes() != old_key
    add(buffer)
    assert [entry.seq for entry in buffer.waiting()] == [2]


def test_a_number_is_not_spent_when_the_alert_could_not_be_kept(tmp_path):
    buffer = opened(tmp_path)
    with pytest.raises(ValueError):
        buffer.add("gunshot", "a", AT, lambda seq: {"confidence": float("nan")})
    add(buffer)
    assert [entry.seq for entry in buffer.waiting()] == [1]


def test_an_entry_moved_to_another_place_is_not_believed(tmp_path):
    buffer = opened(tmp_path)
    add(buffer)
    buffer.store.db.execute("UPDATE buffered SET seq = 9")
    assert buffer.waiting() == [] and buffer.dropped == 1 and len(buffer) == 0


def test_a_lost_key_loses_the_alerts_and_nothing_else(tmp_path):
    add(opened(tmp_path))
    (tmp_path / "buffer.key").unlink()
    buffer = opened(tmp_path)
    assert buffer.waiting() == []
    add(buffer)
    assert [entry.seq for entry in buffer.waiting()] == [2]


def test_it_knows_its_own_alerts_for_48_hours(tmp_path):
    buffer = opened(tmp_path)
    mine = add(buffer)
    buffer.remove(mine)
    assert buffer.raised(mine) and not buffer.raised(str(uuid.uuid4()))
    later = AT.replace(day=29, hour=23, minute=15)
    buffer.add("gunshot", "later", later, lambda seq: {})
    assert not buffer.raised(mine) and buffer.raised("later")


def test_numbers_are_counted_per_trailer(tmp_path):
    add(opened(tmp_path))
    other = opened(tmp_path, trailer="TRL-0008")
    other.purge()
    add(other)
    assert [entry.seq for entry in other.waiting()] == [1]


def test_what_was_captured_47_hours_ago_is_destroyed_and_counted(tmp_path):
    buffer = opened(tmp_path)
    shot, data = clip(b"RIFF-of-a-shot" * 20, 16_000), lambda seq: {"seq": seq}
    buffer.add("gunshot", "old", AT, data, media=shot)
    buffer.add("gunshot", "sent", AT, data, media=shot)
    buffer.remove("sent")
    buffer.store.db.execute("UPDATE media SET until = ? WHERE alert = 'sent'", (AT.timestamp() + 900,))
    buffer.add("gunshot", "young", AT + timedelta(minutes=1), data, media=shot)
    assert buffer.expire(AT + timedelta(minutes=14)) == 0 and len(MediaStore(buffer)) == 3
    assert buffer.expire(AT + timedelta(minutes=15)) == 0
    assert len(MediaStore(buffer)) == 2, "a clip that nobody will take any more"
    assert buffer.expire(AT + KEPT) == 1
    assert [entry.id for entry in buffer.waiting()] == ["young"]
    assert (len(MediaStore(buffer)), buffer.dropped) == (1, 1)
    assert buffer.expire(AT + KEPT) == 0 and buffer.dropped == 1


async def test_without_a_link_for_two_days_nothing_of_an_alert_is_left(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("agent.trailer.KEEP_TIME_S", 0.1)
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + timedelta(days=5))
    await console.up()
    agent = make()
    await agent.fetch_desired()
    await console.down()
    shot = clip(b"RIFF-of-a-shot" * 20, 16_000)
    async with running(agent):
        agent.report("gunshot", GUNSHOT, shot)
        await asyncio.sleep(0.6)
        assert len(agent.buffer) == 1
        agent.clock.offset = KEPT
        await until(lambda: not len(agent.buffer))
        assert len(agent.sender.media.store) == 0 and "1 alert(s) dropped" in caplog.text
        agent.figures.measure()
        assert agent.figures.points.waiting()[-1]["health"]["dropped"] == 1, "a technician reads it"
        agent.report("gunshot", GUNSHOT, shot)
    agent.config.clock.offset = 2 * KEPT
    again = TrailerAgent(agent.config)
    assert (len(again.buffer), len(again.sender.media.store)) == (0, 0), "nor after a start"
    again.store.close()


def test_a_file_of_before_learns_when_its_alerts_were_captured(tmp_path):
    buffer = opened(tmp_path)
    for alert in ("known", "unknown"):
        buffer.add(
            "gunshot", alert, AT, lambda seq: {}, raised=alert == "known", media=clip(b"RIFF" * 20, 16_000)
        )
    for table in ("buffered", "media"):
        buffer.store.db.execute(f"ALTER TABLE {table} DROP COLUMN at")
    buffer.store.close()
    again = opened(tmp_path)
    assert again.expire(AT) == 1
    assert [entry.id for entry in again.waiting()] == ["known"] and len(MediaStore(again)) == 1
    assert again.expire(AT + KEPT) == 1
