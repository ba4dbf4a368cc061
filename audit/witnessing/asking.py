"""One round with one witness: what it is asked, what came of it, and what is kept of that.

What a crash leaves: before the INSERT a cosignature the witness gave and we do not have (the next round is
told 409 and asks from there), after it everything.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from django.utils.translation import gettext as _

from audit import nodes, notes, tree
from audit.checkpoints import KEYS, NEWEST, Stored, Witness
from audit.notes import BadNote, Checkpoint, MissingKey, VerifierKey, WrongKey
from audit.verification import Finding, whole
from audit.witnessing import answers as witnessing
from audit.witnessing import http as witness_http
from audit.witnessing.answers import BadAnswer
from audit.witnessing.http import Answer, Unreachable

log = logging.getLogger(__name__)

#: Sizes of earlier origins are other logs to a witness.
BEGINNING = """
SELECT coalesce(min(from_size), 0) FROM audit_log_key
WHERE generation = (SELECT max(generation) FROM audit_log_key)
"""
KNOWN = """
SELECT coalesce(
    (SELECT known FROM audit_witness_state WHERE vkey = %(vkey)s AND origin = %(origin)s),
    (SELECT max(size) FROM audit_cosignature WHERE witness = %(name)s AND size >= %(beginning)s), 0)
"""
KEEP = """
INSERT INTO audit_witness_state (vkey, origin, name, known, tried_at, fault, sentence, evidence)
VALUES (%(vkey)s, %(origin)s, %(name)s, %(known)s, clock_timestamp(), %(fault)s, %(sentence)s, %(evidence)s)
ON CONFLICT (vkey, origin) DO UPDATE SET known = excluded.known, tried_at = excluded.tried_at,
    fault = excluded.fault, sentence = excluded.sentence,
    evidence = CASE WHEN excluded.evidence = '' THEN audit_witness_state.evidence ELSE excluded.evidence END
"""
COSIGN = "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::bigint"
CLAIMS = """
SELECT name, vkey, fault, sentence, evidence FROM audit_witness_state
WHERE origin = %s AND (evidence <> '' OR fault IN ('ahead', 'differs')) ORDER BY id
"""
#: Faults that say that the witness knows another history than ours.
HALTING = ("ahead", "differs")


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a round: the size the witness knows now, and a fault with its sentence, or ''."""

    known: int
    fault: str = ""
    sentence: str = ""
    evidence: str = ""


class Speaks(Protocol):
    """How a witness is reached: ``audit.witnessing.http``, or a test's own."""

    def add_checkpoint(self, prefix: str, request: str, words: str = "") -> Answer:
        """Errors: Unreachable."""

    def newest_note(self, prefix: str, origin: str, words: str = "") -> Answer:
        """Errors: Unreachable."""


def newest(connection: psycopg.Connection[Any]) -> Stored | None:
    """Return the newest signed checkpoint."""
    row = connection.execute(NEWEST).fetchone()
    return Stored(row[0], bytes(row[1]), row[2], row[3]) if row else None


def log_keys(connection: psycopg.Connection[Any]) -> list[VerifierKey]:
    """Return the log's verifier keys, oldest first."""
    return [VerifierKey.parse(text) for (text,) in connection.execute(KEYS)]


def known_to(connection: Any, witness: VerifierKey, origin: str) -> int:
    """Return the size that this witness is known to have cosigned last, of the log of this name.

    connection: psycopg's or Django's.
    """
    wanted = {"vkey": witness.text, "origin": origin, "name": witness.name}
    wanted["beginning"] = _one(connection, BEGINNING)
    return int(_one(connection, KNOWN, wanted))


def keep(connection: psycopg.Connection[Any], witness: VerifierKey, origin: str, came: Came) -> None:
    """Write down what came of asking; evidence that was kept once stays."""
    values = {"vkey": witness.text, "origin": origin, "name": witness.name, "known": came.known}
    connection.execute(
        KEEP, values | {"fault": came.fault, "sentence": came.sentence, "evidence": came.evidence}
    )


class Asking:
    """Asks one witness by HTTP, once or, told another size, twice."""

    def __init__(
        self, connection: psycopg.Connection[Any], witness: Witness, speaks: Speaks = witness_http
    ) -> None:
        self.connection, self.witness, self._speaks = connection, witness, speaks

    def ask(self, *, again: bool = False) -> Came | None:
        """Ask for a cosignature on the newest checkpoint; None when the witness has signed it already.

        again: ask even then. A database put back from a backup does not know that the witness has seen more.
        Whatever a witness does is an outcome, never an error. Errors: database errors.
        """
        signed = newest(self.connection)
        if signed is None:
            return None
        key = self.witness.vkey
        known = known_to(self.connection, key, signed.origin)
        if not again and known == signed.size and self._has_cosigned(signed):
            return None
        try:
            came = self._came_of(signed, known)
        except (Unreachable, BadAnswer) as error:
            came = Came(known, error.code, error.sentence)
        except nodes.NodeMissing as error:
            came = Came(known, "tree", _("Our own tree is damaged: %(why)s.") % {"why": error})
        keep(self.connection, key, signed.origin, came)
        if came.fault in HALTING:
            log.critical("%s", came.sentence)
        elif came.fault:
            log.warning("The witness %s did not cosign: %s", self.witness.name, came.sentence)
        return came

    def _has_cosigned(self, signed: Stored) -> bool:
        query = "SELECT count(*) FROM audit_cosignature WHERE size = %s AND witness = %s"
        return bool(_one(self.connection, query, [signed.size, self.witness.name]))

    def _came_of(self, signed: Stored, known: int) -> Came:
        answer = self._post(signed, min(known, signed.size))
        if answer.status == 409:
            told = witnessing.parse_size(answer.body)
            if told > signed.size:
                return self._of_another_size(told)
            answer, known = self._post(signed, told), told
            if answer.status == 409:
                raise BadAnswer(
                    "conflict",
                    _("It named a size and then refused a request from there: is it used by two logs?"),
                )
        match answer.status:
            case 200:
                return self._cosigned(signed, answer.body)
            case 422:
                return self._refused_proof(signed, known)
        return Came(known, f"http-{answer.status}", _refusal(answer))

    def _post(self, signed: Stored, old: int) -> Answer:
        body = witnessing.request(nodes.reader(self.connection), old, signed.size, signed.note)
        return self._speaks.add_checkpoint(self.witness.url, body, self.witness.words)

    def _cosigned(self, signed: Stored, body: str) -> Came:
        now_s = int(_one(self.connection, CLOCK))
        keys = log_keys(self.connection)
        line = witnessing.cosignature(body, signed.note, self.witness.vkey, keys, now_s)
        self.connection.execute(COSIGN, [signed.size, self.witness.name, line])
        return Came(signed.size)

    def _of_another_size(self, told: int) -> Came:
        """The witness names more entries than we sent it. We send only what is stored: so ours were more."""
        again = newest(self.connection)
        here = again.size if again else 0
        if told <= here:
            return Came(told)
        sentence = _("The witness %(name)s has seen a log of %(seen)s entries; this one has %(here)s.")
        words = {"name": self.witness.name, "seen": f"{told:,}", "here": f"{here:,}"}
        return Came(told, "ahead", sentence % words, self._evidence(again))

    def _refused_proof(self, signed: Stored, known: int) -> Came:
        """It says our proof is wrong. If we find it right, then the witness remembers another history."""
        read = nodes.reader(self.connection)
        proof = tree.consistency_proof(read, known, signed.size)
        before = tree.root(read, known)
        if not tree.verify_consistency(known, signed.size, before, tree.root(read, signed.size), proof):
            return Came(known, "tree", _("Our own tree is damaged: its proof does not hold."))
        sentence = _(
            "The witness %(name)s has seen other entries: the first %(seen)s of this log are not those it "
            "knows."
        )
        words = {"name": self.witness.name, "seen": f"{known:,}"}
        return Came(known, "differs", sentence % words, self._evidence(signed))

    def _evidence(self, signed: Stored | None) -> str:
        """Return the witness's newest note of this log, if our own key has signed it; else ''."""
        if signed is None:
            return ""
        try:
            answer = self._speaks.newest_note(self.witness.url, signed.origin, self.witness.words)
            keys = [*log_keys(self.connection), self.witness.vkey]
            notes.open_note(answer.body, keys)
        except (Unreachable, BadNote, MissingKey, WrongKey):
            return ""
        return answer.body


def outside(connection: psycopg.Connection[Any], listed: Sequence[Witness]) -> list[Finding]:
    """Return what witnesses of the present origin remember that this log does not hold.

    A note that our own key has signed counts for ever, whoever is on the list; a mere claim only while the
    witness is listed.
    """
    signed = newest(connection)
    if signed is None:
        return []
    known = {witness.vkey.text for witness in listed}
    findings: list[Finding] = []
    for name, vkey, fault, sentence, evidence in connection.execute(CLAIMS, [signed.origin]).fetchall():
        found = None
        if evidence:
            seen = Checkpoint.parse(evidence.rpartition("\n\n")[0] + "\n")
            who = _("The witness %(name)s") % {"name": name}
            found = whole.compare(connection, seen, who)
        if found is None and fault in HALTING and vkey in known:
            found = Finding("rollback" if fault == "ahead" else "fork", None, sentence)
        findings += [found] if found else []
    return findings


def _refusal(answer: Answer) -> str:
    """Return what a status means to people here."""
    match answer.status:
        case 404:
            return _("It does not know this log. Its operator has to add our verifier key.")
        case 403:
            return _(
                "It does not accept our signature. If our key was rotated, its operator has to add the new "
                "one."
            )
        case 400:
            return _("It did not understand the request.")
    return _("It answered with HTTP status %(status)s.") % {"status": answer.status}


def _one(connection: Any, query: str, values: Any = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None
