"""A maker's plate reader beside a running agent: a hit is a signed alert, anything else leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.adapters import receiver
from agent.adapters.receiver import Listening
from agent.clock import parse, wire
from agent.permit import SensorsOff
from agent.ports import PlateRead
from agent.signing import b64url, public_bytes
from agent.trailer import TrailerAgent
from tests.agent.console import Console
from tests.agent.lists import listed
from tests.agent.parts import pair, running, until, write_key
from tests.agent.test_trailer import SOON

ROOT = Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef"
LISTED = listed(7, ("e-1", "ZZDEM01", "CA-ON", "stolen_vehicle"))
HIT, OTHER = "ZZDEM01", "ZZELSE9"


def payload(plate: str) -> dict[str, Any]:
    """What this maker posts for a plate that was read just now; the second half has no place in an alert."""
    now = datetime.now(UTC).timestamp()
    return {
        "webhook_type": "lpr", "org_id": "MARKER", "webhook_id": "MARKER",
        "data": {
            "camera_id": "gate-1", "created": int(now), "detected": int(now * 1000), "confidence": 0.963,
            "license_plate_number": plate, "license_plate_state": "ca-on", "image_url": "MARKER",
        },
    }  # fmt: skip


@contextlib.asynccontextmanager
async def yard(tmp_path: Path, port: int = 0) -> AsyncIterator[tuple[Console, TrailerAgent]]:
    """A deployed agent with the list, beside which one maker's reader may hand in."""
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    console.lists = [LISTED]
    await console.up()
    config = make_once(make)
    config.readers = Listening("127.0.0.1", port, {"verkada": SECRET})
    agent = TrailerAgent(config)
    async with running(agent):
        await until(lambda: agent.connected and agent.plates.version == 7)
        yield console, agent
    await console.down()


def make_once(make: Any) -> Any:
    """The settings of an agent that is made for them alone."""
    first = make()
    first.store.close()
    return first.config


async def post(place: tuple[str, int] | None, plate: str, secret: str = SECRET) -> httpx.Response:
    assert place is not None
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.post(
            f"http://{place[0]}:{place[1]}/verkada", json=payload(plate), headers={"X-API-Key": secret}
        )


def kept(agent: TrailerAgent) -> dict[str, list[Any]]:
    """Every row that the agent has on disk, but for the time reached and its own figures."""
    names = [row[0] for row in agent.store.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {name: agent.store.db.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    rows.pop("point")
    rows["counter"] = [row for row in rows["counter"] if not row[0].startswith(("time:", "point:"))]
    return rows


async def test_a_hit_is_a_signed_alert_with_what_the_contract_has_a_place_for(tmp_path):
    async with yard(tmp_path) as (console, agent):
        assert agent.receiver is not None
        await until(lambda: agent.receiver.heard_at)
        answer = await post(agent.receiver.heard_at, HIT)
        assert (answer.status_code, answer.json()) == (200, {"reads": 1})
        await until(lambda: console.alerts)
        [alert] = console.alerts.values()
        assert (alert["kind"], alert["deployment"], alert["seq"]) == ("alpr_hit", "DEP-2026-0001", 1)
        assert alert["alpr_hit"] == {
            "plate": HIT, "jurisdiction": "CA-ON", "confidence": 0.963, "match": "exact", "camera": "gate-1",
            "hotlist": {"list_id": "mto-on", "version": 7, "entry_id": "e-1"},
        }  # fmt: skip
        # The console of the tests looks at every signature, and answers nothing that is not the device's.
        assert "MARKER" not in json.dumps(console.requests)


async def test_what_stands_on_no_entry_leaves_nothing_anywhere(tmp_path, caplog):
    caplog.set_level("DEBUG")
    async with yard(tmp_path) as (console, agent):
        await until(lambda: agent.receiver.heard_at)
        before, files = kept(agent), sorted(path.name for path in (tmp_path / "state").iterdir())
        caplog.clear()
        for plate, secret, status in ((OTHER, SECRET, 200), (HIT, SECRET[::-1], 401), ("?", SECRET, 200)):
            assert (await post(agent.receiver.heard_at, plate, secret)).status_code == status
        assert kept(agent) == before and console.posts() == [] and agent.buffer.waiting() == []
        assert sorted(path.name for path in (tmp_path / "state").iterdir()) == files
        assert (await post(agent.receiver.heard_at, HIT)).json() == {"reads": 1}
        await until(lambda: console.alerts)
        assert [alert["seq"] for alert in console.alerts.values()] == [1], "and takes no number"
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("agent")]
    assert not any(word in line for line in ours for word in (OTHER, HIT, "MARKER", SECRET))
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or not any(word.encode() in path.read_bytes() for word in (OTHER, "MARKER"))


async def test_without_a_deployment_a_hit_is_thrown_away_too(tmp_path):
    async with yard(tmp_path) as (console, agent):
        await until(lambda: agent.receiver.heard_at)
        console.undeploy(2)
        await agent.fetch_desired()
        assert (await post(agent.receiver.heard_at, HIT)).json() == {"reads": 0}
        assert agent.buffer.waiting() == [] and console.posts() == []


def read_at(moment: datetime | None) -> PlateRead:
    return PlateRead(HIT, "CA-ON", 0.9, read_at=moment)


async def test_a_hit_happened_when_it_was_read_and_not_when_it_was_handed_in(tmp_path):
    async with yard(tmp_path) as (console, agent):
        since = agent.clock.monotonic
        agent.clock.monotonic = lambda: since() + 200
        for away_s, lies_s in ((120, 120), (-60, 0), (None, 0)):
            now = datetime.now(UTC)
            moment = now - timedelta(seconds=away_s) if away_s is not None else None
            await agent.on_read(read_at(moment))
            await until(lambda: console.alerts)
            [(alert_id, alert)] = console.alerts.items()
            assert abs((now - parse(alert["occurred_at"])).total_seconds() - lies_s) < 1
            kept = agent.store.db.execute("SELECT at FROM raised WHERE id = ?", (alert_id,)).fetchone()
            assert wire(datetime.fromtimestamp(kept[0], UTC)) == alert["occurred_at"], "its age begins then"
            console.alerts.clear()


async def test_a_plate_that_was_read_before_the_reader_was_on_is_gone(tmp_path):
    async with yard(tmp_path) as (console, agent):
        for moment in (datetime.now(UTC) - timedelta(minutes=2), datetime.now(UTC) - timedelta(hours=1)):
            await agent.on_read(read_at(moment))
        # Another deployment takes over: what was read under the one before is not its own.
        moment = datetime.now(UTC)
        await asyncio.sleep(0.01)
        console.deploy(datetime.now(UTC) + SOON, version=2, name="DEP-2026-0002")
        await agent.fetch_desired()
        await until(lambda: agent.plates.version == 7)
        await agent.on_read(read_at(moment))
        assert agent.buffer.waiting() == [] and console.posts() == []
        # A module that was off meanwhile was on since it came back.
        await agent._module_off("alpr")
        moment = datetime.now(UTC)
        await asyncio.sleep(0.01)
        console.deploy(datetime.now(UTC) + SOON, version=3, name="DEP-2026-0002")
        await agent.fetch_desired()
        await until(lambda: agent.plates.version == 7)
        await agent.on_read(read_at(moment))
        assert agent.buffer.waiting() == [] and console.posts() == []
        await agent.on_read(read_at(datetime.now(UTC)))
        await until(lambda: console.alerts)


def test_a_clock_that_is_set_moves_no_beginning(tmp_path):
    """An hour behind when it was switched on, then set: a plate of the hour before is not its own."""
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    agent = make()
    agent.clock.offset = -SOON
    agent.permit.take(console.desired)
    agent.clock.correct(wire(datetime.now(UTC)))
    agent.permit.demand("alpr_hit", datetime.now(UTC))
    with pytest.raises(SensorsOff):
        agent.permit.demand("alpr_hit", datetime.now(UTC) - timedelta(minutes=2))
    agent.store.close()


async def test_a_port_that_is_taken_is_a_fault_and_no_end_and_is_had_as_soon_as_it_is_free(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(receiver, "RETRY_S", 0.05)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with yard(tmp_path, port) as (console, agent):
            assert agent.status()["faults"] == ["reader-port"] and agent.sensing("gunshot")
            other.close()
            await until(lambda: agent.receiver.heard_at)
            assert agent.status()["faults"] == []
            assert (await post(("127.0.0.1", port), HIT)).status_code == 200
            await until(lambda: console.alerts)


async def test_the_end_of_the_agent_is_the_end_of_listening_also_for_a_reader_that_hangs(tmp_path):
    async with yard(tmp_path) as (_, agent):
        await until(lambda: agent.receiver.heard_at)
        host, port = agent.receiver.heard_at
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"POST /verkada?key={SECRET} HTTP/1.1\r\nContent-Length: 99\r\n\r\n{{".encode())
        await until(lambda: agent.receiver._open)
    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()
    with contextlib.suppress(ConnectionRefusedError):
        await asyncio.open_connection(host, port)
        raise AssertionError("it still listens")
    assert agent.receiver.heard_at is None


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_the_installed_command_listens_where_the_hardware_file_says_and_ends_with_it(tmp_path):
    key = write_key(tmp_path / "device.key")
    console = Console("TRL-0007", "TRL-0007:1", key.public_key())
    console.deploy(datetime.now(UTC) + SOON)
    console.lists = [LISTED]
    await console.up()
    identity = {
        "trailer": "TRL-0007", "keyid": "TRL-0007:1", "console_url": console.url,
        "authority": console.url.removeprefix("http://"),
        "console_keys": [{"kid": console.kid, "public_key": b64url(public_bytes(console.key))}],
    }  # fmt: skip
    (tmp_path / "identity.json").write_text(json.dumps(identity))
    secret, port = tmp_path / "verkada.secret", free_port()
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    hardware = tmp_path / "hardware.toml"
    hardware.write_text(f'[readers]\nport = {port}\nsecrets = {{ verkada = "{secret}" }}\n')
    words = ["-m", "agent", "--state", str(tmp_path), "run", "--hardware", str(hardware)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            while not console.alerts:
                with contextlib.suppress(httpx.TransportError):
                    await post(("127.0.0.1", port), OTHER)
                    await post(("127.0.0.1", port), HIT)
                await asyncio.sleep(0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, told
    assert {alert["alpr_hit"]["plate"] for alert in console.alerts.values()} == {HIT}
    assert f"verkada hand in at 127.0.0.1 port {port}".encode() in told
    assert not any(word.encode() in told for word in (HIT, OTHER, SECRET))
    await console.down()
