"""System checks: what a production console refuses to start with."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connection

SOCKET_HOST_PREFIX = "/"


@register(deploy=True)
def trusted_database(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse the embedded PostgreSQL in production: it trusts every local user."""
    if settings.IS_DEMO:
        return []
    database = connection.settings_dict
    if str(database["HOST"]).startswith(SOCKET_HOST_PREFIX) and not database["PASSWORD"]:
        return [
            Error(
                "The database is reached over a local socket without a password.",
                hint="Point CSOC_DATABASE_URL at a PostgreSQL that asks for one.",
                id="csoc.E001",
            )
        ]
    return []


@register(deploy=True)
def mail_leaves(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when private links would stand in a log, or owners would learn of no number to call."""
    found: list[CheckMessage] = []
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        found.append(
            Warning(
                "Mail to property owners is printed: their private links would stand in the worker's log.",
                hint="Point CSOC_EMAIL_URL at a mail server, such as smtp://user:password@mail.example.org.",
                id="csoc.W002",
            )
        )
    if not settings.OWNER_PHONE:
        found.append(
            Warning(
                "Property owners are given no number to call.", hint="Set CSOC_OWNER_PHONE.", id="csoc.W003"
            )
        )
    return found
