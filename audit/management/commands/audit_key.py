"""``manage.py audit_key``: the log's signing key, on the machine and as the OS user of the sequencer."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.halt import Halt
from audit.logkeys import LogKeys
from audit.orders import Orders
from audit.serving import keys

WAIT_S = 30.0


class Command(BaseCommand):
    """Show the log's verifier keys, prepare the next key, or let it take over."""

    help = "Show the log's verifier keys, prepare the next key, or rotate to it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take one word."""
        parser.add_argument("act", choices=["show", "prepare", "rotate"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it. Errors: CommandError with what to do."""
        log_keys = keys()
        try:
            {"show": self._show, "prepare": self._prepare, "rotate": self._rotate}[options["act"]](log_keys)
        except (Halt, PermissionError) as error:
            raise CommandError(str(error)) from error

    def _show(self, log_keys: LogKeys) -> None:
        self.stdout.write(f"current  {log_keys.vkey}")
        if log_keys.next_vkey:
            self.stdout.write(f"next     {log_keys.next_vkey}  (prepared, signs nothing yet)")

    def _prepare(self, log_keys: LogKeys) -> None:
        # Without a current key there is no log yet: the sequencer makes both log and key.
        known = log_keys.vkey
        self.stdout.write(
            f"The next key of the log {known.name} is ready. Give this verifier key to every witness "
            "and to everybody who checks the log, then run: manage.py audit_key rotate\n"
        )
        self.stdout.write(str(log_keys.prepare()))

    def _rotate(self, log_keys: LogKeys) -> None:
        wanted, orders = log_keys.next_vkey, Orders(log_keys.folder)
        if wanted is None:
            raise CommandError("No next key is prepared. Run first: manage.py audit_key prepare")
        orders.ask_rotation()
        deadline = time.monotonic() + WAIT_S
        while orders.rotation.exists():
            if time.monotonic() > deadline:
                raise CommandError(
                    f"The sequencer has not rotated within {WAIT_S:.0f} s. The order stands and is carried "
                    "out as soon as a sequencer works; see its log."
                )
            time.sleep(0.1)
        if log_keys.vkey != wanted:
            raise CommandError("The sequencer did not rotate; its log says why.")
        self.stdout.write(f"The log signs with this key from now on; the old private key is gone.\n{wanted}")
