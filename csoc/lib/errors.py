"""The errors that cross rooms."""

from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext as _


class Misuse(RuntimeError):
    """The code was called in a way it never may be: a fault of ours, not of a person."""


class LogDown(DatabaseError):
    """The audit log does not take an entry, so what it would tell of may not be done or shown (H13)."""


class Refused(Exception):
    """A rule said no.

    code: the problem code of the contract, e.g. ``not-acknowledged``.
    sentence: what a person can act on; never carries personal data of the public.
    status: the HTTP status.
    extra: further members of the problem document.
    """

    def __init__(self, code: str, sentence: str, status: int = 403, **extra: Any) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.status = status
        self.extra = extra


class BadJson(Refused):
    """A body that is not the strict JSON of the contract (400 ``bad-json``)."""

    def __init__(self, reason: str) -> None:
        super().__init__("bad-json", f"The body is not acceptable JSON: {reason}.", 400)


def nothing_here() -> Refused:
    """Return the 404 of what is not there, and of what is not this person's: nobody learns which."""
    return Refused("not-found", _("There is nothing here that you may see."), 404)
