"""Erasable detail: what an entry must prove but the log must not hold for ever.

The entry carries ``HMAC-SHA256(32 random bytes, canonical value)``; salt and value sit sealed in
``audit_detail`` under a monthly key in a file outside the database. Destroy the row or the key and the
entry still stands, and says nothing more. Unsalted, short values (plates) would fall to guessing.
"""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from audit.entry import BadEntry
from csoc.lib import canonical, clock, keyfiles, sealing

INSERT = "INSERT INTO audit_detail (commitment, class, sealed, key_id, expires) VALUES (%s, %s, %s, %s, %s)"
SALT_BYTES = 32
MAX_DETAIL_BYTES = 65_536
#: The log itself is kept 7 years by default, longer than any data.
KEPT_FOR = timedelta(days=7 * 365)
#: Which member of an entry belongs to which class.
CLASSES = {"detail": "justification", "old": "change", "new": "change"}


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


def commit_to(value: Any, member: str) -> Document:
    """Seal ``value`` (JSON) for the entry's ``member``: detail, old or new. Errors: BadEntry."""
    try:
        text = canonical.dumps(value)
    except (ValueError, TypeError) as error:
        raise BadEntry(member) from error
    if len(text) > MAX_DETAIL_BYTES:
        raise BadEntry(member)
    salt = os.urandom(SALT_BYTES)
    commitment = hmac.new(salt, text, hashlib.sha256).digest()
    now = clock.now()
    key_id = now.strftime("%Y-%m")
    sealed = sealing.seal(_key(key_id, create=True), salt + text, _context(commitment))
    return Document(commitment, CLASSES[member], sealed, key_id, now + KEPT_FOR)


def open_sealed(commitment: bytes, sealed: bytes, key_id: str) -> Any:
    """Return the value behind a commitment.

    Errors: FileNotFoundError when its key is gone, sealing.SealBroken when the row or the commitment
    was changed.
    """
    opened = sealing.unseal(_key(key_id, create=False), sealed, _context(commitment))
    salt, text = opened[:SALT_BYTES], opened[SALT_BYTES:]
    if not hmac.compare_digest(hmac.new(salt, text, hashlib.sha256).digest(), commitment):
        raise sealing.SealBroken("the detail is not the one its entry commits to")
    return json.loads(text)


def _context(commitment: bytes) -> bytes:
    return b"csoc/audit-detail/1\x00" + commitment


def _key(key_id: str, *, create: bool) -> bytes:
    path = Path(settings.DATA_DIR) / "keys" / "audit" / f"{key_id}.key"
    if create and not path.exists():
        keyfiles.write_private(path, sealing.new_key())
    return path.read_bytes()
