"""One entry before the sequencer: its types, its closed shape and its canonical bytes.

Text and ids only: no plates, no names of the public, no free text. ASCII keys, strings, booleans, null
and integers below 2^53, so that sorted compact JSON is RFC 8785 (checked against ``rfc8785``).
"""

import json
import re
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from audit.verbs import VERBS

VERSION = 1
MAX_BODY_BYTES = 16_384
MAX_INTEGER = 2**53 - 1
RESULTS = frozenset({"allowed", "denied", "failed", "partial"})
#: person: signed in; trailer: a device's key; system: a process of ours; owner: a site owner's own
#: link; anonymous: nobody yet (sign-in).
ACTOR_KINDS = frozenset({"person", "trailer", "system", "owner", "anonymous"})

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNPAIRED = re.compile("[\x00\ud800-\udfff]")
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_CAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_-]{0,39}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_VKEY = re.compile(r"[^\s+\x00-\x20\x7f]{1,128}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{43,200}={0,2}\Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
#: The five verbs that carry one member more, and its name. No other verb may (docs/audit-format.md).
SPECIAL = {
    "system.malformed": "raw",
    "log.census": "census",
    "log.rotate": "vkey",
    "detail.erase": "erased",
    "audit.export": "digest",
}
#: So many commitments fit into one body.
MAX_ERASED = 200


class BadEntry(ValueError):
    """The entry is not one of the documented shape. ``code`` names the member at fault."""

    def __init__(self, code: str) -> None:
        super().__init__(f"not a valid audit entry: {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as they were then. ``session`` is a truncated hash, ``auth`` how they signed in."""

    kind: str
    id: str
    badge: str | None = None
    role: str | None = None
    agency: str | None = None
    session: str | None = None
    ip: str | None = None
    auth: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """What is acted on. ``id`` is a wire id (UUID or number for people), ``agency`` its owner or ''."""

    type: str
    id: str
    agency: str = ""

    def __post_init__(self) -> None:
        """Take UUIDs and numbers as they come; None is the absence of an agency."""
        object.__setattr__(self, "id", str(self.id))
        object.__setattr__(self, "agency", self.agency or "")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a purpose code, the CAD number if there is one, and the legal authority if one is needed."""

    code: str
    cad: str | None = None
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. ``n`` counts objects, ``bytes`` what left; ``code`` is the problem code."""

    result: str
    code: str | None = None
    n: int | None = None
    bytes: int | None = None


ALLOWED = Outcome("allowed")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def canonical(value: Any) -> str:
    """Return the RFC 8785 text of a validated entry or line."""
    return _ENCODER.encode(value)


def build(
    *,
    uid: UUID,
    actor: Actor,
    verb: str,
    ref: Ref,
    reason: Reason | None = None,
    outcome: Outcome = ALLOWED,
    recipients: list[str] | None = None,
    req: str | None = None,
    parent: str | None = None,
    old: str | None = None,
    new: str | None = None,
    detail: str | None = None,
    extra: dict[str, Any] | None = None,
) -> str:
    """Return the canonical body.

    extra: the one member more that five verbs carry, as ``{"erased": [...]}`` (see SPECIAL).
    Errors: BadEntry, at once, so that a bad call fails its own test.
    """
    texts = {"req": req, "parent": parent, "old": old, "new": new, "detail": detail}
    if extra or recipients or not isinstance(verb, str) or verb in SPECIAL:
        body = canonical(_rare(str(uid), actor, verb, ref, reason, outcome, recipients, texts, extra))
    else:
        body = _usual(str(uid), actor, verb, ref, reason, outcome, texts)
    # No character takes more than four bytes.
    if len(body) * 4 > MAX_BODY_BYTES and len(body.encode()) > MAX_BODY_BYTES:
        raise BadEntry("too-large")
    return body


def _usual(
    uid: str,
    actor: Actor,
    verb: str,
    ref: Ref,
    reason: Reason | None,
    outcome: Outcome,
    texts: dict[str, Any],
) -> str:
    """Return the body of every entry but the rare ones, each member checked and in its place by name.

    What comes again and again (who acts, why, what came of it) is checked and written once, and remembered.
    """
    try:
        parts = [
            '{"actor":', _actor_text(actor),
            _text_member("detail", texts["detail"], _DIGEST),
            _text_member("new", texts["new"], _DIGEST),
            ',"object":', _ref_text(ref),
            _text_member("old", texts["old"], _DIGEST),
            ',"outcome":', _outcome_text(outcome),
            _text_member("parent", texts["parent"], _UUID),
        ]  # fmt: skip
        if reason:
            parts += [',"reason":', _reason_text(reason)]
        if texts["req"] is not None:
            _text(texts["req"], "req", 64)
            parts += [',"req":', _quoted(texts["req"])]
    except TypeError:  # a member that cannot even be hashed is no text
        raise BadEntry("actor") from None
    _match(_UUID7, uid, "uid")
    if verb not in VERBS:
        raise BadEntry("verb")
    parts.append(f',"uid":"{uid}","v":{VERSION},"verb":"{verb}"}}')
    return "".join(parts)


def _rare(
    uid: str,
    actor: Actor,
    verb: str,
    ref: Ref,
    reason: Reason | None,
    outcome: Outcome,
    recipients: list[str] | None,
    texts: dict[str, Any],
    extra: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the entry of any shape, checked. What ``_usual`` writes is the canonical text of this."""
    entry: dict[str, Any] = {
        "v": VERSION,
        "uid": uid,
        "actor": _present(actor),
        "verb": verb,
        "object": {"type": ref.type, "id": ref.id, "agency": ref.agency},
        "outcome": _present(outcome),
    }
    if reason:
        entry["reason"] = _present(reason)
    if recipients:
        entry["recipients"] = [str(name) for name in recipients]
    entry.update({name: text for name, text in texts.items() if text is not None})
    if extra:
        if not isinstance(verb, str) or set(extra) != {SPECIAL.get(verb)}:
            raise BadEntry("extra")
        entry |= extra
    validate(entry)
    return entry


def validate(entry: Any) -> None:
    """Check a parsed body against the closed schema. Errors: BadEntry."""
    verb = entry.get("verb") if isinstance(entry, dict) else None
    special = SPECIAL.get(verb) if isinstance(verb, str) else None
    _members(entry, "entry", _REQUIRED, _OPTIONAL | {special} if special else _OPTIONAL)
    if type(entry["v"]) is not int or entry["v"] != VERSION:  # 1.0 and True equal 1
        raise BadEntry("v")
    _match(_UUID7, entry["uid"], "uid")
    if not isinstance(verb, str) or verb not in VERBS:
        raise BadEntry("verb")
    _known_actor(entry["actor"])
    _object(entry["object"])
    _outcome(entry["outcome"])
    if "reason" in entry:
        _reason(entry["reason"])
    if "recipients" in entry:
        _recipients(entry["recipients"])
    if "req" in entry:
        _text(entry["req"], "req", 64)
    if "parent" in entry:
        _match(_UUID, entry["parent"], "parent")
    for key in ("old", "new", "detail"):
        if key in entry:
            _match(_DIGEST, entry[key], key)
    if special:
        _special(entry, special)


_ACTOR_TEXTS = {"badge": 32, "role": 128, "agency": 64, "session": 64, "ip": 64, "auth": 64, "name": 200}
_REQUIRED = {"v", "uid", "actor", "verb", "object", "outcome"}
_OPTIONAL = {"reason", "recipients", "req", "parent", "old", "new", "detail"}


def _special(entry: dict[str, Any], name: str) -> None:
    """Check the member that only this verb carries: there exactly when the act was done, or malformed."""
    done = entry["outcome"]["result"] in ("allowed", "partial") or name == "raw"
    if (name in entry) != done:
        raise BadEntry(name)
    if not done:
        return
    value = entry[name]
    match name:
        case "raw":
            if not isinstance(value, str) or _UNPAIRED.search(value) or len(value.encode()) > MAX_BODY_BYTES:
                raise BadEntry(name)
        case "census":
            _census(value)
        case "erased":
            _erased(value)
        case _:
            _match(_VKEY if name == "vkey" else _DIGEST, value, name)


def _census(value: Any) -> None:
    _members(value, "census", {"actors", "objects", "root", "size"}, set())
    _match(_DIGEST, value["root"], "census.root")
    for key in ("actors", "objects", "size"):
        if type(value[key]) is not int or not 0 <= value[key] <= MAX_INTEGER:
            raise BadEntry(f"census.{key}")


def _erased(value: Any) -> None:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_ERASED:
        raise BadEntry("erased")
    for commitment in value:
        _match(_DIGEST, commitment, "erased")
    if value != sorted(set(value)):
        raise BadEntry("erased")


def _present(value: Any) -> dict[str, Any]:
    return {name: item for name in value.__slots__ if (item := getattr(value, name)) is not None}


_quoted = json.encoder.encode_basestring


@lru_cache(maxsize=1024)
def _actor_text(actor: Actor) -> str:
    """What is not valid raises, and is so never remembered; likewise below."""
    part = _present(actor)
    _actor(part)
    return canonical(part)


@lru_cache(maxsize=256)
def _reason_text(reason: Reason) -> str:
    part = _present(reason)
    _reason(part)
    return canonical(part)


def _outcome_text(outcome: Outcome) -> str:
    if outcome.n is None and outcome.bytes is None:
        return _uncounted(outcome)
    # Not remembered: True and 1.0 are found where 1 was kept.
    return _uncounted.__wrapped__(outcome)


@lru_cache(maxsize=256)
def _uncounted(outcome: Outcome) -> str:
    part = _present(outcome)
    _outcome(part)
    return canonical(part)


def _ref_text(ref: Ref) -> str:
    _match(_CODE, ref.type, "object.type")
    _text(ref.id, "object.id", 128)
    _text(ref.agency, "object.agency", 64, empty=True)
    return f'{{"agency":{_quoted(ref.agency)},"id":{_quoted(ref.id)},"type":"{ref.type}"}}'


def _text_member(name: str, value: Any, pattern: re.Pattern[str]) -> str:
    """Return a member whose pattern allows nothing that JSON would have to escape; '' when there is none."""
    if value is None:
        return ""
    _match(pattern, value, name)
    return f',"{name}":"{value}"'


def _members(value: Any, name: str, required: Set[str], optional: Set[str]) -> None:
    if not isinstance(value, dict) or not (required <= value.keys() <= required | optional):
        raise BadEntry(name)


def is_name(value: str) -> bool:
    """True when ``value`` may stand in an entry as an id: what comes out of an address may not."""
    return 0 < len(value) <= 128 and not _CONTROL.search(value)


def _text(value: Any, name: str, limit: int, *, empty: bool = False) -> None:
    if not isinstance(value, str) or len(value) > limit or _CONTROL.search(value) or not (value or empty):
        raise BadEntry(name)


def _match(pattern: re.Pattern[str], value: Any, name: str) -> None:
    if not isinstance(value, str) or not pattern.match(value):
        raise BadEntry(name)


def _known_actor(value: Any) -> None:
    """Check an actor, once: the same people act again and again. No text equals anything but a text."""
    try:
        _sound_actor(frozenset(value.items()))
    except (AttributeError, TypeError):
        raise BadEntry("actor") from None


@lru_cache(maxsize=4096)
def _sound_actor(members: frozenset[tuple[str, Any]]) -> None:
    _actor(dict(members))


def _actor(value: Any) -> None:
    _members(value, "actor", {"kind", "id"}, _ACTOR_TEXTS.keys())
    if not isinstance(value["kind"], str) or value["kind"] not in ACTOR_KINDS:
        raise BadEntry("actor.kind")
    _text(value["id"], "actor.id", 128)
    for key, limit in _ACTOR_TEXTS.items():
        if key in value:
            _text(value[key], f"actor.{key}", limit, empty=True)


def _object(value: Any) -> None:
    _members(value, "object", {"type", "id", "agency"}, set())
    _match(_CODE, value["type"], "object.type")
    _text(value["id"], "object.id", 128)
    _text(value["agency"], "object.agency", 64, empty=True)


def _outcome(value: Any) -> None:
    _members(value, "outcome", {"result"}, {"code", "n", "bytes"})
    if not isinstance(value["result"], str) or value["result"] not in RESULTS:
        raise BadEntry("outcome.result")
    if "code" in value:
        _match(_CODE, value["code"], "outcome.code")
    for key in ("n", "bytes"):
        count = value.get(key, 0)
        if type(count) is not int or not 0 <= count <= MAX_INTEGER:
            raise BadEntry(f"outcome.{key}")


def _reason(value: Any) -> None:
    _members(value, "reason", {"code"}, {"cad", "authority"})
    _match(_CODE, value["code"], "reason.code")
    if "cad" in value:
        _match(_CAD, value["cad"], "reason.cad")
    if "authority" in value:
        _text(value["authority"], "reason.authority", 120)


def _recipients(value: Any) -> None:
    if not isinstance(value, list) or not 0 < len(value) <= 50:
        raise BadEntry("recipients")
    for item in value:
        _text(item, "recipients", 128)
