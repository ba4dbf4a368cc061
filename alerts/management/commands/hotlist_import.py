"""``manage.py hotlist_import FILE MANIFEST --as USERNAME``: a version of a plate list, streamed from disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import acting
from alerts import services
from alerts.models import HotlistVersion
from csoc.lib.errors import Refused

CHUNK_BYTES = 1_000_000


class Command(BaseCommand):
    """Import a list as a named supervisor; exit code 1 when nothing of it was taken."""

    help = "Import a version of a plate list: all rows or none. See docs/hotlists.md."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the two files, and who acts."""
        parser.add_argument("file", type=Path, help="the list, CSV in UTF-8")
        parser.add_argument("manifest", type=Path, help="its manifest, JSON")
        parser.add_argument("--as", dest="username", required=True, help="sign-in of the supervisor who acts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import it. Errors: CommandError with a sentence, and the lines at fault."""
        actor = _who(options["username"])
        try:
            raw = options["manifest"].read_bytes()
            with acting(actor):
                came = _imported(actor, raw, options["file"])
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        except Refused as refused:
            raise CommandError(_told(refused)) from None
        self.stdout.write(_came(came))


def _who(username: str) -> User:
    found = User.objects.select_related("person__agency").filter(is_active=True, person__active=True)
    actor = found.filter(username=username).first()
    if actor is None:
        raise CommandError("There is no open sign-in of that name.")
    return actor


def _imported(actor: User, manifest: bytes, file: Path) -> Any:
    try:
        return services.import_hotlist(actor=actor, manifest_bytes=manifest, source=lambda: _read(file))
    except Refused as refused:
        services.note_refused_import(actor=actor, refused=refused)
        raise


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _came(came: Any) -> str:
    if isinstance(came, HotlistVersion):
        figures = f"{came.adds:,} added, {came.changes:,} changed, {came.dels:,} removed"
        return f"{came.hotlist.list_id} {came.version} is in force: {came.rows:,} entries, {figures}."
    return (
        f"Not in force yet: {came.before:,} entries would become {came.rows:,}, so another supervisor "
        "has to let it through on the page of the lists within 24 h."
    )


def _told(refused: Refused) -> str:
    lines = [f"  line {row['line']}: {row['code']}" for row in refused.extra.get("lines", [])]
    return "\n".join([f"{refused.sentence} ({refused.code})", *lines])
