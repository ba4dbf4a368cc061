"""Breaking the glass: one thing open to one person for 30 minutes, in front of everybody (H16)."""

import unicodedata
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

import audit
from accounts import break_glass as glass
from accounts import policies, selectors
from accounts.models import GLASS_LIFE, BreakGlass, User
from csoc.lib import clock, realtime
from csoc.lib.errors import Refused, nothing_here

MAX_WORDS = 1_000
#: More at once is no emergency any more, and nobody could look at it in time.
MOST_OPEN = 3


@transaction.atomic
def break_glass(
    *, actor: User, login: Any, kind: str, target: str, why: str, words: str, cad: str = ""
) -> BreakGlass:
    """Open one alert's detail or one deployment of the actor's agency to them, read only, for 30 minutes.

    The entry and the opening commit together, so nothing is read before its entry stands. login: the
    session, for the step-up. words: why, in the person's words (sealed).
    Errors: Refused ``not-permitted``, ``step-up`` (403), ``not-found`` (404), ``not-needed``,
    ``already-open``, ``too-many-open`` (409), ``schema`` (422).
    """
    policies.may_break_glass(actor, login)
    thing = _outside_their_grant(actor, kind, target)
    _said(why, words)
    # One press after the other, whichever the sign-in: the second of two at the same moment finds the first.
    sign_ins = User.objects.select_for_update().filter(person_id=actor.person_id).order_by("pk")
    epochs = dict(sign_ins.values_list("pk", "auth_epoch"))
    if epochs.get(actor.pk) != actor.auth_epoch:
        raise Refused("signed-out", _("Your rights changed. Sign in again."), 401)
    _make_room(actor, thing, epochs)
    return _open(actor, thing, why, words.strip(), cad)


def _outside_their_grant(actor: User, kind: str, target: str) -> glass.Thing:
    thing = glass.find(kind, target)
    if thing is None or thing.agency_id != actor.person.agency_id:
        raise nothing_here()
    if thing.granted(actor):
        raise Refused("not-needed", _("You may read this already: nothing has to be opened."), 409)
    return thing


def _said(why: str, words: str) -> None:
    if why not in BreakGlass.Why.values:
        raise Refused("schema", _("Choose one of the reasons."), 422)
    if not _readable(words) or len(words.strip()) > MAX_WORDS:
        raise Refused("schema", _("Say why in words, in at most 1,000 characters."), 422)


def _readable(words: str) -> bool:
    """True when somebody can see something in it: not for blanks, controls and invisible signs alone."""
    kinds = {unicodedata.category(letter) for letter in words}
    return "Cs" not in kinds and any(kind[0] in "LNPS" for kind in kinds)


def _make_room(actor: User, thing: glass.Thing, epochs: dict[int, int]) -> None:
    """Three at most to one person, all sign-ins together; each opens to the sign-in that broke it."""
    now = clock.now()
    standing = BreakGlass.objects.filter(person_id=actor.person_id, ended_at__isnull=True)
    held = [one for one in standing if one.holds_at(now, epochs[one.user_id])]
    for one in held:
        if (one.user_id, one.kind, one.target) == (actor.pk, thing.kind, thing.id):
            raise Refused(
                "already-open", _("You have this open already."), 409,
                id=str(one.pk), until=clock.wire(one.expires_at),
            )  # fmt: skip
    if len(held) >= MOST_OPEN:
        raise Refused("too-many-open", _("You have three things open already. End one of them first."), 409)
    for one in standing.filter(user=actor, kind=thing.kind, target=thing.id):
        one.end(now)


def _open(actor: User, thing: glass.Thing, why: str, words: str, cad: str) -> BreakGlass:
    now = clock.now()
    receipt = audit.record(
        "access.break_glass",
        audit.Ref(thing.kind, thing.id, thing.agency),
        reason=audit.Reason(why, cad=cad or None),
        detail={"words": words},
    )
    opened = BreakGlass.objects.create(
        user=actor, person=actor.person, agency=actor.person.agency, auth_epoch=actor.auth_epoch,
        kind=thing.kind, target=thing.id, why=why, entry=receipt.uid,
        opened_at=now, expires_at=now + GLASS_LIFE,
    )  # fmt: skip
    _shout(opened)
    return opened


@transaction.atomic
def end_break_glass(*, actor: User, glass_id: UUID) -> BreakGlass:
    """Close one's own before its time; ending it twice is the same as once. Errors: Refused 404."""
    found = BreakGlass.objects.select_for_update(of=("self",)).filter(pk=glass_id, user=actor)
    opened = found.select_related("person", "agency").first()
    if opened is None:
        raise nothing_here()
    now = clock.now()
    if opened.holds_at(now, actor.auth_epoch):
        opened.end(now)
        ref = audit.Ref(opened.kind, opened.target, opened.agency.code)
        audit.record("access.break_glass_end", ref, parent=opened.entry)
        _shout(opened)
    return opened


def _shout(opened: BreakGlass) -> None:
    """Every open board of the agency shows it, or takes it away, at once."""
    realtime.push_on_commit(
        "live",
        {
            "type": "break-glass",
            "agency": opened.agency.code,
            "break_glass": selectors.glass_wire(opened),
        },
    )
