"""The integrity strip: how far the log is verified and witnessed, and what to do when it is not."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import checkpoints, halt, selectors
from audit.models import LogKey, WitnessState
from audit.notes import VerifierKey
from audit.verification.state import State, state
from csoc.lib import clock

#: A line that no witness has seen for longer than this is not yet beyond our own reach.
UNWITNESSED_S = 60
#: By the database's own clock, which wrote the line's time.
AGE = """
SELECT extract(epoch FROM clock_timestamp() - at) FROM audit_log
WHERE idx >= %s AND idx < %s ORDER BY idx LIMIT 1
"""
PULSE = "SELECT state, fault FROM audit_pulse"


@dataclass(frozen=True, slots=True)
class Strip:
    """What the strip says. ``level``: ok, caution or fault; ``todo`` is what to do unless it is ok.

    ``witnesses``: (words, local time) of the cosignatures on the newest witnessed checkpoint.
    ``goes_on``: the log's later name and since when, after a halt that two people ended.
    ``complete_to``: how many lines were verified to be all there, None when that is not known.
    """

    level: str
    headline: str
    size: int
    witnesses: list[tuple[str, str]] = field(default_factory=list)
    next_s: int | None = None
    todo: str = ""
    complete_to: int | None = None
    goes_on: str = ""


def now(broken: list[int] | None = None) -> Strip:
    """Return the strip. broken: indexes of lines on the page that are not what was signed."""
    sealed, checked = selectors.sealed_status(), state()
    size = int(sealed["size"])
    fault = _fault(checked, broken or [])
    level, headline, todo = ("fault", *fault) if fault else _progress(sealed, checked, size)
    return Strip(
        level,
        headline,
        size,
        witnesses=_witnesses(),
        next_s=_next_round(),
        todo=todo,
        complete_to=checked.size if not fault and checked.word == "verified" else None,
        goes_on=_goes_on(),
    )


def _goes_on() -> str:
    """Return under which name the log goes on after a halt, "" while it has its first."""
    first = LogKey.objects.order_by("-generation", "n").first()
    if first is None or first.generation < 2:
        return ""
    name = VerifierKey.parse(first.vkey).name
    return _("goes on as %(name)s since %(time)s") % {"name": name, "time": _local(first.at)}


def _fault(checked: State, broken: list[int]) -> tuple[str, str] | None:
    """Return what is wrong and what to do, when the log is not what was signed."""
    with connection.cursor() as cursor:
        cursor.execute(PULSE)
        pulse = cursor.fetchone() or ("working", "")
    keep = _("Change nothing, keep the database as it is, and tell the administrator and the witnesses now.")
    if pulse[0] == "halted":
        why = str(halt.SENTENCES.get(pulse[1], pulse[1]))
        said = _("The log has halted (%(code)s), nothing is signed") % {"code": pulse[1]}
        return said, why + " " + _("How to go on: docs/audit.md, “The log has halted”.")
    if broken:
        said = ngettext(
            "Entry %(first)s on this page is not what was signed.",
            "%(n)d entries on this page are not what was signed, the first is %(first)s.",
            len(broken),
        )
        return said % {"n": len(broken), "first": f"{min(broken):,}"}, keep
    if checked.word == "broken":
        return checked.sentence, keep
    return None


def _progress(sealed: dict[str, Any], checked: State, size: int) -> tuple[str, str, str]:
    """Return level, headline and what to do, when nothing is wrong but something may be late."""
    at = _local(checked.at)
    if sealed["state"] == "fault":
        since = _local(datetime.fromisoformat(sealed["sealed_at"])) if sealed["sealed_at"] else ""
        said = _("Not sealed since %(time)s") % {"time": since} if since else _("Nothing is sealed yet")
        return "fault", said, _("Entries are kept. Tell the administrator: the sequencer has stopped.")
    if sealed["state"] == "caution":
        todo = _("Entries are kept and wait for their place. If this stays, tell the administrator.")
        return "caution", _("Sealing is %(s)d s behind") % {"s": sealed["behind_s"]}, todo
    if checked.word in ("never", "silent"):
        said = _("Not verified since %(time)s") % {"time": at} if at else _("Not verified yet")
        if _publishes():
            return "caution", said, _("The publisher is still going through the log.")
        return "caution", said, _("The publisher is not running. Tell the administrator.")
    late = _unwitnessed(size)
    if late:
        return "caution", late, _("What is newer can still be changed unseen. See Keys and witnesses.")
    if checked.word == "checking":
        return "ok", _("Verified to entry %(n)s, going on") % {"n": f"{checked.size:,}"}, ""
    return "ok", _("Verified to %(time)s") % {"time": at}, ""


def _unwitnessed(size: int) -> str:
    """Return a sentence when the oldest line without a witness is more than a minute old, else ""."""
    if not checkpoints.witnesses():
        return _("No witness is set up")
    newest = checkpoints.newest_witnessed()
    seen = newest.size if newest else 0
    with connection.cursor() as cursor:
        cursor.execute(AGE, [seen, size])
        oldest = cursor.fetchone()
    if oldest is None or oldest[0] <= UNWITNESSED_S:
        return ""
    if newest is None:
        return _("No witness has seen this log yet")
    return _("Not witnessed since %(time)s") % {"time": _local(newest.at)}


def _witnesses() -> list[tuple[str, str]]:
    found = checkpoints.newest_cosigned()
    names = {witness.vkey: witness.words or witness.name for witness in checkpoints.witnesses()}
    cosigned = found[1] if found else []
    return [
        (names.get(one.vkey, one.vkey.name), _local(datetime.fromtimestamp(one.at, UTC))) for one in cosigned
    ]


def _next_round() -> int | None:
    """Return in how many seconds the witnesses are asked again."""
    newest = _last_round()
    if newest is None:
        return None
    left = (newest + timedelta(seconds=settings.AUDIT_WITNESS_EVERY_S) - clock.now()).total_seconds()
    return max(0, round(left))


def _publishes() -> bool:
    """True when the publisher has asked a witness lately: so it runs, whatever else it does."""
    newest = _last_round()
    return newest is not None and clock.now() - newest < timedelta(seconds=3 * settings.AUDIT_WITNESS_EVERY_S)


def _last_round() -> datetime | None:
    return WitnessState.objects.order_by("-tried_at").values_list("tried_at", flat=True).first()


def _local(at: datetime | None) -> str:
    """Return the time of day where people are; with its date when that is not today's."""
    if at is None:
        return ""
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    here, today = at.astimezone(zone), clock.now().astimezone(zone).date()
    return f"{here:%H:%M:%S}" if here.date() == today else f"{here:%Y-%m-%d %H:%M:%S}"
