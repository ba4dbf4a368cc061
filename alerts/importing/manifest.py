"""The manifest beside a list: what the authority says of the file before anybody opens it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from alerts.hotlists import LIST_ID
from csoc.lib import clock, strictjson
from csoc.lib.errors import BadJson, Refused

MEMBERS = ("list_id", "version", "issued_at", "valid_to", "authority", "rows", "sha256")
MAX_BYTES = 4096
#: A list of a whole province fits many times; a file without end does not.
MAX_ROWS = 2_000_000
MAX_VERSION = 2**53 - 1
AHEAD = timedelta(seconds=30)

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_AUTHORITY = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{2,120}\Z")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z\Z")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest whose every member has its form; ``sha256`` is that of the file, hex."""

    list_id: str
    version: int
    issued_at: datetime
    valid_to: datetime
    authority: str
    rows: int
    sha256: str


def broken(code: str, sentence: str, status: int = 422, **extra: Any) -> Refused:
    """Return the refusal of a list; every one of them says that nothing of the file was kept."""
    return Refused(code, f"{sentence} {_('Nothing of the file was kept.')}", status, **extra)


def read(raw: bytes, now: datetime) -> Manifest:
    """Return the manifest. Errors: Refused ``manifest`` (422, ``member``), ``issued-ahead`` (422)."""
    if len(raw) > MAX_BYTES:
        raise _wrong("", _("The manifest is larger than 4 kB."))
    try:
        told = strictjson.loads(raw.removeprefix(b"\xef\xbb\xbf"), max_depth=1)
    except BadJson:
        raise _wrong("", _("The manifest is not a JSON object.")) from None
    if not isinstance(told, dict):
        raise _wrong("", _("The manifest is not a JSON object."))
    missing = [name for name in MEMBERS if name not in told]
    if missing:
        raise _wrong(missing[0], _("The manifest lacks “%(member)s”.") % {"member": missing[0]})
    if len(told) > len(MEMBERS):
        raise _wrong("", _("The manifest has a member that it may not have."))
    return in_time(_typed(told), now)


def in_time(told: Manifest, now: datetime) -> Manifest:
    """Return it unless its times cannot be. Errors: Refused ``issued-ahead``, ``list-over`` (422)."""
    if told.issued_at > now + AHEAD:
        raise broken("issued-ahead", _("The manifest says that the list was issued in the future."))
    if told.valid_to <= max(told.issued_at, now):
        raise broken("list-over", _("The list is over already: its “valid_to” has passed."))
    return told


def _typed(told: dict[str, Any]) -> Manifest:
    return Manifest(
        list_id=_text(told, "list_id", LIST_ID),
        version=_number(told, "version", 1, MAX_VERSION),
        issued_at=_moment(told, "issued_at"),
        valid_to=_moment(told, "valid_to"),
        authority=_text(told, "authority", _AUTHORITY),
        rows=_number(told, "rows", 0, MAX_ROWS),
        sha256=_text(told, "sha256", _SHA256),
    )


def _text(told: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = told[name]
    if not isinstance(value, str) or not form.match(value):
        raise _form(name)
    return value


def _number(told: dict[str, Any], name: str, least: int, most: int) -> int:
    value = told[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _form(name)
    return value


def _moment(told: dict[str, Any], name: str) -> datetime:
    text = _text(told, name, _MOMENT)
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        raise _form(name) from None


def _form(name: str) -> Refused:
    return _wrong(name, _("“%(member)s” in the manifest has not the form it must have.") % {"member": name})


def _wrong(member: str, sentence: str) -> Refused:
    return broken("manifest", sentence, member=member)


def wire(told: Manifest) -> dict[str, Any]:
    """Return the manifest's members as JSON values."""
    return {
        "list_id": told.list_id, "version": told.version, "issued_at": clock.wire(told.issued_at),
        "valid_to": clock.wire(told.valid_to), "authority": told.authority, "rows": told.rows,
        "sha256": told.sha256,
    }  # fmt: skip
