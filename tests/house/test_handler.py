"""The pooled handler: one hop, connections given back, and a full queue that says so at once."""

import asyncio
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory

from csoc import handler as module
from csoc.handler import PooledHandler


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> PooledHandler:
    return PooledHandler()


async def test_a_full_queue_answers_503_at_once(
    pooled: PooledHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "THREADS", 1)
    monkeypatch.setattr(module, "WAITING", 1)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(request: Any) -> HttpResponse:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
        return HttpResponse(b"done")

    monkeypatch.setattr(pooled, "get_response", slow)
    requests = [RequestFactory().get("/") for _ in range(3)]
    under_way = [asyncio.create_task(pooled.run_get_response(request)) for request in requests[:2]]
    await asyncio.sleep(0)
    refused = await pooled.run_get_response(requests[2])
    assert (refused.status_code, refused["Retry-After"]) == (503, "2")
    gate.set()
    assert [(await task).status_code for task in under_way] == [200, 200]


async def test_connections_go_back_after_each_request(
    pooled: PooledHandler, monkeypatch: pytest.MonkeyPatch, own_database: str
) -> None:
    held: list[Any] = []

    def ask(request: Any) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        held.append(connection.connection)
        return HttpResponse(b"done")

    monkeypatch.setattr(pooled, "get_response", ask)
    for _ in range(40):
        assert (await pooled.run_get_response(RequestFactory().get("/"))).status_code == 200
    pool = connection.pool
    assert pool is not None
    assert pool.get_stats()["pool_available"] == pool.get_stats()["pool_size"]
    assert len({id(one) for one in held}) <= pool.get_stats()["pool_size"]
