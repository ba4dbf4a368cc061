"""A small cast, two trailers, and a device that signs with the agent's own code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import Group
from django.test import Client

import audit
from accounts.models import Agency, Person, Unit, User
from accounts.services import acting
from agent.signing import Signer, b64url, enrolment_proof, public_bytes
from csoc.lib import clock as console_clock
from trailers import keyring, services
from trailers.doors import public_authority
from trailers.models import Trailer, TrailerKey


@dataclass
class People:
    """Named people of one agency, and one technician of another."""

    unit: Unit
    tara: User
    theo: User
    dana: User
    stranger: User


@dataclass
class Device:
    """A trailer's device: its private key and how it signs."""

    trailer: Trailer
    key: TrailerKey
    private: Ed25519PrivateKey

    @property
    def signer(self) -> Signer:
        return Signer(self.private, self.key.keyid, public_authority())

    def headers(self, method: str, path: str, body: bytes | None = None, **kw: Any) -> dict[str, str]:
        kw.setdefault("created", int(console_clock.now().timestamp()))
        return self.signer.headers(method, f"http://console{path}", body=body, **kw)

    def request(self, method: str, path: str, body: bytes | None = None, **kw: Any) -> Any:
        headers = self.headers(method, path, body, **kw)
        return send(method, path, body, headers)

    def post(self, path: str, value: Any) -> Any:
        return self.request("POST", path, json.dumps(value).encode())


def send(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
    """Send exactly these headers."""
    rest = {name: value for name, value in headers.items() if name != "Content-Type"}
    content_type = headers.get("Content-Type", "")
    return Client().generic(method, path, body or b"", content_type=content_type, headers=rest)


def make_people() -> People:
    peel, other = (Agency.objects.create(code=code, name=code) for code in ("PRP", "OTH"))
    unit = Unit.objects.create(agency=peel, code="D21", name="21 Division")
    away = Unit.objects.create(agency=other, code="X1", name="Elsewhere")
    return People(
        unit,
        _user("tara", unit, "technician"),
        _user("theo", unit, "technician"),
        _user("dana", unit, "dispatcher"),
        _user("sam", away, "technician"),
    )


def _user(name: str, unit: Unit, role: str) -> User:
    person = Person.objects.create(name=name.title(), badge=name[:4], agency=unit.agency, unit=unit)
    person.refresh_from_db()
    user = User.objects.create_user(name, person=person)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def add_technician(people: People, name: str) -> User:
    """One more technician of the same unit."""
    return _user(name, people.unit, "technician")


def make_trailer(people: People, label: str = "North lot", number: int | None = None) -> Trailer:
    with acting(people.tara):
        return services.create_trailer(label=label, unit=people.unit, actor=people.tara, number=number)


def enrolment_body(token: str, private: Ed25519PrivateKey, **changes: Any) -> dict[str, Any]:
    return {
        "token": token,
        "public_key": b64url(public_bytes(private)),
        "serial": "SN-1",
        "agent_version": "0.1.0",
        "capabilities": ["acoustic", "alpr", "ptz"],
        "audio": {"rate_hz": 16000},
        "proof": enrolment_proof(private, token),
        **changes,
    }


def make_device(people: People, trailer: Trailer) -> Device:
    """Enrol over HTTP and confirm by a second person."""
    private = Ed25519PrivateKey.generate()
    with acting(people.tara):
        token = services.issue_enrolment_token(trailer=trailer, actor=people.tara)
    answer = Client().post("/api/v1/enrolment/", enrolment_body(token, private), "application/json")
    assert answer.status_code == 201, answer.content
    key = TrailerKey.objects.select_related("trailer__agency").get(keyid=answer.json()["keyid"])
    with acting(people.theo):
        key = services.confirm_key(key=key, fingerprint=key.fingerprint, actor=people.theo)
    keyring.forget()
    return Device(trailer, key, private)


@contextlib.contextmanager
def as_system() -> Iterator[None]:
    with audit.acting_as(audit.system("test")):
        yield


def code(answer: Any) -> str:
    """The problem code of an answer, and that it is a problem document."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    body = json.loads(answer.content)
    assert body["status"] == answer.status_code
    return str(body["type"].removeprefix("/problems/"))
