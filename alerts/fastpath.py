"""The fast path of intake: one statement makes alerts durable with their entries, or does nothing.

It spends the request's nonce, holds the deployment in force, and inserts alert, sealed detail, timeline,
number and audit body; its own commit is the only one. It only says yes. Whatever is not a new alert under a
known deployment (a repeat, a refusal, an installation window, an inbox that refuses) is left to
``alerts.services.intake``, which judges it afresh: so there is one set of rules, and a stale memory here
costs time and never a wrong answer. ADR 15 says why and what it costs.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, connection, transaction

import audit
import vault
from alerts import receiving
from alerts.models import Alert
from alerts.schemas import AlertBody
from alerts.telling import push_all, ref
from csoc.lib import clock
from csoc.lib.errors import Refused
from csoc.lib.ids import uuid7
from csoc.postgres.prepared import row_of
from deployments.models import Deployment
from deployments.selectors import active_deployment
from trailers.models import Trailer
from trailers.signatures import Unspent

log = logging.getLogger(__name__)

#: How long a trailer's deployment is remembered. The statement holds it by its version, so an older memory
#: inserts nothing; this only bounds how often that happens.
STALE_S = 5.0
_MOST = 4096
_standing: dict[tuple[str, int], tuple[float, Deployment | None]] = {}

_FIELDS = tuple((str(field.column), field.attname) for field in Alert._meta.local_concrete_fields)
_COLUMNS = ", ".join(column for column, _attname in _FIELDS)
#: ``s`` locks before anything is inserted; an end that holds the row is waited for, and then the version is
#: another one. The trigger on ``alerts_alert`` judges the deployment and the consent once more.
_STATEMENT = f"""
WITH n AS (
    INSERT INTO trailers_nonce (keyid, nonce_hash, at)
    SELECT %(keyid)s::text, %(nonce)s::bytea, %(at)s::timestamptz WHERE %(keyid)s::text IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING 1
), s AS (
    SELECT id FROM deployments_deployment
    WHERE id = %(deployment)s::bigint AND version = %(version)s::integer FOR SHARE
), a AS (
    INSERT INTO alerts_alert ({_COLUMNS})
    SELECT {", ".join(f"r.{column}" for column, _attname in _FIELDS)}
    FROM s, json_populate_recordset(NULL::alerts_alert, %(alerts)s::json) AS r
    WHERE %(keyid)s::text IS NULL OR EXISTS (SELECT FROM n)
    ON CONFLICT (id) DO NOTHING RETURNING id, received_at, trailer_id, seq, occurred_at
), k AS (
    SELECT a.id, a.received_at, r.epoch, r.sealed, r.uid, r.entry
    FROM a JOIN json_to_recordset(%(kept)s::json)
        AS r(id uuid, epoch timestamptz, sealed text, uid uuid, entry text) USING (id)
), d AS (
    INSERT INTO alerts_alertdetail (alert_id, epoch, sealed)
    SELECT id, epoch, decode(sealed, 'base64') FROM k WHERE sealed IS NOT NULL
), e AS (
    INSERT INTO alerts_alertevent (alert_id, at, verb, code)
    SELECT id, received_at, 'alert.receive', '' FROM k
), w AS (
    INSERT INTO alerts_seennumber (trailer_id, seq, at, occurred_at, code)
    SELECT trailer_id, seq, received_at, occurred_at, '' FROM a
), u AS (
    INSERT INTO audit_inbox (uid, body) SELECT uid, entry FROM k
)
SELECT (SELECT count(*) FROM n), (SELECT count(*) FROM s), ARRAY(SELECT id FROM a)
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the statement did. ``fresh``: the nonce was unused; ``held``: the deployment still stood."""

    fresh: bool
    held: bool
    ids: frozenset[UUID]


def take(trailer: Trailer, bodies: Sequence[AlertBody], unspent: Unspent | None) -> list[Alert | None]:
    """Store what is plainly new, durably, and push it; None for each that has to be judged in full.

    The nonce is spent when this returns. Errors: Refused 401 ``replayed-nonce``: nothing was stored.
    """
    ready = _ready(trailer, bodies, clock.now())
    stored = _store(trailer, [one for one in ready if one is not None], unspent)
    taken = [
        one.alert if one is not None and stored is not None and one.alert.pk in stored.ids else None
        for one in ready
    ]
    push_all([alert for alert in taken if alert is not None])
    return taken


def _ready(trailer: Trailer, bodies: Sequence[AlertBody], now: datetime) -> list[receiving.Received | None]:
    """Judge each body under what is remembered of the trailer; None where the answer is not a plain yes."""
    deployment = _standing_of(trailer, now)
    if deployment is None:
        return [None] * len(bodies)
    sealer = vault.Sealer(now)
    ready: list[receiving.Received | None] = []
    seen: set[UUID] = set()
    for body in bodies:
        try:
            one = receiving.judged(trailer, body, deployment, sealer) if body.id not in seen else None
        except Refused:
            one = None
        seen.add(body.id)
        ready.append(one)
    return ready


def _standing_of(trailer: Trailer, now: datetime) -> Deployment | None:
    # The database's name is part of the place: one test process visits several databases.
    place = (str(connection.settings_dict["NAME"]), trailer.pk)
    at = time.monotonic()
    kept = _standing.get(place)
    if kept is None or at - kept[0] > STALE_S or kept[1] is None:
        if len(_standing) >= _MOST:
            _standing.clear()
        kept = _standing[place] = (at, active_deployment(trailer, now))
    deployment = kept[1]
    return deployment if deployment is not None and deployment.in_force_at(now) else None


def _forget(trailer: Trailer) -> None:
    _standing.pop((str(connection.settings_dict["NAME"]), trailer.pk), None)


def _store(trailer: Trailer, ready: list[receiving.Received], unspent: Unspent | None) -> Stored | None:
    """Run the statement; None when there was nothing to store or it could not be, and the nonce is spent."""
    stored = None
    if ready:
        try:
            stored = _execute(ready, unspent)
        except DatabaseError as error:
            # The log's inbox, a constraint, a lock: the full path finds out which, or fails the same way.
            log.warning("the intake statement failed: %s", type(error.__cause__).__name__)
    if unspent is not None:
        if stored is not None:
            unspent.was_spent(stored.fresh)
        else:
            unspent.spend()
    if stored is not None and not stored.held:
        _forget(trailer)
    return stored


def _execute(ready: list[receiving.Received], unspent: Unspent | None) -> Stored:
    alert = ready[0].alert
    values: dict[str, Any] = {
        "keyid": unspent.checked.by.key.keyid if unspent is not None else None,
        "nonce": unspent.checked.nonce_hash if unspent is not None else None,
        "at": alert.received_at,
        "deployment": alert.deployment_id,
        "version": alert.deployment.version,
        "alerts": _json([_row(one.alert) for one in ready]),
        "kept": _json([_kept(one) for one in ready]),
    }
    # By itself it is a transaction; inside one, a failure must not spoil the caller's.
    around = transaction.atomic() if connection.in_atomic_block else contextlib.nullcontext()
    with around:
        fresh, held, ids = row_of(_STATEMENT, values)
    return Stored(bool(fresh), bool(held), frozenset(ids))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _row(alert: Alert) -> dict[str, Any]:
    return {column: getattr(alert, attname) for column, attname in _FIELDS}


def _kept(one: receiving.Received) -> dict[str, Any]:
    uid = uuid7()
    epoch, sealed = one.sealed or (None, None)
    entry = audit.body("alert.receive", ref(one.alert), uid=uid).decode()
    return {"id": one.alert.pk, "epoch": epoch, "sealed": sealed, "uid": uid, "entry": entry}
