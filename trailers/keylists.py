"""Reading keys for people: a trailer's keys, who waits for a second person, which keys end soon."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from accounts.selectors import has_role
from csoc.lib.errors import Refused

from . import keylife, policies
from .keylife import Life
from .models import EnrolmentToken, Trailer, TrailerKey
from .selectors import get_trailer, trailers_visible_to

_PENDING = TrailerKey.State.PENDING


class KeyRow(NamedTuple):
    """One key as a page shows it; `groups` is its fingerprint, if pending without what is to be typed."""

    key: TrailerKey
    life: Life
    groups: list[str]
    own: bool

    @property
    def since(self) -> datetime:
        """Since when it has been good; of a pending one, since when it waits."""
        return self.key.confirmed_at or self.key.created_at


class TrailerRow(NamedTuple):
    """One trailer of the list: how its keys stand, what waits, and until when a code for it is good."""

    trailer: Trailer
    life: Life
    pending: list[KeyRow]
    code_until: datetime | None


def trailer_of(user: Any, name: str) -> Trailer:
    """Return a trailer of the user's agency. Errors: Refused 403 for other roles, 404."""
    policies.may_see_keys(user)
    trailer = get_trailer(name)
    policies.same_agency(user, trailer)
    return trailer


def key_of(user: Any, name: str, n: int) -> TrailerKey:
    """Return key `n` of a trailer. Errors: as `trailer_of`; 404 for a key that it does not have."""
    trailer = trailer_of(user, name)
    key = _with_people().filter(trailer=trailer, n=n).first()
    if key is None:
        raise Refused("not-found", _("This trailer has no such key."), 404)
    return key


def rows_of(user: Any, trailer: Trailer, at: datetime) -> list[KeyRow]:
    """Return every key of a trailer, the newest first."""
    return [_row(user, key, at) for key in _with_people().filter(trailer=trailer).order_by("-n")]


def row_of(user: Any, key: TrailerKey, at: datetime) -> KeyRow:
    """Return one key as a page shows it."""
    return _row(user, key, at)


def open_code(trailer: Trailer, at: datetime) -> EnrolmentToken | None:
    """Return the code of this trailer that could still be used."""
    found = EnrolmentToken.objects.select_related("made_by").filter(trailer=trailer, used_at=None)
    return found.filter(expires_at__gt=at).order_by("-expires_at").first()


def enrolment_rows(user: Any, at: datetime) -> list[TrailerRow]:
    """Return every trailer of the user's agency with its keys. Errors: Refused 403 for other roles."""
    policies.may_see_keys(user)
    open_codes = EnrolmentToken.objects.filter(used_at=None, expires_at__gt=at)
    found = trailers_visible_to(user).prefetch_related(
        Prefetch("keys", _with_people(), to_attr="all_keys"),
        Prefetch("enrolment_tokens", open_codes, to_attr="open_codes"),
    )
    return [
        TrailerRow(
            trailer,
            keylife.standing_of(trailer.all_keys, at),  # type: ignore[attr-defined]
            [_row(user, key, at) for key in trailer.all_keys if key.state == _PENDING],  # type: ignore[attr-defined]
            max((code.expires_at for code in trailer.open_codes), default=None),  # type: ignore[attr-defined]
        )
        for trailer in found
    ]


def lives_of(trailer_ids: Iterable[int], at: datetime) -> dict[int, Life]:
    """Return how each of these trailers stands with its keys at `at`, by the trailer's row id: one query."""
    found: dict[int, list[TrailerKey]] = {pk: [] for pk in trailer_ids}
    for key in TrailerKey.objects.filter(trailer__in=found):
        found[key.trailer_id].append(key)
    return {pk: keylife.standing_of(keys, at) for pk, keys in found.items()}


def waiting_for(user: Any) -> int:
    """Return how many keys wait for this very person to compare and confirm them."""
    if not has_role(user, *policies.KEEPERS):
        return 0
    own_agency = TrailerKey.objects.filter(state=_PENDING, trailer__agency_id=user.person.agency_id)
    return own_agency.exclude(made_by_id=user.person_id).count()


def _with_people() -> Any:
    people = ("made_by", "confirmed_by", "revoked_by", "rotated_from", "trailer__agency", "trailer__unit")
    return TrailerKey.objects.select_related(*people)


def _row(user: Any, key: TrailerKey, at: datetime) -> KeyRow:
    # Whoever confirms reads the end on the trailer, not here: typing it then proves that they looked.
    hidden = policies.SAID_DIGITS if key.state == _PENDING else 0
    own = key.made_by_id == user.person_id
    return KeyRow(key, keylife.life_of(key, at), keylife.grouped(key.fingerprint, hidden), own)
