"""``manage.py audit_export [NAME [--to FILE]]``: list exports, or build an approved one by hand.

For when the exporter is dead: what nobody approved is not built here either.
"""

import shutil
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.context import system
from audit.exports import building, folder, selectors, services, words
from audit.models import ExportRequest
from csoc.lib.errors import Refused


class Command(BaseCommand):
    """List requests; build one."""

    help = "List requests for exports of the audit log, or build an approved one when the exporter is dead."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a request's number and where to put the file."""
        parser.add_argument("name", nargs="?", default="", help="such as EXP-2026-0007; none lists them")
        parser.add_argument("--to", type=Path, help="copy the finished zip here; never over a file")

    def handle(self, *args: Any, **options: Any) -> None:
        """List, or build and tell what came of it."""
        if not options["name"]:
            for row in ExportRequest.objects.order_by("-id")[:50]:
                self.stdout.write(f"{row.name}  {words.state(row):22}  {words.what(row)}")
            return
        self._check(options["to"])
        try:
            building.build(options["name"])
            row = selectors.any_by_name(options["name"])
        except Refused as error:
            raise CommandError(f"There is no request {options['name']}.") from error
        if row.state != ExportRequest.State.READY:
            raise CommandError(f"{row.name}: {words.state(row)}. {words.next_step(row)}")
        self._copy(row, options["to"])

    def _check(self, to: Path | None) -> None:
        if to and (to.exists() or not to.parent.is_dir()):
            raise CommandError(f"{to} is there already, or its folder is not. Name a new file.")

    def _copy(self, row: ExportRequest, to: Path | None) -> None:
        path = folder.finished(row.name)
        if to:
            services.hand_out_export(actor=system("audit_export"), request=row)
            shutil.copyfile(path, to)
            to.chmod(0o600)
        self.stdout.write(f"{row.name} is at {to or path}, SHA-256 {row.sha256}.")
