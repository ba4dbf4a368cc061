"""The door every device request comes through: the order of checks of the trailer contract, once.

Size 413, media type 415, signature 401/403, digest 400, JSON 400; then the view's own checks. Sessions are
not looked at here, and signatures are not looked at elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from accounts.selectors import client_ip
from audit.context import current_request
from csoc.lib import strictjson
from csoc.lib.errors import Refused
from csoc.lib.ids import uuid7

from . import counters, signatures
from .models import Trailer
from .signatures import Message, SignedBy, Unspent

BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})
#: Every address below which only a device asks.
DEVICE_PATHS = re.compile(
    r"/api/v1/(?:alerts/(?:bulk/|[^/]+/(?:clip|crop))?|enrolment/|keys/|desired/|telemetry/|hotlist/)"
)


class NoSessionsMiddleware:
    """A device's door looks at no session: a cookie that comes along is not even read (trailer contract)."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        if DEVICE_PATHS.fullmatch(request.path):
            request.COOKIES = {}
        return self.get_response(request)


def message_of(request: HttpRequest) -> Message:
    """Return what a signature covers; the authority is the console's own name, never the Host header."""
    scope = getattr(request, "scope", {})
    raw_path = scope.get("raw_path")
    return Message(
        method=request.method or "",
        authority=public_authority(),
        path=raw_path.decode("latin-1") if raw_path else request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers=_Headers(request.META),
    )


def public_authority() -> str:
    """Return the `host[:port]` that trailers sign."""
    scheme = settings.PUBLIC_URL.partition("://")[0]
    return signatures.authority_of(settings.PUBLIC_AUTHORITY, scheme)


class _Headers(dict[str, str]):
    """The headers of a WSGI-style environment, by lower case name."""

    def __init__(self, meta: dict[str, Any]) -> None:
        names = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
        for key, value in meta.items():
            if key.startswith("HTTP_"):
                self[key[5:].replace("_", "-").lower()] = value
            elif key in names and value:
                self[names[key]] = value


class DeviceSignature(BaseAuthentication):
    """A trailer by its signature: `request.auth` is the `SignedBy`, `request.user` is nobody."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SignedBy]:
        """Errors: Refused 401, 403 as `trailers.signatures.check` and `spend`."""
        unspent = self.checked(request)
        unspent.spend()
        return AnonymousUser(), unspent.checked.by

    def checked(self, request: Request) -> Unspent:
        """The signature, which holds. Errors: Refused 401, 403."""
        message = message_of(request._request)
        return Unspent(signatures.check(message, has_body=request.method in BODY_METHODS))

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Signature"


class UnspentSignature(DeviceSignature):
    """The same for a door whose act spends the nonce in its own statement (`unspent_of`)."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SignedBy]:
        """Errors: Refused 401, 403 as `trailers.signatures.check`."""
        unspent = self.checked(request)
        request._request.unspent = unspent  # type: ignore[attr-defined]
        return AnonymousUser(), unspent.checked.by


def unspent_of(request: Request) -> Unspent:
    """The nonce of a request that `UnspentSignature` let in."""
    found: Unspent = request._request.unspent  # type: ignore[attr-defined]
    return found


class IsTrailer(BasePermission):
    """Only a request that a trailer's key signed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True when `DeviceSignature` let it in."""
        return isinstance(request.auth, SignedBy)


def signed_by(request: Request) -> SignedBy:
    """Return whose signature let the request in. Errors: Refused 401 if none did."""
    if not isinstance(request.auth, SignedBy):
        raise Refused("bad-signature", _("Sign the request with the trailer's key."), 401)
    return request.auth


def device_actor(by: SignedBy, ip: str | None = None) -> audit.Actor:
    """How the audit log names a trailer that acts."""
    trailer = by.trailer
    return audit.Actor("trailer", trailer.name, agency=trailer.agency.code, ip=ip, auth=by.key.keyid)


class UnsignedDeviceView(APIView):
    """A device's door before it has a key: size and media type, then strict JSON. Acts as nobody."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    renderer_classes = [JSONRenderer]
    #: The largest body in bytes this route takes.
    max_bytes = 16_384
    #: The one media type this route takes.
    media_type = "application/json"
    #: The deepest nesting of its JSON.
    max_depth = 5

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """As DRF, with the audit's actor in force from authentication to the answer."""
        with ExitStack() as self.acting:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The contract's order, before anything of the body is looked at."""
        if not hasattr(self, (request.method or "").lower()):
            raise MethodNotAllowed(request.method or "")
        check_size(request._request, self.max_bytes if request.method in BODY_METHODS else 0)
        if request.method in BODY_METHODS:
            check_media_type(request._request, self.media_type)
        super().initial(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Devices get JSON whatever they say they accept."""
        return JSONRenderer(), JSONRenderer.media_type

    def read(self, request: Request) -> Any:
        """Return the parsed body. Errors: BadJson 400."""
        return strictjson.loads(request._request.body, max_depth=self.max_depth)

    def handle_exception(self, exc: Exception) -> Response:
        """Count a refusal by its code, then answer it."""
        if isinstance(exc, Refused):
            self.count(exc)
        return super().handle_exception(exc)

    def count(self, refused: Refused) -> None:
        """Count what was refused to somebody unknown."""
        counters.count_refused(refused.code)


class DeviceView(UnsignedDeviceView):
    """The base of every signed route; `request.auth` is the `SignedBy`, `self.read(request)` the body."""

    authentication_classes = [DeviceSignature]
    permission_classes = [IsTrailer]
    #: Whose signature holds; None before, and when none did.
    trailer: Trailer | None = None

    def check_permissions(self, request: Request) -> None:
        """From here on the signature holds: remember whose it is."""
        super().check_permissions(request)
        self.trailer = signed_by(request).trailer

    def count(self, refused: Refused) -> None:
        """Count against the trailer; what was refused at the signature is counted there."""
        if self.trailer is not None:
            counters.count_refused(refused.code, self.trailer.pk)
        elif refused.status in (413, 415):
            counters.count_refused(refused.code)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Size, media type, signature, digest."""
        super().initial(request, *args, **kwargs)
        actor = device_actor(signed_by(request), client_ip(request._request))
        self.acting.enter_context(audit.acting_as(actor, req=current_request() or str(uuid7())))
        if request.method in BODY_METHODS:
            body = request._request.body
            signatures.check_digest(
                {"content-digest": request._request.META.get("HTTP_CONTENT_DIGEST", "")}, body
            )


def check_size(request: HttpRequest, max_bytes: int) -> None:
    """Errors: Refused 413 `too-large` for more than `max_bytes`, or for a body of unannounced length."""
    declared = request.META.get("CONTENT_LENGTH") or ""
    if request.META.get("HTTP_TRANSFER_ENCODING") or (declared and not declared.isdecimal()):
        raise Refused("too-large", _("Announce the body's size with Content-Length."), 413)
    if int(declared or 0) > max_bytes:
        sentence = _("The body is larger than %(bytes)d bytes.") % {"bytes": max_bytes}
        raise Refused("too-large", sentence, 413)


def check_media_type(request: HttpRequest, media_type: str) -> None:
    """Errors: Refused 415 `media-type` for another type, another charset than UTF-8, or an encoded body."""
    given, _sep, parameters = (request.META.get("CONTENT_TYPE") or "").partition(";")
    plain = parameters.replace(" ", "").replace('"', "").lower() in ("", "charset=utf-8")
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if given.strip().lower() != media_type or not plain or encoding != "identity":
        raise Refused("media-type", _("Send %(type)s as it is.") % {"type": media_type}, 415)
