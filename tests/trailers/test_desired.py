"""Desired state, its ETag, and the trailer as screens see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from csoc.lib import clock as console_clock
from csoc.lib.errors import Misuse, Refused
from trailers import reports, selectors, services
from trailers.desired import Standing
from trailers.models import TrailerStatus
from trailers.schemas import Position, Report

from .cast import Device, People, make_trailer, send

pytestmark = pytest.mark.django_db

DESIRED = "/api/v1/desired/"


def deploy(device: Device, people: People, hours: float = 24, **modules: bool) -> None:
    until = console_clock.now() + timedelta(hours=hours)
    services.set_desired(
        trailer=device.trailer,
        deployment=Standing("DEP-2026-0031", until, 43.69, -79.64, 35.0),
        modules=modules or {"acoustic": True, "alpr": True},
        forbidden_sectors=[{"from_deg": 10, "to_deg": 20}],
        actor=people.dana,
    )


def test_answer_has_the_contracts_members(device: Device, people: People) -> None:
    deploy(device, people)
    body = device.request("GET", DESIRED).json()
    assert set(body) == {
        "version",
        "deployment",
        "modules",
        "forbidden_sectors",
        "presets",
        "hotlist_min_version",
    }
    assert set(body["deployment"]) == {"id", "until", "point", "heading_deg", "geofence_m"}
    assert body["deployment"]["point"] == {"lat": 43.69, "lon": -79.64}
    assert body["deployment"]["until"].endswith("Z")
    assert body["modules"] == {"acoustic": True, "alpr": True, "ptz": False, "speaker": False}


def test_etag_is_304_until_something_changes(device: Device, people: People, clock: Any) -> None:
    deploy(device, people, hours=1)

    def fetch(etag: str | None) -> Any:
        headers = device.headers("GET", DESIRED)
        return send("GET", DESIRED, None, {**headers, **({"If-None-Match": etag} if etag else {})})

    first = fetch(None)
    same = fetch(first["ETag"])
    assert (first.status_code, same.status_code, same.content) == (200, 304, b"")
    assert same["ETag"] == first["ETag"]
    services.announce_hotlist(agency_id=device.trailer.agency_id, min_version=412, actor=people.dana)
    changed = fetch(first["ETag"])
    assert (changed.status_code, changed.json()["hotlist_min_version"]) == (200, 412)
    # The end of a deployment changes the answer without anybody writing a row.
    clock.shift(3601)
    ended = fetch(changed["ETag"])
    assert (ended.status_code, ended.json()["deployment"]) == (200, None)
    assert not any(ended.json()["modules"].values())


def test_version_only_rises(device: Device, people: People) -> None:
    versions = []
    for _time in range(3):
        deploy(device, people)
        versions.append(device.request("GET", DESIRED).json()["version"])
    services.set_desired(trailer=device.trailer, deployment=None, actor=people.dana)
    off = device.request("GET", DESIRED).json()
    assert [*versions, off["version"]] == [2, 3, 4, 5]
    assert off["deployment"] is None
    assert not any(off["modules"].values())


def test_hotlist_version_never_falls_and_is_the_agencys_own(device: Device, people: People) -> None:
    agency = device.trailer.agency_id
    for agency_id, version in ((agency, 412), (agency, 400), (agency + 1, 900)):
        services.announce_hotlist(agency_id=agency_id, min_version=version, actor=people.dana)
    assert device.request("GET", DESIRED).json()["hotlist_min_version"] == 412


def test_nobody_and_unknown_modules_are_misuse(device: Device, people: People) -> None:
    for change in ({"actor": None}, {"modules": {"microphone": True}}):
        with pytest.raises(Misuse):
            services.set_desired(
                **{"trailer": device.trailer, "deployment": None, "actor": people.dana, **change}
            )


@pytest.mark.parametrize(
    "wrong",
    [{"name": "camera.record"}, {"name": "stream.start"}, {"ttl_s": 0}, {"ttl_s": 301}, {"actor": None}],
)
def test_commands_that_may_not_be_sent(device: Device, people: People, wrong: dict[str, Any]) -> None:
    given = {"trailer": device.trailer, "name": "ping", "operator": "u-1", "ttl_s": 5, "actor": people.dana}
    assert services.send_command(**given).state == "queued"
    with pytest.raises(Misuse):
        services.send_command(**{**given, **wrong})


def state(device: Device) -> str:
    return str(selectors.trailer_wire(selectors.get_trailer(device.trailer.name))["state"])


def test_trailer_on_the_wire_off_lost_active_fault(device: Device, people: People, clock: Any) -> None:
    wire = selectors.trailer_wire(selectors.get_trailer(device.trailer.name))
    assert list(wire) == [
        "id",
        "version",
        "label",
        "state",
        "lat",
        "lon",
        "fix_at",
        "heading_deg",
        "deployment",
        "link_at",
        "battery_soc_pct",
        "faults",
    ]
    assert (wire["state"], wire["battery_soc_pct"], wire["deployment"]) == ("off", None, None)
    deploy(device, people)
    assert state(device) == "lost"
    report = Report(position=Position(43.7, -79.6), battery_soc_pct=64.0)
    services.heartbeat(trailer=device.trailer, report=report, actor=device.key)
    assert state(device) == "active"
    services.heartbeat(trailer=device.trailer, report=Report(faults=["door"]), actor=device.key)
    assert TrailerStatus.objects.get().battery_soc_pct == 64.0
    assert state(device) == "fault"
    clock.shift(89)
    assert state(device) == "fault"
    clock.shift(92)
    assert state(device) == "lost"
    wire = selectors.trailer_wire(selectors.get_trailer(device.trailer.name))
    assert (wire["lat"], wire["battery_soc_pct"], wire["deployment"]) == (43.7, 64.0, "DEP-2026-0031")


def test_silence_is_shown_once(device: Device, people: People, clock: Any) -> None:
    deploy(device, people)
    services.heartbeat(trailer=device.trailer, report=Report(), actor=device.key)
    version = TrailerStatus.objects.get().version
    assert reports.show_lost(console_clock.now()) == 0
    clock.shift(95)
    assert reports.show_lost(console_clock.now()) == 1
    assert reports.show_lost(console_clock.now()) == 0
    assert TrailerStatus.objects.get().version == version + 1


def test_screens_hear_at_most_every_three_seconds(
    device: Device, people: People, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = []
    monkeypatch.setattr(reports.realtime, "push_on_commit", lambda group, message: pushed.append(group))
    deploy(device, people)
    pushed.clear()
    for second in (10, 11, 12, 14):
        clock.shift(second)
        services.heartbeat(trailer=device.trailer, report=Report(), actor=device.key)
    assert pushed == ["live", "live"]


def test_trailers_are_seen_by_their_own_agency_only(people: People, device: Device) -> None:
    make_trailer(people, "South lot")
    assert selectors.trailers_visible_to(people.dana).count() == 2
    assert selectors.trailers_visible_to(people.stranger).count() == 0
    assert selectors.trailers_visible_to(None).count() == 0


@pytest.mark.parametrize("name", ["TRL-1", "TRL-00001", "0001", "TRL-9999", "TRL-٠٠٠١", ""])
def test_unknown_names_are_404(people: People, device: Device, name: str) -> None:
    assert selectors.get_trailer("TRL-0001").pk == device.trailer.pk
    with pytest.raises(Refused, match="not-found"):
        selectors.get_trailer(name)
