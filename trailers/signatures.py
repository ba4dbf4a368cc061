"""RFC 9421 request signatures of trailers: is this request from that trailer, now, and for the first time?

Two readers give one verdict. The agreed profile (exactly the contract's components, in its order) is read
by two regular expressions; any other legal spelling goes to `http-message-signatures`. The tests hold both to
the same vectors. Nothing here parses a body, and nothing is written before the signature holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import http_message_signatures as library
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from http_message_signatures.algorithms import ED25519

from csoc.lib import clock
from csoc.lib.errors import Refused

from . import keyring
from .counters import count_refused, write_if_due
from .models import Trailer, TrailerKey

LABEL = "sig1"
TAG = "csrp-device-v1"
ALGORITHM = "ed25519"
BODILESS = ("@method", "@authority", "@path", "@query")
WITH_BODY = (*BODILESS, "content-digest", "content-type")
LIFETIME_S = 60
SKEW_S = 30
NONCE_KEPT = timedelta(minutes=10)
# 128 random bits need 22 characters of base64url; longer than 128 characters is somebody's parcel.
NONCE_CHARS = range(22, 129)
# Longest value worth reading; what is longer is refused unread.
LIMITS = {"signature-input": 1024, "signature": 512, "content-digest": 256, "content-type": 128}
TARGET_LIMIT = 2048

_INPUT = re.compile(
    r'sig1=(\(((?:"[@a-z-]+" ?){4,6})\)((?:;[a-z]{1,8}=(?:[1-9][0-9]{0,14}|"[^"\\]{0,128}"))+))'
)
_PARAMETER = re.compile(r';([a-z]{1,8})=(?:([0-9]+)|"([^"\\]*)")')
_SIGNATURE = re.compile(r"sig1=:([A-Za-z0-9+/]{86}==):")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_KEYID = re.compile(r"TRL-[0-9]{4}:[1-9][0-9]{0,4}")
_PROFILES = {" ".join(f'"{name}"' for name in names): names for names in (BODILESS, WITH_BODY)}
_PARAMETERS = {"created": int, "expires": int, "nonce": str, "keyid": str, "alg": str, "tag": str}


@dataclass(frozen=True, slots=True)
class SignedBy:
    """Who signed: the trailer and the key. Both are shared and up to 1 s old: read them, never save them."""

    trailer: Trailer
    key: TrailerKey


@dataclass(frozen=True, slots=True)
class Checked:
    """A signature that holds and whose nonce is not spent yet."""

    by: SignedBy
    nonce_hash: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """What a signature covers: the request line and the headers (lower case names), never the body."""

    method: str
    authority: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def url(self) -> str:
        """The absolute URL the library reads the same parts from."""
        scheme = settings.PUBLIC_URL.partition("://")[0]
        return f"{scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")


def verify(
    method: str,
    authority: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> SignedBy:
    """Return who signed the request, spend its nonce, and compare the digest with `body` (None = bodiless).

    `path` and `query` as sent (percent-encoded, the query without `?`); header names in lower case.
    Errors: Refused 401 `bad-signature`, `clock-skew` (+ `server_time`), `replayed-nonce`; 403 `key-revoked`;
    400 `bad-digest`. Source: the trailer contract, "Signature".
    """
    checked = check(Message(method, authority, path, query, headers), has_body=body is not None)
    spend(checked)
    if body is not None:
        check_digest(headers, body)
    return checked.by


def check(message: Message, *, has_body: bool) -> Checked:
    """Everything up to the nonce: bounded, read-only work. Errors as `verify`, each one counted."""
    now, known = clock.now(), None
    try:
        key, nonce = _held(message, WITH_BODY if has_body else BODILESS, now)
        # From here on the signature holds: what is refused now is counted against its trailer.
        known = key.trailer_id
        check_key(key, now)
    except Refused as refused:
        count_refused(refused.code, known)
        raise
    return Checked(SignedBy(key.trailer, key), hashlib.sha256(nonce.encode()).digest())


def holds(message: Message) -> bool:
    """Whether `check` would let this request with a body through. Counts nothing: the request's door will."""
    now = clock.now()
    try:
        key, _nonce = _held(message, WITH_BODY, now)
        check_key(key, now)
    except Refused:
        return False
    return True


def _held(message: Message, required: tuple[str, ...], now: datetime) -> tuple[TrailerKey, str]:
    _check_lengths(message)
    parameters, holds = _read_profile(message, required) or _read_any(message, required)
    _check_parameters(parameters)
    _check_time(parameters, now)
    key = keyring.find(parameters["keyid"])
    if key is None or not holds(key):
        raise _bad(_("The signature does not hold for the key it names."))
    return key, parameters["nonce"]


def spend(checked: Checked) -> None:
    """Use up the nonce. Errors: Refused 401 `replayed-nonce` when the key has used it before."""
    with connection.cursor() as cursor:
        # Two copies of one request race here: the primary key lets exactly one of them insert.
        cursor.execute(
            "INSERT INTO trailers_nonce (keyid, nonce_hash, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [checked.by.key.keyid, checked.nonce_hash, clock.now()],
        )
        fresh = cursor.rowcount == 1
    if not fresh:
        raise replayed(checked.by.trailer.pk)
    write_if_due()


@dataclass(slots=True)
class Unspent:
    """A signature that holds, its nonce still to be spent: by the act's own statement, or by ``spend``.

    Whoever refuses the request or acts in another way spends it first, so that a copy of the request is
    told apart before anything else is told of it.
    """

    checked: Checked
    spent: bool = False

    def spend(self) -> None:
        """Use up the nonce, once. Errors: as the function ``spend``."""
        if not self.spent:
            self.spent = True
            spend(self.checked)

    def was_spent(self, fresh: bool) -> None:
        """The act's own statement has tried it. Errors: Refused 401 `replayed-nonce` unless ``fresh``."""
        self.spent = True
        if not fresh:
            raise replayed(self.checked.by.trailer.pk)


def replayed(trailer: int | None = None) -> Refused:
    """Count a nonce used before, against the trailer whose key signed (a row's id); return its refusal."""
    count_refused("replayed-nonce", trailer)
    return Refused("replayed-nonce", _("This signed request was already received. Sign it again."), 401)


def check_digest(headers: Mapping[str, str], body: bytes) -> None:
    """Compare Content-Digest with the bytes that came. Errors: Refused 400 `bad-digest`."""
    found = _DIGEST.fullmatch(headers.get("content-digest", ""))
    if found is None or not hmac.compare_digest(base64.b64decode(found[1]), hashlib.sha256(body).digest()):
        raise Refused("bad-digest", _("The body is not the one its Content-Digest describes."), 400)


def authority_of(netloc: str, scheme: str) -> str:
    """Return `host[:port]` as RFC 9421 wants it: lower case, without the scheme's own port."""
    host = netloc.lower()
    return host.removesuffix({"http": ":80", "https": ":443"}.get(scheme, "\n"))


def _bad(sentence: str) -> Refused:
    return Refused("bad-signature", sentence, 401)


def _check_lengths(message: Message) -> None:
    if len(message.path) + len(message.query) > TARGET_LIMIT:
        raise _bad(_("The request target is too long."))
    for name, limit in LIMITS.items():
        if len(message.headers.get(name, "")) > limit:
            raise _bad(_("The %(name)s header is too long.") % {"name": name})
    if not message.headers.get("signature-input") or not message.headers.get("signature"):
        raise _bad(_("The request is not signed."))


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    if set(parameters) != set(_PARAMETERS):
        raise _bad(_("A signature carries exactly created, expires, nonce, keyid, alg and tag."))
    if any(type(parameters[name]) is not kind for name, kind in _PARAMETERS.items()):
        raise _bad(_("A signature parameter has the wrong type."))
    if parameters["tag"] != TAG or parameters["alg"] != ALGORITHM:
        raise _bad(_("The signature's tag or algorithm is not the contract's."))
    if len(parameters["nonce"]) not in NONCE_CHARS:
        raise _bad(_("The nonce must carry at least 128 random bits."))
    if not _KEYID.fullmatch(parameters["keyid"]):
        raise _bad(_("The signature does not name a trailer's key."))
    if not 0 <= parameters["expires"] - parameters["created"] <= LIFETIME_S:
        raise _bad(_("A signature may live for 60 seconds at most."))


def _check_time(parameters: Mapping[str, Any], now: datetime) -> None:
    at = now.timestamp()
    if parameters["created"] > at + SKEW_S or parameters["expires"] < at - SKEW_S:
        sentence = _("The signature's time is not the console's. Set the clock and sign again.")
        raise Refused("clock-skew", sentence, 401, server_time=clock.wire(now))


def check_key(key: TrailerKey, now: datetime) -> None:
    """Errors: Refused 403 `key-revoked`, 401 `bad-signature` for one that waits, was replaced or expired.

    Asked only after the signature holds: a stranger learns nothing about a key's state.
    """
    if key.state == TrailerKey.State.REVOKED:
        sentence = _("The key %(keyid)s was revoked. The trailer must be enrolled again.") % {
            "keyid": key.keyid
        }
        raise Refused("key-revoked", sentence, 403)
    if key.state == TrailerKey.State.PENDING:
        raise _bad(_("The key waits for a second person to confirm its fingerprint."))
    if not key.usable(now):
        if key.replaced_at is None:
            named = {"keyid": key.keyid, "when": clock.wire(key.valid_until)}
            raise _bad(_("The key %(keyid)s expired at %(when)s. Enrol the trailer again.") % named)
        raise _bad(_("The key was replaced. Sign with its successor."))


@lru_cache(maxsize=1024)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


class _Reading:
    """A parsed signature that can be tried against a key once the key is known."""

    def __init__(self, base: bytes, signature: bytes) -> None:
        self.base = base
        self.signature = signature

    def __call__(self, key: TrailerKey) -> bool:
        try:
            _public(bytes(key.public_key)).verify(self.signature, self.base)
        except (InvalidSignature, ValueError):
            return False
        return True


def _read_profile(message: Message, required: tuple[str, ...]) -> tuple[dict[str, Any], _Reading] | None:
    """The fixed profile, or None when the headers are spelt in another way."""
    found = _INPUT.fullmatch(message.headers["signature-input"])
    signature = _SIGNATURE.fullmatch(message.headers["signature"])
    if found is None or signature is None or _PROFILES.get(found[2]) != required:
        return None
    if not all(name in message.headers for name in required if not name.startswith("@")):
        return None
    pairs = [(name, int(number) if number else text) for name, number, text in _PARAMETER.findall(found[3])]
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        return None
    values = [_component(message, name) for name in required]
    if not all(value.replace("\t", " ").isprintable() for value in values):
        return None
    lines = [f'"{name}": {value}' for name, value in zip(required, values, strict=True)]
    lines.append(f'"@signature-params": {found[1]}')
    try:
        return parameters, _Reading("\n".join(lines).encode("ascii"), base64.b64decode(signature[1]))
    except (UnicodeEncodeError, binascii.Error):
        return None


def _component(message: Message, name: str) -> str:
    match name:
        case "@method":
            return message.method
        case "@authority":
            return message.authority
        case "@path":
            return message.path
        case "@query":
            return f"?{message.query}"
        case _:
            # RFC 9421 section 2.1: surrounding blanks of a field are not part of its value.
            return message.headers.get(name, "").strip()


class _Verifier(library.HTTPMessageVerifier):
    """The library without its own clock: the time rules above are the contract's, on the console's clock."""

    def validate_created_and_expires(self, sig_input: Any, max_age: Any = None) -> None:
        """Leave time to `_check_time`."""


class _Resolver(library.HTTPSignatureKeyResolver):
    def __init__(self, key: TrailerKey) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        """Only the one key that the parameters named."""
        return _public(bytes(self.key.public_key)) if key_id == self.key.keyid else None


class _LibraryReading:
    """The general reading: the library parses, rebuilds the base and verifies."""

    def __init__(self, message: Message, required: tuple[str, ...]) -> None:
        self.message = message
        self.required = required

    def __call__(self, key: TrailerKey) -> bool:
        verifier = _Verifier(signature_algorithm=ED25519, key_resolver=_Resolver(key))
        try:
            verifier.verify(
                self.message,
                max_age=None,
                expect_tag=TAG,
                expect_label=LABEL,
                require_components=self.required,
            )
        except Exception:  # a hostile header may break the parser in any way: each one is "does not hold"
            return False
        return True


def _read_any(message: Message, required: tuple[str, ...]) -> tuple[dict[str, Any], _LibraryReading]:
    """Any legal spelling. Errors: Refused 401 when it is not one."""
    try:
        parsed = _Verifier._parse_signature_dictionary(message.headers["signature-input"])
        parameters = dict(parsed[LABEL].params)
    except Exception:  # as above
        raise _bad(_("The signature headers cannot be read.")) from None
    return parameters, _LibraryReading(message, required)
