"""Moments as people write them: "yesterday 22:00", "2 h ago", "2026-11-20". Pure functions.

Local wall time is read where people are. Where the clocks change, the wider reading is taken, so that
no entry is left out: ``since`` means the earlier of two moments, ``until`` the later.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

_CLOCK = re.compile(
    r"(?:(?P<day>.*?)[ ,T]+)?(?:at +)?(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\Z", re.I
)
_AGO = re.compile(r"(?P<n>\d{1,6}) *(?P<unit>[a-z]+) +ago\Z", re.I)
_UNITS = {
    "s": 1, "sec": 1, "second": 1, "seconds": 1, "min": 60, "m": 60, "minute": 60, "minutes": 60,
    "h": 3600, "hour": 3600, "hours": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
    "week": 604_800, "weeks": 604_800,
}  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_MONTH = re.compile(r"(?P<day>\d{1,2}) +(?P<month>[a-z]{3,9})(?: +(?P<year>\d{4}))?\Z", re.I)


class BadMoment(ValueError):
    """The text is no moment; the message is a sentence for the person who wrote it."""


def parse(
    text: str, *, now: datetime, zone: ZoneInfo, end: bool = False, after: datetime | None = None
) -> datetime:
    """Return the moment in UTC. Errors: BadMoment.

    now: aware. end: the moment closes a span, so a day alone means its end (exclusive). after: where the
    span begins; a closing time of day alone is the first one after it, else the latest that has been.
    """
    try:
        return _read(" ".join(text.split()), now, zone, end=end, after=after)
    except OverflowError:
        raise BadMoment(_("That day lies outside any calendar.")) from None


def shown(at: datetime, zone: ZoneInfo) -> str:
    """Return a moment as ``parse`` reads it back: local, to the minute."""
    try:
        here = at.astimezone(zone)
    except OverflowError:
        here = at
    return here.replace(tzinfo=None).isoformat(" ", "minutes")


def exact(at: datetime, zone: ZoneInfo, *, end: bool = False) -> str:
    """Return a moment as text that means the same on any other day: "2026-11-21T22:00"."""
    text = shown(at, zone).replace(" ", "T")
    try:
        same = parse(text, now=at, zone=zone, end=end) == at
    except BadMoment:
        same = False
    return text if same else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read(words: str, now: datetime, zone: ZoneInfo, *, end: bool, after: datetime | None) -> datetime:
    for read in (_relative, _absolute):
        found = read(words, now)
        if found is not None:
            return found
    here = now.astimezone(zone)
    match = _CLOCK.fullmatch(words)
    day_words, clock = (match["day"] or "", _time(match["clock"])) if match else (words, None)
    day = _day(day_words.lower(), here.date())
    if clock is None:
        return _edge_of(day, zone, end=end)
    if day_words:
        return _instant(datetime.combine(day, clock), zone, later=end)
    return _nearest(clock, now, zone, end=end, after=after)


def _relative(words: str, now: datetime) -> datetime | None:
    if words.lower() == "now":
        return now.astimezone(UTC)
    match = _AGO.fullmatch(words)
    if not match:
        return None
    unit = _UNITS.get(match["unit"].lower())
    if unit is None:
        raise BadMoment(_("“%(text)s”: write minutes, hours or days, such as 2 h ago.") % {"text": words})
    return (now - timedelta(seconds=int(match["n"]) * unit)).astimezone(UTC)


def _absolute(words: str, now: datetime) -> datetime | None:
    """Read RFC 3339 with its offset."""
    try:
        moment = datetime.fromisoformat(words)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _day(words: str, today: date) -> date:
    if words in ("", "today"):
        return today
    if words == "yesterday":
        return today - timedelta(days=1)
    if words in _WEEKDAYS:
        return today - timedelta(days=(today.weekday() - _WEEKDAYS.index(words)) % 7)
    try:
        if match := _DAY_MONTH.fullmatch(words):
            return _day_of_month(match, today)
        return date.fromisoformat(words)
    except ValueError:
        raise BadMoment(
            _(
                "“%(text)s” is not a time. Write yesterday 22:00, 22:00, 2 h ago, 2026-11-20 or "
                "2026-11-20 22:00."
            )
            % {"text": words}
        ) from None


def _day_of_month(match: re.Match[str], today: date) -> date:
    """Return "20 Nov": of the year given, else the latest one that is not to come."""
    month = _MONTHS.index(match["month"].lower()[:3]) + 1
    if match["year"]:
        return date(int(match["year"]), month, int(match["day"]))
    found = date(today.year, month, int(match["day"]))
    return found if found <= today else found.replace(year=today.year - 1)


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text.zfill(8))
    except ValueError:
        raise BadMoment(_("“%(text)s” is not a time of day: 00:00 to 23:59.") % {"text": text}) from None


def _edge_of(day: date, zone: ZoneInfo, *, end: bool) -> datetime:
    return _instant(datetime.combine(day + timedelta(days=int(end)), time()), zone, later=end)


def _nearest(clock: time, now: datetime, zone: ZoneInfo, *, end: bool, after: datetime | None) -> datetime:
    """Return the time of day nearest to what was meant: the first after ``after``, else the latest past."""
    start = after if end and after else now
    day = start.astimezone(zone).date()
    found = _instant(datetime.combine(day, clock), zone, later=end)
    if end and after:
        return found if found > after else _instant(_on(day, 1, clock), zone, later=end)
    return found if found <= now else _instant(_on(day, -1, clock), zone, later=end)


def _on(day: date, days: int, clock: time) -> datetime:
    return datetime.combine(day + timedelta(days=days), clock)


def _instant(wall: datetime, zone: ZoneInfo, *, later: bool) -> datetime:
    """Return when a wall clock shows ``wall``: of two moments, or of none, the wider edge of the span."""
    both = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return max(both) if later else min(both)
