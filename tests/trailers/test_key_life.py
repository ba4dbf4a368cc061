"""The life of a key: its end, the warnings before it, who revoked it and why; the code that enrols."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction

from accounts.services import acting
from agent.identity import typed
from agent.signing import b64url, public_bytes
from csoc.lib import clock as console_clock
from csoc.lib.errors import Refused
from trailers import keylife, keylists, keyring, services, tasks
from trailers.models import EnrolmentToken, TrailerKey
from trailers.services.keys import TOKEN_LENGTH, TOKEN_SIGNS

from .cast import Device, People, as_system, code, enrolment_body, make_trailer

pytestmark = pytest.mark.django_db
DAY = 86_400


def life(key: TrailerKey) -> keylife.Life:
    key.refresh_from_db()
    return keylife.life_of(key, console_clock.now())


def warned() -> list[str]:
    """What a run of the task tells, by what the rows remember."""
    tasks.warn_of_key_ends()
    return [f"{key.keyid} {key.warned_days}" for key in TrailerKey.objects.filter(warned_days__isnull=False)]


def rotated(device: Device) -> Device:
    fresh = Ed25519PrivateKey.generate()
    answer = device.post("/api/v1/keys/", {"public_key": b64url(public_bytes(fresh))})
    assert answer.status_code == 201, answer.content
    return Device(device.trailer, TrailerKey.objects.get(keyid=answer.json()["keyid"]), fresh)


def test_a_confirmed_key_ends_after_the_setting(device: Device, settings: Any) -> None:
    left = device.key.valid_until - device.key.confirmed_at
    assert left == timedelta(days=settings.TRAILER_KEY_DAYS) == timedelta(days=365)
    assert life(device.key).word == "good" and life(device.key).days == 365


def test_an_expired_key_is_refused_and_says_so(device: Device, clock: Any) -> None:
    clock.shift(365 * DAY - 60)
    assert device.request("GET", "/api/v1/desired/").status_code == 200
    clock.shift(365 * DAY + 60)
    keyring.forget()
    answer = device.request("GET", "/api/v1/desired/")
    assert (answer.status_code, code(answer)) == (401, "bad-signature")
    assert "expired" in answer.json()["detail"] and device.key.keyid in answer.json()["detail"]
    found = life(device.key)
    assert (found.word, found.level, found.days) == ("expired", "fault", 0)


def test_its_end_is_told_once_at_30_14_and_3_days_and_when_it_passed(device: Device, clock: Any) -> None:
    keyid = device.key.keyid
    assert warned() == []
    for day, told in ((334, []), (336, [30]), (350, [30]), (352, [14]), (363, [3]), (366, [0])):
        clock.shift(day * DAY)
        assert warned() == [f"{keyid} {days}" for days in told], day
        with as_system():
            assert tasks.warn_of_key_ends() == 0, "twice in a row tells nothing new"


def test_whoever_slept_through_thirty_days_hears_only_the_last_word(device: Device, clock: Any) -> None:
    clock.shift(364 * DAY)
    assert tasks.warn_of_key_ends() == 1
    assert warned() == [f"{device.key.keyid} 3"]


def test_a_screen_judges_by_the_moment_it_is_read_whatever_the_task_did(device: Device, clock: Any) -> None:
    for day, word, level in ((300, "good", ""), (336, "ends", "caution"), (363, "ends", "fault")):
        clock.shift(day * DAY)
        assert (life(device.key).word, life(device.key).level) == (word, level), day


def test_a_rotated_key_is_not_warned_of_and_its_successor_has_a_whole_life(
    device: Device, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    clock.shift(340 * DAY)
    with django_capture_on_commit_callbacks(execute=True):
        new = rotated(device)
    assert life(new.key).days == 365 and life(device.key).word == "overlap"
    assert warned() == []
    clock.shift(342 * DAY)
    assert life(device.key).word == "replaced"
    keys = TrailerKey.objects.filter(trailer=device.trailer)
    assert keylife.standing_of(keys, console_clock.now()).word == "good"


def test_a_rotation_never_makes_the_old_key_longer(device: Device, clock: Any) -> None:
    end = device.key.valid_until
    clock.shift(365 * DAY - 3600)
    rotated(device)
    device.key.refresh_from_db()
    assert device.key.valid_until == end


def test_the_database_refuses_an_active_key_without_an_end(device: Device) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        TrailerKey.objects.filter(pk=device.key.pk).update(valid_until=None)


def test_a_revocation_keeps_who_and_why(device: Device, people: People) -> None:
    with acting(people.theo):
        key = services.revoke_key(key=device.key, actor=people.theo, reason="stolen")
    assert (key.revoked_by, key.revoke_reason) == (people.theo.person, "stolen")
    with pytest.raises(ValueError), acting(people.theo):
        other = make_trailer(people, "Other")
        services.revoke_key(key=pending(people, other), actor=people.theo, reason="because")


def test_a_revocation_takes_the_keys_of_the_same_device_along(device: Device, people: People) -> None:
    new = rotated(device)
    enrolling = pending(people, device.trailer)
    with acting(people.theo):
        services.revoke_key(key=new.key, actor=people.theo, reason="stolen")
    keyring.forget()
    for one in (device, new):
        assert code(one.request("GET", "/api/v1/desired/")) == "key-revoked"
    enrolling.refresh_from_db()
    assert enrolling.state == "pending", "a new enrolment is another device's"


def pending(people: People, trailer: Any) -> TrailerKey:
    with acting(people.tara):
        token = services.issue_enrolment_token(trailer=trailer, actor=people.tara)
    from django.test import Client

    body = enrolment_body(token, Ed25519PrivateKey.generate())
    answer = Client().post("/api/v1/enrolment/", body, "application/json")
    assert answer.status_code == 201, answer.content
    return TrailerKey.objects.select_related("trailer__agency").get(keyid=answer.json()["keyid"])


@pytest.mark.parametrize("digits", [8, 64])
def test_the_last_eight_digits_or_all_of_them_confirm(people: People, trailer: Any, digits: int) -> None:
    key = pending(people, trailer)
    said = " ".join(keylife.grouped(key.fingerprint[-digits:])).upper()
    with acting(people.theo):
        assert services.confirm_key(key=key, fingerprint=said, actor=people.theo).state == "active"


@pytest.mark.parametrize("said", ["", "0" * 8, "first", "seven", "nine"])
def test_anything_else_does_not(people: People, trailer: Any, said: str) -> None:
    key = pending(people, trailer)
    cut = {"first": key.fingerprint[:8], "seven": key.fingerprint[-7:], "nine": key.fingerprint[-9:]}
    with pytest.raises(Refused) as refused, acting(people.theo):
        services.confirm_key(key=key, fingerprint=cut.get(said, said), actor=people.theo)
    assert refused.value.code == "fingerprint-differs"


def test_a_code_can_be_typed_from_paper(people: People, trailer: Any) -> None:
    with acting(people.tara):
        token = services.issue_enrolment_token(trailer=trailer, actor=people.tara)
    assert len(token) == TOKEN_LENGTH and TOKEN_LENGTH * 5 >= 256 and set(token) <= set(TOKEN_SIGNS)
    on_paper = " ".join(keylife.grouped(token)).lower().replace("0", "o").replace("1", "l")
    assert typed(on_paper) == token
    assert typed("  some-other-token_of-before  ") == "some-other-token_of-before"


def test_one_press_makes_one_code_and_a_new_code_ends_the_one_before(people: People, trailer: Any) -> None:
    press = uuid.uuid4()
    with acting(people.tara):
        first = services.issue_enrolment_token(trailer=trailer, actor=people.tara, asked=press)
        with pytest.raises(Refused) as refused:
            services.issue_enrolment_token(trailer=trailer, actor=people.tara, asked=press)
        assert refused.value.code == "shown-once"
        services.issue_enrolment_token(trailer=trailer, actor=people.tara, asked=uuid.uuid4())
    assert EnrolmentToken.objects.count() == 2
    from django.test import Client

    body = enrolment_body(first, Ed25519PrivateKey.generate())
    assert code(Client().post("/api/v1/enrolment/", body, "application/json")) == "token-expired"


def test_a_trailer_is_changed_by_its_keepers_and_not_under_a_deployment(people: People, trailer: Any) -> None:
    from trailers.desired import Standing, set_desired

    with acting(people.tara):
        services.change_trailer(trailer=trailer, actor=people.tara, label="South lot", mast_m=9.0)
    trailer.refresh_from_db()
    assert (trailer.label, trailer.mast_m) == ("South lot", 9.0)
    until = console_clock.now() + timedelta(hours=1)
    with as_system():
        set_desired(trailer=trailer, deployment=Standing("DEP-2026-0001", until, 43.0, -79.0, 0.0), actor="t")

    def changed(user: Any, **values: Any) -> str:
        with pytest.raises(Refused) as refused, acting(user):
            services.change_trailer(trailer=trailer, actor=user, **values)
        return refused.value.code

    assert changed(people.tara, mast_m=7.0) == "deployed"
    assert changed(people.dana, label="Mine") == "not-permitted"
    assert changed(people.stranger, label="Mine") == "not-found"
    with acting(people.tara):
        assert (
            services.change_trailer(trailer=trailer, actor=people.tara, label="West lot").label == "West lot"
        )


def test_what_an_enrolled_trailer_carries_is_its_own_word(people: People, device: Device) -> None:
    with pytest.raises(Refused) as refused, acting(people.tara):
        services.change_trailer(trailer=device.trailer, actor=people.tara, audio_rate_hz=48_000)
    assert refused.value.code == "said-by-trailer"


def test_the_list_of_keys_hides_what_must_be_read_on_the_trailer(people: People, trailer: Any) -> None:
    key = pending(people, trailer)
    [row] = keylists.rows_of(people.theo, trailer, console_clock.now())
    assert "".join(row.groups) == key.fingerprint[:-8] and not row.own
    [own] = keylists.rows_of(people.tara, trailer, console_clock.now())
    assert own.own
    assert (keylists.waiting_for(people.theo), keylists.waiting_for(people.tara)) == (1, 0)
    assert keylists.waiting_for(people.stranger) == keylists.waiting_for(people.dana) == 0
