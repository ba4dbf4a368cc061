"""Each entry as a plain sentence, drawn from its line alone: titles as they were then, never joined."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _

from audit import phrases
from audit.models import Entry

_TRAILER = re.compile(r"TRL-0*(\d+)\Z")
_LONG_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


@dataclass(frozen=True, slots=True)
class Told:
    """One row of the page: ``who`` in bold, ``what`` after it, and the line it is drawn from."""

    idx: int
    at: datetime
    who: str
    what: str
    why: str
    reasons: list[str]
    outcome: str
    entry: dict[str, Any]
    line: str
    leaf: str
    actor_id: str
    object_key: str

    @property
    def role(self) -> str:
        """What the actor was then: "dispatcher and supervisor"."""
        return str(self.entry["actor"].get("role", "")).replace("_", " ").replace("+", ", ")

    @property
    def of(self) -> str:
        """The object, named as in the sentence."""
        return thing(self.entry["object"])

    @property
    def day(self) -> str:
        """The day where people are."""
        return date_format(self._local, "l j F Y")

    @property
    def time(self) -> str:
        """The time where people are, to the millisecond."""
        return f"{self._local:%H:%M:%S}.{self._local.microsecond // 1000:03d}"

    @property
    def _local(self) -> datetime:
        return self.at.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE))


def tell(row: Entry) -> Told:
    """Return what ``row`` says, as a person reads it.

    A line that is no entry any more (somebody changed it) still gets a row, so that it can be seen.
    """
    try:
        entry = json.loads(row.line)["e"]
        said = who(entry["actor"]), what(entry), reasons(entry.get("reason"), entry["verb"])
        outcome = str(entry["outcome"]["result"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        entry, outcome = _unreadable(row), row.outcome
        said = row.name or row.actor or "?", _("left a line that can no longer be read as an entry"), []
    return Told(
        idx=row.idx,
        at=row.at,
        who=said[0],
        what=said[1],
        why=", ".join(said[2]),
        reasons=said[2],
        outcome=outcome,
        entry=entry,
        line=row.line,
        leaf=bytes(row.leaf).hex(),
        actor_id=row.actor,
        object_key=row.object,
    )


def _unreadable(row: Entry) -> dict[str, Any]:
    """Return what the columns beside an unreadable line still say."""
    kind, _colon, identity = row.object.partition(":")
    return {
        "actor": {"kind": "person", "id": row.actor},
        "verb": row.verb,
        "object": {"type": kind, "id": identity, "agency": row.agency},
        "outcome": {"result": row.outcome},
    }


def who(actor: dict[str, Any]) -> str:
    """Name the actor as the entry does."""
    match actor["kind"]:
        case "trailer":
            return _("Trailer %(id)s") % {"id": _short(actor["id"])}
        case "system":
            return _("The console (%(id)s)") % {"id": actor["id"]}
        case "owner":
            return _("The site's owner")
        case "anonymous":
            return _("Somebody not signed in")
    return str(actor.get("name") or actor["id"])


def thing(ref: dict[str, Any]) -> str:
    """Name the object: its word and its id, long ids by their last eight characters."""
    identity = str(ref["id"])
    if ref["type"] == "log" and identity.startswith("partition:"):
        return _("part %(n)s of this log") % {"n": identity.partition(":")[2]}
    return f"{ref['type'].replace('_', ' ')} {_short(identity)}"


def trailer(name: str) -> str:
    """Return a trailer as sentences name it: "trailer 07"; "" of none."""
    return thing({"type": "trailer", "id": name}) if name else ""


def _short(identity: str) -> str:
    """Return an id as people say it: trailer 07, the last eight characters of a long one."""
    if _LONG_ID.match(identity):
        return "…" + identity[-8:]
    number = _TRAILER.match(identity)
    return f"{int(number[1]):02d}" if number else identity


def what(entry: dict[str, Any]) -> str:
    """Return the predicate: done, not allowed, or failed, with the code and the count."""
    outcome, verb = entry["outcome"], phrases.of(entry)
    named = {"object": thing(entry["object"]), "verb": entry["verb"]}
    code, failed = phrases.code(entry), outcome["result"] == "failed"
    if outcome["result"] == "denied":
        sentence = _("was not allowed to {act}").format(act=str(verb.to_do).format(**named))
    elif code == "repeated":
        again = _("asked once more to {act}, and was given the first answer")
        sentence, code = again.format(act=str(verb.to_do).format(**named)), ""
    elif failed and (fault := phrases.telling(entry)):
        sentence = str(fault).format(**named)
    elif failed:
        sentence = _("could not {act}").format(act=str(verb.to_do).format(**named))
    else:
        sentence = str(verb.did).format(**named)
    if code:
        sentence = f"{sentence}: {code}"
    counted = phrases.counts(entry) if outcome.get("n", 1) > 1 else ""
    if counted == "entries":
        return sentence + _(", {n} entries").format(n=outcome["n"])
    return f"{sentence} (×{outcome['n']})" if counted else sentence


def why(reason: dict[str, Any] | None) -> str:
    """Return the purpose and the CAD number, or an empty text."""
    return ", ".join(reasons(reason))


def reasons(reason: dict[str, Any] | None, verb: str = "") -> list[str]:
    """Return the parts of a reason: purpose, CAD number, authority."""
    if not reason:
        return []
    parts = [phrases.reason(verb, reason["code"])]
    if reason.get("cad"):
        parts.append(_("CAD %(cad)s") % {"cad": reason["cad"]})
    if reason.get("authority"):
        parts.append(reason["authority"])
    return parts
