"""System checks: what a production console refuses to start with."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
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
