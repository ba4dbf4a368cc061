"""The real agent over a real server: its self-test passes the installation, and an end is confirmed by it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from accounts.services import acting
from agent.fence import Fix
from agent.signing import unb64url
from agent.trailer import Config, TrailerAgent
from alerts.models import Alert
from csoc.lib import clock as console_clock
from deployments import services
from deployments.models import Deployment
from tests.agent.parts import Camera
from tests.trailers.cast import Device
from tests.trailers.test_channel import PATH, port, redis_url, wait_until, web
from trailers import consolekey
from trailers.models import DesiredState, TrailerStatus
from trailers.selectors import modules_confirmed

from .setting_up import SettingUp, setting_up

__all__ = ["port", "redis_url", "web"]


@pytest.fixture
def site(scene_template: str, own_database: str, data_dir: Path, port: int, settings: Any) -> SettingUp:
    settings.PUBLIC_URL, settings.PUBLIC_AUTHORITY = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
    return setting_up(data_dir)


@pytest.fixture
def device(site: SettingUp) -> Device:
    return site.device


class Living:
    """The agent and the loop it lives in: its store belongs to that thread alone."""

    def __init__(self, agent: Living) -> None:
        self.agent, self.loop = agent, asyncio.get_running_loop()

    def modules(self) -> dict[str, str]:
        """What it says of its sensors."""

        async def ask() -> dict[str, str]:
            return self.agent.modules()

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(5)


@pytest.fixture
def agent(web: str, site: SettingUp, tmp_path: Path) -> Iterator[Living]:
    """The trailer's own program, in a loop of its own."""
    keys = {key["kid"]: unb64url(key["public_key"]) for key in consolekey.public_keys()}
    key_file = tmp_path / "trailer.pem"
    key_file.write_bytes(site.scene.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    place = Fix(site.deployment.lat or 0.0, site.deployment.lon or 0.0, 9, 2.5)
    config = Config(
        site.scene.trailer.name, site.scene.key.keyid, key_file,
        "http" + web.removeprefix("ws").removesuffix(PATH),
        keys, tmp_path / "agent", fix=lambda: place, publisher=Camera,
    )  # fmt: skip
    made: list[Living] = []
    ending = threading.Event()

    async def live() -> None:
        made.append(Living(TrailerAgent(config)))
        task = asyncio.create_task(made[0].agent.run())
        while not ending.is_set() and not task.done():
            await asyncio.sleep(0.05)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    try:
        wait_until(lambda: made and made[0].agent.connected, 20)
        yield made[0]
    finally:
        ending.set()
        thread.join(10)
    assert not thread.is_alive()


def status(site: SettingUp) -> TrailerStatus:
    return TrailerStatus.objects.get(trailer=site.scene.trailer)


def test_from_the_self_test_to_the_last_module_off(site: SettingUp, agent: Living) -> None:
    site.open()
    site.record("heading", site.deployment.heading_deg)
    site.record("masks")
    site.record("speaker")
    with acting(site.technician):
        services.ask_for_test_alert(actor=site.technician, deployment_id=site.deployment.pk)
    wait_until(lambda: site.points()["test_alert"].state == "passed", 10)
    assert set(agent.modules().values()) == {"off"} and not Alert.objects.exists()
    assert site.complete() == [], "place, clock and recording are the agent's own words"

    site.activate()
    wait_until(lambda: status(site).modules["acoustic"]["on"], 10)
    assert agent.agent.desired.forbidden_sectors == ((10.0, 40.0),)
    assert agent.modules() == dict.fromkeys(agent.modules(), "on")

    ended_at = console_clock.now()
    consent = Deployment.objects.get(pk=site.deployment.pk).consent
    applicant = site.scene.users["applicant"]
    with acting(applicant):
        services.withdraw_consent(actor=applicant, consent_id=consent.pk if consent else 0)
    version = DesiredState.objects.get(trailer=site.scene.trailer).version
    wait_until(lambda: all(modules_confirmed(site.scene.trailer, ended_at, version).values()), 5)
    confirmed = modules_confirmed(site.scene.trailer, ended_at, version)
    assert all((at - ended_at).total_seconds() < 5 for at in confirmed.values() if at is not None)
    wait_until(lambda: status(site).desired_version == version, 5)


def test_a_trailer_that_is_towed_off_ends_its_deployment(
    site: SettingUp, agent: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.trailer.FIX_S", 0.2)
    assert site.everything() == []
    site.activate()
    wait_until(lambda: agent.modules()["acoustic"] == "on", 10)
    away = Fix((site.deployment.lat or 0.0) + 0.001, site.deployment.lon or 0.0, 9)
    agent.agent.config.fix = lambda: away
    # The loop sleeps through its old pace once.
    wait_until(lambda: Deployment.objects.get(pk=site.deployment.pk).state == "deactivated", 20)
    assert Deployment.objects.get(pk=site.deployment.pk).deactivation_reason == "fault"
    assert set(agent.modules().values()) == {"off"}
