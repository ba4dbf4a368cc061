"""What a session has proved. Pages, the API and the sockets all ask here, so there is one answer."""

import hashlib
from enum import StrEnum
from typing import Any

from csoc.lib import clock

EPOCH_KEY = "csoc_auth_epoch"
SECOND_FACTOR_KEY = "csoc_second_factor"
# Step-up: changing a second factor asks for it again after this long.
FRESH_S = 300


class Standing(StrEnum):
    """How far a session has come."""

    ANONYMOUS = "anonymous"
    SIGNED_OUT = "signed-out"  # it was somebody's, and a right of theirs ended since
    SECOND_FACTOR_REQUIRED = "second-factor-required"
    PASSWORD_CHANGE_REQUIRED = "password-change-required"
    FULL = "full"


def note_sign_in(session: Any, user: Any) -> None:
    """Remember the epoch that this sign-in is good for."""
    session[EPOCH_KEY] = user.auth_epoch


def note_second_factor(session: Any, user: Any, kind: str) -> None:
    """Remember that this user proved a second factor: "totp", "recovery_codes" or "demonstration"."""
    session[SECOND_FACTOR_KEY] = {"user": user.pk, "kind": kind, "at": clock.now().timestamp()}


def second_factor(session: Any, user: Any) -> dict[str, Any] | None:
    """The second factor that `user` proved in this session; another user's does not count."""
    mark = session.get(SECOND_FACTOR_KEY)
    if not isinstance(mark, dict) or mark.get("user") != user.pk:
        return None
    return mark


def is_fresh(session: Any, user: Any) -> bool:
    """Whether the second factor was proved in the last five minutes."""
    mark = second_factor(session, user)
    return mark is not None and 0 <= clock.now().timestamp() - mark["at"] < FRESH_S


def standing(session: Any, user: Any) -> Standing:
    """What `user` of `session` may count as now. No database access; pass a freshly read user."""
    if user is None or not user.is_authenticated or not user.is_active:
        return Standing.ANONYMOUS
    if session.get(EPOCH_KEY) != user.auth_epoch:
        return Standing.SIGNED_OUT
    if second_factor(session, user) is None:
        return Standing.SECOND_FACTOR_REQUIRED
    return Standing.PASSWORD_CHANGE_REQUIRED if user.password_initial else Standing.FULL


def session_hash(session: Any) -> str | None:
    """The first 16 hex digits of the session key's SHA-256: names a session in the log, opens nothing."""
    key = getattr(session, "session_key", None)
    return hash_of(key) if key else None


def hash_of(key: str) -> str:
    """The truncated SHA-256 (16 hex digits) of a session key."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]
