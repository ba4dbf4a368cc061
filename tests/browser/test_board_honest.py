"""The board says what is true: sound, what is in sight, and for whom it can be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.desk import Desk

Simulate = Callable[..., str]
Sit = Callable[..., Desk]

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
MUST_SEE = ("#chip-link", ".queue .panel-head", "#acknowledge")


def tones(desk: Desk) -> int:
    """How often it has sounded."""
    return int(desk.page.get_attribute("html", "data-tones") or 0)


def test_audio_is_off_until_the_shift_starts_and_stops_on_acknowledge(desk: Sit, simulate: Simulate) -> None:
    here = desk().board("dispatcher")
    assert "AUDIO OFF" in here.page.inner_text("#banner")
    alert = simulate("TRL-0007")
    here.until_row(alert, "unacknowledged")
    assert tones(here) == 0

    here.page.click("#start-shift")
    here.page.locator("#chip-audio >> text=Audio armed").wait_for()
    assert tones(here) == 1, "what waited unheard sounds at once"
    here.wait("() => Number(document.documentElement.dataset.tones) > 1", seconds=12)
    here.page.keyboard.press("a")
    here.until_row(alert, "acknowledged")
    sounded = tones(here)
    here.page.wait_for_timeout(11_000)
    assert tones(here) == sounded


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (640, 360)])
def test_queue_line_and_acknowledge_are_always_in_sight(
    desk: Sit, simulate: Simulate, width: int, height: int
) -> None:
    """640 x 360 is 1280 x 720 at 200 % zoom."""
    here = desk(viewport={"width": width, "height": height}).board("dispatcher")
    here.row(simulate("TRL-0008")).click()
    here.page.locator("#acknowledge").wait_for()
    for selector in MUST_SEE:
        box = here.page.locator(selector).bounding_box()
        assert box and box["x"] >= 0 and box["y"] >= 0, selector
        assert box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, selector
    assert here.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_on_the_board(desk: Sit, simulate: Simulate, theme: str) -> None:
    here = desk(theme=theme, reduced_motion="reduce").board("dispatcher")

    def check(state: str) -> None:
        found = Axe().run(here.page, options=RULES)
        assert found.violations_count == 0, f"{state}: {found.generate_report()}"

    check("quiet, audio off")
    here.page.click("#start-shift")
    alert = simulate("TRL-0003")
    here.row(alert).click()
    here.page.locator("#detail-timeline li").first.wait_for()
    check("unacknowledged")
    here.page.keyboard.press("a")
    here.until_row(alert, "acknowledged")
    here.page.keyboard.press("v")
    here.page.locator("#video-reason").wait_for()
    check("reason form")
    here.page.keyboard.press("Escape")
    here.open_video()
    check("video")
    here.page.keyboard.press("t")
    check("table")
    here.page.keyboard.press("?")
    check("keys")


def test_hostile_names_are_only_text(desk: Sit) -> None:
    """The demonstration's labels carry markup on purpose."""
    here = desk().board("dispatcher")
    here.page.keyboard.press("t")
    here.wait("() => document.querySelectorAll('#table-body tr').length >= 9")
    assert here.page.locator("#table-body :is(script, img, b, iframe)").count() == 0
    assert "<" in here.page.inner_text("#table-body")
