"""A console of its own for breaking the log, with objects made fresh for each request."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg

import audit
from audit.head import Head
from audit.logkeys import LogKeys
from audit.sequencer import Sequencer
from tests.contract.place import ALERTS, Place

_numbers = itertools.count(1)
#: Rows that every request may touch: who is signed in, and rate limits.
OWN_ROWS = {"django_session", "accounts_cache", "usersessions_usersession", "audit_inbox"}
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^audit_log_[0-9]'"
BREAKAGES = {
    "no right to insert": (
        "REVOKE INSERT ON audit_inbox FROM csoc_app",
        "GRANT INSERT (uid, body) ON audit_inbox TO csoc_app",
    ),
    "no table": (
        "ALTER TABLE audit_inbox RENAME TO audit_inbox_gone",
        "ALTER TABLE audit_inbox_gone RENAME TO audit_inbox",
    ),
}


class Standing:
    """What the cases make their requests from."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.folder = folder
        place.servers.unguard(place.database)

    def waiting(self) -> str:
        """An alert that nobody has taken."""
        return str(self.place.accepted(self.place.hit())["id"])

    def taken(self) -> str:
        """An alert that the dispatcher holds."""
        return self.place.acknowledged(self.place.hit())

    def noted(self, text: str) -> str:
        """One with a note."""
        alert = self.taken()
        answer = self.place.person("dispatcher").post(f"{ALERTS}{alert}/note/", {"text": text})
        assert answer.status_code == 200, answer.text
        return alert

    def view(self) -> str:
        """The dispatcher's open live view."""
        answer = self.place.person("dispatcher").post(
            f"{ALERTS}{self.taken()}/live-view/", {"reason": {"code": "plate-hit"}}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session"])

    def person(self, name: str, *, left: bool = False) -> int:
        """The number of a fresh person on staff, or of one who left."""
        from accounts import services
        from tests.accounts.people import add_user

        boss = self.place.scene.users["administrator"]
        with self.place.inside():
            user = add_user(boss, f"standing.{next(_numbers)}", name=name).user
            if left:
                with services.acting(boss):
                    services.leave_staff(user=user, actor=boss)
        return int(user.person.number)

    def somebody(self) -> str:
        """The id of an actor with entries."""
        self.sealed()
        return str(self.place.scene.users["dispatcher"].person.wire_id)

    def sealed(self) -> int:
        """Seal what waits; the index of the newest entry about this agency."""
        url = self.place.servers.url("csoc_sequencer", self.place.database)
        keys, head = LogKeys(self.folder / "audit-log", "csoc-test.invalid/audit"), Head(self.folder / "head")
        self.place.person("dispatcher").post("/api/v1/live/shift/", {})
        with psycopg.connect(url) as connection:
            sequencer = Sequencer(connection, keys, head)
            assert sequencer.take_office()
            while sequencer.step():
                pass
        [(idx,)] = self.place.sql("SELECT max(idx) FROM audit_log WHERE agency <> ''")
        return int(idx)

    @contextlib.contextmanager
    def broken(self, how: str) -> Iterator[None]:
        """The log takes nothing inside the block."""
        breaks, mends = BREAKAGES[how]
        self.place.sql(breaks)
        try:
            yield
        finally:
            self.place.sql(mends)

    def rows(self) -> dict[str, Any]:
        """A digest of every table but those that a request may touch."""
        names = [name for (name,) in self.place.sql(_TABLES) if name not in OWN_ROWS | {"audit_inbox_gone"}]
        query = "SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} AS t"
        return {name: self.place.sql(query.format(name))[0] for name in names}


@contextlib.contextmanager
def simulator() -> Iterator[str]:
    """A simulator that only counts: ``url``."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = json.dumps({"alert": "0199f3a1-7c00-7000-8000-00000000c0de"}).encode()
            STAGED.append(1)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


STAGED: list[int] = []
ACTOR = audit.system("test")
