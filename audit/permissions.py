"""Who may read the log. It knows nobody, so it asks Django's groups and not the accounts app."""

from typing import Any

from django.utils.translation import gettext as _

from csoc.lib.errors import Refused

READERS = ("privacy_officer",)


def in_group(user: Any, *names: str) -> bool:
    """True when ``user`` is signed in, active and in one of the groups ``names``."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    return bool(user.groups.filter(name__in=names).exists())


def require_reader(user: Any) -> None:
    """Raise Refused ``not-permitted`` unless ``user`` may read the log."""
    if not in_group(user, *READERS):
        raise Refused("not-permitted", _("Only the privacy officer reads the audit log."), 403)
