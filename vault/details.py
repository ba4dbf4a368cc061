"""Detail of the audit log that is of the public: sealed here, under the hour of its capture.

The log stands below and knows nobody, so ``vault.apps`` registers this store with it at start.
"""

from datetime import UTC, datetime

from audit import erasure
from audit.detail import KeyGone
from vault import keystore, objects
from vault.epochs import Gone, destroyed_at


class Subjects:
    """What ``audit.detail.SubjectStore`` asks for; a key's id is its hour, ``2026-11-21T20``."""

    def seal(self, text: bytes, captured_at: datetime, aad: bytes) -> tuple[str, bytes, datetime]:
        """Return the hour, the sealed bytes and when its key dies. Errors: KeyGone."""
        try:
            epoch, sealed = objects.seal(text, captured_at, aad)
        except Gone as error:
            raise KeyGone(str(error)) from None
        return epoch.strftime(keystore.NAME), sealed, destroyed_at(epoch)

    def open(self, key_id: str, sealed: bytes, aad: bytes) -> bytes:
        """Return the text. Errors: KeyGone, sealing.SealBroken."""
        try:
            return objects.open(_hour(key_id), sealed, aad)
        except Gone as error:
            raise KeyGone(str(error)) from None


def oldest() -> datetime | None:
    """Return the oldest hour that still has such detail in the log's table, for the watchdog."""
    key_id = erasure.oldest_subject_key()
    return _hour(key_id) if key_id else None


def _hour(key_id: str) -> datetime:
    return datetime.strptime(key_id, keystore.NAME).replace(tzinfo=UTC)
