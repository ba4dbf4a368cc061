"""Reports that are missing: told after two minutes on the board and in the timeline, and taken back."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import audit
from alerts import refusals, schemas
from alerts.counting import MOST_HOLES
from alerts.models import Alert, NumberGap, SeenNumber
from alerts.services import receive_alerts, watch_numbers
from alerts.services.numbers import MOST_TOLD
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


def flood(scene: Scene, numbers: list[int]) -> None:
    refusals.count_refusals(actor=scene.trailer, code="schema", numbers=numbers)


def test_one_trailer_cannot_keep_the_worker_busy(scene: Scene, clock: Any) -> None:
    """Numbers at random: one row, one entry, whatever comes; and it is told, not passed over."""
    post(scene, 1, 2)
    draw = random.Random(1)
    for minute in range(1, 6):
        clock.shift(60 * minute)
        flood(scene, [draw.randrange(3, 10**9) for _time in range(3000)])
        assert len(watch()) <= MOST_TOLD
        assert NumberGap.objects.count() <= MOST_HOLES
    [row] = NumberGap.objects.all()
    assert row.many and row.told_at is not None and faults(scene) == ["reports missing"]
    [after] = post(scene, 10**9 + 5)
    clock.shift(48 * 3600 + 120)
    assert watch() == ["alert.gap_end"]
    assert (ends(scene), faults(scene), told(after)[0]) == (["lapsed"], [], [])


def test_many_gaps_are_one_fact_and_those_that_were_told_are_part_of_it(scene: Scene, clock: Any) -> None:
    _one, after = post(scene, 1, 3)
    clock.shift(130)
    assert watch() == ["alert.gap"]
    flood(scene, [5 + 2 * n for n in range(MOST_HOLES)])
    [last] = post(scene, 1000)
    assert watch() == ["alert.gap"], "one entry for all of them"
    assert ends(scene) == ["merged", ""]
    assert told(after) == (["gap"], ["Reports missing: 1 before this one"])
    assert told(last)[0] == ["gap"]
    assert told(last)[1] == [f"Reports missing: in more than {MOST_HOLES} places before this one"]
    assert watch() == []


def test_many_gaps_and_a_new_count_within_one_run_are_not_taken_for_filled(scene: Scene, clock: Any) -> None:
    _one, after = post(scene, 1, 3)
    clock.shift(130)
    watch()
    flood(scene, [5 + 2 * n for n in range(MOST_HOLES)])
    post(scene, 1000)
    post(scene, 2000)
    post(scene, 10)
    post(scene, 11)
    watch()
    assert ends(scene) == ["restarted"] and told(after)[0] == ["gap"]


def test_of_many_that_are_due_some_are_told_in_each_run_and_only_what_changed_is_written(
    scene: Scene, clock: Any
) -> None:
    post(scene, 1)
    flood(scene, [3 + 2 * n for n in range(MOST_TOLD + 5)])
    watch()
    clock.shift(130)
    assert [len(watch()) for _run in range(3)] == [MOST_TOLD, 5, 0]
    flood(scene, [4])
    with CaptureQueriesContext(connection) as asked:
        assert watch() == ["alert.gap_end"]
    written = [query["sql"] for query in asked if re.match("(INSERT|UPDATE)[^(]*numbergap", query["sql"])]
    assert len(written) == 1


def test_a_run_that_was_long_in_coming_tells_before_it_forgets(scene: Scene, clock: Any) -> None:
    post(scene, 1, 3)
    watch()
    clock.shift(49 * 3600)
    assert watch() == ["alert.gap", "alert.gap_end"]
