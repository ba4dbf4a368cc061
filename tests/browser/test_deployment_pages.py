"""The applicant's pages in a real browser: the keyboard alone, a reload that loses nothing, every screen."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.desk import Desk
from tests.browser.test_pages import complaints, fits

Sit = Callable[..., Desk]
SIZES = ((1280, 720), (1920, 1080), (320, 720))
SECTIONS = ("incident", "risk", "need", "place", "consent", "privacy")
SCORES = "443210"
#: Every answer of the page by its name; a choice of several by its value too.
ANSWERS = """() => {
  const told = {};
  for (const one of document.querySelectorAll("#answers [name]")) {
    if (["csrfmiddlewaretoken", "base", "document"].includes(one.name)) continue;
    const choice = one.type === "radio" || one.type === "checkbox";
    told[choice ? `${one.name}=${one.value}` : one.name] = choice ? one.checked : one.value;
  }
  return told;
}"""


def begin(one: Desk) -> str:
    """Begin an application by keyboard; returns its number."""
    one.sign_in("applicant", "/deployments/new/")
    one.tab_to("#f-trailer")
    one.page.keyboard.type("11")
    one.tab_to("#f-site")
    one.page.keyboard.type("Derry East Plaza")
    one.page.keyboard.press("Enter")
    one.page.wait_for_url("**/incident/")
    return one.page.url.split("/")[-3]


def type_at(one: Desk, field: str, words: str) -> None:
    """Go to a field with Tab and type."""
    one.tab_to(f"#f-{field}", most=80)
    one.page.keyboard.press("ControlOrMeta+a")
    one.page.keyboard.type(words)


def until_kept(one: Desk) -> None:
    """Wait until the bar says that what was typed is kept, by the local clock."""
    one.wait("() => /^Saved \\d\\d:\\d\\d:\\d\\d$/.test(document.querySelector('#saved').textContent)")


def reload(one: Desk) -> None:
    """Reload, and compare every answer with what it was before."""
    until_kept(one)
    before = one.page.evaluate(ANSWERS)
    one.page.reload()
    assert one.page.evaluate(ANSWERS) == before and before


def go_on(one: Desk, to: str) -> None:
    """Save with the keyboard and arrive."""
    one.tab_to("#save", most=120)
    one.page.keyboard.press("Enter")
    one.page.wait_for_url(f"**/{to}/")


def incident(one: Desk) -> None:
    type_at(one, "cad", f"pr26-{time.time_ns() // 1000 % 10_000_000:07d}")
    one.tab_to("input[name=kind]")
    one.page.keyboard.press("ArrowRight")
    type_at(one, "place", "180 Derry Rd E")
    type_at(one, "reported_date", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}")
    type_at(one, "reported_time", "21:40")
    reload(one)
    go_on(one, "risk")


def risk(one: Desk) -> None:
    rows = one.page.locator(".factor")
    for index, level in enumerate(SCORES):
        key = rows.nth(index).get_attribute("data-factor")
        type_at(one, f"why-{key}", "Recorded by the officers.")
        one.tab_to(f"input[name='level-{key}']")
        one.page.keyboard.press("Space")
        for _ in range(int(level)):
            one.page.keyboard.press("ArrowRight")
    assert one.page.inner_text("#score-total") == "14" and one.page.inner_text("#score-verdict") == "Meets it"
    one.wait("() => document.querySelector('#score-firm').textContent.includes('the flow would stop')")
    reload(one)
    go_on(one, "need")


def need(one: Desk) -> None:
    type_at(one, "aim", "Protect the tenants.")
    type_at(one, "alternatives", "Patrols for a week; lighting.")
    one.tab_to("#f-on-acoustic")
    one.page.keyboard.press("Space")
    type_at(one, "why-acoustic", "Seconds matter.")
    now = datetime.now(UTC)
    type_at(one, "starts_date", f"{now + timedelta(days=15):%Y-%m-%d}")
    type_at(one, "starts_time", "09:00")
    type_at(one, "ends_date", f"{now + timedelta(days=20):%Y-%m-%d}")
    type_at(one, "ends_time", "09:0")
    reload(one)
    type_at(one, "ends_time", "09:00")
    go_on(one, "place")


def place(one: Desk) -> None:
    type_at(one, "lat", "43.6595")
    type_at(one, "lon", "-79.6690")
    type_at(one, "sector-0-from", "200")
    type_at(one, "sector-0-to", "245")
    type_at(one, "sector-0-why", "School yard")
    type_at(one, "speaker_ceiling_pct", "70")
    reload(one)
    one.wait("() => document.querySelector('#near').textContent.includes('Willow Bend Public School')")
    before = one.page.input_value("#f-lat")
    one.page.evaluate("document.activeElement.blur()")
    one.tab_to("#place-map")
    one.page.keyboard.press("ArrowUp")
    assert float(one.page.input_value("#f-lat")) - float(before) == pytest.approx(0.000045, abs=5e-6)
    assert one.page.locator("path.m-forbidden").count() == 1
    go_on(one, "consent")


def consent(one: Desk, folder: Path) -> None:
    sheet = io.BytesIO()
    Image.new("L", (850, 1100), 255).save(sheet, "PNG")
    one.page.locator("#answers #f-owner_name").fill("Marisol Castellanos")
    # What is personal comes back from the server, and never lies in the tab.
    one.page.reload()
    assert "Marisol" not in one.page.evaluate("() => JSON.stringify(sessionStorage)")
    one.wait("() => document.querySelector('#answers #f-owner_name').value === 'Marisol Castellanos'")
    one.page.reload()
    assert one.page.locator("#answers #f-owner_name").input_value() == "Marisol Castellanos"
    file = {"name": "signed.png", "mimeType": "image/png", "buffer": sheet.getvalue()}
    one.page.set_input_files("#f-document", [file])  # type: ignore[list-item]
    go_on(one, "privacy")


def privacy(one: Desk) -> None:
    type_at(one, "signage", "Signs at both doors.")
    type_at(one, "notice", "A letter two days before.")
    one.tab_to("input[name=retention_class]")
    one.page.keyboard.press("Space")
    reload(one)
    go_on(one, "check")


def test_the_story_by_keyboard_with_a_reload_on_each_page(desk: Sit, tmp_path: Path) -> None:
    one = desk(theme="light")
    name = begin(one)
    incident(one)
    risk(one)
    need(one)
    place(one)
    consent(one, tmp_path)
    privacy(one)
    one.page.reload()
    one.tab_to("#send", most=80)
    one.page.keyboard.press("Enter")
    one.page.wait_for_url(f"**/deployments/{name}/")
    assert "It waits for a decision" in one.page.inner_text("main")
    one.forgive("409")
    one.page.go_back()
    assert one.page.inner_text("h1.ask").startswith("It was sent at")


LEFT = "() => Object.keys(sessionStorage).filter((key) => key.startsWith('typed:')).length"


def test_a_reload_right_after_the_last_key(desk: Sit) -> None:
    """Also when nothing that left with the page arrives: the tab has it, and only until the server has."""
    one = desk()
    one.forgive("ERR_FAILED", "Failed to load", "409")
    name = begin(one)
    one.page.goto(f"{one.url}/deployments/{name}/need/")
    type_at(one, "aim", "The first words")
    one.page.reload()
    assert one.page.input_value("#f-aim") == "The first words"
    until_kept(one)
    one.page.route("**/keep/", lambda route: route.abort())
    type_at(one, "alternatives", "Patrols for a week;\nlighting")
    one.tab_to("#f-on-acoustic")
    one.page.keyboard.press("Space")
    before = one.page.evaluate(ANSWERS)
    one.page.reload()
    assert one.page.evaluate(ANSWERS) == before and before["on-acoustic=on"]
    one.page.unroute("**/keep/")
    until_kept(one)
    assert one.page.evaluate(LEFT) == 0
    one.page.reload()
    assert one.page.evaluate(ANSWERS) == before


def test_a_reload_after_another_tab_saved_shows_both(desk: Sit) -> None:
    one = desk()
    one.forgive("ERR_FAILED", "Failed to load", "409")
    name = begin(one)
    one.page.goto(f"{one.url}/deployments/{name}/need/")
    other = one.context.new_page()
    other.goto(f"{one.url}/deployments/{name}/need/")
    one.page.route("**/keep/", lambda route: route.abort())
    type_at(one, "aim", "From the first tab")
    other.fill("#f-aim", "From the second tab")
    other.wait_for_function("() => /^Saved \\d\\d:/.test(document.querySelector('#saved').textContent)")
    other.close()
    one.page.reload()
    one.page.unroute("**/keep/")
    one.page.locator("#conflict:not([hidden])").wait_for()
    assert one.page.input_value("#f-aim") == "From the first tab"
    assert "From the second tab" in one.page.inner_text("#conflict-rows")
    one.page.click("#take-saved")
    one.wait("() => document.querySelector('#f-aim').value === 'From the second tab'")
    assert one.page.evaluate(LEFT) == 0


def test_signing_out_leaves_nothing_typed(desk: Sit) -> None:
    one = desk()
    one.forgive("ERR_FAILED", "Failed to load")
    begin(one)
    one.page.route("**/keep/", lambda route: route.abort())
    type_at(one, "place", "180 Derry Rd E")
    one.page.goto(f"{one.url}/deployments/")
    assert one.page.evaluate(LEFT) == 1
    one.page.click("form[data-sign-out] button:not([type=button])")
    one.page.wait_for_load_state()
    assert one.page.evaluate(LEFT) == 0


def test_two_tabs_and_the_person_chooses(desk: Sit) -> None:
    one = desk()
    one.forgive("409")
    name = begin(one)
    other = one.context.new_page()
    other.goto(f"{one.url}/deployments/{name}/need/")
    one.page.goto(f"{one.url}/deployments/{name}/need/")
    type_at(one, "aim", "From the first tab")
    until_kept(one)
    other.fill("#f-aim", "From the second tab")
    other.locator("#conflict:not([hidden])").wait_for()
    rows = other.inner_text("#conflict-rows")
    assert "From the first tab" in rows and "From the second tab" in rows
    assert "Not saved" in other.inner_text("#saved")
    assert other.input_value("#f-aim") == "From the second tab"
    other.click("#take-saved")
    other.wait_for_load_state()
    assert other.input_value("#f-aim") == "From the first tab"


def test_when_the_console_does_not_answer_the_text_stays_and_is_kept_later(desk: Sit) -> None:
    one = desk()
    one.forgive("ERR_FAILED", "Failed to load")
    begin(one)
    one.page.route("**/keep/", lambda route: route.abort())
    type_at(one, "place", "180 Derry Rd E")
    one.wait(
        "() => document.querySelector('#saved').textContent.startsWith('Not saved: the console does not')"
    )
    one.page.unroute("**/keep/")
    until_kept(one)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_screen(desk: Sit, theme: str) -> None:
    """Axe finds nothing and nothing runs off the side, in three sizes, empty and with mistakes."""
    one = desk(theme=theme)
    one.forgive("422")
    name = begin(one)
    pages = ["/deployments/", "/deployments/map/", "/deployments/new/", f"/deployments/{name}/"]
    pages += [f"/deployments/{name}/{section}/" for section in (*SECTIONS, "check", "withdraw")]
    for path in pages:
        one.page.goto(one.url + path)
        for width, height in SIZES:
            one.page.set_viewport_size({"width": width, "height": height})
            assert fits(one), (path, width)
        assert complaints(one) == "", path
        save = one.page.locator("#save")
        if save.count():
            one.page.set_viewport_size({"width": 1280, "height": 720})
            save.click()
            one.page.wait_for_load_state()
            if one.page.locator("#summary").count():
                assert complaints(one) == "", f"{path} with mistakes"
                assert re.search(r"Not saved yet", one.page.inner_text("#summary"))
