"""A log that the console really wrote, with a real witness process and exports of every kind, made once.

After that nothing writes any more. A test tampers as a superuser in a transaction that is rolled back, or
with copies of the exports and of the witness's state.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

import audit
from audit import nodes, notes, proofs, tree, verification
from audit.head import Head
from audit.logkeys import LogKeys
from audit.notes import Checkpoint
from audit.orders import Orders
from audit.verification import whole
from audit.verification.signatures import Keyring
from audit.witnessing import answers as witnessing
from tests.audit.exports.desk import OFFICER, TRAILER, Desk, act, people
from tests.audit.exports.living import Living
from tests.audit_tools.conftest import NAME, Serving
from tests.audit_tools.logmaker import COSIGNATURE, Key
from tests.servers import TestServers
from tools import witness

ORIGIN = "csoc-test.invalid/audit"
Connect = Callable[[str], psycopg.Connection[Any]]


class Witnessed(Living):
    """A living log whose checkpoints go to ``tools/witness.py serve`` over HTTP."""

    serving: Serving

    def _cosign(self) -> None:
        newest = self._newest()
        if newest is None or newest[0] == self.signed:
            return
        body = witnessing.request(nodes.reader(self._publisher), self.signed, newest[0], newest[1])
        answer = self.serving.post(body)
        assert answer.status == 200, answer
        query = "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s)"
        self._publisher.execute(query, [newest[0], NAME, answer.body.strip()])
        self.signed = newest[0]


@dataclass
class Scene:
    """``exports`` by kind, the ``proof`` of line 5, two cosigned notes: ``seen`` early, ``newest``."""

    db: psycopg.Connection[Any]
    keys: LogKeys
    head: Head
    state: Path
    first_vkey: str
    witness: notes.VerifierKey
    exports: dict[str, Path] = field(default_factory=dict)
    proof: str = ""
    seen: str = ""
    newest: str = ""
    backup: int = 0

    @contextmanager
    def tampering(self) -> Iterator[psycopg.Connection[Any]]:
        """A superuser whom nothing stops; afterwards nothing has happened."""
        self.db.execute("BEGIN")
        try:
            yield self.db
        finally:
            self.db.execute("ROLLBACK")

    @property
    def size(self) -> int:
        row = self.db.execute("SELECT count(*) FROM audit_log").fetchone()
        assert row
        return int(row[0])

    def self_check(self) -> set[str]:
        """The codes of ``audit_verify``, with the list of witnesses; without the head file."""
        report = verification.verify(self.db, witnesses=[self.witness])
        return {finding.code for finding in report.findings}

    def against_head(self) -> set[str]:
        """The codes of holding the head file against the log."""
        found = whole.judge_head(self.db, self.head.path, Keyring.of(self.db))
        return {finding.code for finding in found}

    def against_note(self, note: str) -> set[str]:
        """The codes of ``audit_verify --witness NOTE``."""
        keys = Keyring.of(self.db).verifiers()
        found, seen = whole.judge_seen(note, keys, [self.witness], "The witness")
        if seen:
            compared = whole.compare(self.db, seen, "The witness")
            found += [compared] if compared else []
        return {finding.code for finding in found}

    def ask_witness(self, folder: Path, size: int | None = None) -> int:
        """Ask a copy of the witness to go on from what it knows; the status of ``witness.py sign``."""
        shutil.copytree(self.state, folder)
        own = witness.Witness(folder)
        known = witness.Note(own.path(self.keys.origin).read_text()).size
        row = self.db.execute("SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        assert row
        top, note = row
        if top >= known:
            body = witnessing.request(nodes.reader(self.db), known, top, note)
        else:
            body = f"old {top}\n\n{note}"
        try:
            own.add_checkpoint(body.encode())
        except witness.Refusal as refusal:
            return refusal.status
        return 0

    def reseal(self, above: int) -> None:
        """Make leaves, nodes and the checkpoints above ``above`` anew, signed with the log's own key."""
        self.db.execute("UPDATE audit_log SET leaf = sha256('\\x00'::bytea || convert_to(line, 'UTF8'))")
        self.db.execute("DELETE FROM audit_node")
        frontier, roots, fresh = tree.Frontier(), {}, []
        for (leaf,) in self.db.execute("SELECT leaf FROM audit_log ORDER BY idx").fetchall():
            fresh += frontier.append(bytes(leaf))
            roots[frontier.size] = frontier.root()
        with self.db.cursor() as cursor:
            cursor.executemany("INSERT INTO audit_node (level, n, hash) VALUES (%s, %s, %s)", fresh)
        self.db.execute("DELETE FROM audit_cosignature WHERE size > %s", [above])
        sizes = self.db.execute("SELECT size FROM audit_checkpoint WHERE size > %s", [above]).fetchall()
        for (size,) in sizes:
            note = self.keys.note(Checkpoint(self.keys.origin, size, roots[size]))
            query = "UPDATE audit_checkpoint SET root = %s, note = %s WHERE size = %s"
            self.db.execute(query, [roots[size], note, size])

    def members(self, kind: str) -> dict[str, bytes]:
        with zipfile.ZipFile(self.exports[kind]) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def witness_key(self) -> Key:
        """The witness's own key: what somebody would need to lie in its name."""
        seed = bytes.fromhex((self.state / "key").read_text().split()[1])
        return Key(NAME, COSIGNATURE, seed=seed)


def standing(servers: TestServers, name: str, folder: Path) -> Iterator[Scene]:
    """Write the log, rotate its key half way, export; then stop everything and hand it out."""
    opened: list[psycopg.Connection[Any]] = []

    def connect(role: str) -> psycopg.Connection[Any]:
        opened.append(psycopg.connect(servers.url(role, name), autocommit=True))
        return opened[-1]

    listed = Path(settings.AUDIT_WITNESSES)
    before = listed.read_text() if listed.exists() else None
    keys, head, state = LogKeys(folder / "keys", ORIGIN), Head(folder / "head"), folder / "witness"
    outside = witness.Witness.create(state, NAME)
    log = Witnessed(connect, keys, head, listed)
    log.witnessing, log.witness = False, notes.VerifierKey.parse(outside.vkey)
    listed.write_text(f"{outside.vkey} # Partner agency\n")
    holder = _Folder(state)
    log.serving = Serving(holder)  # type: ignore[arg-type]
    try:
        with log:
            outside.trust(keys.vkey.text, "")
            log.witnessing = True
            log.settle()
            servers.unguard(name)
            scene = Scene(connect("postgres"), keys, head, state, keys.vkey.text, log.witness)
            _history(scene, Desk(log, people()))
        _disarm(scene.db)
        yield scene
    finally:
        log.serving.stop()
        for connection in opened:
            connection.close()
        if before is None:
            listed.unlink(missing_ok=True)
        else:
            listed.write_text(before)


@dataclass
class _Folder:
    folder: Path


def _disarm(db: psycopg.Connection[Any]) -> None:
    tables = db.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relname LIKE 'audit\\_%' AND relkind IN ('r', 'p') "
        "AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    for (table,) in tables:
        db.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")


def _history(scene: Scene, desk: Desk) -> None:
    """500 entries of one person, details of which one is erased, a rotation, and exports of each kind."""
    act(OFFICER, "video.live.open", TRAILER, 20, reason=audit.Reason("gunshot", cad="26-118204"))
    act(audit.system("purge"), "purge.run", audit.Ref("epoch", "20261121T210000Z"), 4)
    desk.log.settle()
    scene.seen = _newest_note(scene)
    for number in range(4):
        act(OFFICER, "alert.note", TRAILER, detail={"note": f"words {number}"})
    desk.log.settle()
    scene.keys.prepare()
    following = scene.keys.next_vkey
    assert following
    witness.Witness(scene.state).trust(following.text, "")
    Orders(scene.keys.folder).ask_rotation()
    act(OFFICER, "video.live.extend", TRAILER, 476)
    act(audit.Actor("person", "u-2077", role="dispatcher", agency="DEMO-PS"), "video.live.open", TRAILER, 9)
    _erase_one(scene)
    desk.log.settle()
    assert scene.keys.vkey.text != scene.first_vkey
    scene.backup = Checkpoint.parse(_newest_note(scene).partition("\n\n")[0] + "\n").size
    seen = Checkpoint.parse(scene.seen.partition("\n\n")[0] + "\n").size
    kinds: dict[str, dict[str, Any]] = {
        "range": {"kind": "range", "first": 3, "last": 300, "details": True},
        "actor": {"kind": "actor", "subject": OFFICER.id, "details": True},
        "object": {"kind": "object", "subject": "trailer:TRL-0007"},
        "question": {"kind": "question", "question": "verb:video.live.open", "also": seen},
    }
    for kind, wanted in kinds.items():
        path = desk.export(**wanted)
        kept = scene.head.folder / f"{kind}.zip"
        shutil.copy(path, kept)
        scene.exports[kind] = kept
        done = desk.verify(kept)
        assert done.returncode == 0, (kind, done.stdout, done.stderr)
    desk.log.settle()
    scene.proof, scene.newest = proofs.tlog_proof(5), _newest_note(scene)


def _newest_note(scene: Scene) -> str:
    """The newest cosigned note, as the witness gives it to anybody who asks."""
    return witness.Witness(scene.state).path(scene.keys.origin).read_text()


def _erase_one(scene: Scene) -> None:
    """As the purge does: the detail's row goes, and a line of the log names its commitment."""
    _disarm(scene.db)
    query = "SELECT line FROM audit_log WHERE verb = 'alert.note' ORDER BY idx LIMIT 1"
    [(line,)] = scene.db.execute(query).fetchall()
    commitment = json.loads(line)["e"]["detail"]
    gone = scene.db.execute("DELETE FROM audit_detail WHERE commitment = %s", [bytes.fromhex(commitment)])
    assert gone.rowcount == 1
    with audit.acting_as(audit.system("purge")):
        audit.commit("detail.erase", audit.Ref("log", "audit"), extra={"erased": [commitment]})


def database(servers: TestServers, worker: str) -> Iterator[str]:
    """A database of this module's own, with Django pointed at it."""
    from django.db import connections

    from tests.conftest import _point_at

    before, before_url = str(connections.settings["default"]["NAME"]), os.environ["CSOC_DATABASE_URL"]
    name = f"{before}_{os.getpid()}_{worker}"
    servers.clone(name)
    os.environ["CSOC_DATABASE_URL"] = servers.url("csoc_app", name)
    _point_at(name)
    try:
        yield name
    finally:
        _point_at(before)
        os.environ["CSOC_DATABASE_URL"] = before_url
        servers.drop_database(name)
