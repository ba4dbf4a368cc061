"""The token without which the media path shows nothing: it exists only beside an entry."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.record import Receipt
from csoc.lib import clock
from csoc.lib.errors import Misuse

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class MediaToken:
    """``token`` goes to one person once; the database keeps ``sha256`` (hex) and ``expires_at`` only."""

    token: str
    sha256: str
    expires_at: datetime


def media_token(receipt: Receipt, ttl_s: float) -> MediaToken:
    """Return a token valid ``ttl_s`` seconds for what ``receipt`` says was allowed.

    Errors: Misuse without the receipt of an allowed act.
    """
    if not isinstance(receipt, Receipt) or receipt.result != "allowed":
        raise Misuse("a media token needs the receipt of an allowed act")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return MediaToken(token, digest, clock.now() + timedelta(seconds=ttl_s))
