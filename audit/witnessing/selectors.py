"""What the page "Keys and witnesses" shows: the log's keys, each witness and how far it is, open requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from audit import checkpoints, nodes, pruning
from audit.checkpoints import Witness
from audit.models import Checkpoint, LogKey, PruneRequest, WitnessFile, WitnessState
from audit.notes import VerifierKey
from audit.verification.whole import PARTITION_BITS
from audit.witnessing import answers as witnessing
from audit.witnessing import asking
from csoc.lib.errors import nothing_here

COSIGNED = "SELECT max(size) FROM audit_cosignature WHERE witness = %s AND size >= %s"
#: Past this a witness is late; the guarantee of the log is the time between two cosignatures.
LATE_S = 60.0
#: By the database's clock, which wrote the lines' times.
UNSEEN = """
SELECT extract(epoch FROM clock_timestamp() - at) FROM audit_log WHERE idx >= %s ORDER BY idx LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class KeyShown:
    """One key of the log. ``word``: what it does now; ``fingerprint``: groups to read over the telephone."""

    vkey: str
    key_id: str
    fingerprint: list[str]
    from_size: int
    at: datetime
    current: bool
    word: str


@dataclass(frozen=True, slots=True)
class WitnessShown:
    """One witness. ``size``: entries it has vouched for, 0 for none yet; ``behind``: entries since then.

    ``level``: ok, caution or fault; ``sentence`` says what is so in plain words.
    """

    witness: Witness
    key_id: str
    fingerprint: list[str]
    size: int
    signed_at: datetime | None
    behind: int
    level: str
    sentence: str
    tried_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pruning:
    """A part of the log past its retention, and how far two people are with it."""

    partition: int
    first: int
    last: int
    request: PruneRequest | None


def fingerprint(vkey: VerifierKey) -> list[str]:
    """Return the first 128 bits of SHA-256 over the verifier key's text, in groups of four hex digits."""
    digest = sha256(vkey.text.encode()).hexdigest()
    return [digest[start : start + 4] for start in range(0, 32, 4)]


def log_keys() -> list[KeyShown]:
    """Return the log's keys, newest first."""
    found = list(LogKey.objects.order_by("-generation", "-n"))
    shown = []
    for place, row in enumerate(found):
        vkey = VerifierKey.parse(row.vkey)
        word = _("signs now") if place == 0 else _("replaced")
        if row.generation != found[0].generation:
            word = _("belongs to an earlier name of this log")
        shown.append(
            KeyShown(
                vkey.text,
                vkey.key_id.hex(),
                fingerprint(vkey),
                row.from_size,
                row.at,
                place == 0,
                word,
            )
        )
    return shown


def witnesses() -> tuple[list[WitnessShown], list[str]]:
    """Return every witness on the list, and a sentence for each line of the list that is wrong."""
    listed, faults = checkpoints.read_witnesses(settings.AUDIT_WITNESSES)
    newest = Checkpoint.objects.order_by("-size").first()
    size = newest.size if newest else 0
    origin = _origin(newest.note) if newest else ""
    states = {row.vkey: row for row in WitnessState.objects.filter(origin=origin)}
    return [_shown(witness, size, states.get(witness.vkey.text)) for witness in listed], faults


def witness(key_id: str) -> Witness:
    """Return the witness on the list with this key id (hex). Errors: Refused 404."""
    for one in checkpoints.witnesses():
        if one.vkey.key_id.hex() == key_id:
            return one
    raise nothing_here()


def open_request(vkey: str) -> WitnessFile | None:
    """Return the newest request to a witness, unless its answer was taken or its origin has ended."""
    newest = WitnessFile.objects.filter(vkey=vkey).order_by("-id").first()
    if newest is None or newest.taken_at is not None:
        return None
    about, signed = checkpoints.at_size(newest.size), checkpoints.newest()
    same = about is not None and signed is not None and _origin(about.note) == _origin(signed.note)
    return newest if same else None


def _origin(note: str) -> str:
    return note.split("\n", 1)[0]


def request_text(file_id: int) -> tuple[WitnessFile, str]:
    """Return a request and its text, made again as it was. Errors: Refused 404, nodes.NodeMissing."""
    row = WitnessFile.objects.filter(pk=file_id).first()
    signed = checkpoints.at_size(row.size) if row else None
    if row is None or signed is None:
        raise nothing_here()
    return row, witnessing.request(nodes.reader(connection), row.old, row.size, signed.note)


def pruning_due() -> Pruning | None:
    """Return the part of the log that may go, if there is one."""
    partition = pruning.oldest_due(connection)
    if partition is None:
        return None
    request = PruneRequest.objects.filter(partition=partition).first()
    first = partition << PARTITION_BITS
    return Pruning(partition, first, first + (1 << PARTITION_BITS) - 1, request)


def _shown(witness: Witness, size: int, state: WitnessState | None) -> WitnessShown:
    cosigned = _one(COSIGNED, [witness.name, _one(asking.BEGINNING, [])]) or 0
    valid = (
        [one.at for one in checkpoints.cosignatures(cosigned) if one.vkey == witness.vkey] if cosigned else []
    )
    signed_at = datetime.fromtimestamp(valid[0], UTC) if valid else None
    level, sentence = _judged(witness, size, cosigned, bool(valid), state)
    return WitnessShown(
        witness,
        witness.vkey.key_id.hex(),
        fingerprint(witness.vkey),
        cosigned if valid else 0,
        signed_at,
        size - cosigned,
        level,
        sentence,
        state.tried_at if state else None,
    )


def _judged(
    witness: Witness, size: int, cosigned: int, valid: bool, state: WitnessState | None
) -> tuple[str, str]:
    """Return (level, sentence) for one witness, the worst that is known of it."""
    if state and (state.evidence or state.fault in asking.HALTING):
        return "fault", state.sentence or _(
            "It has shown a history of this log that is not in this database."
        )
    if cosigned and not valid:
        return "fault", _("The cosignature in the database is not its own. Run manage.py audit_verify.")
    if state and state.fault:
        return "caution", state.sentence
    unseen_s = float(_one(UNSEEN, [cosigned]) or 0)
    if not cosigned:
        asked = _("It was not asked yet.") if witness.url else _("No answer was handed in yet.")
        return "caution", asked
    if unseen_s > LATE_S and size > cosigned:
        sentence = _("What it has not seen begins %(span)s ago.")
        return "caution", sentence % {"span": span(unseen_s)}
    return "ok", _("Up to date.")


def span(seconds: float) -> str:
    """Return a time in the largest unit that fits: 45 s, 12 min, 5 h, 3 days."""
    for limit, unit_s, words in (
        (120, 1, _("%(n)d s")),
        (7_200, 60, _("%(n)d min")),
        (172_800, 3_600, _("%(n)d h")),
    ):
        if seconds < limit:
            return words % {"n": seconds // unit_s}
    return _("%(n)d days") % {"n": seconds // 86_400}


def _one(query: str, values: Sequence[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None
