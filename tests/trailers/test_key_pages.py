"""The pages of keys over HTTP: who sees them, what is shown once, what a second person types, step-up."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts import sessions
from csoc.lib import clock as console_clock
from tests.accounts.people import sign_in
from trailers.models import EnrolmentToken, Trailer, TrailerKey

from .cast import Device, People
from .test_key_life import pending

pytestmark = pytest.mark.django_db
ASKED = re.compile(r'name="asked" value="([^"]+)"')


def keys_page(trailer: Trailer) -> str:
    return f"/fleet/{trailer.name}/keys/"


def press(browser: Client, trailer: Trailer) -> Any:
    """Read the page and press its button."""
    asked = ASKED.search(browser.get(keys_page(trailer)).content.decode())
    assert asked is not None, "the page has no button"
    return browser.post(keys_page(trailer) + "code/", {"asked": asked[1]})


def words(answer: Any) -> str:
    plain = re.sub(r"(?s)<(script|style|head).*?</\1>|<[^>]+>", " ", answer.content.decode())
    return " ".join(plain.replace("&#x27;", "'").split())


def token_on(answer: Any) -> str:
    shown = re.search(r'(?s)id="token".*?</p>', answer.content.decode())
    assert shown is not None
    return "".join(re.findall(r"<span>([0-9A-Z]{4})</span>", shown[0]))


def test_the_code_is_shown_once_and_stored_nowhere(people: People, trailer: Trailer) -> None:
    tara = sign_in(people.tara)
    asked = ASKED.search(tara.get(keys_page(trailer)).content.decode())
    assert asked is not None
    answer = tara.post(keys_page(trailer) + "code/", {"asked": asked[1]})
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    token = token_on(answer)
    assert len(token) == 52 and "<svg" in answer.content.decode() and "enrol" in words(answer)
    assert "http" not in re.sub(
        r"https?://(testserver|127\.0\.0\.1|www\.w3\.org)", "", answer.content.decode()
    )
    # Loading it again sends the same press: it gets a sentence, and makes no second code.
    again = tara.post(keys_page(trailer) + "code/", {"asked": asked[1]})
    assert again.status_code == 409 and "shown once" in words(again) and token not in words(again)
    assert tara.get(keys_page(trailer) + "code/").status_code == 405
    assert EnrolmentToken.objects.count() == 1
    assert token not in keys_page(trailer) and token not in tara.get(keys_page(trailer)).content.decode()


@pytest.mark.parametrize("asked", ["", "x", "0" * 400, "\x00"])
def test_a_press_of_nobodys_page_makes_nothing(people: People, trailer: Trailer, asked: str) -> None:
    answer = sign_in(people.tara).post(keys_page(trailer) + "code/", {"asked": asked})
    assert answer.status_code == 422 and EnrolmentToken.objects.count() == 0


def test_the_second_person_types_what_only_the_trailer_shows(people: People, trailer: Trailer) -> None:
    key = pending(people, trailer)
    page = f"{keys_page(trailer)}{key.n}/confirm/"
    theo = sign_in(people.theo)
    shown = theo.get(page)
    assert key.fingerprint[:4] in words(shown) and key.fingerprint[-4:] not in shown.content.decode()
    wrong = theo.post(page, {"fingerprint": key.fingerprint[:8]})
    assert wrong.status_code == 422 and "Do not confirm it" in words(wrong)
    assert theo.post(page, {"fingerprint": ""}).status_code == 422
    done = theo.post(page, {"fingerprint": key.fingerprint[-8:]})
    assert (done.status_code, done["Location"]) == (302, keys_page(trailer))
    key.refresh_from_db()
    assert (key.state, key.confirmed_by) == ("active", people.theo.person)
    again = theo.post(page, {"fingerprint": key.fingerprint[-8:]})
    assert again.status_code == 409 and "nothing to confirm" in words(again)


def test_whoever_made_the_code_is_told_in_words(people: People, trailer: Trailer) -> None:
    key = pending(people, trailer)
    page = f"{keys_page(trailer)}{key.n}/confirm/"
    tara = sign_in(people.tara)
    assert (
        "Another person" in words(tara.get(page))
        and "<input" not in tara.get(page).content.decode().split("shell-content")[1].split("</main>")[0]
    )
    assert tara.post(page, {"fingerprint": key.fingerprint}).status_code == 403
    assert "another person confirms" in words(tara.get(keys_page(trailer)))


def test_revoking_asks_why_and_happens_at_once(people: People, device: Device) -> None:
    page = f"{keys_page(device.trailer)}{device.key.n}/revoke/"
    theo = sign_in(people.theo)
    told = words(theo.get(page))
    assert "sensors go off" in told and "channel is cut" in told and "cannot be undone" in told
    assert theo.post(page, {}).status_code == 422 and theo.post(page, {"reason": "whim"}).status_code == 422
    device.key.refresh_from_db()
    assert device.key.state == "active"
    assert theo.post(page, {"reason": "stolen"}).status_code == 302
    device.key.refresh_from_db()
    assert (device.key.state, device.key.revoke_reason) == ("revoked", "stolen")
    assert "was stolen" in words(theo.get(keys_page(device.trailer)))
    assert "Nothing more can be done" in words(theo.get(page))


def test_each_act_on_a_key_asks_for_the_second_factor_again(
    people: People, device: Device, clock: Any
) -> None:
    tara, theo = sign_in(people.tara), sign_in(people.theo)
    waiting = pending(people, device.trailer)
    base = keys_page(device.trailer)
    asked = ASKED.search(tara.get(base).content.decode())
    assert asked is not None
    clock.shift(sessions.FRESH_S + 1)
    acts = (
        (tara, f"{base}code/", {"asked": asked[1]}, base),
        (theo, f"{base}{waiting.n}/confirm/", {"fingerprint": waiting.fingerprint}, ""),
        (theo, f"{base}{device.key.n}/revoke/", {"reason": "lost"}, ""),
    )
    for browser, address, sent, back in acts:
        answer = browser.post(address, sent)
        assert answer.status_code == 302, address
        assert answer["Location"] == "/accounts/second-factor/confirm/?next=" + (back or address).replace(
            "/", "%2F"
        )
        page = browser.get(back or address).content.decode()
        assert "Confirm who you are" in page and 'name="reason"' not in page and 'name="asked"' not in page
    assert EnrolmentToken.objects.filter(used_at=None).count() == 0
    assert sorted(TrailerKey.objects.values_list("state", flat=True)) == ["active", "pending"]


def test_who_may_see_and_do_what(people: People, device: Device) -> None:
    base = keys_page(device.trailer)
    addresses = (
        "/fleet/enrolment/",
        base,
        f"{base}1/confirm/",
        f"{base}1/revoke/",
        f"/fleet/{device.trailer.name}/edit/",
    )
    for address in addresses:
        assert sign_in(people.dana).get(address).status_code == 403, address
    stranger = sign_in(people.stranger)
    for address in addresses[1:]:
        assert stranger.get(address).status_code == 404, address
    assert device.trailer.name not in stranger.get("/fleet/enrolment/").content.decode()
    tara = sign_in(people.tara)
    for name in ("TRL-9999", "TRL-1", "x", "TRL-00٣٣"):
        assert tara.get(f"/fleet/{name}/keys/").status_code == 404, name
    assert tara.get(f"{base}77/revoke/").status_code == 404


def test_a_trailer_is_registered_with_what_is_valid(people: People) -> None:
    tara = sign_in(people.tara)
    good = {
        "label": "West lot", "unit": people.unit.pk, "mast_m": "6.5", "heading_deg": "12",
        "audio_rate_hz": "48000", "capabilities": ["ptz", "acoustic"],
    }  # fmt: skip
    bad = {
        "label": ["", " ", "x" * 81, "a\u202eb"], "unit": ["", "999999", "x"],
        "mast_m": ["0", "31", "nan", "x", "1e400"], "heading_deg": ["360", "-1", "inf"],
        "audio_rate_hz": ["8000", ""], "capabilities": [["face"]],
    }  # fmt: skip
    for field, values in bad.items():
        for value in values:
            answer = tara.post("/fleet/new/", good | {field: value})
            assert answer.status_code == 422 and 'class="error"' in answer.content.decode(), (field, value)
    assert Trailer.objects.count() == 0
    answer = tara.post("/fleet/new/", good)
    trailer = Trailer.objects.get()
    assert answer["Location"] == keys_page(trailer)
    assert (trailer.label, trailer.mast_m, trailer.audio_rate_hz) == ("West lot", 6.5, 48_000)
    assert trailer.capabilities == ["acoustic", "ptz"]
    changed = tara.post(f"/fleet/{trailer.name}/edit/", good | {"label": "East lot"})
    assert changed.status_code == 302
    assert sign_in(people.dana).post("/fleet/new/", good).status_code == 403


def test_an_enrolled_trailers_own_words_are_not_asked_for(people: People, device: Device) -> None:
    page = sign_in(people.tara).get(f"/fleet/{device.trailer.name}/edit/").content.decode()
    assert 'name="label"' in page and 'name="audio_rate_hz"' not in page and "said by the trailer" in page


def test_what_ends_and_what_expired_stands_on_the_list(people: People, device: Device, clock: Any) -> None:
    for day, said in ((350, "the key ends in 15 days"), (366, "the key expired on")):
        clock.shift(day * 86_400)
        theo = sign_in(people.theo)
        for address in ("/fleet/enrolment/", keys_page(device.trailer)):
            assert said in words(theo.get(address)), (day, address)


def test_every_code_of_the_enrolment_door_has_words(people: People, trailer: Trailer) -> None:
    shown = words(press(sign_in(people.tara), trailer))
    for code in ("token-unknown", "token-used", "token-expired", "bad-proof", "key-known", "schema"):
        assert code in shown


NEAR = [
    (31, "", ""), (30, "caution", "key ends in 30 days"), (4, "caution", "key ends in 4 days"),
    (3, "fault", "key ends in 3 days"), (1, "fault", "key ends in 1 day"), (0, "fault", "key expired"),
    (-9, "fault", "key expired"),
]  # fmt: skip


@pytest.mark.parametrize(("days", "level", "says"), NEAR)
def test_the_fleet_list_marks_a_key_whose_end_is_near_or_past(
    people: People, device: Device, clock: Any, days: int, level: str, says: str
) -> None:
    """Amber from 30 days on, red from 3 days on and afterwards; before that the list says nothing of keys."""
    left_s = (device.key.valid_until - console_clock.now()).total_seconds()
    clock.shift(left_s - days * 86_400 + 60)
    tara = sign_in(people.tara)
    page, figures = (tara.get(f"/fleet/{query}").content.decode() for query in ("", "?view=figures"))
    assert re.findall(r'<span class="fleet-key-end (\w*)">([^<]+)</span>', page) == (
        [(level, says)] if says else []
    )
    cell = "expired" if days <= 0 else f"{days} day{'s' if days > 1 else ''}"
    assert f'<td class="right fleet-key-end {level}">{cell}</td>' in figures
    alone = tara.get(f"/fleet/{device.trailer.name}/").content.decode()
    assert all(f'<dd class="fleet-key-end {level}">' in shown for shown in (page, alone))


def test_a_trailer_without_a_key_that_ends_says_how_it_stands(people: People, trailer: Trailer) -> None:
    figures = sign_in(people.tara).get("/fleet/?view=figures").content.decode()
    assert '<td class="right fleet-key-end caution">no key yet</td>' in figures
    assert "key ends" not in sign_in(people.tara).get("/fleet/").content.decode()
