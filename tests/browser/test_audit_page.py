"""The privacy officer at work: who watched a trailer and why, by pointer, by keys and without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import expect

from bench.driving import Person, until
from tests.browser.desk import Desk
from tests.browser.test_pages import complaints, fits
from tests.running import RunningConsole

QUESTION = 'verb:video.live.* object:TRL-0002 since:"yesterday 22:00"'


@pytest.fixture
def watched(console: RunningConsole, supervisor: Person, simulate: Callable[..., str]) -> int:
    """A dispatcher watched trailer 02, with a CAD number; returns the entry's index once it is sealed."""
    alert = simulate("TRL-0002", rounds=2)
    version = supervisor.acknowledge(alert).json()["version"]
    reason = {"reason": {"code": "gunshot", "cad": "26-118204"}}
    answer = supervisor.post(f"/api/v1/alerts/{alert}/live-view/", reason)
    assert answer.status_code == 201, answer.text
    supervisor.close(alert, version)
    found: list[int] = []

    def sealed() -> bool:
        query = "SELECT max(idx) FROM audit_log WHERE verb = 'video.live.open' AND cad = '26-118204'"
        with psycopg.connect(console.info["database_url"]) as connection:
            row = connection.execute(query).fetchone()
        found[:] = [row[0]] if row and row[0] is not None else []
        return bool(found)

    until(sealed, 10, "the view is sealed")
    return found[0]


def test_who_watched_and_why_takes_three_presses(desk: Callable[..., Desk], watched: int) -> None:
    here = desk().sign_in("privacy_officer", "/audit/")
    here.page.get_by_text("Who watched…").click()
    here.page.locator("#watched").select_option("TRL-0002")
    here.page.locator("#watched ~ *, .audit-form .btn-primary").first.click()
    expect(here.page.locator("#q")).to_have_value(QUESTION)
    row = here.page.locator(f'tr[data-entry="{watched}"]')
    expect(row).to_contain_text("Dana Okafor opened live view of trailer 02, gunshot response, CAD 26-118204")
    row.get_by_role("link").first.click()
    panel = here.page.locator("#audit-panel")
    expect(panel).to_contain_text("gunshot response, CAD 26-118204")
    expect(panel).to_contain_text("The line, exactly as sealed")
    assert '"cad":"26-118204"' in panel.locator(".audit-line").inner_text()


def test_the_same_by_keys_alone(desk: Callable[..., Desk], watched: int) -> None:
    here = desk().sign_in("privacy_officer", "/audit/")
    here.page.keyboard.press("/")
    here.page.keyboard.type("who watched trailer 02 yesterday after 22:00, and why?")
    here.page.keyboard.press("Enter")
    here.page.locator(".audit-terms li").nth(2).wait_for()
    assert here.page.locator(".audit-terms li bdi").all_inner_texts() == [
        "verb:video.live.*", "object:TRL-0002", 'since:"yesterday 22:00"'
    ]  # fmt: skip
    here.page.keyboard.press("j")
    here.page.keyboard.press("j")
    here.page.keyboard.press("k")
    focused = here.page.evaluate("document.activeElement.closest('tr').dataset.entry")
    assert focused == here.page.locator("tr[data-entry]").first.get_attribute("data-entry")
    here.page.keyboard.press("Enter")
    expect(here.page.locator("#audit-panel")).to_be_visible()


def test_parts_are_taken_away_and_a_mistake_is_pointed_at(desk: Callable[..., Desk], watched: int) -> None:
    here = desk().sign_in("privacy_officer", f"/audit/?q={quote(QUESTION)}")
    here.page.locator(".audit-terms a").first.click()
    expect(here.page.locator("#q")).to_have_value('object:TRL-0002 since:"yesterday 22:00"')
    here.page.fill("#q", "object:TRL-0002 sinc:today")
    here.page.keyboard.press("Enter")
    expect(here.page.locator("#q-error")).to_contain_text("Did you mean since:")
    expect(here.page.locator("#q-error mark")).to_have_text("sinc:")
    expect(here.page.locator("#q")).to_have_value("object:TRL-0002 sinc:today")
    assert here.page.locator(".audit-table").count() == 0
    assert complaints(here) == ""


def test_a_line_is_verified_again_and_copied_with_its_proof(desk: Callable[..., Desk], watched: int) -> None:
    here = desk(permissions=["clipboard-read", "clipboard-write"])
    here.sign_in("privacy_officer", f"/audit/?q={quote(QUESTION)}&entry={watched}")
    here.page.get_by_role("button", name="Verify again here").click()
    expect(here.page.locator(".audit-again li")).not_to_have_count(0)
    assert here.page.locator(".audit-again .fault").count() == 0
    assert here.page.locator("tr[data-entry]").count() >= 1, "the list stayed"
    here.page.get_by_text("Copy line and proof").click()
    expect(here.page.get_by_text("Copied")).to_be_visible()
    text = here.page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("c2sp.org/tlog-proof@v1\nextra ") and f"\nindex {watched}\n" in text


def test_all_of_it_works_without_script(desk: Callable[..., Desk], watched: int) -> None:
    here = desk(java_script_enabled=False)
    here.sign_in("privacy_officer", "/audit/")
    here.page.fill("#q", "watched 2 26-118204")
    here.page.keyboard.press("Enter")
    here.page.locator(f'tr[data-entry="{watched}"] a').first.click()
    here.page.get_by_role("button", name="Verify again here").click()
    here.page.locator(".audit-again li").first.wait_for()
    with here.page.expect_download() as download:
        here.page.get_by_text("Download line and proof").click()
    assert download.value.suggested_filename == f"entry-{watched}.tlog-proof"


def test_the_strip_stays_true_while_the_page_is_open(
    desk: Callable[..., Desk], watched: int, console: RunningConsole
) -> None:
    here = desk().sign_in("privacy_officer", "/audit/")
    count = "document.querySelector('.audit-strip').textContent.match(/([\\d,]+)\\s+entr/)[1]"
    before = here.page.evaluate(count)
    Person(console.info, "dispatcher").http.close()
    here.wait(f"before => {count} !== before", before, seconds=15)
    here.forgive("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
    here.context.set_offline(True)
    expect(here.page.locator(".audit-strip")).to_contain_text("the console does not answer", timeout=15_000)
    here.context.set_offline(False)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_panel_menus_and_timelines_have_nothing_against_them(
    desk: Callable[..., Desk], watched: int, theme: str
) -> None:
    here = desk(theme=theme).sign_in("privacy_officer", f"/audit/?q={quote(QUESTION)}&entry={watched}")
    assert complaints(here) == ""
    for menu in here.page.locator(".audit-menu").all():
        menu.locator("summary").click()
        assert complaints(here) == ""
        here.page.keyboard.press("Escape")
    here.page.locator("#audit-panel dd a", has_text="trailer 02").click()
    expect(here.page.locator("h2")).to_contain_text("trailer 02")
    expect(here.page.locator(f"#entry-{watched}")).to_have_attribute("aria-selected", "true")
    assert complaints(here) == ""
    assert re.search(r"entries [\d,]+ to [\d,]+ by the log", here.page.inner_text("main"))


@pytest.mark.parametrize("width", [320, 800])
def test_it_fits_a_narrow_window(desk: Callable[..., Desk], watched: int, width: int) -> None:
    here: Any = desk(viewport={"width": width, "height": 700})
    here.sign_in("privacy_officer", f"/audit/?q={quote(QUESTION)}&entry={watched}")
    assert fits(here)
