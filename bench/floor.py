"""The floor under intake: the same rows written by plain psycopg, without a console in between.

One statement, one transaction, one commit for each alert: nonce, alert, sealed detail, timeline, number and
the entry in the audit inbox. Signature, schema, rules, the held deployment, sealing and push come on top.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg

from bench import driving
from csoc.lib.ids import uuid7

COPIED = (
    "agency_id", "unit_id", "trailer_id", "deployment_id", "kind", "state", "priority", "seq", "lat", "lon",
    "uncertainty_m", "occurred_at", "received_at", "late", "flags", "plate_decision", "outcome", "audit_owed",
)  # fmt: skip
STATEMENT = f"""
WITH n AS (
    INSERT INTO trailers_nonce (keyid, nonce_hash, at) VALUES ('bench', %s, now())
), a AS (
    INSERT INTO alerts_alert (id, version, {", ".join(COPIED)})
    VALUES (%s, 1, {", ".join(["%s"] * len(COPIED))}) RETURNING id, occurred_at, received_at, trailer_id, seq
), w AS (
    INSERT INTO alerts_seennumber (trailer_id, seq, at, occurred_at, code)
    SELECT trailer_id, seq, received_at, occurred_at, '' FROM a
), d AS (
    INSERT INTO alerts_alertdetail (alert_id, epoch, sealed) SELECT id, %s, %s FROM a
), e AS (
    INSERT INTO alerts_alertevent (alert_id, at, verb, code)
    SELECT id, received_at, 'alert.receive', '' FROM a
)
INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)
"""


def pattern(info: driving.Info, speaker: driving.Speaker) -> str:
    """Raise one alert whose rows are copied; returns its id once its entry is in the log."""
    alert = speaker.gunshot()
    with httpx.Client(base_url=info["url"], timeout=30) as http:
        speaker.post(http, alert).raise_for_status()
    driving.entries(info, [alert["id"]])
    return str(alert["id"])


class Floor:
    """Writes copies of one accepted alert on ``connections`` connections at once."""

    def __init__(self, database_url: str, alert: str, connections: int) -> None:
        self._connections = [psycopg.connect(database_url, autocommit=True) for _ in range(connections)]
        self._read_pattern(alert)

    def _read_pattern(self, alert: str) -> None:
        connection = self._connections[0]
        columns = ", ".join(COPIED)
        self._row = connection.execute(
            f"SELECT {columns} FROM alerts_alert WHERE id = %s", [alert]
        ).fetchone()
        query = "SELECT epoch, sealed FROM alerts_alertdetail WHERE alert_id = %s"
        self._detail = connection.execute(query, [alert]).fetchone()
        query = "SELECT line FROM audit_log WHERE object = %s AND verb = 'alert.receive'"
        self._entry = json.loads(connection.execute(query, [f"alert:{alert}"]).fetchone()[0])["e"]

    def _values(self) -> list[Any]:
        alert, uid = uuid4(), uuid7()
        return [os.urandom(32), alert, *self._row, *self._detail, uid, self._body(alert, uid)]

    def _body(self, alert: UUID, uid: UUID) -> str:
        named = self._entry | {"uid": str(uid), "object": self._entry["object"] | {"id": str(alert)}}
        return json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def write(self, count: int) -> tuple[float, list[str]]:
        """Insert ``count`` alerts; returns the seconds it took and their ids. Values are made before."""
        values = [self._values() for _ in range(count)]
        gate = threading.Barrier(len(self._connections) + 1)

        def work(position: int) -> None:
            connection, share = self._connections[position], values[position :: len(self._connections)]
            gate.wait()
            for one in share:
                connection.execute(STATEMENT, one)

        threads = [
            threading.Thread(target=work, args=(position,)) for position in range(len(self._connections))
        ]
        for thread in threads:
            thread.start()
        gate.wait()
        begun = time.monotonic()
        for thread in threads:
            thread.join()
        return time.monotonic() - begun, [str(one[1]) for one in values]

    def one_by_one(self, count: int) -> tuple[list[float], list[str]]:
        """Insert ``count`` alerts on one connection; returns the seconds of each commit and their ids."""
        values, times = [self._values() for _ in range(count)], []
        for one in values:
            begun = time.perf_counter()
            self._connections[0].execute(STATEMENT, one)
            times.append(time.perf_counter() - begun)
        return times, [str(one[1]) for one in values]

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()
