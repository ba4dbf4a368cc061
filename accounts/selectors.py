"""Reading about people. Nothing here changes anything."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

import audit
from accounts import sessions
from accounts.models import Agency, BreakGlass, Person, Role, Unit, User
from csoc.lib import clock


class Rights(NamedTuple):
    """What decides whether an open socket may stay open."""

    auth_epoch: int
    is_active: bool
    roles: frozenset[str]


_KNOWN_ROLES = frozenset(Role.values)
#: Asked several times a request, each time afresh: what was taken away counts from that moment on (H15). Said
#: in SQL, because the ORM takes three times as long to say the same.
_ROLES = """
SELECT g.name FROM accounts_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = %s
"""
_ROLES_OF_PERSON = """
SELECT g.name
FROM accounts_user u JOIN accounts_user_groups m ON m.user_id = u.id JOIN auth_group g ON g.id = m.group_id
WHERE u.person_id = %s AND u.is_active AND u.id IS DISTINCT FROM %s::bigint
"""


def roles_of(user: Any) -> frozenset[str]:
    """The role names of a user; of nobody, none."""
    if user is None or not user.is_authenticated or not user.is_active:
        return frozenset()
    return _named_roles(_ROLES, user.pk)


def roles_of_person(person: Person, *, apart_from: User | None = None) -> frozenset[str]:
    """What a person holds with all their open sign-ins together; ``apart_from``: but for this one."""
    if not person.active:
        return frozenset()
    return _named_roles(_ROLES_OF_PERSON, person.pk, apart_from.pk if apart_from is not None else None)


def _named_roles(query: str, *values: int | None) -> frozenset[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return frozenset(name for (name,) in cursor.fetchall()) & _KNOWN_ROLES


def has_role(user: Any, *roles: str) -> bool:
    """Whether the user holds at least one of `roles` now. Asks the database each time, on purpose."""
    return not roles_of(user).isdisjoint(roles)


def person_wire(person: Person | None) -> dict[str, str] | None:
    """`{"id":"u-1042","name","badge"}`: how a person looks in every answer."""
    if person is None:
        return None
    return {"id": person.wire_id, "name": person.name, "badge": person.badge}


def user_ref(user: User) -> audit.Ref:
    """How the audit log names a user as the object of an act: by the person, whichever their sign-in."""
    return audit.Ref("user", user.person.wire_id, user.person.agency.code)


def actor_of(user: User, request: Any = None) -> audit.Actor:
    """The audit actor for a signed-in person, with names and roles as they are at this moment."""
    person = user.person
    session = getattr(request, "session", None)
    mark = sessions.second_factor(session, user) if session is not None else None
    return audit.Actor(
        kind="person",
        id=person.wire_id,
        badge=person.badge,
        role="+".join(sorted(roles_of(user))) or None,
        agency=person.agency.code,
        session=sessions.session_hash(session),
        ip=client_ip(request),
        auth=mark["kind"] if mark else None,
        name=person.name,
    )


def anonymous_actor(request: Any) -> audit.Actor:
    """The audit actor for a request that nobody has signed in to."""
    session = getattr(request, "session", None)
    return audit.Actor(
        kind="anonymous", id="anonymous", session=sessions.session_hash(session), ip=client_ip(request)
    )


def client_ip(request: Any) -> str | None:
    """The caller's address; behind a proxy as ALLAUTH_TRUSTED_PROXY_COUNT says, never as the caller says."""
    if request is None:
        return None
    from allauth.core.internal.httpkit import get_client_ip

    return get_client_ip(request)


def rights_of(user_ids: Iterable[int]) -> dict[int, Rights]:
    """The rights of many users in one query, for the sockets' re-check every 5 s. Unknown ids are absent."""
    rows = (
        User.objects.filter(pk__in=list(user_ids))
        .annotate(role_names=ArrayAgg("groups__name", filter=Q(groups__name__isnull=False), default=[]))
        .values_list("pk", "auth_epoch", "is_active", "role_names")
    )
    return {pk: Rights(epoch, active, frozenset(names)) for pk, epoch, active, names in rows}


def sessions_alive(session_keys: Iterable[str]) -> frozenset[str]:
    """Which of these sessions still exist: a socket of one that was signed out has to close, too."""
    alive = Session.objects.filter(session_key__in=list(session_keys), expire_date__gt=timezone.now())
    return frozenset(alive.values_list("session_key", flat=True))


def user_with_person(user_id: int) -> User | None:
    """An active user with person, agency and unit read along; None if there is no such user."""
    return (
        User.objects.select_related("person__agency", "person__unit")
        .filter(pk=user_id, is_active=True)
        .first()
    )


def people_visible_to(user: User) -> QuerySet[Person]:
    """Whom an administrator may manage: those of their own agency with a sign-in; the oldest comes first."""
    if not has_role(user, Role.ADMINISTRATOR):
        return Person.objects.none()
    sign_ins = User.objects.order_by("pk").prefetch_related("groups", "authenticator_set")
    return (
        Person.objects.filter(_with_sign_in(), agency_id=user.person.agency_id)
        .select_related("agency", "unit")
        .prefetch_related(Prefetch("users", sign_ins))
    )


def people_matching(user: User, *, text: str = "", role: str = "", left: bool = False) -> QuerySet[Person]:
    """The administrator's list, by name, badge or username, by role, and either present or left staff."""
    found = people_visible_to(user).filter(active=not left)
    if text:
        named = Q(name__icontains=text) | Q(badge__icontains=text)
        found = found.filter(named | Q(_with_sign_in(username__icontains=text)))
    if role:
        found = found.filter(_with_sign_in(groups__name=role))
    return found.order_by("name", "pk")


def _with_sign_in(**wanted: Any) -> Exists:
    return Exists(User.objects.filter(person=OuterRef("pk"), **wanted))


def other_sign_ins(user: User) -> QuerySet[User]:
    """The person's further open sign-ins, oldest first."""
    return User.objects.filter(person_id=user.person_id, is_active=True).exclude(pk=user.pk).order_by("pk")


def badge_is_taken(agency_id: int, badge: str) -> bool:
    """Whether somebody of the agency has, or had, this badge."""
    return Person.objects.filter(agency_id=agency_id, badge=badge).exists()


def username_is_taken(username: str) -> bool:
    """Whether somebody signs in, or signed in, with this name in any case."""
    return User.objects.filter(username=username.lower()).exists()


def units_of(agency: Agency) -> QuerySet[Unit]:
    """An agency's units by name."""
    return agency.units.order_by("name")


def second_factor_kinds(user: User) -> frozenset[str]:
    """The kinds of second factor set up: "totp", "recovery_codes"."""
    return frozenset(user.authenticator_set.values_list("type", flat=True))


def active_administrators() -> QuerySet[User]:
    """Every sign-in that could still give out roles."""
    return User.objects.filter(is_active=True, groups__name=Role.ADMINISTRATOR)


def glass_of_agency(agency_id: int, now: datetime) -> QuerySet[BreakGlass]:
    """What is open by break-glass in this agency now, newest first."""
    return (
        BreakGlass.objects.select_related("person", "user")
        .filter(agency_id=agency_id, ended_at__isnull=True, opened_at__lte=now, expires_at__gt=now)
        .filter(auth_epoch=F("user__auth_epoch"), user__is_active=True)
        .order_by("-opened_at")
    )


def glass_of(user: User, now: datetime) -> QuerySet[BreakGlass]:
    """What is open by break-glass to this sign-in now, newest first; another of the person's has its own."""
    return glass_of_agency(user.person.agency_id, now).filter(user=user)


def open_glass(user: User, kind: str, target: str, now: datetime) -> BreakGlass | None:
    """What opens exactly this thing to this user now."""
    return glass_of(user, now).filter(kind=kind, target=target).first()


def glass_wire(glass: BreakGlass) -> dict[str, Any]:
    """`id, object {type, id}, person, reason, opened_at, expires_at, ended_at`; never the words."""
    return {
        "id": str(glass.pk),
        "object": {"type": glass.kind, "id": glass.target},
        "person": person_wire(glass.person),
        "reason": glass.why,
        "opened_at": clock.wire(glass.opened_at),
        "expires_at": clock.wire(glass.expires_at),
        "ended_at": clock.wire(glass.ended_at),
    }
