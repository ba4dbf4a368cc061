"""The requests of the register, of keys and of refusals (see ``log_down_cases``)."""

from __future__ import annotations

import uuid
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.rooms.log_standing import Standing


def fresh(standing: Standing, role: str) -> None:
    """As if this person had just shown their second factor."""
    from importlib import import_module

    from django.conf import settings

    from accounts import sessions

    store = import_module(settings.SESSION_ENGINE).SessionStore
    user = standing.place.scene.users[role]
    with standing.place.inside():
        session = store(standing.place.person(role).http.cookies["sessionid"])
        sessions.note_second_factor(session, user, "demonstration")
        session.save()


def trailer(standing: Standing, label: str) -> Any:
    """A fresh trailer on the register."""
    from accounts.services import acting
    from trailers import services

    tara = standing.place.scene.users["technician"]
    with standing.place.inside(), acting(tara):
        return services.create_trailer(label=label, unit=tara.person.unit, actor=tara)


def keys(standing: Standing, label: str) -> str:
    """The page of a fresh trailer's keys."""
    return f"/fleet/{trailer(standing, label).name}/keys/"


def code(standing: Standing, label: str) -> tuple[str, dict[str, Any]]:
    """A press for a code."""
    fresh(standing, "technician")
    return keys(standing, label) + "code/", {"asked": str(uuid.uuid4())}


def waiting(standing: Standing, label: str) -> tuple[str, str]:
    """The address of a key that waits for a second person, and its fingerprint."""
    from accounts.services import acting
    from tests.trailers.cast import enrolment_body
    from trailers import services
    from trailers.models import TrailerKey

    fresh(standing, "technician-2")
    tara, made = standing.place.scene.users["technician"], trailer(standing, label)
    with standing.place.inside(), acting(tara):
        token = services.issue_enrolment_token(trailer=made, actor=tara)
    body = enrolment_body(token, Ed25519PrivateKey.generate())
    answer = standing.place.http.post("/api/v1/enrolment/", json=body)
    assert answer.status_code == 201, answer.text
    with standing.place.inside():
        key = TrailerKey.objects.get(keyid=answer.json()["keyid"])
    return f"/fleet/{made.name}/keys/{key.n}/", str(key.fingerprint)


def particulars(standing: Standing, label: str) -> dict[str, Any]:
    """What the form of a trailer sends."""
    unit = standing.place.scene.users["technician"].person.unit
    return {"label": label, "unit": unit.pk, "mast_m": "7", "heading_deg": "0", "audio_rate_hz": "16000"}
