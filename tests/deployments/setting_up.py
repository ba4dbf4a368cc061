"""A trailer that is to be set up: authorised, not active, with a key and a technician."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.test import Client

from accounts.models import User
from accounts.services import acting
from csoc import seed
from csoc.lib import clock
from deployments import services
from deployments.models import Deployment, InstallationCheck
from deployments.selectors import installing
from tests.scene import Scene, standing
from tests.trailers.cast import Device
from trailers import keyring
from trailers import services as trailer_services
from trailers.models import TrailerStatus
from trailers.schemas import Position, Report

OFF = {"acoustic": "off", "alpr": "off", "ptz": "off", "speaker": "off"}


@dataclass
class SettingUp:
    """The scene, and the deployment that is authorised now."""

    scene: Scene
    deployment: Deployment

    @property
    def technician(self) -> User:
        return self.scene.users["technician"]

    @property
    def device(self) -> Device:
        return Device(self.scene.trailer, self.scene.key, self.scene.private)

    def open(self) -> Any:
        with acting(self.technician):
            return services.open_installation(actor=self.technician, deployment_id=self.deployment.pk)

    def record(self, item: str, value: float | None = None) -> InstallationCheck:
        with acting(self.technician):
            return services.record_point(
                actor=self.technician, deployment_id=self.deployment.pk, item=item, value=value
            )

    def complete(self) -> list[str]:
        with acting(self.technician):
            return services.complete_installation(actor=self.technician, deployment_id=self.deployment.pk)

    def activate(self) -> Deployment:
        with acting(self.technician):
            return services.activate_deployment(actor=self.technician, deployment_id=self.deployment.pk)

    def says(self, *, north_m: float = 0.0, skew_s: float = 0.0, **told: Any) -> TrailerStatus:
        """The trailer speaks: where it stands, what time it thinks it is, which modules are on."""
        assert self.deployment.lat is not None and self.deployment.lon is not None
        fix = Position(
            self.deployment.lat + north_m / 111_190, self.deployment.lon, told.pop("satellites", 9)
        )
        report = Report(
            at=clock.wire(clock.now() + timedelta(seconds=skew_s)), position=fix,
            **{"modules": OFF, **told},
        )  # fmt: skip
        return trailer_services.heartbeat(trailer=self.scene.trailer, report=report, actor=self.scene.key)

    def body(self, **changes: Any) -> dict[str, Any]:
        """A gunshot that names the deployment that is being set up."""
        return self.scene.gunshot(**{"deployment": self.deployment.name, **changes})

    def post(self, body: Any) -> Any:
        path = "/api/v1/alerts/bulk/" if isinstance(body, list) else "/api/v1/alerts/"
        return self.device.post(path, body)

    def points(self) -> dict[str, installing.Point]:
        found = Deployment.objects.select_related("authorisation", "consent").get(pk=self.deployment.pk)
        return {point.item: point for point in installing.checklist(found, clock.now())}

    def missing(self) -> list[str]:
        found = Deployment.objects.select_related("authorisation", "consent").get(pk=self.deployment.pk)
        return installing.missing(found, clock.now())

    def everything(self) -> list[str]:
        """All that a technician does beside the trailer; returns what is missing."""
        self.open()
        self.record("heading", self.deployment.heading_deg)
        self.record("masks")
        self.record("speaker")
        assert self.post(self.body()).status_code == 201
        self.says()
        return self.complete()

    def browser(self, role: str) -> Client:
        client = Client()
        who = {"username": self.scene.users[role].username}
        assert client.post("/demo/sign-in/", who, content_type="application/json").status_code == 204
        return client


def setting_up(data_dir: Path) -> SettingUp:
    """End what stands on trailer 7 and authorise another deployment of it, with two masks."""
    keyring.forget()
    scene = standing(data_dir)
    users = scene.users
    with acting(users["supervisor"]):
        services.deactivate_deployment(actor=users["supervisor"], deployment_id=scene.deployment.pk)
    # What it told at its first installation is over: here it has not spoken yet.
    TrailerStatus.objects.filter(trailer=scene.trailer).update(
        link_at=None, lat=None, lon=None, fix_at=None, clock_skew_ms=None, modules={}, modules_at=None
    )
    plan = next(plan for plan in seed.PLANS if plan.number == scene.trailer.number)
    answers = seed.answers(plan, scene.trailer, clock.now())
    answers["place"]["forbidden_sectors"] = [{"from_deg": 10.0, "to_deg": 40.0, "why": "bedroom windows"}]
    with acting(users["applicant"]):
        draft = services.create_deployment(actor=users["applicant"], trailer=scene.trailer, site=plan.label)
        filled = services.edit_sections(
            actor=users["applicant"], deployment_id=draft.pk, version=draft.version, sections=answers
        )
        sent = services.submit_deployment(
            actor=users["applicant"], deployment_id=draft.pk, version=filled.version
        )
    authorised = seed.authorise(sent, users["supervisor"])
    return SettingUp(scene, Deployment.objects.select_related("trailer", "agency").get(pk=authorised.pk))
