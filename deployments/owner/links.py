"""The secret of a private link and the one-time code. Neither stands in the database."""

import hashlib
import hmac
import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.urls import reverse

#: 256 bits, as ``secrets.token_urlsafe`` writes them.
TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")
CODE_LIFE = timedelta(minutes=10)
MOST_TRIES = 5
#: Five codes of five tries an hour, ten a day: somebody who has the link alone finds a code of six digits
#: in 14 days with a chance of 7 in 10,000, and the owner is told by every one of these mails.
CODES_AN_HOUR = 5
CODES_A_DAY = 10


def new_token() -> str:
    """Return the secret part of a link."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def digest_of(token: str) -> str:
    """Return what the database knows of a token; of anything that is no token, a digest that nothing has."""
    return hashlib.sha256(token.encode()).hexdigest() if _TOKEN.match(token) else ""


def url_of(token: str) -> str:
    """Return the address that is mailed."""
    return f"{settings.PUBLIC_URL}{reverse('owner-link', args=[token])}"


def new_code() -> str:
    """Return six random digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def code_hmac(token: str, code: str) -> str:
    """Return what the database knows of a code. Its key is the token: the database alone cannot try codes."""
    return hmac.new(token.encode(), code.encode(), hashlib.sha256).hexdigest()


def is_code(token: str, code: str, kept: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(code_hmac(token, code), kept)
