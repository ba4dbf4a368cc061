"""The newest round of verification, as pages show it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from audit.models import Verification
from csoc.lib import clock

#: The publisher writes at least once a minute; silence for longer means that nobody is verifying.
SILENT = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class State:
    """What verification last said.

    word: ``verified``, ``broken`` (see ``findings``), ``checking`` (the first look at the whole log after a
    start is not over), ``silent`` (no round for three minutes) or ``never``.
    at: when. size: lines that hold, up to this one. findings: [{code, index, sentence}], worst first.
    sentence: what a person reads.
    """

    word: str
    at: datetime | None
    size: int
    findings: list[dict[str, Any]]
    sentence: str

    @property
    def ok(self) -> bool:
        """Return whether nothing was found and somebody looked just now."""
        return self.word in ("verified", "checking")


def state(now: datetime | None = None) -> State:
    """Return the state of the log as last verified."""
    newest = Verification.objects.order_by("-id").first()
    if newest is None:
        return State(
            "never", None, 0, [], _("Nobody has verified this log yet: the publisher has not started.")
        )
    silent = (now or clock.now()) - newest.at > SILENT
    if not newest.ok:
        first = newest.findings[0]["sentence"] if newest.findings else _("Verification failed.")
        return State("broken", newest.at, newest.until, newest.findings, first)
    if silent:
        sentence = _("Not verified since then: the publisher is not running. Tell the administrator.")
        return State("silent", newest.at, newest.until, [], sentence)
    if not newest.full:
        sentence = _("The whole log is being verified since the publisher started; nothing was found so far.")
        return State("checking", newest.at, newest.until, [], sentence)
    return State("verified", newest.at, newest.until, [], _("Every entry was verified."))
