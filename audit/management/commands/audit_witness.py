"""``manage.py audit_witness``: witnessing by file, for a witness that is not reached by HTTP."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import segno
from django.core.management.base import BaseCommand, CommandError
from psycopg.errors import InsufficientPrivilege
from segno import DataOverflowError

from audit.checkpoints import Witness, witnesses
from audit.connecting import plain
from audit.nodes import NodeMissing
from audit.witnessing import asking
from audit.witnessing import files as witness_files
from audit.witnessing.answers import MAX_ANSWER_BYTES, BadAnswer

BY = "audit_witness"


class Command(BaseCommand):
    """Write a request, as a file or as a picture; read the answer."""

    help = "Carry a checkpoint to a witness by file, mail, USB stick or QR code."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--write FILE | --qr FILE | --read FILE; --for NAME; --old SIZE."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--write", metavar="FILE", type=Path, help="write a request (.request)")
        what.add_argument("--qr", metavar="FILE", type=Path, help="the same as a picture, .svg or .png")
        what.add_argument("--read", metavar="FILE", type=Path, help="read the answer (.cosignature)")
        parser.add_argument("--for", dest="witness", metavar="NAME", help="whom, if the list names several")
        parser.add_argument(
            "--old", metavar="SIZE", type=int, help="the size the witness says it knows, if it refused"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the three. Errors: CommandError, also for a database role without the right to."""
        try:
            self._do(options)
        except InsufficientPrivilege as error:
            raise CommandError(
                "This database role may not do that: run it as csoc_app (set CSOC_DATABASE_URL to that "
                f"role). The database said: {str(error).splitlines()[0]}."
            ) from error

    def _do(self, options: dict[str, Any]) -> None:
        witness = self._witness(options["witness"])
        if options["read"]:
            self._hand_in(witness, options["read"])
            return
        body = self._request(witness, options["old"])
        if options["write"]:
            self._save(options["write"], body)
        else:
            self._draw(options["qr"], body)

    def _request(self, witness: Witness, old: int | None) -> str:
        with plain("audit_witness") as connection:
            signed = asking.newest(connection)
            if signed is None:
                raise CommandError("Nothing is signed yet: start the sequencer first.")
            known = asking.known_to(connection, witness.vkey, signed.origin) if old is None else old
            try:
                body = witness_files.write_request(connection, witness, signed, known, BY)
            except (ValueError, NodeMissing) as error:
                raise CommandError(f"No request can be made: {error}.") from error
        self.stdout.write(f"For {witness.name}: {signed.size:,} entries, from the {known:,} it knows.")
        return body

    def _hand_in(self, witness: Witness, path: Path) -> None:
        try:
            with path.open("rb") as file:
                answer = file.read(MAX_ANSWER_BYTES + 1).decode()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} can't be read: {error}") from error
        with plain("audit_witness") as connection:
            try:
                keys = asking.log_keys(connection)
                size = witness_files.hand_in(connection, witness, answer, keys, BY)
            except BadAnswer as error:
                raise CommandError(error.sentence) from error
        self.stdout.write(f"{witness.name} has cosigned {size:,} entries. The publisher takes it at once.")

    def _draw(self, path: Path, body: str) -> None:
        if path.suffix not in (".svg", ".png"):
            raise CommandError("The picture's name must end in .svg or .png.")
        try:
            segno.make_qr(body, error="l").save(str(path), scale=4)
        except DataOverflowError as error:
            raise CommandError("The request is too long for one picture: use --write.") from error
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error}") from error
        self.stdout.write(f"Written to {path}.")

    def _save(self, path: Path, body: str) -> None:
        try:
            path.write_text(body, "utf-8")
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error}") from error
        self.stdout.write(f"Written to {path}.")

    def _witness(self, name: str | None) -> Witness:
        listed = witnesses()
        chosen = [witness for witness in listed if name in (None, witness.name)]
        if len(chosen) == 1:
            return chosen[0]
        names = ", ".join(witness.name for witness in listed) or "nobody"
        raise CommandError(f"Say whom with --for. On the list: {names}.")
