"""Witnessing by file, mail, USB stick or QR code: the same request and answer as over HTTP.

A request is remembered with the size it was about, since an answer does not tell. Whoever carries the
answer back hands it in; the publisher alone may add it to the log's cosignatures, and checks it again.
"""

from typing import Any

import psycopg
from django.utils.translation import gettext as _

from audit import nodes
from audit.checkpoints import Stored, Witness
from audit.entry import Ref
from audit.notes import VerifierKey
from audit.wait import HURRY
from audit.witnessing import answers as witnessing
from audit.witnessing.answers import BadAnswer
from audit.witnessing.asking import CLOCK, COSIGN, Came, keep, log_keys

ASK = """
INSERT INTO audit_witness_file (vkey, name, old, size, asked_at, asked_by)
VALUES (%s, %s, %s, %s, clock_timestamp(), %s)
"""
#: Requests that an answer may belong to, newest first. One of an earlier origin is void: that log ended.
ASKED = """
SELECT f.id, f.size, f.refusal, c.note FROM audit_witness_file f JOIN audit_checkpoint c USING (size)
WHERE f.vkey = %(vkey)s AND f.taken_at IS NULL AND split_part(c.note, E'\\n', 1) = split_part(
    (SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1), E'\\n', 1)
ORDER BY f.id DESC LIMIT 50
"""
#: What was refused stays as it is; another answer to the same gets a row of its own.
AGAIN = """
INSERT INTO audit_witness_file (vkey, name, old, size, asked_at, asked_by)
SELECT vkey, name, old, size, clock_timestamp(), %s FROM audit_witness_file WHERE id = %s RETURNING id
"""
ANSWER = """
UPDATE audit_witness_file SET answer = %s, answered_at = clock_timestamp(), answered_by = %s WHERE id = %s
"""
HANDED_IN = """
SELECT f.id, f.vkey, f.answer, c.size, c.note
FROM audit_witness_file f JOIN audit_checkpoint c USING (size)
WHERE f.answer <> '' AND f.taken_at IS NULL AND f.refusal = '' ORDER BY f.id LIMIT 100
"""
TAKEN = "UPDATE audit_witness_file SET taken_at = clock_timestamp() WHERE id = %s"
REFUSED = "UPDATE audit_witness_file SET refusal = %s WHERE id = %s"


def ref(witness: Witness) -> Ref:
    """Return a witness as entries name it."""
    return Ref("witness", witness.name)


def write_request(connection: Any, witness: Witness, signed: Stored, old: int, by: str) -> str:
    """Return the text of a ``.request`` from size ``old`` to the checkpoint ``signed``, and remember it.

    connection: psycopg's or Django's. by: who asks. Errors: ValueError for an impossible ``old``,
    nodes.NodeMissing.
    """
    if not 0 <= old <= signed.size:
        raise ValueError(f"the witness cannot know {old} of {signed.size} entries")
    body = witnessing.request(nodes.reader(connection), old, signed.size, signed.note)
    with connection.cursor() as cursor:
        cursor.execute(ASK, [witness.vkey.text, witness.name, old, signed.size, by])
    return body


def hand_in(connection: Any, witness: Witness, answer: str, keys: list[VerifierKey], by: str) -> int:
    """Check an answer against what was asked, keep it for the publisher and wake it; return its size.

    Errors: BadAnswer.
    """
    with connection.cursor() as cursor:
        cursor.execute(CLOCK)
        now_s = int(cursor.fetchone()[0])
        cursor.execute(ASKED, {"vkey": witness.vkey.text})
        asked = cursor.fetchall()
        if not asked:
            raise BadAnswer("not-asked", _("No request to this witness is open. Download one first."))
        file_id, size, refused = _fitting(asked, answer, witness.vkey, keys, now_s)
        if refused:
            cursor.execute(AGAIN, [by, file_id])
            file_id = cursor.fetchone()[0]
        cursor.execute(ANSWER, [answer, by, file_id])
        cursor.execute(HURRY)
    return size


def take(connection: psycopg.Connection[Any], listed: list[Witness]) -> int:
    """Add what was handed in to the log's cosignatures; return how many. For the publisher's role.

    What a crash leaves: the answer as handed in, to be taken again; adding it twice changes nothing.
    """
    witnesses = {witness.vkey.text: witness for witness in listed}
    taken = 0
    for file_id, vkey, answer, size, note in connection.execute(HANDED_IN).fetchall():
        witness = witnesses.get(vkey)
        if witness is None:
            connection.execute(REFUSED, [_("This witness is no longer on the list."), file_id])
            continue
        try:
            now_s = int(connection.execute(CLOCK).fetchone()[0])  # type: ignore[index]
            line = witnessing.cosignature(answer, note, witness.vkey, log_keys(connection), now_s)
        except BadAnswer as error:
            connection.execute(REFUSED, [error.sentence, file_id])
            continue
        with connection.transaction():
            connection.execute(COSIGN, [size, witness.name, line])
            connection.execute(TAKEN, [file_id])
            keep(connection, witness.vkey, note.split("\n", 1)[0], Came(size))
        taken += 1
    return taken


def _fitting(
    asked: list[tuple[int, int, str, str]],
    answer: str,
    vkey: VerifierKey,
    keys: list[VerifierKey],
    now_s: int,
) -> tuple[int, int, bool]:
    """Return (request, size, was refused before) that the answer is for, newest first. Errors: BadAnswer."""
    for file_id, size, refusal, note in asked:
        try:
            witnessing.cosignature(answer, note, vkey, keys, now_s)
        except BadAnswer as error:
            if error.code != "wrong-key":
                raise
        else:
            return file_id, size, bool(refusal)
    raise BadAnswer(
        "wrong-key",
        _("This signature fits none of the checkpoints that %(name)s was asked about.") % {"name": vkey.name},
    )
