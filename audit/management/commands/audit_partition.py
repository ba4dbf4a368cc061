"""``manage.py audit_partition``: room for more lines; run as csoc_owner."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.utils import ProgrammingError

LEFT = "SELECT audit_partitions_left()"
ADD = "SELECT audit_add_partition()"
MOST = 1_024


class Command(BaseCommand):
    """Add partitions to the log until enough are free. The sequencer goes on working meanwhile."""

    help = "Add partitions of 1,048,576 lines to the audit log until --ahead of them are free."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how many shall be free."""
        parser.add_argument("--ahead", type=int, default=8, help="free partitions wanted (8)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Add them one by one; each stands for itself, so a crash leaves those that are done."""
        ahead = options["ahead"]
        if not 1 <= ahead <= MOST:
            raise CommandError(f"--ahead is a number from 1 to {MOST}")
        try:
            with connection.cursor() as cursor:
                while (left := self._number(cursor)) < ahead:
                    cursor.execute(ADD)
                    self.stdout.write(f"added {cursor.fetchone()[0]}")
        except ProgrammingError as error:
            raise CommandError(f"Only csoc_owner may add partitions. {error}") from error
        self.stdout.write(f"{left} partitions are free, room for {left << 20:,} lines.")

    @staticmethod
    def _number(cursor: Any) -> int:
        cursor.execute(LEFT)
        return int(cursor.fetchone()[0])
