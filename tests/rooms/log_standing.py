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

from audit.head import Head
from audit.logkeys import LogKeys
from tests.audit.exports.living import Living
from tests.contract.place import ALERTS, Place

_numbers = itertools.count(1)
#: Rows that every request may touch: who is signed in, rate limits, numbers of refusals counted before.
OWN_ROWS = {
    "django_session", "accounts_cache", "usersessions_usersession", "audit_inbox", "trailers_refusalhour",
}  # fmt: skip
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


class OwnSession(dict[str, Any]):
    """A session whose second factor was just shown."""

    session_key = "of-a-test"


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

    def with_media(self, kind: str) -> str:
        """One whose clip or crop has come."""
        from agent import plates, sounds
        from agent.media import clip, crop

        media = clip(sounds.shots(1, 1, 0), 16_000)
        if kind == "crop":
            media = crop(plates.crop(1, "ZZDEM01"), plates.WIDTH, plates.HEIGHT)
        place = self.place
        body = place.gunshot() if kind == "clip" else place.hit()
        body[body["kind"]][kind] = media.notice()
        path = f"{place.accepted(body)['upload'][kind]}"
        types = {"clip": "audio/wav", "crop": "image/jpeg"}
        headers = place.device.headers(path, media.data, "PUT", content_type=types[kind])
        answer = place.http.put(path, content=media.data, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(body["id"])

    def noted(self, text: str) -> str:
        """One with a note."""
        alert = self.taken()
        answer = self.place.person("dispatcher").post(f"{ALERTS}{alert}/note/", {"text": text})
        assert answer.status_code == 200, answer.text
        return alert

    def handed_off(self, note: str) -> dict[str, str]:
        """The files of one that was handed off."""
        body = {"version": 2, "target": "file", "note": note}
        answer = self.place.person("dispatcher").post(f"{ALERTS}{self.taken()}/hand-off/", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["files"])

    def view(self) -> str:
        """The dispatcher's open live view."""
        answer = self.place.person("dispatcher").post(
            f"{ALERTS}{self.taken()}/live-view/", {"reason": {"code": "plate-hit"}}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["session"])

    def to_install(self, *, window: bool = True, ready: bool = False) -> str:
        """The number of a fresh authorised deployment of the depot's trailer: window open, or all done."""
        from accounts.services import acting
        from csoc import seed
        from deployments import services

        users = self.place.scene.users
        with self.place.inside():
            plan = next(plan for plan in seed.PLANS if not plan.deployed)
            trailer = seed._trailer(plan, users["technician"])
            seed._end_old(trailer, users["supervisor"])
            found = seed.authorise(seed.prepared(plan, trailer, users["applicant"]), users["supervisor"])
            if ready:
                seed.install(found, users["technician"])
            elif window:
                with acting(users["technician"]):
                    services.open_installation(actor=users["technician"], deployment_id=found.pk)
        return str(found.name)

    def low_battery(self) -> str:
        """The page of a fresh trailer whose battery is low."""
        from accounts.services import acting
        from csoc.lib import clock
        from trailers import points, services

        technician = self.place.scene.users["technician"]
        with self.place.inside(), acting(technician):
            trailer = services.create_trailer(label="Lot", unit=technician.person.unit, actor=technician)
            low = points.Point(str(clock.wire(clock.now())), 1, power=points.Power(battery_soc_pct=20))
            points.take_points(trailer=trailer, points=[low], at=clock.now())
        return f"/fleet/{trailer.name}/"

    def person(self, name: str, *, left: bool = False) -> int:
        """The number of a fresh person on staff, or of one who left."""
        return int(self._fresh_user(name, left=left).person.number)

    def sign_in(self, name: str, *, closed: bool = False) -> str:
        """The address of the second sign-in of a fresh person, open or closed."""
        from accounts import services

        user = self._fresh_user(name)
        boss = self.place.scene.users["administrator"]
        with self.place.inside(), services.acting(boss):
            second = services.add_sign_in(
                person=user.person, username=f"{user.username}.b", roles=[], actor=boss
            ).user
            if closed:
                services.close_sign_in(user=second, actor=boss)
        return f"/access/u-{user.person.number}/sign-ins/{second.username}/"

    def _fresh_user(self, name: str, *, left: bool = False) -> Any:
        from accounts import services
        from tests.accounts.people import add_user

        boss = self.place.scene.users["administrator"]
        with self.place.inside():
            user = add_user(boss, f"standing.{next(_numbers)}", name=name).user
            if left:
                with services.acting(boss):
                    services.leave_staff(person=user.person, actor=boss)
        return user

    def somebody(self) -> str:
        """The id of an actor with entries."""
        self.sealed()
        return str(self.place.scene.users["dispatcher"].person.wire_id)

    @contextlib.contextmanager
    def living(self) -> Iterator[Living]:
        """The log lives inside the block: what is written is sealed and cosigned."""
        from django.conf import settings

        keys, head = LogKeys(self.folder / "audit-log", "csoc-test.invalid/audit"), Head(self.folder / "head")
        with contextlib.ExitStack() as opened:

            def connect(role: str) -> psycopg.Connection[Any]:
                url = self.place.servers.url(role, self.place.database)
                return opened.enter_context(psycopg.connect(url, autocommit=True))

            yield opened.enter_context(Living(connect, keys, head, Path(settings.AUDIT_WITNESSES)))

    def sealed(self) -> int:
        """Seal what waits; the index of the newest entry about this agency."""
        self.place.person("dispatcher").post("/api/v1/live/shift/", {})
        with self.living() as log:
            log.settle()
        [(idx,)] = self.place.sql("SELECT max(idx) FROM audit_log WHERE agency <> ''")
        return int(idx)

    def witness(self) -> str:
        """The key id of a witness that is on the list, of a log that is signed."""
        from audit import checkpoints

        self.sealed()
        return checkpoints.witnesses()[0].vkey.key_id.hex()

    def witness_request(self) -> tuple[int, str, str]:
        """A request to be carried to a witness: its id, the witness's key id, and the answer to it."""
        from accounts import services as people
        from audit import checkpoints, services

        ada = self.place.scene.users["privacy_officer"]
        with self.living() as log:
            log.settle()
            witness = checkpoints.witnesses()[0]
            with self.place.inside(), people.acting(ada):
                row = services.request_cosignature(actor=ada, witness=witness, old=0)
            log.settle()
            query = "SELECT line FROM audit_cosignature WHERE size = %s AND witness = %s"
            [(line,)] = self.place.sql(query, [row.size, witness.name])
        return row.pk, witness.vkey.key_id.hex(), f"{line}\n"

    def pruning(self) -> int:
        """The number of a part of the log that somebody else wants pruned."""
        number = next(_numbers)
        query = """
            INSERT INTO audit_prune_request (partition, asked_by, asked_name, asked_at, asked_entry)
            VALUES (%s, 'u-999999', 'Somebody Else', now(), gen_random_uuid())
        """
        self.place.sql(query + " RETURNING id", [number])
        return number

    def review(self) -> int:
        """The id of something of the dispatcher's that somebody has to review."""
        number = self.place.scene.users["dispatcher"].person.number
        query = """
            INSERT INTO audit_review (idx, uid, code, agency, subject, raised_at)
            SELECT idx, uid, 'no-cad', agency, %s, now() FROM audit_log WHERE idx = %s RETURNING id
        """
        [(found,)] = self.place.sql(query, [number, self.sealed()])
        return int(found)

    def export(self, state: str = "asked") -> str:
        """The name of an export that is asked for, or ready."""
        from accounts import services as people
        from audit.exports import building, services
        from audit.exports.services import Wanted

        self.sealed()
        ada, omar = (self.place.scene.users[role] for role in ("privacy_officer", "supervisor"))
        about = self.place.scene.users["dispatcher"].person.wire_id
        wanted = Wanted("actor", "complaint", "OPC-2026-114", "Office of Police Complaints", subject=about)
        with self.place.inside():
            with people.acting(ada):
                name = services.ask_export(actor=ada, wanted=wanted).name
            if state == "ready":
                with people.acting(omar):
                    services.approve_export(actor=omar, name=name)
                with self.living():
                    built = building.build(name)
                assert built is not None and built.state == "ready", built
        return str(name)

    def broken_glass(self) -> str:
        """The id of what the investigator has broken the glass for."""
        from accounts import services, sessions

        user = self.place.scene.users["investigator"]
        session = OwnSession()
        with self.place.inside(), services.acting(user):
            sessions.note_second_factor(session, user, "totp")
            opened = services.break_glass(
                actor=user, login=session, kind="alert", target=self.waiting(),
                why="officer-safety", words="Nobody at the desk answers.",
            )  # fmt: skip
        return str(opened.pk)

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
        digest = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        query = f"SELECT '{{0}}', count(*), {digest} FROM {{0}} AS t"
        found = self.place.sql(" UNION ALL ".join(query.format(name) for name in names))
        return {name: (count, told) for name, count, told in found}


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
