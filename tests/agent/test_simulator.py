"""The simulator: believable, repeatable, always of the contract's form, and steered from loopback only."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.__main__ import parser as agent_parser
from agent.client import Refusal
from agent.identity import console_keys, enrol_trailer, load_config
from agent.incidents import LOOKALIKES, Director
from agent.signing import b64url, load_private_key, public_bytes
from agent.simulator import Simulator
from alerts.forbidden import check
from alerts.schemas import alert_from
from tests.agent.console import Console, problem
from tests.agent.lists import listed
from tests.agent.parts import until, write_key
from trailers.points import Point

HOTLIST = {"list_id": "mto-on", "version": 412}
SAMPLES = [
    {"plate": "CABC123", "jurisdiction": "CA-ON", "entry_id": "e-1", "category": "stolen_vehicle"},
    {"plate": "KXVW447", "jurisdiction": "CA-ON", "entry_id": "e-2", "category": "amber_alert"},
    {"plate": "O8Z", "jurisdiction": "CA-QC", "entry_id": "e-3", "category": "wanted_vehicle"},
]
LISTED = listed(
    412, *((one["entry_id"], one["plate"], one["jurisdiction"], one["category"]) for one in SAMPLES)
)
FOLD = str.maketrans("OQILZSGB", "00112568")


def director(seed: int = 1) -> Director:
    return Director(seed, SAMPLES)


def hit_of(stage: Director) -> dict[str, Any]:
    """What a trailer with the sample list makes of the next read."""
    read = stage.plate_read()
    found = [row for row in SAMPLES if str(row["plate"]).translate(FOLD) == read["plate"].translate(FOLD)]
    same = (read["plate"], read["jurisdiction"]) == (found[0]["plate"], found[0]["jurisdiction"])
    reference = {**HOTLIST, "entry_id": found[0]["entry_id"]}
    return {**read, "match": "exact" if same else "lookalike", "hotlist": reference}


def alert(kind: str, block: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema": "csrp.alert/1", "id": "0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978", "trailer": "TRL-0007",
        "kind": kind, "occurred_at": "2026-04-27T23:14:07.412Z", "clock": {"source": "ntp", "error_ms": 40},
        "seq": 1, "deployment": "DEP-2026-0031", kind: block,
    }  # fmt: skip


def test_five_hundred_of_each_fit_the_consoles_own_schema():
    stage = director()
    for _ in range(500):
        for kind, block in (("gunshot", stage.gunshot(43.69, -79.64)), ("alpr_hit", hit_of(stage))):
            body = json.loads(json.dumps(alert(kind, block)))
            check(body)
            alert_from(body)


def test_gunshots_are_near_with_one_to_six_rounds():
    stage = director()
    for _ in range(200):
        shot = stage.gunshot(43.69, -79.64)
        north = (shot["location"]["lat"] - 43.69) * 111_195
        east = (shot["location"]["lon"] + 79.64) * 111_195 * 0.7231
        assert 45 < (north**2 + east**2) ** 0.5 < 470
        assert 1 <= shot["rounds"] <= 6 and 12 < shot["location"]["uncertainty_m"] < 100
    assert stage.gunshot(43.69, -79.64, rounds=3)["rounds"] == 3


def test_lookalikes_are_equal_only_after_folding():
    stage, seen = director(), set()
    plates = {str(sample["entry_id"]): sample for sample in SAMPLES}
    for _ in range(300):
        hit = hit_of(stage)
        listed = plates[hit["hotlist"]["entry_id"]]
        same = (hit["plate"], hit["jurisdiction"]) == (listed["plate"], listed["jurisdiction"])
        assert (hit["match"] == "exact") == same
        assert hit["plate"].translate(FOLD) == str(listed["plate"]).translate(FOLD)
        assert len(hit["char_confidence"]) == len(hit["plate"])
        seen.add((hit["match"], hit["jurisdiction"] == "unknown"))
    assert seen == {("exact", False), ("lookalike", False), ("lookalike", True)}


def test_every_twin_folds_to_the_same_sign():
    assert all(a.translate(FOLD) == b.translate(FOLD) for a, b in LOOKALIKES.items())


def test_the_night_is_paced_and_the_same_every_time():
    plan = list(itertools.islice(director().plan(5), 60))
    assert plan == list(itertools.islice(director().plan(5), 60))
    assert (plan[0].after_s, plan[0].kind) == (20.0, "gunshot")
    total, gaps = 0.0, []
    for planned in plan[1:]:
        total += planned.after_s
        if total < 3600:
            gaps.append(planned.after_s)
    assert min(gaps) >= 60 and sum(gap <= 180 for gap in gaps) > 0.6 * len(gaps) and max(gaps) > 180
    assert {planned.trailer for planned in plan} == set(range(5))
    assert plan[-1].after_s >= 240, "slower when nobody may be watching"


class Stage:
    """One console and a simulator with one simulated and one other trailer."""

    def __init__(self, tmp_path: Path) -> None:
        key = write_key(tmp_path / "TRL-0007.pem")
        self.console = Console("TRL-0007", "TRL-0007:1", key.public_key())
        self.console.lists.append(LISTED)
        self.path = tmp_path

    async def __aenter__(self) -> Stage:
        await self.console.up()
        self.console.deploy(datetime.now(UTC) + timedelta(hours=1))
        row = {
            "trailer": "TRL-0007", "keyid": "TRL-0007:1", "private_key_file": "TRL-0007.pem",
            "deployment": "DEP-2026-0001", "simulated": True, "label": "Mill Lane",
            "lat": 43.69, "lon": -79.64, "heading_deg": 35,
        }  # fmt: skip
        seed = {
            "trailers": [row, {**row, "trailer": "TRL-0008", "simulated": False}],
            "console_keys": [{"kid": "console:1", "public_key": b64url(public_bytes(self.console.key))}],
            "hotlist": {**HOTLIST, "samples": SAMPLES},
        }
        simulator = Simulator(seed, self.console.url, self.path / "simulator", "", self.path)
        agent = self.agent = simulator.agents["TRL-0007"]
        assert set(simulator.agents) == {"TRL-0007"}, "nobody speaks for the others"
        agent.channel.url = self.console.channel_url
        self.task = asyncio.create_task(simulator.run(0, quiet=True))
        await until(lambda: simulator.port and agent.connected and agent.sensing("gunshot"))
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{simulator.port}", trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.http.aclose()
        await self.console.down()


async def test_an_alert_on_request_is_answered_with_its_id(tmp_path):
    async with Stage(tmp_path) as stage:
        answer = await stage.http.get("/healthz")
        assert answer.json() == {"trailers": [{"trailer": "TRL-0007", "connected": True}]}
        asked = {"trailer": "TRL-0007", "kind": "gunshot", "rounds": 3}
        answer = await stage.http.post("/simulate", json=asked)
        assert answer.status_code == 202
        assert stage.console.alerts[answer.json()["id"]]["gunshot"]["rounds"] == 3
        answer = await stage.http.post("/simulate", json={"trailer": "TRL-0007", "kind": "alpr_hit"})
        assert stage.console.alerts[answer.json()["id"]]["alpr_hit"]["hotlist"]["version"] == 412


async def test_its_figures_tell_which_list_it_compares_with_and_how_old_that_is(tmp_path):
    async with Stage(tmp_path) as stage:
        await until(lambda: stage.agent.plates.version == 412)
        figures = stage.agent.figures
        figures.measure()
        told = msgspec.convert(figures.points.waiting()[-1], Point).health
        assert (told.hotlist_version, told.hotlist_issued_at) == (412, stage.agent.plates.issued_at)
        stage.console.undeploy(2)
        await stage.agent.fetch_desired()
        await until(lambda: stage.agent.plates.version is None)
        figures.measure()
        assert "hotlist_issued_at" not in figures.points.waiting()[-1]["health"]


async def test_a_plate_that_stands_on_no_entry_goes_nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.simulator.LIST_TRIES", 3)
    async with Stage(tmp_path) as stage:
        await until(lambda: stage.agent.plates.version == 412)
        stage.console.lists.append(listed(413, ("e-9", "ZZNONE1", "CA-ON", "stolen_vehicle")))
        await stage.agent.keeper.fetch()
        answer = await stage.http.post("/simulate", json={"trailer": "TRL-0007", "kind": "alpr_hit"})
        assert (answer.status_code, answer.json()) == (502, {"code": "no-hotlist"})
        assert stage.console.alerts == {} and len(stage.agent.buffer) == 0
        stage.console.undeploy(2)
        await stage.agent.fetch_desired()
        await until(lambda: stage.agent.plates.version is None)
        assert not list((tmp_path / "simulator" / "TRL-0007").glob("hotlist*"))


async def test_a_simulated_trailer_stands_where_it_is_deployed_and_where_it_is_set_up(tmp_path):
    async with Stage(tmp_path) as stage:
        for _ in range(50):
            stage.agent.position.take()
            assert stage.agent.permit.fence.outside == 0
        stage.console.undeploy(2)
        await stage.agent.fetch_desired()
        there = {"lat": 43.75, "lon": -79.7}
        args = {"deployment": "DEP-2026-0042", "point": there}
        acks = await stage.console.tell(stage.console.command("self.test", args=args))
        assert acks[-1]["status"] == "done"
        position = stage.agent.status()["position"]
        assert abs(position["lat"] - 43.75) < 1e-4 and position["satellites"] >= 6


async def test_a_refusal_is_passed_on_with_its_code(tmp_path):
    async with Stage(tmp_path) as stage:
        stage.console.script = [problem("hotlist-version-stale", 409)]
        answer = await stage.http.post("/simulate", json={"trailer": "TRL-0007", "kind": "alpr_hit"})
        assert answer.status_code == 502 and answer.json()["code"] == "hotlist-version-stale"
        stage.console.undeploy(2)
        await stage.agent.fetch_desired()
        answer = await stage.http.post("/simulate", json={"trailer": "TRL-0007", "kind": "gunshot"})
        assert answer.status_code == 502 and answer.json()["code"] == "not-deployed"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"trailer": "TRL-0008", "kind": "gunshot"}, 404), ({"trailer": "TRL-0007", "kind": "scream"}, 400),
        ({"trailer": "TRL-0007", "kind": "gunshot", "rounds": 101}, 400), ({"trailer": "TRL-0007"}, 400),
        ({"trailer": "TRL-0007", "kind": "gunshot", "rounds": True}, 400), ([], 400), ("x" * 5000, 413),
        ({"trailer": [], "kind": "gunshot"}, 400), ({"trailer": "TRL-0007", "kind": []}, 400),
    ],
)  # fmt: skip
async def test_nonsense_raises_nothing(tmp_path, body, status):
    async with Stage(tmp_path) as stage:
        answer = await stage.http.post("/simulate", json=body)
        assert answer.status_code == status and stage.console.alerts == {}


async def test_other_routes_do_not_exist(tmp_path):
    async with Stage(tmp_path) as stage:
        assert (await stage.http.get("/simulate")).status_code == 404
        assert (await stage.http.post("/healthz", json={})).status_code == 404


async def test_a_page_of_another_site_raises_no_alert(tmp_path):
    """Such a page can post plain text without asking the browser, but not JSON."""
    async with Stage(tmp_path) as stage:
        body = json.dumps({"trailer": "TRL-0007", "kind": "gunshot"})
        answer = await stage.http.post("/simulate", content=body, headers={"Content-Type": "text/plain"})
        assert answer.status_code == 415


async def test_enrolment_proves_possession_and_keeps_the_key_private(tmp_path):
    stage = Console("TRL-0007", "TRL-0007:1", Ed25519PrivateKey.generate().public_key())
    await stage.up()
    state = tmp_path / "state"
    identity = await enrol_trailer(state, stage.url, "one-use-token-0001", "serial-1", "")
    assert identity["trailer"] == "TRL-0007" and identity["authority"] == f"127.0.0.1:{stage.http_port}"
    (sent,) = stage.enrolments
    assert set(sent) == {"token", "public_key", "serial", "agent_version", "capabilities", "audio", "proof"}
    assert sent["public_key"] == b64url(public_bytes(load_private_key(state / "device.key")))
    assert {path.stat().st_mode & 0o077 for path in state.iterdir()} == {0}
    config = load_config(state)
    assert config.keyid == "TRL-0007:1" and config.console_keys == {"console:1": public_bytes(stage.key)}
    before = (state / "device.key").read_bytes()
    with pytest.raises(Refusal, match="410 token-used"):
        await enrol_trailer(state, stage.url, "one-use-token-0001", "serial-1", "")
    assert (state / "device.key").read_bytes() == before, "a refused enrolment changes nothing"
    await stage.down()


def test_a_console_without_usable_keys_is_not_trusted():
    for rows in ([], [{"kid": "console:1", "public_key": "AAAA"}]):
        with pytest.raises(ValueError):
            console_keys(rows)


def test_the_command_line():
    asked = agent_parser().parse_args(["--state", "/s", "--console", "http://c", "enrol", "--token", "t"])
    assert (asked.verb, asked.token, asked.state) == ("enrol", "t", Path("/s"))
