"""The clip and the crop on the board: seen and heard on purpose, each an entry, said in words when gone."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from agent.media import clip
from bench.driving import Speaker
from tests.alerts import crafted
from tests.browser.desk import Desk
from tests.running import RunningConsole

Simulate = Callable[..., str]
Sit = Callable[..., Desk]

PLAYED = "count => Number(document.documentElement.dataset.clips ?? 0) === count"
LOADED = (
    "() => { const i = document.querySelector('.plate-picture'); return i?.complete && i.naturalWidth > 0; }"
)


def asked(desk: Desk, alert: str, kind: str) -> int:
    return len([url for url in desk.requests if url.endswith(f"{alert}/{kind}/")])


def test_the_clip_is_heard_by_p_or_its_button_and_each_time_asked_for(desk: Sit, simulate: Simulate) -> None:
    here = desk().board("dispatcher")
    # The longest there is: a busy machine must not hear it to its end before the next press.
    alert = simulate("TRL-0001", rounds=100)
    here.row(alert).click()
    here.page.locator(".clip-wave").wait_for()
    assert here.page.locator(".wave-shot").count() > 5
    assert asked(here, alert, "clip") == 0, "drawn from the detail, not fetched before somebody wants it"
    here.page.keyboard.press("p")
    here.wait(PLAYED, 1)
    here.page.get_by_role("button", name="Stop the clip").click()
    here.page.get_by_role("button", name="Play the clip").click()
    here.wait(PLAYED, 2)
    here.page.keyboard.press("p")
    here.page.get_by_role("button", name="Play the clip").wait_for()
    assert asked(here, alert, "clip") == 2
    here.page.keyboard.press("a")
    here.until_row(alert, "acknowledged")
    assert here.page.locator(".clip-wave").count() == 1


def test_the_picture_of_a_plate_stands_above_what_was_read_and_goes_with_a_rejection(
    desk: Sit, simulate: Simulate
) -> None:
    here = desk(theme="light").board("dispatcher")
    hit = simulate("TRL-0005", "alpr_hit")
    here.row(hit).click()
    here.page.locator("text=Show plate").wait_for()
    assert asked(here, hit, "crop") == 0, "nothing of a plate before somebody means to see it"
    here.page.keyboard.press("a")
    here.wait(LOADED)
    picture, read = here.page.locator(".plate-picture"), here.page.locator(".plate-row").first
    assert picture.bounding_box()["y"] < read.bounding_box()["y"]
    assert "read as" in (picture.get_attribute("alt") or "")
    assert asked(here, hit, "crop") == 1, "one look, one entry"
    here.page.keyboard.press("r")
    here.page.locator("text=Compared and rejected").wait_for()
    assert here.page.locator(".plate-picture").count() == 0


def test_a_refused_clip_says_why_and_one_that_comes_later_appears(
    desk: Sit, speaker: Speaker, console: RunningConsole
) -> None:
    here = desk().board("dispatcher")
    good = clip(crafted.with_head(crafted.pcm(crafted.shot_at([2.0], 3.0))), 16_000)
    long = clip(crafted.with_head(crafted.pcm(crafted.shot_at([2.0], 6.0))), 16_000)
    with httpx.Client(base_url=console.url, timeout=30, trust_env=False) as http:
        for media, words, status in ((good, "Clip, 3.00 s", 201), (long, "goes on for more than 1.1 s", 422)):
            body = speaker.gunshot()
            body["gunshot"]["clip"] = media.notice()
            assert speaker.post(http, body).status_code == 201
            here.row(body["id"]).click()
            here.page.locator("text=Clip announced, expected until").wait_for()
            answer = speaker.put(http, body["id"], "clip", media.data, "audio/wav")
            assert answer.status_code == status, answer.text
            here.page.locator(f"#detail-clip >> text={words}").wait_for()
    here.page.keyboard.press("p")
    assert here.page.locator("#detail-clip button").count() == 0, "nothing to hear"
