"""The pages of device keys: who waits, the code that is shown once, the second person, revocation."""

from __future__ import annotations

import uuid
from typing import Any

import segno
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

import audit
from accounts.models import Role
from accounts.selectors import has_role
from csoc.lib import clock
from csoc.lib.errors import Refused
from trailers import keylife, keylists, policies, refusal_words, services
from trailers.models import Trailer, TrailerKey
from trailers.pages import confirming
from trailers.pages.key_forms import CodeForm, FingerprintForm, RevokeForm
from trailers.pages.register import named, page_ref
from trailers.services.keys import TOKEN_LIFE

#: What a technician types on the trailer; the agent asks for the code, so that it stands in no history there.
COMMAND = "csrp-agent --state /var/lib/csrp-agent --console {console} enrol"
PRINT_COMMAND = "csrp-agent --state /var/lib/csrp-agent fingerprint"
#: What the enrolment door may answer.
ENROLMENT_CODES = ("token-unknown", "token-used", "token-expired", "bad-proof", "key-known", "schema")


def key_ref(request: Any, name: str, n: int) -> audit.Ref:
    """How the log names the key of an address."""
    return audit.Ref("key", f"{name}:{n}", request.user.person.agency.code)


@require_safe
@never_cache
@audit.guard("key.view", object=page_ref)
def enrolment(request: HttpRequest) -> HttpResponse:
    """Show every trailer with its key: who waits for a second person first, then what ends soon."""
    rows = keylists.enrolment_rows(request.user, clock.now())
    waiting = [(row.trailer, key) for row in rows for key in row.pending]
    urgent = [row for row in rows if row.life.word in ("ends", "expired")]
    shown = {"rows": rows, "waiting": waiting, "urgent": urgent, "may_register": _registers(request)}
    return render(request, "trailers/enrolment.html", shown)


@require_safe
@never_cache
@audit.guard("key.view", object=named)
def keys(request: HttpRequest, name: str) -> HttpResponse:
    """Show one trailer's keys and what can be done about them."""
    trailer = keylists.trailer_of(request.user, name)
    return render(request, "trailers/keys.html", _page(request, trailer))


def _page(request: HttpRequest, trailer: Trailer) -> dict[str, Any]:
    now = clock.now()
    rows = keylists.rows_of(request.user, trailer, now)
    state = keylife.standing_of([row.key for row in rows], now)
    return {
        "trailer": trailer,
        "rows": rows,
        "life": state,
        "speaks": next((row for row in rows if row.life == state), None),
        "pending": [row for row in rows if row.life.word == "pending"],
        "code": keylists.open_code(trailer, now),
        "form": CodeForm(initial={"asked": uuid.uuid4()}),
        "may_enrol": has_role(request.user, Role.TECHNICIAN),
        "may_register": _registers(request),
        "minutes": TOKEN_LIFE.seconds // 60,
    } | confirming.shown(request, reverse("trailer-keys", args=[trailer.name]))


@confirming.confirming("trailer-keys")
@require_POST
@never_cache
@audit.guard("trailer.enrol_token", object=named, acts=True)
def code(request: HttpRequest, name: str) -> HttpResponse:
    """Answer a press with the sheet: the only answer that ever holds the code, and only once."""
    trailer = keylists.trailer_of(request.user, name)
    policies.may_enrol(request.user, trailer)
    confirming.require(request)
    form = CodeForm(request.POST)
    if not form.is_valid():
        raise Refused("schema", _("This press came from no page of ours. Go back and press again."), 422)
    asked = form.cleaned_data["asked"]
    token = services.issue_enrolment_token(trailer=trailer, actor=request.user, asked=asked)
    return render(request, "trailers/sheet.html", sheet(trailer, token))


def sheet(trailer: Trailer, token: str) -> dict[str, Any]:
    """Return what the enrolment sheet says: the code in groups and as a picture, and what to type."""
    return {
        "trailer": trailer,
        "groups": [token[start : start + 4] for start in range(0, len(token), 4)],
        "picture": _picture(token),
        "until": clock.now() + TOKEN_LIFE,
        "left_s": int(TOKEN_LIFE.total_seconds()),
        "command": COMMAND.format(console=settings.PUBLIC_URL),
        "print_command": PRINT_COMMAND,
        "words": [refusal_words.word_of(one) for one in ENROLMENT_CODES],
    }


def _picture(token: str) -> SafeString:
    """Return the code as a QR in SVG, drawn here: nobody else is asked to draw it."""
    drawn = segno.make_qr(token, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    # Signs of our own alphabet, drawn by a library of ours: nothing that anybody typed.
    return mark_safe(drawn)


@confirming.confirming("trailer-key-confirm")
@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("trailer.key_confirm", object=key_ref, acts=True, shows="key.view")
def confirm(request: HttpRequest, name: str, n: int) -> HttpResponse:
    """Ask a second person for what the trailer shows; it must be this key's."""
    key = keylists.key_of(request.user, name, n)
    form = FingerprintForm(_sent(request))
    if request.method == "POST":
        confirming.require(request)
        if form.is_valid() and _done(form, services.confirm_key, key, request, "fingerprint"):
            return redirect("trailer-keys", name=name)
    return _one(request, key, form, "confirm")


@confirming.confirming("trailer-key-revoke")
@require_http_methods(["GET", "POST"])
@never_cache
@audit.guard("key.revoke", object=key_ref, acts=True, shows="key.view")
def revoke(request: HttpRequest, name: str, n: int) -> HttpResponse:
    """Say what revoking does, ask why, and do it at once."""
    key = keylists.key_of(request.user, name, n)
    policies.may_revoke(request.user, key)
    form = RevokeForm(_sent(request), initial={"reason": request.GET.get("reason")})
    if request.method == "POST":
        confirming.require(request)
        if form.is_valid() and _done(form, services.revoke_key, key, request, "reason"):
            return redirect("trailer-keys", name=name)
    return _one(request, key, form, "revoke")


def _done(form: Any, act: Any, key: TrailerKey, request: HttpRequest, field: str) -> bool:
    """Let the service do it; what it refuses is said beside the field."""
    try:
        act(key=key, actor=request.user, **form.cleaned_data)
    except Refused as refused:
        beside = field if refused.code == "fingerprint-differs" else None
        form.add_error(beside, refused.sentence)
        form.refused = refused
        return False
    return True


def _one(request: HttpRequest, key: TrailerKey, form: Any, act: str) -> HttpResponse:
    refused = getattr(form, "refused", None)
    status = refused.status if refused else 422 if form.errors else 200
    row = keylists.row_of(request.user, key, clock.now())
    back = reverse(f"trailer-key-{act}", kwargs={"name": key.trailer.name, "n": key.n})
    shown = {"trailer": key.trailer, "row": row, "form": form, "print_command": PRINT_COMMAND}
    return render(request, f"trailers/{act}.html", shown | confirming.shown(request, back), status=status)


def _sent(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _registers(request: HttpRequest) -> bool:
    return has_role(request.user, Role.TECHNICIAN, Role.ADMINISTRATOR)
