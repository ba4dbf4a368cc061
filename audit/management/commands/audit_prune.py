"""``manage.py audit_prune``: drop the oldest part of the log, past retention and agreed on by two people.

Runs as ``csoc_owner``, who alone may drop a partition.
"""

from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError

import audit
from audit import pruning, services
from audit.connecting import plain
from audit.verification.whole import PARTITION_BITS

SEALED_S = 60.0


class Command(BaseCommand):
    """Say what would go; with --yes let it go."""

    help = "Prune the oldest part of the audit log, once two people have agreed on it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        """--yes."""
        parser.add_argument("--yes", action="store_true", help="really do it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, announce in the log, wait for the witness, drop."""
        with plain("audit_prune") as connection:
            partition = pruning.oldest_due(connection)
            if partition is None:
                self.stdout.write("Nothing is past its retention of 7 years: nothing may be pruned.")
                return
            parent = self._agreed(connection, partition)
            if not options["yes"]:
                self.stdout.write("Nothing was done. Say --yes to prune them.")
                return
            self._announce(connection, partition, parent)
            self._drop(connection, partition)

    def _agreed(self, connection: psycopg.Connection[Any], partition: int) -> Any:
        """Say what would go and who agreed; return the uid of the agreement."""
        first, last = partition << PARTITION_BITS, ((partition + 1) << PARTITION_BITS) - 1
        people = pruning.approved(connection, partition)
        if people is None:
            raise CommandError(
                f"Entries {first:,} to {last:,} may go, but two privacy officers have to agree first: "
                "/audit/witnesses/."
            )
        self.stdout.write(f"Entries {first:,} to {last:,}: asked for by {people[1]}, agreed by {people[3]}.")
        return people[4]

    def _announce(self, connection: psycopg.Connection[Any], partition: int, parent: Any) -> None:
        """Put it into the log first, and go no further without a witness of that.

        After a crash, or a wait in vain, the entry is there already; its witness may still be missing.
        """
        receipt = pruning.announced(connection, partition) or services.announce_pruning(
            actor=audit.system("audit_prune"), partition=partition, parent=parent
        )
        try:
            idx = audit.wait(receipt, "witnessed", timeout_s=SEALED_S)
        except audit.NotSealed as error:
            raise CommandError(f"{error}. Run this again when sequencer and publisher work.") from error
        self.stdout.write(f"Entry {idx:,} says so; it is signed and witnessed.")

    def _drop(self, connection: psycopg.Connection[Any], partition: int) -> None:
        try:
            table = pruning.drop(connection, partition)
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(f"The database refuses: {error.diag.message_primary}.") from error
        self.stdout.write(f"{table} is gone. The hash that stands for its lines stays.")
