"""From an incident to an end, by keyboard alone, in at most twelve pages; every page is reloaded on the way.

The trailer is the demonstration's one that stands in the depot: a real agent speaks for it. The owner's
phone is a screen of its own.
"""

from __future__ import annotations

import email
import os
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email import policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from bench.driving import until
from tests.browser.desk import Desk
from tests.running import RunningConsole

TRAILER = "TRL-0011"
LAT, LON = "43.65", "-79.65"
LOCAL = ZoneInfo("America/Toronto")
MOST_PAGES = 12


def photograph(page: Page, name: str) -> None:
    """Take the page in both themes and two sizes, where ``CSOC_PICTURES`` names a folder."""
    folder, was = os.environ.get("CSOC_PICTURES"), page.viewport_size
    for theme in ("light", "dark") if folder else ():
        other = "dark" if theme == "light" else "light"
        page.evaluate("([was, is]) => document.documentElement.classList.replace(was, is)", [other, theme])
        for width, height in ((1280, 720), (1920, 1080)) if was and was["width"] > 400 else ((390, 844),):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(150)
            page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png")
    if folder and was:
        page.set_viewport_size(was)


class Keys:
    """A person at a screen who has no pointer, and who reloads every page before going on."""

    def __init__(self, desk: Desk, seen: set[str]) -> None:
        self.desk, self.page, self.seen = desk, desk.page, seen

    def fill(self, **texts: str) -> None:
        """Tab to each field by its name and type over what is in it."""
        for name, text in texts.items():
            self.desk.tab_to(f'[name="{name}"]', most=150)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text)

    def choose(self, name: str, value: str) -> None:
        """Tab to a group of choices and go to one of them with the arrow keys."""
        self.desk.tab_to(f'[name="{name}"]', most=150)
        for _ in range(12):
            if self.page.evaluate(
                "v => document.activeElement.value === v && document.activeElement.checked", value
            ):
                return
            self.page.keyboard.press("ArrowRight")
        raise AssertionError(f"the arrow keys never reached {value} of {name}")

    def select(self, name: str, words: str) -> None:
        """Tab to a list and type what it begins with."""
        self.desk.tab_to(f'[name="{name}"]', most=150)
        self.page.keyboard.type(words)

    def tick(self, name: str) -> None:
        """Tab to a box and press Space, unless it is ticked."""
        self.desk.tab_to(f'[name="{name}"]', most=150)
        if not self.page.evaluate("() => document.activeElement.checked"):
            self.page.keyboard.press("Space")

    def press(self, selector: str) -> None:
        """Tab to a button or a link, press Enter, and wait for where it leads."""
        self.desk.tab_to(selector, most=200)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.here()

    def here(self) -> None:
        """Count the page that we are on."""
        path = urlsplit(self.page.url).path
        self.seen.add(re.sub(r"/DEP-[^/]+", "/DEP", path))

    def reload(self, *names: str) -> None:
        """Wait until what was typed is kept, reload, and find every field as it was."""
        before = {name: self._value(name) for name in names}
        with self.page.expect_response(lambda answer: answer.url.endswith("/keep/") and answer.ok):
            pass
        self.page.reload()
        assert {name: self._value(name) for name in names} == before

    def _value(self, name: str) -> Any:
        script = """n => [...document.querySelectorAll(`[name="${n}"]`)].map(
            e => /radio|checkbox/.test(e.type) ? (e.checked ? e.value : "") : e.value).join("|")"""
        return self.page.evaluate(script, name)


@pytest.fixture
def sit(browser: Browser, console: RunningConsole) -> Any:
    """Sit somebody down without emptying the queue; every screen is judged at the end."""
    desks: list[Desk] = []

    def one(**more: Any) -> Desk:
        desks.append(Desk(browser, console, **more))
        return desks[-1]

    yield one
    for desk in desks:
        desk.leave()


def test_from_the_incident_to_the_end_by_keyboard(
    sit: Callable[..., Desk], console: RunningConsole, measured: Callable[[str, float], None]
) -> None:
    seen: set[str] = set()
    name, phone = _apply(Keys(sit(theme="light").sign_in("applicant", "/deployments/"), seen), sit, console)
    _authorise(Keys(sit().sign_in("supervisor", f"/deployments/{name}/decide/"), seen), name)
    _install(Keys(sit().sign_in("technician", f"/deployments/{name}/installation/"), seen), name)
    assert len(seen) <= MOST_PAGES, sorted(seen)
    _withdraw(phone, measured)


def _apply(keys: Keys, sit: Callable[..., Desk], console: RunningConsole) -> tuple[str, Desk]:
    keys.here()
    keys.press('a[href$="/deployments/new/"]')
    keys.select("trailer", "11")
    keys.fill(site="Depot Yard <script>alert(1)</script>", address="1 Invented Way")
    keys.press(".answers button")
    name = re.search(r"DEP-\d{4}-\d{4,}", keys.page.url)[0]  # type: ignore[index]
    if not keys.page.url.endswith(f"/{name}/"):
        keys.page.goto(f"{console.url}/deployments/{name}/")
        keys.here()
    photograph(keys.page, "deployment-tasks")
    keys.press(f'a[href$="/{name}/incident/"]')
    _incident(keys)
    _risk(keys)
    _need(keys)
    _place(keys)
    phone = _consent(keys, sit, console, name)
    _privacy(keys)
    photograph(keys.page, "deployment-check")
    assert keys.page.locator("script:not([src])").count() == 0
    keys.press("#send")
    return name, phone


def _incident(keys: Keys) -> None:
    reported = datetime.now(LOCAL) - timedelta(hours=9)
    keys.fill(cad=f"PR26-{int(time.time()) % 10_000_000:07d}")
    keys.choose("kind", "firearms")
    keys.fill(place="In the yard", reported_date=f"{reported:%Y-%m-%d}", reported_time=f"{reported:%H:%M}")
    keys.reload("cad", "kind", "place", "reported_date", "reported_time")
    photograph(keys.page, "deployment-incident")
    keys.press("#save")


def _risk(keys: Keys) -> None:
    factors = keys.page.eval_on_selector_all("[data-factor]", "all => all.map(e => e.dataset.factor)")
    assert len(factors) == 6
    for factor, level in zip(factors, "443210", strict=True):
        why = keys.page.locator(
            f'[data-factor="{factor}"] input[type=text], [data-factor="{factor}"] textarea'
        )
        keys.fill(**{str(why.first.get_attribute("name")): "On record"})
        radio = keys.page.locator(f'[data-factor="{factor}"] input[type=radio]').first
        keys.choose(str(radio.get_attribute("name")), level)
    assert keys.page.locator("#score-total").inner_text() == "14"
    keys.reload(
        *(
            str(n)
            for n in keys.page.eval_on_selector_all(".factor [name]", "a => [...new Set(a.map(e => e.name))]")
        )
    )
    photograph(keys.page, "deployment-risk")
    keys.press("#save")


def _need(keys: Keys) -> None:
    now = datetime.now(LOCAL).replace(second=0, microsecond=0)
    ends = now + timedelta(days=7)
    keys.fill(
        aim="See within seconds where shots come from.", alternatives="Patrols were doubled, without effect."
    )
    for module in ("acoustic", "ptz"):
        keys.tick(f"on-{module}")
        keys.fill(**{f"why-{module}": "Shots were fired here twice."})
    keys.fill(
        starts_date=f"{now:%Y-%m-%d}", starts_time=f"{now:%H:%M}", ends_date=f"{ends:%Y-%m-%d}",
        ends_time=f"{ends:%H:%M}",
    )  # fmt: skip
    keys.reload(
        "aim", "alternatives", "on-acoustic", "why-acoustic", "on-ptz", "on-alpr", "ends_date", "ends_time"
    )
    photograph(keys.page, "deployment-need")
    keys.press("#save")


def _place(keys: Keys) -> None:
    keys.fill(lat=LAT, lon=LON, heading_deg="0")
    sector = keys.page.locator(".sector [name]")
    names = [str(sector.nth(n).get_attribute("name")) for n in range(3)]
    keys.fill(**dict(zip(names, ("96", "138", "School windows"), strict=True)))
    keys.fill(speaker_ceiling_pct="0")
    keys.reload("lat", "lon", "heading_deg", *names, "speaker_ceiling_pct")
    photograph(keys.page, "deployment-place")
    keys.press("#save")


def _consent(keys: Keys, sit: Callable[..., Desk], console: RunningConsole, name: str) -> Desk:
    mail = f"owner-{time.time_ns()}@example.org"
    form = 'form[action$="/consent/link/"]'
    keys.desk.tab_to(f"{form} [name=capacity]", most=150)
    keys.page.keyboard.press("Space")
    for field, text in (("owner_name", "Marisol Invented"), ("owner_email", mail)):
        keys.desk.tab_to(f'{form} [name="{field}"]')
        keys.page.keyboard.type(text)
    keys.press(f"{form} button")
    photograph(keys.page, "deployment-consent")
    phone = sit(theme="light", viewport={"width": 390, "height": 844})
    phone.page.goto(letter(console, r"http\S+/consent/\S+"))
    owner = Keys(phone, set())
    owner.press('form[action$="/send/"] button')
    phone.tab_to("[name=code]")
    phone.page.keyboard.type(letter(console, r"\b\d{6}\b"))
    owner.press('form[action$="/check/"] button')
    photograph(phone.page, "owner-asked")
    owner.tick("declare")
    owner.press('form[action$="/yes/"] .pair button:first-child')
    photograph(phone.page, "owner-given")
    keys.page.reload()
    if keys.page.locator('a[href$="/privacy/"].btn-primary').count():
        keys.press('a[href$="/privacy/"].btn-primary')
    else:
        keys.page.goto(f"{console.url}/deployments/{name}/privacy/")
    keys.here()
    return phone


def letter(console: RunningConsole, wanted: str) -> str:
    """What the newest mail of the demonstration's mailbox says, as soon as it says that."""

    def newest() -> str | None:
        files = list((console.data / "mailbox").glob("*"))
        last = max(files, key=lambda file: file.stat().st_mtime_ns, default=None)
        found = re.search(wanted, _plain(last)) if last else None
        return found[0] if found else None

    return str(until(newest, 20, "the mail"))


def _plain(path: Path) -> str:
    # The file back end puts a line of hyphens after each message.
    text = path.read_text("utf-8").split("\n" + "-" * 79)[0]
    return str(email.message_from_string(text, policy=policy.default).get_content())  # type: ignore[attr-defined]


def _privacy(keys: Keys) -> None:
    keys.fill(signage="Signs at both gates, in English and French.", notice="A letter to every tenant.")
    if keys.page.locator('select[name="retention_class"]').count():
        keys.select("retention_class", "Deployment")
    else:
        keys.choose("retention_class", "deployment-record")
    keys.reload("signage", "notice", "retention_class")
    photograph(keys.page, "deployment-privacy")
    keys.press("#save")


def _authorise(keys: Keys, name: str) -> None:
    keys.here()
    keys.fill(words="Threat is current and specific. Review at one week.")
    photograph(keys.page, "deployment-decide")
    keys.press(".dd-form .btn-primary")
    assert keys.page.locator("#content").inner_text()


def _install(keys: Keys, name: str) -> None:
    keys.here()
    keys.press('form[action$="/installation/open/"] button')
    keys.fill(value="0")
    keys.press("form:has(#heading) button")
    for item in ("masks", "speaker"):
        form = f'form:has([name=item][value="{item}"])'
        if keys.page.locator(form).count():
            keys.press(f"{form} button")
    keys.press('form[action$="/test-alert/"] button')
    _until_passed(keys)
    keys.press('form[action$="/installation/complete/"] button')
    photograph(keys.page, "deployment-installation")
    keys.press('form[action$="/installation/activate/"] button')
    keys.page.goto(keys.desk.url + f"/deployments/{name}/")
    keys.here()
    photograph(keys.page, "deployment-active")


def _until_passed(keys: Keys) -> None:
    """Read again until the trailer's test alert has come."""

    def passed() -> bool:
        keys.page.reload()
        return "passed" in keys.page.locator("tr:has(form[action$='/test-alert/'])").inner_text().replace(
            "not passed", ""
        )

    until(passed, 20, "the trailer's test alert")


def _withdraw(phone: Desk, measured: Callable[[str, float], None]) -> None:
    owner = Keys(phone, set())
    # Until the trailer says that a sensor is on there is nothing to confirm off.
    phone.page.reload()
    phone.page.locator(".word-on").first.wait_for(timeout=30_000)
    owner.press('a[href$="/withdraw/"]')
    begun = time.monotonic()
    owner.press('form[action$="/withdraw/"] button')
    phone.page.get_by_text(re.compile("Confirmed off")).first.wait_for()
    measured(
        "owner's last press -> the first sensor confirmed off on the phone", (time.monotonic() - begun) * 1000
    )
    photograph(phone.page, "owner-withdrawn")
    assert (time.monotonic() - begun) < 5
