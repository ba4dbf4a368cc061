"""``manage.py audit_verify``: look at the log from inside, and hold it against a note from outside."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

import audit
from audit import services, verification
from audit.checkpoints import witnesses
from audit.connecting import plain
from audit.head import NAME
from audit.notes import VerifierKey
from audit.verification import Finding, Report, whole
from audit.verification.opening import judge_details
from audit.verification.signatures import Keyring

LAST = 'SELECT coalesce(max(until), 0) FROM audit_verification WHERE ok AND "full"'
READABLE = "SELECT has_column_privilege('audit_detail', 'sealed', 'SELECT')"
#: Seconds between two lines of progress.
PROGRESS_S = 2.0


class Command(BaseCommand):
    """Exit status 0 when everything holds, otherwise that of docs/audit-format.md."""

    help = "Verify the audit log. Exit status: docs/audit-format.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--full (default) or --since-last; --witness FILE."""
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--full", action="store_true", help="from the first line (the default)")
        which.add_argument(
            "--since-last",
            action="store_true",
            help="only what is newer than the last verification that held",
        )
        parser.add_argument(
            "--witness",
            metavar="FILE",
            type=Path,
            help="a note that a witness cosigned: finds rewriting, rollback, forks",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify, tell, leave an entry, and exit with the status."""
        said = self._read(options["witness"])
        with plain("audit_verify") as connection:
            since = connection.execute(LAST).fetchone() if options["since_last"] else None
            listed = [witness.vkey for witness in witnesses()]
            report = verification.verify(connection, since[0] if since else 0, None, self._progress(), listed)
            report.findings += self._outside(connection, said, str(options["witness"]), listed)
            if self._may_open(connection):
                report.findings += judge_details(connection, report.since, report.size)
        self._tell(report)
        services.record_verification(actor=audit.system("audit_verify"), outcome=_outcome(report))
        sys.exit(report.status)

    def _outside(
        self, connection: Any, said: str | None, name: str, listed: list[VerifierKey]
    ) -> list[Finding]:
        """Hold the log against the head file, and against the note that was given."""
        ring = Keyring.of(connection)
        findings = whole.judge_head(connection, settings.AUDIT_HEAD_DIR / NAME, ring)
        if said is not None:
            found, seen = whole.judge_seen(said, ring.verifiers(), listed, name, require_witness=True)
            compared = whole.compare(connection, seen, name) if seen else None
            findings += [*found, *([compared] if compared else [])]
        return findings

    def _read(self, path: Path | None) -> str | None:
        if path is None:
            return None
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.stderr.write(f"{path} can't be read: {error}")
            sys.exit(2)

    def _may_open(self, connection: Any) -> bool:
        row = connection.execute(READABLE).fetchone()
        if row and row[0]:
            return True
        self.stdout.write("Details are compared by name only: this role may not read them.")
        return False

    def _progress(self) -> Any:
        began = told = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= PROGRESS_S:
                told = time.monotonic()
                rate = done / (told - began)
                left = (total - done) / rate if rate else 0
                self.stdout.write(f"  {done:,} of {total:,} entries, {rate:,.0f} a second, {left:.0f} s left")

        return progress

    def _tell(self, report: Report) -> None:
        rate = report.lines / report.seconds if report.seconds else 0
        self.stdout.write(
            f"{report.lines:,} entries ({report.since:,} to {report.size - 1:,}) in {report.seconds:.1f} s, "
            f"{rate:,.0f} a second; {report.checkpoints:,} checkpoints, "
            f"{report.cosignatures:,} cosignatures, {report.censuses:,} censuses."
        )
        if report.strangers:
            self.stdout.write(
                f"{report.strangers:,} cosignatures by witnesses that are not on the list were not judged."
            )
        for finding in verification.told(report.findings):
            self.stderr.write(f"{finding.code} ({finding.status}): {finding.sentence}")
        if not report.findings:
            self.stdout.write(f"Everything holds. Root of {report.size:,} entries: {report.root.hex()}")


def _outcome(report: Report) -> audit.Outcome:
    worst = verification.told(report.findings)
    if worst:
        return audit.Outcome("failed", worst[0].code, n=len(report.findings))
    return audit.Outcome("allowed", n=report.lines)
