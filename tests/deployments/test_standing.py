"""A deployment that stands: what its page says, one press ends it, less is easy, more is a renewal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from accounts.services import acting
from csoc.lib import clock as clock_module
from deployments import reporting, services
from deployments.models import Deployment, Review, Submission, Tightening
from deployments.pages import filling
from deployments.sections.base import typed_moment
from deployments.selectors import deciding, overview, section_digest, standing
from tests.accounts.people import sign_in
from tests.deployments.standing_people import sent
from tests.scene import Scene
from tests.scene import standing as standing_scene
from trailers.models import ModuleChange

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing_scene(data_dir)


def text(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def page(deployment: Deployment, act: str = "") -> str:
    return f"/deployments/{deployment.address_name}/{act}"


def fresh(deployment: Deployment) -> Deployment:
    return Deployment.objects.select_related("trailer__desired", "consent").get(pk=deployment.pk)


def test_the_page_says_what_stands(scene: Scene) -> None:
    shown = text(sign_in(scene.users["supervisor"]).get(page(scene.deployment)))
    for words in (
        "left. It ends by itself on", "What is on", "Gunshot detector on", "off, always", "holds until",
        "Demonstration Owner", "Next review", "none closed yet", "Authorised by", "Who may see this",
        "End it now", "Review: is it still needed?", "authorised version", "The whole application",
    ):  # fmt: skip
        assert words in shown, words


def test_a_reader_of_another_kind_has_no_buttons(scene: Scene) -> None:
    administrator, auditor = scene.users["administrator"], scene.users["privacy_officer"]
    assert sign_in(auditor).get(page(scene.deployment)).status_code == 403
    assert sign_in(administrator).post(page(scene.deployment, "end/"), {"reason": "fault"}).status_code in (
        403,
        404,
    )
    assert fresh(scene.deployment).state == "active"


@pytest.mark.parametrize("who", ["applicant", "supervisor", "technician"])
def test_one_press_ends_it(scene: Scene, who: str) -> None:
    browser = sign_in(scene.users[who])
    assert "End it now" in text(browser.get(page(scene.deployment, "end/")))
    answer = browser.post(page(scene.deployment, "end/"), {"reason": "need_ended"})
    assert answer.status_code == 302
    ended = fresh(scene.deployment)
    assert (ended.state, ended.deactivation_reason) == ("deactivated", "need_ended")
    assert ended.deactivated_by == scene.users[who].person
    shown = text(browser.get(answer.url))
    assert "need ended" in shown and f"By {scene.users[who].person.name}" in shown
    assert "not confirmed yet" in shown and "What it kept is deleted by" in shown


def test_the_owner_told_us_to_stop(scene: Scene) -> None:
    browser = sign_in(scene.users["supervisor"])
    browser.post(page(scene.deployment, "end/"), {"reason": "consent_withdrawn"})
    ended = fresh(scene.deployment)
    assert ended.deactivation_reason == "consent_withdrawn"
    assert ended.consent is not None and ended.consent.withdrawn_at is not None


def test_ended_twice_and_by_a_reason_nobody_may_give(scene: Scene) -> None:
    browser = sign_in(scene.users["supervisor"])
    assert browser.post(page(scene.deployment, "end/"), {"reason": "expired"}).status_code == 422
    assert browser.post(page(scene.deployment, "end/"), {"reason": "fault"}).status_code == 302
    assert browser.post(page(scene.deployment, "end/"), {"reason": "fault"}).status_code == 409


def test_each_sensor_confirms_by_itself(scene: Scene) -> None:
    dana = scene.users["supervisor"]
    with acting(dana):
        services.deactivate_deployment(actor=dana, deployment_id=scene.deployment.pk)
    ended, browser = fresh(scene.deployment), sign_in(dana)
    told = browser.get(page(ended, "confirmation/")).json()
    assert told["done"] is False and {one["off_at"] for one in told["sensors"]} == {None}
    assert set(told) == {"sensors", "done"} and set(told["sensors"][0]) == {"sensor", "off_at"}
    at = clock_module.now()
    for module in ("acoustic", "alpr"):
        ModuleChange.objects.create(trailer=ended.trailer, module=module, on=False, at=at)
    told = browser.get(page(ended, "confirmation/")).json()
    assert {one["sensor"]: bool(one["off_at"]) for one in told["sensors"]} == {
        "acoustic": True, "alpr": True, "ptz": False, "speaker": False,
    }  # fmt: skip
    for module in ("ptz", "speaker"):
        ModuleChange.objects.create(trailer=ended.trailer, module=module, on=False, at=at)
    assert browser.get(page(ended, "confirmation/")).json()["done"] is True
    assert text(browser.get(page(ended))).count("confirmed off") == 4


def test_what_it_kept_is_deleted_47_hours_after_its_last_hour(scene: Scene) -> None:
    dana = scene.users["supervisor"]
    with acting(dana):
        ended = services.deactivate_deployment(actor=dana, deployment_id=scene.deployment.pk)
    by = standing.deleted_by(ended)
    assert by is not None and ended.deactivated_at is not None
    assert timedelta(hours=46) < by - ended.deactivated_at <= timedelta(hours=47)


def test_reviewed_and_still_needed(scene: Scene, clock: Any) -> None:
    clock.shift(8 * 86400)
    browser = sign_in(scene.users["supervisor"])
    assert "overdue" in text(browser.get(page(scene.deployment)))
    empty = browser.post(page(scene.deployment, "review/"), {"words": "x"})
    assert empty.status_code == 422 and "Say yes or no" in text(empty)
    short = browser.post(page(scene.deployment, "review/"), {"still_needed": "yes", "words": " "})
    assert short.status_code == 422 and "Give a reason" in text(short)
    good = {"still_needed": "yes", "words": "The threat is current: two calls this week."}
    assert browser.post(page(scene.deployment, "review/"), good).status_code == 302
    assert Review.objects.count() == 1
    shown = text(browser.get(page(scene.deployment)))
    assert "overdue" not in shown and "two calls this week" in shown


def test_a_no_ends_it(scene: Scene) -> None:
    browser = sign_in(scene.users["supervisor"])
    browser.post(page(scene.deployment, "review/"), {"still_needed": "no", "words": "The tenants moved out."})
    assert fresh(scene.deployment).deactivation_reason == "need_ended"


def test_the_applicant_does_not_review(scene: Scene) -> None:
    browser = sign_in(scene.users["applicant"])
    answer = browser.post(
        page(scene.deployment, "review/"), {"still_needed": "yes", "words": "Mine, and fine."}
    )
    assert answer.status_code == 403 and not Review.objects.exists()


def kept(deployment: Deployment, **changes: Any) -> dict[str, Any]:
    return {
        "modules": deployment.modules, "hotlist_categories": deployment.hotlist_categories,
        "speaker_ceiling_pct": deployment.speaker_ceiling_pct,
        "quiet_ceiling_pct": deployment.quiet_ceiling_pct,
    } | changes  # fmt: skip


def test_narrowed(scene: Scene) -> None:
    browser, before = sign_in(scene.users["technician"]), fresh(scene.deployment)
    asked = kept(
        before, modules=["acoustic", "ptz"], speaker_ceiling_pct=30, from_deg=96, to_deg=138, why="school"
    )
    answer = browser.post(page(before, "tighten/"), asked)
    assert answer.status_code == 302, text(answer)
    after = fresh(before)
    assert after.modules == ["acoustic", "ptz"] and after.hotlist_categories == []
    assert (after.speaker_ceiling_pct, after.quiet_ceiling_pct) == (30, 30)
    assert after.forbidden_sectors[-1] == {"from_deg": 96, "to_deg": 138, "why": "school"}
    assert set(Tightening.objects.values_list("field", flat=True)) == {
        "modules", "hotlist_categories", "speaker_ceiling_pct", "quiet_ceiling_pct", "forbidden_sectors",
    }  # fmt: skip
    shown = text(browser.get(page(before)))
    assert "narrowed it: Sensors off: Plate reader, Loudspeaker" in shown
    assert "Forbidden camera sectors: 1 more" in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Nothing would change"),
        ({"speaker_ceiling_pct": 99}, "only narrowed"),
        ({"modules": []}, "switches everything off"),
        ({"end_date": "2099-01-01", "end_time": "10:00"}, "only narrowed"),
        ({"end_date": "2099-01-01"}, "Give the date and the time of day"),
        ({"end_date": "2020-01-01", "end_time": "10:00"}, "has passed"),
        ({"from_deg": 5}, "Give both directions"),
        ({"from_deg": 10, "to_deg": 10}, "Both ends are the same"),
        ({"modules": ["acoustic", "cannon"]}, "cannon"),
    ],
)
def test_never_wider(scene: Scene, changes: dict[str, Any], words: str) -> None:
    before = fresh(scene.deployment)
    answer = sign_in(scene.users["supervisor"]).post(page(before, "tighten/"), kept(before, **changes))
    assert answer.status_code == 422 and words in text(answer)
    assert fresh(before).version == before.version


def test_renewed_by_an_application_of_its_own(scene: Scene) -> None:
    browser = sign_in(scene.users["applicant"])
    first = browser.post(page(scene.deployment, "renew/"))
    assert first.status_code == 302 and first.url == f"/deployments/{scene.deployment.name}.2/"
    again = browser.post(page(scene.deployment, "renew/"))
    assert again.url == first.url, "one renewal is open at a time, and it is shown"
    assert sign_in(scene.users["supervisor"]).post(page(scene.deployment, "renew/")).status_code == 403


def test_who_narrowed_it_is_said_at_the_sensor(scene: Scene) -> None:
    browser, before = sign_in(scene.users["technician"]), fresh(scene.deployment)
    browser.post(page(before, "tighten/"), kept(before, modules=["acoustic", "ptz"]))
    shown = text(browser.get(page(before)))
    assert f", narrowed by {scene.users['technician'].person.name}" in shown
    assert "not justified" not in shown


def test_a_renewal_rests_on_what_stands(scene: Scene) -> None:
    """What was narrowed is not asked for again by itself, and shows as a change where it is."""
    before, applicant = fresh(scene.deployment), sign_in(scene.users["applicant"])
    sign_in(scene.users["technician"]).post(
        page(before, "tighten/"), kept(before, modules=["acoustic", "ptz"])
    )
    applicant.post(page(before, "renew/"))
    renewal = Deployment.objects.get(renews=before)
    form = filling.make_form(renewal, "need")[0]
    assert form["on-acoustic"].value() and not form["on-alpr"].value()
    assert form["starts_date"].value() and form["starts_time"].value()
    sent_before = deciding.before(renewal, Submission(deployment=renewal, version=renewal.version))
    assert sent_before is not None and sent_before.content["need"]["modules"] == ["acoustic", "ptz"]
    shown = text(applicant.get(page(renewal)))
    assert "Term 1 stands" in shown and "Sensors are off" not in shown
    assert "Say from when until when" in shown


def test_a_renewal_does_not_begin_later(scene: Scene) -> None:
    applicant = sign_in(scene.users["applicant"])
    applicant.post(page(scene.deployment, "renew/"))
    renewal, now = Deployment.objects.get(renews=scene.deployment), clock_module.now()
    told: dict[str, Any] = {
        "aim": "The same.", "alternatives": "The same.", "review_every_days": "7", "on-acoustic": "on",
        "why-acoustic": "Seconds matter.", "base": section_digest(renewal, "need"),
    } | typed_moment("ends", now + timedelta(days=9))  # fmt: skip
    later = applicant.post(page(renewal, "need/"), told | typed_moment("starts", now + timedelta(minutes=40)))
    assert later.status_code == 422 and "A renewal begins when it is authorised" in text(later)
    told["base"] = section_digest(Deployment.objects.get(pk=renewal.pk), "need")
    assert applicant.post(page(renewal, "need/"), told | typed_moment("starts", now)).status_code == 302


class TestOverview:
    def test_what_is_due(self, scene: Scene, clock: Any) -> None:
        waiting = sent(scene.users)
        clock.shift(11 * 86400 + 3600)
        shown = text(sign_in(scene.users["supervisor"]).get("/deployments/overview/"))
        assert waiting.name in shown and "review overdue" in shown
        told = overview.overview(scene.users["supervisor"])
        assert [one.deployment.pk for one in told.expiring] == [scene.deployment.pk]
        assert [one.deployment.pk for one in told.overdue] == [scene.deployment.pk]
        assert [one.deployment.pk for one in told.consents] == [scene.deployment.pk]
        assert overview.waiting_for(scene.users["supervisor"]) == 2
        assert overview.waiting_for(scene.users["applicant"]) == 0

    def test_only_supervisors(self, scene: Scene) -> None:
        for role in ("applicant", "technician", "dispatcher", "administrator"):
            assert sign_in(scene.users[role]).get("/deployments/overview/").status_code == 403

    def test_what_does_not_earn_its_place_is_on_top(self, scene: Scene) -> None:
        def one(confirmed: int, unfounded: int, name: str) -> overview.Standing:
            numbers = reporting.Numbers(
                confirmed + unfounded, {"confirmed": confirmed, "unfounded": unfounded, "test": 9}
            )
            row = Deployment(year=2026, serial=int(name))
            return overview.Standing(row, clock_module.now(), "", False, False, None, numbers)

        bad, few, good = one(1, 4, "3"), one(0, 2, "1"), one(9, 1, "2")
        assert sorted([good, few, bad], key=overview._worst_first) == [bad, few, good]
        assert (bad.earns, few.earns, good.earns) == (False, None, True)
        assert bad.numbers.precision == 0.2, "drills are not counted"

    def test_the_same_queries_for_one_and_for_ten(self, scene: Scene) -> None:
        dana = scene.users["supervisor"]

        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as caught:
                told = overview.overview(dana)
                [(one.deployment.trailer.name, one.deployment.applicant.name) for one in told.standing]
                [(one.applicant.name, one.site) for one in told.waiting]
            return len(caught)

        before = queries()
        sent(scene.users)
        assert queries() == before
