"""``/ws/live/``: what the console tells a screen, and that a screen may say only ``ping``."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.contract.place import ALERTS, Browser, Place
from tests.contract.test_console import ALERT_KEYS, SNAPSHOT, TRAILER_KEYS

Frame = dict[str, Any]


@contextlib.contextmanager
def screen(place: Place, cookie: str | None, origin: str | None = None) -> Iterator[ClientConnection]:
    headers = {"Cookie": cookie} if cookie else {}
    address = f"ws://127.0.0.1:{place.port}/ws/live/"
    with connect(address, additional_headers=headers, origin=origin, proxy=None, open_timeout=15) as line:
        yield line


def heard(line: ClientConnection, wanted: Callable[[Frame], Any], within_s: float = 10.0) -> Frame:
    """The next frame of that kind."""
    deadline = time.monotonic() + within_s
    while True:
        frame: Frame = json.loads(line.recv(timeout=deadline - time.monotonic()))
        if wanted(frame):
            return frame


def of_type(name: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["type"] == name


def goodbye(line: ClientConnection) -> tuple[Frame, int | None]:
    """The last frame and the close code."""
    last: Frame = {}
    deadline = time.monotonic() + 10
    with contextlib.suppress(ConnectionClosed):
        while True:
            last = json.loads(line.recv(timeout=deadline - time.monotonic()))
    return last, line.close_code


def test_a_heartbeat_at_once_and_within_five_seconds_with_the_digest(place: Place) -> None:
    dana = place.person("dispatcher")
    with screen(place, dana.cookie, place.url) as line:
        first = heard(line, of_type("heartbeat"))
        assert set(first) == {"type", "digest", "at"}
        assert first["digest"] == dana.get(SNAPSHOT).json()["digest"]
        begun = time.monotonic()
        second = heard(line, of_type("heartbeat"))
        assert time.monotonic() - begun < 5.0
        assert second["at"] > first["at"]


def test_every_change_of_an_alert_is_told_with_its_wire_form(place: Place) -> None:
    dana = place.person("dispatcher")
    with screen(place, dana.cookie) as line:
        heard(line, of_type("heartbeat"))
        alert = place.acknowledged()
        closing = {"version": 2, "outcome": "test"}
        dana.post(f"{ALERTS}{alert}/close/", closing)

        def mine(frame: Frame) -> bool:
            return frame["type"] == "alert" and frame["alert"]["id"] == alert

        frames = [heard(line, mine) for _change in range(3)]
    assert all(set(frame) == {"type", "alert"} for frame in frames)
    assert all(set(frame["alert"]) == ALERT_KEYS for frame in frames)
    assert [frame["alert"]["version"] for frame in frames] == [1, 2, 3]
    assert [frame["alert"]["state"] for frame in frames] == ["unacknowledged", "acknowledged", "closed"]


def test_a_trailer_is_told_with_its_wire_form(place: Place) -> None:
    from accounts.services import acting
    from csoc import seed
    from deployments.services import deactivate_deployment

    scene = place.leaving
    plan = next(plan for plan in seed.PLANS if plan.number == scene.trailer.number)
    with place.inside():
        # The one that stands, or a new one where another test ended it.
        standing = seed._deployment(plan, scene.trailer, scene.users)
    with screen(place, place.person("dispatcher").cookie) as line:
        heard(line, of_type("heartbeat"))
        with place.inside(), acting(scene.users["supervisor"]):
            deactivate_deployment(actor=scene.users["supervisor"], deployment_id=standing.pk)
        name = scene.trailer.name
        frame = heard(line, lambda f: f["type"] == "trailer" and f["trailer"]["id"] == name)
    assert set(frame) == {"type", "trailer"}
    assert set(frame["trailer"]) == TRAILER_KEYS
    assert (frame["trailer"]["state"], frame["trailer"]["deployment"]) == ("off", None)


def test_the_end_of_a_view_blanks_its_screens(place: Place) -> None:
    dana = place.person("dispatcher")
    alert = place.acknowledged()
    view = dana.post(f"{ALERTS}{alert}/live-view/", {"reason": {"code": "gunshot"}}).json()
    with screen(place, dana.cookie) as line:
        heard(line, of_type("heartbeat"))
        place.person("dispatcher-2").post(f"{ALERTS}{alert}/close/", {"version": 2, "outcome": "test"})
        frame = heard(line, lambda f: f["type"] == "blank" and f["session"] == view["session"])
    assert {"type", "session", "by", "at"} <= set(frame)
    assert set(frame["by"]) == {"id", "name", "badge"}


@pytest.mark.parametrize("word", ["ping", '{"type":"ping"}'])
def test_ping_is_heard_and_answered_by_nothing(place: Place, word: str) -> None:
    with screen(place, place.person("dispatcher").cookie) as line:
        line.send(word)
        assert heard(line, of_type("heartbeat"))["type"] == "heartbeat"
        line.send(word)
        assert heard(line, of_type("heartbeat"))["type"] == "heartbeat"


@pytest.mark.parametrize(
    "word",
    ["acknowledge", '{"type":"acknowledge"}', "{", "", "p" * 65, "ping" * 100, b"ping", b"\x00\xff",
     "ping\x00", '{"type":"acknowledge","ping":1}'],
)  # fmt: skip
def test_anything_else_ends_the_socket(place: Place, word: str | bytes) -> None:
    with screen(place, place.person("dispatcher").cookie) as line:
        heard(line, of_type("heartbeat"))
        line.send(word)
        last, closed = goodbye(line)
    assert (last["type"], closed) == ("bye", last["code"])
    assert set(last) == {"type", "code"}


@pytest.mark.parametrize("cookie", [None, "sessionid=nothing", "sessionid=" + "x" * 3000])
def test_nobody_is_told_4401(place: Place, cookie: str | None) -> None:
    with screen(place, cookie) as line:
        assert goodbye(line) == ({"type": "bye", "code": 4401}, 4401)


def test_another_role_is_told_4403(place: Place) -> None:
    with screen(place, place.person("technician").cookie) as line:
        assert goodbye(line) == ({"type": "bye", "code": 4403}, 4403)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "http://127.0.0.1",
        "http://127.0.0.1.evil.example:{port}", "file://127.0.0.1:{port}", "http://x@127.0.0.1:{port}",
    ],
)  # fmt: skip
def test_another_origin_gets_no_socket(place: Place, origin: str) -> None:
    cookie = place.person("dispatcher").cookie
    with pytest.raises(InvalidStatus), screen(place, cookie, origin.format(port=place.port)):
        raise AssertionError("a page of another origin got a socket")


@pytest.mark.parametrize("path", ["/ws/other/", "/api/v1/alerts/", "/", "/ws/live"])
def test_an_unknown_socket_is_refused_and_not_a_fault(place: Place, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught, connect(f"ws://127.0.0.1:{place.port}{path}", proxy=None):
        raise AssertionError("there is no such socket")
    assert caught.value.response.status_code == 403


def test_a_right_taken_away_ends_the_socket_within_five_seconds(place: Place) -> None:
    from accounts import services
    from accounts.services import acting

    boss = place.scene.users["administrator"]
    victim = place.scene.users["dispatcher-2"]
    browser = Browser(place.url, "dispatcher-2")
    with screen(place, browser.cookie) as line:
        heard(line, of_type("heartbeat"))
        begun = time.monotonic()
        with place.inside(), acting(boss):
            services.set_roles(user=victim, roles=["technician"], actor=boss)
        last, closed = goodbye(line)
        assert time.monotonic() - begun < 5.0
    assert (last["type"], closed) == ("bye", last["code"])
    assert closed in (4401, 4403)
    with place.inside(), acting(boss):
        services.set_roles(user=victim, roles=["dispatcher"], actor=boss)
    browser.http.close()
    place.forget("dispatcher-2")


def test_signing_out_ends_the_socket_with_4401(place: Place) -> None:
    browser = Browser(place.url, "dispatcher")
    with screen(place, browser.cookie) as line:
        heard(line, of_type("heartbeat"))
        answer = browser.http.post("/accounts/logout/", headers=browser.token)
        assert answer.status_code == 302
        assert goodbye(line) == ({"type": "bye", "code": 4401}, 4401)
    browser.http.close()
    place.forget("dispatcher")
