"""Signature rules on the intake door: time, nonce, components, parameters, keys; and no entries of it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from agent.signing import BODILESS, TAG, Signer, signature_base
from csoc.lib import clock as console_clock
from tests.contract.place import ALERTS, Place, verdict

BAD = (401, "bad-signature")


def now() -> int:
    return int(console_clock.now().timestamp())


def raw(place: Place) -> bytes:
    return json.dumps(place.gunshot()).encode()


def test_a_signed_alert_is_taken_once(place: Place) -> None:
    body = raw(place)
    headers = place.device.headers(ALERTS, body)
    assert place.http.post(ALERTS, content=body, headers=headers).status_code == 201
    assert verdict(place.http.post(ALERTS, content=body, headers=headers)) == (401, "replayed-nonce")


@pytest.mark.parametrize("seconds", [-91, -3600, 31, 3600])
def test_a_signature_of_another_time_is_clock_skew(place: Place, seconds: int) -> None:
    """Older than its 60 s and the 30 s of skew, or more than 30 s ahead."""
    answer = place.device.send(ALERTS, raw(place), created=now() + seconds)
    assert verdict(answer) == (401, "clock-skew")
    told = datetime.fromisoformat(answer.json()["server_time"])
    assert abs((told - console_clock.now()).total_seconds()) < 10
    assert answer.json()["server_time"].endswith("Z")


@pytest.mark.parametrize("seconds", [-80, -25, 20])
def test_thirty_seconds_of_skew_are_allowed(place: Place, seconds: int) -> None:
    assert place.device.send(ALERTS, raw(place), created=now() + seconds).status_code == 201


def reshaped(place: Place, body: bytes, pattern: str, into: str) -> dict[str, str]:
    """Validly signed headers whose parameters differ from the profile in one place."""
    signer = place.device.signer

    class Other(Signer):
        def _params(self, components: tuple[str, ...], created: int, nonce: str) -> str:
            params = super()._params(components, created, nonce)
            changed = re.sub(pattern, into, params)
            assert changed != params
            return changed

    other = Other(signer.key, signer.keyid, signer.authority)
    return other.headers("POST", place.url + ALERTS, body=body, created=now())


@pytest.mark.parametrize(
    ("pattern", "into"),
    [
        (r'tag="[^"]*"', 'tag="another-tag"'),
        (r';tag="[^"]*"', ""),
        (r'alg="ed25519"', 'alg="hmac-sha256"'),
        (r';alg="ed25519"', ""),
        (r'nonce="[^"]*"', 'nonce="short"'),
        (r';nonce="[^"]*"', ""),
        (r";expires=\d+", ""),
        (r"expires=\d+", f"expires={2**40}"),
        (r";created=\d+", ""),
        (r'keyid="[^"]*"', 'keyid="TRL-9999:1"'),
        (r'keyid="[^"]*"', 'keyid="../../etc"'),
        (r'"content-digest" ', ""),
        (r' "content-type"', ""),
        (r'"@authority" ', ""),
        (r'"@query" ', ""),
        (r'"@method" ', ""),
        (r'"@path" ', ""),
    ],
)
def test_a_signature_short_of_the_profile_is_bad(place: Place, pattern: str, into: str) -> None:
    body = raw(place)
    answer = place.http.post(ALERTS, content=body, headers=reshaped(place, body, pattern, into))
    assert verdict(answer) == BAD


@pytest.mark.parametrize("change", ["authority", "path", "query", "method", "key", "body headers"])
def test_what_was_signed_is_what_must_come(place: Place, change: str) -> None:
    body, signer = raw(place), place.device.signer
    target = ALERTS
    match change:
        case "authority":
            signer = Signer(signer.key, signer.keyid, "console.example:443")
            headers = signer.headers("POST", place.url + ALERTS, body=body, created=now())
        case "path":
            headers = signer.headers("POST", place.url + "/api/v1/alerts/bulk/", body=body, created=now())
        case "query":
            headers, target = place.device.headers(ALERTS, body), ALERTS + "?a=1"
        case "method":
            headers = signer.headers("PUT", place.url + ALERTS, body=body, created=now())
        case "key":
            signer = Signer(place.stranger.signer.key, signer.keyid, signer.authority)
            headers = signer.headers("POST", place.url + ALERTS, body=body, created=now())
        case _:
            headers = unsigned_content(place, body)
    assert verdict(place.http.post(target, content=body, headers=headers)) == BAD


def unsigned_content(place: Place, body: bytes) -> dict[str, str]:
    """A signature over the request line only, with the right digest beside it."""
    signer = place.device.signer
    params = signer._params(BODILESS, now(), "n" * 32)
    base = signature_base("POST", signer.authority, place.url + ALERTS, {}, params)
    import base64

    signature = base64.b64encode(signer.key.sign(base.encode())).decode()
    whole = place.device.headers(ALERTS, body)
    assert TAG in params
    return whole | {"Signature-Input": f"sig1={params}", "Signature": f"sig1=:{signature}:"}


def test_the_host_header_is_not_what_is_signed(place: Place) -> None:
    body = raw(place)
    headers = place.device.headers(ALERTS, body) | {"Host": f"localhost:{place.port}"}
    assert place.http.post(ALERTS, content=body, headers=headers).status_code == 201


def test_badly_signed_requests_leave_no_entry_and_no_row(place: Place) -> None:
    entries, counted = len(place.entries()), place.count("alerts_refusalcount")
    body = raw(place)
    for headers in (
        {"Content-Type": "application/json"},
        reshaped(place, body, r'tag="[^"]*"', 'tag="x"'),
        place.device.headers(ALERTS, body, created=now() - 600),
    ):
        assert place.http.post(ALERTS, content=body, headers=headers).status_code == 401
    assert (len(place.entries()), place.count("alerts_refusalcount")) == (entries, counted)
    assert place.found(json.loads(body)["id"]) == []


def test_a_session_opens_no_device_door_and_a_signature_no_persons_door(place: Place) -> None:
    dana = place.person("dispatcher")
    assert verdict(dana.post(ALERTS, place.gunshot())) == BAD
    path = "/api/v1/live/snapshot/"
    headers = place.device.signer.headers("GET", place.url + path, created=now())
    assert verdict(place.http.get(path, headers=headers)) == (401, "signed-out")
    act = f"{ALERTS}{place.accepted()['id']}/acknowledge/"
    assert verdict(place.device.send(act, b'{"version":1}'))[0] == 401


def test_a_revoked_key_is_told_so_at_once_and_only_to_its_holder(place: Place) -> None:
    from accounts.services import acting
    from trailers import services

    scene = place.revoked
    with place.inside(), acting(scene.users["technician"]):
        services.revoke_key(key=scene.key, actor=scene.users["technician"])
    signer = Signer(scene.private, scene.key.keyid, place.authority)
    body = json.dumps(scene.gunshot()).encode()

    def post(signer: Signer) -> Any:
        headers = signer.headers("POST", place.url + ALERTS, body=body, created=now())
        return place.http.post(ALERTS, content=body, headers=headers)

    assert verdict(post(signer)) == (403, "key-revoked")
    pretender = Signer(place.scene.private, scene.key.keyid, place.authority)
    assert verdict(post(pretender)) == BAD
