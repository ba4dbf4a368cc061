"""A whole agent against a small console over real sockets: report, lose the link, come back, obey, stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.clock import wire
from agent.fence import Fix
from agent.permit import SensorsOff
from agent.trailer import TrailerAgent
from alerts.schemas import AlertBody
from tests.agent.console import Console, problem
from tests.agent.parts import GUNSHOT, HIT, Camera, pair, running, until

SOON = timedelta(hours=1)


@contextlib.asynccontextmanager
async def deployed(tmp_path: Path) -> AsyncIterator[tuple[Console, TrailerAgent]]:
    """A console, and an agent that is connected to it and deployed."""
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    await console.up()
    agent = make()
    async with running(agent):
        await until(lambda: agent.connected and agent.sensing("gunshot"))
        yield console, agent
    await console.down()


async def test_an_alert_is_signed_and_of_the_contracts_form(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert answer.status == 201 and len(agent.buffer) == 0
        alert = console.alerts[alert_id]
        assert set(alert) == {
            "schema", "id", "trailer", "kind", "occurred_at", "clock", "seq", "deployment", "position",
            "gunshot",
        }  # fmt: skip
        assert (alert["seq"], alert["deployment"], alert["kind"]) == (1, "DEP-2026-0001", "gunshot")


async def test_an_alert_tells_of_its_clock_and_place_only_what_is_known(tmp_path):
    async with deployed(tmp_path) as (console, agent):

        async def told() -> tuple[dict, dict | None]:
            alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
            alert = console.alerts[alert_id]
            msgspec.convert(alert, AlertBody)
            return alert["clock"], alert.get("position")

        assert await told() == ({"source": "unknown"}, {"lat": 43.69, "lon": -79.64})
        agent.config.fix = lambda: Fix(43.6901, -79.6401, 9, 2.5)
        agent.config.time_source = lambda: {"source": "gnss", "error_ms": 5}
        agent.position.take()
        fix = {"lat": 43.6901, "lon": -79.6401, "accuracy_m": 2.5}
        assert await told() == ({"source": "gnss", "error_ms": 5}, fix)
        agent.config.fix = lambda: Fix(43.6901, -79.6401, 3)
        agent.config.time_source = lambda: {"source": "rtc", "error_ms": None}
        agent.position.take()
        assert await told() == ({"source": "rtc"}, None), "too few satellites to say where"
        agent.config.time_source = lambda: {}["no bus"]
        agent.config.fix = lambda: Fix(43.69, -79.64, 9)
        agent.position.take()
        assert await told() == ({"source": "unknown"}, {"lat": 43.69, "lon": -79.64})
        agent.position._taken_s -= 61
        agent.clock.offset = timedelta(seconds=1)
        assert await told() == ({"source": "console"}, None), "an old fix says where it was"


async def test_without_a_link_it_waits_and_is_signed_anew_on_return(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        await console.down()
        await until(lambda: not agent.connected)
        reported = [agent.report("alpr_hit", HIT), agent.report("gunshot", GUNSHOT)]
        await asyncio.sleep(0.2)
        assert console.alerts == {} and len(agent.buffer) == 2
        back = int(datetime.now(UTC).timestamp())
        await console.up()
        agent.sender.wake()
        await until(lambda: len(agent.buffer) == 0)
        (sent,) = [(headers, body) for method, _, headers, body in console.requests if method == "POST"]
        assert [alert["seq"] for alert in sent[1]] == [2, 1], "the gunshot goes first"
        assert [entry.body for entry in reversed(reported)] == sent[1], "what happened is not rewritten"
        created = int(sent[0]["signature-input"].split("created=")[1].split(";")[0])
        assert created >= back, "the signature is of the sending"


async def test_a_restart_sends_what_the_last_run_left(tmp_path):
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    await console.up()
    agent = make()
    await agent.fetch_desired()
    entry = agent.report("gunshot", GUNSHOT)
    await agent.client.close()
    agent.store.close()
    second = make()
    assert second.sensing("gunshot"), "the desired state was kept"
    async with running(second):
        await until(lambda: entry.id in console.alerts)
        _, answer = await second.report_and_wait("gunshot", GUNSHOT)
    assert answer.ok and sorted(alert["seq"] for alert in console.alerts.values()) == [1, 2]
    await console.down()


async def test_a_skewed_clock_is_set_and_the_request_signed_again(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        ahead = wire(datetime.now(UTC) + timedelta(seconds=3))
        console.script = [problem("clock-skew", 401, server_time=ahead)]
        _, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert answer.ok
        assert 2 < agent.clock.offset.total_seconds() < 4
        first, second = console.posts()
        assert first == second, "only the signature is new"


async def test_it_signs_three_times_more_and_then_waits(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        console.script = [problem("replayed-nonce", 401)] * 9
        agent.report("gunshot", GUNSHOT)
        await until(lambda: "replayed-nonce" in agent.faults)
        await asyncio.sleep(0.1)
        assert len(console.posts()) == 4 and len(agent.buffer) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [("bad-json", 400), ("id-conflict", 409), ("too-old", 410), ("too-large", 413), ("schema", 422)],
)
async def test_what_the_console_will_never_take_is_dropped(tmp_path, code, status):
    async with deployed(tmp_path) as (console, agent):
        console.script = [problem(code, status)]
        _, answer = await agent.report_and_wait("alpr_hit", HIT)
        assert answer.code == code and len(agent.buffer) == 0 and len(console.posts()) == 1
        assert ("schema" in agent.faults) == (status == 422)


async def test_unavailable_keeps_the_alert_until_the_console_asked_to_be_asked(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        console.script = [problem("unavailable", 503, retry_after=1)]
        began = asyncio.get_running_loop().time()
        _, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert answer.ok and len(console.posts()) == 2
        assert asyncio.get_running_loop().time() - began >= 1


async def test_not_deployed_purges_and_waits_for_a_deployment(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        console.undeploy(2)
        console.script = [problem("not-deployed", 403)]
        _, answer = await agent.report_and_wait("gunshot", GUNSHOT)
        assert answer.code == "not-deployed"
        with pytest.raises(SensorsOff, match="not-deployed"):
            agent.report("gunshot", GUNSHOT)
        assert len(agent.buffer) == 0
        console.deploy(datetime.now(UTC) + SOON, version=3, name="DEP-2026-0002")
        await console.socket.send('{"t":"desired-changed"}')
        await until(lambda: agent.sensing("gunshot"))
        assert agent.report("gunshot", GUNSHOT).body["deployment"] == "DEP-2026-0002"


async def test_a_revoked_key_ends_the_agent_with_nothing_left(tmp_path):
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    await console.up()
    agent = make()
    async with running(agent) as task:
        await until(lambda: agent.connected and agent.sensing("gunshot"))
        console.script = [problem("key-revoked", 403)]
        agent.report("gunshot", GUNSHOT)
        await asyncio.wait_for(task, 5)
    assert agent.halted == "key-revoked" and agent.desired.deployment is None
    assert make().buffer.waiting() == []
    await console.down()


async def test_an_upgrade_refused_for_the_key_ends_it_too(tmp_path):
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    console.refuse_channel = problem("key-revoked", 403)
    await console.up()
    agent = make()
    async with running(agent) as task:
        await asyncio.wait_for(task, 5)
    assert agent.halted == "key-revoked"
    await console.down()


async def test_a_bare_refusal_of_the_upgrade_makes_it_ask_for_the_time(tmp_path):
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    console.refuse_channel = (403, None)
    await console.up()
    agent = make()
    console.desired_script = [problem("clock-skew", 401, server_time=wire(datetime.now(UTC)))] * 2
    agent.clock.offset = timedelta(seconds=-3)
    async with running(agent):
        await until(lambda: agent.clock.offset > timedelta(seconds=-1))
        console.refuse_channel = None
        await until(lambda: agent.connected)
    await console.down()


async def test_wrong_trailer_is_a_fault_that_stays(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        console.script = [problem("wrong-trailer", 403)]
        await agent.report_and_wait("gunshot", GUNSHOT)
        assert agent.faults == {"wrong-trailer"} and not agent.sensing("gunshot")


async def test_one_bad_apple_in_the_bulk_is_judged_by_itself(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        first, second = agent.report("gunshot", GUNSHOT), agent.report("alpr_hit", HIT)
        results = [
            {"id": first.id, "status": 201},
            {"id": second.id, "status": 410, "type": "/problems/too-old"},
        ]
        console.script = [(200, results)]
        await until(lambda: len(agent.buffer) == 0)
        assert len(console.posts()) == 1


async def test_a_bulk_that_is_refused_as_a_whole_goes_one_by_one(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        console.script = [problem("too-large", 413)]
        reported = {agent.report("gunshot", GUNSHOT).id for _ in range(3)}
        await until(lambda: set(console.alerts) == reported)


async def test_the_desired_state_is_not_fetched_twice_for_nothing(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        await agent.fetch_desired()
        headers = [headers for method, _, headers, _ in console.requests if method == "GET"][-1]
        assert headers["if-none-match"] == '"1"' and agent.sensing("gunshot")


async def test_sensors_go_off_by_its_own_clock_without_any_console(tmp_path):
    console, make = pair(tmp_path)
    console.deploy(datetime.now(UTC) + SOON)
    await console.up()
    agent = make()
    await agent.fetch_desired()
    assert agent.sensing("gunshot") and agent.sensing("alpr_hit")
    agent.clock.offset = SOON
    assert not agent.sensing("gunshot") and not agent.deployed()
    with pytest.raises(SensorsOff):
        agent.report("gunshot", GUNSHOT)
    await agent.client.close()
    await console.down()


async def test_the_console_hears_hello_and_where_the_trailer_stands(tmp_path):
    async with deployed(tmp_path) as (console, _):
        hello = await asyncio.wait_for(console.inbox.get(), 3)
        assert hello["t"] == "hello" and hello["position"] == {"lat": 43.69, "lon": -79.64}
        assert hello["battery_soc_pct"] is None, "unknown is null"


async def test_a_stream_runs_from_its_command_to_its_stop_and_never_before(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        assert Camera.made == [], "an alert alone opens nothing"
        args = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        acks = await console.tell(console.command("stream.start", alert_id, args=args))
        assert [ack["status"] for ack in acks] == ["received", "done"] and Camera.made[0].active
        acks = await console.tell(console.command("stream.renew", alert_id, args={"lease_s": 60}))
        assert acks[-1]["status"] == "done"
        acks = await console.tell(console.command("stream.stop", alert_id))
        assert acks[-1]["status"] == "done" and not Camera.made[0].active and len(Camera.made) == 1


async def test_commands_that_must_not_run_start_nothing(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        args = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        refused = [
            (
                console.command("stream.start", "0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978", args=args),
                "unknown-alert",
            ),
            (console.command("stream.start", alert_id, args=args, trailer="TRL-0001"), "wrong-trailer"),
            ({**console.command("stream.start", alert_id, args=args), "operator": "u-1"}, "bad-signature"),
            (console.command("format.disk", alert_id), "unsupported"),
        ]
        for message, code in refused:
            assert await console.tell(message) == [
                {"t": "ack", "cmd": message["id"], "status": "refused", "code": code}
            ]
        late = await console.tell(console.command("stream.start", alert_id, args=args, ttl_s=-1))
        assert late[-1]["status"] == "expired" and Camera.made == []


async def test_a_repeated_command_is_answered_and_not_run_again(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        args = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        message = console.command("stream.start", alert_id, args=args)
        await console.tell(message)
        assert [ack["status"] for ack in await console.tell(message)] == ["done"]
        assert len(Camera.made) == 1 and len(Camera.made[0].started) == 1


async def test_a_lost_deployment_ends_the_picture(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        args = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        await console.tell(console.command("stream.start", alert_id, args=args))
        console.undeploy(2)
        await console.socket.send('{"t":"desired-changed"}')
        await until(lambda: not Camera.made[0].active)
        acks = await console.tell(console.command("stream.start", alert_id, args=args))
        assert (acks[-1]["status"], acks[-1]["code"]) == ("refused", "unknown-alert"), "it went with the rest"


async def test_without_the_camera_among_its_modules_no_picture_starts(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        console.deploy(datetime.now(UTC) + SOON, version=2)
        console.desired["modules"]["ptz"] = False
        await console.socket.send('{"t":"desired-changed"}')
        await until(lambda: not agent.may_watch())
        alert_id, _ = await agent.report_and_wait("gunshot", GUNSHOT)
        args = {"lease_s": 60, "whip_url": "http://127.0.0.1:9/w", "token": "t"}
        acks = await console.tell(console.command("stream.start", alert_id, args=args))
        assert (acks[-1]["status"], acks[-1]["code"]) == ("refused", "not-deployed") and Camera.made == []


async def test_rubbish_on_the_channel_changes_nothing(tmp_path):
    async with deployed(tmp_path) as (console, _):
        for text in ("", "{", "[]", '{"t":"cmd"}', '{"t":"new-in-v2"}', '{"t":"cmd","t":"bye"}', "[" * 4000):
            await console.socket.send(text)
        assert [ack["status"] for ack in await console.tell(console.command("ping"))] == ["received", "done"]


async def test_heartbeat_when_due_and_a_silent_socket_is_closed(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        now = agent.clock.monotonic()
        agent.clock.monotonic = lambda: now + 31
        agent.channel.dead_man.heard()
        await agent.channel.beat()
        while (message := await asyncio.wait_for(console.inbox.get(), 3))["t"] != "hb":
            continue
        assert message["desired_version"] == 1
        agent.clock.monotonic = lambda: now + 200
        await agent.channel.beat()
        await until(lambda: console.socket is not None and not agent.connected, 5)


async def test_the_agent_comes_back_by_itself(tmp_path):
    async with deployed(tmp_path) as (console, agent):
        await console.down()
        await until(lambda: not agent.connected)
        await console.up()
        await until(lambda: agent.connected)
