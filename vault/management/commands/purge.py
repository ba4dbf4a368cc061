"""``manage.py purge``: the purge by hand, when worker or beat is dead."""

from typing import Any

from django.core.management.base import BaseCommand

import audit
from vault.services import purge_due


class Command(BaseCommand):
    """Destroy the keys that are due and delete what they sealed."""

    help = (
        "Destroy every epoch key whose 47 h are over and every record that is due; delete what they sealed."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run once and say what was done."""
        run = purge_due(actor=audit.system("purge"))
        self.stdout.write(
            f"{run.keys} keys destroyed, {run.rows} sealed rows deleted, {run.records} records destroyed"
        )
