"""``manage.py audit_fsck``: find and explain damage at rest. Changes nothing."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from audit.connecting import plain
from audit.fsck import Places, look
from audit.head import NAME


def places() -> Places:
    """Return where this installation keeps what is outside the database."""
    keys = Path(settings.DATA_DIR) / "keys" / "audit-log"
    return Places(settings.AUDIT_HEAD_DIR / NAME, keys, settings.AUDIT_WITNESSES)


class Command(BaseCommand):
    """Exit status 0 when all is well, 1 for what a person has to mend, else that of docs/audit-format.md."""

    help = "Look for damage around the audit log: tables, files, rights. Changes nothing."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Say everything, then exit with the most serious status."""
        ill = []
        with plain("audit_fsck") as connection:
            for said in look(connection, places()):
                ill += [said.status] if said.status else []
                (self.stderr if said.status else self.stdout).write(said.sentence)
        sys.exit(min((s for s in ill if s > 1), default=min(ill, default=0)))
