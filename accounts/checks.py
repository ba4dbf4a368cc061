"""System checks: what must hold of people before the program starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection
from django.urls import NoReverseMatch, reverse

MIDDLEWARE = [
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.AuthEpochMiddleware",
    "accounts.middleware.ActorMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
]


@register(Tags.security)
def no_demo_sign_in(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a production console that has the one-click sign-in mounted."""
    if settings.IS_DEMO:
        return []
    try:
        reverse("demo-sign-in")
    except NoReverseMatch:
        return []
    return [
        Error(
            "The demonstration's one-click sign-in is mounted.",
            hint="Remove accounts.demo_urls from the addresses, or set CSOC_ENV to demo.",
            id="accounts.E001",
        )
    ]


@register(Tags.security)
def gates_in_order(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start without the gates between a session and the views, in their order."""
    found = [name for name in settings.MIDDLEWARE if name in MIDDLEWARE]
    if found == MIDDLEWARE:
        return []
    return [
        Error(
            "The sign-in gates are missing or out of order.",
            hint="MIDDLEWARE must hold, in this order: " + ", ".join(MIDDLEWARE),
            id="accounts.E002",
        )
    ]


@register(Tags.database)
def no_cast(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a production database in which the demonstration's people can sign in."""
    if settings.IS_DEMO or not databases:
        return []
    from accounts import cast
    from accounts.models import User

    # `migrate` asks this too, the first time before there is a table to ask.
    if User._meta.db_table not in connection.introspection.table_names():
        return []
    people = User.objects.filter(username__in=cast.USERNAMES, person__agency__code=cast.AGENCY[0])
    if not User.objects.filter(is_active=True, person__in=people.values("person")).exists():
        return []
    return [
        Error(
            "The demonstration's people can sign in to this database.",
            hint="Start with a fresh database: demonstration data never becomes a service's data.",
            id="accounts.E003",
        )
    ]
