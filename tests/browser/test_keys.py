"""A trailer's key from the register to its end, by keyboard, with the real agent; its pages for everybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.clock import wire
from bench.driving import Person, until
from tests.browser.desk import Desk
from tests.browser.test_pages import complaints, fits
from tests.running import RunningConsole

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("/fleet/enrolment/", "/fleet/new/", "/fleet/refusals/", "/fleet/refusals/?period=30d")
#: The demonstration's depot trailer has a key.
OF_TRAILER = ("keys/", "keys/1/revoke/", "keys/1/confirm/", "edit/")


class Agent:
    """The agent's own program, as a technician starts it."""

    def __init__(self, state: Path, console: str) -> None:
        self.words = [sys.executable, "-m", "agent", "--state", str(state), "--console", console]
        self.state = state
        self.log = state.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def say(self, *words: str, typed: str = "") -> str:
        """Run one command to its end and return what it prints."""
        done = subprocess.run(
            [*self.words, *words], input=typed + "\n", capture_output=True, text=True, cwd=ROOT, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        """Let it run."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*self.words, "run"], cwd=ROOT, stdout=log, stderr=log)

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture
def agent(console: RunningConsole, tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "state", console.url)
    yield made
    made.stop()


def press(here: Desk, selector: str) -> None:
    """Walk to it with Tab, and press Enter."""
    here.tab_to(selector)
    with here.page.expect_navigation():
        here.page.keyboard.press("Enter")


def picture(here: Desk, name: str) -> None:
    """Keep a picture for a person, when a folder is named for it."""
    folder = os.environ.get("CSOC_KEY_PICTURES")
    if folder:
        here.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def trailer_on_the_board(supervisor: Person, name: str) -> dict[str, Any]:
    rows = supervisor.get("/api/v1/live/snapshot/").json()["trailers"]
    return next(row for row in rows if row["id"] == name)


def test_a_key_from_its_code_to_its_end(desk: Callable[..., Desk], agent: Agent, supervisor: Person) -> None:
    jo = desk().sign_in("technician", "/fleet/enrolment/")
    press(jo, 'a[href="/fleet/new/"]')
    jo.tab_to("#id_label")
    jo.page.keyboard.type("Harbour lot")
    press(jo, "main .btn-primary")
    jo.page.wait_for_url("**/fleet/TRL-*/keys/")
    name = jo.page.url.split("/")[-3]
    picture(jo, "keys-none")
    press(jo, "main .btn-primary")
    token = "".join(jo.page.locator("#token").inner_text().split())
    assert len(token) == 52 and jo.page.locator(".qr svg").count() == 1
    assert complaints(jo) == "" and token not in jo.page.url
    picture(jo, "sheet")
    jo.page.emulate_media(media="print")
    assert not jo.page.locator(".shell-nav").is_visible() and jo.page.locator("#token").is_visible()
    picture(jo, "sheet-print")
    jo.page.emulate_media(media="screen")

    copied = jo.page.locator("#token").inner_text()
    assert "\n" not in copied.strip(), "pasted on the trailer, it must be one line"
    told = agent.say("enrol", typed=copied.lower())
    assert f"Enrolled as {name}, key {name}:1." in told
    assert agent.say("fingerprint") in told
    print_of_it = told.split("Fingerprint: ")[1].splitlines()[0]
    # Shown once: loading it again asks the same press once more, and gets a sentence.
    jo.forgive("409")
    jo.page.reload()
    assert "shown once" in jo.page.inner_text("main") and token not in jo.page.content()

    jo.page.goto(f"{jo.url}/fleet/{name}/keys/")
    assert "another person confirms" in jo.page.inner_text("main")
    wren = desk(theme="light").sign_in("technician-2", "/fleet/enrolment/")
    assert "1" in wren.page.locator('nav a[href="/fleet/enrolment/"] .push').inner_text()
    picture(wren, "enrolment-waiting-light")
    press(wren, f'a[href="/fleet/{name}/keys/1/confirm/"]')
    shown = wren.page.locator(".fk-print .mono").inner_text().split()
    assert " ".join(shown[:14]) == print_of_it[:69] and print_of_it[-4:] not in wren.page.content()
    picture(wren, "confirm-light")
    assert complaints(wren) == ""
    wren.tab_to("#id_fingerprint")
    wren.page.keyboard.type("0000 0000")
    wren.forgive("422")
    with wren.page.expect_navigation():
        wren.page.keyboard.press("Enter")
    assert "Do not confirm it" in wren.page.inner_text("main")
    wren.tab_to("#id_fingerprint")
    wren.page.keyboard.press("Control+A")
    wren.page.keyboard.type(print_of_it[-9:])
    with wren.page.expect_navigation():
        wren.page.keyboard.press("Enter")
    wren.page.wait_for_url(f"**/fleet/{name}/keys/")

    # Its time is nearly over, as the agent remembers it: it renews its key by itself when it starts.
    identity = json.loads((agent.state / "identity.json").read_text())
    begin = datetime.now(UTC) - timedelta(days=300)
    identity["key"] = {"from": wire(begin), "until": wire(begin + timedelta(days=365))}
    (agent.state / "identity.json").write_text(json.dumps(identity))
    agent.start()
    until(lambda: trailer_on_the_board(supervisor, name)["link_at"], 20, "the trailer on line")
    wren.page.reload()
    listed = wren.page.locator(".fk-cards").inner_text()
    assert (
        f"{name}:2" in listed
        and "replaced, still good" in listed
        and f"the trailer, after {name}:1" in listed
    )
    assert json.loads((agent.state / "identity.json").read_text())["keyid"] == f"{name}:2"
    picture(wren, "keys-rotated-light")
    assert complaints(wren) == ""

    press(wren, f'a[href="/fleet/{name}/keys/2/revoke/"]')
    assert "cannot be undone" in wren.page.inner_text("main")
    wren.tab_to("input[name=reason]")
    wren.page.keyboard.press("ArrowDown")
    picture(wren, "revoke-light")
    press(wren, "main .btn-danger")
    assert agent.process is not None
    assert agent.process.wait(15) == 3, agent.log.read_text()
    assert "revoked" in wren.page.inner_text("main") and wren.page.locator("main a.btn-danger").count() == 0
    picture(wren, "keys-revoked-light")


def depot(here: Desk) -> str:
    """The name of a trailer that has a key."""
    return str(here.info["trailers"][0]["trailer"])


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_pages_are_for_everybody(desk: Callable[..., Desk], theme: str) -> None:
    here = desk(theme=theme).sign_in("technician")
    addresses = [*PAGES, *(f"/fleet/{depot(here)}/{rest}" for rest in OF_TRAILER)]
    for address in addresses:
        here.page.set_viewport_size({"width": 1280, "height": 720})
        here.page.goto(here.url + address)
        assert complaints(here) == "", address
        picture(here, f"page{address.replace('/', '-').replace('?', '-')}{theme}")
        here.page.set_viewport_size({"width": 320, "height": 640})
        assert fits(here), address
        picture(here, f"narrow{address.replace('/', '-').replace('?', '-')}{theme}")
