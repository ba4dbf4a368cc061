"""A question as text: fields, words, times; a mistake points at its own place and nothing is ignored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import moments, questions
from audit.questions import BadQuestion, Keys
from audit.verbs import VERBS

ZONE = ZoneInfo("America/Toronto")
#: Three in the morning of a Sunday, where people are.
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def canonical(text: str) -> str:
    return questions.parse(text, NOW).canonical


def mistaken(text: str) -> tuple[str, str]:
    """The sentence, and the part of the text it points at."""
    with pytest.raises(BadQuestion) as caught:
        questions.parse(text, NOW)
    error = caught.value
    assert error.status == 400 and 0 <= error.start <= error.end <= len(text)
    return error.sentence, text[error.start : error.end]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Who watched trailer 07 yesterday after 22:00, and why?",
         'verb:video.live.* object:TRL-0007 since:"yesterday 22:00"'),
        ("watched 7", "verb:video.live.* object:TRL-0007"),
        ("TRL-0007", "object:TRL-0007"),
        ("trailer 07", "object:TRL-0007"),
        ("object:07", "object:TRL-0007"),
        ("trailer:TRL-0007", "object:TRL-0007"),
        ("Avery Singh 26-118204", 'actor:"Avery Singh" cad:26-118204'),
        ('"Avery Singh"', 'actor:"Avery Singh"'),
        ("CAD 26-118204", "cad:26-118204"),
        ("O'Brien-Smith denied", "actor:O'Brien-Smith outcome:denied"),
        ("41,218", "entry:41,218"),
        ("entry 41218", "entry:41218"),
        ("u-1042 today", "actor:u-1042 since:today"),
        ("DEP-2026-0031", "object:deployment:DEP-2026-0031"),
        ("auth.* -denied", "verb:auth.* -outcome:denied"),
        ("since:yesterday 22:00 until:02:00", 'since:"yesterday 22:00" until:02:00'),
        ("before 06:00 7", "until:06:00 object:TRL-0007"),
        ("2 h ago", 'since:"2 h ago"'),
        ("break-glass", "verb:access.break_glass*"),
        ("VERB:audit.view", "verb:audit.view"),
        ("<img src=x onerror=alert(1)>", 'actor:"<img src=x" actor:onerror=alert(1)>'),
    ],
)  # fmt: skip
def test_words_become_fields(text: str, means: str) -> None:
    assert canonical(text) == means
    assert canonical(means) == means, "what the page writes back means the same"


@pytest.mark.parametrize(
    ("text", "bad", "says"),
    [
        ("object:7 vreb:video.live.open", "vreb:", "Did you mean verb:"),
        ("verb:video.live.opn 7", "verb:video.live.opn", "Did you mean video.live.open"),
        ('7 since:"yesterday', '"yesterday', "does not close"),
        ("7 since:gestern", "since:gestern", "is not a time"),
        ("object:", "object:", "Write something after object:"),
        ('verb:audit.view "" 7', '""', "Write something"),
        ("7 outcome:maybe", "outcome:maybe", "allowed, denied, failed or partial"),
        ("flag:nothing", "flag:nothing", "The flags are no-cad"),
        ("session:xyz", "session:xyz", "A session is"),
        ("entry:12..3", "entry:12..3", "smaller"),
        ("object:*", "object:*", "A star stands at the end"),
        ("cad:;", "cad:;", "26-118204"),
        ("-since:today", "-since:today", "no minus"),
        ("since:today until:yesterday", "until:yesterday", "nothing lies between"),
        ("since:25:00", "since:25:00", "00:00 to 23:59"),
        ('a"b"', '"b"', "space before"),
        ("7 " + "x" * 500, "xx", "at most 500"),
        ("a\x00b", "\x00", "cannot be read"),
        ("since:9999-12-31 until:00:00", "until:00:00", "outside any calendar"),
        ("since:9999-12-31T23:59:59Z until:01:00", "until:01:00", "outside any calendar"),
        ("since:0001-01-01T00:00:00Z until:22:00", "until:22:00", "outside any calendar"),
        ("since:9999-01-01 until:0001-01-01T00:00:00Z", "until:0001-01-01T00:00:00Z", "0001-01-01 00:00"),
    ],
)
def test_a_mistake_points_at_its_place(text: str, bad: str, says: str) -> None:
    sentence, pointed = mistaken(text)
    assert pointed == bad and says in sentence


def test_a_star_names_verbs_of_the_closed_list() -> None:
    [term] = questions.parse("verb:video.live.*", NOW).terms
    assert set(term.value) == {verb for verb in VERBS if verb.startswith("video.live.")}
    assert mistaken("verb:video.*.shut")[1] == "verb:video.*.shut"


def test_an_object_of_any_type_by_its_bare_id() -> None:
    [term] = questions.parse("object:0199f3a1-7c00-7000-8000-00000000c0de", NOW).terms
    assert "alert:0199f3a1-7c00-7000-8000-00000000c0de" in term.value.exact
    assert questions.parse("object:alert:0199*", NOW).terms[0].value == Keys(prefix="alert:0199")


def test_taking_a_part_away_leaves_the_rest() -> None:
    asked = questions.parse("verb:audit.view Avery Singh today", NOW)
    assert asked.without(asked.terms[1]) == "verb:audit.view since:today"


@pytest.mark.parametrize(
    ("text", "dated"),
    [
        ('since:"yesterday 22:00" until:06:00', "since:2026-11-21T22:00 until:2026-11-22T06:00"),
        ("yesterday until:yesterday", "since:2026-11-21T00:00 until:2026-11-22T00:00"),
        ("7 2 h ago", "object:TRL-0007 since:2026-11-22T01:00"),
        ("since:2026-11-20T22:00:05Z", "since:2026-11-20T22:00:05Z"),
        ("since:2026-11-01T06:30:00Z", "since:2026-11-01T06:30:00Z"),
        ("-purge", "-verb:purge.*"),
    ],
)
def test_a_question_with_its_dates_means_the_same_on_another_day(text: str, dated: str) -> None:
    asked = questions.parse(text, NOW)
    assert asked.dated == dated
    later = questions.parse(dated, NOW + timedelta(days=40))
    assert [term.value for term in later.terms] == [term.value for term in asked.terms]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("yesterday 22:00", "2026-11-21 22:00", "2026-11-21 22:00"),
        ("yesterday", "2026-11-21", "2026-11-22"),
        ("22:00", "2026-11-21 22:00", "2026-11-21 22:00"),
        ("02:30", "2026-11-22 02:30", "2026-11-22 02:30"),
        ("saturday 9:15", "2026-11-21 09:15", "2026-11-21 09:15"),
        ("sunday", "2026-11-22", "2026-11-23"),
        ("20 Nov", "2026-11-20", "2026-11-21"),
        ("24 dec", "2025-12-24", "2025-12-25"),
        ("2026-11-20", "2026-11-20", "2026-11-21"),
        ("2026-11-20 22:00:05", "2026-11-20 22:00:05", "2026-11-20 22:00:05"),
        ("2 h ago", "2026-11-22 01:00", "2026-11-22 01:00"),
        ("now", "2026-11-22 03:00", "2026-11-22 03:00"),
    ],
)
def test_moments_are_read_where_people_are(text: str, begins: str, ends: str) -> None:
    assert moments.parse(text, now=NOW, zone=ZONE) == local(begins)
    assert moments.parse(text, now=NOW, zone=ZONE, end=True) == local(ends)


def test_an_instant_with_its_offset_is_itself() -> None:
    at = moments.parse("2026-11-20T22:00:00Z", now=NOW, zone=ZONE)
    assert at == datetime(2026, 11, 20, 22, tzinfo=UTC)


def test_a_closing_time_of_day_comes_after_the_beginning() -> None:
    asked = questions.parse('since:"yesterday 22:00" until:06:00', NOW)
    assert asked.moment("until") == local("2026-11-22 06:00")


def test_where_the_clocks_change_the_wider_span_is_meant() -> None:
    twice = {end: moments.parse("2026-11-01 01:30", now=NOW, zone=ZONE, end=end) for end in (False, True)}
    assert twice[True] - twice[False] == timedelta(hours=1)
    assert twice[False] == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    never = {end: moments.parse("2026-03-08 02:30", now=NOW, zone=ZONE, end=end) for end in (False, True)}
    assert never[False] < datetime(2026, 3, 8, 7, tzinfo=UTC) < never[True]
    short_day = moments.parse("2026-03-08", now=NOW, zone=ZONE, end=True) - moments.parse(
        "2026-03-08", now=NOW, zone=ZONE
    )
    assert short_day == timedelta(hours=23)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_question_or_a_mistake_in_its_own_place(text: str) -> None:
    try:
        asked = questions.parse(text, NOW)
    except BadQuestion as error:
        assert error.sentence and 0 <= error.start <= error.end <= max(len(text), error.end)
    else:
        again = questions.parse(asked.canonical, NOW)
        assert [term.value for term in again.terms] == [term.value for term in asked.terms]


PIECES = (
    "verb:",
    "object:",
    "since:",
    "-",
    '"',
    "7",
    "yesterday",
    "22:00",
    "trailer",
    "Avery",
    "26-118204",
    ":",
    "*",
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join)
    | st.lists(st.sampled_from(PIECES)).map("".join)
)
def test_pieces_of_questions_never_fail_in_another_way(text: str) -> None:
    try:
        questions.parse(text, NOW)
    except BadQuestion as error:
        assert error.sentence
