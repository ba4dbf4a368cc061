"""The technician's pages in a browser: figures, a warning taken on, a trailer that answers for itself."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.browser.desk import Desk
from tests.browser.test_pages import complaints, fits

#: The third of the demonstration has a bad week (agent/weather.py).
LOW = "TRL-0003"
TAKE_FUEL = "[data-warning=fuel] form button"
PAGES = {"fleet": "/fleet/", "fleet-figures": "/fleet/?view=figures", "fleet-trailer": f"/fleet/{LOW}/"}


def pictures(here: Desk, name: str, theme: str) -> None:
    """Take the page in two sizes, where ``CSOC_PICTURES`` names a folder."""
    if not (folder := os.environ.get("CSOC_PICTURES")):
        return
    for width, height in ((1280, 720), (1920, 1080)):
        here.page.set_viewport_size({"width": width, "height": height})
        here.page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png")
        here.page.screenshot(path=f"{folder}/{name}-{theme}-{width}-full.png", full_page=True)
    here.page.set_viewport_size({"width": 1280, "height": 720})


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_fleet_is_read_in_both_themes(desk: Callable[..., Desk], theme: str) -> None:
    here = desk(theme=theme).sign_in("technician")
    assert here.page.url.endswith("/fleet/"), "the technician's home"
    assert here.page.locator(f'[data-trailer="{LOW}"] .spark').count() == 1
    for name, where in PAGES.items():
        here.page.goto(here.url + where)
        assert complaints(here) == "", name
        pictures(here, name, theme)
        here.page.set_viewport_size({"width": 320, "height": 720})
        assert fits(here), name
        here.page.set_viewport_size({"width": 1280, "height": 720})
    sentence = here.page.inner_text(".fleet-coming")
    assert "Sensors stop at about" in sentence
    assert str(here.page.text_content(".plot-stop-time")) in sentence
    here.page.locator("summary", has_text="The last 24 h as a table").click()
    assert here.page.locator("#content details[open] tbody tr").count() > 20


def test_a_trailer_answers_for_itself_and_a_warning_is_taken_on_once(desk: Callable[..., Desk]) -> None:
    here = desk().sign_in("technician", f"/fleet/{LOW}/")
    here.page.get_by_role("button", name="Self-test").click()
    here.page.locator("[data-part=commands] [data-state=done] >> text=Self-test").first.wait_for(
        timeout=15_000
    )
    there = desk().sign_in("technician-2", f"/fleet/{LOW}/")
    there.forgive("409")
    # This page stays as it was: the second person presses what the first has taken meanwhile.
    there.page.evaluate("() => { window.fetch = () => Promise.reject(new Error('no line')); }")
    here.page.locator(TAKE_FUEL).click()
    here.page.locator("[data-warning=fuel] >> text=Taken on by").wait_for()
    there.page.locator(TAKE_FUEL).click()
    there.page.locator("text=took this on at").wait_for()


def test_the_board_says_how_many_trailers_have_a_warning_to_who_may_see_them(
    desk: Callable[..., Desk],
) -> None:
    here = desk().board("supervisor")
    word = here.page.locator("#bar-fleet")
    word.wait_for(timeout=15_000)
    said = int(word.locator("b").inner_text())
    assert said >= 1, "one of the demonstration has a bad week"
    pictures(here, "board-fleet-word", "dark")
    word.click()
    here.page.wait_for_url("**/fleet/?show=warnings")
    assert here.page.locator("tr[data-trailer]").count() >= 1
    assert desk().board("dispatcher").page.locator("#bar-fleet").count() == 0
