"""Warnings with a moved clock, who may take them on, and the pages that show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import audit
from accounts.services import acting
from csoc.lib import clock as console_clock
from csoc.lib.errors import Refused
from tests.accounts.people import sign_in
from trailers import points, reports, selectors, services, watch
from trailers.desired import Standing
from trailers.fleet import listing, rows
from trailers.models import Telemetry, Trailer, TrailerWarning
from trailers.points import Health, Point, Power, Site
from trailers.schemas import Report

from .cast import Device, People, make_trailer

pytestmark = pytest.mark.django_db
HERE = (43.69, -79.64)
_SEQ = iter(range(1, 1_000_000))


def deploy(trailer: Trailer, people: People, days: int = 3, **modules: bool) -> None:
    until = console_clock.now() + timedelta(days=days)
    services.set_desired(
        trailer=trailer,
        deployment=Standing("DEP-2026-0031", until, *HERE, 35.0),
        modules=modules or {"acoustic": True, "alpr": True},
        actor=people.dana,
    )


def tell(trailer: Trailer, at: datetime | None = None, **figures: Any) -> points.Taken:
    """One point with these figures, at `at` (now)."""
    parts: dict[str, Any] = {}
    for name, value in figures.items():
        shape = next(s for s in (Power, Site, Health) if name in s.__struct_fields__)
        parts.setdefault(shape.__name__.lower(), (shape, {}))[1][name] = value
    at = at or console_clock.now()
    told = {name: shape(**values) for name, (shape, values) in parts.items()}
    one = Point(ts=str(console_clock.wire(at)), seq=next(_SEQ), **told)
    return points.take_points(trailer=trailer, points=[one], at=console_clock.now())


def standing(trailer: Trailer) -> dict[str, str]:
    """What stands in the table, by kind."""
    return dict(TrailerWarning.objects.filter(trailer=trailer, ended_at=None).values_list("kind", "level"))


def shown(trailer: Trailer) -> dict[str, str]:
    """What a page opened now would say."""
    fresh = Trailer.objects.select_related("status", "desired", "condition").get(pk=trailer.pk)
    return {one.kind: one.level for one in rows.one(fresh, console_clock.now()).warnings}


FIGURES = [
    ({"battery_soc_pct": 50}, {}),
    ({"battery_soc_pct": 49.9}, {"battery": "amber"}),
    ({"battery_soc_pct": 25}, {"battery": "amber"}),
    ({"battery_soc_pct": 24.9}, {"battery": "red"}),
    ({"fuel_pct": 30}, {}),
    ({"fuel_pct": 29}, {"fuel": "amber"}),
    ({"fuel_pct": 14}, {"fuel": "red"}),
    ({"cabinet_c": 60}, {}),
    ({"cabinet_c": 60.5}, {"hot": "red"}),
    ({"cabinet_c": -20}, {}),
    ({"cabinet_c": -21}, {"cold": "red"}),
    ({"door": "closed"}, {}),
    ({"door": "open"}, {"door": "amber"}),
    ({"door": True}, {"door": "amber"}),
    ({"tilt_deg": 5}, {}),
    ({"tilt_deg": 5.1}, {"tilt": "amber"}),
    ({"solar_w": 0, "load_w": 5000}, {}),
]


@pytest.mark.parametrize(("figures", "expected"), FIGURES)
def test_a_figure_past_its_limit_is_a_warning(
    trailer: Trailer, figures: dict[str, Any], expected: dict[str, str]
) -> None:
    tell(trailer, **figures)
    assert standing(trailer) == shown(trailer) == expected


def test_unknown_is_no_warning_and_ends_one(trailer: Trailer) -> None:
    tell(trailer, battery_soc_pct=10)
    assert standing(trailer) == {"battery": "red"}
    tell(trailer, console_clock.now() + timedelta(seconds=1), fuel_pct=90)
    assert standing(trailer) == {}
    assert TrailerWarning.objects.get(kind="battery").ended_at is not None


def test_worse_is_a_new_warning_and_history_changes_nothing(trailer: Trailer) -> None:
    now = console_clock.now()
    tell(trailer, now - timedelta(minutes=2), battery_soc_pct=40)
    tell(trailer, now - timedelta(minutes=1), battery_soc_pct=20)
    assert standing(trailer) == {"battery": "red"}
    assert TrailerWarning.objects.filter(kind="battery").count() == 2
    tell(trailer, now - timedelta(hours=5), battery_soc_pct=90, fuel_pct=3)
    assert standing(trailer) == {"battery": "red"}


def test_silence_is_a_warning_by_the_beat_and_without_it(
    trailer: Trailer, people: People, clock: Any
) -> None:
    deploy(trailer, people)
    reports.record_hello(trailer=trailer, channel="a/1", actor=None)
    steps = (
        (60, {}),
        (120, {"heartbeat": "amber"}),
        (240, {"heartbeat": "amber"}),
        (330, {"heartbeat": "red"}),
    )
    for seconds, expected in steps:
        clock.shift(seconds)
        assert shown(trailer) == expected, "a page tells before any beat did"
        watch.judge_fleet(console_clock.now())
        assert standing(trailer) == expected
    reports.heartbeat(trailer=trailer, report=Report(), actor=None)
    watch.judge_fleet(console_clock.now())
    assert standing(trailer) == shown(trailer) == {}
    services.set_desired(trailer=trailer, deployment=None, actor=people.dana)
    clock.shift(5000)
    assert shown(trailer) == {}, "a trailer in the depot owes no sign of life"


def test_one_never_heard_is_silent_from_when_it_was_sent_out(
    trailer: Trailer, people: People, clock: Any
) -> None:
    deploy(trailer, people)
    clock.shift(130)
    assert shown(trailer) == {"heartbeat": "amber"}


def test_a_generator_that_does_not_start(trailer: Trailer, clock: Any) -> None:
    tell(trailer, gen_state="starting")
    clock.shift(60)
    assert shown(trailer) == {}
    clock.shift(120)
    assert shown(trailer) == {"generator": "amber"}
    tell(trailer, gen_state="running")
    assert standing(trailer) == shown(trailer) == {}


NOON = datetime(2026, 6, 1, 17, 18, tzinfo=UTC)  # of the sun at 79.64 degrees west


@pytest.mark.parametrize(
    ("begins_h", "sun_w", "expected"),
    [(-1, 0, {"solar": "amber"}), (-1, 5, {}), (5, 0, {}), (-12, 0, {}), (-2.9, 0, {"solar": "amber"})],
)
def test_no_sun_at_noon_for_two_hours(
    trailer: Trailer, people: People, clock: Any, begins_h: float, sun_w: float, expected: dict[str, str]
) -> None:
    begin = NOON + timedelta(hours=begins_h)
    clock.shift((begin + timedelta(hours=2, minutes=1) - datetime.now(UTC)).total_seconds())
    deploy(trailer, people)
    reports.record_hello(trailer=trailer, channel="a/1", actor=None)
    for minutes in range(0, 121, 10):
        tell(trailer, begin + timedelta(minutes=minutes), solar_w=sun_w)
        if minutes == 110:
            assert "solar" not in standing(trailer)
    assert standing(trailer) == expected


def test_clock_and_list(trailer: Trailer, people: People) -> None:
    deploy(trailer, people)
    now = console_clock.now()
    ahead = console_clock.wire(now + timedelta(seconds=8))
    reports.record_hello(trailer=trailer, channel="a/1", report=Report(at=ahead), actor=None)
    tell(trailer, hotlist_issued_at=str(console_clock.wire(now - timedelta(hours=30))))
    assert standing(trailer) == {"clock": "amber", "list": "amber"}


def test_moved_by_telemetry_alone_ends_what_it_stood_under_and_stays_until_taken_on(
    trailer: Trailer, people: People, clock: Any
) -> None:
    from csoc.lib import events

    deploy(trailer, people)
    ended: list[Any] = []
    handler = lambda trailer: ended.append(trailer)  # noqa: E731
    events.on("trailer.moved", handler)
    try:
        for step, satellites in enumerate((9, 5, 9, 9)):
            clock.shift(step)
            tell(trailer, lat=HERE[0] + 0.001, lon=HERE[1], satellites=satellites)
            assert bool(ended) == (step == 3), "three fixes of at least six satellites"
    finally:
        events._handlers["trailer.moved"].remove(handler)
    assert standing(trailer)["moved"] == "red"
    services.set_desired(trailer=trailer, deployment=None, actor=people.dana)
    watch.judge_fleet(console_clock.now())
    assert shown(trailer)["moved"] == "red", "its cause is gone with its deployment, the matter is not"
    with acting(people.tara):
        services.acknowledge_warning(actor=people.tara, trailer=trailer, kind="moved", level="red")
    watch.judge_fleet(console_clock.now())
    assert "moved" not in standing(trailer)


def test_a_fix_told_twice_counts_once(trailer: Trailer, people: People) -> None:
    deploy(trailer, people)
    one = Point(
        ts=str(console_clock.wire(console_clock.now())), seq=1, site=Site(lat=44.0, lon=-79.0, satellites=9)
    )
    for _time in range(4):
        points.take_points(trailer=trailer, points=[one, one], at=console_clock.now())
    assert selectors.get_trailer(trailer.name).status.off_point_fixes == 1


def take(people: People, trailer: Trailer, who: Any, level: str = "red") -> TrailerWarning:
    with acting(who):
        return services.acknowledge_warning(actor=who, trailer=trailer, kind="battery", level=level)


def test_taking_on_is_by_name_once_and_as_shown(trailer: Trailer, people: People) -> None:
    with pytest.raises(Refused, match="warning-over"):
        take(people, trailer, people.tara)
    tell(trailer, battery_soc_pct=20)
    for who, code in ((people.dana, "not-permitted"), (people.stranger, "not-found")):
        with pytest.raises(Refused, match=code):
            take(people, trailer, who)
    with pytest.raises(Refused, match="warning-changed"):
        take(people, trailer, people.tara, "amber")
    assert take(people, trailer, people.tara).acknowledged_by == people.tara.person
    with pytest.raises(Refused, match="already-acknowledged") as late:
        take(people, trailer, people.theo)
    assert late.value.extra["by"]["name"] == "Tara"
    tell(trailer, console_clock.now() + timedelta(seconds=1), battery_soc_pct=19)
    assert TrailerWarning.objects.get(ended_at=None).acknowledged_by == people.tara.person


def test_what_was_written_of_a_warning_stays_in_the_database(trailer: Trailer, people: People) -> None:
    from django.db import DatabaseError, transaction

    tell(trailer, battery_soc_pct=20)
    take(people, trailer, people.tara)
    for change in ({"acknowledged_by": people.theo.person}, {"level": "amber"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            TrailerWarning.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        Telemetry.objects.update(battery_soc_pct=99)


def test_old_points_go_in_batches_with_an_entry_each(
    trailer: Trailer, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trailers.services import fleet

    monkeypatch.setattr(fleet, "BATCH", 2)
    for hours in range(5):
        tell(trailer, console_clock.now() - timedelta(hours=hours), fuel_pct=80)
    clock.shift(29 * 86_400)
    assert services.forget_telemetry(actor=audit.system("telemetry")) == 0
    clock.shift(30 * 86_400 + 10)
    assert services.forget_telemetry(actor=audit.system("telemetry")) == 5
    assert Telemetry.objects.count() == 0


def test_short_of_disk_telemetry_is_refused_first(
    device: Device, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    body = json.dumps([{"ts": console_clock.wire(console_clock.now()), "seq": 1}]).encode()
    settings.FLEET_LIMITS = settings.FLEET_LIMITS.model_copy(update={"disk_free_mb": 10**9})
    answer = device.request("POST", "/api/v1/telemetry/", body)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert answer["Retry-After"]
    assert device.request("GET", "/api/v1/desired/").status_code == 200
    assert Telemetry.objects.count() == 0


# -- the pages -----------------------------------------------------------------------------------------


def test_the_list_costs_the_same_for_one_and_for_ten(
    people: People, trailer: Trailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            told = listing.fleet_shown(people.tara, {}, console_clock.now())
        assert len(told["rows"]) == Trailer.objects.count()
        return len(seen)

    deploy(trailer, people)
    tell(trailer, battery_soc_pct=20, fuel_pct=10)
    queries()
    one = queries()
    for number in range(9):
        another = make_trailer(people, f"Lot {number}")
        deploy(another, people)
        tell(another, battery_soc_pct=20 + number, fuel_pct=10)
    assert queries() == one
    with CaptureQueriesContext(connection) as seen:
        watch.judge_fleet(console_clock.now())
    assert len(seen) <= 4, "a fleet in order is judged without locking anybody"


def test_filters_and_orders(people: People, trailer: Trailer) -> None:
    other = make_trailer(people, "South lot")
    deploy(trailer, people)
    tell(trailer, battery_soc_pct=80)
    tell(other, battery_soc_pct=20)

    def names(**asked: str) -> list[str]:
        told = listing.fleet_shown(people.tara, asked, console_clock.now())
        return [row.trailer.label for row in told["rows"]]

    assert names() == ["North lot", "South lot"]
    assert names(sort="battery") == names(sort="worst") == ["South lot", "North lot"]
    assert names(show="deployed") == ["North lot"]
    assert names(show="waiting") == names(q="south") == ["South lot"]
    assert names(show="<script>", sort="'; --") == ["North lot", "South lot"]
    assert names(q="nowhere") == []
    assert listing.fleet_shown(people.stranger, {}, console_clock.now())["rows"] == []


def test_who_sees_the_fleet_and_what_they_may_press(people: People, trailer: Trailer) -> None:
    tell(trailer, battery_soc_pct=20)
    where = (f"/fleet/{trailer.name}/", "/fleet/", "/fleet/?view=figures")
    tara = sign_in(people.tara)
    pages = [tara.get(path) for path in where]
    assert [page.status_code for page in pages] == [200] * 3
    assert "Battery at 20 %" in pages[0].content.decode()
    assert "Take on" in pages[0].content.decode()
    assert tara.get("/fleet/TRL-0099/").status_code == 404
    taken = tara.post(f"{where[0]}warnings/battery/", {"level": "red"})
    assert (taken.status_code, taken["Location"]) == (302, where[0])
    assert "Taken on by Tara" in tara.get(where[0]).content.decode()
    dana = sign_in(people.dana)
    assert [dana.get(path).status_code for path in where] == [403] * 3
    sam = sign_in(people.stranger)
    assert sam.get(where[0]).status_code == 404
    assert sam.post(f"{where[0]}ask/", {"what": "ping"}).status_code == 404


def test_an_answer_is_the_trailers_and_not_the_press(people: People, trailer: Trailer) -> None:
    where = f"/fleet/{trailer.name}/"
    tara = sign_in(people.tara)
    assert tara.post(f"{where}ask/", {"what": "self.test"}).status_code == 302
    assert "waits for the trailer" in tara.get(where).content.decode()
    again = tara.post(f"{where}ask/", {"what": "ping"})
    assert again.status_code == 409
    assert tara.post(f"{where}ask/", {"what": "deactivate"}).status_code == 422
    command = trailer.commands.get()
    command.state = "sent"
    command.answer("refused", "no-fix", console_clock.now())
    assert "refused: its receiver has no fix" in tara.get(where).content.decode()
