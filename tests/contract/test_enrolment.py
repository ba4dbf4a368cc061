"""Enrolment and rotation as the trailer sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.signing import Signer, b64url, enrolment_proof, public_bytes
from csoc.lib import clock as console_clock
from tests.contract.place import Place, eventually, verdict

ENROL = "/api/v1/enrolment/"
DESIRED = "/api/v1/desired/"


def new_token(place: Place) -> str:
    from accounts.services import acting
    from trailers import services

    tara = place.scene.users["technician"]
    with place.inside(), acting(tara):
        trailer = services.create_trailer(label="New", unit=tara.person.unit, actor=tara)
        return str(services.issue_enrolment_token(trailer=trailer, actor=tara))


def body_of(token: str, private: Ed25519PrivateKey, **changes: Any) -> dict[str, Any]:
    return {
        "token": token, "public_key": b64url(public_bytes(private)), "serial": "SN-1",
        "agent_version": "0.1.0", "capabilities": ["acoustic", "alpr", "ptz", "speaker", "power"],
        "audio": {"rate_hz": 16000}, "proof": enrolment_proof(private, token), **changes,
    }  # fmt: skip


def test_token_key_confirmation_rotation(place: Place, clock: Any) -> None:
    from accounts.services import acting
    from trailers import services
    from trailers.models import TrailerKey

    token, private = new_token(place), Ed25519PrivateKey.generate()
    answer = place.http.post(ENROL, json=body_of(token, private))
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert set(body) == {"trailer", "keyid", "console_keys", "time"}
    assert body["keyid"] == f"{body['trailer']}:1"
    assert all(set(key) == {"kid", "public_key"} for key in body["console_keys"])

    def ask(private: Ed25519PrivateKey, keyid: str) -> Any:
        signer = Signer(private, keyid, place.authority)
        made = int(console_clock.now().timestamp())
        return place.http.get(DESIRED, headers=signer.headers("GET", place.url + DESIRED, created=made))

    assert verdict(ask(private, body["keyid"])) == (401, "bad-signature")
    theo = place.scene.users["technician-2"]
    with place.inside(), acting(theo):
        key = TrailerKey.objects.get(keyid=body["keyid"])
        services.confirm_key(key=key, fingerprint=key.fingerprint, actor=theo)
    # Keys are remembered for a second, so the console knows of it within one.
    eventually(lambda: ask(private, body["keyid"]).status_code == 200)
    desired = ask(private, body["keyid"])
    assert desired.json()["deployment"] is None
    assert set(desired.json()) == {
        "version", "deployment", "modules", "forbidden_sectors", "presets", "hotlist_min_version",
    }  # fmt: skip
    again = Signer(private, body["keyid"], place.authority).headers(
        "GET", place.url + DESIRED, created=int(console_clock.now().timestamp())
    )
    same = place.http.get(DESIRED, headers=again | {"If-None-Match": desired.headers["etag"]})
    assert same.status_code == 304

    following = Ed25519PrivateKey.generate()
    raw = json.dumps({"public_key": b64url(public_bytes(following))}).encode()
    signer = Signer(private, body["keyid"], place.authority)
    headers = signer.headers(
        "POST", place.url + "/api/v1/keys/", body=raw, created=int(console_clock.now().timestamp())
    )
    rotated = place.http.post("/api/v1/keys/", content=raw, headers=headers)
    assert rotated.status_code == 201, rotated.text
    assert rotated.json()["keyid"] == f"{body['trailer']}:2"
    assert ask(following, rotated.json()["keyid"]).status_code == 200
    assert ask(private, body["keyid"]).status_code == 200
    clock.shift(24 * 3600 + 60)
    assert verdict(ask(private, body["keyid"])) == (401, "bad-signature")
    assert ask(following, rotated.json()["keyid"]).status_code == 200


def test_a_used_token_is_410_and_an_entry(place: Place) -> None:
    token, private = new_token(place), Ed25519PrivateKey.generate()
    taken = place.http.post(ENROL, json=body_of(token, private)).json()
    denied = [row for row in place.entries("trailer.enrol") if row["outcome"]["result"] == "denied"]
    again = place.http.post(ENROL, json=body_of(token, Ed25519PrivateKey.generate()))
    assert verdict(again) == (410, "token-used")
    now_denied = [row for row in place.entries("trailer.enrol") if row["outcome"]["result"] == "denied"]
    assert len(now_denied) == len(denied) + 1
    assert now_denied[-1]["object"]["id"] == taken["trailer"]
    assert place.found(token) == []


def test_a_token_lives_thirty_minutes(place: Place, clock: Any) -> None:
    token = new_token(place)
    clock.shift(30 * 60 + 5)
    answer = place.http.post(ENROL, json=body_of(token, Ed25519PrivateKey.generate()))
    assert verdict(answer) == (410, "token-expired")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"proof": "A" * 86}, (401, "bad-proof")),
        ({"token": "x" * 43}, (401, "bad-proof")),
        ({"public_key": "A" * 20}, (422, "schema")),
        ({"capabilities": ["face_recognition"]}, (422, "schema")),
        ({"audio": {"rate_hz": 8000}}, (422, "schema")),
        ({"note": "MARKER-ENROL"}, (422, "schema")),
        ({"serial": ""}, (422, "schema")),
    ],
)
def test_what_does_not_fit_enrols_nobody(place: Place, change: Any, expected: Any) -> None:
    token = new_token(place)
    answer = place.http.post(ENROL, json=body_of(token, Ed25519PrivateKey.generate()) | change)
    assert verdict(answer) == expected
    assert place.found("MARKER-ENROL") == []
    assert place.http.post(ENROL, json=body_of(token, Ed25519PrivateKey.generate())).status_code == 201


def test_enrolment_is_bounded_and_strict(place: Place) -> None:
    def send(raw: bytes, content_type: str = "application/json") -> Any:
        return verdict(place.http.post(ENROL, content=raw, headers={"Content-Type": content_type}))

    assert send(b" " * 4097) == (413, "too-large")
    assert send(b"{}", "text/plain") == (415, "media-type")
    assert send(b'{"token":1,"token":1}') == (400, "bad-json")
    assert send(b"{}") == (422, "schema")
    unknown, private = "y" * 43, Ed25519PrivateKey.generate()
    answer = place.http.post(ENROL, json=body_of(unknown, private))
    assert verdict(answer) == (410, "token-unknown")
    assert verdict(place.http.get(ENROL)) == (405, "method-not-allowed")
