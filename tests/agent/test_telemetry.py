"""Figures of the trailer itself: measured, kept sealed while the link is down, sent after the alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec

from agent import telemetry, weather
from agent.clock import wire
from agent.store import Store
from agent.telemetry import Gauge, Points, late
from tests.agent.console import problem
from tests.agent.parts import GUNSHOT, MovedClock
from tests.agent.test_trailer import deployed
from trailers.points import Point

NOON = datetime(2026, 6, 1, 17, 18, tzinfo=UTC)


def test_a_failing_adapter_is_an_unknown_and_not_the_end() -> None:
    def broken() -> dict[str, float]:
        raise OSError("no bus")

    point = Gauge(power=broken, site=lambda: {"door": "open", "tilt_deg": None}).read(MovedClock(), {})
    assert "power" not in point
    assert point["site"] == {"door": "open"}


def test_points_wait_sealed_in_order_and_within_bounds(tmp_path) -> None:
    store = Store(tmp_path)
    points = Points(store, tmp_path, "TRL-0007", limit=5)
    for n in range(7):
        points.add({"ts": wire(NOON + timedelta(minutes=n)), "health": {"link": "lte"}})
    assert b"lte" not in (tmp_path / "agent.db").read_bytes()
    again = Points(store, tmp_path, "TRL-0007", limit=5)
    assert [point["seq"] for point in again.waiting()] == [3, 4, 5, 6, 7]
    assert again.add({"ts": wire(NOON)}) == 8, "a number is never given twice"
    again.remove([4, 5])
    assert [point["seq"] for point in again.waiting()] == [6, 7, 8]
    Points(store, tmp_path, "TRL-0008")
    (tmp_path / "telemetry.key").unlink()
    assert Points(store, tmp_path, "TRL-0007").waiting() == [], "without its key nothing opens"


def test_a_batch_fits_the_door_and_a_day_the_data_plan(tmp_path) -> None:
    points = Points(Store(tmp_path), tmp_path, "TRL-0007")
    size = 0
    for n in range(250):
        moment = NOON + timedelta(minutes=n)
        points.add({"ts": wire(moment), **weather.point(2, moment, 43.7, -79.6)})
    batch = points.waiting()
    size = len(msgspec.json.encode(batch))
    assert len(batch) == 200 or size > 0.9 * telemetry.BATCH_BYTES
    assert size < 131_072
    assert size / len(batch) * 1440 < 1_000_000, "a day of points"


def test_what_is_told_late_says_so() -> None:
    clock = MovedClock()
    old, new = ({"ts": wire(clock.now() - timedelta(seconds=s)), "seq": s} for s in (121, 10))
    assert late([old, new], clock) == [{**old, "replayed": True}, new]


async def test_alerts_first_and_nothing_is_lost_while_the_link_is_down(tmp_path) -> None:
    async with deployed(tmp_path) as (console, agent):
        console.points_script = [problem("unavailable", 503, retry_after=30)]
        agent.figures.measure()
        await agent.figures.send()
        assert (console.points, len(agent.figures.points)) == ([], 1)
        console.script = [problem("unavailable", 503, retry_after=30)] * 9
        agent.report("gunshot", GUNSHOT)
        agent.figures.measure()
        await agent.figures.send()
        assert console.points == [], "an alert still waits"
        agent.buffer.purge()
        await agent.figures.send()
        assert [point["seq"] for point in console.points] == [1, 2]
        assert console.points[0]["health"]["buffered"] == 0
        assert len(agent.figures.points) == 0
        agent.stop_sensing("not-deployed")
        agent.figures.measure()
        await agent.figures.send()
        assert len(console.points) == 3, "figures need no deployment"


async def test_a_refused_batch_is_dropped_and_a_fault(tmp_path) -> None:
    async with deployed(tmp_path) as (console, agent):
        console.points_script = [problem("schema", 422)]
        agent.figures.measure()
        await agent.figures.send()
        assert (len(agent.figures.points), agent.faults) == (0, {"schema"})


async def test_without_arguments_a_self_test_looks_at_the_trailer_and_raises_nothing(tmp_path) -> None:
    async with deployed(tmp_path) as (console, agent):
        ack = (await console.tell(console.command("self.test")))[-1]
        assert (ack["status"], ack["code"]) == ("failed", "no-power")
        agent.figures.gauge = Gauge(lambda: {"solar_w": 1}, lambda: {"door": "closed"})
        assert (await console.tell(console.command("self.test")))[-1]["status"] == "done"
        assert console.alerts == {}


def test_an_invented_day_is_the_same_each_time_and_fits_the_contract() -> None:
    for index in range(11):
        for hour in range(48):
            moment = NOON + timedelta(minutes=30 * hour)
            said = weather.point(index, moment, 43.7, -79.6)
            assert said == weather.point(index, moment, 43.7, -79.6)
            msgspec.convert({"ts": wire(moment), "seq": 1, **said}, Point)
    noon, night = (weather.power(0, NOON + timedelta(hours=h), 43.7, -79.6)["solar_w"] for h in (0, 12))
    assert night == 0 < 250 < noon
    steps = [
        weather.power(2, NOON + timedelta(minutes=m), 43.7, -79.6)["battery_soc_pct"]
        for m in range(0, 2880, 10)
    ]
    assert max(abs(b - a) for a, b in pairwise(steps)) < 2, "no jump at midnight"
