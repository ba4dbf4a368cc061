"""Write an entry: ``record`` in the caller's transaction, ``commit`` in one of its own.

One INSERT into ``audit_inbox``. What a crash leaves: before COMMIT nothing, after it the entry and what
it tells of, together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, OperationalError, connections, transaction

from audit import context, entry
from audit import detail as details
from audit.entry import ALLOWED, Outcome, Reason, Ref
from csoc.lib.errors import LogDown, Misuse
from csoc.lib.ids import uuid7

INSERT = "INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Names an entry. From ``commit`` it is durable; from ``record`` it is so when the caller commits."""

    uid: UUID
    verb: str
    result: str


class _Said(NamedTuple):
    """What a caller says of an act; who, when and the commitments are added here."""

    verb: str
    ref: Ref
    reason: Reason | None
    outcome: Outcome
    parent: Receipt | UUID | str | None
    recipients: list[str] | None
    extra: dict[str, Any] | None


def body(
    verb: str,
    ref: Ref,
    *,
    uid: UUID | None = None,
    reason: Reason | None = None,
    outcome: Outcome = ALLOWED,
    parent: Receipt | UUID | str | None = None,
    recipients: list[str] | None = None,
    extra: dict[str, Any] | None = None,
) -> bytes:
    """Return the validated body, for a statement that inserts it itself.

    ``uid`` is the id the caller puts beside it (made here when None). Errors: BadEntry, NoActor.
    """
    said = _Said(verb, ref, reason, outcome, parent, recipients, extra)
    return _body(uid or uuid7(), said, {}).encode()


def record(
    verb: str,
    ref: Ref,
    *,
    reason: Reason | None = None,
    outcome: Outcome = ALLOWED,
    detail: Any = None,
    old: Any = None,
    new: Any = None,
    captured_at: datetime | None = None,
    parent: Receipt | UUID | str | None = None,
    recipients: list[str] | None = None,
    extra: dict[str, Any] | None = None,
    using: str = "default",
) -> Receipt:
    """Write the entry in the caller's transaction: both stand or neither does.

    detail: erasable justification (any JSON value), kept sealed, only its commitment in the entry.
    old, new: the erasable values before and after a change, likewise.
    captured_at: these values are of the public, captured then: they die with the key of that hour, and
    are left out when it is already due.
    extra: the one member more that five verbs carry (``audit.entry.SPECIAL``).
    Errors: Misuse outside a transaction, NoActor, BadEntry, LogDown and other database errors.
    """
    if not connections[using].in_atomic_block:
        raise Misuse("audit.record() belongs inside the transaction of what it records")
    said = _Said(verb, ref, reason, outcome, parent, recipients, extra)
    return _write(using, said, _given(detail, old, new, captured_at))


def commit(
    verb: str,
    ref: Ref,
    *,
    reason: Reason | None = None,
    outcome: Outcome = ALLOWED,
    detail: Any = None,
    old: Any = None,
    new: Any = None,
    captured_at: datetime | None = None,
    parent: Receipt | UUID | str | None = None,
    recipients: list[str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Receipt:
    """Write the entry on a connection of its own and return after COMMIT: views, downloads, denials.

    It stands whatever becomes of the caller's transaction. Errors: NoActor, BadEntry, LogDown and
    other database errors: then nothing may be shown.
    """
    with transaction.atomic(using="audit", durable=True):
        said = _Said(verb, ref, reason, outcome, parent, recipients, extra)
        return _write("audit", said, _given(detail, old, new, captured_at))


def _given(detail: Any, old: Any, new: Any, captured_at: datetime | None) -> dict[str, details.Document]:
    """Seal what was given: before the INSERT, so that no row waits for a key."""
    given = {"detail": detail, "old": old, "new": new}
    sealed = {
        name: details.commit_to(value, name, captured_at)
        for name, value in given.items()
        if value is not None
    }
    return {name: document for name, document in sealed.items() if document is not None}


def _write(using: str, said: _Said, kept: dict[str, details.Document]) -> Receipt:
    context.about_to_write()
    uid = uuid7()
    text = _body(uid, said, kept)
    with connections[using].cursor() as cursor:
        try:
            for document in kept.values():
                cursor.execute(details.INSERT, document.row())
            cursor.execute(INSERT, [uid, text])
        except OperationalError:
            raise  # the whole database is away, not the log alone
        except DatabaseError as error:
            raise LogDown("the audit log takes no entry") from error
    context.wrote(said.verb, connections[using].on_commit)
    return Receipt(uid, said.verb, said.outcome.result)


def _body(uid: UUID, said: _Said, kept: dict[str, details.Document]) -> str:
    build: Callable[..., str] = entry.build
    parent = said.parent.uid if isinstance(said.parent, Receipt) else said.parent
    return build(
        uid=uid,
        actor=context.current_actor(),
        verb=said.verb,
        ref=said.ref,
        reason=said.reason,
        outcome=said.outcome,
        recipients=said.recipients,
        req=context.current_request(),
        parent=str(parent) if parent else None,
        extra=said.extra,
        **{name: document.commitment.hex() for name, document in kept.items()},
    )
