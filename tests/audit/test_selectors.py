"""What a question finds in the log: visibility, names, times that are not in order, counts and budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection

import audit
from audit import questions, selectors
from audit.models import Entry, Review
from audit.selectors import Page
from csoc.lib.ids import uuid7

START = datetime(2026, 11, 21, 20, tzinfo=UTC)
OWN, OTHER = "DEMO-PS", "OTHER-PS"
OFFICER = audit.Actor("person", "u-1107", role="privacy_officer", agency=OWN, name="Eli Tremblay")
Write = Callable[..., None]
Connect = Callable[[str], psycopg.Connection]


@pytest.fixture
def write(own_database: str, connect_as: Connect) -> Write:
    """``write(name, verb, thing, …)``: one entry that waits for its place."""

    def one(
        name: str | None,
        verb: str = "alert.view",
        thing: tuple[str, str] = ("alert", "a-1"),
        *,
        actor: str = "u-1042",
        agency: str = OWN,
        of: str = OWN,
        cad: str | None = None,
        result: str = "allowed",
        session: str | None = None,
    ) -> None:
        with audit.acting_as(audit.Actor("person", actor, agency=agency, name=name, session=session)):
            reason = audit.Reason("gunshot", cad) if cad else None
            audit.commit(verb, audit.Ref(*thing, of), reason=reason, outcome=audit.Outcome(result))

    return one


@pytest.fixture(autouse=True)
def reading(own_database: str) -> Iterator[None]:
    """The privacy officer of one agency reads."""
    with audit.acting_as(OFFICER):
        yield


def found(text: str, limit: int = 50) -> Page:
    return selectors.page(questions.parse(text), limit)


def names(text: str) -> list[str | None]:
    return [row.name for row in found(text).rows]


def test_a_reader_sees_their_own_agency_and_what_their_people_did(
    write: Write, sequence: Callable[[], int]
) -> None:
    write("Own about own")
    write("Own about other", of=OTHER)
    write("Other about own", agency=OTHER)
    write("Other about none", agency=OTHER, of="")
    write("Other about other", agency=OTHER, of=OTHER)
    sequence()
    seen = set(names("verb:alert.view"))
    assert seen == {"Own about own", "Own about other", "Other about own", "Other about none"}
    with audit.acting_as(audit.Actor("person", "u-9", name="Of no agency")):
        assert set(names("verb:alert.view")) == {"Other about none"}


def test_people_are_found_by_number_whole_name_or_part(write: Write, sequence: Callable[[], int]) -> None:
    for number, name in enumerate(("Avery Singh", "Avery Singh-Jones", "Ravi Singh", "Ödön Ó Briain", None)):
        write(name, actor=f"u-{number}")
    sequence()
    assert names('actor:"avery singh"') == ["Avery Singh"], "a whole name is that name"
    assert set(names("actor:singh")) == {"Avery Singh", "Avery Singh-Jones", "Ravi Singh"}
    assert names("briain") == ["Ödön Ó Briain"] and names("actor:ÖDÖN") == ["Ödön Ó Briain"]
    assert names("u-2") == ["Ravi Singh"] and names("U-2") == ["Ravi Singh"]
    assert names("nobody") == [] and found("nobody").count == 0
    assert "Avery Singh" not in names("verb:alert.view -actor:singh")
    assert set(names("actor:u-0 actor:u-2")) == {"Avery Singh", "Ravi Singh"}, "alternatives"


def test_every_field_narrows(write: Write, sequence: Callable[[], int]) -> None:
    write("A", "video.live.open", ("trailer", "TRL-0007"), cad="26-118204", session="aa11bb22")
    write("B", "video.live.open", ("trailer", "TRL-0008"))
    write("C", "video.live.close", ("trailer", "TRL-0007"), result="denied")
    write("D", "alert.close", ("alert", "a-1"), of=OTHER)
    size = sequence()
    expected = {
        "verb:video.live.*": "CBA", "object:07": "CA", "object:trailer:*": "CBA",
        "cad:26-118204": "A",
        "verb:video.* cad:none": "CB", "outcome:denied": "C", "reason:gunshot": "A",
        "verb:video.* reason:none": "CB",
        "agency:OTHER-PS": "D",
        "session:aa11bb": "A", "verb:video.* -object:7": "B", f"entry:{size - 1}": "D",
        f"entry:{size - 3}..{size - 2}": "CB",
        "watched 7": "CA", "26-118204": "A", "object:7 object:8": "CBA",
        "-outcome:allowed": "C",
    }  # fmt: skip
    assert {text: "".join(str(name) for name in names(text)) for text in expected} == expected


def test_a_flag_is_found_by_its_code(write: Write, sequence: Callable[[], int]) -> None:
    write("A")
    write("B")
    idx = sequence() - 1
    Review.objects.create(idx=idx, uid=uuid7(), code="no-cad", agency=OWN, subject=1, raised_at=START)
    assert names("flag:no-cad") == ["B"] and "B" not in names("verb:alert.view -flag:no-cad")


def planted(intruder: psycopg.Connection, idx: int, at: datetime) -> None:
    """Give a line another time; its hash no longer fits, which is not what this is about."""
    text = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    query = "UPDATE audit_log SET line = left(line, -29) || %s || '\"}' WHERE idx = %s"
    intruder.execute(query, [text, idx])


def test_times_that_are_not_in_order_are_all_found(
    write: Write, sequence: Callable[[], int], intruder: psycopg.Connection
) -> None:
    for number in range(40):
        write(str(number))
    first = sequence() - 40
    lags = [300 if number % 7 == 3 else 0 for number in range(40)]
    moments = [START + timedelta(seconds=60 * number - lag) for number, lag in enumerate(lags)]
    for number, at in enumerate(moments):
        planted(intruder, first + number, at)
    for cut in (START + timedelta(minutes=minutes, seconds=-1) for minutes in range(0, 42, 3)):
        text = f"verb:alert.view since:{cut:%Y-%m-%dT%H:%M:%SZ}"
        assert set(names(text)) == {str(n) for n, at in enumerate(moments) if at >= cut}
        text = f"verb:alert.view until:{cut:%Y-%m-%dT%H:%M:%SZ}"
        assert set(names(text)) == {str(n) for n, at in enumerate(moments) if at < cut}


def test_a_page_counts_only_so_far(
    write: Write, sequence: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(12):
        write("A")
    sequence()
    assert found("verb:alert.view", 5).count == 12
    monkeypatch.setattr(selectors, "MOST_COUNTED", 10)
    page = found("verb:alert.view", 5)
    assert (page.count, len(page.rows), page.more) == (11, 5, True)
    second = selectors.page(questions.parse("verb:alert.view"), 5, page.rows[-1].idx)
    assert second.count is None and second.rows[0].idx < page.rows[-1].idx


def test_what_takes_too_long_says_how_far_it_looked(
    write: Write, sequence: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("Long ago")
    for _ in range(9):
        write("A")
    size = sequence()
    real, asked = selectors._newest, []

    def slow(rows, limit, within_ms=0):  # type: ignore[no-untyped-def]
        asked.append(limit)
        return None if len(asked) == 1 else real(rows, limit)

    monkeypatch.setattr(selectors, "_newest", slow)
    monkeypatch.setattr(selectors, "WINDOW", 5)
    page = found('actor:"Long ago"')
    assert (page.rows, page.more, page.count, page.searched_to) == ([], False, None, size - 5)
    asked.clear()
    further = selectors.page(questions.parse('actor:"Long ago"'), 50, page.searched_to)
    assert further.searched_to == size - 10
    assert [row.name for row in further.rows] == ["Long ago"]


def shown_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def test_the_database_itself_stops_a_question_and_only_that_one(sequence: Callable[[], int]) -> None:
    sequence()
    before = shown_timeout()
    slow = Entry.objects.extra(where=["pg_sleep(20)::text = ''"])
    assert selectors._newest(slow, 5, within_ms=100) is None
    assert selectors._newest(selectors.entries_visible_to_actor(), 5) == [0]
    assert shown_timeout() == before
