"""What a trailer says of its modules, its clock and its place; a stop is proven by its own word (H3, H4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from csoc.lib import clock as console_clock
from csoc.lib import events
from trailers import selectors, services
from trailers.fence import metres
from trailers.models import ModuleChange, Trailer, TrailerStatus
from trailers.schemas import Position, Report, convert

from .cast import Device, People, make_trailer
from .test_desired import deploy

pytestmark = pytest.mark.django_db

ON = {"acoustic": "on", "alpr": "on", "ptz": "off", "speaker": "off"}
OFF = dict.fromkeys(ON, "off")
#: 30 m and 20 m north of the authorised point.
OUTSIDE, INSIDE = Position(43.69027, -79.64), Position(43.69018, -79.64)


def say(device: Device, **told: Any) -> TrailerStatus:
    return services.heartbeat(trailer=device.trailer, report=Report(**told), actor=device.key)


def confirmed(device: Device, since: Any, version: int | None = None) -> dict[str, Any]:
    return selectors.modules_confirmed(device.trailer, since, version)


# --- modules --------------------------------------------------------------------------------------


def test_a_module_is_confirmed_off_by_its_own_word_after_the_stop(
    device: Device, people: People, clock: Any
) -> None:
    say(device, modules=ON)
    clock.shift(60)
    stopped = console_clock.now()
    assert confirmed(device, stopped) == dict.fromkeys(ON)
    clock.shift(62)
    acoustic_at = say(device, modules={**ON, "acoustic": "off"}).link_at
    told = confirmed(device, stopped)
    assert told["acoustic"] == acoustic_at and told["alpr"] is None
    assert told["ptz"] == stopped, "it was off before, and said so again"
    clock.shift(70)
    alpr_at = say(device, modules=OFF).link_at
    clock.shift(4000)
    say(device, modules=ON)
    told = confirmed(device, stopped)
    assert (told["acoustic"], told["alpr"]) == (acoustic_at, alpr_at), "a later start takes nothing back"


def test_a_desired_version_alone_confirms_only_where_the_modules_are_silent(
    device: Device, clock: Any
) -> None:
    stopped = console_clock.now()
    say(device, desired_version=4)
    assert confirmed(device, stopped, 5) == dict.fromkeys(ON)
    clock.shift(3)
    at = say(device, desired_version=5).link_at
    clock.shift(30)
    say(device, desired_version=5)
    assert confirmed(device, stopped, 5) == dict.fromkeys(ON, at)
    say(device, desired_version=5, modules={"ptz": "on"})
    assert confirmed(device, stopped, 5)["ptz"] is None, "a camera that says it is on is on"


def test_since_when_is_kept_and_only_a_change_is_a_row(device: Device, clock: Any) -> None:
    first = say(device, modules=ON).modules["acoustic"]
    clock.shift(30)
    status = say(device, modules=ON)
    assert status.modules["acoustic"] == first and ModuleChange.objects.count() == 4
    assert status.modules_at == status.link_at


def test_names_and_words_of_a_later_agent_are_passed_over(device: Device) -> None:
    report = convert({"t": "hb", "modules": {"acoustic": "on", "drone": "on", "alpr": "resting"}}, Report)
    assert set(services.heartbeat(trailer=device.trailer, report=report, actor=device.key).modules) == {
        "acoustic"
    }


def test_an_agent_that_says_nothing_new_keeps_working(device: Device) -> None:
    status = say(device, battery_soc_pct=50.0)
    assert (status.modules, status.clock_skew_ms, status.off_point_fixes) == ({}, None, 0)


@pytest.mark.parametrize("act", ['UPDATE {} SET "on" = NOT "on"', "DELETE FROM {}"])
def test_what_was_confirmed_can_not_be_changed_later(db: None, act: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(act.format("trailers_modulechange"))


def test_screens_hear_of_a_switched_module_at_once(device: Device, clock: Any, monkeypatch: Any) -> None:
    say(device, modules=ON)
    pushed = []
    monkeypatch.setattr("trailers.reports.push_trailer", lambda *_: pushed.append(1))
    clock.shift(1)
    say(device, modules=ON)
    assert pushed == []
    clock.shift(2)
    say(device, modules=OFF)
    assert pushed == [1]


# --- clock and place ------------------------------------------------------------------------------


def test_the_trailers_clock_is_compared_with_the_consoles(device: Device, clock: Any) -> None:
    ahead = console_clock.wire(console_clock.now() + timedelta(milliseconds=2500))
    # What passes between the two readings is the test's own time.
    assert 1500 < say(device, at=ahead).clock_skew_ms <= 2501
    assert say(device, at="2026-02-31T00:00:00Z").clock_skew_ms is not None, "no day: as it was"


def test_how_old_a_fix_is_the_trailer_knows_by_its_own_clock(device: Device) -> None:
    now = console_clock.now()
    status = say(
        device,
        at="2020-01-01T00:01:30Z",
        fix_at="2020-01-01T00:00:00Z",
        position=Position(43.69, -79.64, 9, 2.5),
    )
    assert timedelta(seconds=89) < now - status.fix_at < timedelta(seconds=91)
    assert (status.satellites, status.accuracy_m) == (9, 2.5)


@pytest.fixture
def moved() -> Iterator[list[Trailer]]:
    """Which trailers were said to have moved."""
    told: list[Trailer] = []

    def handler(*, trailer: Trailer) -> None:
        told.append(trailer)

    before = list(events._handlers["trailer.moved"])
    events._handlers["trailer.moved"][:] = [handler]
    yield told
    events._handlers["trailer.moved"][:] = before


def test_three_fixes_in_a_row_off_the_point(device: Device, people: People, moved: list[Trailer]) -> None:
    assert (
        metres(43.69, -79.64, OUTSIDE.lat, OUTSIDE.lon) > 25 > metres(43.69, -79.64, INSIDE.lat, INSIDE.lon)
    )
    deploy(device, people)
    for fix in (OUTSIDE, OUTSIDE, INSIDE, OUTSIDE, OUTSIDE):
        say(device, position=fix)
    assert moved == [] and TrailerStatus.objects.get().off_point_fixes == 2
    say(device, battery_soc_pct=40.0)
    assert moved == []
    say(device, position=OUTSIDE)
    assert moved == [device.trailer]
    say(device, position=OUTSIDE)
    assert len(moved) == 2, "it is said until nothing stands any more"


@pytest.mark.parametrize(("satellites", "counts"), [(None, True), (6, True), (5, False)])
def test_a_weak_fix_neither_counts_nor_clears(
    device: Device, people: People, moved: list[Trailer], satellites: int | None, counts: bool
) -> None:
    deploy(device, people)
    for _n in range(3):
        say(device, position=Position(OUTSIDE.lat, OUTSIDE.lon, satellites))
    assert bool(moved) is counts


def test_one_fix_told_three_times_is_one_fix(device: Device, people: People, moved: list[Trailer]) -> None:
    deploy(device, people)
    for _n in range(5):
        say(device, position=OUTSIDE, fix_at="2026-04-27T23:14:07Z")
    assert moved == [] and TrailerStatus.objects.get().off_point_fixes == 1


def test_hello_counts_as_well(device: Device, people: People, moved: list[Trailer]) -> None:
    deploy(device, people)
    for number in range(3):
        services.record_hello(
            trailer=device.trailer, channel=f"c/{number}", report=Report(position=OUTSIDE), actor=device.key
        )
    assert moved == [device.trailer]


def test_without_a_deployment_a_trailer_may_be_anywhere(
    device: Device, people: People, moved: list[Trailer]
) -> None:
    for _n in range(5):
        say(device, position=OUTSIDE)
    assert moved == [] and TrailerStatus.objects.get().off_point_fixes == 0


def test_what_was_counted_at_one_place_says_nothing_of_the_next(
    device: Device, people: People, moved: list[Trailer]
) -> None:
    deploy(device, people)
    for _n in range(2):
        say(device, position=OUTSIDE)
    services.set_desired(trailer=device.trailer, deployment=None, actor=people.dana)
    deploy(device, people)
    say(device, position=OUTSIDE)
    assert moved == []


def test_another_trailer_is_not_meant(device: Device, people: People, moved: list[Trailer]) -> None:
    make_trailer(people, "South lot")
    deploy(device, people)
    for _n in range(3):
        say(device, position=OUTSIDE)
    assert {trailer.pk for trailer in moved} == {device.trailer.pk}


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [("deactivate", {"wipe": True}), ("self.test", {"deployment": "DEP-2026-0042"})],
)
def test_a_stop_and_a_self_test_need_no_alert_and_wait_for_the_link(
    device: Device, people: People, name: str, args: dict[str, Any]
) -> None:
    command = services.send_command(
        trailer=device.trailer, name=name, args=args, operator="u-1", ttl_s=300, actor=people.dana
    )
    assert (command.state, command.alert, command.args) == ("queued", None, args)
