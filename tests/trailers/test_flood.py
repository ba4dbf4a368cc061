"""Wrong signatures by the thousand: bounded work, hardly a query, no row; a right one is as quick as ever."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csoc.lib.errors import Refused
from trailers import keyring, signatures
from trailers.models import Nonce
from trailers.signatures import Message

from .cast import Device

pytestmark = pytest.mark.django_db

PATH = "/api/v1/desired/"
COUNT = 10_000


def message(device: Device, **changes: str) -> Message:
    """A rightly signed request; ``changes`` replace headers (hyphens as underscores)."""
    from trailers import doors

    headers = {name.lower(): value for name, value in device.headers("GET", PATH).items()}
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return Message("GET", doors.public_authority(), PATH, "", headers)


def wrong(device: Device) -> Iterator[Message]:
    """Garbage, too long, an invented key, a real key with another's signature; over and over."""
    right = message(device).headers
    for n in itertools.count():
        invented = right["signature-input"].replace(device.key.keyid, f"TRL-{n % 9999:04d}:{n % 90 + 9}")
        yield message_of(right, signature_input="sig1=()" * 20)
        yield message_of(right, signature_input="x" * 100_000)
        yield message_of(right, signature_input=invented)
        yield message_of(right, signature="sig1=:" + "A" * 86 + "==:")


def message_of(headers: object, **changes: str) -> Message:
    from trailers import doors

    changed = dict(headers) | {name.replace("_", "-"): value for name, value in changes.items()}  # type: ignore
    return Message("GET", doors.public_authority(), PATH, "", changed)


def seconds(device: Device) -> float:
    """The quickest of some right checks: what else the machine does only ever adds."""
    times = []
    for _ in range(30):
        asked = message(device)
        begun = time.perf_counter()
        signatures.check(asked, has_body=False)
        times.append(time.perf_counter() - begun)
    return min(times)


def test_a_flood_of_wrong_signatures_does_not_slow_a_right_one(device: Device) -> None:
    keyring.forget()
    alone = seconds(device)
    with CaptureQueriesContext(connection) as queries:
        begun = time.monotonic()
        for asked in itertools.islice(wrong(device), COUNT):
            with pytest.raises(Refused) as caught:
                signatures.check(asked, has_body=False)
            assert caught.value.status == 401
        took = time.monotonic() - begun
        beside = seconds(device)
    # Each second at most: the key again, an unknown one, and the list of those there are.
    assert len(queries) <= 3 * (int(took) + 2)
    assert not Nonce.objects.exists()
    assert beside < 5 * alone, "what wrong ones leave behind slows a right one"
    assert took / COUNT < 50 * alone, "a wrong one costs more than it may"
