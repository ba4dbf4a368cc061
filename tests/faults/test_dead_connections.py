"""Connections that died under the web process: the next request is answered, and nobody is signed out."""

from __future__ import annotations

from tests.contract.conftest import place, standing_place
from tests.contract.place import Place

__all__ = ["place", "standing_place"]

#: More than the pool holds: each of its connections would answer one of these with 503.
REQUESTS = 20


def kill_connections(place: Place) -> int:
    """End every connection of the web process, as a restart of the database does; how many there were."""
    query = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'csoc_app'
    """
    [(count,)] = place.sql(query)
    return int(count)


def test_the_next_request_is_answered_and_the_session_stands(place: Place) -> None:
    dana = place.person("dispatcher")
    assert dana.get("/api/v1/live/snapshot/").status_code == 200
    assert kill_connections(place) > 0
    answers = [dana.get("/api/v1/live/snapshot/").status_code for _ in range(REQUESTS)]
    assert answers == [200] * REQUESTS
    assert kill_connections(place) > 0
    assert place.device.post(place.gunshot()).status_code == 201, "an alert is not told to come again"
    assert dana.is_signed_in
