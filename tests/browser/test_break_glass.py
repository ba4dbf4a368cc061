"""Breaking the glass is shouted: the name is on every open board, whatever else the board must say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from bench.driving import Person
from tests.browser.desk import Desk
from tests.browser.test_pages import fits
from tests.running import RunningConsole

WITHIN_S = 2
REASON = {"code": "officer-safety", "words": "An officer asks what was heard at this door.", "cad": "P26-1"}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_name_is_seen_beside_alerts_and_goes_with_the_end(
    desk: Callable[..., Desk], simulate: Callable[..., str], console: RunningConsole, theme: str
) -> None:
    here = desk(theme=theme).board("dispatcher")
    alert = simulate("TRL-0007")
    here.until_row(alert, "unacknowledged")
    assert "AUDIO OFF" in here.page.inner_text("#banner")
    assert not here.page.is_visible("#glass")
    where = "() => ['#chip-link', '#banner', '.cols', '.queue .panel-head', '#counters', '#acknowledge']"
    places = f"({where})().map(one => JSON.stringify(document.querySelector(one).getBoundingClientRect()))"
    before = here.page.evaluate(places)[1:]

    with Person(console.info, "investigator") as noor:
        body = {"object": {"type": "alert", "id": alert}, "reason": REASON}
        opened = noor.post("/api/v1/break-glass/", body)
        assert opened.status_code == 201, opened.text
        here.wait(
            "() => document.querySelector('#glass').innerText.includes('Noor Haddad')", seconds=WITHIN_S
        )
        assert here.page.is_visible("#glass >> text=Noor Haddad")
        assert alert[-8:] in here.page.inner_text("#glass")
        assert in_sight(here)
        found = Axe().run(here.page, context="#glass", options={"runOnly": ["wcag2aa"]})
        assert not found.response["violations"], found.generate_report()
        assert here.page.evaluate(places)[1:] == before, "nothing moves under a pointer"
        assert "AUDIO OFF" in here.page.inner_text("#banner"), "the slot stays with what must be acted on"
        here.row(alert).click()
        here.page.keyboard.press("a")
        here.until_row(alert, "acknowledged")
        assert here.page.is_visible("#glass")

        there = desk(theme=theme)
        there.sign_in("supervisor", "/audit/exports/")
        assert there.page.is_visible("text=Noor Haddad broke the glass")
        there.page.set_viewport_size({"width": 320, "height": 720})
        assert fits(there)

        assert noor.post(f"/api/v1/break-glass/{opened.json()['id']}/end/", {}).status_code == 200
        here.wait("() => document.querySelector('#glass').hidden", seconds=WITHIN_S)
        assert "Noor Haddad" not in (here.page.text_content("#glass") or "")


def in_sight(here: Desk) -> bool:
    """Whether the name stands whole inside the window, with nothing painted over it."""
    return bool(
        here.page.evaluate(
            """() => {
              const name = document.querySelector('#glass b'), box = name.getBoundingClientRect();
              const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
              return box.x >= 0 && box.right <= innerWidth && name.scrollWidth <= name.clientWidth
                && document.querySelector('#glass').contains(top);
            }"""
        )
    )
