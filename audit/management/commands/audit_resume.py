"""``manage.py audit_resume``: two people let a halted log go on, under a new origin."""

import re
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from audit.halt import SENTENCES, Halt
from audit.logkeys import LogKeys
from audit.orders import Orders, Resume
from audit.serving import keys

WAIT_S = 60.0
PULSE = "SELECT state, fault FROM audit_pulse"
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
_PERSON = re.compile(r"u-[0-9]{1,18}\Z")


class Command(BaseCommand):
    """Order the end of a halt and wait until the sequencer has carried it out."""

    help = "Let a halted audit log go on with the database as it is, under a new origin. Takes two people."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the reason's code and the two people."""
        parser.add_argument("--reason", required=True, help="a code, such as restored-backup")
        parser.add_argument("--officer", required=True, help="who decides, as u-1042")
        parser.add_argument("--second", required=True, help="who stands by it, as u-2001")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, order, wait, and say what the witnesses have to be told. Errors: CommandError."""
        reason, officer, second = (options[name] for name in ("reason", "officer", "second"))
        _refuse_bad_names(reason, officer, second)
        fault, log_keys = _fault(), keys()
        try:
            before = log_keys.generation
            order = Resume(fault, reason, officer, second, before + 1)
            if not Orders(log_keys.folder).ask_resume(order):
                raise CommandError("An order to resume stands already; see the sequencer's log.")
            self._await(log_keys, fault)
        except (Halt, PermissionError) as error:
            raise CommandError(str(error)) from error
        self._tell(log_keys)

    def _await(self, log_keys: LogKeys, fault: str) -> None:
        self.stdout.write(f"The log has halted: {SENTENCES.get(fault, fault)}\nWaiting for the sequencer …")
        deadline = time.monotonic() + WAIT_S
        while Orders(log_keys.folder).resumption.exists():
            if time.monotonic() > deadline:
                raise CommandError(
                    f"The sequencer has not resumed within {WAIT_S:.0f} s. The order stands: it is carried "
                    "out when a sequencer runs and finds the database whole in itself; its log says what "
                    "is wrong."
                )
            time.sleep(0.1)

    def _tell(self, log_keys: LogKeys) -> None:
        self.stdout.write(
            f"The log goes on as {log_keys.origin}; its first new lines say who decided and why. The head "
            "file that was refused lies beside the new one, as evidence.\n"
            "Tell every witness, and everybody who checks the log: the old log ended, this one begins, and "
            "this is its verifier key:\n\n"
            f"{log_keys.vkey}\n\n"
            "Until a witness has added it, the log is signed but not witnessed."
        )


def _refuse_bad_names(reason: str, officer: str, second: str) -> None:
    if not _CODE.match(reason):
        raise CommandError("--reason is a code of small letters, digits, dots and dashes: restored-backup")
    for name in (officer, second):
        if not _PERSON.match(name):
            raise CommandError(f"{name} is not a person's number, such as u-1042")
    if officer == second:
        raise CommandError("Two different people are needed: --officer and --second name the same one.")


def _fault() -> str:
    """Return the code of the halt. Errors: CommandError when there is none, or none that people can end."""
    with connection.cursor() as cursor:
        cursor.execute(PULSE)
        row = cursor.fetchone()
    if row is None or row[0] != "halted":
        raise CommandError("The log has not halted: there is nothing to resume.")
    if row[1] == "no-partition":
        raise CommandError(f"A new origin would have no place for its lines either. {SENTENCES[row[1]]}")
    return str(row[1])
