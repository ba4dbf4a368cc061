"""The people of a demonstration. All invented; a production console refuses to start with them."""

from typing import Any, NamedTuple

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import transaction
from django.utils.crypto import get_random_string
from django.utils.translation import gettext_lazy as _

import audit
from accounts import selectors, services
from accounts.models import Agency, Role, Unit, User

AGENCY = ("DEMO-PS", "Demonstration Police Service")
UNITS = {"CSOC": "Community Safety Operations Centre", "FIELD": "Field Operations"}


class Member(NamedTuple):
    """One of the cast; `key` is also the username."""

    key: str
    name: str
    badge: str
    role: Role
    icon: str
    does: Any

    @property
    def second(self) -> bool:
        """Whether this is a role's second person, for acts that need two."""
        return self.key.endswith("-2")

    @property
    def role_key(self) -> str:
        """The role's own name, with "-2" for its second person."""
        return f"{self.role}-2" if self.second else str(self.role)

    @property
    def unit(self) -> str:
        """Technicians and bail officers work in the field."""
        return "FIELD" if self.role in (Role.TECHNICIAN, Role.BAIL_OFFICER) else "CSOC"


CAST = (
    Member(
        "dispatcher", "Avery Singh", "4471", Role.DISPATCHER, "radio-tower", _("Live board, alerts, video")
    ),
    Member(
        "supervisor",
        "Dana Okafor",
        "2208",
        Role.SUPERVISOR,
        "clipboard-check",
        _("Deployments, live board, plate lists, export requests"),
    ),
    Member(
        "applicant",
        "Priya Venn",
        "3316",
        Role.APPLICANT,
        "file-pen-line",
        _("Deployments: applications, consent, renewal"),
    ),
    Member(
        "investigator",
        "Noor Haddad",
        "3902",
        Role.INVESTIGATOR,
        "folder-lock",
        _("Break-glass: one alert or deployment to read"),
    ),
    Member(
        "privacy-officer",
        "Eli Tremblay",
        "1107",
        Role.PRIVACY_OFFICER,
        "scroll-text",
        _("Audit log, exports, witnesses, retention"),
    ),
    Member(
        "bail-officer",
        "Tomas Lindqvist",
        "5120",
        Role.BAIL_OFFICER,
        "users",
        _("Break-glass: one alert or deployment to read"),
    ),
    Member(
        "technician", "Jo Beaulieu", "6034", Role.TECHNICIAN, "truck", _("Fleet, enrolment, keys, refusals")
    ),
    Member(
        "administrator",
        "Sam Achterberg",
        "1001",
        Role.ADMINISTRATOR,
        "key-round",
        _("People, roles, retention"),
    ),
    Member("dispatcher-2", "Maxime Roy", "4482", Role.DISPATCHER, "radio-tower", _("A second dispatcher")),
    Member(
        "supervisor-2", "Ines Farrow", "2215", Role.SUPERVISOR, "clipboard-check", _("A second supervisor")
    ),
    Member("technician-2", "Wren Castell", "6041", Role.TECHNICIAN, "truck", _("A second technician")),
)
USERNAMES = frozenset(member.key for member in CAST)


def create_cast(actor: audit.Actor) -> dict[str, dict[str, Any]]:
    """Make the cast, or give an existing cast new passwords and secrets.

    actor: the seed's `audit.system(...)`; it makes the administrator, who then makes everybody else.
    Returns: role ("privacy_officer", …, "dispatcher-2", …) -> username, password, totp_secret, user.
    """
    made: dict[str, dict[str, Any]] = {}
    with audit.acting_as(actor):
        units = _units(actor)
        boss = next(member for member in CAST if member.role == Role.ADMINISTRATOR)
        administrator = _user(boss, units, actor)
        made[boss.key] = _open_up(administrator)
    with services.acting(administrator):
        for member in CAST:
            if member is not boss:
                made[member.key] = _open_up(_user(member, units, administrator))
    return {member.role_key: made[member.key] for member in CAST}


def _units(actor: audit.Actor) -> dict[str, Unit]:
    code, name = AGENCY
    agency = Agency.objects.filter(code=code).first()
    if agency is None:
        agency = services.create_agency(code=code, name=name, actor=actor)
    found = {unit.code: unit for unit in agency.units.all()}
    for unit_code, unit_name in UNITS.items():
        if unit_code not in found:
            found[unit_code] = services.create_unit(
                agency=agency, code=unit_code, name=unit_name, actor=actor
            )
    return found


def _user(member: Member, units: dict[str, Unit], actor: User | audit.Actor) -> User:
    known = User.objects.select_related("person__agency", "person__unit").filter(username=member.key).first()
    if known is not None:
        return known
    return services.create_user(
        username=member.key,
        name=member.name,
        badge=member.badge,
        unit=units[member.unit],
        roles=[member.role],
        actor=actor,
    ).user


def _open_up(user: User) -> dict[str, Any]:
    """Do at once what a person does at the first sign-in: own password, second factor."""
    password, secret = get_random_string(20), generate_totp_secret()
    with transaction.atomic():
        user.give_password(password, initial=False)
        user.authenticator_set.all().delete()
        TOTP.activate(user, secret)
        audit.record(
            "auth.second_factor_set",
            selectors.user_ref(user),
            outcome=audit.Outcome("allowed", code="demonstration"),
        )
    return {"username": user.username, "password": password, "totp_secret": secret, "user": user}
