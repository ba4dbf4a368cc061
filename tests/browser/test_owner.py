"""The owner on a phone: give, see what is on, withdraw, read each sensor's confirmation; three languages."""

from __future__ import annotations

import email
import email.policy
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from bench.driving import until
from tests.browser.staff import staff
from tests.running import RunningConsole

PICTURES = Path(os.environ["CSOC_PICTURES"]) if os.environ.get("CSOC_PICTURES") else None
#: A trailer of the simulator that no other browser test speaks to.
NUMBER = 3
PHONE = {"width": 390, "height": 844}
SIZES = (PHONE, {"width": 320, "height": 640}, {"width": 1280, "height": 720})


def newest_mail(console: RunningConsole, pattern: str, after: float) -> str:
    """What the worker wrote into the mailbox since ``after``: the part that ``pattern`` finds."""

    def look() -> str:
        for file in sorted((console.data / "mailbox").glob("*.log"), reverse=True):
            if file.stat().st_mtime < after:
                continue
            raw = file.read_bytes().rpartition(b"\n" + b"-" * 79)[0]
            told: Any = email.message_from_bytes(raw, policy=email.policy.default)
            if found := re.search(pattern, told.get_content()):
                return found[1]
        return ""

    return str(until(look, 30, f"a mail with {pattern}"))


def clean(page: Page) -> list[str]:
    """What axe has against the page."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'][:90] for node in one['nodes']][:3]}" for one in found]


def picture(page: Page, name: str) -> None:
    """Save what the phone shows."""
    if PICTURES:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"owner-{name}.png", full_page=True)


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A phone: ``opened(scheme="dark", script=False)``; nothing it asks for leaves the console."""
    contexts = []

    def make(scheme: str = "light", *, script: bool = True) -> Page:
        context = browser.new_context(viewport=PHONE, color_scheme=scheme, java_script_enabled=script)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


def let_in(page: Page, console: RunningConsole, link: str) -> None:
    """From the neutral page through the code to the owner's page."""
    began = time.time()
    page.goto(link)
    page.get_by_role("button", name="Send me the code").click()
    page.get_by_label("Six digits").fill(newest_mail(console, r"\b(\d{6})\b", began))
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/page/")


def judged(page: Page, name: str, faults: list[str]) -> None:
    """Axe is silent and nothing is wider than the screen, at each size and in each theme."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for size in SIZES:
            page.set_viewport_size(size)
            if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                faults.append(f"{name}, {scheme}: wider than {size['width']}")
            picture(page, f"{name}-{scheme}-{size['width']}")
        page.set_viewport_size(PHONE)
        faults += [f"{name}, {scheme}: {fault}" for fault in clean(page)]
    page.emulate_media(color_scheme="light")


def test_the_owners_story(console: RunningConsole, opened: Callable[..., Page], measured: Any) -> None:
    began = time.time()
    number = staff(console, "owners", "ask", NUMBER)
    link = newest_mail(console, r"(http\S+/consent/\S+)", began)
    phone = opened()
    strangers: list[str] = []
    faults: list[str] = []
    phone.on("request", lambda asked: strangers.append(asked.url) if console.url not in asked.url else None)
    phone.goto(link)
    judged(phone, "start", faults)
    assert number not in phone.content()
    let_in(phone, console, link)
    judged(phone, "ask", faults)
    for language in ("fr", "pa"):
        phone.goto(f"{phone.url.partition('?')[0]}?lang={language}")
        assert phone.evaluate("document.documentElement.lang") == language
        judged(phone, f"ask-{language}", faults)
    phone.get_by_role("link", name="English").click()
    phone.get_by_label("Your conditions").fill("Not in front of the side door.")
    phone.get_by_label("I am the owner").check()
    phone.get_by_role("button", name="Yes, I agree").click()
    phone.get_by_role("heading", name="You said yes").wait_for()
    picture(phone, "given-before")

    assert staff(console, "owners", "stand", NUMBER) == number
    phone.get_by_text("Keeps 3 s of sound").locator("xpath=../..").get_by_text("On", exact=True).wait_for(
        timeout=60_000
    )
    judged(phone, "given", faults)

    phone.get_by_role("link", name="Withdraw my consent").click()
    judged(phone, "withdraw", faults)
    pressed = time.monotonic()
    phone.get_by_role("button", name="Yes, withdraw now").click()
    phone.get_by_role("heading", name="You withdrew your consent.").wait_for()
    measured("owner's press to the page that says so", (time.monotonic() - pressed) * 1000)
    phone.get_by_role("heading", name="Every sensor has stopped").wait_for(timeout=30_000)
    measured(
        "owner's press to every sensor's own confirmation on the page", (time.monotonic() - pressed) * 1000
    )
    assert phone.get_by_text("Confirmed off").count() == 4
    phone.get_by_text(re.compile(r"Entry [\d,]+ · [0-9a-f]{4}")).wait_for(timeout=15_000)
    judged(phone, "withdrawn", faults)
    with phone.expect_download() as saved:
        phone.get_by_role("link", name="Save this page as a receipt").click()
    receipt = Path(saved.value.path()).read_text("utf-8")
    assert "Confirmed off" in receipt and "Entry " in receipt and number in receipt
    for language in ("fr", "pa"):
        phone.goto(f"{phone.url.partition('?')[0]}?lang={language}")
        judged(phone, f"withdrawn-{language}", faults)
    assert strangers == [], "nothing is asked of anybody else"
    assert faults == []


def test_without_script(console: RunningConsole, opened: Callable[..., Page]) -> None:
    began = time.time()
    staff(console, "owners", "ask", NUMBER)
    phone = opened(script=False)
    let_in(phone, console, newest_mail(console, r"(http\S+/consent/\S+)", began))
    phone.get_by_label("I am the owner").check()
    phone.get_by_role("button", name="Yes, I agree").click()
    phone.get_by_role("link", name="Withdraw my consent").click()
    phone.get_by_role("button", name="Yes, withdraw now").click()
    phone.get_by_role("heading", name="Nothing was switched on").wait_for()


def test_the_demonstrations_mailbox(console: RunningConsole, opened: Callable[..., Page]) -> None:
    began = time.time()
    staff(console, "owners", "ask", NUMBER)
    newest_mail(console, r"(http\S+/consent/\S+)", began)
    page = opened()
    page.goto(f"{console.url}/demo/mailbox/")
    assert "Demonstration" in page.inner_text("body")
    picture(page, "mailbox")
    page.locator("a[href*='/consent/']").first.click()
    page.get_by_role("heading", name="This link is for one person").wait_for()
