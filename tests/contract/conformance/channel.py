"""The command channel: signed upgrade, sub-protocol, hello and welcome, text of 8 kB at most, one socket.

An agent of the same trailer that is connected elsewhere is replaced while this runs, and comes back.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.contract.conformance.kit import CHANNEL, Kit, check, wire

HELLO = {"t": "hello", "agent_version": "conformance"}


def heard(line: ClientConnection, within_s: float = 10) -> dict[str, Any]:
    """The next message."""
    message = json.loads(line.recv(timeout=within_s))
    assert isinstance(message, dict)
    return message


def greeted(line: ClientConnection) -> dict[str, Any]:
    """Say hello; the welcome."""
    line.send(json.dumps(HELLO))
    welcome = heard(line)
    assert welcome["t"] == "welcome", welcome
    return welcome


def goodbye(line: ClientConnection, within_s: float = 10) -> dict[str, Any]:
    """The last message before the console hangs up."""
    last: dict[str, Any] = {}
    with contextlib.suppress(ConnectionClosed):
        while True:
            last = heard(line, within_s)
    return last


@check("c.upgrade")
def the_upgrade_is_signed_and_names_the_protocol(kit: Kit) -> None:
    """Unsigned, signed for another path, with another protocol, or sent twice: no socket."""
    once = kit.headers(CHANNEL, method="GET")
    with kit.channel(headers=once) as line:
        assert line.subprotocol == "csrp.v1"
    tries: list[tuple[dict[str, str], str]] = [
        ({}, "csrp.v1"), (kit.headers("/api/v1/desired/", method="GET"), "csrp.v1"),
        (kit.headers(CHANNEL, method="GET"), "csrp.v2"), (once, "csrp.v1"),
    ]  # fmt: skip
    for headers, protocol in tries:
        try:
            kit.channel(protocol, headers).close()
        except InvalidStatus as caught:
            assert caught.response.status_code in (401, 403), caught
        else:
            raise AssertionError(f"a socket was opened with {protocol} and {sorted(headers)}")


@check("c.welcome", "c.heartbeat")
def hello_is_welcomed_and_a_heartbeat_is_heard(kit: Kit) -> None:
    """The welcome names the trailer; heartbeat and state are taken in silence."""
    with kit.channel() as line:
        assert greeted(line)["trailer"] == kit.trailer
        line.send(json.dumps({"t": "hb", "at": wire(), "battery_soc_pct": None}))
        line.send(json.dumps({"t": "state", "at": wire(), "modules": {}}))
        line.send(json.dumps({"t": "ack", "cmd": "00000000-0000-4000-8000-000000000000", "status": "done"}))
        with contextlib.suppress(TimeoutError):
            said = heard(line, 0.5)
            assert said["t"] in ("cmd", "desired-changed", "hotlist-changed"), said


@check("c.one")
def a_newer_socket_replaces_the_older(kit: Kit) -> None:
    """One socket per trailer: the older is told ``bye`` and closed."""
    with kit.channel() as older:
        greeted(older)
        with kit.channel() as newer:
            greeted(newer)
            assert goodbye(older)["t"] == "bye"
            newer.send(json.dumps({"t": "hb"}))


@check("c.text", "c.messages")
def what_breaks_the_channels_rules_ends_it(kit: Kit) -> None:
    """Bytes, over 8 kB, no JSON, keys twice, a message of no contract, a heartbeat before hello."""
    wrong: list[str | bytes] = [
        b"{}", "x" * 8193, "{", "[]", '{"t":"hb","t":"hb"}', '{"t":"acknowledge"}', '{"t":"cmd"}', "{}",
        '{"t":"ack","cmd":"x","status":"eaten"}',
    ]  # fmt: skip
    for word in wrong:
        with kit.channel() as line:
            greeted(line)
            line.send(word)
            assert goodbye(line)["t"] == "bye", word[:30]
    with kit.channel() as line:
        line.send(json.dumps({"t": "hb"}))
        assert goodbye(line)["t"] == "bye"
