"""The audit log: who did what, when, to what and why (H12, H13).

The rest of the code uses six names: ``record``, ``commit``, ``guard``, ``media_token``, ``wait`` and
``body``; the small types they take come along. The actor comes from a context variable that the
middleware sets; a background process says who it is with ``acting_as(system("purge"))``.
"""

from audit.context import NoActor, acting_as, current_actor, system
from audit.entry import ALLOWED, Actor, BadEntry, Outcome, Reason, Ref
from audit.guard import guard
from audit.media import MediaToken, media_token
from audit.record import Receipt, body, commit, record
from audit.wait import NotSealed, wait

__all__ = [
    "ALLOWED",
    "Actor",
    "BadEntry",
    "MediaToken",
    "NoActor",
    "NotSealed",
    "Outcome",
    "Reason",
    "Receipt",
    "Ref",
    "acting_as",
    "body",
    "commit",
    "current_actor",
    "guard",
    "media_token",
    "record",
    "system",
    "wait",
]
