"""Flags: what is raised from sealed lines, what is not, once and never twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

import audit
from audit.models import Entry, Review, ReviewCursor
from audit.reviewing import flags, raising
from tests.audit.planted import Planted

WORKER = audit.system("reviews")
#: Later than the real time that the console's own entries carry.
T = datetime(2040, 1, 11, 22, 0, tzinfo=UTC)


@pytest.fixture
def log(own_database: str, connect_as: Any, log_keys: Any, log_head: Any) -> Planted:
    """A log whose lines have the times a test wants."""
    return Planted(connect_as, log_keys, log_head, T)


def raised() -> list[tuple[int, str]]:
    """Walk everything sealed; return (idx, code) in order."""
    while raising.raise_flags(actor=WORKER):
        pass
    return list(Review.objects.order_by("idx", "id").values_list("idx", "code"))


def test_a_live_view_without_a_cad_number_is_flagged_and_one_with_it_is_not(log: Planted) -> None:
    log.write("shift.start", "user:u-1042", at=T)
    bare = log.write("video.live.open", "trailer:TRL-0007", reason="gunshot", at=T)
    log.write("video.live.open", "trailer:TRL-0007", reason="gunshot", cad="26-1", at=T)
    log.write("video.live.open", "trailer:TRL-0007", reason="gunshot", result="denied", at=T)
    assert raised() == [(bare, "no-cad")]
    one = Review.objects.get()
    assert (one.agency, one.subject, one.due_at) == ("DEMO-PS", 1042, None)


def test_outside_a_shift_is_computed_from_the_log_itself(log: Planted) -> None:
    def look(minutes: float) -> int:
        return log.write("alert.view", "alert:a", at=T + timedelta(minutes=minutes))

    early = look(0)
    log.write("shift.start", "user:u-1042", at=T + timedelta(minutes=1))
    look(2)
    log.write("auth.sign_out", "user:u-1042", session="ffff", at=T + timedelta(minutes=3))
    look(4)
    log.write("auth.sign_out", "user:u-1042", at=T + timedelta(minutes=5))
    signed_out = look(6)
    log.write("shift.start", "user:u-1042", at=T + timedelta(minutes=7))
    look(7 + 12 * 60)
    too_long = look(8 + 12 * 60)
    log.write("shift.start", "user:u-1042", at=T + timedelta(hours=13))
    log.write("shift.end", "user:u-1042", session="other", at=T + timedelta(hours=14))
    ended = look(15 * 60)
    other = log.write("alert.view", "alert:a", actor="u-7", at=T + timedelta(hours=16))
    assert raised() == [(idx, "outside-shift") for idx in (early, signed_out, too_long, ended, other)]


def test_many_denials_within_ten_minutes_are_one_flag(log: Planted) -> None:
    def refuse(seconds: float, actor: str = "u-1042") -> int:
        return log.write(
            "alert.view", "alert:a", result="denied", actor=actor, at=T + timedelta(seconds=seconds)
        )

    for second in range(4):
        refuse(second)
    refuse(601.5)  # by now the first two are out of the window
    assert raised() == []
    fifth = [refuse(602, "u-7") for _ in range(5)][-1]
    for _ in range(3):
        refuse(603, "u-7")
    refuse(602.5)
    assert raised() == [(fifth, "denied-often")], "only three of u-1042 stand within ten minutes"
    again = [refuse(604, "u-7") for _ in range(2)][-1]
    assert raised()[-1] == (again, "denied-often"), "counted anew after each flag"


@pytest.mark.parametrize(
    ("verb", "obj", "code"),
    [
        ("audit.export", "log:audit", "export"),
        ("export.begin", "case:c-1", "export"),
        ("user.view", "user:u-9", "look-up"),
        ("search.run", "person:u-9", "look-up"),
        ("access.break_glass", "alert:a", "break-glass"),
    ],
)
def test_each_kind_is_flagged(log: Planted, verb: str, obj: str, code: str) -> None:
    extra = {"audit.export": {"digest": "0" * 64}}.get(verb)
    idx = log.write(verb, obj, at=T, extra=extra)
    assert raised() == [(idx, code)]


def test_a_malformed_body_a_halt_and_a_resumption_are_flagged(log: Planted) -> None:
    wrapped = log.malform(T)
    halted, resumed = log.halt()
    assert raised() == [(wrapped, "malformed"), (halted, "halted"), (resumed, "resumed")]
    assert {(one.agency, one.subject) for one in Review.objects.all()} == {("", 0), ("", 1107)}


@pytest.mark.parametrize(
    ("verb", "obj", "result"),
    [
        ("user.view", "page:access", "allowed"),
        ("search.run", "trailer:TRL-0007", "allowed"),
        ("audit.export", "log:audit", "denied"),
        ("access.break_glass", "alert:a", "denied"),
        ("alert.acknowledge", "alert:a", "allowed"),
        ("audit.view", "log:audit", "allowed"),
    ],
)
def test_what_is_ordinary_is_not(log: Planted, verb: str, obj: str, result: str) -> None:
    log.write(verb, obj, result=result, at=T)
    assert raised() == []


def test_what_was_read_under_a_break_glass_is_looked_at_with_it(log: Planted) -> None:
    broken = log.write("access.break_glass", "alert:a", at=T)
    log.write("alert.view", "alert:a", parent=log.uid(broken), at=T)
    assert raised() == [(broken, "break-glass")]
    assert Review.objects.get().due_at == T + timedelta(hours=24)


def test_nothing_is_raised_from_a_line_that_no_checkpoint_covers(log: Planted, monkeypatch: Any) -> None:
    idx = log.write("video.live.open", "trailer:TRL-0007", at=T)
    monkeypatch.setattr(raising, "sealed_size", lambda: idx)
    assert raised() == []
    monkeypatch.undo()
    assert len(raised()) == 2


def test_each_raise_is_an_entry_of_the_console(log: Planted) -> None:
    idx = log.write("export.begin", "case:c-1", at=T)
    raised()
    log.sequence()
    [entry] = Entry.objects.filter(verb="audit.flag")
    assert (entry.actor, entry.object, entry.agency) == ("reviews", f"entry:{idx}", "DEMO-PS")
    assert f'"parent":"{log.uid(idx)}"' in entry.line and '"code":"export"' in entry.line


def test_walking_again_raises_nothing_twice(log: Planted, connect_as: Any) -> None:
    for _ in range(3):
        log.write("export.begin", "case:c-1", at=T)
    first = raised()
    assert len(first) == 3
    connect_as("csoc_owner").execute("UPDATE audit_review_cursor SET idx = 0")
    assert raised() == first


def test_a_crash_leaves_the_step_to_be_done_again(log: Planted, monkeypatch: Any) -> None:
    log.write("export.begin", "case:c-1", at=T)
    monkeypatch.setattr(raising, "_done", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
    with pytest.raises(RuntimeError):
        raising.raise_flags(actor=WORKER)
    assert not Review.objects.exists()
    assert ReviewCursor.objects.get(name="flags").idx == 0
    monkeypatch.undo()
    assert len(raised()) == 1


def test_two_workers_at_once_make_no_doubles(log: Planted) -> None:
    from tests.races.test_on_connections import on_own_connection, race

    for _ in range(40):
        log.write("video.live.open", "trailer:TRL-0007", at=T)
    for _round in range(4):
        race([on_own_connection(lambda: raising.raise_flags(actor=WORKER))] * 4)
    found = raised()
    assert len(found) == len(set(found)) == 80


def test_the_second_worker_leaves_at_once_while_the_first_is_at_work(log: Planted) -> None:
    from bench.driving import together
    from tests.races.test_on_connections import on_own_connection

    log.write("export.begin", "case:c-1", at=T)
    with transaction.atomic():
        ReviewCursor.objects.select_for_update().get(name="flags")
        assert together([on_own_connection(lambda: raising.raise_flags(actor=WORKER))]) == [False]
    assert len(raised()) == 1


def test_a_long_log_is_walked_in_steps(log: Planted, monkeypatch: Any) -> None:
    monkeypatch.setattr(raising, "STEP_LINES", 3)
    for _ in range(7):
        log.write("export.begin", "case:c-1", at=T)
    steps = 1
    while raising.raise_flags(actor=WORKER):
        steps += 1
    assert (steps, Review.objects.count()) == (-(-log.size // 3), 7)


def test_every_flag_explains_itself() -> None:
    for code, flag in flags.FLAGS.items():
        assert all(str(part).strip() for part in flag), code
        assert str(flag.ask).endswith((".", "?")) and str(flag.why).endswith("."), code


def test_the_counts_come_from_an_index(log: Planted) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT count(*) FROM audit_review WHERE agency IN ('', 'DEMO-PS') AND decided_at IS NULL"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "review_open" in plan
