"""Retention classes: what is kept beyond 48 h, for how long, and by what right.

The schedule is the service's own (``CSOC_RETENTION_SCHEDULE``, a JSON file, read once at start). What is
shipped are examples: no law says so, and a class without a legal authority cannot be used (H10). So
examples are usable only where nothing is real: in the demonstration and in tests.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from csoc.lib import schedule

EXAMPLE = gettext_lazy("Example: put your own by-law or schedule here")


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """One class. ``period`` runs from the end of what the record is about (a deployment, a consent)."""

    key: str
    label: str | Promise
    purpose: str | Promise
    authority: str | Promise
    period: timedelta
    example: bool

    @property
    def days(self) -> int:
        """The period in days."""
        return self.period.days

    @property
    def usable(self) -> bool:
        """Whether something may be kept under it: by a legal authority, or in a demonstration."""
        return bool(str(self.authority).strip()) and (settings.IS_DEMO or not self.example)


EXAMPLES = (
    RetentionClass(
        "deployment-record",
        gettext_lazy("Deployment record"),
        gettext_lazy("Why a trailer stood somewhere, who asked for it, who authorised it, and how it ended"),
        EXAMPLE,
        timedelta(days=2 * 365),
        True,
    ),
    RetentionClass(
        "consent-record",
        gettext_lazy("Owner’s consent"),
        gettext_lazy(
            "Who consented in what capacity, to what, until when; the signed document; a withdrawal"
        ),
        EXAMPLE,
        timedelta(days=2 * 365),
        True,
    ),
    RetentionClass(
        "transitory",
        gettext_lazy("Transitory"),
        gettext_lazy("Drafts and applications that came to nothing"),
        EXAMPLE,
        timedelta(days=30),
        True,
    ),
)


def classes() -> list[RetentionClass]:
    """Return the schedule: the service's own, or the shipped examples. Errors: ImproperlyConfigured."""
    return list(_own(str(settings.RETENTION_SCHEDULE)) if settings.RETENTION_SCHEDULE else EXAMPLES)


def find(key: str) -> RetentionClass | None:
    """Return the class of this key, None when the schedule has none."""
    return next((found for found in classes() if found.key == key), None)


def usable(key: str) -> bool:
    """True when something may be kept under this class (H10)."""
    found = find(key)
    return found is not None and found.usable


@lru_cache(maxsize=4)
def _own(path: str) -> tuple[RetentionClass, ...]:
    lines, faults = schedule.read(Path(path))
    if faults:
        raise ImproperlyConfigured("; ".join(faults))
    return tuple(
        RetentionClass(
            line.key, line.label, line.purpose, line.authority, timedelta(days=line.days), line.example
        )
        for line in lines
    )
