"""The live board under pressure: two people at once, a burst of rows, a lost line, a new page."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bench.driving import Person, Speaker, until
from tests.browser.desk import Desk, GatewayDoor

ROUNDS = 6
BURST = 6
ON_SCREEN = """() => [...document.querySelectorAll(
  "#queue-waiting [data-alert], #queue-acknowledged [data-alert]")]
  .map((row) => `${row.dataset.alert}:${row.dataset.version}`).sort().join("\\n")"""


def shots(speaker: Speaker, count: int) -> list[str]:
    """Post gunshots one after another; their ids."""
    bodies = [speaker.gunshot() for _ in range(count)]
    with httpx.Client(base_url=f"http://{speaker.authority}", timeout=10) as http:
        for body in bodies:
            assert speaker.post(http, body).status_code == 201
    return [body["id"] for body in bodies]


def equals_the_record(desk: Desk, person: Person) -> bool:
    """Whether the rows on the screen are what a fresh snapshot lists, and its digest is theirs."""
    snapshot = person.get("/api/v1/live/snapshot/").json()
    lines = sorted(f"{alert['id']}:{alert['version']}" for alert in snapshot["alerts"])
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == snapshot["digest"]
    return bool(desk.page.evaluate(ON_SCREEN) == "\n".join(lines))


def test_of_two_presses_one_wins_and_the_other_reads_the_name(
    desk: Callable[..., Desk], gateway: GatewayDoor, simulate: Callable[..., str], supervisor: Person
) -> None:
    singh, roy = desk().board("dispatcher"), desk().board("dispatcher-2")
    alert = simulate("TRL-0005")
    for one in (singh, roy):
        one.forgive("409")
        one.until_row(alert, "unacknowledged")
        one.walk_to(alert)
    roy.page.keyboard.press("a")
    singh.page.keyboard.press("a")
    for one in (singh, roy):
        one.until_row(alert, "acknowledged", 2)
    winner = supervisor.get("/api/v1/live/snapshot/").json()["alerts"][0]["acknowledged_by"]["name"]
    won, lost = (singh, roy) if winner == "Avery Singh" else (roy, singh)
    won.page.locator("#detail-act", has_text="You acknowledged").wait_for(timeout=1000)
    lost.page.locator("#detail-act", has_text=winner).wait_for(timeout=1000)
    assert winner in lost.row(alert).inner_text()

    # Both watch; the close of one is the other's black.
    won.open_video()
    lost.open_video()
    assert len(gateway.sessions()) == 3
    won.tab_to('[data-outcome="unfounded"]')
    won.page.keyboard.press("Enter")
    for one in (won, lost):
        one.wait("() => document.querySelector('#video-picture').srcObject === null", seconds=1)
        assert one.darkness() > 0.9
    lost.page.locator("#video-word", has_text=winner).wait_for()
    gateway.until_empty(5)


def test_new_rows_never_move_the_selection(
    desk: Callable[..., Desk], speaker: Speaker, empty: None, supervisor: Person
) -> None:
    one = desk().board("dispatcher")
    wanted: list[str] = []
    for _ in range(ROUNDS):
        mine = shots(speaker, 2)[-1]
        one.until_row(mine, "unacknowledged")
        one.walk_to(mine)
        with ThreadPoolExecutor(2) as threads:
            burst = [threads.submit(shots, speaker, BURST // 2) for _ in range(2)]
            one.page.keyboard.press("a")
            wanted.append(mine)
            one.until_row(mine, "acknowledged")
            rest = [alert for done in burst for alert in done.result()]
        for alert in rest:
            one.until_row(alert, "unacknowledged")
        assert one.selected == mine
    alerts = supervisor.get("/api/v1/live/snapshot/").json()["alerts"]
    taken = {alert["id"] for alert in alerts if alert["state"] == "acknowledged"}
    assert taken == set(wanted)
    assert len(alerts) == ROUNDS * (2 + BURST)
    assert equals_the_record(one, supervisor)


def test_a_held_key_acknowledges_once(
    desk: Callable[..., Desk], simulate: Callable[..., str], supervisor: Person
) -> None:
    one = desk().board("dispatcher")
    first, second = simulate("TRL-0001"), simulate("TRL-0002")
    one.until_row(second, "unacknowledged")
    one.walk_to(first)
    one.page.keyboard.down("a")
    for _ in range(5):
        one.page.keyboard.down("a")
        one.page.keyboard.press("j")
    one.page.keyboard.up("a")
    one.until_row(first, "acknowledged")
    states = {
        alert["id"]: alert["state"] for alert in supervisor.get("/api/v1/live/snapshot/").json()["alerts"]
    }
    assert states == {first: "acknowledged", second: "unacknowledged"}


def test_a_cut_line_is_said_and_then_made_good(
    desk: Callable[..., Desk], simulate: Callable[..., str], supervisor: Person, speaker: Speaker
) -> None:
    one = desk().board("dispatcher")
    one.forgive("ERR_INTERNET_DISCONNECTED", "WebSocket", "Failed to load resource")
    kept, closed, taken = simulate("TRL-0001"), simulate("TRL-0002"), simulate("TRL-0006")
    for alert in (kept, closed, taken):
        one.until_row(alert, "unacknowledged")
    chip = one.page.locator("#chip-link")
    one.context.set_offline(True)
    cut = time.monotonic()
    until(lambda: chip.get_attribute("data-state") == "delayed", 5, "the chip stops saying live")

    # Meanwhile the world goes on.
    supervisor.acknowledge(taken)
    supervisor.acknowledge(closed)
    supervisor.close(closed)
    missed = shots(speaker, 3)
    assert one.row(taken).get_attribute("data-state") == "unacknowledged"

    one.until_link("lost", 16)
    assert time.monotonic() - cut < 16
    assert "No connection" in chip.inner_text()
    assert "Connection lost at" in one.page.locator("#banner").inner_text()
    assert one.page.locator(".q-lost").count() == 3
    one.walk_to(kept)
    one.page.keyboard.press("a")  # nothing is sent, now or later
    one.page.locator("#detail-act", has_text="Cannot acknowledge").wait_for()

    back = time.monotonic()
    one.context.set_offline(False)
    one.until_link("live", 3)
    until(lambda: equals_the_record(one, supervisor), 3, "the screen equals a fresh snapshot")
    assert time.monotonic() - back < 4
    for alert in missed:
        one.until_row(alert, "unacknowledged")
    one.until_row(taken, "acknowledged")
    one.until_row(closed, "closed")
    assert one.row(kept).get_attribute("data-state") == "unacknowledged"
    assert one.selected == kept


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_new_page_shows_the_record(
    desk: Callable[..., Desk], simulate: Callable[..., str], supervisor: Person, theme: str
) -> None:
    one = desk(theme=theme).board("dispatcher")
    first, second = simulate("TRL-0001"), simulate("TRL-0006", "alpr_hit")
    one.until_row(second, "unacknowledged")
    one.walk_to(first)
    one.page.keyboard.press("a")
    one.until_row(first, "acknowledged")
    one.page.reload()
    one.until_link("live")
    one.until_row(first, "acknowledged")
    one.until_row(second, "unacknowledged")
    assert equals_the_record(one, supervisor)
    assert one.page.evaluate("() => document.documentElement.className") == theme


def test_letters_typed_into_a_form_are_words_and_not_acts(
    desk: Callable[..., Desk], simulate: Callable[..., str], supervisor: Person
) -> None:
    """The reason form's focus is on a choice; a person who types a word there acts on nothing else."""
    one = desk().board("dispatcher")
    mine = simulate("TRL-0003")
    one.until_row(mine, "unacknowledged")
    one.walk_to(mine)
    one.page.keyboard.press("a")
    one.until_row(mine, "acknowledged", 2)
    other = simulate("TRL-0004")
    one.until_row(other, "unacknowledged")
    one.page.keyboard.press("v")
    one.wait("() => document.activeElement.closest('form.d-form') !== null")
    one.page.keyboard.type("looking at a van, next to the gate")
    assert one.selected == mine
    states = {row["id"]: row["state"] for row in supervisor.get("/api/v1/live/snapshot/").json()["alerts"]}
    assert states[other] == "unacknowledged"
    one.page.keyboard.press("Escape")
    one.walk_to(other)
    one.page.keyboard.press("a")
    one.until_row(other, "acknowledged", 2)
