"""Every page that a person meets: axe finds nothing in either theme, and forms fit 320 px."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.desk import Desk

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAGES = {
    "account": ("dispatcher", "/account/"),
    "access": ("administrator", "/access/"),
    "access-add": ("administrator", "/access/add/"),
    "audit": ("privacy_officer", "/audit/"),
    "retention": ("privacy_officer", "/retention/"),
    "matrix": ("supervisor", "/deployments/matrix/"),
    "matrix-propose": ("supervisor", "/deployments/matrix/propose/"),
    "places": ("applicant", "/deployments/places/"),
    "places-import": ("supervisor", "/deployments/places/import/"),
    "area": ("supervisor", "/deployments/area/"),
}


def complaints(desk: Desk) -> str:
    """What axe has against the page; empty when nothing."""
    found = Axe().run(desk.page, options=RULES)
    return str(found.generate_report()) if found.violations_count else ""


def fits(desk: Desk) -> bool:
    """Whether the page does not scroll sideways."""
    return bool(desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_way_in(desk: Callable[..., Desk], theme: str) -> None:
    """Sign-in, a wrong password, and the second factor."""
    here = desk(theme=theme)
    here.forgive("400", "401", "403", "422")
    here.page.goto(f"{here.url}/accounts/login/")
    assert complaints(here) == ""
    person = here.info["people"]["technician"]
    here.page.fill("#id_login", person["username"])
    here.page.fill("#id_password", "not the password")
    here.page.keyboard.press("Enter")
    here.page.locator("[role=alert]").first.wait_for()
    assert complaints(here) == ""
    here.page.fill("#id_login", person["username"])
    here.page.fill("#id_password", person["password"])
    here.page.keyboard.press("Enter")
    here.page.locator("input[autocomplete=one-time-code]").wait_for()
    assert complaints(here) == ""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page(desk: Callable[..., Desk], name: str, theme: str) -> None:
    role, where = PAGES[name]
    here = desk(theme=theme).sign_in(role, where)
    assert here.page.url == here.url + where
    assert complaints(here) == ""
    if name == "audit":
        here.page.locator(".audit-table td a").first.click()
        here.page.locator(".audit-side").wait_for()
        assert complaints(here) == ""
    if name == "access":
        here.page.get_by_role("link", name="Maxime Roy").click()
        here.page.get_by_role("button", name="Save the roles").wait_for()
        assert complaints(here) == ""
        here.page.get_by_role("link", name="Add another sign-in").click()
        here.page.get_by_role("button", name="Add this sign-in").wait_for()
        assert complaints(here) == ""


@pytest.mark.parametrize("where", ["/accounts/login/", "/account/", "/access/", "/access/add/"])
def test_forms_fit_a_narrow_window(desk: Callable[..., Desk], where: str) -> None:
    here = desk(viewport={"width": 320, "height": 640})
    if "login" in where:
        here.page.goto(here.url + where)
    else:
        here.sign_in("administrator", where)
    assert fits(here), where
