"""What tests of exports need: a living log, two people, entries to export, and the outsider's program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

import audit
from accounts import cast
from accounts.models import User
from accounts.selectors import actor_of
from audit.exports import building, folder, services
from audit.exports.services import Wanted
from audit.head import Head
from audit.logkeys import LogKeys
from audit.models import ExportRequest
from tests.audit.exports.living import Living

ROOT = Path(__file__).resolve().parents[3]
VERIFIER = ROOT / "tools" / "verify_audit.py"
OFFICER = audit.Actor(
    "person", "u-1042", badge="4471", role="dispatcher", agency="DEMO-PS", name="Avery Singh"
)
TRAILER = audit.Ref("trailer", "TRL-0007", "DEMO-PS")
WHY = {"reason": "complaint", "reference": "OPC-2026-114", "recipient": "Office of Police Complaints, B. Li"}


@dataclass
class Desk:
    """The people at the log, and what they do. ``log`` is alive."""

    log: Living
    users: dict[str, User]

    @contextmanager
    def acting(self, role: str) -> Iterator[User]:
        """Act as the person of that role."""
        with audit.acting_as(actor_of(self.users[role])):
            yield self.users[role]

    def ask(self, **wanted: Any) -> ExportRequest:
        """Ask as the privacy officer."""
        with self.acting("privacy_officer") as ada:
            return services.ask_export(actor=ada, wanted=Wanted(**{**WHY, **wanted}))

    def approve(self, request: ExportRequest) -> ExportRequest:
        """Approve as a supervisor."""
        with self.acting("supervisor") as omar:
            return services.approve_export(actor=omar, name=request.name)

    def build(self, request: ExportRequest, **options: Any) -> ExportRequest:
        """Build as the exporter does."""
        built = building.build(request.name, **options)
        assert built is not None
        return built

    def export(self, **wanted: Any) -> Path:
        """Go the whole way; return the zip."""
        built = self.build(self.approve(self.ask(**wanted)))
        assert built.state == "ready", (built.state, built.fault)
        return folder.finished(built.name)

    def verify(self, path: Path, *more: str, log_key: str = "") -> subprocess.CompletedProcess[str]:
        """Run the outsider's program on a zip, with both keys, on a Python without the project."""
        key = log_key or self.log.keys.vkey.text
        words = [sys.executable, "-I", str(VERIFIER), str(path), "--log-key", key]
        words += ["--witness-key", self.log.witness.text, *more]
        return subprocess.run(words, capture_output=True, text=True, cwd="/", timeout=120)


def act(actor: audit.Actor, verb: str, ref: audit.Ref, count: int = 1, **more: Any) -> None:
    """Write ``count`` entries."""
    with audit.acting_as(actor):
        for _number in range(count):
            audit.commit(verb, ref, **more)


def people() -> dict[str, User]:
    """Make the cast; return the users by role."""
    made = cast.create_cast(audit.system("test"))
    return {role: entry["user"] for role, entry in made.items()}


def standing(
    connect_as: Callable[[str], psycopg.Connection[Any]], log_keys: LogKeys, log_head: Head
) -> Iterator[Desk]:
    """Yield a desk at a living log with the cast and some history."""
    with Living(connect_as, log_keys, log_head, Path(settings.AUDIT_WITNESSES)) as log:
        users = people()
        act(OFFICER, "video.live.open", TRAILER, 3, reason=audit.Reason("gunshot", cad="26-118204"))
        act(audit.system("purge"), "purge.run", audit.Ref("epoch", "20261121T210000Z"), 4)
        log.settle()
        yield Desk(log, users)
    for path in folder.everything():
        folder.remove(path)
