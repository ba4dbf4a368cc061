"""The floor under intake: the same rows written by plain psycopg, without a console in between.

One statement, one transaction, one commit for each alert: alert, sealed detail, two events and the entry
in the audit inbox. Signature, nonce, schema, rules, sealing and push are what the console adds to that.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from uuid import UUID, uuid4

import psycopg

from csoc.lib.ids import uuid7

COPIED = (
    "agency_id", "unit_id", "trailer_id", "deployment_id", "kind", "state", "priority", "seq", "lat", "lon",
    "uncertainty_m", "occurred_at", "received_at", "late", "flags", "plate_decision", "outcome", "audit_owed",
)  # fmt: skip
STATEMENT = f"""
WITH a AS (
    INSERT INTO alerts_alert (id, version, {", ".join(COPIED)})
    VALUES (%s, 1, {", ".join(["%s"] * len(COPIED))}) RETURNING id, occurred_at, received_at
), d AS (
    INSERT INTO alerts_alertdetail (alert_id, epoch, sealed) SELECT id, %s, %s FROM a
), e AS (
    INSERT INTO alerts_alertevent (alert_id, at, verb, code)
    SELECT id, occurred_at, 'alert.occurred', '' FROM a
    UNION ALL SELECT id, received_at, 'alert.receive', '' FROM a
)
INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)
"""


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
        return [alert, *self._row, *self._detail, uid, self._body(alert, uid)]

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
        return time.monotonic() - begun, [str(one[0]) for one in values]

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()
