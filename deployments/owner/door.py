"""Around every view of the owner's link: whose link it is, in which language, and who acts.

No session and no CSRF token: the address itself is the secret that a forger lacks, and the proof of the code
is a Strict cookie. A browser sends no origin under ``no-referrer``, which Django's token check would refuse.
A link that does not exist leaves no entry: anybody could fill the log with them.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from psycopg_pool import PoolTimeout

import audit
from csoc.lib.errors import LogDown, Refused
from deployments.models import ConsentRequest, Language
from deployments.owner import proof, texts
from deployments.owner.texts import Texts
from deployments.selectors import links

LANGUAGE_COOKIE = "owner_language"
CODES = {
    "link-unknown": "unknown", "link-expired": "expired", "link-replaced": "replaced", "link-ended": "ended",
    "link-answered": "answered", "code-wrong": "code_wrong", "code-over": "code_over",
    "code-often": "code_often", "conditions-long": "conditions_long", "term-over": "term_over",
}  # fmt: skip
#: What the page of the code says itself, beside its field.
AT_THE_CODE = ("code-wrong", "code-over")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a link."""

    link: ConsentRequest
    token: str
    texts: Texts
    proven: bool

    @property
    def actor(self) -> audit.Actor:
        """Who acts: whoever has the link, and as ``auth`` says, its code. No address, no name."""
        agency = self.link.deployment.agency.code
        auth = "code" if self.proven else "link"
        return audit.Actor("owner", links.owner_id(self.link), agency=agency, auth=auth)

    def to(self, name: str) -> HttpResponse:
        """Send the browser on to another page of this link."""
        response = HttpResponseRedirect(reverse(name, args=[self.token]))
        response.status_code = 303
        return response


class LinkRequest(HttpRequest):
    """What a view behind the door gets: the request, and whose link it is."""

    visit: Visit


def door(*, proven: bool = True) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate a view ``(request, token)``, outermost; it finds ``request.visit``.

    proven: a browser that has not given the code is sent to the first page, without an entry.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def opened(request: HttpRequest, token: str) -> HttpResponse:
            return _private(_answer(view, request, token, proven), request, token)

        opened.csrf_exempt = True  # type: ignore[attr-defined]
        return opened

    return decorate


def _answer(
    view: Callable[..., HttpResponse], request: HttpRequest, token: str, proven: bool
) -> HttpResponse:
    visit = None
    try:
        if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
            raise Refused("cross-site", "This was sent by another site.", 403)
        visit = _visit(request, token)
        request.visit = visit  # type: ignore[attr-defined]
        if proven and not visit.proven:
            return visit.to("owner-link")
        with audit.acting_as(visit.actor):
            return view(request, token=token)
    except (Refused, LogDown, OperationalError, PoolTimeout) as error:
        return _told(request, visit, error)


def _visit(request: HttpRequest, token: str) -> Visit:
    link = links.link_by_token(token)
    return Visit(link, token, texts.of(_language(request, link.language)), proof.has(request, link))


def _language(request: HttpRequest, otherwise: str) -> str:
    asked = request.GET.get("lang", ""), request.COOKIES.get(LANGUAGE_COOKIE, "")
    return next((one for one in asked if texts.known(one)), otherwise)


def _told(request: HttpRequest, visit: Visit | None, error: Exception) -> HttpResponse:
    """Say what is the matter, in the owner's language; nothing of the property stands there."""
    if visit is not None and isinstance(error, Refused) and error.code in AT_THE_CODE:
        return visit.to("owner-code")
    said = visit.texts if visit else texts.of(_language(request, _accepted(request)))
    key = CODES.get(error.code, "failed") if isinstance(error, Refused) else "log_down"
    status = error.status if isinstance(error, Refused) else 500 if isinstance(error, LogDown) else 503
    known = visit if isinstance(error, Refused) else None
    shown = page_facts(request, said, known) | {"sentence": said.said[f"refused.{key}"]}
    return render(request, "owner/refused.html", shown, status=status)


def _accepted(request: HttpRequest) -> str:
    wanted = request.headers.get("Accept-Language", "").lower()[:2]
    return wanted if texts.known(wanted) else Language.EN


def page_facts(request: HttpRequest, said: Texts, visit: Visit | None) -> dict[str, Any]:
    """Return what the frame of every page needs."""
    theme = request.COOKIES.get("theme", "")
    return {
        "texts": said,
        "visit": visit,
        "languages": Language.choices,
        "phone": settings.OWNER_PHONE,
        "theme": theme if theme in ("dark", "light") else "auto",
        "is_demo": settings.IS_DEMO,
    }


def _private(response: HttpResponse, request: HttpRequest, token: str) -> HttpResponse:
    """Nobody keeps it, lists it, or learns the address from a page that it leads to."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    chosen = request.GET.get("lang", "")
    visit = getattr(request, "visit", None)
    response["Content-Language"] = visit.texts.language if visit else Language.EN
    if visit and texts.known(chosen):
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=int(proof.LIFE.total_seconds()),
            path=reverse("owner-link", args=[token]), secure=settings.SESSION_COOKIE_SECURE, httponly=True,
            samesite="Lax",
        )  # fmt: skip
    return response
