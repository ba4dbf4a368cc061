"""What a reader asked: the query string of the page and of the API, parsed once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _

from audit.selectors import Filter
from csoc.lib.errors import Refused

MAX_TEXT = 128


def parse(query: Mapping[str, str]) -> Filter:
    """Return the filter. Errors: Refused ``bad-filter`` (400) naming the field."""
    return Filter(
        actor=_text(query, "actor"),
        object=_text(query, "object"),
        verb=_text(query, "verb"),
        since=_since(query.get("since", "").strip()),
        before=index(query, "before"),
    )


def _text(query: Mapping[str, str], name: str) -> str:
    value = query.get(name, "").strip()
    if len(value) > MAX_TEXT or any(ord(letter) < 32 for letter in value):
        raise _bad(name)
    return value


def _since(text: str) -> datetime | None:
    """Read RFC 3339, or the local time of a ``datetime-local`` field."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(settings.LOCAL_TIME_ZONE))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        hint = _("The filter “since” cannot be read. Write the time like this: 2026-11-21 22:00.")
        raise Refused("bad-filter", hint, 400) from None


def index(query: Mapping[str, str], name: str) -> int | None:
    """Return an entry's index. Errors: Refused ``bad-filter`` (400)."""
    text = query.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _bad(name)
    return int(text)


def _bad(name: str) -> Refused:
    return Refused("bad-filter", _("The filter “%(name)s” cannot be read.") % {"name": name}, 400)
