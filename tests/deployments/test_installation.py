"""The installation window (H18): who opens it, what passes, and that a test alert is never an alert."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from accounts.services import acting
from alerts.models import Alert, AlertDetail, AlertEvent, RefusalCount
from csoc.lib import clock as console_clock
from csoc.lib.errors import Refused
from deployments import services
from deployments.models import Deployment, Installation, InstallationCheck
from trailers.models import Command

from .setting_up import SettingUp, setting_up

pytestmark = pytest.mark.django_db

ALL = ["position", "heading", "masks", "speaker", "test_alert", "recording", "clock"]
SELF_TEST = {"class": "gunshot", "confidence": 1.0, "detector": {"make": "csrp-agent", "model": "self-test"}}


@pytest.fixture
def site(scene_template: str, db: None, data_dir: Path) -> SettingUp:
    return setting_up(data_dir)


def refusal(call: Any, *args: Any, **kw: Any) -> str:
    with pytest.raises(Refused) as refused:
        call(*args, **kw)
    return refused.value.code


def code(answer: Any) -> str:
    return str(json.loads(answer.content)["type"].removeprefix("/problems/"))


# --- the window -----------------------------------------------------------------------------------


def test_everything_in_place_activates(site: SettingUp) -> None:
    assert site.missing() == ALL
    assert refusal(site.activate) == "not-installed"
    assert site.everything() == []
    assert site.activate().state == "active"
    assert not Installation.objects.filter(closed_at=None).exists(), "an active deployment has no window"
    assert refusal(site.open) == "wrong-state"


def test_the_refusal_names_what_is_missing(site: SettingUp) -> None:
    site.open()
    site.record("masks")
    with pytest.raises(Refused) as refused:
        site.activate()
    assert refused.value.status == 422
    assert refused.value.extra["missing"] == [item for item in ALL if item != "masks"]


@pytest.mark.parametrize("role", ["applicant", "supervisor", "dispatcher", "administrator"])
def test_only_a_technician_opens_and_records(site: SettingUp, role: str) -> None:
    user = site.scene.users[role]
    site.open()
    with acting(user):
        for act in (services.open_installation, services.ask_for_test_alert, services.complete_installation):
            assert refusal(act, actor=user, deployment_id=site.deployment.pk) == "not-permitted"
        assert (
            refusal(services.record_point, actor=user, deployment_id=site.deployment.pk, item="masks")
            == "not-permitted"
        )


def test_a_second_opening_begins_the_list_anew(site: SettingUp) -> None:
    assert site.everything() == []
    site.open()
    assert site.missing() == ALL
    assert Installation.objects.filter(deployment=site.deployment, closed_at=None).count() == 1


def test_the_window_ends_after_thirty_minutes_by_the_clock(site: SettingUp, clock: Any) -> None:
    site.open()
    clock.shift(29 * 60)
    assert site.post(site.body()).status_code == 201
    clock.shift(30 * 60 + 1)
    answer = site.post(site.body())
    assert (answer.status_code, code(answer)) == (403, "not-deployed")
    for call in (lambda: site.record("masks"), site.complete):
        assert refusal(call) == "window-closed"
    assert "test_alert" not in site.missing(), "what passed in it still counts"


def test_an_ended_or_returned_deployment_has_no_window(site: SettingUp) -> None:
    site.open()
    supervisor = site.scene.users["supervisor"]
    with acting(supervisor):
        services.deactivate_deployment(actor=supervisor, deployment_id=site.deployment.pk)
    assert code(site.post(site.body())) == "not-deployed"
    assert refusal(site.open) == "wrong-state"


def test_a_withdrawn_consent_closes_it(site: SettingUp) -> None:
    site.open()
    applicant, consent = site.scene.users["applicant"], site.deployment.consent
    assert consent is not None
    with acting(applicant):
        services.withdraw_consent(actor=applicant, consent_id=consent.pk)
    assert code(site.post(site.body())) == "not-deployed"


def test_checks_are_only_ever_added(site: SettingUp) -> None:
    site.open()
    check = site.record("masks")
    for statement in (
        lambda: InstallationCheck.objects.filter(pk=check.pk).update(passed=False),
        InstallationCheck.objects.filter(pk=check.pk).delete,
    ):
        with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic():
            statement()


# --- the points -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "passed"), [(42, True), (47, True), (37, True), (47.1, False), (36.9, False), (222, False)]
)
def test_heading_within_five_degrees(site: SettingUp, measured: float, passed: bool) -> None:
    assert site.deployment.heading_deg == 42
    site.open()
    assert site.record("heading", measured).passed is passed
    assert ("heading" in site.missing()) is not passed


def test_the_newest_measure_counts(site: SettingUp) -> None:
    site.open()
    site.record("heading", 90)
    site.record("heading", 43)
    assert "heading" not in site.missing()
    site.record("heading", 90)
    assert "heading" in site.missing()


@pytest.mark.parametrize("value", [None, -1.0, 360.0, float("nan")])
def test_a_heading_is_a_number_of_degrees(site: SettingUp, value: float | None) -> None:
    site.open()
    assert refusal(site.record, "heading", value) == "heading-missing"


@pytest.mark.parametrize("item", ["position", "clock", "recording", "test_alert", "roof"])
def test_what_the_trailer_tells_is_not_typed(site: SettingUp, item: str) -> None:
    site.open()
    assert refusal(site.record, item) == "not-by-hand"


@pytest.mark.parametrize(
    ("told", "item", "found"),
    [
        ({"north_m": 24.0}, "position", ""),
        ({"north_m": 26.0}, "position", "off-point"),
        ({"satellites": 5}, "position", "weak-fix"),
        ({"skew_s": 1.9}, "clock", ""),
        ({"skew_s": -2.5}, "clock", "clock-skew"),
        ({"modules": {"ptz": "on"}}, "recording", "camera-on"),
        ({}, "recording", ""),
    ],
)
def test_what_the_trailer_tells_is_read(site: SettingUp, told: dict[str, Any], item: str, found: str) -> None:
    site.open()
    assert site.points()[item].now.passed is False, "before it spoke"
    site.says(**told)
    assert (site.points()[item].now.code, site.points()[item].now.passed) == (found, not found)
    assert (item in site.complete()) is bool(found)


def test_a_word_of_three_minutes_ago_says_nothing(site: SettingUp, clock: Any) -> None:
    site.open()
    site.says()
    clock.shift(180)
    assert {"position", "clock", "recording"} <= set(site.complete())
    assert site.points()["position"].now.code == "old-fix"


def test_a_trailer_that_was_towed_off_is_not_activated(site: SettingUp) -> None:
    assert site.everything() == []
    site.says(north_m=60)
    assert site.missing() == ["position"]
    assert refusal(site.activate) == "not-installed"


def test_a_mask_or_a_ceiling_that_is_not_there_is_no_point(site: SettingUp) -> None:
    site.deployment.forbidden_sectors = []
    site.deployment.modules = ["acoustic"]
    from deployments.selectors import installing

    assert installing.needed(site.deployment) == ["position", "heading", "test_alert", "recording", "clock"]


# --- the test alert -------------------------------------------------------------------------------


def nothing_kept(site: SettingUp) -> bool:
    return not (Alert.objects.exists() or AlertDetail.objects.exists() or AlertEvent.objects.exists())


def test_a_test_alert_passes_and_nothing_of_it_is_kept(site: SettingUp, monkeypatch: Any) -> None:
    pushed: list[Any] = []
    monkeypatch.setattr("csoc.lib.realtime.push_on_commit", lambda group, message: pushed.append(message))
    site.open()
    body = site.body()
    answer = site.post(body)
    assert answer.status_code == 201
    said = answer.json()
    assert (said["id"], said["state"], said["upload"], said["late"]) == (body["id"], "closed", None, False)
    assert nothing_kept(site) and "test_alert" not in site.missing()
    assert not [message for message in pushed if message.get("type") == "alert"]
    again = site.post(body)
    assert (again.status_code, again.json()) == (200, said)
    check = InstallationCheck.objects.get(item="test_alert", deployment=site.deployment)
    assert str(check.alert) == body["id"] and check.by is None


def test_in_a_bulk_as_well(site: SettingUp) -> None:
    site.open()
    rows = site.post([site.body(), site.body(deployment="DEP-2020-0001")]).json()
    assert [row["status"] for row in rows] == [201, 403] and nothing_kept(site)


def test_a_hit_is_tested_against_the_list(site: SettingUp) -> None:
    site.open()
    hit = site.scene.hit() | {"deployment": site.deployment.name}
    unknown = json.loads(json.dumps(hit)) | {"id": str(uuid.uuid4())}
    unknown["alpr_hit"]["plate"] = "ZZDEM77"
    answer = site.post(unknown)
    assert (answer.status_code, code(answer)) == (409, "not-on-hotlist")
    assert site.points()["test_alert"].check.code == "not-on-hotlist"
    assert site.post(hit).status_code == 201
    assert site.points()["test_alert"].state == "passed" and nothing_kept(site)


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"deployment": "DEP-2020-0001"}, 403, "not-deployed"),
        ({"trailer": "TRL-0001"}, 403, "wrong-trailer"),
        ({"surprise": 1}, 422, "schema"),
        ({"faces": 1}, 422, "forbidden-field"),
        ({"occurred_at": "2026-01-01T00:00:00Z"}, 410, "too-old"),
    ],
)
def test_a_refused_one_shows_as_not_passed_with_its_code(
    site: SettingUp, change: dict[str, Any], status: int, why: str
) -> None:
    site.open()
    for _n in range(3):
        answer = site.post(site.body(**change))
        assert (answer.status_code, code(answer)) == (status, why)
    assert RefusalCount.objects.get(trailer=site.scene.trailer).n == 3, "counted as anywhere"
    assert InstallationCheck.objects.filter(deployment=site.deployment).count() == 1, (
        "a trailer that repeats itself fills no table"
    )
    point = site.points()["test_alert"]
    assert (point.state, point.check.code) == ("failed", why)
    assert site.post(site.body()).status_code == 201
    assert site.points()["test_alert"].state == "passed"
    site.post(site.body(**change))
    assert site.points()["test_alert"].state == "passed", "what works has been shown"


def test_outside_a_window_it_is_refused_and_counted_only(site: SettingUp) -> None:
    answer = site.post(site.body(gunshot=SELF_TEST))
    assert (answer.status_code, code(answer)) == (403, "not-deployed")
    assert (
        RefusalCount.objects.get().n == 1
        and not InstallationCheck.objects.filter(deployment=site.deployment).exists()
    )


def test_a_sensor_that_was_not_justified_is_not_tested_but_the_agent_may_test_itself(
    site: SettingUp, monkeypatch: Any
) -> None:
    from alerts import policies

    monkeypatch.setattr(policies, "MODULE_OF", dict.fromkeys(policies.MODULE_OF, "radar"))
    site.open()
    assert code(site.post(site.body())) == "not-deployed"
    assert site.post(site.body(gunshot=SELF_TEST)).status_code == 201


def test_a_test_that_comes_after_activation_rings_nowhere(site: SettingUp) -> None:
    assert site.everything() == []
    tested = InstallationCheck.objects.get(item="test_alert", deployment=site.deployment)
    late, repeated = site.body(gunshot=SELF_TEST), site.body(id=str(tested.alert))
    site.activate()
    for body in (late, repeated):
        answer = site.post(body)
        assert (answer.status_code, code(answer)) == (410, "too-old"), "the agent drops it"
    assert nothing_kept(site)
    assert site.post(site.body()).json()["state"] == "unacknowledged"


def test_an_id_of_another_trailers_test_is_a_conflict(site: SettingUp) -> None:
    window = site.open()
    InstallationCheck.objects.create(
        deployment=site.scene.deployment, installation=window, item="test_alert", passed=True,
        alert=(known := uuid.uuid4()), at=console_clock.now(),
    )  # fmt: skip
    answer = site.post(site.body(id=str(known)))
    assert (answer.status_code, code(answer)) == (409, "id-conflict")


def test_the_trailer_is_asked_by_a_command_that_names_the_deployment(site: SettingUp) -> None:
    with acting(site.technician):
        refused = refusal(
            services.ask_for_test_alert, actor=site.technician, deployment_id=site.deployment.pk
        )
        assert refused == "window-closed"
        site.open()
        services.ask_for_test_alert(actor=site.technician, deployment_id=site.deployment.pk)
    command = Command.objects.get(name="self.test")
    point = {"lat": site.deployment.lat, "lon": site.deployment.lon}
    assert command.args == {"deployment": site.deployment.name, "point": point}
    assert command.operator == site.technician.person.wire_id


# --- H4 -------------------------------------------------------------------------------------------


def test_three_heartbeats_off_the_point_end_the_deployment(site: SettingUp) -> None:
    site.everything()
    site.activate()
    on = {"acoustic": "on", "alpr": "on", "ptz": "on", "speaker": "on"}
    for _n in range(2):
        site.says(north_m=30, modules=on)
    assert Deployment.objects.get(pk=site.deployment.pk).state == "active"
    site.says(north_m=30, modules=on)
    ended = Deployment.objects.get(pk=site.deployment.pk)
    assert (ended.state, ended.deactivation_reason, ended.deactivated_by) == ("deactivated", "fault", None)
    assert code(site.post(site.body())) == "not-deployed"
    assert Command.objects.filter(name="deactivate", args__wipe=True).exists()
    site.says(north_m=30, modules=on)


# --- the page and the interface -------------------------------------------------------------------


def page(site: SettingUp, rest: str = "") -> str:
    return f"/deployments/{site.deployment.name}/installation/{rest}"


def test_the_page_by_a_technician_from_opening_to_activation(site: SettingUp) -> None:
    client = site.browser("technician")
    shown = client.get(page(site)).content.decode()
    assert "Open the installation window" in shown and "Activate" not in shown
    assert client.post(page(site, "open/")).status_code == 302
    assert client.post(page(site, "record/"), {"item": "heading", "value": "44.5"}).status_code == 302
    for item in ("masks", "speaker"):
        client.post(page(site, "record/"), {"item": item})
    assert client.post(page(site, "test-alert/")).headers["Location"].endswith("?asked=1")
    assert site.post(site.body(gunshot=SELF_TEST)).status_code == 201
    site.says(north_m=4.2)
    shown = client.get(page(site)).content.decode()
    assert "Measured 44.5°" in shown and "4.2 m from the authorised point" in shown
    client.post(page(site, "complete/"))
    shown = client.get(page(site)).content.decode()
    assert "Every point has passed" in shown
    assert client.post(page(site, "activate/")).status_code == 302
    assert Deployment.objects.get(pk=site.deployment.pk).state == "active"
    assert "is active" in client.get(page(site)).content.decode()


def test_the_page_says_why_not_and_stays(site: SettingUp) -> None:
    client = site.browser("technician")
    answer = client.post(page(site, "record/"), {"item": "masks"})
    assert answer.status_code == 409 and "has ended" in answer.content.decode()
    site.open()
    for value, status in (("", 422), ("north", 422), ("400", 422), ("nan", 422)):
        answer = client.post(page(site, "record/"), {"item": "heading", "value": value})
        assert answer.status_code == status and 'role="alert"' in answer.content.decode()
    answer = client.post(page(site, "activate/"))
    assert answer.status_code == 422 and "not complete" in answer.content.decode()


@pytest.mark.parametrize(("role", "status"), [("supervisor", 200), ("applicant", 403), ("dispatcher", 404)])
def test_others_read_or_see_nothing(site: SettingUp, role: str, status: int) -> None:
    client = site.browser(role)
    site.open()
    answer = client.get(page(site))
    assert answer.status_code == status
    assert "Record heading" not in answer.content.decode()
    assert client.post(page(site, "complete/")).status_code == (404 if role == "dispatcher" else 403)


def test_the_interface_says_the_same(site: SettingUp) -> None:
    client, base = site.browser("technician"), f"/api/v1/deployments/{site.deployment.name}/installation/"

    def post(rest: str = "", **body: Any) -> Any:
        return client.post(f"{base}{rest}", body, content_type="application/json")

    assert client.get(base).json()["open_until"] is None
    assert post("check/", item="masks").status_code == 409
    assert post().json()["missing"] == ALL
    assert post("check/", item="heading", value=42).json()["missing"] == [i for i in ALL if i != "heading"]
    assert post("check/", item="clock").status_code == 422
    assert post("test-alert/").status_code == 200
    site.says()
    told = post("complete/").json()
    assert told["missing"] == ["masks", "speaker", "test_alert"]
    points = {point["item"]: point for point in told["points"]}
    assert (points["heading"]["value"], points["clock"]["state"]) == (42.0, "passed")


def test_the_page_tells_passing_from_recorded_and_leads_on(site: SettingUp) -> None:
    client = site.browser("technician")
    closed = client.get(page(site)).content.decode()
    assert "Read from the trailer" not in closed and "−79." in closed and "Deployments</a>" in closed
    site.everything()
    site.open()
    site.says()
    shown = client.get(page(site)).content.decode()
    assert shown.count("passes, not recorded yet") == 3
    client.post(page(site, "complete/"))
    assert "passes, not recorded yet" not in client.get(page(site)).content.decode()


def test_once_it_is_active_the_page_leads_to_the_deployment(site: SettingUp) -> None:
    client = site.browser("technician")
    assert site.everything() == []
    assert client.get(page(site)).content.decode().count(">Activate</button>") == 1
    client.post(page(site, "activate/"))
    shown = client.get(page(site)).content.decode()
    assert "See the deployment" in shown and ">Activate</button>" not in shown
