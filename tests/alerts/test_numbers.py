"""Reports that are missing: told after two minutes on the board and in the timeline, and taken back."""

from pathlib import Path
from typing import Any

import pytest

import audit
from alerts import refusals, schemas
from alerts.models import Alert, NumberGap, SeenNumber
from alerts.services import receive_alerts, watch_numbers
from alerts.timeline import timeline
from audit.context import counting_entries
from tests.scene import Scene, standing
from trailers.models import Trailer
from trailers.selectors import trailer_wire


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def post(scene: Scene, *seqs: int, **changes: Any) -> list[Alert]:
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        bodies = [schemas.alert_from(scene.gunshot(seq=seq, **changes)) for seq in seqs]
        return [answer[0] for answer in receive_alerts(actor=scene.trailer, bodies=bodies)]  # type: ignore


def watch() -> list[str]:
    """One run; returns the verbs it left in the log."""
    actor = audit.system("intake")
    with audit.acting_as(actor), counting_entries() as written:
        watch_numbers(actor=actor)
    return written


def faults(scene: Scene) -> list[str]:
    trailer = Trailer.objects.select_related("status", "desired").get(pk=scene.trailer.pk)
    return list(trailer_wire(trailer)["faults"])


def told(alert: Alert) -> tuple[list[str], list[str]]:
    alert.refresh_from_db()
    return alert.flags, [row["text"] for row in timeline(alert) if row["verb"].startswith("alert.gap")]


def ends(scene: Scene) -> list[str]:
    return list(
        NumberGap.objects.filter(trailer=scene.trailer).order_by("first").values_list("end", flat=True)
    )


def test_a_gap_is_told_after_two_minutes_and_a_late_report_takes_it_back(scene: Scene, clock: Any) -> None:
    late = scene.gunshot(seq=3)
    _one, _two, after, last = post(scene, 1, 2, 4, 5)
    clock.shift(115)
    watch()
    assert (told(after), faults(scene), SeenNumber.objects.count()) == (([], []), [], 0)
    clock.shift(125)
    assert watch() == ["alert.gap"]
    assert told(after) == (["gap"], ["Reports missing: 1 before this one"])
    assert (told(last)[0], after.version, faults(scene)) == ([], 2, ["reports missing"])
    assert (watch(), after.version) == ([], 2), "told once"
    clock.shift(400)
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        receive_alerts(actor=scene.trailer, bodies=[schemas.alert_from(late)])
    assert watch() == ["alert.gap_end"]
    assert told(after)[0] == []
    assert told(after)[1][-1] == "No longer waiting for the missing reports: they came after all"
    assert (faults(scene), ends(scene)) == ([], ["filled"])
    assert Alert.objects.get(pk=late["id"]).flags == ["late"]


def test_a_refused_number_has_come(scene: Scene, clock: Any) -> None:
    post(scene, 1, 5)
    refusals.count_refusals(actor=scene.trailer, code="schema", numbers=[2, 3, None, 4])
    assert {row.code for row in SeenNumber.objects.filter(seq__in=[2, 3, 4])} == {"schema"}
    clock.shift(130)
    watch()
    assert (faults(scene), ends(scene)) == ([], [])


def test_part_of_a_gap_and_its_end_after_48_hours(scene: Scene, clock: Any) -> None:
    middle = scene.gunshot(seq=4)
    _one, after = post(scene, 1, 7)
    clock.shift(130)
    watch()
    assert told(after)[1] == ["Reports missing: 5 before this one"]
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        receive_alerts(actor=scene.trailer, bodies=[schemas.alert_from(middle)])
    watch()
    kept = NumberGap.objects.filter(ended_at=None).order_by("first").values_list("first", "last", "alert")
    assert list(kept) == [(2, 3, after.pk), (5, 6, after.pk)]
    assert (told(after)[0], faults(scene)) == (["gap"], ["reports missing"])
    clock.shift(48 * 3600 + 60)
    watch()
    assert (ends(scene), faults(scene), told(after)[0]) == (["lapsed"] * 2, [], ["gap"])


def test_a_counter_that_begins_again_is_no_gap(scene: Scene, clock: Any) -> None:
    post(scene, 100, 103)
    clock.shift(130)
    watch()
    assert faults(scene) == ["reports missing"]
    post(scene, 1, 2, 3)
    watch()
    assert (ends(scene), faults(scene)) == (["restarted"], [])
    clock.shift(300)
    watch()
    assert faults(scene) == []
