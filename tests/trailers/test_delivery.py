"""The switchboard of the command channels: what it does with lines, whatever the moment."""

import asyncio

import pytest

from csoc.lib import realtime
from trailers import delivery
from trailers.delivery import Facts, Line, Switchboard


def test_a_replaced_line_is_counted_though_it_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its successor is greeted but has not joined yet: the last line that leaves ends the looking itself."""
    told: list[str] = []
    facts = Facts(
        channel="newer", desired_version=1, hotlist_min_version=0, key_fault="", waiting=False
    )  # fmt: skip
    # No message is needed here; and a subscription that is cancelled while it is made swallows that.
    monkeypatch.setattr(realtime.Hub, "join", lambda hub, listener: None)
    monkeypatch.setattr(delivery, "_read", lambda lines: {(7, "TRL-0007:1"): facts})
    monkeypatch.setattr(delivery, "_two_places", lambda trailer_id: told.append(f"counted {trailer_id}"))

    async def story() -> None:
        board, left = Switchboard(), asyncio.Event()

        async def hang_up(code: str) -> None:
            told.append(code)
            board.leave("older")
            left.set()

        async def send(message: object) -> None:
            raise AssertionError(message)

        board.join(
            Line(
                name="older", trailer_id=7, number=7, keyid="TRL-0007:1", send=send, hang_up=hang_up,
                desired_version=1, hotlist_min_version=0,
            )
        )  # fmt: skip
        async with asyncio.timeout(10):
            await left.wait()
            while len(told) < 2:
                await asyncio.sleep(0.01)

    asyncio.run(story())
    assert told == ["counted 7", "replaced"]
