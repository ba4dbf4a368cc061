"""Phrases that read better than a verb and an object put together, and codes as people say them."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from audit.verbs import VERBS, Verb

_EXPORTS = Verb(_("looked at the list of exports"), _("look at the list of exports"))
#: By verb and the object's type and id; an empty id is any.
_OF: dict[tuple[str, str, str], Verb] = {
    ("approval.request", "log", "exports"): Verb(_("asked for an export"), _("ask for an export")),
    ("audit.view", "log", "exports"): _EXPORTS,
    ("audit.view", "export", ""): Verb(_("looked at {object}"), _("look at {object}")),
    ("audit.view", "page", "witnesses"): Verb(
        _("looked at the keys and witnesses of this log"), _("look at the keys and witnesses of this log")
    ),
    ("audit.review", "page", "reviews"): Verb(
        _("looked at the list of reviews"), _("look at the list of reviews")
    ),
    ("key.view", "page", "register"): Verb(
        _("looked at the register of trailers' keys"), _("look at the register of trailers' keys")
    ),
    ("hotlist.view", "hotlist", "all"): Verb(_("looked at the plate lists"), _("look at the plate lists")),
    ("audit.verify", "log", "audit"): Verb(_("verified this log"), _("verify this log")),
    ("audit.export", "export", ""): Verb(_("finished {object}"), _("finish {object}")),
}
#: What these tell is the fault itself: that it was written is no failure to do so.
_TELLING: dict[tuple[str, str, str], Any] = {
    ("log.halt", "log", ""): _("halted this log"),
    ("audit.verify", "log", "audit"): _("found at verification"),
}
_FAULTS = ("_failed", ".refuse", ".malformed")
#: Codes of a halt; docs/audit.md says what to do about each.
_HALTS: dict[str, Any] = {
    "behind": _("the database is behind what was signed"),
    "differs": _("the database differs from what was signed"),
    "checkpoint-differs": _("a checkpoint does not fit the lines"),
    "node-missing": _("a node of the tree is missing"),
    "node-differs": _("a node of the tree does not fit the lines"),
    "line-differs": _("a line does not fit its hash"),
    "wrong-key": _("the key is another than the one it signs with"),
    "key-missing": _("its key is missing"),
    "head-missing": _("the head file is missing"),
    "head-unreadable": _("the head file cannot be read"),
    "head-unwritable": _("the head file cannot be written"),
    "head-changed": _("somebody else wrote the head file"),
    "clock-backwards": _("the clock ran backwards"),
    "witness-knows": _("a witness has seen another history"),
    "no-partition": _("no partition is left"),
}
#: Why a live view was opened, and why it ended.
_VIEWS: dict[str, Any] = {
    "gunshot": _("gunshot response"),
    "closed": _("closed by the viewer"),
    "handed-back": _("alert handed back"),
    "deactivated": _("deployment ended"),
    "right-lost": _("right taken away"),
    "key-revoked": _("key of the trailer revoked"),
    "expired": _("time over"),
    "gone": _("viewer gone"),
    "no-picture": _("camera gone"),
}
_COUNTS_ENTRIES = {("audit.view", "log"), ("audit.export", "export"), ("audit.download", "export")}
#: A page's rows say nothing of what was done.
_COUNTS_NOTHING = {("audit.view", "page"), ("audit.review", "page"), ("audit.review", "entry")}


def of(entry: dict[str, Any]) -> Verb:
    """Return the phrases of an entry; a verb of a newer console is told by its own name."""
    return _found(_OF, entry) or VERBS.get(entry["verb"]) or Verb("{verb}: {object}", "{verb}: {object}")


def telling(entry: dict[str, Any]) -> Any:
    """Return the phrase of a failed entry that tells a fault instead of an act that failed, else None."""
    if found := _found(_TELLING, entry):
        return found
    return of(entry).did if entry["verb"].endswith(_FAULTS) else None


def code(entry: dict[str, Any]) -> str:
    """Return the outcome's code as words."""
    given = str(entry["outcome"].get("code", ""))
    known = _HALTS.get(given) if entry["verb"] == "log.halt" else None
    return str(known or given.replace("-", " "))


def reason(verb: str, given: str) -> str:
    """Return a reason's code as words."""
    known = _VIEWS.get(given) if verb.startswith("video.live.") else None
    return str(known or given.replace("-", " "))


def counts(entry: dict[str, Any]) -> str:
    """Return what the outcome's count is of: "entries", "times", or "" when it says nothing."""
    key = (entry["verb"], entry["object"]["type"])
    return "entries" if key in _COUNTS_ENTRIES else "" if key in _COUNTS_NOTHING else "times"


def _found(phrases: dict[tuple[str, str, str], Any], entry: dict[str, Any]) -> Any:
    verb, ref = entry["verb"], entry["object"]
    return phrases.get((verb, ref["type"], str(ref["id"]))) or phrases.get((verb, ref["type"], ""))
