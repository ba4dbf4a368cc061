"""How long an entry waits for its seal: from the return of COMMIT until a signed checkpoint can be read.

Beside it, optionally, a transaction that has written its entry and stays open: what waits for it is its own
entry and nobody else's.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from uuid import UUID

from bench.audit_place import Crew, Place
from bench.audit_writing import Writer

WRITERS = 4
RATE = 25.0
POLL_S = 0.002
OPEN_S = 3.0
SIGNED = "SELECT coalesce(max(size), 0) FROM audit_checkpoint"
PLACED = "SELECT uid, idx FROM audit_log WHERE uid = ANY(%s)"


def work(number: int, seconds: float, seed: int) -> list[tuple[UUID, float]]:
    """Commit in a writer process at about ``RATE`` a second; return (uid, when COMMIT had returned)."""
    import audit

    writer, done = Writer(number, seed), []
    end = time.monotonic() + seconds
    with writer._acting_as(writer.actor):
        while time.monotonic() < end:
            receipt = audit.commit("alert.view", writer.random.choice(writer.refs), reason=writer.reason)
            done.append((receipt.uid, time.monotonic()))
            time.sleep(writer.random.expovariate(RATE))
    return done


def lags(place: Place, seconds: float, seed: int, *, beside_open: bool) -> list[float]:
    """Return the seconds that each entry of one run waited."""
    crew = Crew(WRITERS, work)
    try:
        with _watching(place) as seen, _open_transaction(place, beside_open):
            committed = [item for answer in crew.run(seconds, seed) for item in answer]
            place.drained()
            time.sleep(0.5)
    finally:
        crew.end()
    with place.connect() as connection:
        placed = dict(connection.execute(PLACED, [[uid for uid, _at in committed]]).fetchall())
    return [_first_covering(seen, placed[uid]) - at for uid, at in committed]


def _first_covering(seen: list[tuple[int, float]], idx: int) -> float:
    """Return when a signed size above ``idx`` was first read. Errors: ValueError."""
    for size, at in seen:
        if size > idx:
            return at
    raise ValueError(f"line {idx} was never sealed")


@contextlib.contextmanager
def _watching(place: Place) -> Iterator[list[tuple[int, float]]]:
    """Note every new signed size and when it was first read."""
    seen: list[tuple[int, float]] = []
    stop = threading.Event()

    def look() -> None:
        with place.connect() as connection:
            newest = -1
            while not stop.is_set():
                row = connection.execute(SIGNED).fetchone()
                if row and row[0] != newest:
                    newest = row[0]
                    seen.append((newest, time.monotonic()))
                time.sleep(POLL_S)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def _open_transaction(place: Place, wanted: bool) -> Iterator[None]:
    """Keep one transaction after the other open for ``OPEN_S``, each with an entry of its own."""
    stop = threading.Event()
    body = _body()

    def hold() -> None:
        while not stop.is_set():
            with place.connect() as connection, connection.transaction():
                connection.execute("INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)", body())
                stop.wait(OPEN_S)

    thread = threading.Thread(target=hold)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if wanted:
            thread.join()


def _body():  # type: ignore[no-untyped-def]
    import audit
    from audit.context import acting_as, system
    from csoc.lib.ids import uuid7

    def make() -> list[object]:
        uid = uuid7()
        with acting_as(system("bench")):
            return [uid, audit.body("system.start", audit.Ref("process", "bench"), uid=uid).decode()]

    return make
