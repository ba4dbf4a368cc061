"""The pooled handler: one hop, connections given back, and a full queue that says so at once."""

import asyncio
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory

from csoc import handler as module
from csoc.handler import DeviceHandler, PooledHandler


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


def scope(method: str = "POST", path: str = "/api/v1/alerts/", **headers: str) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost"), *named], "scheme": "http",
        "client": ["127.0.0.1", 1], "server": ["127.0.0.1", 80], "http_version": "1.1",
    }  # fmt: skip


async def ask(handler: Any, *messages: dict[str, Any], **changes: Any) -> tuple[int, dict[str, str], bytes]:
    waiting, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await handler(scope(**changes), receive, send)
    if not sent:
        return 0, {}, b""
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


def test_only_what_a_trailer_posts_goes_the_short_way() -> None:
    assert DeviceHandler.takes(scope())
    assert DeviceHandler.takes(scope(path="/api/v1/alerts/bulk/"))
    for other in (
        scope(cookie="sessionid=x"), scope("GET"), scope("PUT"), scope(path="/api/v1/alerts"),
        scope(path="/api/v1/alerts/x/clip"), scope(path="/live/"),
    ):  # fmt: skip
        assert not DeviceHandler.takes(other), other


async def test_the_short_way_answers_as_the_long_one(pooled: PooledHandler) -> None:
    """Problems with their type, a host that is not ours, no page and no cookie; a body in pieces is one."""
    devices = DeviceHandler(pooled)
    pieces = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}"},
    ]
    status, headers, body = await ask(devices, *pieces, content_length="2", content_type="application/json")
    assert (status, headers["Content-Type"]) == (401, "application/problem+json")
    assert (headers["Content-Length"], headers["X-Content-Type-Options"]) == (str(len(body)), "nosniff")
    assert "Set-Cookie" not in headers
    status, _headers, _body = await ask(devices, {"type": "http.request"}, content_type="text/plain")
    assert status == 415
    elsewhere = scope() | {"headers": [(b"host", b"elsewhere.example")]}
    assert devices._answer(elsewhere, b"").status_code == 400
    assert await ask(devices, {"type": "http.disconnect"}) == (0, {}, b"")


async def test_the_short_way_shares_the_queue(pooled: PooledHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "THREADS", 0)
    monkeypatch.setattr(module, "WAITING", 0)
    status, headers, _body = await ask(DeviceHandler(pooled), {"type": "http.request", "body": b"{}"})
    assert (status, headers["Retry-After"]) == (503, "2")
