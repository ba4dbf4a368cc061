"""Turns what a person typed into what an export asks for, with a sentence beside the field at fault."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from audit import moments, questions, selectors
from audit.exports import scope
from audit.models import Entry, ExportRequest
from csoc.lib import clock
from csoc.lib.errors import Refused

COUNT_WITHIN_MS = 1_500
NUMBER = 18


def actor_id(text: str) -> str:
    """Return the id of the one actor whose number or name ``text`` is. Errors: ValueError with a sentence."""
    if Entry.objects.filter(actor=text).exists():
        return text
    named = Entry.objects.extra(where=["lower(audit_log.name) = %s"], params=[text.lower()])
    found = sorted(set(named.values_list("actor", flat=True)[:5_000]))
    if len(found) == 1:
        return str(found[0])
    if found:
        raise ValueError(
            _("Several people have this name: %(all)s. Write the number.") % {"all": ", ".join(found)}
        )
    raise ValueError(
        _("No entry is by “%(text)s”. Write a person's number, such as u-1042.") % {"text": text}
    )


def object_key(text: str) -> str:
    """Return the key of the one object that ``text`` names. Errors: ValueError with a sentence."""
    keys = questions.object_keys(text)
    if keys.prefix:
        raise ValueError(_("An export is of one thing: write it without the star."))
    found = [key for key in keys.exact if Entry.objects.filter(object=key).exists()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(_("This could be %(all)s. Write one of them.") % {"all": _(" or ").join(found)})
    raise ValueError(_("No entry is about “%(text)s”. Write it like trailer:TRL-0007.") % {"text": text})


def first_index(text: str, size: int) -> int:
    """Return where a range begins: an entry's number, or the first entry of a time; "" is the very first."""
    if not text:
        return 0
    if (idx := _number(text)) is not None:
        return idx
    return _edge(selectors.EARLIEST, _moment(text, end=False), size, size)


def last_index(text: str, size: int) -> int:
    """Return where a range ends: an entry's number, or the last entry of a time; "" is the newest."""
    if not text:
        return size - 1
    if (idx := _number(text)) is not None:
        return idx
    return _edge(selectors.LATEST, _moment(text, end=True), size, -1)


def question(text: str) -> str:
    """Return a question as it is understood, each time with its date. Errors: ValueError with a sentence."""
    try:
        asked = questions.parse(text, clock.now())
    except questions.BadQuestion as bad:
        raise ValueError(bad.sentence) from None
    if not asked.terms:
        raise ValueError(_("Write a question, such as verb:video.live.* object:TRL-0007."))
    if len(asked.dated) > questions.MAX_TEXT:
        raise ValueError(_("This question is too long."))
    # Whoever decides and whoever receives it reads it on another day.
    return asked.dated


def quick_count(request: ExportRequest, size: int) -> tuple[int, int] | None:
    """Return how many lines, and how many of other agencies; None when that takes too long for a page."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {COUNT_WITHIN_MS}")
            return scope.count(request, size)
    except OperationalError:
        return None


def refuse_foreign(counted: tuple[int, int] | None) -> None:
    """Refuse (403) an export that would hold lines of other agencies; the builder counts them again."""
    if counted is None or not counted[1]:
        return
    raise Refused(
        "other-agencies",
        _(
            "%(n)d of these %(total)d entries belong to other agencies, and may not leave with an export of "
            "yours. Ask for a person or thing of your agency, for a shorter time, or for a question: a "
            "question only finds what you may see."
        )
        % {"n": counted[1], "total": counted[0]},
        403,
    )


def _number(text: str) -> int | None:
    digits = text.replace(",", "").removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < NUMBER else None


def _moment(text: str, *, end: bool) -> datetime:
    zone = ZoneInfo(settings.LOCAL_TIME_ZONE)
    return moments.parse(text, now=clock.now(), zone=zone, end=end)


def _edge(query: str, at: datetime, size: int, nothing: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query, {"at": at, "size": size, "lag": selectors.LAG})
        row: Any = cursor.fetchone()
    return nothing if row is None or row[0] is None else int(row[0])
