"""Free text that people type for others to read: nothing in it that nobody sees."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import plain_text
from csoc.lib.errors import Refused

#: What a text of several lines may hold beside what is seen.
LINE_BREAKS = "\n\r\t"


def one_line(value: str, *, field: str) -> str:
    """Return a text of one line, stripped. Errors: Refused ``text-unseen`` (422) for signs nobody sees."""
    told = value.strip()
    try:
        plain_text(told)
    except ValidationError:
        raise Refused(
            "text-unseen", _("Write it in one line, with letters and signs that can be seen."), 422,
            field=field,
        ) from None  # fmt: skip
    return told


def several_lines(value: str, *, field: str) -> str:
    """Return a text of several lines, stripped, its breaks as LF. Errors: Refused ``text-unseen`` (422)."""
    told = value.strip().replace("\r\n", "\n")
    try:
        plain_text("".join(" " if sign in LINE_BREAKS else sign for sign in told).strip())
    except ValidationError:
        raise Refused(
            "text-unseen", _("Write it with letters and signs that can be seen."), 422, field=field
        ) from None
    return told
