"""First wins, on real connections: one press, one confirmation, a revocation against a rotation."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.services import acting
from agent.signing import b64url, public_bytes
from csoc.lib.errors import Refused
from trailers import counters, keyring, services
from trailers.models import EnrolmentToken, RefusalHour, TrailerKey

from .cast import make_device, make_people, make_trailer
from .test_key_life import pending
from .test_races import together


@pytest.fixture
def people(own_database: str) -> Any:
    """Real commits on real connections."""
    return make_people()


def outcome(act: Any) -> str:
    try:
        act()
    except Refused as refused:
        return refused.code
    return "done"


def test_a_double_press_makes_one_code(people: Any) -> None:
    trailer, press = make_trailer(people), uuid.uuid4()

    def ask(_n: int) -> str:
        with acting(people.tara):
            issue = services.issue_enrolment_token
            return outcome(lambda: issue(trailer=trailer, actor=people.tara, asked=press))

    assert sorted(together(4, ask)) == ["done", "shown-once", "shown-once", "shown-once"]
    assert EnrolmentToken.objects.count() == 1


def test_a_key_is_confirmed_or_revoked_once_whoever_comes_first(people: Any) -> None:
    trailer = make_trailer(people)
    for _round in range(5):
        key = pending(people, trailer)

        def act(n: int, key: TrailerKey = key) -> str:
            with acting(people.theo):
                if n % 2:
                    return outcome(lambda: services.revoke_key(key=key, actor=people.theo, reason="differs"))
                confirm = services.confirm_key
                return outcome(lambda: confirm(key=key, fingerprint=key.fingerprint, actor=people.theo))

        told = together(4, act)
        key.refresh_from_db()
        assert key.state == "revoked" and told[1::2] == ["done", "done"]
        assert sorted(told[0::2]) in (["done", "not-pending"], ["not-pending", "not-pending"])


def test_no_successor_slips_past_a_revocation(people: Any) -> None:
    for n in range(4):
        device = make_device(people, make_trailer(people, f"Lot {n}"))
        fresh = {"public_key": b64url(public_bytes(Ed25519PrivateKey.generate()))}

        def act(n: int, device: Any = device, fresh: Any = fresh) -> Any:
            if n:
                return device.post("/api/v1/keys/", fresh).status_code
            with acting(people.theo):
                return outcome(
                    lambda: services.revoke_key(key=device.key, actor=people.theo, reason="stolen")
                )

        told = together(2, act)
        assert told[0] == "done" and told[1] in (201, 401, 403), told
        states = set(TrailerKey.objects.filter(trailer=device.trailer).values_list("state", flat=True))
        assert states == {"revoked"}, "a key made from a stolen one would be the thief's"
        keyring.forget()


def test_counts_of_many_processes_add_up(people: Any) -> None:
    trailer = make_trailer(people)
    from csoc.lib import clock

    at = clock.now()

    def add(n: int) -> None:
        order = [counters.Count(trailer.pk, "schema", 1, at), counters.Count(None, "bad-signature", 1, at)]
        for _time in range(10):
            counters.add(order if n % 2 else order[::-1])

    together(4, add)
    assert sorted(RefusalHour.objects.values_list("code", "n")) == [("bad-signature", 40), ("schema", 40)]
