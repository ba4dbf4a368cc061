"""The command channel on a real server: signed upgrade, signed commands, each exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from accounts.services import acting
from agent.signing import unb64url
from agent.trailer import Config, TrailerAgent
from csoc.lib import clock as console_clock
from csoc.lib import ids
from trailers import consolekey, selectors, services, tasks
from trailers.desired import Standing
from trailers.models import Command, Trailer, TrailerStatus

from .cast import Device, make_device, make_people, make_trailer

ROOT = Path(__file__).resolve().parents[2]
PATH = "/api/v1/channel/"
TOKEN = "not-to-be-kept-0123456789"


@pytest.fixture
def people(own_database: str) -> Any:
    """Real commits: the server's process must see them."""
    return make_people()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def device(people: Any, port: int, settings: Any) -> Device:
    settings.PUBLIC_URL, settings.PUBLIC_AUTHORITY = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
    return make_device(people, make_trailer(people))


@pytest.fixture
def redis_url() -> str | None:
    """None: the Valkey of this test run."""
    return None


@pytest.fixture
def web(device: Device, port: int, tmp_path: Path, redis_url: str | None) -> Iterator[str]:
    """The web process as it runs in production, on this test's database."""
    env = os.environ | {"CSOC_PUBLIC_URL": f"http://127.0.0.1:{port}", "CSOC_POOL_MAX": "6"}
    if redis_url:
        env["CSOC_REDIS_URL"] = redis_url
    program = [sys.executable, "-m", "csoc.server", "--port", str(port)]
    with (tmp_path / "web.log").open("w") as log:
        process = subprocess.Popen(program, env=env, cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(port) or process.poll() is not None, 30)
        assert process.poll() is None, (tmp_path / "web.log").read_text()
        yield f"ws://127.0.0.1:{port}{PATH}"
    finally:
        process.terminate()
        process.wait(10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/desired/", trust_env=False).status_code == 401
    except httpx.HTTPError:
        return False


def wait_until(true: Callable[[], Any], within_s: float = 5.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def dial(web: str, device: Device, headers: dict[str, str] | None = None, protocol: str = "csrp.v1") -> Any:
    signed = headers if headers is not None else device.headers("GET", PATH)
    return connect(
        web,
        additional_headers=signed,
        subprotocols=[protocol],
        compression=None,
        open_timeout=10,
        proxy=None,
        # As a trailer's does, this end always reads. With a full queue it would not answer a Close, and the
        # console cuts such a line after a second with what it had not read.
        max_queue=None,
    )


def hello(web: str, device: Device) -> ClientConnection:
    line = dial(web, device)
    line.send(json.dumps({"t": "hello", "agent_version": "0.1.0"}))
    assert heard(line)["t"] == "welcome"
    return line


def heard(line: ClientConnection, within_s: float = 5.0) -> dict[str, Any]:
    return json.loads(line.recv(timeout=within_s))


def heard_until_closed(line: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    messages = []
    while True:
        try:
            messages.append(heard(line))
        except ConnectionClosed:
            return messages, line.close_code


def order(device: Device, people: Any, name: str = "ping", ttl_s: float = 30, **more: Any) -> Command:
    with acting(people.dana):
        return services.send_command(
            trailer=device.trailer, name=name, operator="u-1042", ttl_s=ttl_s, actor=people.dana, **more
        )


def test_hello_welcome_and_heartbeat_reach_the_register(web: str, device: Device) -> None:
    with hello(web, device) as line:
        assert line.subprotocol == "csrp.v1"
        said = {
            "t": "hb",
            "battery_soc_pct": 71.5,
            "position": {"lat": 43.6, "lon": -79.6},
            "faults": ["tilt"],
        }
        line.send(json.dumps(said))
        status = TrailerStatus.objects.filter(trailer=device.trailer)
        wait_until(lambda: status.filter(battery_soc_pct=71.5).exists())
        wire = selectors.trailer_wire(selectors.get_trailer(device.trailer.name))
        assert (wire["lat"], wire["lon"], wire["faults"], wire["state"]) == (43.6, -79.6, ["tilt"], "off")


def test_upgrade_without_signature_or_protocol_or_twice_is_refused(web: str, device: Device) -> None:
    headers = device.headers("GET", PATH)
    with dial(web, device, headers):
        pass
    for given, protocol in (({}, "csrp.v1"), (device.headers("GET", PATH), "csrp.v2"), (headers, "csrp.v1")):
        with pytest.raises(InvalidStatus) as refused:
            dial(web, device, given, protocol)
        assert refused.value.response.status_code == 403


def test_command_is_signed_delivered_acknowledged_and_forgets_its_token(
    web: str, device: Device, people: Any
) -> None:
    alert = "0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978"
    with hello(web, device) as line:
        args = {"lease_s": 10, "whip_url": "http://127.0.0.1/whip/x", "token": TOKEN}
        command = order(device, people, "stream.start", alert_id=alert, args=args)
        assert Command.objects.get().args["token"] == TOKEN
        message = heard(line)
        assert message["args"] == args
        assert (message["trailer"], message["alert"], message["seq"]) == (device.trailer.name, alert, 1)
        unsigned = {name: value for name, value in message.items() if name != "sig"}
        public = Ed25519PublicKey.from_public_bytes(unb64url(consolekey.public_keys()[0]["public_key"]))
        public.verify(unb64url(message["sig"]), rfc8785.dumps(unsigned))

        row = Command.objects.filter(pk=command.pk)
        wait_until(lambda: row.get().state == "sent")
        assert TOKEN not in json.dumps(row.get().args)
        for status in ("received", "done", "received"):
            line.send(json.dumps({"t": "ack", "cmd": message["id"], "status": status}))
        wait_until(lambda: row.get().state == "done")
        assert row.get().acked_at is not None


def test_another_trailers_ack_changes_nothing(web: str, device: Device, people: Any) -> None:
    other = make_device(people, make_trailer(people, "South lot"))
    with hello(web, device) as line, hello(web, other) as stranger:
        order(device, people)
        message = heard(line)
        stranger.send(json.dumps({"t": "ack", "cmd": message["id"], "status": "done"}))
        line.send(json.dumps({"t": "ack", "cmd": message["id"], "status": "refused", "code": "not-deployed"}))
        wait_until(lambda: Command.objects.get().state == "refused")
        assert Command.objects.get().code == "not-deployed"


def test_newer_socket_wins_and_each_command_arrives_once(web: str, device: Device, people: Any) -> None:
    with hello(web, device) as older:
        for _n in range(20):
            order(device, people)
        with hello(web, device) as newer:
            for _n in range(20):
                order(device, people)
            first, code = heard_until_closed(older)
            assert first[-1] == {"t": "bye", "code": "replaced"}
            assert code == 4001
            got = [message["seq"] for message in first[:-1]]
            rest: list[int] = []
            while len(got) + len(rest) < 40:
                rest.append(heard(newer)["seq"])
            assert sorted(got + rest) == list(range(1, 41))
            assert got == sorted(got)
            assert rest == sorted(rest)
            with pytest.raises(TimeoutError):
                newer.recv(timeout=1.5)


def test_queued_commands_wait_for_the_link_but_never_past_their_time(
    web: str, device: Device, people: Any
) -> None:
    late = order(device, people, ttl_s=0.05, args={"token": TOKEN})
    waiting = order(device, people)
    time.sleep(0.1)
    with hello(web, device) as line:
        assert heard(line)["id"] == str(waiting.pk)
    tasks.expire_commands()
    late.refresh_from_db()
    assert (late.state, late.args) == ("expired", {})


def test_command_that_is_never_answered_fails(device: Device, people: Any, clock: Any) -> None:
    order(device, people)
    Command.objects.update(state="sent", sent_at=console_clock.now())
    clock.shift(55)
    assert tasks.expire_commands() == 0
    clock.shift(65)
    assert tasks.expire_commands() == 1
    assert (Command.objects.get().state, Command.objects.get().code) == ("failed", "no-answer")


def test_revoked_key_is_cut_within_five_seconds_and_told_why(web: str, device: Device, people: Any) -> None:
    with hello(web, device) as line:
        with acting(people.theo):
            services.revoke_key(key=device.key, actor=people.theo)
        began = time.monotonic()
        messages, code = heard_until_closed(line)
        assert time.monotonic() - began < 5
        assert messages[-1] == {"t": "bye", "code": "key-revoked"}
        assert code == 4003

    # The server may remember the key for a second; then the door says so too.
    def told() -> bool:
        with dial(web, device) as again:
            with contextlib.suppress(ConnectionClosed):
                again.send('{"t":"hello"}')
            said = heard_until_closed(again)
        return said == ([{"t": "bye", "code": "key-revoked"}], 4003)

    wait_until(told)


def standing() -> Standing:
    until = console_clock.now() + timedelta(days=1)
    return Standing(name="DEP-2026-0031", until=until, lat=43.69, lon=-79.64, heading_deg=35.0)


def test_desired_state_and_hotlist_changes_are_told(web: str, device: Device, people: Any) -> None:
    with hello(web, device) as line:
        services.set_desired(
            trailer=device.trailer, deployment=standing(), modules={"acoustic": True}, actor=people.dana
        )
        assert heard(line) == {"t": "desired-changed", "version": 2}
        services.announce_hotlist(agency_id=device.trailer.agency_id, min_version=412, actor=people.dana)
        assert heard(line) == {"t": "hotlist-changed", "version": 412}


BREACHES = [
    ("not json", "bad-message", 4004),
    ('{"t":"hb","t":"hb"}', "bad-message", 4004),
    ('{"t":"cmd"}', "bad-message", 4004),
    ('{"t":"hello"}', "bad-message", 4004),
    ("[]", "bad-message", 4004),
    ('{"t":"hb","battery_soc_pct":-1}', "bad-message", 4004),
    ('{"t":"hb","faults":["seen: ABCD 123"]}', "bad-message", 4004),
    ('{"t":"hb","faults":["<b>"]}', "bad-message", 4004),
    ('{"t":"ack","cmd":"x","status":"done"}', "bad-message", 4004),
    ('{"t":"hb","x":"' + "y" * 8192 + '"}', "too-large", 4009),
    (b"\x00\x01", "text-only", 4010),
]


def test_what_breaks_the_contract_ends_the_socket(web: str, device: Device) -> None:
    for said, code, close_code in BREACHES:
        with hello(web, device) as line:
            line.send(said)
            assert heard_until_closed(line) == ([{"t": "bye", "code": code}], close_code), said
    with dial(web, device) as line:
        line.send('{"t":"hb"}')
        assert heard_until_closed(line) == ([{"t": "bye", "code": "bad-message"}], 4004)


def test_body_of_unannounced_length_is_refused_by_the_real_server(
    web: str, device: Device, port: int
) -> None:
    url = f"http://127.0.0.1:{port}/api/v1/keys/"
    body = b'{"public_key":"AAAA"}'
    headers = device.headers("POST", "/api/v1/keys/", body)
    with httpx.Client(trust_env=False) as http:
        chunked = http.post(url, content=iter([body]), headers=headers)
        whole = http.post(url, content=body, headers=headers)
        encoded = http.get(
            f"http://127.0.0.1:{port}/api/v1/%64esired/", headers=device.headers("GET", "/api/v1/%64esired/")
        )
    assert (chunked.status_code, chunked.json()["type"]) == (413, "/problems/too-large")
    assert (whole.status_code, whole.json()["type"]) == (422, "/problems/schema")
    # What is signed is the path as sent, not the path as decoded.
    assert encoded.status_code == 200


class TestDeadValkey:
    """With the channel layer gone the rows alone must do."""

    @pytest.fixture
    def redis_url(self, tmp_path: Path) -> str:
        return f"unix://{tmp_path}/nobody.sock"

    def test_commands_and_replacement_still_arrive(self, web: str, device: Device, people: Any) -> None:
        with hello(web, device) as older:
            order(device, people)
            assert heard(older, 3)["seq"] == 1
            with hello(web, device) as newer:
                assert heard_until_closed(older)[1] == 4001
                order(device, people)
                assert heard(newer, 3)["seq"] == 2


def test_the_real_agent_obeys_refuses_and_stops(
    web: str, device: Device, people: Any, tmp_path: Path
) -> None:
    keys = {key["kid"]: unb64url(key["public_key"]) for key in consolekey.public_keys()}
    key_file = tmp_path / "trailer.pem"
    key_file.write_bytes(device.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    base = web.removeprefix("ws").removesuffix(PATH)
    config = Config(device.trailer.name, device.key.keyid, key_file, f"http{base}", keys, tmp_path / "agent")
    made: list[TrailerAgent] = []

    async def live() -> None:
        made.append(TrailerAgent(config))
        await made[0].run()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    wait_until(lambda: made)
    agent = made[0]
    try:
        wait_until(lambda: TrailerStatus.objects.exclude(channel="").exists())
        services.set_desired(
            trailer=device.trailer, deployment=standing(), modules={"acoustic": True}, actor=people.dana
        )
        status = TrailerStatus.objects.filter(trailer=device.trailer)
        ping = order(device, people)
        wait_until(lambda: Command.objects.get(pk=ping.pk).state == "done")
        wait_until(agent.deployed)
        args = {"lease_s": 10, "whip_url": "http://127.0.0.1/whip/x", "token": TOKEN}
        start = order(device, people, "stream.start", alert_id=ids.uuid7(), args=args)
        wait_until(lambda: Command.objects.get(pk=start.pk).code == "unknown-alert")
        assert status.get().agent_version
        with acting(people.theo):
            services.revoke_key(key=device.key, actor=people.theo)
        wait_until(lambda: agent.halted == "key-revoked")
    finally:
        # Without its key the agent ends by itself; on a failure above this ends it too.
        if agent.halted is None:
            agent.halted = "key-revoked"
        thread.join(10)
    assert not thread.is_alive()


def test_seq_rises_for_each_trailer_apart(people: Any, device: Device) -> None:
    other = make_trailer(people, "South lot")
    numbers = [order(device, people).seq for _n in range(3)]
    Command.objects.all().delete()
    numbers.append(order(device, people).seq)
    assert numbers == [1, 2, 3, 4]
    assert Trailer.objects.get(pk=other.pk).command_seq == 0
