"""What a press does on the live board: exactly what was shown, once, by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.browser.desk import Desk

Simulate = Callable[..., str]
Sit = Callable[..., Desk]

ROUNDS = 20

NOTE_PRESSES = """() => {
  window.pressed = [];
  addEventListener('keydown', event => {
    const row = document.querySelector('.q-row[aria-current=true]');
    if (event.key !== 'a' || row?.dataset.state !== 'unacknowledged') return;
    pressed.push([row.dataset.alert, Number(row.dataset.version)]);
  }, true);
}"""
RAISE_LATER = """trailer => {
  const boot = JSON.parse(document.querySelector('#boot').textContent);
  const headers = {'Content-Type': 'application/json', 'X-CSRFToken': boot.csrf};
  const body = JSON.stringify({trailer, kind: 'gunshot'});
  // An answer that may not be stored stays open until somebody reads it.
  void fetch('/demo/simulate/', {method: 'POST', headers, body}).then(answer => answer.text());
}"""


def take(desk: Desk, alert: str) -> None:
    """Press the row, look, press A, see it said."""
    desk.row(alert).click()
    desk.page.keyboard.press("a")
    desk.until_row(alert, "acknowledged")


def test_rows_that_arrive_while_a_is_pressed_are_never_acknowledged_by_it(
    desk: Sit, simulate: Simulate
) -> None:
    here = desk().board("dispatcher")
    sent: list[list[object]] = []

    def keep(request: Any) -> None:
        url, body = request.url, request.post_data
        if url.endswith("/acknowledge/"):
            sent.append([url.split("/")[-3], json.loads(body)["version"]])

    here.page.on("request", keep)
    here.page.evaluate(NOTE_PRESSES)
    first = simulate("TRL-0001")
    here.row(first).click()
    # A hand that does not keep time: the rows must arrive at every moment of a press.
    # On a slow machine a press may come before its row, and takes nothing: then there are more of them.
    for i in range(4 * ROUNDS):
        if i >= ROUNDS and len(sent) >= ROUNDS // 2:
            break
        here.page.evaluate(RAISE_LATER, f"TRL-000{i % 8 + 1}")
        here.page.wait_for_timeout((i * 37) % 90)
        here.page.keyboard.press("a")
        here.page.wait_for_timeout(250)
        if here.selected is None or here.row(here.selected).get_attribute("data-state") != "unacknowledged":
            here.page.evaluate("document.querySelector('.q-unacknowledged')?.click()")
    here.page.wait_for_load_state("networkidle", timeout=30_000)
    pressed = here.page.evaluate("pressed")
    assert len(sent) >= ROUNDS // 2
    assert all(one in pressed for one in sent), (sent, pressed)
    assert len({str(one[0]) for one in sent}) == len(sent), "one press, one alert"


def test_a_plate_is_read_only_on_purpose_and_a_rejected_one_is_gone_from_the_page(
    desk: Sit, simulate: Simulate
) -> None:
    here = desk().board("dispatcher")
    hit = simulate("TRL-0005", "alpr_hit")
    here.row(hit).click()
    here.page.locator("text=Show plate").wait_for()
    here.page.locator("#detail-timeline li").first.wait_for()
    assert not [url for url in here.requests if url.endswith(f"{hit}/detail/")]
    here.page.keyboard.press("a")
    here.page.locator(".cell").first.wait_for()
    here.page.keyboard.press("r")
    here.page.locator("text=Compared and rejected").wait_for()
    assert here.page.locator(".cell").count() == 0


def test_handing_back_within_a_minute_makes_it_wait_again(desk: Sit, simulate: Simulate) -> None:
    here = desk().board("dispatcher")
    alert = simulate("TRL-0006")
    take(here, alert)
    here.page.click("#hand-back-left")
    here.page.fill("#hand-back-reason", "Pressed for the wrong trailer")
    here.page.keyboard.press("Enter")
    here.until_row(alert, "unacknowledged")
    assert here.page.is_visible("#acknowledge")


def test_without_an_answer_the_button_says_not_acknowledged_and_a_second_press_is_the_same_act(
    desk: Sit, simulate: Simulate
) -> None:
    here = desk().board("dispatcher")
    keys: list[str] = []
    held: list[Any] = []

    def hold(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            held.append(route)
        else:
            route.continue_()

    here.page.route("**/acknowledge/", hold)
    alert = simulate("TRL-0003")
    here.row(alert).click()
    here.page.keyboard.press("a")
    here.page.locator("text=Acknowledging…").wait_for(timeout=1500)
    here.page.locator("text=NOT acknowledged, press").wait_for(timeout=4000)
    assert here.row(alert).get_attribute("data-state") == "unacknowledged"
    here.page.keyboard.press("a")
    here.until_row(alert, "acknowledged")
    assert len(keys) == 2 and keys[0] == keys[1]
    here.page.unroute_all(behavior="ignoreErrors")
