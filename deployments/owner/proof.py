"""The cookie that says: this browser gave the link's code.

Signed, out of reach of scripts, sent to this link's addresses only and by no other site. It is bound to the
link's digest, so that another link, or a newer one, asks for a code of its own.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse

from deployments.models import ConsentRequest

COOKIE = "owner"
LIFE = timedelta(days=30)


def give(response: Any, request: ConsentRequest, token: str) -> None:
    """Let this browser in for 30 days."""
    response.set_cookie(
        COOKIE, _signer(request).sign(str(request.pk)), max_age=int(LIFE.total_seconds()),
        path=reverse("owner-link", args=[token]), secure=settings.SESSION_COOKIE_SECURE, httponly=True,
        samesite="Strict",
    )  # fmt: skip


def has(http: HttpRequest, request: ConsentRequest) -> bool:
    """Whether this browser gave the code of this link within 30 days."""
    try:
        return _signer(request).unsign(http.COOKIES.get(COOKIE, ""), max_age=LIFE) == str(request.pk)
    except signing.BadSignature:
        return False


def _signer(request: ConsentRequest) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"deployments.owner:{request.token_sha256}")
