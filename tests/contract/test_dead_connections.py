"""Connections that died under the web process, and a database that is away: what people and trailers get."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg

from tests.contract.place import Place, eventually, verdict

#: More than the pool holds: each of its dead connections would fail one of these.
REQUESTS = 20


def kill_connections(place: Place) -> int:
    """End every connection of the web process, as a restart of the database does; how many there were.

    Waits until they are gone: one that was only told to go passes the look at it, and dies in its request.
    """
    query = """
        SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'csoc_app'
    """
    [(count,)] = place.sql(query)
    return int(count)


def open_connections(place: Place) -> int:
    """How many the web process holds."""
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'csoc_app'"
    )
    return int(place.sql(query)[0][0])


def at_once(place: Place, n: int) -> bool:
    """Ask for ``n`` pages in the same moment, each over a connection to the database; whether all came."""
    with ThreadPoolExecutor(n) as pool:
        pages = pool.map(lambda _one: httpx.get(f"{place.url}/readyz", trust_env=False, timeout=30), range(n))
        return {page.status_code for page in pages} == {200}


@contextlib.contextmanager
def away(place: Place) -> Iterator[None]:
    """Nobody reaches the console's database inside the block."""
    switch = f'ALTER DATABASE "{place.database}" ALLOW_CONNECTIONS {{}}'
    with psycopg.connect(place.servers.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(switch.format("false"))
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [place.database],
            )
            yield
        finally:
            connection.execute(switch.format("true"))


def test_the_next_request_is_answered_and_the_session_stands(place: Place) -> None:
    dana = place.person("dispatcher")
    # With one dead connection after the other looked at, four of them cost a request its five seconds.
    eventually(lambda: at_once(place, 16) and open_connections(place) > 5)
    assert kill_connections(place) > 5
    answers = [dana.get("/api/v1/live/snapshot/").status_code for _ in range(REQUESTS)]
    assert answers == [200] * REQUESTS
    assert kill_connections(place) > 0
    assert place.device.post(place.gunshot()).status_code == 201, "an alert is not told to come again"
    assert dana.is_signed_in


def test_with_the_database_away_page_and_interface_say_so_and_come_back(place: Place) -> None:
    dana = place.person("dispatcher")
    with away(place):
        assert verdict(dana.get("/api/v1/live/snapshot/")) == (503, "unavailable")
        page = dana.get("/account/")
        assert (page.status_code, page.headers["cache-control"]) == (503, "no-store")
        assert "The database does not answer. Try again in a moment." in page.text
        assert verdict(place.device.post(place.gunshot())) == (503, "unavailable")
        # Each of these waited 5 s: a pool whose pauses double would try again only 11 s from now.
        assert place.http.get("/readyz").status_code == 503
    assert dana.is_signed_in
