"""Every reason for which a command must not run; the console's word alone never opens a camera."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import wire
from agent.commands import Ack, Gate, loads, read
from agent.signing import b64url, public_bytes
from agent.store import Store
from tests.agent.parts import MovedClock

CONSOLE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MINE = "0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978"


class Desk:
    """A gate in a state directory, and the console that writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = MovedClock()
        self.reopen()

    def reopen(self) -> None:
        """What a reboot does."""
        keys = {"console:3": public_bytes(CONSOLE)}
        self.gate = Gate(Store(self.path), "TRL-0007", keys, lambda alert: alert == MINE, self.clock)

    def message(self, *, key: Ed25519PrivateKey = CONSOLE, **changes: Any) -> dict[str, Any]:
        now = self.clock.now()
        message = {
            "t": "cmd", "id": "c-1", "seq": 442, "trailer": "TRL-0007", "name": "stream.start", "alert": MINE,
            "operator": "u-1042", "issued_at": wire(now), "expires_at": wire(now + timedelta(seconds=20)),
            "args": {"lease_s": 30, "az_deg": 55.4, "tilt": -1.6e-7}, "kid": "console:3", **changes,
        }  # fmt: skip
        return {**message, "sig": b64url(key.sign(rfc8785.dumps(message)))}

    def judge(self, message: dict[str, Any]) -> Ack | None:
        return self.gate.judge(read(message))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_good_command_may_run(desk):
    assert desk.judge(desk.message()) is None


def test_expired_never_runs_also_one_second_late(desk):
    message = desk.message()
    desk.clock.move(20)
    assert desk.judge(message) == Ack("c-1", "expired")
    desk.clock.move(-20)
    assert desk.judge(message) == Ack("c-1", "expired"), "the judgement is final"


def test_the_same_id_runs_once_also_across_a_restart(desk):
    message = desk.message()
    assert desk.judge(message) is None
    assert desk.judge(message) == Ack("c-1", "received")
    desk.gate.finish(Ack("c-1", "done"))
    desk.reopen()
    assert desk.judge(message) == Ack("c-1", "done")


@pytest.mark.parametrize("seq", [441, 442, 1])
def test_a_number_that_does_not_rise_is_refused_also_across_a_restart(desk, seq):
    desk.judge(desk.message())
    desk.reopen()
    assert desk.judge(desk.message(id="c-2", seq=seq)) == Ack("c-2", "refused", "old-seq")


def test_another_trailers_command_is_refused(desk):
    assert desk.judge(desk.message(trailer="TRL-0008")) == Ack("c-1", "refused", "wrong-trailer")


def test_a_wrong_signature_is_refused_and_spends_no_number(desk):
    forged = desk.message(key=Ed25519PrivateKey.generate(), seq=2**40)
    assert desk.judge(forged) == Ack("c-1", "refused", "bad-signature")
    assert desk.judge(desk.message()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"alert": "another"}, {"name": "stream.stop"}, {"seq": 443}, {"id": "c-9"}, {"args": {}},
        {"kid": "console:4"},
        {"expires_at": "2027-01-01T00:00:00.000Z"}, {"extra": 1}, {"sig": "AAAA"}, {"sig": None},
        {"sig": "é"},
    ],
)  # fmt: skip
def test_any_changed_member_breaks_the_signature(desk, change):
    ack = desk.judge({**desk.message(), **change})
    assert ack is not None and (ack.status, ack.code) == ("refused", "bad-signature")


@pytest.mark.parametrize("alert", ["0196a6d2-0000-7b3a-9f10-2d3c4b5a6978", None, ""])
@pytest.mark.parametrize("name", ["stream.start", "stream.renew", "ptz.move", "ptz.slew", "ptz.preset"])
def test_a_camera_verb_needs_an_alert_that_this_trailer_raised(desk, name, alert):
    assert desk.judge(desk.message(name=name, alert=alert)) == Ack("c-1", "refused", "unknown-alert")


@pytest.mark.parametrize("name", ["stream.stop", "ptz.stop", "speaker.stop", "module.off", "ping"])
def test_a_stop_and_a_ping_need_no_alert(desk, name):
    assert desk.judge(desk.message(name=name, alert=None)) is None


def test_a_verb_outside_the_contract_is_refused(desk):
    assert desk.judge(desk.message(name="format.disk")) == Ack("c-1", "refused", "unsupported")


def test_a_command_from_the_future_does_not_run(desk):
    ahead = desk.clock.now() + timedelta(seconds=31)
    message = desk.message(issued_at=wire(ahead), expires_at=wire(ahead + timedelta(seconds=20)))
    assert desk.judge(message) == Ack("c-1", "refused", "clock-skew")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": True}, {"seq": "442"}, {"seq": 0}, {"id": ""}, {"id": 7}, {"expires_at": "soon"},
        {"issued_at": None},
        {"expires_at": "2026-04-27T23:14:07"}, {"alert": 7}, {"args": [1]}, {"name": None},
    ],
)  # fmt: skip
def test_a_malformed_command_is_not_read(desk, change):
    with pytest.raises(ValueError):
        read({**desk.message(), **change})


@pytest.mark.parametrize("text", ['{"t":"cmd","t":"bye"}', "[]", '{"a":NaN}', "", "nul", "7"])
def test_a_message_with_two_meanings_or_none_is_not_read(text):
    with pytest.raises(ValueError):
        loads(text)
