"""Erasable detail: what an entry must prove but the log must not hold for ever.

The entry carries ``HMAC-SHA256(32 random bytes, canonical value)``; salt and value sit sealed in
``audit_detail``. Destroy the row or the key and the entry still stands, and says nothing more.
Unsalted, short values (plates) would fall to guessing. Three classes, two kinds of key:

- ``subject``: what somebody wrote of the public. Sealed under the epoch key of the hour of capture, which
  is in no backup and dies at 47 h. The store of those keys is above us and registers itself.
- ``justification`` (free text of staff), ``change`` (old and new values): under the key of the month, in
  a file that is backed up apart from the database and destroyed when the month's last row has expired.
"""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from audit.entry import MAX_INTEGER, BadEntry, canonical
from csoc.lib import clock, keyfiles, sealing
from csoc.lib.errors import Misuse

INSERT = "INSERT INTO audit_detail (commitment, class, sealed, key_id, expires) VALUES (%s, %s, %s, %s, %s)"
SALT_BYTES = 32
MAX_DETAIL_BYTES = 65_536
#: The log itself is kept 7 years by default, longer than any data.
KEPT_FOR = timedelta(days=7 * 365)
#: Which member of an entry belongs to which class, unless it is of the public.
CLASSES = {"detail": "justification", "old": "change", "new": "change"}
MONTH = "%Y-%m"


class KeyGone(FileNotFoundError):
    """The key of this detail is destroyed: nobody can read it any more."""


class SubjectStore(Protocol):
    """Seals under the key of an hour of capture."""

    def seal(self, text: bytes, captured_at: datetime, aad: bytes) -> tuple[str, bytes, datetime]:
        """Return the key's id, the sealed bytes and when the key dies. Errors: KeyGone."""

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        """Return the text. Errors: KeyGone, sealing.SealBroken."""


_stores: list[SubjectStore] = []


def register_subject_store(store: SubjectStore) -> None:
    """Say where detail of class ``subject`` is sealed; the vault does so at start."""
    _stores[:] = [store]


@dataclass(frozen=True, slots=True)
class Document:
    """One sealed value and the commitment that its entry carries."""

    commitment: bytes
    kind: str
    sealed: bytes
    key_id: str
    expires: datetime

    def row(self) -> list[Any]:
        """Return the parameters of ``INSERT``."""
        return [self.commitment, self.kind, self.sealed, self.key_id, self.expires]


def commit_to(value: Any, member: str, captured_at: datetime | None = None) -> Document | None:
    """Seal ``value`` for the entry's ``member``: detail, old or new.

    value: strings, booleans, null, integers below 2^53, lists and objects with ASCII keys of them, so
    that anybody can recompute the commitment. captured_at: it is of the public, captured then.
    Return None when the key of that hour is already due: then nothing of it may be written.
    Errors: BadEntry.
    """
    text = _text(value, member)
    salt = os.urandom(SALT_BYTES)
    commitment = hmac.new(salt, text, hashlib.sha256).digest()
    if captured_at is not None:
        try:
            key_id, sealed, expires = _store().seal(salt + text, captured_at, _context(commitment))
        except KeyGone:
            return None
        return Document(commitment, "subject", sealed, key_id, expires)
    now = clock.now()
    key_id = now.strftime(MONTH)
    sealed = sealing.seal(_month_key(key_id, create=True), salt + text, _context(commitment))
    return Document(commitment, CLASSES[member], sealed, key_id, now + KEPT_FOR)


def opened(commitment: bytes, sealed: bytes, key_id: str) -> tuple[bytes, Any]:
    """Return the salt and the value behind a commitment.

    Errors: KeyGone (a FileNotFoundError), sealing.SealBroken when the row or the commitment was changed.
    """
    context = _context(commitment)
    if "T" in key_id:
        both = _store().open(key_id, sealed, context)
    else:
        both = sealing.unseal(_month_key(key_id, create=False), sealed, context)
    salt, text = both[:SALT_BYTES], both[SALT_BYTES:]
    if not hmac.compare_digest(hmac.new(salt, text, hashlib.sha256).digest(), commitment):
        raise sealing.SealBroken("the detail is not the one its entry commits to")
    return salt, json.loads(text)


def open_sealed(commitment: bytes, sealed: bytes, key_id: str) -> Any:
    """Return the value behind a commitment. Errors: as ``opened``."""
    return opened(commitment, sealed, key_id)[1]


def months() -> list[str]:
    """Return the months that still have a key, oldest first."""
    return sorted(path.stem for path in _folder().glob("*.key") if _month_end(path.stem) is not None)


def over_months(now: datetime) -> list[str]:
    """Return the months whose last possible row has expired at ``now``."""
    ends = {month: _month_end(month) for month in months()}
    return [month for month, end in ends.items() if end is not None and end + KEPT_FOR <= now]


def destroy_month(month: str) -> None:
    """Overwrite and remove the key of ``month``. Idempotent."""
    keyfiles.destroy(_folder() / f"{month}.key")


def _text(value: Any, member: str) -> bytes:
    _plain(value, member)
    try:
        text = canonical(value).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise BadEntry(member) from error
    if len(text) > MAX_DETAIL_BYTES:
        raise BadEntry(member)
    return text


def _plain(value: Any, member: str) -> None:
    """Refuse what two programs could write differently: floats, great integers, keys beyond ASCII."""
    match value:
        case None | bool() | str():
            return
        case int() if abs(value) <= MAX_INTEGER:
            return
        case list() | tuple():
            for item in value:
                _plain(item, member)
        case dict() if all(isinstance(key, str) and key.isascii() for key in value):
            for item in value.values():
                _plain(item, member)
        case _:
            raise BadEntry(member)


def _store() -> SubjectStore:
    if not _stores:
        raise Misuse("nobody keeps keys for detail of the public")
    return _stores[0]


def _context(commitment: bytes) -> bytes:
    return b"csoc/audit-detail/1\x00" + commitment


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "keys" / "audit"


def _month_end(month: str) -> datetime | None:
    try:
        start = datetime.strptime(month, MONTH).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (start + timedelta(days=32)).replace(day=1)


def _month_key(key_id: str, *, create: bool) -> bytes:
    path = _folder() / f"{key_id}.key"
    if create and not path.exists():
        keyfiles.write_private(path, sealing.new_key())
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        raise KeyGone(f"the key of {key_id} is destroyed") from None
    if len(key) != sealing.KEY_BYTES or not any(key):
        raise KeyGone(f"the key of {key_id} is destroyed")
    return key
