"""The shape of an entry: closed verbs, canonical bytes, and nothing that does not belong."""

import json
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

import audit
from audit import entry
from audit.lines import OWN_VERBS, Waiting, parse
from audit.sentences import reasons, thing, what
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
    wrapped, text = parse(Waiting(7, uuid7(), body, clock.now()))
    assert wrapped["verb"] == "system.malformed"
    assert wrapped["raw"] == body and text == entry.canonical(wrapped)


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


def told(verb: str, kind: str, name: str, result: str = "allowed", **outcome: Any) -> str:
    ref = {"type": kind, "id": name}
    return what({"verb": verb, "object": ref, "outcome": {"result": result, **outcome}})


@pytest.mark.parametrize(
    ("sentence", "entry"),
    [
        (
            "halted this log: the database is behind what was signed",
            ("log.halt", "log", "audit", "failed", "behind", 1),
        ),
        ("halted this log: something new", ("log.halt", "log", "audit", "failed", "something-new", 1)),
        ("resumed this log", ("log.resume", "log", "audit", "allowed", "", 1)),
        ("found at verification: rollback", ("audit.verify", "log", "audit", "failed", "rollback", 1)),
        ("verified this log", ("audit.verify", "log", "audit", "allowed", "", 1)),
        ("could not verify entry 12: error", ("audit.verify", "entry", "12", "failed", "error", 1)),
        ("looked at the list of reviews", ("audit.review", "page", "reviews", "allowed", "", 4)),
        ("looked at entry 12 for review", ("audit.review", "entry", "12", "allowed", "", 4)),
        (
            "finished export EXP-2026-0003, 5 entries",
            ("audit.export", "export", "EXP-2026-0003", "allowed", "", 5),
        ),
        (
            "downloaded export EXP-2026-0003, 5 entries",
            ("audit.download", "export", "EXP-2026-0003", "allowed", "", 5),
        ),
        (
            "could not finish export EXP-2026-0003: gap",
            ("audit.export", "export", "EXP-2026-0003", "failed", "gap", 1),
        ),
        ("looked at export EXP-2026-0003", ("audit.view", "export", "EXP-2026-0003", "allowed", "", 1)),
        ("looked at the list of exports", ("audit.view", "log", "exports", "allowed", "", 1)),
        (
            "looked at the keys and witnesses of this log",
            ("audit.view", "page", "witnesses", "allowed", "", 3),
        ),
        ("looked at the register of trailers' keys", ("key.view", "page", "register", "allowed", "", 1)),
        ("looked at the keys of trailer 07", ("key.view", "trailer", "TRL-0007", "allowed", "", 1)),
        ("looked at the plate lists", ("hotlist.view", "hotlist", "all", "allowed", "", 1)),
        ("read this log, 50 entries", ("audit.view", "log", "audit", "allowed", "", 50)),
        ("pruned this log", ("log.prune", "log", "partition:0", "allowed", "", 1)),
        ("approved part 0 of this log", ("approval.grant", "log", "partition:0", "allowed", "", 1)),
        ("sent requests that were refused (×7)", ("trailer.refuse", "trailer", "TRL-0007", "failed", "", 7)),
    ],
)
def test_what_is_told_reads_as_plain_english(sentence: str, entry: tuple[Any, ...]) -> None:
    verb, kind, name, result, code, n = entry
    assert told(verb, kind, name, result, n=n, **({"code": code} if code else {})) == sentence


def test_why_a_view_began_and_ended_is_told_in_words() -> None:
    def why(verb: str, code: str) -> list[str]:
        return reasons({"code": code}, verb)

    assert why("video.live.open", "gunshot") == ["gunshot response"]
    assert why("video.live.close", "alert-closed") == ["alert closed"]
    assert why("video.live.close", "no-picture") == ["camera gone"]
    assert why("alert.close", "gunshot") == ["gunshot"]


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


ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=140) | st.binary(max_size=4)
    | st.lists(st.text(max_size=3), max_size=2) | st.just({})
)  # fmt: skip
#: Mostly what belongs, sometimes anything at all.
TEXTS = st.none() | st.text(max_size=40) | NAMES | ANYTHING
ACTORS = st.builds(
    audit.Actor, st.sampled_from(sorted(entry.ACTOR_KINDS)) | ANYTHING, NAMES | ANYTHING, TEXTS, TEXTS, TEXTS,
    TEXTS, TEXTS, TEXTS, TEXTS,
)  # fmt: skip
CODES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
REFS = st.builds(audit.Ref, CODES | ANYTHING, NAMES | ANYTHING, st.text(max_size=70) | ANYTHING)
REASONS = st.none() | st.builds(audit.Reason, CODES | ANYTHING, st.none() | CODES | ANYTHING, TEXTS)
OUTCOMES = st.builds(
    audit.Outcome, st.sampled_from(sorted(entry.RESULTS)) | ANYTHING, st.none() | CODES | ANYTHING,
    st.none() | st.integers(0, 2**54) | ANYTHING, st.none() | st.integers(0, 9) | ANYTHING,
)  # fmt: skip
DIGESTS = st.none() | st.just(HEX) | ANYTHING
UIDS = st.builds(uuid7) | st.uuids() | st.uuids(version=4) | ANYTHING
VERB_NAMES = st.sampled_from(["alert.close", "detail.erase", "audit.export"]) | ANYTHING


def plainly(**given_: Any) -> str:
    """What ``build`` is a fast way of: the whole entry as one value, validated as the sequencer does."""
    extra = given_.pop("extra") or {}
    if extra and (not isinstance(given_["verb"], str) or set(extra) != {entry.SPECIAL.get(given_["verb"])}):
        raise audit.BadEntry("extra")
    names = given_.pop("recipients")
    value = {
        "v": 1,
        "uid": str(given_.pop("uid")),
        "recipients": [str(name) for name in names] if names else None,
    }
    parts = {"actor": given_.pop("actor"), "object": given_.pop("ref")}
    parts |= {name: given_.pop(name) for name in ("outcome", "reason")}
    for name, part in parts.items():
        if part is not None:
            fields = {field: getattr(part, field) for field in part.__slots__}
            value[name] = {field: item for field, item in fields.items() if item is not None}
    whole = {name: item for name, item in (value | given_).items() if item is not None} | extra
    entry.validate(whole)
    return rfc8785.dumps(whole).decode()


def outcome_of(make: Any, given_: dict[str, Any]) -> tuple[str, str]:
    """The text, or that it was refused."""
    try:
        return "made", make(**dict(given_))
    except audit.BadEntry:
        return "refused", ""


@settings(max_examples=1500, deadline=None)
@given(
    uid=UIDS, actor=ACTORS, verb=VERB_NAMES, ref=REFS, reason=REASONS, outcome=OUTCOMES,
    recipients=st.none() | st.lists(NAMES | st.text(max_size=3), max_size=3), req=TEXTS,
    parent=st.none() | st.builds(lambda: str(uuid7())) | ANYTHING, old=DIGESTS, new=DIGESTS, detail=DIGESTS,
    extra=st.none() | st.sampled_from([{"erased": [HEX]}, {"digest": HEX}, {"raw": "x"}]),
)  # fmt: skip
def test_the_fast_way_writes_what_the_plain_one_would_and_refuses_what_it_would(**given_: Any) -> None:
    assert outcome_of(entry.build, given_) == outcome_of(plainly, given_)


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(sorted(entry.ACTOR_KINDS)), identity=NAMES, name=st.none() | NAMES,
    ref=st.builds(audit.Ref, CODES, NAMES, st.text("abc DEF-09", max_size=64)),
    reason=st.none() | st.builds(audit.Reason, CODES, st.none() | CODES),
    outcome=st.builds(audit.Outcome, st.sampled_from(sorted(entry.RESULTS)), st.none() | CODES),
    recipients=st.none() | st.lists(NAMES, min_size=1, max_size=3), digest=st.none() | st.just(HEX),
)  # fmt: skip
def test_every_entry_of_the_documented_shape_is_made(
    kind: str, identity: str, name: Any, digest: Any, **given_: Any
) -> None:
    given_ |= {"uid": uuid7(), "verb": "alert.close", "actor": audit.Actor(kind, identity, name=name)}
    whole = given_ | {
        "req": None,
        "parent": None,
        "old": digest,
        "new": digest,
        "detail": digest,
        "extra": None,
    }
    for _time in range(2):  # the second time the actor is remembered
        made, text = outcome_of(entry.build, whole)
        assert (made, text) == outcome_of(plainly, whole) and made == "made"


def test_a_remembered_actor_is_never_one_that_was_refused() -> None:
    for _time in range(2):
        for bad in (
            audit.Actor("robot", "x"),
            audit.Actor("person", ["x"]),
            audit.Actor("person", "u-1", badge=7),
        ):  # type: ignore[arg-type]
            with pytest.raises(audit.BadEntry):
                build(actor=bad)


@pytest.mark.parametrize("member", ["n", "bytes"])
def test_a_count_that_only_equals_a_number_is_refused_after_that_number_too(member: str) -> None:
    build(outcome=audit.Outcome("allowed", **{member: 1}))
    for equal in (True, 1.0):
        with pytest.raises(audit.BadEntry, match=member):
            build(outcome=audit.Outcome("allowed", **{member: equal}))  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SOUND: list[dict[str, Any]] = [
    json.loads(build(parent=str(uuid7()), old=HEX, new=HEX, req="r-1")),
    *(
        json.loads(
            build(
                verb=verb, extra=extra, reason=audit.Reason("gunshot", "26-1", "act"), parent=str(uuid7()),
                recipients=["x"], detail=HEX, outcome=audit.Outcome("allowed", "c", 1, 2),
            )
        )
        for verb, extra in SPECIAL.items()
        if verb not in OWN_VERBS
    ),
]  # fmt: skip


def entry_text(value: Any) -> str:
    """The canonical text, also of what no entry may hold."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, item in inner for place in places(item, (*way, key)))]


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_one_wrong_value_anywhere_is_wrapped_and_never_stops_the_sequencer(data: st.DataObject) -> None:
    sound = data.draw(st.sampled_from(SOUND))
    way = data.draw(st.sampled_from(places(sound)))
    bad = json.loads(json.dumps(sound))
    place = bad
    for key in way[:-1]:
        place = place[key]
    value = data.draw(JSON)
    if way:
        place[way[-1]] = value
    else:
        bad = value
    uid = bad["uid"] if isinstance(bad, dict) and bad.get("uid") == sound["uid"] else sound["uid"]
    parsed, text = parse(Waiting(7, UUID(uid), entry_text(bad), clock.now()))
    assert text == entry.canonical(parsed)
    assert parsed["verb"] == "system.malformed" or text == entry.canonical(bad)
    entry.validate(parsed)
    assert_plain(parsed)


def assert_plain(value: Any) -> None:
    """Nothing that another reader of JSON would take for something else."""
    if isinstance(value, dict):
        assert all(type(key) is str and key.isascii() for key in value)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            assert_plain(item)
    else:
        assert value is None or type(value) in (str, bool) or (type(value) is int and abs(value) < 2**53)


#: What equals, or looks like, something that belongs.
ALIKE: list[Any] = [
    1.0, 0.0, -0.0, 2.0, 1e300, 0.5, True, False, None, 1, 0, -1, 2**53, -(2**53), 10**400, "1", "", [], [1],
    {}, {"é": 1}, {"v": 1.0}, [1.0], float("inf"), float("nan"), "\ud800", "\u0000", [HEX, 1.0], {"1": True},
]  # fmt: skip


@pytest.mark.parametrize("sound", SOUND, ids=lambda sound: sound["verb"])
def test_nothing_that_only_equals_a_sound_value_is_sealed_as_sound(sound: dict[str, Any]) -> None:
    row = Waiting(7, UUID(sound["uid"]), entry_text(sound), clock.now())
    assert parse(row).entry == sound
    for way in places(sound)[1:]:
        for alike in ALIKE:
            for named in (way, (*way[:-1], "ключ")) if isinstance(way[-1], str) else (way,):
                bad = json.loads(row.body)
                place = bad
                for key in way[:-1]:
                    place = place[key]
                place[named[-1]] = alike
                parsed = parse(row._replace(body=entry_text(bad))).entry
                assert_plain(parsed)
                unchanged = entry_text(bad) == row.body
                assert unchanged or parsed["verb"] == "system.malformed" or type(alike) in (int, str)
                assert parsed["verb"] == "system.malformed" or parsed["v"] is bad["v"] == 1


@pytest.mark.parametrize("written", ["1.0", "1e0", "10e-1", "true", "01", "+1", "1 ", "-0", "1" * 5_000])
def test_a_number_is_an_integer_as_canonical_json_writes_it(written: str) -> None:
    sound = SOUND[1]
    body = entry_text(sound)
    for member in ('"v":1', '"n":1', '"bytes":2', '"size":9', '"actors":3'):
        if member in body:
            bad = body.replace(member, f"{member.partition(':')[0]}:{written}", 1)
            assert parse(Waiting(7, UUID(sound["uid"]), bad, clock.now())).entry["verb"] == "system.malformed"


@pytest.mark.parametrize(
    ("named", "size", "taken"),
    [
        ("partition:0", (1 << 20) - 1, False),
        ("partition:0", 1 << 20, True),
        ("partition:1", 1 << 20, False),
        ("partition:-1", 1 << 21, False),
        ("zzz", 1 << 21, False),
    ],
)
def test_only_a_full_part_of_the_log_can_have_been_pruned(named: str, size: int, taken: bool) -> None:
    uid = uuid7()
    body = entry.build(uid=uid, actor=PERSON, verb="log.prune", ref=audit.Ref("log", named))
    parsed = parse(Waiting(7, uid, body, clock.now()), size).entry
    assert parsed["verb"] == ("log.prune" if taken else "system.malformed")
