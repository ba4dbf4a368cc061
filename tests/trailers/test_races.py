"""First wins, on real connections: a nonce, a token, a number."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections
from django.test import Client

from accounts.services import acting
from trailers import services, tasks
from trailers.models import Command, EnrolmentToken, Nonce, TrailerKey

from .cast import Device, code, enrolment_body, make_device, make_people, make_trailer, send

DESIRED = "/api/v1/desired/"


@pytest.fixture
def people(own_database: str) -> Any:
    """Real commits on real connections."""
    return make_people()


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Run `act` in `count` threads that start in the same moment, each on a connection of its own."""
    gate = threading.Barrier(count)

    def run(n: int) -> Any:
        try:
            gate.wait(10)
            return act(n)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_replay_on_many_connections_has_one_winner(people: Any) -> None:
    device = make_device(people, make_trailer(people))
    for _round in range(10):
        headers = device.headers("GET", DESIRED)
        answers = together(6, lambda n, headers=headers: send("GET", DESIRED, None, headers))
        assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]
        assert {code(answer) for answer in answers if answer.status_code == 401} == {"replayed-nonce"}
    assert Nonce.objects.count() == 10


def test_one_token_in_parallel_enrols_one_key(people: Any) -> None:
    trailer = make_trailer(people)
    for n in range(1, 6):
        with acting(people.tara):
            token = services.issue_enrolment_token(trailer=trailer, actor=people.tara)

        def enrol(_n: int, token: str = token) -> Any:
            body = enrolment_body(token, Ed25519PrivateKey.generate())
            return Client().post("/api/v1/enrolment/", body, "application/json")

        answers = together(5, enrol)
        assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410, 410]
        assert TrailerKey.objects.filter(trailer=trailer).count() == n
    assert not EnrolmentToken.objects.filter(used_at=None).exists()


def test_used_token_leaves_an_entry(people: Any, servers: Any, own_database: str) -> None:
    trailer = make_trailer(people)
    device = make_device(people, trailer)
    with acting(people.tara):
        token = services.issue_enrolment_token(trailer=trailer, actor=people.tara)
    for _time in range(2):
        body = enrolment_body(token, Ed25519PrivateKey.generate())
        Client().post("/api/v1/enrolment/", body, "application/json")
    assert device.key.state == "active"
    written = entries(servers, own_database)
    outcomes = [entry["outcome"] for entry in written if entry["verb"] == "trailer.enrol"]
    assert outcomes == [
        {"result": "allowed"},
        {"result": "allowed"},
        {"result": "denied", "code": "token-used"},
    ]
    enrolled = [entry["actor"]["kind"] for entry in written if entry["verb"] == "trailer.enrol"]
    assert enrolled == ["trailer", "trailer", "anonymous"]
    assert token not in json.dumps(written)


def entries(servers: Any, database: str) -> list[dict[str, Any]]:
    """What the inbox got, read by the superuser: the console's role may only write it."""
    with psycopg.connect(servers.url("postgres", database)) as reader:
        rows = reader.execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
    return [json.loads(body) for (body,) in rows]


def test_parallel_commands_get_rising_numbers(people: Any) -> None:
    trailer = make_trailer(people)

    def order(_n: int) -> int:
        return services.send_command(
            trailer=trailer, name="ping", operator="u-1", ttl_s=30, actor=people.dana
        ).seq

    assert sorted(together(8, order)) == list(range(1, 9))
    assert Command.objects.count() == 8


def test_two_confirmations_at_once_are_one(people: Any) -> None:
    device = make_device(people, make_trailer(people))
    with acting(people.tara):
        token = services.issue_enrolment_token(trailer=device.trailer, actor=people.tara)
    Client().post(
        "/api/v1/enrolment/", enrolment_body(token, Ed25519PrivateKey.generate()), "application/json"
    )
    key = TrailerKey.objects.select_related("trailer__agency").get(state="pending")

    def confirm(_n: int) -> str:
        from csoc.lib.errors import Refused

        try:
            with acting(people.theo):
                services.confirm_key(key=key, fingerprint=key.fingerprint, actor=people.theo)
        except Refused as refused:
            return refused.code
        return "confirmed"

    assert sorted(together(4, confirm)) == ["confirmed", "not-pending", "not-pending", "not-pending"]


def test_nonces_are_swept_after_ten_minutes(people: Any, clock: Any) -> None:
    device: Device = make_device(people, make_trailer(people))
    assert device.request("GET", DESIRED).status_code == 200
    clock.shift(590)
    assert tasks.sweep_nonces() == 0
    clock.shift(610)
    assert tasks.sweep_nonces() == 1
