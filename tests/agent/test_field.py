"""Ten minutes without a link, against the real console: 200 alerts and kills, none lost, none twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from tests.agent.field import AWAY_S
from tests.agent.link import Link
from tests.contract.place import Place
from tests.running import ROOT

COUNT = 200
#: The link comes back six minutes after the last of them: then even that one is late.
BACK_S = AWAY_S + 360


class Process:
    """An agent in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, setup: dict[str, Any], **changes: Any) -> Process:
        """Start one and wait until it is ready."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.agent.field", json.dumps(setup | changes), cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**20,
        )  # fmt: skip
        one = cls(process)
        assert await one.heard() == "ready"
        return one

    async def heard(self) -> Any:
        async with asyncio.timeout(60):
            return json.loads(await self.process.stdout.readline())

    async def ask(self, line: str) -> Any:
        self.process.stdin.write(f"{line}\n".encode())
        return await self.heard()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


def setup_of(place: Place, link: Link, state: Path) -> dict[str, Any]:
    """The scene's trailer, as its own process needs it."""
    from trailers import consolekey

    scene = place.scene
    pem = state.with_suffix(".pem")
    pem.write_bytes(
        scene.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {
        "trailer": scene.trailer.name, "keyid": scene.key.keyid, "private_key_file": str(pem),
        "console_keys": consolekey.public_keys(), "url": link.url, "authority": place.authority,
        "state": str(state), "lat": scene.deployment.lat, "lon": scene.deployment.lon, "ahead_s": 0.0,
        "offline": False,
    }  # fmt: skip


def rows(place: Place, ids: list[str]) -> list[tuple[Any, ...]]:
    """What the console keeps of these alerts, in the order in which it took them."""
    return place.sql(
        "SELECT id::text, seq, late, occurred_at, received_at FROM alerts_alert "
        "WHERE id = ANY(%s::uuid[]) ORDER BY received_at, seq",
        [ids],
    )


async def sent(link: Link, goal: int) -> None:
    """Wait until so many bytes went to the console."""
    async with asyncio.timeout(60):
        while link.sent < goal:
            await asyncio.sleep(0.002)


async def test_ten_minutes_without_a_link_and_kills_in_between_lose_and_double_nothing(
    place: Place, tmp_path: Path, clock: Any
) -> None:
    link = Link(place.url)
    await link.up()
    setup = setup_of(place, link, tmp_path / "state")
    first = await Process.start(setup)
    await link.down()
    ids = await first.ask(f"report {COUNT}")
    await first.kill()
    assert len(set(ids)) == COUNT and rows(place, ids) == []

    clock.shift(BACK_S)
    setup |= {"ahead_s": BACK_S, "offline": True}
    second = await Process.start(setup)
    before = link.sent
    await link.up()
    # The first hundred are on their way or taken, and their answer is never heard.
    await sent(link, before + 30_000)
    await second.kill()
    third = await Process.start(setup)
    await sent(link, link.sent + 10_000)
    place.process.kill()
    place.process.wait(10)
    await asyncio.to_thread(place._start)
    async with asyncio.timeout(120):
        while len(kept := rows(place, ids)) < COUNT:
            await asyncio.sleep(0.2)
    await third.kill()
    await link.down()

    assert [alert for alert, *_ in kept] == ids, "once each, in the order in which they happened"
    assert [seq for _, seq, *_ in kept] == list(range(kept[0][1], kept[0][1] + COUNT))
    assert all(late for _, _, late, *_ in kept)
    happened = [occurred for *_, occurred, _ in kept]
    assert happened == sorted(happened) and (happened[-1] - happened[0]).total_seconds() > 590
    entered = [entry["object"]["id"] for entry in place.entries("alert.receive")]
    assert [alert for alert in entered if alert in set(ids)] == ids, "one entry each"
