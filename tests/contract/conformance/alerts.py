"""`POST /api/v1/alerts/`: what is required, what is bounded, what an accepted alert is answered."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

from tests.contract.conformance.kit import ALERTS, Kit, Listed, check, refused, wire

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
COMMON = ("schema", "id", "trailer", "kind", "occurred_at", "clock", "seq", "deployment")

#: Every optional member of a gunshot at its bounds, and one step past them.
GOOD_SHOT: list[dict[str, Any]] = [
    {"confidence": 0}, {"confidence": 1}, {"rounds": 1}, {"rounds": 100}, {"span_ms": 0}, {"span_ms": 7000},
    {"bearing": {"deg_true": 0}}, {"bearing": {"deg_true": 359.99, "error_deg": 180}},
    {"detector": {"make": "Flock Safety", "model": "Raven"}},
]  # fmt: skip
BAD_SHOT: list[tuple[str, Any]] = [
    ("confidence", -0.01), ("confidence", 1.01), ("confidence", "0.9"), ("confidence", None),
    ("rounds", 0), ("rounds", 101), ("rounds", 1.5), ("span_ms", -1), ("span_ms", 7001),
    ("bearing", {"deg_true": 360}), ("bearing", {"error_deg": 1}), ("bearing", 42),
    ("location", {"lat": 90.1, "lon": 0, "uncertainty_m": 1}), ("location", {"lat": 0, "lon": 0}),
    ("location", {"lat": 0, "lon": -180.1, "uncertainty_m": 1}), ("detector", "Acme"),
    ("clip", {"sha256": "0" * 63, "bytes": 96044}), ("clip", {"sha256": "0" * 64}),
    ("clip", {"sha256": "0" * 64, "bytes": 960_045}),
    ("clip", {"sha256": "0" * 64, "bytes": 96044, "rate_hz": 8000}),
]  # fmt: skip
BAD_HIT: list[tuple[str, Any]] = [
    ("plate", ""), ("plate", "A"), ("plate", "ABCDEFGHI"), ("plate", "日本"), ("plate", 7),
    ("jurisdiction", "Ontario"), ("jurisdiction", "ca-on"), ("jurisdiction", "CA-ONTA"), ("jurisdiction", ""),
    ("confidence", 2), ("match", "close"), ("match", "fuzzy"), ("match", None),
    ("hotlist", {"list_id": "mto-on", "version": 0, "entry_id": "e-1"}), ("hotlist", {"list_id": "mto-on"}),
    ("hotlist", "mto-on"), ("char_confidence", [1.1]), ("char_confidence", 0.9),
    ("crop", {"sha256": "0" * 64, "bytes": 1, "width": 641, "height": 1, "media_type": "image/jpeg"}),
    ("crop", {"sha256": "0" * 64, "bytes": 1, "width": 1, "height": 321, "media_type": "image/jpeg"}),
    ("crop", {"sha256": "0" * 64, "bytes": 100_001, "width": 1, "height": 1, "media_type": "image/jpeg"}),
    ("crop", {"sha256": "0" * 64, "bytes": 1, "width": 1, "height": 1, "media_type": "image/png"}),
]  # fmt: skip
BAD_COMMON: list[tuple[str, Any]] = [
    ("schema", "csrp.alert/9"), ("schema", 1), ("id", "7"), ("id", ""), ("id", 7),
    ("trailer", "trailer seven"),
    ("kind", 1), ("occurred_at", "2026-04-27"), ("occurred_at", "2026-04-27T23:14:07"), ("occurred_at", 0),
    ("occurred_at", "2026-04-27T23:14:07+00:00"), ("occurred_at", "2026-02-30T00:00:00Z"), ("clock", "gnss"),
    ("clock", {"error_ms": 1}), ("clock", {"source": "gnss", "error_ms": -1}), ("seq", -1), ("seq", 1.5),
    ("seq", "1"), ("seq", 2**53), ("deployment", 1), ("deployment", "DEP-1"), ("position", {"lat": 1}),
    ("position", {"lat": 1, "lon": 200}),
]  # fmt: skip


@check("a.answer", "g.time")
def an_accepted_alert_is_answered_as_agreed(kit: Kit) -> None:
    """201 with id, received_at, state, late and upload."""
    body = kit.gunshot()
    answer = kit.post(body)
    assert answer.status_code == 201, answer.text[:300]
    assert answer.headers["content-type"].startswith("application/json")
    said = answer.json()
    assert set(said) == {"id", "received_at", "state", "late", "upload"}, said
    assert (said["id"], said["late"]) == (body["id"], False)
    assert said["state"] in ("unacknowledged", "closed")
    assert said["received_at"].endswith("Z")


@check("a.again", "a.compared")
def the_same_values_again_are_the_same_answer(kit: Kit) -> None:
    """Spelt in another order, with other blanks and another form of a number: 200, byte for byte."""
    body = kit.gunshot()
    first = kit.post(body)
    assert first.status_code == 201
    spelt = json.dumps(dict(reversed(body.items())), indent=1).replace(
        '"confidence": 0.93', '"confidence": 9.3e-1'
    )
    for raw in (json.dumps(body), spelt):
        again = kit.send(ALERTS, raw.encode())
        assert (again.status_code, again.content) == (200, first.content)


@check("a.again", "t.409")
def other_values_under_one_id_are_a_conflict(kit: Kit) -> None:
    """One changed value, one member less."""
    body = kit.gunshot()
    kit.taken(body)
    refused(kit.post(body | {"seq": body["seq"] + 1}), 409, "id-conflict")
    refused(kit.post(body | {"gunshot": body["gunshot"] | {"confidence": 0.94}}), 409, "id-conflict")
    less = {name: value for name, value in body["gunshot"].items() if name != "rounds"}
    refused(kit.post(body | {"gunshot": less}), 409, "id-conflict")


@check("a.id")
def any_uuid_of_the_rfc_is_an_id(kit: Kit) -> None:
    """Versions 1 to 8, as the device likes; the answer spells it as a UUID is spelt."""
    stem = uuid.uuid4().hex
    for version in "134578":
        raw = f"{stem[:12]}{version}{stem[13:16]}a{stem[17:28]}{version * 4}"
        said = kit.taken(kit.gunshot(id=str(uuid.UUID(raw))))
        assert UUID7.fullmatch(said["id"])


@check("a.required", "t.422")
def every_common_member_is_required(kit: Kit) -> None:
    """Each left out in turn, ``clock.source`` too; the answer names the place."""
    for name in COMMON:
        body = {key: value for key, value in kit.gunshot().items() if key != name}
        refused(kit.post(body), 422, "schema")
    body = kit.gunshot(clock={"error_ms": 5})
    answer = kit.post(body)
    refused(answer, 422, "schema")
    for error in answer.json()["errors"]:
        assert set(error) == {"pointer", "code"}
        assert error["pointer"].startswith("/clock")


@check("a.optional")
def nothing_else_is_required(kit: Kit) -> None:
    """The smallest gunshot: class and confidence."""
    kit.taken(
        kit.common(kind="gunshot", clock={"source": "ntp"}, gunshot={"class": "gunshot", "confidence": 0.5})
    )


@check("a.block")
def exactly_the_block_that_kind_names(kit: Kit) -> None:
    """None, the other one, or both are refused."""
    body = kit.gunshot()
    refused(kit.post({key: value for key, value in body.items() if key != "gunshot"}), 422, "schema")
    refused(kit.post(body | {"gunshot": None}), 422, "schema")
    refused(kit.post(body | {"alpr_hit": kit.hit()["alpr_hit"]}), 422, "schema")
    refused(kit.post(body | {"kind": "alpr_hit"}), 422, "schema")


@check("a.gunshot")
def a_gunshot_is_bounded(kit: Kit) -> None:
    """Every member at its bounds is taken; past them it is refused."""
    for changes in GOOD_SHOT:
        body = kit.gunshot()
        body["gunshot"] |= changes
        assert kit.post(body).status_code == 201, changes
    for name, value in BAD_SHOT:
        body = kit.gunshot()
        body["gunshot"][name] = value
        refused(kit.post(body), 422, "schema")


@check("a.class", "a.kinds")
def only_gunshots_have_a_class(kit: Kit) -> None:
    """Every other class of sound and every other kind is forbidden, not just unknown."""
    for name in ("scream", "voice", "glass", "explosion", "speech", "GUNSHOT"):
        body = kit.gunshot()
        body["gunshot"]["class"] = name
        refused(kit.post(body), 422, "forbidden-class")
    for kind in ("plate_read", "alpr_read", "face", "motion", "audio"):
        refused(kit.post(kit.gunshot(kind=kind)), 422, "forbidden-class")
    body = kit.gunshot()
    del body["gunshot"]["class"]
    refused(kit.post(body), 422, "schema")


@check("a.common")
def the_common_members_are_typed(kit: Kit) -> None:
    """Wrong types, patterns and ranges."""
    for name, value in BAD_COMMON:
        refused(kit.post(kit.gunshot(**{name: value})), 422, "schema", "forbidden-class")


@check("a.hit")
def a_hit_is_bounded(kit: Kit) -> None:
    """The five required members, and the bounds of the others."""
    for name in ("plate", "jurisdiction", "confidence", "match", "hotlist"):
        body = kit.hit()
        del body["alpr_hit"][name]
        refused(kit.post(body), 422, "schema")
    for name, value in BAD_HIT:
        refused(kit.post(kit.hit(**{name: value})), 422, "schema")


@check("a.unknown")
def unknown_keys_are_refused_at_every_level(kit: Kit) -> None:
    """In the alert, and in each object inside it."""
    whole = kit.gunshot(position={"lat": 0, "lon": 0})
    whole["gunshot"]["location"] = {"lat": 0, "lon": 0, "uncertainty_m": 1}
    whole["gunshot"]["clip"] = {"sha256": "0" * 64, "bytes": 96_044}
    places = [(), ("clock",), ("position",), ("gunshot",)]
    places += [("gunshot", name) for name in ("bearing", "detector", "location", "clip")]
    for place in places:
        body = json.loads(json.dumps(whole))
        inner = body
        for step in place:
            inner = inner[step]
        inner["surplus"] = 1
        refused(kit.post(body), 422, "schema")
    for name in ("hotlist", "vehicle"):
        body = kit.hit(vehicle={"make": "honda"})
        body["alpr_hit"][name]["surplus"] = 1
        refused(kit.post(body), 422, "schema")


@check("a.new-schema")
def a_new_field_needs_a_new_schema(kit: Kit) -> None:
    """The current schema is taken; one that nobody has defined is refused."""
    refused(kit.post(kit.gunshot(schema="csrp.alert/99")), 422, "schema")
    kit.taken(kit.gunshot(schema="csrp.alert/1"))


@check("a.future", "a.late")
def late_and_early(kit: Kit) -> None:
    """20 s ahead is taken, over 30 s ahead is ``future``."""
    kit.taken(kit.gunshot(occurred_at=wire(20)))
    answer = kit.post(kit.gunshot(occurred_at=wire(50)))
    refused(answer, 422, "schema")
    assert answer.json()["errors"] == [{"pointer": "/occurred_at", "code": "future"}]
    assert kit.taken()["late"] is False


@check("a.deployment", "t.403", "t.410")
def an_alert_belongs_to_the_trailers_own_deployment(kit: Kit) -> None:
    """Another deployment, and a moment before any term, are not this deployment's."""
    refused(kit.post(kit.gunshot(deployment="DEP-2020-0001")), 403, "not-deployed")
    refused(kit.post(kit.gunshot(occurred_at="2020-01-01T00:00:00Z")), 403, "not-deployed")


@check("a.on-list", needs="listed")
def a_hit_on_the_list_is_taken(kit: Kit) -> None:
    """The listed plate, and a spelling of it with blanks and small letters."""
    assert kit.listed is not None
    kit.taken(kit.hit())
    plate = kit.listed.plate
    kit.taken(kit.hit(plate=f"{plate[:2].lower()} {plate[2:]}"))
    kit.taken(kit.hit(match="lookalike"))
    kit.taken(kit.hit(jurisdiction="unknown"))


@check("a.on-list", "t.409", needs="listed")
def a_hit_off_the_list_is_refused(kit: Kit) -> None:
    """Another plate, entry, jurisdiction, list or version: nothing of it is kept."""
    on = kit.listed
    assert isinstance(on, Listed)
    reference = {"list_id": on.list_id, "version": on.version, "entry_id": on.entry_id}
    elsewhere = "US-NY" if on.jurisdiction != "US-NY" else "CA-QC"
    changes: list[dict[str, Any]] = [
        {"plate": "ZZNONE9"}, {"plate": on.plate[:-1]}, {"jurisdiction": elsewhere},
        {"hotlist": reference | {"entry_id": "e-none"}}, {"hotlist": reference | {"list_id": "no-such-list"}},
    ]  # fmt: skip
    for change in changes:
        if len(change.get("plate", "ZZ")) > 1:
            refused(kit.post(kit.hit(**change)), 409, "not-on-hotlist")
    ahead = reference | {"version": on.version + 1_000_000}
    refused(kit.post(kit.hit(hotlist=ahead)), 409, "hotlist-version-stale")


@check("a.on-list", "t.409")
def a_bare_read_is_never_taken(kit: Kit) -> None:
    """A hit that names no list the console has."""
    reference = {"list_id": "no-such-list", "version": 1, "entry_id": "e-0"}
    refused(
        kit.post(kit.hit(plate="ZZNONE0", hotlist=reference)), 409, "not-on-hotlist", "hotlist-version-stale"
    )


@check("a.durable")
def an_alert_is_there_when_its_answer_is(kit: Kit) -> None:
    """Asked again at once on another connection: it is known already."""
    body = kit.gunshot()
    kit.taken(body)
    other = Kit(kit.url, kit.signer, kit.deployment, kit.listed, kit.verify, kit.seq + 1)
    try:
        begun = time.monotonic()
        assert other.post(body).status_code == 200
        assert time.monotonic() - begun < 5
    finally:
        other.close()
