"""Pictures of a running console: the ones in docs/pictures, or every page in both themes and two sizes.

``python -m tests.browser.pictures docs/pictures`` takes the README's few at 1280x720;
``python -m tests.browser.pictures --all FOLDER`` takes everything, for holding beside the design.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from bench.driving import Person, Speaker
from tests.browser.desk import SWITCHES, Desk, chromium
from tests.running import RunningConsole

MOST_BYTES = 280_000
SIZES = ((1280, 720), (1920, 1080))
README = {"board-empty", "board-unacknowledged", "live-video", "plate-lookalike", "audit"}
OTHERS = {
    "account": ("dispatcher", "/account/"),
    "access": ("administrator", "/access/"),
    "audit": ("privacy_officer", "/audit/"),
    "retention": ("privacy_officer", "/retention/"),
}


def calm(path: Path, box: dict[str, float]) -> None:
    """Take the grain (the lowest bits) out of the camera's part of a picture; the page's colours stay."""
    pixels = np.array(Image.open(path).convert("RGB"))
    x, y, width, height = (int(box[name]) for name in ("x", "y", "width", "height"))
    pixels[y : y + height, x : x + width] &= 0xF8
    Image.fromarray(pixels).save(path, optimize=True)


class Photographer:
    """Takes one theme's pictures into a folder."""

    def __init__(
        self, browser: Browser, console: RunningConsole, theme: str, folder: Path, *, all_of_them: bool
    ):
        self.browser, self.console, self.theme, self.folder = browser, console, theme, folder
        self.all = all_of_them
        self.supervisor = Person(console.info, "supervisor-2")
        self.roy = Person(console.info, "dispatcher-2")

    def take(self, desk: Desk, name: str) -> None:
        """Save what the desk shows, in one size or in both."""
        if not self.all and name not in README:
            return
        for width, height in SIZES if self.all else SIZES[:1]:
            desk.page.set_viewport_size({"width": width, "height": height})
            desk.page.wait_for_timeout(600 if desk.page.url.endswith("/live/") else 100)
            size = f"-{width}" if self.all else ""
            path = self.folder / f"{name}-{self.theme}{size}.png"
            desk.page.screenshot(path=path)
            if not self.all and path.stat().st_size > MOST_BYTES:
                calm(path, desk.page.locator(".video-stage").bounding_box())
        desk.page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})

    def simulate(self, trailer: str, kind: str = "gunshot", **more: Any) -> str:
        """Make a simulated trailer raise an alert; its id."""
        answer = self.supervisor.post("/demo/simulate/", {"trailer": trailer, "kind": kind, **more})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def finish(self, alert: str, outcome: str, by: Person) -> None:
        """Somebody acknowledges and closes it."""
        version = by.acknowledge(alert).json()["version"]
        path = f"/api/v1/alerts/{alert}/close/"
        by.post(path, {"version": version, "outcome": outcome, "note": ""}).raise_for_status()

    def close(self, alert: str) -> None:
        """Close what somebody has acknowledged."""
        path = f"/api/v1/alerts/{alert}/close/"
        self.supervisor.post(path, {"version": 2, "outcome": "test", "note": ""}).raise_for_status()

    def everything(self) -> None:
        """All pages, one after another."""
        self.entrance()
        for alert, outcome, by in (
            (self.simulate("TRL-0002", rounds=2), "unfounded", self.roy),
            (self.simulate("TRL-0006", "alpr_hit"), "confirmed", self.supervisor),
        ):
            self.finish(alert, outcome, by)
        self.board()
        for name, (role, where) in OTHERS.items():
            desk = Desk(self.browser, self.console, self.theme).sign_in(role, where)
            if name == "audit":
                desk.page.get_by_role("row", name="opened live view").get_by_role("link").first.click()
            self.take(desk, name)
            desk.leave()

    def entrance(self) -> None:
        """Sign-in and second factor."""
        desk = Desk(self.browser, self.console, self.theme)
        desk.page.goto(self.console.url)
        self.take(desk, "sign-in")
        person = desk.info["people"]["technician"]
        desk.page.fill("#id_login", person["username"])
        desk.page.fill("#id_password", person["password"])
        desk.page.keyboard.press("Enter")
        desk.page.locator("input[autocomplete=one-time-code]").wait_for()
        self.take(desk, "second-factor")
        desk.leave()

    def board(self) -> None:
        """The board from calm to a lost line."""
        desk = Desk(self.browser, self.console, self.theme).board("dispatcher")
        desk.forgive("ERR_INTERNET_DISCONNECTED", "WebSocket", "Failed to load resource")
        self.take(desk, "board-audio-off")
        desk.page.click("#start-shift")
        desk.page.locator("#chip-audio >> text=Audio armed").wait_for()
        desk.page.locator(".d-figures").wait_for()
        desk.page.mouse.move(0, 0)
        self.take(desk, "board-empty")
        theirs = self.simulate("TRL-0001", rounds=1)
        self.roy.acknowledge(theirs)
        desk.until_row(theirs, "acknowledged")
        shots = self.simulate("TRL-0003", rounds=4)
        desk.walk_to(shots)
        desk.page.locator("#detail-timeline li").first.wait_for()
        self.take(desk, "board-unacknowledged")
        desk.page.keyboard.press("a")
        desk.until_row(shots, "acknowledged")
        desk.page.keyboard.press("v")
        desk.page.locator("#video-reason").wait_for()
        self.take(desk, "video-reason")
        desk.page.fill("#video-cad", "26-118204")
        desk.page.keyboard.press("Enter")
        desk.until_picture()
        self.take(desk, "live-video")
        hit = self.lookalike()
        desk.until_row(hit, "unacknowledged")
        desk.walk_to(hit)
        desk.page.keyboard.press("a")
        desk.page.locator(".cell").first.wait_for()
        self.take(desk, "plate-and-video")
        desk.walk_to(shots)
        desk.page.locator("[data-focus=close-video]").click()
        desk.walk_to(hit)
        self.take(desk, "plate-lookalike")
        if self.all:
            self.cut(desk)
        for alert in (theirs, shots, hit):
            self.close(alert)
        desk.leave()

    def cut(self, desk: Desk) -> None:
        """No line, with one alert that waits."""
        waits = self.simulate("TRL-0005", rounds=1)
        desk.until_row(waits, "unacknowledged")
        desk.walk_to(waits)
        desk.context.set_offline(True)
        desk.until_link("lost", 20)
        self.take(desk, "connection-lost")
        desk.context.set_offline(False)
        desk.until_link("live", 10)
        self.finish(waits, "test", self.supervisor)

    def lookalike(self) -> str:
        """A plate that was read with one doubtful character."""
        sample = self.console.info["hotlist"]["sample"]
        plate = sample["plate"]
        assert "0" in plate
        at = plate.index("0")
        read = plate[:at] + "O" + plate[at + 1 :]
        hotlist = {name: self.console.info["hotlist"][name] for name in ("list_id", "version")}
        chars = [0.98] * len(plate)
        chars[at] = 0.61
        hit = {
            "plate": read, "jurisdiction": sample["jurisdiction"], "confidence": 0.6, "match": "lookalike",
            "char_confidence": chars, "camera": "alpr-1", "direction": "toward",
            "hotlist": {**hotlist, "entry_id": sample["entry_id"]},
            "vehicle": {"color": "silver", "make": "honda", "type": "sedan"},
        }  # fmt: skip
        speaker = Speaker(self.console.info)
        body = speaker.gunshot(kind="alpr_hit", alpr_hit=hit)
        del body["gunshot"]
        with httpx.Client(base_url=self.console.url) as http:
            answer = speaker.post(http, body)
        assert answer.status_code == 201, answer.text
        return str(body["id"])


def main() -> None:
    """Start a console of its own and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        RunningConsole(Path(scratch) / "data") as console,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=SWITCHES)
        for theme in ("dark", "light"):
            Photographer(browser, console, theme, asked.folder, all_of_them=asked.all).everything()
        browser.close()


if __name__ == "__main__":
    main()
