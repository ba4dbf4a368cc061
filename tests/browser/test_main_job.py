"""The whole purpose in a real Chromium: a gunshot comes in, a named person takes it and watches, it is
closed and the picture is black, and the log says who did what. By keyboard alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, WebSocketRoute

from bench.driving import Person, until
from tests.browser.desk import Desk, GatewayDoor, knock, one_time_code

NUMBER, TRAILER = "03", "TRL-0003"
WHEP = re.compile(r"/gateway/([A-Za-z0-9_-]+)/whep\Z")
OFFER = """async () => {
  const pc = new RTCPeerConnection({ iceServers: [] });
  pc.addTransceiver("video", { direction: "recvonly" });
  const offer = await pc.createOffer();
  pc.close();
  return offer.sdp;
}"""


@pytest.fixture(scope="module")
def offer(browser: Browser) -> str:
    """A real browser's offer to watch, made on an empty page."""
    page = browser.new_page()
    sdp = str(page.evaluate(OFFER))
    page.close()
    return sdp


def sign_in_by_hand(desk: Desk, role: str) -> None:
    """Password, then the second factor, as anybody does outside the demonstration."""
    person = desk.info["people"][role]
    keyboard = desk.page.keyboard
    desk.page.goto(desk.url)
    desk.tab_to("#id_login")
    keyboard.type(person["username"])
    desk.tab_to("#id_password")
    keyboard.type(person["password"])
    keyboard.press("Enter")
    desk.page.locator("input[autocomplete=one-time-code]").wait_for()
    desk.tab_to("input[autocomplete=one-time-code]")
    keyboard.type(one_time_code(person["totp_secret"]))
    keyboard.press("Enter")
    desk.page.wait_for_url(f"{desk.url}/live/")
    desk.until_link("live")


def test_the_whole_purpose(
    desk: Callable[..., Desk],
    gateway: GatewayDoor,
    simulate: Callable[..., str],
    offer: str,
    measured: Callable[[str, float], None],
) -> None:
    one = desk()
    keyboard = one.page.keyboard
    sign_in_by_hand(one, "dispatcher")

    # A gunshot arrives, in the queue and on the map.
    alert = simulate(TRAILER, rounds=4)
    one.until_row(alert, "unacknowledged", 2)
    on_the_map(one)
    keyboard.press("j")
    until(lambda: one.selected == alert, 2, "J selects it")
    assert "Gunshots" in one.page.locator("#detail-head h2").inner_text()

    # Before somebody has acknowledged it there is no way to a picture.
    keyboard.press("v")
    refused = refuse_video(one, alert)
    assert refused == (403, "/problems/not-acknowledged")
    for door in (gateway.url, f"{one.url}/gateway"):
        assert knock(f"{door}/{'x' * 24}/whep", offer, "forged-" * 6) == 401
    assert one.media_requests == []
    assert one.peers == 0
    assert gateway.sessions() == []

    # One key, and the name is on the screen.
    keyboard.press("a")
    one.until_row(alert, "acknowledged", 2)
    one.page.locator("#detail-act", has_text="You acknowledged").wait_for()
    assert one.media_requests == []
    assert one.peers == 0

    # V, a reason, and the picture runs.
    one.open_video()
    measured("reason given -> first frame", one.took_ms("key Enter", "picture live"))
    measured("A -> first frame, reason form between", one.took_ms("key a", "picture live"))
    picture_runs(one)
    assert one.peers == 1
    nobody_else_gets_in(one, gateway, offer)

    # Closed with an outcome: black within a second, and the gateway carries nothing.
    one.tab_to('[data-outcome="confirmed"]')
    keyboard.press("Enter")
    closed = time.monotonic()
    one.wait("() => document.querySelector('#video-picture').srcObject === null", seconds=2)
    black_ms = one.took_ms("key Enter", "source off")
    measured("close -> black", black_ms)
    assert black_ms < 1000
    assert one.darkness() > 0.9
    assert one.strip() is None
    gateway.until_empty(5)
    measured("close -> gateway empty", (time.monotonic() - closed) * 1000)
    one.page.locator("#video-word", has_text="Avery Singh").wait_for()
    one.until_row(alert, "closed")
    assert one.errors == []

    log_says_who_did_what(desk(), alert)


def on_the_map(one: Desk) -> None:
    """One alert's mark is drawn, inside the part of the map that is seen."""
    mark = one.page.locator("#map .alert-pin")
    mark.wait_for()
    assert mark.count() == 1
    pin, seen = mark.bounding_box(), one.page.locator("#map").bounding_box()
    assert pin
    assert seen
    assert seen["x"] < pin["x"] < seen["x"] + seen["width"]
    assert seen["y"] < pin["y"] < seen["y"] + seen["height"]


def refuse_video(one: Desk, alert: str) -> tuple[int, str]:
    """Ask for video with this person's own session, outside the page; the status and the problem."""
    token = next(c["value"] for c in one.context.cookies() if c["name"] == "csrftoken")
    answer = one.context.request.post(
        f"{one.url}/api/v1/alerts/{alert}/live-view/",
        data={"reason": {"code": "gunshot", "cad": ""}},
        headers={"X-CSRFToken": token},
    )
    return answer.status, answer.json()["type"]


def picture_runs(one: Desk) -> None:
    """The camera's own counter advances in the pixels, and the picture is of now."""
    first = one.strip()
    assert first
    later = until(lambda: (s := one.strip()) and s.counter > first.counter + 25 and s, 5, "the counter runs")
    age_ms = (time.time() * 1000 - later.unix_ms) % 2**32
    assert age_ms < 1500
    said = re.search(r"picture (\d+\.\d) s old", one.page.locator("#video-chip").inner_text())
    assert said
    assert float(said[1]) < 1.0
    assert one.darkness() < 0.9


def nobody_else_gets_in(one: Desk, gateway: GatewayDoor, offer: str) -> None:
    """On the path that now carries a picture, neither a forged token nor a spent one opens anything."""
    opened = [found for url in one.requests if (found := WHEP.search(url))]
    assert len(opened) == 1
    path = opened[0][1]
    before = {session["id"] for session in gateway.sessions()}
    assert len(before) == 2  # the trailer and this one viewer
    for door in (gateway.url, f"{one.url}/gateway"):
        for token in ("forged-" * 6, one.spent_token):
            assert knock(f"{door}/{path}/whep", offer, token) == 401
    assert {session["id"] for session in gateway.sessions()} == before


def log_says_who_did_what(officer: Desk, alert: str) -> None:
    """The privacy officer reads it in sentences."""
    short = alert[-8:]
    officer.sign_in("privacy_officer", "/audit/")
    wanted = [
        f"Trailer {NUMBER} raised alert …{short}",
        f"Avery Singh acknowledged alert …{short}",
        f"Avery Singh opened live view of trailer {NUMBER}, gunshot",
        f"Avery Singh closed alert …{short}, confirmed",
        f"Avery Singh ended the live view of trailer {NUMBER}, alert closed",
    ]
    until(lambda: told(officer, wanted), 10, lambda: f"the log says {wanted}; it says {said_by_log(officer)}")


def said_by_log(officer: Desk) -> list[str]:
    """The sentences of the page of the log, oldest first."""
    return officer.page.locator("td.what").all_inner_texts()[::-1]


def told(officer: Desk, wanted: list[str]) -> bool:
    """Whether the newest page of the log holds these sentences, oldest first; between them may be others."""
    officer.page.reload()
    # One pass: what tests before this one left there may say the same of the same trailer, only earlier.
    rows = iter(said_by_log(officer))
    return all(any(sentence in row for row in rows) for sentence in wanted)


def watching(one: Desk, simulate: Callable[..., str], trailer: str) -> str:
    """This person has acknowledged an alert of the trailer and sees its picture."""
    alert = simulate(trailer)
    one.until_row(alert, "unacknowledged")
    one.walk_to(alert)
    one.page.keyboard.press("a")
    one.until_row(alert, "acknowledged")
    one.open_video()
    return alert


def test_who_ended_the_picture_is_told_also_when_the_closed_alert_comes_first(
    desk: Callable[..., Desk], gateway: GatewayDoor, simulate: Callable[..., str]
) -> None:
    """Two messages say that the picture ends, and only one of them says who did it: it may come later."""
    one, held = desk(), []

    def relay(line: WebSocketRoute) -> None:
        console = line.connect_to_server()
        console.on_message(
            lambda message: held.append((line, message)) if '"blank"' in str(message) else line.send(message)
        )

    one.page.route_web_socket("**/ws/live/", relay)
    one.board("dispatcher")
    alert = watching(one, simulate, TRAILER)
    one.tab_to('[data-outcome="confirmed"]')
    one.page.keyboard.press("Enter")
    one.until_row(alert, "closed")
    # Playwright hands messages on only while it is asked something.
    until(lambda: one.page.evaluate("1") and held, 5, "the message that ends the picture")
    word = one.page.locator("#video-word")
    assert "Stream ended at" in word.inner_text()
    for line, message in held:
        line.send(message)
    one.page.locator("#video-word", has_text="Stream ended by Avery Singh").wait_for()
    gateway.until_empty(5)


def test_the_end_of_the_deployment_cuts_the_picture(
    desk: Callable[..., Desk], gateway: GatewayDoor, simulate: Callable[..., str], supervisor: Person,
    stands: str, measured: Callable[[str, float], None],
) -> None:  # fmt: skip
    one = desk().board("dispatcher")
    watching(one, simulate, "TRL-0008")
    begun = time.monotonic()
    answer = supervisor.post(f"/api/v1/deployments/{stands}/deactivate/", {"reason": "need_ended"})
    assert answer.status_code == 200, answer.text
    one.wait("() => document.querySelector('#video-picture').srcObject === null", seconds=5)
    measured("deployment ended -> black", (time.monotonic() - begun) * 1000)
    assert one.darkness() > 0.9
    gateway.until_empty(5)
    assert time.monotonic() - begun < 5


def test_a_role_taken_away_cuts_the_picture_and_the_line(
    desk: Callable[..., Desk], gateway: GatewayDoor, simulate: Callable[..., str],
    measured: Callable[[str, float], None],
) -> None:  # fmt: skip
    one = desk().board("dispatcher-2")
    one.forgive("401", "403", "WebSocket")
    watching(one, simulate, "TRL-0004")
    administrator = desk().sign_in("administrator", "/access/")
    administrator.page.get_by_role("link", name="Maxime Roy").click()
    role = administrator.page.get_by_role("checkbox", name="Dispatcher")
    role.uncheck()
    begun = time.monotonic()
    administrator.page.get_by_role("button", name="Save the roles").click()
    gateway.until_empty(5)
    one.page.wait_for_function(
        "() => !document.querySelector('#video-picture')?.srcObject && document.body.dataset.link !== 'live'",
        timeout=5000,
    )
    took = time.monotonic() - begun
    measured("role taken away -> black and line cut", took * 1000)
    assert took < 5
    one.page.wait_for_url(f"{one.url}/accounts/login/**")
    administrator.page.get_by_role("checkbox", name="Dispatcher").check()
    administrator.page.get_by_role("button", name="Save the roles").click()
    until(lambda: administrator.page.get_by_role("checkbox", name="Dispatcher").is_checked(), 5, "given back")


def test_signed_out_from_another_desk_the_picture_is_cut(
    desk: Callable[..., Desk], gateway: GatewayDoor, simulate: Callable[..., str],
    measured: Callable[[str, float], None],
) -> None:  # fmt: skip
    one = desk().board("dispatcher")
    one.forgive("401", "403", "WebSocket")
    watching(one, simulate, "TRL-0006")
    other = desk().sign_in("dispatcher", "/account/")
    buttons = other.page.get_by_role("button", name="Sign out there")
    begun = time.monotonic()
    while buttons.count():
        begun = time.monotonic()
        with other.page.expect_navigation():
            buttons.first.click()
    gateway.until_empty(5)
    one.page.wait_for_url(f"{one.url}/accounts/login/**", timeout=5000)
    took = time.monotonic() - begun
    measured("signed out elsewhere -> black and line cut", took * 1000)
    assert took < 5
