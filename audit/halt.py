"""Why the log halts: one code and one sentence each. A halted log signs nothing and moves nothing."""

from typing import Any

from django.utils.translation import gettext_lazy as _

#: What a person reads, by code. docs/runbook.md says what to do about each.
SENTENCES: dict[str, Any] = {
    "behind": _(
        "The database holds fewer lines than were already signed. It looks like an older backup: "
        "restore the newest one."
    ),
    "differs": _(
        "The database holds other lines than those that were signed. History was changed: "
        "keep this database as evidence and restore the newest backup."
    ),
    "checkpoint-differs": _(
        "A stored checkpoint does not fit the lines of the database. One of the two was changed: "
        "keep this database as evidence and restore the newest backup."
    ),
    "node-missing": _(
        "A node of the tree is missing from the database. It was removed: restore the newest backup."
    ),
    "node-differs": _(
        "A node of the tree does not fit the lines under it. One of the two was changed: "
        "restore the newest backup."
    ),
    "line-differs": _("A line that waits for its signature does not fit its own hash: it was changed."),
    "wrong-key": _(
        "The key in the key folder is not the one that this log signs with. Put the right key back."
    ),
    "key-missing": _("The log's key is not in the key folder. Put it back."),
    "head-missing": _(
        "The head file is gone, although this log has signed before. Without it an older backup would "
        "pass for the newest: put it back."
    ),
    "head-unreadable": _("The head file is damaged or cannot be read. Put a good copy back."),
    "head-unwritable": _(
        "The head file cannot be written, and nothing is signed without it. Make room or mend the disk."
    ),
    "head-changed": _(
        "Somebody else wrote the head file. Two sequencers must never share one: find and stop the other."
    ),
    "clock-backwards": _(
        "The database's clock ran backwards by more than 300 seconds. Set it right; the log goes on when "
        "it has caught up."
    ),
    "witness-knows": _(
        "A witness has seen a signed log that this database does not contain. It looks like an older "
        "backup or changed history: restore the newest backup."
    ),
    "no-partition": _(
        "There is no partition left for the next line. As csoc_owner run: manage.py audit_partition --ahead 8"
    ),
}


class Halt(Exception):
    """The log must not go on. ``code`` is one of SENTENCES; ``str()`` is its sentence with the facts."""

    def __init__(self, code: str, facts: str = "") -> None:
        self.code = code
        self.facts = facts
        super().__init__(code)

    def __str__(self) -> str:
        return f"{SENTENCES[self.code]} ({self.facts})" if self.facts else str(SENTENCES[self.code])
