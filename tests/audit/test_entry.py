"""The shape of an entry: closed verbs, canonical bytes, and nothing that does not belong."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit import entry
from audit.lines import Waiting, parse
from audit.sentences import thing, what
from audit.verbs import VERBS
from csoc.lib import clock
from csoc.lib.ids import uuid7
from tests.audit.conftest import ALERT, PERSON

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=120)


def build(**changes: Any) -> str:
    """One valid entry with changes."""
    given_ = {"uid": uuid7(), "actor": PERSON, "verb": "alert.close", "ref": ALERT}
    return entry.build(**(given_ | changes))


@settings(max_examples=200, deadline=None)
@given(name=NAMES, identity=NAMES, number=st.integers(0, entry.MAX_INTEGER))
def test_canonical_bytes_are_those_of_rfc_8785(name: str, identity: str, number: int) -> None:
    body = build(
        actor=audit.Actor("person", "u-1", name=name),
        ref=audit.Ref("trailer", identity, "DEMO-PS"),
        reason=audit.Reason("gunshot", "26-118204"),
        outcome=audit.Outcome("partial", n=number, bytes=number),
    )
    parsed = json.loads(body)
    assert rfc8785.dumps(parsed) == body.encode()
    entry.validate(parsed)


@settings(max_examples=200, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=8), inner, max_size=4),
    max_leaves=20,
))  # fmt: skip
def test_our_canonical_form_equals_the_oracle_on_any_allowed_value(value: Any) -> None:
    assert entry.canonical(value).encode() == rfc8785.dumps(value)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400) | st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=12,
).map(lambda value: json.dumps(value)))  # fmt: skip
def test_whatever_stands_in_the_inbox_becomes_one_line(body: str) -> None:
    parsed = parse(Waiting(7, uuid7(), body, clock.now()))
    assert parsed["verb"] == "system.malformed"
    assert parsed["raw"] == body


def test_an_unknown_verb_raises_where_it_is_written() -> None:
    with pytest.raises(audit.BadEntry, match="verb"):
        build(verb="alert.forget")
    with pytest.raises(ValueError, match="not an audit verb"):
        audit.guard("alert.forget", object=lambda request: ALERT)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_reads_as_a_sentence(verb: str) -> None:
    told = {"verb": verb, "object": {"type": "trailer", "id": "TRL-0007"}, "outcome": {"result": "allowed"}}
    assert what(told).strip() and "{" not in what(told)
    told["outcome"] = {"result": "denied", "code": "not-permitted"}
    assert "not permitted" in what(told)


def test_long_ids_are_shortened_for_people() -> None:
    assert thing({"type": "alert", "id": ALERT.id}) == "alert …0000c0de"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("actor.kind", {"actor": audit.Actor("robot", "x")}),
        ("actor.id", {"actor": audit.Actor("person", "")}),
        ("actor.name", {"actor": audit.Actor("person", "u-1", name="a\u0000b")}),
        ("object.id", {"ref": audit.Ref("alert", "x\ny")}),
        ("object.id", {"ref": audit.Ref("alert", "x" * 200)}),
        ("object.type", {"ref": audit.Ref("Alert!", "x")}),
        ("reason.code", {"reason": audit.Reason("He had a gun, plate ABCD123")}),
        ("reason.cad", {"reason": audit.Reason("gunshot", "'; DROP TABLE")}),
        ("outcome.result", {"outcome": audit.Outcome("maybe")}),
        ("outcome.n", {"outcome": audit.Outcome("allowed", n=-1)}),
        ("outcome.bytes", {"outcome": audit.Outcome("allowed", bytes=2**53)}),
        ("detail", {"detail": "ABCD123"}),
        ("parent", {"parent": "yesterday"}),
        ("recipients", {"recipients": ["x"] * 51}),
    ],
)
def test_what_does_not_belong_is_refused(code: str, changes: dict[str, Any]) -> None:
    with pytest.raises(audit.BadEntry) as caught:
        build(**changes)
    assert caught.value.code == code


def test_floats_and_extra_members_are_refused() -> None:
    good = json.loads(build())
    for bad in (good | {"note": "free text"}, good | {"v": 1.0 + 0.5}, good | {"v": True}, []):
        with pytest.raises(audit.BadEntry):
            entry.validate(bad)


def test_an_id_is_taken_as_text_and_no_agency_is_empty() -> None:
    uid = uuid7()
    assert audit.Ref("alert", uid, None) == audit.Ref("alert", str(uid), "")  # type: ignore[arg-type]


HEX = "ab" * 32
CENSUS = {"actors": 3, "objects": 4, "root": HEX, "size": 9}
VKEY = "csoc-demo.invalid/audit+0123abcd+" + "A" * 43 + "="
SPECIAL: dict[str, dict[str, Any]] = {
    "system.malformed": {"raw": 'not "json" \n\u2028 \t'},
    "log.census": {"census": CENSUS},
    "log.rotate": {"vkey": VKEY},
    "detail.erase": {"erased": ["00" * 32, HEX]},
    "audit.export": {"digest": HEX},
}


@pytest.mark.parametrize("verb", sorted(SPECIAL))
def test_five_verbs_carry_one_member_more_and_no_other_may(verb: str) -> None:
    assert set(SPECIAL) == set(entry.SPECIAL)
    body = build(verb=verb, extra=SPECIAL[verb])
    assert rfc8785.dumps(json.loads(body)) == body.encode()
    [(name, value)] = SPECIAL[verb].items()
    assert json.loads(body)[name] == value
    with pytest.raises(audit.BadEntry, match=name):
        build(verb=verb)
    for other in ("alert.close", *sorted(set(SPECIAL) - {verb})):
        with pytest.raises(audit.BadEntry, match="extra"):
            build(verb=other, extra=SPECIAL[verb])
    bare = json.loads(build(verb="alert.close"))
    with pytest.raises(audit.BadEntry):
        entry.validate(bare | SPECIAL[verb])


def test_an_export_that_was_denied_has_no_digest() -> None:
    denied = json.loads(build(verb="audit.export", outcome=audit.Outcome("denied", "not-permitted")))
    assert "digest" not in denied


@pytest.mark.parametrize(
    ("code", "verb", "extra"),
    [
        ("raw", "system.malformed", {"raw": 7}),
        ("raw", "system.malformed", {"raw": "x" * 16_385}),
        ("raw", "system.malformed", {"raw": "\ud800"}),
        ("census", "log.census", {"census": {**CENSUS, "more": 1}}),
        ("census", "log.census", {"census": [1, 2]}),
        ("census.size", "log.census", {"census": {**CENSUS, "size": -1}}),
        ("census.actors", "log.census", {"census": {**CENSUS, "actors": True}}),
        ("census.root", "log.census", {"census": {**CENSUS, "root": "AB" * 32}}),
        ("vkey", "log.rotate", {"vkey": "no key"}),
        ("vkey", "log.rotate", {"vkey": VKEY + "\n"}),
        ("erased", "detail.erase", {"erased": []}),
        ("erased", "detail.erase", {"erased": [HEX, HEX]}),
        ("erased", "detail.erase", {"erased": [HEX, "00" * 32]}),
        ("erased", "detail.erase", {"erased": [f"{n:064x}" for n in range(201)]}),
        ("digest", "audit.export", {"digest": HEX[1:]}),
        ("extra", "audit.export", {"digest": HEX, "raw": "x"}),
    ],
)
def test_a_special_member_is_of_its_shape(code: str, verb: str, extra: dict[str, Any]) -> None:
    with pytest.raises(audit.BadEntry) as caught:
        build(verb=verb, extra=extra)
    assert caught.value.code == code


def test_the_most_commitments_fit_into_one_body() -> None:
    body = build(verb="detail.erase", extra={"erased": [f"{n:064x}" for n in range(entry.MAX_ERASED)]})
    assert len(body.encode()) <= entry.MAX_BODY_BYTES


@pytest.mark.parametrize("verb", [None, 7, ["x"], {}, "nothing.known"])
def test_a_verb_that_is_none_is_a_bad_entry(verb: Any) -> None:
    with pytest.raises(audit.BadEntry):
        entry.validate(json.loads(build()) | {"verb": verb})
