"""The lot: one view in ten, five a week at least, the same for whoever draws it again."""

import hashlib
import json
import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import audit
from audit.models import Checkpoint, Entry, Lot, Review
from audit.reviewing import raising, sampling
from audit.tree import Frontier
from tests.audit.planted import Planted

WORKER = audit.system("reviews")
#: Later than the real time that the console's own entries carry.
MONDAY = datetime(2040, 1, 9, tzinfo=UTC)
T = MONDAY + timedelta(days=2, hours=20)
VIEW, TRAILER = "video.live.open", "trailer:TRL-0007"


@pytest.fixture
def log(own_database: str, connect_as: Any, log_keys: Any, log_head: Any) -> Planted:
    """A log whose lines have the times a test wants."""
    return Planted(connect_as, log_keys, log_head, T)


def draw() -> set[int]:
    """Draw among everything sealed; return the indexes in a lot."""
    while raising.draw_samples(actor=WORKER):
        pass
    return set(Review.objects.filter(code="sample").values_list("idx", flat=True))


def by_the_rule(lines: list[dict[str, Any]], seed: bytes) -> set[int]:
    """The lot as ``audit.reviewing.sampling`` states it, written a second time in the plainest way."""
    chosen: set[int] = set()
    for k in range(1, len(lines) + 1):
        tickets = sorted(
            (hashlib.sha256(seed + line["e"]["uid"].encode()).digest(), line["i"]) for line in lines[:k]
        )
        chosen |= {i for _ticket, i in tickets[: max(5, math.ceil(k / 10))]}
    return chosen


# --- the rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 49, 50, 51, 60, 61, 237])
def test_at_least_one_in_ten_and_five_or_all(count: int) -> None:
    uids = [f"{n:036}" for n in range(count)]
    seed = hashlib.sha256(str(count).encode()).digest()
    drawn = sampling.lot(seed, uids)
    assert len(drawn) == len(set(drawn)) and set(drawn) <= set(uids)
    assert len(drawn) >= min(count, max(5, math.ceil(count / 10)))
    lines = [{"i": n, "e": {"uid": uid}} for n, uid in enumerate(uids)]
    assert {int(uid) for uid in drawn} == by_the_rule(lines, seed)


def test_what_was_drawn_stays_drawn_as_the_week_goes_on() -> None:
    uids, seed, before = [f"{n:036}" for n in range(150)], b"\x07" * 32, set()
    for count in range(151):
        now = set(sampling.lot(seed, uids[:count]))
        assert before <= now
        before = now


def test_even_tickets_that_only_rise_leave_nobody_out_of_the_share() -> None:
    seed = b"\x01" * 32
    uids = sorted((f"{n:036}" for n in range(200)), key=lambda uid: sampling.ticket(seed, uid))
    for order in (uids, uids[::-1]):
        assert len(sampling.lot(seed, order)) >= 20


def test_the_lot_is_fair() -> None:
    """Over many weeks the first view of a long week is drawn as often as one in its middle."""
    chosen, weeks = [0] * 100, 400
    for week in range(weeks):
        seed = hashlib.sha256(f"week {week}".encode()).digest()
        for uid in sampling.lot(seed, [f"{n:036}" for n in range(100)]):
            chosen[int(uid)] += 1
    assert all(count == weeks for count in chosen[:5]), "the first five of a week always are"
    late = chosen[60:]
    assert 0.06 * weeks < min(late) and max(late) < 0.2 * weeks, "every later one about one in ten"


def test_weeks_begin_on_monday_at_midnight_utc() -> None:
    last, first = MONDAY - timedelta(microseconds=1), MONDAY
    assert (sampling.week_of(last), sampling.week_of(first)) == (date(2040, 1, 2), date(2040, 1, 9))
    assert sampling.span_of(date(2040, 1, 9)) == (MONDAY, MONDAY + timedelta(days=7))
    assert sampling.week_of(datetime(2027, 1, 1, tzinfo=UTC)) == date(2026, 12, 28)


# --- drawing from the log -------------------------------------------------------------------------


def test_an_outsider_draws_the_same_lot_from_lines_and_roots(log: Planted) -> None:
    log.write("auth.sign_in", "user:u-1042", at=T - timedelta(days=7))
    first = log.write("shift.start", "user:u-1042", at=T)
    random.seed(3)
    for _ in range(6):
        log.write_many(VIEW, TRAILER, [T + timedelta(seconds=random.randrange(300)) for _ in range(20)])
        draw()
    drawn = draw()
    lines = [json.loads(line) for line in Entry.objects.order_by("idx").values_list("line", flat=True)]
    views = [line for line in lines if line["e"]["verb"] == VIEW]
    size = min(s for s in Checkpoint.objects.values_list("size", flat=True) if s > first)
    frontier = Frontier()
    for leaf in Entry.objects.order_by("idx").values_list("leaf", flat=True)[:size]:
        frontier.append(bytes(leaf))
    assert drawn == by_the_rule(views, frontier.root())
    assert 12 <= len(drawn) < 60
    assert Lot.objects.get().seed == frontier.root().hex()


def test_all_when_there_are_fewer_than_five(log: Planted) -> None:
    three = log.write_many(VIEW, TRAILER, [T] * 3)
    assert draw() == set(three)
    assert {one.subject for one in Review.objects.all()} == {1042}


def test_a_drawn_view_is_due_in_seven_days(log: Planted, clock: Any) -> None:
    log.write(VIEW, TRAILER, at=T)
    draw()
    one = Review.objects.get()
    assert one.due_at == one.raised_at + timedelta(days=7)
    assert abs((one.raised_at - clock.now()).total_seconds()) < 60


def test_each_week_and_each_agency_has_its_own_lot(log: Planted) -> None:
    ours = log.write_many(VIEW, TRAILER, [T] * 5)
    theirs = log.write_many(VIEW, TRAILER, [T] * 5, agency="OTHER-PS")
    next_week = log.write_many(VIEW, TRAILER, [T + timedelta(days=7)] * 5)
    assert draw() == {*ours, *next_week, *theirs}
    assert Lot.objects.count() == 3
    assert len({lot.seed for lot in Lot.objects.filter(week=sampling.week_of(T))}) == 1, "one seed a week"


def test_what_is_no_allowed_live_view_is_not_drawn(log: Planted) -> None:
    log.write(VIEW, TRAILER, at=T, result="denied")
    log.write("video.live.extend", TRAILER, at=T)
    log.write("alert.view", "alert:a", at=T)
    assert draw() == set()


def test_how_often_the_console_looks_does_not_change_the_lot(log: Planted, monkeypatch: Any) -> None:
    for _ in range(4):
        log.write_many(VIEW, TRAILER, [T] * 25)
    monkeypatch.setattr(raising, "STEP_LINES", 7)
    drawn = draw()
    views = Entry.objects.filter(verb=VIEW).order_by("idx")
    lines = [json.loads(row.line) for row in views]
    assert drawn == by_the_rule(lines, bytes.fromhex(Lot.objects.get().seed))


def test_the_seed_stays_what_it_was_when_an_earlier_time_is_sealed_later(log: Planted) -> None:
    log.write(VIEW, TRAILER, at=T)
    draw()
    seed = Lot.objects.get().seed
    log.write("auth.sign_in", "user:u-7", at=T - timedelta(seconds=200))
    log.write_many(VIEW, TRAILER, [T] * 30)
    theirs = set(log.write_many(VIEW, TRAILER, [T] * 3, agency="OTHER-PS"))
    drawn = draw() - theirs
    assert {lot.seed for lot in Lot.objects.all()} == {seed}, "one seed a week, whenever it is asked for"
    first = Entry.objects.filter(at__gte=MONDAY).order_by("idx").first()
    size = Checkpoint.objects.filter(size__gt=first.idx).order_by("size").first()
    assert bytes(size.root).hex() == seed, "anybody finds the same seed afterwards"
    ours = Entry.objects.filter(verb=VIEW, agency="DEMO-PS").order_by("idx")
    assert drawn == by_the_rule([json.loads(row.line) for row in ours], bytes.fromhex(seed))


def test_two_workers_draw_nothing_twice(log: Planted) -> None:
    from tests.races.test_on_connections import on_own_connection, race

    log.write_many(VIEW, TRAILER, [T] * 60)
    race([on_own_connection(lambda: raising.draw_samples(actor=WORKER))] * 4)
    drawn = draw()
    assert Review.objects.count() == len(drawn) >= 6
    log.sequence()
    flagged = Entry.objects.filter(verb="audit.flag", reason="sample")
    assert {int(row.object.removeprefix("entry:")) for row in flagged} == drawn
    assert flagged.count() == len(drawn)


def test_drawing_again_from_the_start_draws_nobody_new(log: Planted, connect_as: Any) -> None:
    log.write_many(VIEW, TRAILER, [T] * 40)
    first = draw()
    connect_as("csoc_owner").execute("UPDATE audit_review_cursor SET idx = 0")
    assert draw() == first
    assert Review.objects.count() == len(first)
