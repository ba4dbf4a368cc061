"""Handing off by keyboard: what will be sent is read first, what became of it is the outbox's word."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.desk import Desk
from tests.browser.test_pages import complaints

Simulate = Callable[..., str]
Sit = Callable[..., Desk]


def keep(desk: Desk, folder: Path, name: str) -> None:
    """A picture in both sizes."""
    for width, height in ((1280, 720), (1920, 1080)):
        desk.page.set_viewport_size({"width": width, "height": height})
        desk.page.wait_for_timeout(150)
        desk.page.screenshot(path=folder / f"{name}-{width}.png")
    desk.page.set_viewport_size({"width": 1280, "height": 720})


def take(desk: Desk, alert: str) -> None:
    desk.walk_to(alert)
    desk.page.keyboard.press("a")
    desk.until_row(alert, "acknowledged")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_an_alert_is_handed_off_by_keyboard_and_the_cad_has_it(
    desk: Sit, simulate: Simulate, theme: str, tmp_path: Path
) -> None:
    here = desk(theme=theme).board("dispatcher")
    shots = simulate("TRL-0003", rounds=4)
    here.until_row(shots, "unacknowledged")
    here.walk_to(shots)
    here.page.locator("text=Hand off locked: acknowledge first").wait_for()
    here.page.keyboard.press("c")
    assert not here.page.locator("#hand-off").is_visible(), "nothing is handed off before somebody has it"
    take(here, shots)
    here.page.keyboard.press("c")
    here.page.locator(".ho-sent dd >> text=Gunshots detected").wait_for()
    assert "badge" in here.page.locator(".ho-sent").inner_text()
    assert complaints(here) == ""
    keep(here, tmp_path, f"hand-off-{theme}")
    here.page.keyboard.press("Escape")
    here.page.locator("#hand-off").wait_for(state="hidden")
    assert here.selected == shots, "Esc leaves the dialog, not the alert"
    here.page.keyboard.press("c")
    here.wait("() => document.activeElement?.id === 'hand-off-note'")
    here.page.locator(".ho-sent dd").first.wait_for()
    here.page.keyboard.type("Two people ran north; acv")
    here.page.keyboard.press("Enter")
    here.page.locator("#hand-off").wait_for(state="hidden")
    here.page.locator('.ho-line[data-state="delivered"]').wait_for()
    here.page.locator("#detail-timeline >> text=CAD took the hand-off").wait_for()
    assert complaints(here) == ""
    keep(here, tmp_path, f"handed-off-{theme}")
    # It is there, with the note, and what was typed pressed no key of the board.
    here.page.goto(f"{here.url}/demo/cad/")
    arrived = here.page.locator("article").first.inner_text()
    assert "Two people ran north; acv" in arrived and "<status>Actual</status>" in arrived
    assert complaints(here) == ""
    keep(here, tmp_path, f"demo-cad-{theme}")


def test_two_screens_one_winner_then_a_correction(desk: Sit, simulate: Simulate) -> None:
    here, there = desk().board("dispatcher"), desk().board("dispatcher-2")
    alert = simulate("TRL-0006")
    take(here, alert)
    there.until_row(alert, "acknowledged")
    there.walk_to(alert)
    for one in (here, there):
        one.page.keyboard.press("c")
        one.page.locator(".ho-sent dd").first.wait_for()
    here.page.keyboard.press("Enter")
    here.page.locator(".ho-line").first.wait_for()
    there.forgive("409")
    there.page.keyboard.press("Enter")
    there.page.locator("#hand-off [role=alert] >> text=Handed off by").wait_for()
    there.page.locator("#hand-off-title >> text=Send a correction").wait_for()
    there.page.locator("#hand-off-do:not([aria-disabled])").wait_for()
    there.page.fill("#hand-off-note", "Four rounds, not three")
    there.page.keyboard.press("Enter")
    there.page.locator(".ho-line >> text=correction").wait_for()
    here.page.locator(".ho-line >> text=correction").wait_for()


def test_a_cad_that_takes_nothing_is_said_on_the_board(desk: Sit, simulate: Simulate, tmp_path: Path) -> None:
    here = desk().board("dispatcher")
    busy(here, True)
    try:
        here.page.goto(f"{here.url}/live/")
        here.until_link("live")
        here.page.click("#start-shift")
        alert = simulate("TRL-0002")
        take(here, alert)
        here.page.route("**/live/status/", _a_minute_later)
        here.page.keyboard.press("c")
        here.page.locator(".ho-sent dd").first.wait_for()
        here.page.keyboard.press("Enter")
        here.page.locator(".ho-line >> text=NOT delivered yet").wait_for()
        here.page.locator("#banner >> text=Hand over by radio").wait_for()
        assert complaints(here) == ""
        keep(here, tmp_path, "cad-busy")
        here.page.unroute_all(behavior="ignoreErrors")
    finally:
        busy(here, False)


def busy(desk: Desk, on: bool) -> None:
    """Make the demonstration's CAD take nothing, or take again."""
    desk.page.goto(f"{desk.url}/demo/cad/")
    desk.page.click("text=Play busy" if on else "text=Take again")
    desk.page.locator("text=Play busy" if not on else "text=It takes nothing now").wait_for()


def _a_minute_later(route: Any) -> None:
    """The figures as they will be in a minute: nobody waits for it in a test."""
    answer = route.fetch()
    status = answer.json()
    since = status["cad"]["waiting_since"]
    if since:
        status["cad"]["waiting_since"] = (datetime.fromisoformat(since) - timedelta(seconds=61)).isoformat()
    route.fulfill(response=answer, body=json.dumps(status))
