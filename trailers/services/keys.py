"""The life of a device key: token, enrolment, confirmation by a second person, rotation, revocation."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

import audit
from accounts.models import User
from csoc.lib import clock, events, realtime
from csoc.lib.errors import Refused

from .. import keylife, keyring, policies, selectors, signatures
from ..models import EnrolmentToken, RevokeReason, Trailer, TrailerKey
from ..models.keys import OVERLAP
from ..schemas import Enrolment, KeyRotation
from ..signatures import SignedBy

TOKEN_LIFE = timedelta(minutes=30)
#: Crockford's Base32 (his page of that name): no I, L, O or U, so that a person can type it from paper.
TOKEN_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#: 52 signs of 5 bits: at least the contract's 256.
TOKEN_LENGTH = 52


def issue_enrolment_token(*, trailer: Trailer, actor: User, asked: UUID | None = None) -> str:
    """Return a new token for `trailer`, once and never again; it works once within 30 minutes.

    Any earlier one of the trailer that was not used ends now. `asked` names the press that asked for it: the
    same press again gets nothing.
    Errors: Refused `not-permitted` (technicians only), `not-found` for another agency's trailer, `shown-once`
    409.
    """
    with transaction.atomic(durable=False):
        policies.may_enrol(actor, trailer)
        # Two presses wait for each other here; the second finds the first one's row.
        Trailer.objects.select_for_update().get(pk=trailer.pk)
        if asked is not None and EnrolmentToken.objects.filter(asked=asked).exists():
            sentence = _("This code was shown once and is not shown again. Make a new one.")
            raise Refused("shown-once", sentence, 409)
        token = "".join(secrets.choice(TOKEN_SIGNS) for _sign in range(TOKEN_LENGTH))
        now = clock.now()
        earlier = EnrolmentToken.objects.filter(trailer=trailer, used_at=None)
        earlier.filter(expires_at__gt=now, made_at__lt=now).update(expires_at=now)
        EnrolmentToken.objects.create(
            sha256=_sha256(token),
            trailer=trailer,
            made_by=actor.person,
            made_at=now,
            expires_at=now + TOKEN_LIFE,
            asked=asked,
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
        # Trailer first, then its code, as whoever makes a newer code does. The lock on the row is what lets
        # one of two simultaneous enrolments win.
        tokens = EnrolmentToken.objects.filter(sha256=_sha256(request.token))
        trailers = tokens.values_list("trailer_id", flat=True)
        Trailer.objects.select_for_update().filter(pk__in=list(trailers)).first()
        token = tokens.select_for_update(of=("self",)).select_related("trailer__agency").first()
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
    # Kept with the key: whoever holds a code may say anything, and a trailer may stand and work meanwhile.
    key = _add_key(
        trailer,
        public_key,
        made_by=token.made_by,
        created_at=now,
        serial=request.serial,
        capabilities=sorted(request.capabilities),
        audio_rate_hz=request.audio.rate_hz,
    )
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
    """Make a pending key active: a second person compared `fingerprint` (hex SHA-256, or its last 8 digits).

    It ends after the life of keys (a setting). Every other key of the trailer ends now: it has one device,
    and is from now on what that one said of itself when it brought the key.
    Errors: Refused `not-permitted`, `own-request` 403, `not-pending` 409, `fingerprint-differs` 422.
    """
    with transaction.atomic(durable=False):
        keys = _all_locked(key.trailer_id)
        key = keys[key.pk]
        policies.may_confirm(actor, key)
        policies.fingerprint_matches(key, fingerprint)
        now = clock.now()
        for older in keys.values():
            if older.state == TrailerKey.State.ACTIVE:
                older.give_way(now, now)
        key.confirm(actor.person, now, now + keylife.key_life())
        if key.capabilities is not None and key.audio_rate_hz is not None:
            key.trailer.take_on(key.serial, key.capabilities, key.audio_rate_hz)
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
        # It held at the door; meanwhile somebody may have ended it, and a thief's next key must not stand.
        signatures.check_key(old, clock.now())
        standing = TrailerKey.objects.filter(rotated_from=old).first()
        if standing is not None:
            if bytes(standing.public_key) == public_key:
                return standing, False
            raise Refused("key-rotated", _("%(keyid)s has a successor already.") % {"keyid": old.keyid}, 409)
        now = clock.now()
        Trailer.objects.select_for_update().get(pk=old.trailer_id)
        key = _add_key(
            old.trailer,
            public_key,
            rotated_from=old,
            state=TrailerKey.State.ACTIVE,
            created_at=now,
            valid_until=now + keylife.key_life(),
        )
        old.give_way(now, now + OVERLAP)
        audit.record("key.rotate", selectors.key_ref(key))
        _keys_changed(key)
    return key, True


def revoke_key(*, key: TrailerKey, actor: User, reason: str = RevokeReason.OTHER) -> TrailerKey:
    """End a key at once and for good: its next request is 403 `key-revoked`, its channel is cut.

    The keys before and after it by rotation end with it: they are the same device's, and whoever has one may
    have made the next. Revoking a revoked key changes nothing. Errors: Refused `not-permitted`, `not-found`.
    """
    with transaction.atomic(durable=False):
        keys = _all_locked(key.trailer_id)
        key = keys[key.pk]
        policies.may_revoke(actor, key)
        if key.state == TrailerKey.State.REVOKED:
            return key
        now, why = clock.now(), RevokeReason(reason)
        for one in [key, *_relatives(key, keys)]:
            one.revoke(now, actor.person, why)
            audit.record("key.revoke", selectors.key_ref(one), reason=audit.Reason(str(why)))
        events.emit("key.revoke", trailer=key.trailer)
        _keys_changed(key)
    return key


def _relatives(key: TrailerKey, keys: dict[int, TrailerKey]) -> list[TrailerKey]:
    """Return the other active keys that were rotated from the same enrolment."""

    def root(one: TrailerKey) -> int:
        while one.rotated_from_id is not None:
            one = keys[one.rotated_from_id]
        return int(one.pk)

    own, active = root(key), TrailerKey.State.ACTIVE
    return [one for one in keys.values() if one.pk != key.pk and one.state == active and root(one) == own]


def warn_of_key_ends(*, actor: audit.Actor) -> int:
    """Write one entry for each key whose end came to 30, 14 or 3 days, or passed; returns how many.

    Run as often as one likes: each is told once, by the row. What was missed meanwhile is passed over.
    """
    now = clock.now()
    told = 0
    soon = now + timedelta(days=keylife.WARN_DAYS[0])
    with transaction.atomic(durable=False):
        keys = (
            TrailerKey.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("trailer__agency")
            .filter(state=TrailerKey.State.ACTIVE, replaced_at=None, valid_until__lte=soon)
        )
        for key in keys:
            days = keylife.due_warning(key, now)
            if days is None or (key.warned_days is not None and key.warned_days <= days):
                continue
            key.warn(days)
            why = audit.Reason(f"in-{days}-days" if days else "expired")
            audit.record("key.ends", selectors.key_ref(key), reason=why)
            told += 1
    return told


def _all_locked(trailer_id: int) -> dict[int, TrailerKey]:
    """Return every key of a trailer by its row id, locked in one order: two acts never wait in a ring.

    Asked again until nothing is new: had it to wait for a rotation, the key that this one made is not among
    what the first question saw.
    """
    found = (
        TrailerKey.objects.select_for_update(of=("self",))
        .select_related("trailer", "trailer__agency", "trailer__unit")
        .filter(trailer_id=trailer_id)
        .order_by("pk")
    )
    keys: dict[int, TrailerKey] = {}
    while True:
        seen, keys = len(keys), {key.pk: key for key in found.all()}
        if len(keys) == seen:
            return keys


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
