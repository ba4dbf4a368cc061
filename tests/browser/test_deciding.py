"""A supervisor decides by keyboard, and ends what stands: looked at in both themes and two sizes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bench.driving import Person
from tests.browser.desk import Desk
from tests.browser.staff import staff
from tests.browser.test_pages import complaints, fits
from tests.running import RunningConsole

ROOT = Path(__file__).resolve().parents[2]
DEPOT = 11
SIZES = ((1280, 720), (1920, 1080))
#: The simulator confirms within a heartbeat of its command.
CONFIRMED_WITHIN_MS = 30_000


def look(desk: Desk, name: str) -> None:
    """Judge the page in both themes and sizes; keep pictures where ``CSOC_PICTURES`` names a folder."""
    folder = os.environ.get("CSOC_PICTURES")
    for theme in ("light", "dark"):
        desk.page.evaluate("t => { document.documentElement.className = t; }", theme)
        for width, height in SIZES:
            desk.page.set_viewport_size({"width": width, "height": height})
            assert fits(desk), (name, theme, width)
            if folder:
                desk.page.wait_for_timeout(150)
                desk.page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png")
        assert complaints(desk) == "", (name, theme)
    desk.page.set_viewport_size({"width": 1280, "height": 720})


@pytest.fixture
def waiting(console: RunningConsole, supervisor: Person) -> str:
    """An application that was returned and sent again; what comes of it is ended afterwards."""
    return staff(console, "deciders", "waiting", DEPOT)


def test_decided_by_keyboard_on_what_was_read(
    desk: Callable[..., Desk], console: RunningConsole, waiting: str, supervisor: Person
) -> None:
    dana = desk().sign_in("supervisor", f"/deployments/{waiting}/decide/")
    dana.forgive("409", "422")
    page = dana.page
    assert page.locator("ins", has_text="doubled on 26 April").is_visible()
    assert page.locator("del", has_text="on").first.is_visible()
    assert page.locator(".dd-changed").count() >= 3
    assert page.locator(".dd-conditions li").count() == 6
    assert page.locator(".dd-fails").count() == 0
    look(dana, "decide")
    dana.tab_to("#id_words", most=80)
    page.keyboard.type("Threat is current and specific.")
    # Meanwhile the applicant takes it back, changes it and sends it again.
    staff(console, "deciders", "stale", DEPOT)
    dana.tab_to("form .btn-primary")
    page.keyboard.press("Enter")
    page.locator("#refused").wait_for()
    assert page.locator(".dd-meanwhile ins", has_text="and a meeting").is_visible()
    assert page.input_value("#id_words") == "Threat is current and specific."
    look(dana, "decide-stale")
    # Read again, and now decided: one press.
    dana.tab_to("form .btn-primary", most=80)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/deployments/{waiting}/")
    page.goto(f"{dana.url}/deployments/{waiting}/decide/")
    assert page.get_by_text("Threat is current and specific.").is_visible()
    assert page.locator("form .btn-primary").count() == 0
    ended = supervisor.post(f"/api/v1/deployments/{waiting}/deactivate/", {"reason": "need_ended"})
    assert ended.status_code == 200, ended.text


def test_the_applicant_finds_no_buttons(desk: Callable[..., Desk], waiting: str, supervisor: Person) -> None:
    ines = desk().sign_in("applicant", f"/deployments/{waiting}/decide/")
    assert ines.page.get_by_text("so another person decides").is_visible()
    assert ines.page.locator("main form, aside form").count() == 0
    look(ines, "decide-own")
    bound = ines.page.locator(".dd-bound .mono").get_attribute("title")
    told = supervisor.get(f"/api/v1/deployments/{waiting}/").json()
    assert bound == told["content_hash"]


def test_ended_in_one_press_and_confirmed_by_the_trailer(desk: Callable[..., Desk], stands: str) -> None:
    name = stands
    dana = desk().sign_in("supervisor", f"/deployments/{name}/")
    page = dana.page
    assert page.locator("[data-until-s]").is_visible()
    look(dana, "active")
    for where in ("tighten", "review", "end"):
        page.goto(f"{dana.url}/deployments/{name}/{where}/")
        look(dana, where)
    page.goto(f"{dana.url}/deployments/overview/")
    assert page.get_by_role("link", name=name).first.is_visible()
    look(dana, "overview")
    page.goto(f"{dana.url}/deployments/{name}/")
    dana.tab_to("form .btn-danger", most=80)
    page.keyboard.press("Enter")
    page.get_by_text("Ended on").wait_for()
    look(dana, "ending")
    page.get_by_text("Every sensor has confirmed.").wait_for(timeout=CONFIRMED_WITHIN_MS)
    assert page.locator(".dd-off").count() == 4
    look(dana, "ended")
    page.goto(f"{dana.url}/deployments/{name}/report/")
    assert page.get_by_text("confirmed off", exact=False).count() + page.get_by_text("Confirmed off").count()
    look(dana, "report")
    with httpx.Client(
        base_url=dana.url, cookies={c["name"]: c["value"] for c in dana.context.cookies()}
    ) as http:
        pdf = http.get(f"/deployments/{name}/report.pdf")
    assert pdf.status_code == 200 and pdf.content.startswith(b"%PDF-")
    if folder := os.environ.get("CSOC_PICTURES"):
        Path(folder, "report.pdf").write_bytes(pdf.content)
