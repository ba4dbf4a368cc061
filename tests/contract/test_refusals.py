"""Every refusal of the status table, its code, and that nothing of a refused body is kept anywhere."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from csoc.lib import clock as console_clock
from tests.contract.place import ALERTS, BULK, Place, code, verdict

HOUR = 3600
MINUTE = 60
MARKER = "MARKER7Q"


def gun(**changes: Any) -> Any:
    return lambda b: b["gunshot"].update(changes)


def top(**changes: Any) -> Any:
    return lambda b: b.update(changes)


FORBIDDEN = [
    gun(**{"class": "scream"}), gun(**{"class": "voice"}), gun(**{"class": "distress"}),
    top(kind="plate_read"), top(kind="face"),
    top(face=MARKER), gun(faceTemplate=MARKER), gun(speaker_id=MARKER), gun(transcript=MARKER),
    gun(detector={"imei": MARKER}), gun(detector={"wifiProbe": MARKER}), top(video={"x": MARKER}),
    gun(detector={"make": "https://evil.example/" + MARKER}),
    gun(detector={"make": "data:image/png;" + MARKER}),
    gun(detector={"make": MARKER + "A" * 130}),
    gun(detector={"make": "www.example.org/" + MARKER}),
    top(recording=True), top(streamUrl=MARKER), gun(clip={"segment": MARKER}),
]  # fmt: skip

SCHEMA: list[tuple[Any, str, str]] = [
    (top(image=MARKER), "", "unknown-key"),
    (gun(note=MARKER), "/gunshot", "unknown-key"),
    (lambda b: b["clock"].update(zone=MARKER), "/clock", "unknown-key"),
    (lambda b: b["gunshot"]["detector"].update(extra=MARKER), "/gunshot/detector", "unknown-key"),
    (top(alpr_hit={}), "", ""),
    (gun(confidence=1.01), "/gunshot/confidence", "invalid"),
    (gun(confidence=-0.01), "/gunshot/confidence", "invalid"),
    (gun(confidence=MARKER), "/gunshot/confidence", "invalid"),
    (gun(confidence=True), "/gunshot/confidence", "invalid"),
    (gun(rounds=0), "/gunshot/rounds", "invalid"),
    (gun(rounds=101), "/gunshot/rounds", "invalid"),
    (gun(span_ms=7001), "/gunshot/span_ms", "invalid"),
    (gun(bearing={"deg_true": 360}), "/gunshot/bearing/deg_true", "invalid"),
    (gun(location={"lat": 91, "lon": 0, "uncertainty_m": 1}), "/gunshot/location/lat", "invalid"),
    (gun(location={"lat": 1, "lon": 0}), "/gunshot/location", "missing-key"),
    (gun(detector={"make": MARKER * 9}), "/gunshot/detector/make", "invalid"),
    (gun(clip={"sha256": "0" * 63, "bytes": 96044}), "/gunshot/clip/sha256", "invalid"),
    (gun(clip={"sha256": "0" * 64, "bytes": 960_045}), "/gunshot/clip/bytes", "invalid"),
    (top(schema="csrp.alert/2"), "/schema", "invalid"),
    (top(id=MARKER), "/id", "invalid"),
    (top(id=7), "/id", "invalid"),
    (top(seq=-1), "/seq", "invalid"),
    (top(seq=2**53), "/seq", "invalid"),
    (top(seq="1"), "/seq", "invalid"),
    (top(seq=1.5), "/seq", "invalid"),
    (top(trailer="TRL-٠٠٠٧"), "/trailer", "invalid"),
    (top(trailer="TRL-0007\u2028"), "/trailer", "invalid"),
    (top(deployment=MARKER), "/deployment", "invalid"),
    (top(occurred_at="2026-02-31T00:00:00Z"), "/occurred_at", "invalid"),
    (top(occurred_at="2026-04-27T23:14:07+00:00"), "/occurred_at", "invalid"),
    (top(occurred_at="2026-04-27T23:14:07"), "/occurred_at", "invalid"),
    (top(occurred_at=0), "/occurred_at", "invalid"),
    (top(position={"lat": 1}), "/position", "missing-key"),
    (top(gunshot=None), "/gunshot", "missing-key"),
]


@pytest.mark.parametrize("spoil", FORBIDDEN)
def test_what_may_never_be_said_is_refused(place: Place, spoil: Any) -> None:
    body = place.gunshot()
    spoil(body)
    answer = place.device.post(body)
    assert answer.status_code == 422
    assert code(answer) in ("forbidden-field", "forbidden-class")
    assert MARKER not in answer.text


@pytest.mark.parametrize(("spoil", "pointer", "fault"), SCHEMA)
def test_the_schema_is_closed_and_names_the_place_only(
    place: Place, spoil: Any, pointer: str, fault: str
) -> None:
    body = place.gunshot()
    spoil(body)
    answer = place.device.post(body)
    assert verdict(answer) == (422, "schema")
    [error] = answer.json()["errors"]
    assert set(error) == {"pointer", "code"}
    if fault:
        assert (error["pointer"], error["code"]) == (pointer, fault)
    assert MARKER not in answer.text


@pytest.mark.parametrize("value", [None, 1, "x", [], [1], True])
def test_a_body_that_is_no_object_is_a_schema_error(place: Place, value: Any) -> None:
    assert verdict(place.device.post(value)) == (422, "schema")


BAD_JSON = [
    b"", b" ", b"{", b'{"a":}', b"nul", b"{'a':1}", b'{"a":1,}', b'{"a":1}{"b":2}', b'{"a":1} x',
    b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}',
    b'{"\\udfff":1}', b'{"a":"\\u0000"}', b'{"\\u0000":1}', b'{"a":"\\u001f"}', b'{"a":"\\u007f"}',
    b'{"a":"\\u0085"}',
    b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":123456789012345678901}',
    b'{"a":1,"a":2}', b'{"b":{"a":1,"a":1}}', b'{"a":1,"\\u0061":2}', b"[[[[[[1]]]]]]",
    b'{"a":{"a":{"a":{"a":{"a":{}}}}}}', b"[" * 8000, b'{"a":"\t"}', b"\x00{}", "{}".encode("utf-16"),
    b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":0x10}', b"/* */{}",
]  # fmt: skip


@pytest.mark.parametrize("raw", BAD_JSON)
@pytest.mark.parametrize("path", [ALERTS, BULK])
def test_bad_json_is_400(place: Place, path: str, raw: bytes) -> None:
    if path == BULK and raw == b"[[[[[[1]]]]]]":
        raw = b"[" + raw + b"]"
    assert verdict(place.device.send(path, raw)) == (400, "bad-json")


def test_depth_five_is_allowed_and_judged_by_the_schema(place: Place) -> None:
    assert verdict(place.device.send(ALERTS, b'{"a":{"a":{"a":{"a":{}}}}}')) == (422, "schema")
    assert verdict(place.device.send(ALERTS, b'{"a":"[[[[[[[[[["}')) == (422, "schema")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json",
     "application/json; charset=latin-1", "application/json, text/html", "application/jsonl", ""],
)  # fmt: skip
def test_other_media_types_are_415(place: Place, content_type: str) -> None:
    raw = json.dumps(place.gunshot()).encode()
    answer = place.device.send(ALERTS, raw, content_type=content_type)
    assert verdict(answer) == (415, "media-type")


@pytest.mark.parametrize("content_type", ["application/json", 'Application/JSON; charset="UTF-8"'])
def test_json_spelt_otherwise_is_json(place: Place, content_type: str) -> None:
    raw = json.dumps(place.gunshot()).encode()
    assert place.device.send(ALERTS, raw, content_type=content_type).status_code == 201


def test_a_compressed_body_is_415(place: Place) -> None:
    raw = json.dumps(place.gunshot()).encode()
    headers = place.device.headers(ALERTS, raw) | {"Content-Encoding": "gzip"}
    assert verdict(place.http.post(ALERTS, content=raw, headers=headers)) == (415, "media-type")


@pytest.mark.parametrize(("path", "most"), [(ALERTS, 16_384), (BULK, 1_000_000)])
def test_size_is_judged_by_what_is_announced(place: Place, path: str, most: int) -> None:
    body: Any = place.gunshot() if path == ALERTS else [place.gunshot()]
    raw = json.dumps(body).encode()
    assert place.device.send(path, raw.ljust(most)).status_code in (200, 201)
    assert verdict(place.device.send(path, raw.ljust(most + 1))) == (413, "too-large")
    assert verdict(place.device.send(path, raw.ljust(1_200_000))) == (413, "too-large")
    chunked = place.http.post(
        path, content=iter([raw[:10], raw[10:]]), headers=place.device.headers(path, raw)
    )
    assert verdict(chunked) == (413, "too-large")


@pytest.mark.parametrize("path", [ALERTS, BULK])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "REPORT"])
def test_other_methods_are_405(place: Place, path: str, method: str) -> None:
    assert verdict(place.http.request(method, path)) == (405, "method-not-allowed")


def test_addresses_that_are_not_there_are_404(place: Place) -> None:
    for path in ("/api/", "/api/v1/", "/api/v2/alerts/", "/api/v1/alerts/x/clip", "/api/v1/nothing/"):
        assert verdict(place.http.get(path)) == (404, "not-found"), path
        assert verdict(place.http.post(path, json={})) == (404, "not-found"), path


def test_rights_of_the_trailer(place: Place) -> None:
    theirs = place.other
    assert verdict(place.device.post(dict(theirs.gunshot()))) == (403, "wrong-trailer")
    named = place.gunshot(deployment=theirs.deployment.name)
    assert verdict(place.device.post(named)) == (403, "not-deployed")
    before = console_clock.wire(place.scene.deployment.activated_at - timedelta(minutes=5))
    assert verdict(place.device.post(place.gunshot(occurred_at=before))) == (403, "not-deployed")


def test_the_end_of_the_term_needs_no_job(place: Place, clock: Any) -> None:
    clock.shift(14 * 24 * HOUR + MINUTE)
    assert verdict(place.device.post(place.gunshot())) == (403, "not-deployed")


def test_over_48_hours_is_410_and_over_30_s_ahead_is_422(place: Place, clock: Any) -> None:
    body = place.gunshot()
    ahead = console_clock.wire(console_clock.now() + timedelta(seconds=45))
    answer = place.device.post(place.gunshot(occurred_at=ahead))
    assert verdict(answer) == (422, "schema")
    assert answer.json()["errors"] == [{"pointer": "/occurred_at", "code": "future"}]
    clock.shift(48 * HOUR + 5)
    assert verdict(place.device.post(body)) == (410, "too-old")


OFF_LIST = [
    ({"plate": "ZZDEM99"}, "not-on-hotlist"),
    ({"plate": "ZZDEM0"}, "not-on-hotlist"),
    ({"entry_id": "e-9"}, "not-on-hotlist"),
    ({"entry_id": "e-1001"}, "not-on-hotlist"),
    ({"jurisdiction": "CA-QC"}, "not-on-hotlist"),
    ({"hotlist": {"list_id": "not-ours", "version": 1, "entry_id": "e-1000"}}, "not-on-hotlist"),
    ({"hotlist": {"list_id": "mto-on", "version": 99, "entry_id": "e-1000"}}, "hotlist-version-stale"),
]


@pytest.mark.parametrize(("change", "expected"), OFF_LIST)
def test_a_hit_off_the_list_is_refused(place: Place, change: Any, expected: str) -> None:
    assert verdict(place.device.post(place.hit(**change))) == (409, expected)


def test_a_list_over_48_hours_old_stops_hits_but_not_gunshots(place: Place, clock: Any) -> None:
    clock.shift(47 * HOUR)
    place.accepted(place.hit())
    clock.shift(48 * HOUR + MINUTE)
    assert verdict(place.device.post(place.hit())) == (409, "hotlist-version-stale")
    place.accepted()


@pytest.mark.parametrize("plate", ["--", "A", "ABCDEFGHI", "日本", "  "])
def test_a_plate_without_a_key_is_no_plate(place: Place, plate: str) -> None:
    answer = place.device.post(place.hit(plate=plate))
    assert verdict(answer) == (422, "schema")
    assert answer.json()["errors"] == [{"pointer": "/alpr_hit/plate", "code": "invalid"}]


def test_an_entry_taken_off_the_list_alarms_no_more(place: Place) -> None:
    """Also not when the hit names the version on which it stood: a cleared car must not alarm (H8)."""

    def publish(version: int, *plates: str) -> None:
        bring(place, "contract-on", version, plates, "stolen_vehicle")

    def hit(plate: str, entry: str, version: int) -> Any:
        reference = {"list_id": "contract-on", "version": version, "entry_id": entry}
        return place.device.post(place.hit(plate=plate, hotlist=reference))

    publish(3, "ZZCON01", "ZZCON02")
    assert hit("ZZCON01", "e-1000", 3).status_code == 201
    publish(5, "ZZCON09", "ZZCON02")
    for version in (3, 5):
        assert verdict(hit("ZZCON01", "e-1000", version)) == (409, "not-on-hotlist")
    assert hit("ZZCON09", "e-1002", 5).status_code == 201
    assert hit("ZZCON02", "e-1001", 3).status_code == 201
    assert verdict(hit("ZZCON09", "e-1002", 3)) == (409, "not-on-hotlist")
    publish(6, "ZZCON09")
    for version in (3, 5, 6):
        assert verdict(hit("ZZCON02", "e-1001", version)) == (409, "not-on-hotlist")


def bring(place: Place, list_id: str, version: int, plates: Iterable[str], category: str) -> None:
    """A version of a list of these plates, by the supervisor."""
    from csoc import seed

    rows = [{"plate": plate, "jurisdiction": "CA-ON", "category": category} for plate in plates]
    with place.inside():
        omar = place.scene.users["supervisor"]
        seed.publish(omar, list_id, version, rows, console_clock.now())


def test_a_category_that_was_not_authorised_is_no_hit_here(place: Place) -> None:
    bring(place, "extort-on", 1, ["ZZEXT01"], "extortion_investigation")
    reference = {"list_id": "extort-on", "version": 1, "entry_id": "e-1000"}
    body = place.hit(plate="ZZEXT01", hotlist=reference)
    assert verdict(place.device.post(body)) == (409, "not-on-hotlist")


def test_nothing_of_a_refused_body_reaches_disk_or_log(place: Place) -> None:
    """One refusal of every kind, each with a marker; then every table, file and log is searched."""
    ids = [str(uuid.uuid4()) for _ in range(9)]
    marked = {"make": MARKER, "model": MARKER}
    bodies = [
        place.gunshot(id=ids[0]) | {"face": MARKER},
        place.gunshot(id=ids[1]) | {"other": MARKER},
        place.gunshot(id=ids[2]) | {"deployment": "DEP-2020-0001"},
        place.gunshot(id=ids[3]) | {"trailer": "TRL-0008"},
        place.gunshot(id=ids[4]) | {"kind": MARKER},
        place.hit(plate="ZZMARK7", vehicle={"make": MARKER}) | {"id": ids[5]},
        place.hit(entry_id="e-77777", vehicle={"make": MARKER}) | {"id": ids[6]},
    ]
    for body in bodies:
        if body.get("gunshot"):
            body["gunshot"]["detector"] = marked
        assert 400 <= place.device.post(body).status_code < 500
    broken = json.dumps(place.gunshot(id=ids[7]) | {"x": MARKER}).encode()[:-1]
    assert place.device.send(ALERTS, broken).status_code == 400
    assert place.device.send(ALERTS, broken.ljust(17_000)).status_code == 413
    [row] = place.device.bulk([place.gunshot(id=ids[8]) | {"x": MARKER}]).json()
    assert row["status"] == 422
    for marker in (MARKER, "ZZMARK7", "e-77777", *ids):
        assert place.found(marker) == [], marker


def test_refusals_become_one_entry_per_trailer_code_and_minute(place: Place, clock: Any) -> None:
    import audit
    from alerts import refusals

    def write() -> int:
        with place.inside():
            actor = audit.system("intake")
            with audit.acting_as(actor):
                return refusals.write_refusals(actor=actor)

    clock.shift(2 * MINUTE)
    write()
    # From here on in one minute: the clock is put at its beginning.
    into = console_clock.now().second
    clock.shift(10 * MINUTE - into)
    for _time in range(3):
        place.device.post(place.gunshot() | {"other": 1})
    place.device.post(place.gunshot() | {"face": 1})
    place.device.send(ALERTS, b"{")
    place.stranger.post(dict(place.other.gunshot()) | {"other": 1})
    place.device.bulk([place.gunshot() | {"other": 1}, place.gunshot()])
    place.device.send(ALERTS, b" " * 17_000)
    tampered = json.dumps(place.gunshot()).encode()
    place.http.post(ALERTS, content=tampered + b" ", headers=place.device.headers(ALERTS, tampered))
    before = len(place.entries())
    assert write() == 0, "the minute is not over yet"
    clock.shift(13 * MINUTE)
    assert write() == 5
    new = place.entries()[before:]
    assert {row["verb"] for row in new} == {"alert.refuse"}
    told = {(row["object"]["id"], row["outcome"]["code"]): row["outcome"]["n"] for row in new}
    mine, theirs = place.scene.trailer.name, place.other.trailer.name
    assert told == {
        (mine, "schema"): 4, (mine, "forbidden-field"): 1, (mine, "bad-json"): 1, (mine, "bad-digest"): 1,
        (theirs, "schema"): 1,
    }  # fmt: skip
    assert all(row["outcome"]["result"] == "denied" for row in new)
    assert write() == 0, "an entry is written once"
