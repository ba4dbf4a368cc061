"""A camera that speaks ONVIF: it moves, it ends every movement, and whatever it answers the agent goes on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import onvif.client
import pytest

from agent import hardware
from agent import onvif as heads
from agent.clock import AgentClock
from agent.desired import Desired
from agent.onvif import Account, CameraAway, CameraFault, CameraRefuses, OnvifHead
from agent.ports import Cannot, Kept, Pose, Ptz
from agent.spaces import Reach
from agent.trailer import TrailerAgent
from agent.turret import Turret
from tests.agent.onvifcamera import GENERIC, HFOV_DEG, PAN_DEG, SPHERICAL, TILT_DEG, OnvifCamera, duration_s
from tests.agent.parts import GUNSHOT, MovedClock, pair, running, until
from tests.agent.test_trailer import SOON

KNOWN = Reach(PAN_DEG, TILT_DEG, HFOV_DEG)


@contextlib.asynccontextmanager
async def following(camera: OnvifCamera, **account: Any) -> AsyncIterator[OnvifHead]:
    """A head that keeps its way to this camera."""
    told = {"user": "agent", "password": "pa:ss word", "reach": KNOWN, **account}
    head = OnvifHead(Account("127.0.0.1", camera.port, **told))
    task = asyncio.create_task(head.run())
    try:
        yield head
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), "whatever the camera did, this did not end by itself"


@contextlib.asynccontextmanager
async def pointed(**camera: Any) -> AsyncIterator[tuple[OnvifCamera, OnvifHead]]:
    """A camera whose time is moved, and its head."""
    async with OnvifCamera(MovedClock(), **camera) as one, following(one) as head:
        yield one, head


def near(pose: Pose | None, pan: float, tilt: float, hfov: float) -> bool:
    assert pose is not None
    return (pose.pan_deg, pose.tilt_deg, pose.hfov_deg) == pytest.approx((pan, tilt, hfov), abs=0.01)


def turret(head: OnvifHead, **desired: Any) -> Turret:
    return Turret(head, lambda: Desired(**desired), lambda: True, AgentClock(), lambda on: None)


@pytest.mark.parametrize("space", [SPHERICAL, GENERIC])
async def test_it_moves_stops_aims_and_goes_to_its_places(space):
    async with pointed(space=space) as (camera, head):
        assert near(await head.pose(), 0, 0, 65)
        await head.move(0.5, -0.25, 0.0, 2.0)
        camera.clock.move(1.0)
        assert near(await head.pose(), 30, -10, 65), "right is clockwise, and down is down"
        await head.stop()
        camera.clock.move(1.0)
        assert near(await head.pose(), 30, -10, 65)
        await head.move(0.0, 0.0, 1.0, 1.0)
        camera.clock.move(1.0)
        assert near(await head.pose(), 30, -10, 32.5)
        await head.aim(Pose(-120.0, 10.0, 34.0))
        camera.clock.move(5.0)
        assert near(await head.pose(), -120, 10, 34)
        await head.aim(Pose(-90.0, 0.0))
        camera.clock.move(5.0)
        assert near(await head.pose(), -90, 0, 34), "an unknown width leaves the zoom"
        await head.preset(1)
        camera.clock.move(5.0)
        assert near(await head.pose(), 45, -5, 65)
        await head.preset(2)
        camera.clock.move(5.0)
        assert near(await head.pose(), 90, -5, 65), "by its name, when no token is that number"
        with pytest.raises(Cannot, match="unknown-preset"):
            await head.preset(3)
        await head.home()
        camera.clock.move(5.0)
        assert near(await head.pose(), 0, -5, 65)
        assert camera.names() == [
            "ContinuousMove", "Stop", "ContinuousMove", "AbsoluteMove", "AbsoluteMove", "GotoPreset",
            "GotoPreset", "GotoHomePosition",
        ]  # fmt: skip
        assert {told["ProfileToken"] for name, told in camera.calls if "ProfileToken" in told} == {"P1"}
        assert not camera.refused, "each call was signed for this camera, and with a nonce of its own"


def test_it_is_a_port_that_the_agent_keeps_up():
    head = OnvifHead(Account("127.0.0.1", 80, "agent", "pa:ss word"))
    port: Ptz = head
    assert isinstance(port, Kept) and "pa:ss" not in repr(head.account)


async def test_a_camera_that_is_left_alone_ends_its_movement_by_itself():
    async with pointed() as (camera, head):
        await head.move(0.5, 0.0, 0.0, 0.3)
        camera.clock.move(60.0)
        assert near(await head.pose(), 9, 0, 65), "half speed for 0.3 s, though nobody said stop"


async def test_an_end_shorter_than_the_camera_can_keep_is_its_shortest_and_the_agents_own_comes_first():
    async with OnvifCamera(AgentClock(), least_timeout_s=1.0) as camera, following(camera) as head:
        await turret(head).move({"pan": 0.5, "timeout_ms": 100})
        await until(lambda: camera.names() == ["ContinuousMove", "Stop"], 3)
        [moved] = [told for name, told in camera.calls if name == "ContinuousMove"]
        assert duration_s(moved["Timeout"]) == 1.0


async def test_a_camera_that_keeps_no_end_is_stopped_all_the_same():
    async with OnvifCamera(AgentClock(), obeys_timeout=False) as camera, following(camera) as head:
        one = turret(head)
        await one.move({"pan": 0.5, "timeout_ms": 150})
        await until(lambda: "Stop" in camera.names(), 3)
        assert one.moves_until is None and 2 < (await camera.head.pose()).pan_deg < 60


async def test_a_camera_whose_clock_is_wrong_is_asked_by_its_own_time():
    async with pointed(behind=timedelta(hours=3)) as (camera, head):
        assert near(await head.pose(), 0, 0, 65) and not camera.refused


async def test_another_profile_is_asked_for_and_one_that_is_not_there_is_no_camera():
    async with OnvifCamera(MovedClock()) as camera:
        async with following(camera, profile="P2") as head:
            await head.stop()
            assert camera.calls[-1] == ("Stop", {"ProfileToken": "P2", "PanTilt": "true", "Zoom": "true"})
        async with following(camera, profile="P0") as head:
            with pytest.raises(CameraFault, match="no profile P0 that can be moved"):
                await head.stop()


async def test_nobody_else_is_asked_for_anything(monkeypatch):
    asked: list[Any] = []
    connect = socket.socket.connect

    def only_here(one: socket.socket, address: Any) -> None:
        asked.append(address[0])
        assert address[0] == "127.0.0.1"
        connect(one, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
    monkeypatch.setattr(onvif.client, "_DOCUMENT_CACHE", {})
    async with pointed() as (_, head):
        await head.stop()
    assert set(asked) == {"127.0.0.1"}, "neither for the descriptions, nor where the camera says it is"


# --- what goes wrong ------------------------------------------------------------------------------


async def test_a_camera_that_is_away_fails_at_once_is_told_once_and_is_found_when_it_comes(
    monkeypatch, caplog
):
    monkeypatch.setattr(heads, "AWAY_S", 0.05)
    async with OnvifCamera(MovedClock()) as camera:
        pass
    async with following(camera) as head:
        with pytest.raises(CameraAway):
            await head.pose()
        with pytest.raises(Cannot, match="camera-fault"):
            await turret(head).move({"pan": 0.5, "timeout_ms": 100})
        async with camera:
            await until(lambda: head._link)
            assert near(await head.pose(), 0, 0, 65)
        with pytest.raises(CameraAway):
            await head.pose()
        async with camera:
            assert near(await head.pose(), 0, 0, 65), "one call that failed does not lose it"
    told = [record.getMessage() for record in caplog.records if record.name == "agent.onvif"]
    assert [line for line in told if line.startswith("no camera at 127.0.0.1")] == [told[0]]


async def test_wrong_credentials_are_told_and_not_tried_again_and_again(caplog):
    async with OnvifCamera(MovedClock()) as camera, following(camera, password="wrong") as head:
        for _ in range(20):
            with pytest.raises(CameraRefuses):
                await head.pose()
        assert sum(camera.refused.values()) <= 3 and camera.calls[1:] == [], "makers lock such an account"
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert told.count("does not take the name and password") == 1
    assert "wrong" not in told and "SECRET TEXT" not in told


async def test_a_camera_that_changed_its_password_or_its_clock_is_tried_once_and_then_left_alone(monkeypatch):
    async with pointed() as (camera, head):
        await head.stop()
        camera.behind = timedelta(hours=1)
        with pytest.raises(CameraRefuses):
            await head.stop()
        await until(lambda: head._link)
        await head.stop()
        before = sum(camera.refused.values())
        camera.password = "another"
        for _ in range(20):
            with pytest.raises(CameraRefuses):
                await head.stop()
            await asyncio.sleep(0)
        assert sum(camera.refused.values()) == before + 1


@pytest.mark.parametrize(
    "change",
    [
        {"tells_position": False}, {"faults": {"GetStatus": ("ActionNotSupported", 400)}},
        {"space": "http://maker.example/PanTiltSpaces/Own"},
    ],
)  # fmt: skip
async def test_a_camera_that_does_not_say_where_it_looks_shows_nothing_near_a_window(change):
    async with pointed(**change) as (_, head):
        assert await head.pose() is None
        one = turret(head, forbidden_sectors=((60.0, 120.0),))
        await one.look()
        assert one.masked
        with pytest.raises(Cannot, match="forbidden-sector"):
            await one.move({"pan": 0.5, "timeout_ms": 100})


async def test_numbers_without_a_unit_and_without_a_note_are_no_direction():
    async with OnvifCamera(MovedClock(), space=GENERIC) as camera, following(camera, reach=Reach()) as head:
        assert await head.pose() is None
        with pytest.raises(Cannot, match="unsupported"):
            await head.aim(Pose(10.0, 0.0))
        await head.move(0.5, 0.0, 0.0, 0.5)
        assert camera.names() == ["ContinuousMove"], "it can be steered by sight"


async def test_a_camera_that_says_nothing_of_its_spaces_can_be_steered(monkeypatch):
    async with pointed(faults={"GetConfigurationOptions": ("ActionNotSupported", 400)}) as (camera, head):
        await head.move(0.5, 0.0, 0.0, 0.5)
        assert camera.calls[-1][1]["Velocity"]["PanTilt"]["x"] == "0.5"
        with pytest.raises(Cannot, match="unsupported"):
            await head.aim(Pose(10.0, 0.0))


async def test_what_the_camera_refuses_to_do_is_a_failure_and_no_end():
    async with pointed(faults={"ContinuousMove": ("InvalidVelocity", 400)}) as (_, head):
        with pytest.raises(CameraFault, match=r"^InvalidVelocity$"):
            await head.move(0.5, 0.0, 0.0, 0.5)
        with pytest.raises(Cannot, match="camera-fault"):
            await turret(head).move({"pan": 0.5, "timeout_ms": 100})
        await head.stop()


@pytest.mark.parametrize(
    "name", ["GetSystemDateAndTime", "GetCapabilities", "GetProfiles", "GetStatus", "Stop"]
)
@pytest.mark.parametrize(
    "answer",
    [(200, b"<html>log in</html>"), (500, b""), (200, b""), (200, b"<a"), (404, b"no"), (200, b"\xff" * 99)],
)
async def test_rubbish_ends_nothing(name, answer, monkeypatch):
    monkeypatch.setattr(heads, "AWAY_S", 0.02)
    async with pointed() as (camera, head):
        camera.script = {name: answer}
        with pytest.raises((CameraAway, CameraFault, Cannot)):
            await head.pose()
            await head.stop()
        camera.script = {}
        await until(lambda: head._link)
        assert near(await head.pose(), 0, 0, 65)


# --- a whole agent --------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    (folder / "camera.secret").write_text("agent:pa:ss word\n")
    (folder / "camera.secret").chmod(0o600)
    path = folder / "hardware.toml"
    path.write_text(text.replace("FOLDER", str(folder)))
    return path


async def test_the_hardware_file_gives_an_agent_its_camera_and_it_ends_with_the_agent(tmp_path):
    async with OnvifCamera(AgentClock()) as camera:
        text = (
            f'[ptz]\naddress = "127.0.0.1"\nport = {camera.port}\naccount = "FOLDER/camera.secret"\n'
            "hfov_deg = [65, 3]\n"
        )
        console, make = pair(tmp_path)
        console.deploy(datetime.now(UTC) + SOON)
        await console.up()
        first = make()
        first.store.close()
        for name, value in hardware.read(written(tmp_path, text)).items():
            setattr(first.config, name, value)
        agent = TrailerAgent(first.config)
        async with running(agent):
            await until(lambda: agent.connected and agent.sensing("gunshot") and agent.config.ptz._link)
            alert, _ = await agent.report_and_wait("gunshot", GUNSHOT)
            args = {"pan": 0.5, "tilt": 0, "zoom": 0, "timeout_ms": 200}
            acks = await console.tell(console.command("ptz.move", alert, args=args))
            assert acks[-1]["status"] == "done"
            await until(lambda: camera.names() == ["ContinuousMove", "Stop"])
            args = {"az_deg": 55.4, "tilt_deg": -1.6, "hfov_deg": 9}
            assert (await console.tell(console.command("ptz.slew", alert, args=args)))[-1]["status"] == "done"
            assert camera.calls[-1][0] in ("AbsoluteMove", "GetStatus")
        assert agent.config.ptz._link is None
        await console.down()


GOOD = '[ptz]\naddress = "192.168.20.10"\naccount = "FOLDER/camera.secret"\n'


def test_what_was_written_down_of_a_camera_is_taken(tmp_path):
    more = 'port = 8080\nprofile = "P2"\npan_deg = [-170, 170]\ntilt_deg = [-90, 20.5]\n'
    more += "hfov_deg = [62, 20, 2.3]\n"
    account = hardware.read(written(tmp_path, GOOD + more))["ptz"].account
    assert account == Account(
        "192.168.20.10", 8080, "agent", "pa:ss word", "P2",
        Reach((-170.0, 170.0), (-90.0, 20.5), (62.0, 20.0, 2.3)),
    )  # fmt: skip
    assert hardware.read(written(tmp_path, GOOD))["ptz"].account.reach == Reach()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('address = "camera.example"', "address: the camera's"),
        ('address = "8.8.8.8"', "address: the camera's"),
        ("port = 0", "1 to 65535"), ("profile = 7", "profile: the token"), ("user = 1", "nothing else"),
        ("account = 7", "account: the name of a file"), ('account = "FOLDER/none"', "can't be read"),
        ('account = "FOLDER/nocolon"', "holds no name:password"),
        ("pan_deg = [170, -170]", "pan_deg: two angles"),
        ("pan_deg = [0, 361]", "pan_deg: two"), ("pan_deg = [1]", "pan_deg: two"),
        ("pan_deg = 7", "pan_deg: two"),
        ("tilt_deg = [nan, 1]", "tilt_deg: two"), ("hfov_deg = [3, 62]", "hfov_deg: two or more"),
        ("hfov_deg = [62]", "hfov_deg: two or more"), ("hfov_deg = [62, true]", "hfov_deg: two or more"),
        ("hfov_deg = [180, 3]", "hfov_deg: two or more"), ("hfov_deg = [9, 0]", "hfov_deg: two or more"),
        ("hfov_deg = []", "hfov_deg: two or more"),
    ],
)  # fmt: skip
def test_a_camera_that_is_set_up_wrongly_is_refused_with_a_sentence(tmp_path, line, says):
    (tmp_path / "nocolon").write_text("agent")
    (tmp_path / "nocolon").chmod(0o600)
    kept = [one for one in GOOD.splitlines() if one.partition(" ")[0] != line.partition(" ")[0]]
    with pytest.raises(ValueError, match=says) as why:
        hardware.read(written(tmp_path, "\n".join([*kept, line])))
    assert "pa:ss" not in str(why.value)


def test_without_the_extra_the_sentence_says_which(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "agent.onvif", None)
    with pytest.raises(ValueError, match="needs the library of the extra `onvif`"):
        hardware.read(written(tmp_path, GOOD))
