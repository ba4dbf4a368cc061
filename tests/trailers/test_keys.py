"""The life of a device key: token, enrolment, a second person, rotation, revocation."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from accounts.services import acting
from agent.signing import b64url, public_bytes
from csoc.lib import events
from csoc.lib.errors import Refused
from trailers import services
from trailers.models import EnrolmentToken, Trailer, TrailerKey

from .cast import Device, People, code, enrolment_body, make_trailer

pytestmark = pytest.mark.django_db


def token_for(people: People, trailer: Trailer) -> str:
    with acting(people.tara):
        return services.issue_enrolment_token(trailer=trailer, actor=people.tara)


def enrol(body: dict[str, Any]) -> Any:
    return Client().post("/api/v1/enrolment/", body, "application/json")


def test_enrolment_answers_with_the_contracts_members(people: People, trailer: Trailer) -> None:
    private = Ed25519PrivateKey.generate()
    answer = enrol(enrolment_body(token_for(people, trailer), private))
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"trailer", "keyid", "console_keys", "time"}
    assert (body["trailer"], body["keyid"]) == (trailer.name, f"{trailer.name}:1")
    assert body["console_keys"][0]["kid"] == "console:1"
    key = TrailerKey.objects.get(keyid=body["keyid"])
    assert (key.state, bytes(key.public_key)) == ("pending", public_bytes(private))


def said_of(trailer: Trailer) -> tuple[str, list[str], int]:
    trailer.refresh_from_db()
    return trailer.serial, trailer.capabilities, trailer.audio_rate_hz


def test_what_a_device_says_of_itself_counts_once_a_second_person_confirmed(
    people: People, device: Device
) -> None:
    """A code holder alone changes nothing of a trailer that may be standing, and a revoked key never did."""
    trailer, standing = device.trailer, ("SN-1", ["acoustic", "alpr", "ptz"], 16_000)
    other = {"serial": "SN-2", "capabilities": ["ptz"], "audio": {"rate_hz": 48_000}}
    for act, expected in ((services.revoke_key, standing), (services.confirm_key, ("SN-2", ["ptz"], 48_000))):
        brought = enrolment_body(token_for(people, trailer), Ed25519PrivateKey.generate(), **other)
        key = TrailerKey.objects.select_related("trailer__agency").get(keyid=enrol(brought).json()["keyid"])
        assert said_of(trailer) == standing
        how = {"fingerprint": key.fingerprint} if act is services.confirm_key else {}
        with acting(people.theo):
            act(key=key, actor=people.theo, **how)
        assert said_of(trailer) == expected


def test_token_is_stored_hashed_and_given_once(people: People, trailer: Trailer) -> None:
    token = token_for(people, trailer)
    assert len(token) >= 43
    row = EnrolmentToken.objects.get()
    assert token.encode() not in bytes(row.sha256)
    assert (row.expires_at - row.made_at).total_seconds() == 1800


def test_used_token_is_410(people: People, trailer: Trailer) -> None:
    token = token_for(people, trailer)
    assert enrol(enrolment_body(token, Ed25519PrivateKey.generate())).status_code == 201
    again = enrol(enrolment_body(token, Ed25519PrivateKey.generate()))
    assert (again.status_code, code(again)) == (410, "token-used")
    assert TrailerKey.objects.count() == 1


def test_expired_token_is_410(people: People, trailer: Trailer, clock: Any) -> None:
    token = token_for(people, trailer)
    clock.shift(1801)
    answer = enrol(enrolment_body(token, Ed25519PrivateKey.generate()))
    assert (answer.status_code, code(answer)) == (410, "token-expired")


def test_unknown_token_is_410(people: People) -> None:
    answer = enrol(enrolment_body("A" * 43, Ed25519PrivateKey.generate()))
    assert (answer.status_code, code(answer)) == (410, "token-unknown")


def test_false_proof_is_401_and_the_token_stays_good(people: People, trailer: Trailer) -> None:
    token = token_for(people, trailer)
    mine, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    stolen = enrolment_body(token, mine, public_key=b64url(public_bytes(other)))
    assert code(enrol(stolen)) == "bad-proof"
    assert enrol(enrolment_body(token, mine)).status_code == 201


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"capabilities": ["face"]}, "/capabilities/0"),
        ({"audio": {"rate_hz": 8000}}, "/audio/rate_hz"),
        ({"serial": ""}, "/serial"),
        ({"extra": 1}, ""),
        ({"public_key": "A" * 42}, "/public_key"),
    ],
)
def test_schema_is_closed_and_values_are_not_echoed(
    people: People, trailer: Trailer, change: dict[str, Any], pointer: str
) -> None:
    answer = enrol(enrolment_body(token_for(people, trailer), Ed25519PrivateKey.generate(), **change))
    assert (answer.status_code, code(answer)) == (422, "schema")
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert "face" not in answer.content.decode()


def test_public_key_of_another_trailer_is_409(people: People, device: Device) -> None:
    other = make_trailer(people, "South lot")
    answer = enrol(enrolment_body(token_for(people, other), device.private))
    assert (answer.status_code, code(answer)) == (409, "key-known")


def test_pending_key_does_not_sign(people: People, trailer: Trailer) -> None:
    private = Ed25519PrivateKey.generate()
    enrol(enrolment_body(token_for(people, trailer), private))
    key = TrailerKey.objects.get()
    device = Device(trailer, key, private)
    assert code(device.request("GET", "/api/v1/desired/")) == "bad-signature"
    with acting(people.theo):
        services.confirm_key(key=key, fingerprint=key.fingerprint.upper(), actor=people.theo)
    from trailers import keyring

    keyring.forget()
    assert device.request("GET", "/api/v1/desired/").status_code == 200


def test_key_is_confirmed_by_another_person_only(people: People, trailer: Trailer) -> None:
    enrol(enrolment_body(token_for(people, trailer), Ed25519PrivateKey.generate()))
    key = TrailerKey.objects.select_related("trailer__agency").get()

    def confirm(user: Any, fingerprint: str) -> str:
        with pytest.raises(Refused) as refused, acting(user):
            services.confirm_key(key=key, fingerprint=fingerprint, actor=user)
        return refused.value.code

    assert confirm(people.tara, key.fingerprint) == "own-request"
    assert confirm(people.dana, key.fingerprint) == "not-permitted"
    assert confirm(people.stranger, key.fingerprint) == "not-found"
    assert confirm(people.theo, "0" * 64) == "fingerprint-differs"
    with acting(people.theo):
        services.confirm_key(key=key, fingerprint=key.fingerprint, actor=people.theo)
    assert confirm(people.theo, key.fingerprint) == "not-pending"


def test_another_sign_in_of_the_one_that_made_the_token_confirms_nothing(
    people: People, trailer: Trailer
) -> None:
    enrol(enrolment_body(token_for(people, trailer), Ed25519PrivateKey.generate()))
    key = TrailerKey.objects.select_related("trailer__agency").get()
    second = User.objects.create_user("tara.b", person=people.tara.person)
    second.groups.set(people.tara.groups.all())
    with pytest.raises(Refused) as refused, acting(second):
        services.confirm_key(key=key, fingerprint=key.fingerprint, actor=second)
    assert refused.value.code == "own-request"
    with acting(people.theo):
        assert services.confirm_key(key=key, fingerprint=key.fingerprint, actor=people.theo).state == "active"


def test_database_refuses_one_person_twice_and_an_unconfirmed_active_key(
    people: People, trailer: Trailer
) -> None:
    enrol(enrolment_body(token_for(people, trailer), Ed25519PrivateKey.generate()))
    keys = TrailerKey.objects.filter(trailer=trailer)
    for change in (
        {"state": "active", "confirmed_by": people.tara.person},
        {"state": "active"},
        {"state": "revoked"},
        {"made_by": None},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            keys.update(**change)


def test_only_technicians_make_tokens_and_only_for_their_agency(people: People, trailer: Trailer) -> None:
    for user, expected in ((people.dana, "not-permitted"), (people.stranger, "not-found")):
        with pytest.raises(Refused) as refused, acting(user):
            services.issue_enrolment_token(trailer=trailer, actor=user)
        assert refused.value.code == expected


def test_rotation_overlaps_for_24_hours(
    device: Device, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    fresh = Ed25519PrivateKey.generate()
    body = {"public_key": b64url(public_bytes(fresh))}
    with django_capture_on_commit_callbacks(execute=True):
        answer = device.post("/api/v1/keys/", body)
    assert answer.status_code == 201
    assert answer.json()["keyid"] == f"{device.trailer.name}:2"
    # The answer may have been lost: the same key again is the same answer; another one is refused.
    assert device.post("/api/v1/keys/", body).status_code == 200
    third = {"public_key": b64url(public_bytes(Ed25519PrivateKey.generate()))}
    assert code(device.post("/api/v1/keys/", third)) == "key-rotated"

    new = Device(device.trailer, TrailerKey.objects.get(keyid=answer.json()["keyid"]), fresh)
    assert new.request("GET", "/api/v1/desired/").status_code == 200
    clock.shift(23 * 3600)
    assert device.request("GET", "/api/v1/desired/").status_code == 200
    clock.shift(24 * 3600 + 1)
    assert code(device.request("GET", "/api/v1/desired/")) == "bad-signature"
    assert new.request("GET", "/api/v1/desired/").status_code == 200


def test_enrolling_again_ends_the_old_key_on_confirmation(people: People, device: Device) -> None:
    private = Ed25519PrivateKey.generate()
    answer = enrol(enrolment_body(token_for(people, device.trailer), private))
    assert device.request("GET", "/api/v1/desired/").status_code == 200
    key = TrailerKey.objects.select_related("trailer__agency").get(keyid=answer.json()["keyid"])
    with acting(people.theo):
        services.confirm_key(key=key, fingerprint=key.fingerprint, actor=people.theo)
    from trailers import keyring

    keyring.forget()
    assert code(device.request("GET", "/api/v1/desired/")) == "bad-signature"
    assert Device(device.trailer, key, private).request("GET", "/api/v1/desired/").status_code == 200


def test_revocation_tells_the_apps_above_in_the_same_transaction(
    device: Device, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setitem(events._handlers, "key.revoke", [lambda trailer: told.append(trailer.name)])
    for _time in range(2):
        with acting(people.theo):
            key = services.revoke_key(key=device.key, actor=people.theo)
    assert key.state == "revoked"
    assert told == [device.trailer.name]


def test_dispatchers_do_not_revoke(device: Device, people: People) -> None:
    with pytest.raises(Refused) as refused, acting(people.dana):
        services.revoke_key(key=device.key, actor=people.dana)
    assert refused.value.code == "not-permitted"
