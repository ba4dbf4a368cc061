"""What comes twice, out of order, from two places, or at the wrong time: one truth, and the right refusal."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.signing import Signer
from csoc.lib import clock as console_clock
from tests.contract.place import ALERTS, BULK, Place, eventually, verdict
from tests.contract.test_enrolment import DESIRED, ENROL, body_of

HOUR = 3600
WEEK = 7 * 24 * HOUR


def now() -> int:
    return int(console_clock.now().timestamp())


# -- twice ---------------------------------------------------------------------------------------------


def test_duplicates_across_single_and_bulk_are_one_alert(place: Place) -> None:
    """The same ten alerts, shuffled, on six connections at once through both doors."""
    bodies = [place.gunshot() for _ in range(10)]

    def sender(seed: int) -> list[int]:
        mine = list(bodies)
        random.Random(seed).shuffle(mine)
        with httpx.Client(base_url=place.url, timeout=30, trust_env=False) as http:
            if seed % 2:
                raw = json.dumps(mine).encode()
                rows = http.post(BULK, content=raw, headers=place.device.headers(BULK, raw)).json()
                return [row["status"] for row in rows]
            statuses = []
            for body in mine:
                raw = json.dumps(body).encode()
                statuses.append(
                    http.post(ALERTS, content=raw, headers=place.device.headers(ALERTS, raw)).status_code
                )
            return statuses

    with ThreadPoolExecutor(6) as pool:
        statuses = [status for given in pool.map(sender, range(6)) for status in given]
    assert (statuses.count(201), statuses.count(200)) == (10, 50)
    for body in bodies:
        assert place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [body["id"]]) == [(1,)]
        assert len(place.entries("alert.receive", body["id"])) == 1
    # Two truths under one id are a conflict through either door.
    assert verdict(place.device.post(bodies[0] | {"seq": 999_999})) == (409, "id-conflict")
    [row] = place.device.bulk([bodies[0] | {"seq": 999_999}]).json()
    assert (row["status"], row["type"]) == (409, "/problems/id-conflict")


def test_out_of_order_is_taken_as_it_happened(place: Place) -> None:
    """Later numbers first, older moments last: each keeps its own number and moment."""
    at = console_clock.now()
    bodies = [
        place.gunshot(occurred_at=console_clock.wire(at + timedelta(seconds=5 - number)))
        for number in range(5)
    ]
    for body in reversed(bodies):
        place.accepted(body)
    kept = place.sql(
        "SELECT id::text, seq, occurred_at FROM alerts_alert WHERE id::text = ANY(%s) ORDER BY seq",
        [[body["id"] for body in bodies]],
    )
    assert [(row[0], row[1]) for row in kept] == [(body["id"], body["seq"]) for body in bodies]
    assert [row[2] for row in kept] == sorted((row[2] for row in kept), reverse=True)


def test_one_alert_id_of_two_trailers_at_once_has_one_owner(place: Place) -> None:
    """First wins, on two connections; the loser learns nothing of the other."""
    mine = place.gunshot()
    theirs = dict(place.other.gunshot(id=mine["id"]))
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(place.device.post, mine), pool.submit(_alone, place, theirs)
        answers = [one.result(), two.result()]
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert verdict(loser) == (409, "id-conflict")
    assert place.scene.trailer.name not in loser.text and place.other.trailer.name not in loser.text


def _alone(place: Place, body: dict[str, Any]) -> httpx.Response:
    """Post as the other trailer on a connection of its own."""
    raw = json.dumps(body).encode()
    return httpx.post(
        place.url + ALERTS,
        content=raw,
        headers=place.stranger.headers(ALERTS, raw),
        trust_env=False,
        timeout=30,
    )


def test_two_devices_that_call_themselves_one_trailer(place: Place, clock: Any) -> None:
    """The second device needs a token and a second person; from then on only it is the trailer."""
    from accounts.services import acting
    from trailers import services
    from trailers.models import Trailer, TrailerKey

    tara, theo = place.scene.users["technician"], place.scene.users["technician-2"]
    with place.inside(), acting(tara):
        trailer = services.create_trailer(label="Twin", unit=tara.person.unit, actor=tara)
    keys, said = [Ed25519PrivateKey.generate() for _ in range(2)], []
    for key in keys:
        # One after the other: a newer code ends the one before it.
        with place.inside(), acting(tara):
            token = services.issue_enrolment_token(trailer=trailer, actor=tara)
        said.append(place.http.post(ENROL, json=body_of(token, key)))
    assert [answer.status_code for answer in said] == [201, 201]
    names = [answer.json()["keyid"] for answer in said]
    assert names[0] != names[1] and {name.partition(":")[0] for name in names} == {trailer.name}

    def ask(position: int) -> tuple[int, str]:
        signer = Signer(keys[position], names[position], place.authority)
        answer = place.http.get(DESIRED, headers=signer.headers("GET", place.url + DESIRED, created=now()))
        return (200, "") if answer.status_code == 200 else verdict(answer)

    assert [ask(0), ask(1)] == [(401, "bad-signature")] * 2
    for position in (0, 1):
        with place.inside(), acting(theo):
            key = TrailerKey.objects.get(keyid=names[position])
            services.confirm_key(key=key, fingerprint=key.fingerprint, actor=theo)
        eventually(lambda position=position: ask(position) == (200, ""))
    eventually(lambda: ask(0) == (401, "bad-signature"))
    with place.inside():
        assert Trailer.objects.filter(number=trailer.number).count() == 1


def test_a_key_on_two_sockets_the_newer_wins_and_it_is_counted(place: Place) -> None:
    """The older is told ``bye`` and closed; the technician reads how often; nothing of it is an alert."""
    from tests.contract.conformance import Kit
    from tests.contract.conformance.channel import goodbye, greeted

    code = "key-in-two-places"
    kit, before = Kit(place.url, place.device.signer, place.scene.deployment.name), place.refusals(code)
    with kit.channel() as older:
        greeted(older)
        with kit.channel() as newer:
            greeted(newer)
            assert goodbye(older) == {"t": "bye", "code": "replaced"}
            eventually(lambda: place.refusals(code) == before + 1)
            newer.send(json.dumps({"t": "hb"}))
    # One after the other is a trailer that came back.
    for _time in range(2):
        with kit.channel() as line:
            greeted(line)
    kit.close()
    assert place.refusals(code) == before + 1


def test_a_key_that_signs_from_two_addresses_is_one_trailer(place: Place) -> None:
    """Requests are judged by the signature alone; a nonce that one place spent is spent in the other."""
    raw = json.dumps(place.gunshot()).encode()
    headers = place.device.headers(ALERTS, raw)
    statuses = []
    for address in ("127.0.0.1", "127.0.0.2"):
        transport = httpx.HTTPTransport(local_address=address)
        with httpx.Client(base_url=place.url, timeout=30, trust_env=False, transport=transport) as http:
            statuses.append(http.post(ALERTS, content=raw, headers=headers).status_code)
            again = place.device.headers(ALERTS, raw)
            statuses.append(http.post(ALERTS, content=raw, headers=again).status_code)
    assert statuses == [201, 200, 401, 200]


# -- replayed ------------------------------------------------------------------------------------------


def test_a_request_of_last_week_is_refused(place: Place, clock: Any) -> None:
    """Whole, as it was captured; and its alert signed anew today."""
    body = place.gunshot()
    raw = json.dumps(body).encode()
    captured = place.device.headers(ALERTS, raw, created=now() - WEEK)
    answer = place.http.post(ALERTS, content=raw, headers=captured)
    assert verdict(answer) == (401, "clock-skew")
    old = console_clock.wire(console_clock.now() - timedelta(days=7))
    assert verdict(place.device.post(place.gunshot(occurred_at=old)))[0] in (403, 410)
    assert place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [body["id"]]) == [(0,)]


def test_a_replay_after_the_nonces_were_swept_is_told_its_time(place: Place, clock: Any) -> None:
    """Nonces are kept for 10 min, a signature lives for 90 s at most: there is no gap between the two."""
    from trailers.tasks import sweep_nonces

    raw = json.dumps(place.gunshot()).encode()
    headers = place.device.headers(ALERTS, raw)
    assert place.http.post(ALERTS, content=raw, headers=headers).status_code == 201
    for seconds, expected in (
        (30, "replayed-nonce"),
        (85, "replayed-nonce"),
        (95, "clock-skew"),
        (WEEK, "clock-skew"),
    ):
        clock.shift(seconds)
        with place.inside():
            sweep_nonces()
        assert verdict(place.http.post(ALERTS, content=raw, headers=headers)) == (401, expected), seconds


def test_nonces_stand_in_an_unlogged_table(place: Place) -> None:
    """And never in Valkey: losing them to a crash costs one repeat, losing Valkey costs nothing."""
    nonce = "n" * 40
    assert place.device.send(ALERTS, json.dumps(place.gunshot()).encode(), nonce=nonce).status_code == 201
    assert place.sql("SELECT relpersistence FROM pg_class WHERE relname = 'trailers_nonce'") == [("u",)]
    valkey = redis.Redis.from_url(place.servers.redis_url(), decode_responses=False)
    assert [key for key in valkey.scan_iter() if b"nonce" in key.lower() or nonce.encode() in key] == []
    valkey.close()


@pytest.mark.parametrize(
    "lie", ["other bytes", "longer", "shorter", "empty", "another algorithm", "two", "case"]
)
def test_a_digest_that_lies_is_refused_and_nothing_is_kept(place: Place, lie: str) -> None:
    body = place.gunshot()
    raw = json.dumps(body).encode()
    headers = place.device.headers(ALERTS, raw)
    sent, digest = raw, headers["Content-Digest"]
    match lie:
        case "other bytes":
            sent = raw.replace(b"gnss", b"ntp ")
        case "longer":
            sent = raw + b" "
        case "shorter":
            sent = raw[:-1]
        case "empty":
            sent = b""
        case "another algorithm":
            digest = digest.replace("sha-256", "sha-512")
        case "two":
            digest = f"{digest}, sha-512=:{'A' * 86}==:"
        case _:
            digest = digest.replace("sha-256", "SHA-256")
    answer = place.http.post(ALERTS, content=sent, headers=headers | {"Content-Digest": digest})
    assert verdict(answer) in ((400, "bad-digest"), (401, "bad-signature"))
    assert place.sql("SELECT count(*) FROM alerts_alert WHERE id = %s", [body["id"]]) == [(0,)]


# -- the console's own clock ---------------------------------------------------------------------------


def told_time(place: Place) -> int:
    """What a trailer whose clock stands still learns of the console's clock: seconds it is away."""
    import time

    answer = place.device.send(ALERTS, json.dumps(place.gunshot()).encode(), created=int(time.time()))
    if answer.status_code == 201:
        return 0
    assert verdict(answer) == (401, "clock-skew")
    from datetime import datetime

    return round(datetime.fromisoformat(answer.json()["server_time"]).timestamp() - time.time())


@pytest.mark.parametrize(
    "path", [(6 * HOUR, 3 * HOUR), (0, 49 * HOUR), (0, 49 * HOUR, 0)], ids=["-3 h", "+49 h", "there and back"]
)
def test_the_console_works_on_after_a_jump_of_its_clock(
    place: Place, clock: Any, path: tuple[int, ...]
) -> None:
    """A trailer is told the new time, reports by it, and is taken; screens and details still answer."""
    dana = place.person("dispatcher")
    for offset in path:
        clock.shift(offset)
        assert abs(told_time(place) - offset) < 30
        body = place.gunshot()
        said = place.accepted(body)
        assert said["late"] is False
        assert place.device.post(body).status_code == 200, "a repeat after a jump is a repeat"
        snapshot = dana.get("/api/v1/live/snapshot/")
        assert snapshot.status_code == 200
        assert body["id"] in {row["id"] for row in snapshot.json()["alerts"]}
        taken = dana.post(f"{ALERTS}{body['id']}/acknowledge/", {"version": 1})
        assert taken.status_code == 200, taken.text
        assert dana.get(f"{ALERTS}{body['id']}/detail/").status_code == 200
    before = place.count()
    for offset in path[:-1]:
        # What was true before the jump is not invented anew after it.
        old = place.gunshot(
            occurred_at=console_clock.wire(console_clock.now() + timedelta(seconds=offset - path[-1]))
        )
        assert place.device.post(old).status_code in (201, 403, 410, 422)
    assert place.count() - before <= len(path)


def test_a_jump_back_takes_no_signature_of_the_future_and_no_replay(place: Place, clock: Any) -> None:
    """Requests captured while the clock stood 49 h ahead are worth nothing after it was set right."""
    clock.shift(49 * HOUR)
    raw = json.dumps(place.gunshot()).encode()
    headers = place.device.headers(ALERTS, raw)
    assert place.http.post(ALERTS, content=raw, headers=headers).status_code == 201
    clock.shift(0)
    assert verdict(place.http.post(ALERTS, content=raw, headers=headers)) == (401, "clock-skew")
