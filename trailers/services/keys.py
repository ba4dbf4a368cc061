"""The life of a device key: token, enrolment, confirmation by a second person, rotation, revocation."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

import audit
from accounts.models import User
from csoc.lib import clock, events, realtime
from csoc.lib.errors import Refused

from .. import keyring, policies, selectors
from ..models import EnrolmentToken, Trailer, TrailerKey
from ..models.keys import OVERLAP
from ..schemas import Enrolment, KeyRotation
from ..signatures import SignedBy

TOKEN_LIFE = timedelta(minutes=30)


def issue_enrolment_token(*, trailer: Trailer, actor: User) -> str:
    """Return a new token for `trailer`, once and never again; it works once within 30 minutes.

    Errors: Refused `not-permitted` (technicians only), `not-found` for another agency's trailer.
    """
    with transaction.atomic(durable=False):
        policies.may_enrol(actor, trailer)
        token = secrets.token_urlsafe(32)
        now = clock.now()
        EnrolmentToken.objects.create(
            sha256=_sha256(token),
            trailer=trailer,
            made_by=actor.person,
            made_at=now,
            expires_at=now + TOKEN_LIFE,
        )
        audit.record("trailer.enrol_token", selectors.trailer_ref(trailer))
    return token


def enrol(*, request: Enrolment, actor: audit.Actor) -> TrailerKey:
    """Take a trailer's first key against its token; the key stays pending until a second person confirms it.

    `actor` is the unknown caller until the token names the trailer.
    Errors: Refused 401 `bad-proof`, 410 `token-unknown`, `token-used`, `token-expired` (the last two leave an
    audit entry), 409 `key-known`, 422 `schema`.
    """
    public_key = decoded_key(request.public_key)
    _check_proof(request, public_key)
    with transaction.atomic(durable=False):
        # The row lock is what lets one of two simultaneous enrolments win.
        token = (
            EnrolmentToken.objects.select_for_update(of=("self",))
            .select_related("trailer__agency")
            .filter(sha256=_sha256(request.token))
            .first()
        )
        if token is None:
            raise Refused("token-unknown", _("There is no such token."), 410)
        trailer = token.trailer
        refusal = _refusal_of(token)
        if refusal is None:
            key = _take_key(token, request, public_key)
    ref = selectors.trailer_ref(trailer)
    if refusal is not None:
        with audit.acting_as(actor):
            audit.commit("trailer.enrol", ref, outcome=audit.Outcome("denied", refusal.code))
        raise refusal
    return key


def _refusal_of(token: EnrolmentToken) -> Refused | None:
    try:
        policies.token_usable(token, clock.now())
    except Refused as refused:
        return refused
    return None


def _take_key(token: EnrolmentToken, request: Enrolment, public_key: bytes) -> TrailerKey:
    now = clock.now()
    trailer = (
        Trailer.objects.select_for_update(of=("self",)).select_related("agency").get(pk=token.trailer_id)
    )
    trailer.serial = request.serial
    trailer.capabilities = sorted(request.capabilities)
    trailer.audio_rate_hz = request.audio.rate_hz
    trailer.save(update_fields=["serial", "capabilities", "audio_rate_hz"])
    key = _add_key(trailer, public_key, made_by=token.made_by, created_at=now)
    token.spend(now)
    ref = selectors.trailer_ref(trailer)
    with audit.acting_as(audit.Actor("trailer", trailer.name, agency=ref.agency, auth="token")):
        audit.record("trailer.enrol", ref)
    return key


def _add_key(trailer: Trailer, public_key: bytes, **fields: object) -> TrailerKey:
    n = (TrailerKey.objects.filter(trailer=trailer).aggregate(top=Max("n"))["top"] or 0) + 1
    try:
        with transaction.atomic(durable=False):
            return TrailerKey.objects.create(
                trailer=trailer,
                n=n,
                keyid=f"{trailer.name}:{n}",
                public_key=public_key,
                fingerprint=hashlib.sha256(public_key).hexdigest(),
                **fields,
            )
    except IntegrityError:
        # Only the public key can collide: the number is given out under the trailer's lock.
        raise Refused("key-known", _("This public key is registered already. Make a new one."), 409) from None


def confirm_key(*, key: TrailerKey, fingerprint: str, actor: User) -> TrailerKey:
    """Make a pending key active: a second person compared `fingerprint` (hex SHA-256) with the device.

    Every other key of the trailer ends now: the trailer has one device.
    Errors: Refused `not-permitted`, `own-request` 403, `not-pending` 409, `fingerprint-differs` 422.
    """
    with transaction.atomic(durable=False):
        key = _locked(key)
        policies.may_confirm(actor, key)
        policies.fingerprint_matches(key, fingerprint)
        now = clock.now()
        for older in TrailerKey.objects.filter(trailer=key.trailer, state=TrailerKey.State.ACTIVE):
            older.end_by(now)
        key.confirm(actor.person)
        audit.record("trailer.key_confirm", selectors.trailer_ref(key.trailer))
        _keys_changed(key)
    return key


def rotate_key(*, request: KeyRotation, actor: SignedBy) -> tuple[TrailerKey, bool]:
    """Return the successor of the key that signed, and whether it is new; the old one signs for 24 h more.

    The same public key again is the same answer.
    Errors: Refused 401 `bad-proof`, 409 `key-rotated` (another successor stands), `key-known`, 422 `schema`.
    """
    public_key = decoded_key(request.public_key)
    _check_rotation(request, public_key)
    with transaction.atomic(durable=False):
        old = _locked(actor.key)
        if not old.usable(clock.now()):
            raise Refused("bad-signature", _("The key was replaced. Sign with its successor."), 401)
        standing = TrailerKey.objects.filter(rotated_from=old).first()
        if standing is not None:
            if bytes(standing.public_key) == public_key:
                return standing, False
            raise Refused("key-rotated", _("%(keyid)s has a successor already.") % {"keyid": old.keyid}, 409)
        now = clock.now()
        Trailer.objects.select_for_update().get(pk=old.trailer_id)
        key = _add_key(
            old.trailer, public_key, rotated_from=old, state=TrailerKey.State.ACTIVE, created_at=now
        )
        old.end_by(now + OVERLAP)
        audit.record("key.rotate", selectors.key_ref(key))
        _keys_changed(key)
    return key, True


def revoke_key(*, key: TrailerKey, actor: User) -> TrailerKey:
    """End a key at once and for good: its next request is 403 `key-revoked`, its channel is cut.

    Revoking a revoked key changes nothing. Errors: Refused `not-permitted`, `not-found`.
    """
    with transaction.atomic(durable=False):
        key = _locked(key)
        policies.may_revoke(actor, key)
        if key.state == TrailerKey.State.REVOKED:
            return key
        key.revoke(clock.now())
        audit.record("key.revoke", selectors.key_ref(key))
        events.emit("key.revoke", trailer=key.trailer)
        _keys_changed(key)
    return key


def _locked(key: TrailerKey) -> TrailerKey:
    return (
        TrailerKey.objects.select_for_update(of=("self",))
        .select_related("trailer", "trailer__agency", "trailer__unit")
        .get(pk=key.pk)
    )


def _keys_changed(key: TrailerKey) -> None:
    transaction.on_commit(keyring.forget)
    realtime.push_on_commit("trailers", {"type": "key", "trailer": key.trailer.number})


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def decoded_key(text: str) -> bytes:
    """Return the 32 bytes of a base64url Ed25519 public key. Errors: Refused 422 `schema`."""
    raw = decoded(text)
    if len(raw) != 32:
        raise _no_key()
    try:
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise _no_key() from None
    return raw


def decoded(text: str) -> bytes:
    """Decode base64url with or without padding; what is not base64url is no bytes at all."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""


def _no_key() -> Refused:
    errors = [{"pointer": "/public_key", "code": "not-a-key"}]
    return Refused("schema", _("The public key is not an Ed25519 key in base64url."), 422, errors=errors)


def _check_proof(request: Enrolment, public_key: bytes) -> None:
    """The caller holds the private half. "Token bytes" may be its text, or what that text decodes to."""
    spellings = (request.token.encode(), decoded(request.token))
    if not any(_signed(public_key, request.proof, token + public_key) for token in spellings):
        raise Refused("bad-proof", _("The proof does not show that you hold the private key."), 401)


def _check_rotation(request: KeyRotation, public_key: bytes) -> None:
    """The contract lets a rotation go without a proof; one that is sent must hold."""
    if request.proof is not None and not _signed(public_key, request.proof, public_key):
        raise Refused("bad-proof", _("The proof does not show that you hold the private key."), 401)


def _signed(public_key: bytes, proof: str, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            decoded(proof), hashlib.sha256(content).digest()
        )
    except InvalidSignature:
        return False
    return True
