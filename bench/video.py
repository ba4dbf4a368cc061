"""`bench video`: acknowledge -> first frame and close -> black, on the real board in a real Chromium.

A script presses what a person presses, without a person's pauses. The trailer's camera starts by command
after the acknowledgement, so the first number holds the whole way: two requests, command, WHIP, WHEP, key
frame, decoder. The second is between two processes, by the machine's clock in whole milliseconds.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.driving import Person
from bench.run import Run
from bench.table import Goal

FIRST_FRAME = Goal(2000, 1000, 500)
BLACK = Goal(1000, 200, 100)
TRAILER = "TRL-0002"
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip

#: Waits without polling: the board tells everything through its document.
UNTIL = """
window.until = (test, what, ms = 15000) => new Promise((done, fail) => {
  const first = test();
  if (first) return done(first);
  const watch = new MutationObserver(() => {
    const value = test();
    if (value) { watch.disconnect(); clearTimeout(limit); done(value); }
  });
  const limit = setTimeout(() => { watch.disconnect(); fail(new Error("waited in vain for " + what)); }, ms);
  watch.observe(document, { subtree: true, childList: true, attributes: true });
});
window.one = (selector) => document.querySelector(selector);
"""
SELECT = """async (id) => {
  (await until(() => one(`[data-alert="${id}"]`), "the queue")).click();
  await until(() => one(`#acknowledge[data-alert-id="${id}"]`), "the button");
}"""
TO_FIRST_FRAME = """async () => {
  const video = one("#video-picture");
  delete video.dataset.frames;
  const from = performance.now();
  one("#acknowledge").click();
  (await until(() => one("#detail-video .d-video-button"), "the acknowledgement")).click();
  (await until(() => one("#detail-video form"), "the form")).requestSubmit();
  await until(() => Number(video.dataset.frames) >= 1, "the first frame");
  return (performance.now() - from) / 1000;
}"""
COUNTER = """async (before) => Number(await until(() => {
  const value = one("#video").dataset.counter;
  return value && value !== before && value;
}, "the counter to advance"))"""
TO_BLACK = """() => {
  window.black = until(() => one("#video-picture").srcObject === null, "black").then(() => Date.now() / 1000);
}"""


def measure(run: Run) -> None:
    """Rounds of alert, acknowledgement, picture, close."""
    rounds = run.rounds * 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=SWITCHES)
        context = browser.new_context(base_url=run.info["url"], viewport={"width": 1600, "height": 900})
        cookies = run.dispatcher.http.cookies
        context.add_cookies(
            [{"name": name, "value": value, "url": run.info["url"]} for name, value in cookies.items()]
        )
        context.add_init_script(UNTIL)
        page = context.new_page()
        page.goto("/live/")
        page.wait_for_selector("body[data-link=live]")
        firsts, blacks = zip(*(_round(run, page) for _ in range(rounds)), strict=True)
        browser.close()
    run.table.times("acknowledge -> first frame (Chromium, camera starting)", firsts, FIRST_FRAME)
    run.table.times("close -> black (closed by another person)", blacks, BLACK)


def chromium() -> str:
    """The browser that console.py found. Errors: RuntimeError without one."""
    program = os.environ.get("CSOC_CHROMIUM") or shutil.which("chromium")
    if not program:
        raise RuntimeError("Chromium is needed; `console.py bench` finds one")
    return program


def _round(run: Run, page: Page) -> tuple[float, float]:
    """Seconds from acknowledgement to picture, and from close to black."""
    alert = staged(run.supervisor)
    page.evaluate(SELECT, alert)
    first: float = page.evaluate(TO_FIRST_FRAME)
    before = page.evaluate(COUNTER, "")
    after = page.evaluate(COUNTER, str(before))
    run.table.check(after > before, f"the burned-in counter stood still at {before}")
    page.evaluate(TO_BLACK)
    closed_at = time.time()
    answer = run.supervisor.close(alert)
    run.table.check(answer.status_code == 200, f"closing answered {answer.status_code}")
    black_at: float = page.evaluate("window.black")
    # The trailer ends its stream before the next round, so that every round starts a camera.
    page.wait_for_timeout(1500)
    return first, black_at - closed_at


def staged(person: Person) -> str:
    """Let a simulated trailer raise a real signed gunshot; returns its id."""
    answer = person.post("/demo/simulate/", {"trailer": TRAILER, "kind": "gunshot"})
    found: dict[str, Any] = answer.json()
    if "id" not in found:
        raise RuntimeError(f"the simulator answered {answer.status_code}: {answer.text[:200]}")
    return str(found["id"])
