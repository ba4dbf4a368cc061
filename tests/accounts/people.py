"""People for tests: an agency with a small cast made through the services, and ways to sign in."""

from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client

import audit
from accounts import services, sessions
from accounts.cast import create_cast
from accounts.models import User

SEED = audit.system("seed")


def make_cast() -> dict[str, dict[str, Any]]:
    """The demonstration's people: role -> username, password, totp_secret, user."""
    return create_cast(SEED)


def sign_in(user: User) -> Client:
    """A browser with a full session of the user, second factor included."""
    client = Client()
    client.force_login(user, backend="accounts.backends.PersonBackend")
    session = client.session
    sessions.note_second_factor(session, user, "totp")
    session.save()
    return client


def code_for(secret: str, step: int = 0) -> str:
    """The TOTP code for now (`step` 0), the one before (-1) or after (1), or far off (50)."""
    middle = list(yield_hotp_counters_from_time())[1]
    return format_hotp_value(hotp_value(secret, middle + step))


def add_user(
    boss: User, username: str, *roles: str, name: str = "Robin Vale", badge: str = ""
) -> services.Issued:
    """A further person of the boss's agency and unit, as an administrator adds them."""
    with services.acting(boss):
        return services.create_user(
            username=username,
            name=name,
            badge=badge or username[:24],
            unit=boss.person.unit,
            roles=roles,
            actor=boss,
        )


def second_sign_in(boss: User, user: User, *roles: str, username: str = "") -> services.Issued:
    """Another sign-in of the same person, as an administrator adds it; it can be used at once."""
    with services.acting(boss):
        issued = services.add_sign_in(
            person=user.person, username=username or f"{user.username}.b", roles=roles, actor=boss
        )
    issued.user.give_password(issued.password, initial=False)
    return issued


def stay(client: Client, path: str = "/account/") -> int:
    """The status a browser gets for an ordinary page."""
    return client.get(path).status_code
