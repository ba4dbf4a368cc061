"""UDP stays inside its range, and a full house says so before a token is spent."""

from __future__ import annotations

import re
import socket

import pytest

from live.gateway.settings import BadSettings, from_environment
from tests.live_gateway.harness import Viewer, running_gateway, until


def free_range(size: int) -> int:
    """The first of `size` neighbouring UDP ports nobody has."""
    for first in range(43_100, 60_000, size):
        sockets = []
        try:
            for port in range(first, first + size):
                sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sockets[-1].bind(("127.0.0.1", port))
        except OSError:
            continue
        else:
            return first
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free UDP ports")


async def test_media_ports_come_from_the_range_and_a_full_house_is_503() -> None:
    first = free_range(2)
    async with running_gateway(udp_from=first, udp_to=first + 1) as gateway:
        # The test's own viewers share this loop and would take ports of the range.
        viewers = [Viewer().without_ports() for _ in range(3)]
        offers = [await viewer.offer() for viewer in viewers]
        for text in offers[:2]:
            answer, sdp = await gateway.post("whep", text, "token-read")
            assert answer.status == 201
            ports = {int(port) for port in re.findall(r"a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) ", sdp)}
            assert ports and ports <= {first, first + 1}
            assert "typ srflx" not in sdp
        asked = len(gateway.console.asked)
        answer, _ = await gateway.post("whep", offers[2], "token-read")
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        assert len(gateway.console.asked) == asked, "a full gateway must not spend a single-use token"
        session_id = (await gateway.listed())[0]["id"]
        assert await gateway.kick(session_id) == 200
        await until(lambda: not gateway.registry._closing, 3)
        answer, _ = await gateway.post("whep", offers[2], "token-read")
        assert answer.status == 201
        for viewer in viewers:
            await viewer.close()


async def test_ports_taken_by_somebody_else_are_a_503_too() -> None:
    first = free_range(1)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", first))
    try:
        async with running_gateway(udp_from=first, udp_to=first) as gateway:
            viewer = Viewer().without_ports()
            answer, _ = await gateway.post("whep", await viewer.offer(), "token-read")
            assert answer.status == 503
            assert await gateway.listed() == []
            await viewer.close()
    finally:
        taken.close()


GOOD = {
    "CSOC_GATEWAY_SECRET": "0123456789abcdef0123456789abcdef",
    "CSOC_PUBLIC_URL": "http://127.0.0.1:8000/",
}


def test_settings_from_the_environment() -> None:
    settings = from_environment(GOOD, port=1, udp_from=42_000, udp_to=42_009)
    assert settings.auth_url == "http://127.0.0.1:8000/internal/media/auth/"
    assert settings.lease_url == "http://127.0.0.1:8000/internal/media/lease/"
    assert settings.max_sessions == 10
    assert settings.addresses == ("127.0.0.1",)
    more = from_environment(
        {**GOOD, "CSOC_AUTH_HOOK": "http://x/a", "CSOC_GATEWAY_ADDRESSES": "10.0.0.1, 10.0.0.2"}, port=1
    )
    assert more.auth_url == "http://x/a"
    assert more.addresses == ("10.0.0.1", "10.0.0.2")


@pytest.mark.parametrize(
    ("env", "udp"),
    [
        ({}, (0, 0)),
        ({**GOOD, "CSOC_GATEWAY_SECRET": "short"}, (0, 0)),
        ({"CSOC_GATEWAY_SECRET": GOOD["CSOC_GATEWAY_SECRET"]}, (0, 0)),
        (GOOD, (42_000, 0)),
        (GOOD, (42_000, 41_000)),
        (GOOD, (65_000, 70_000)),
    ],
)
def test_settings_that_would_not_work_are_refused(env: dict[str, str], udp: tuple[int, int]) -> None:
    with pytest.raises(BadSettings):
        from_environment(env, port=1, udp_from=udp[0], udp_to=udp[1])
