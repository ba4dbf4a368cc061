"""Who decides, once and never on their own act: the service, the database, and two people at once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, transaction

import audit
from accounts.cast import create_cast
from accounts.models import User
from accounts.services import acting
from audit.models import Detail, Entry, Review, ReviewDecision
from audit.models.reviews import DECISIONS
from audit.reviewing import raising
from audit.reviewing import selectors as review_selectors
from audit.reviewing import services as reviews
from csoc.lib.errors import Refused
from tests.accounts.people import second_sign_in
from tests.audit.planted import Planted

WORKER = audit.system("reviews")
#: Later than the real time that the cast's own entries carry.
T = datetime(2040, 1, 11, 22, 0, tzinfo=UTC)


@pytest.fixture
def users(own_database: str) -> dict[str, User]:
    """The demonstration's people, by role."""
    return {role: row["user"] for role, row in create_cast(audit.system("seed")).items()}


@pytest.fixture
def log(users: Any, connect_as: Any, log_keys: Any, log_head: Any) -> Planted:
    """A log whose lines have the times a test wants."""
    return Planted(connect_as, log_keys, log_head, T)


def raise_all() -> None:
    for walk in (raising.raise_flags, raising.draw_samples):
        while walk(actor=WORKER):
            pass


def drawn_view(log: Planted, **more: Any) -> Review:
    """A live view that the lot has drawn."""
    idx = log.write("video.live.open", "trailer:TRL-0007", reason="gunshot", cad="26-1", at=T, **more)
    raise_all()
    return Review.objects.get(idx=idx, code="sample")


def decide(user: User, review: Review, decision: str = "in-order", **more: Any) -> ReviewDecision:
    with acting(user):
        return reviews.decide(
            actor=user, review_id=review.pk, decision=decision, note="It fits the alert.", **more
        )


def refused(code: str, act: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.code == code and caught.value.sentence
    return caught.value


@pytest.mark.parametrize("role", ["supervisor", "privacy_officer"])
@pytest.mark.parametrize("decision", ["in-order", "needs-explanation", "not-justified"])
def test_a_reviewer_decides_and_the_log_says_so(log: Planted, users: Any, role: str, decision: str) -> None:
    review = drawn_view(log)
    decide(users[role], review, decision)
    review.refresh_from_db()
    assert review.decided_at is not None
    log.sequence()
    entry = Entry.objects.get(verb="audit.resolve")
    assert (entry.actor, entry.object) == (users[role].person.wire_id, f"entry:{review.idx}")
    assert entry.reason == decision and f'"parent":"{review.uid}"' in entry.line
    assert "It fits" not in entry.line, "the note is sealed, only its commitment stands in the line"
    with acting(users[role]):
        [told] = review_selectors.decisions(review)
    assert told.note == "It fits the alert."
    assert b"It fits" not in b"".join(bytes(row.sealed) for row in Detail.objects.all())


@pytest.mark.parametrize(
    "role", ["dispatcher", "investigator", "applicant", "bail_officer", "technician", "administrator"]
)
def test_nobody_else_reviews(log: Planted, users: Any, role: str) -> None:
    review = drawn_view(log)
    refused("not-permitted", lambda: decide(users[role], review))
    with acting(users[role]):
        assert review_selectors.open_count(users[role]) == 0 and not review_selectors.visible_to(users[role])
    assert not ReviewDecision.objects.exists()


def test_nobody_reviews_their_own_act(log: Planted, users: Any) -> None:
    dana = users["supervisor"]
    review = drawn_view(log, actor=dana.person.wire_id, name=dana.person.name)
    refused("own-act", lambda: decide(dana, review))
    with acting(dana):
        assert review_selectors.open_count(dana) == 0, "it does not wait for them"
    with acting(users["supervisor-2"]):
        assert review_selectors.open_count(users["supervisor-2"]) == 1
    decide(users["supervisor-2"], review)


def test_nobody_reviews_their_own_act_with_another_sign_in(log: Planted, users: Any) -> None:
    priya = users["applicant"]
    review = drawn_view(log, actor=priya.person.wire_id, name=priya.person.name)
    second = second_sign_in(users["administrator"], priya, "supervisor").user
    refused("own-act", lambda: decide(second, review))
    with acting(second):
        assert review_selectors.open_count(second) == 0, "it does not wait for them"
    decide(users["supervisor"], review)
    third = second_sign_in(users["administrator"], users["supervisor"], "supervisor").user
    refused("decided-by-you", lambda: decide(third, review, further=True))


def test_the_database_refuses_ones_own_act_and_a_false_copy_of_who_it_was(log: Planted) -> None:
    review = drawn_view(log)
    common = {"nth": 1, "decision": "in-order", "reviewer_name": "x", "uid": review.uid, "at": T}
    for subject, reviewer in ((review.subject, review.subject), (review.subject + 1, review.subject)):
        with pytest.raises(IntegrityError), transaction.atomic():
            ReviewDecision.objects.create(review=review, subject=subject, reviewer=reviewer, **common)
    ReviewDecision.objects.create(review=review, subject=review.subject, reviewer=7, **common)


def test_another_agencys_items_are_not_there(log: Planted, users: Any) -> None:
    theirs = drawn_view(log, agency="OTHER-PS")
    for role in ("supervisor", "privacy_officer"):
        assert refused("not-found", lambda role=role: decide(users[role], theirs)).status == 404
        with acting(users[role]):
            assert review_selectors.open_count(users[role]) == 0


def test_a_supervisor_sees_what_has_a_term_and_not_the_flags(log: Planted, users: Any) -> None:
    log.write("export.begin", "case:c-1", at=T)
    raise_all()
    flag = Review.objects.get(code="export")
    assert refused("not-found", lambda: decide(users["supervisor"], flag)).status == 404
    with acting(users["privacy_officer"]):
        assert review_selectors.open_count(users["privacy_officer"]) == 0, "a flag has no term"
        assert review_selectors.counts(users["privacy_officer"])["export"] == 1
    decide(users["privacy_officer"], flag)


def test_what_is_the_logs_own_is_for_every_privacy_officer(log: Planted, users: Any) -> None:
    log.halt()
    raise_all()
    decide(users["privacy_officer"], Review.objects.get(code="halted"))


def test_a_decision_stands_and_somebody_else_may_add_theirs(log: Planted, users: Any) -> None:
    review = drawn_view(log)
    first, second = users["supervisor"], users["supervisor-2"]
    decide(first, review, "in-order")
    told = refused("already-decided", lambda: decide(second, review, "not-justified"))
    assert first.person.name in told.sentence and told.status == 409
    decide(second, review, "not-justified", further=True)
    refused("decided-by-you", lambda: decide(first, review, further=True))
    decided = [(one.nth, one.decision) for one in review.decisions.all()]
    assert decided == [(1, "in-order"), (2, "not-justified")]


def test_the_app_can_change_nothing_that_was_decided(
    log: Planted, users: Any, connect_as: Callable[[str], psycopg.Connection[Any]]
) -> None:
    review = drawn_view(log)
    decide(users["supervisor"], review)
    app = connect_as("csoc_app")
    for query in (
        "UPDATE audit_review_decision SET decision = 'in-order'",
        "DELETE FROM audit_review_decision",
        "DELETE FROM audit_review",
        "UPDATE audit_review SET due_at = NULL",
        "UPDATE audit_lot SET seed = repeat('0', 64)",
        "TRUNCATE audit_review CASCADE",
        "INSERT INTO audit_review_cursor (name, idx) VALUES ('x', 1)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(query)
    with pytest.raises(psycopg.errors.CheckViolation):
        app.execute("UPDATE audit_review SET decided_at = NULL")


def test_nothing_but_a_decision_closes_a_review(log: Planted, users: Any, connect_as: Any) -> None:
    review = drawn_view(log)
    app = connect_as("csoc_app")
    for query in (
        "UPDATE audit_review SET decided_at = now() WHERE decided_at IS NULL",
        "INSERT INTO audit_review (idx, uid, code, agency, subject, raised_at, decided_at) "
        "VALUES (0, gen_random_uuid(), 'sample', '', 7, now(), now())",
        "INSERT INTO audit_review (idx, uid, code, agency, subject, raised_at) "
        "VALUES (0, gen_random_uuid(), 'sample', '', 7, 'infinity')",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            app.execute(query)
    decide(users["supervisor"], review)


@pytest.mark.parametrize("to", ["999999999", "idx - 1", "-1", "(SELECT max(size) + 1 FROM audit_checkpoint)"])
def test_the_walk_skips_nothing_that_is_not_sealed_and_never_begins_anew(
    log: Planted, connect_as: Any, to: str
) -> None:
    drawn_view(log)
    with pytest.raises(psycopg.errors.CheckViolation, match="walks forward"):
        connect_as("csoc_app").execute(f"UPDATE audit_review_cursor SET idx = {to}".encode())


@pytest.mark.parametrize(
    ("decision", "note"),
    [
        ("reopen", "x"),
        ("in-order", ""),
        ("in-order", "  \n"),
        ("in-order", "x" * 2001),
        ("in-order", "fine\x00"),
        ("in-order", "\x00"),
        ("in-order", "\u200b\u202e"),
        ("in-order", "a\ud800"),
        ("in-order", "a\x1b[2J"),
    ],
)
def test_a_decision_without_words_is_none(log: Planted, users: Any, decision: str, note: str) -> None:
    review = drawn_view(log)
    with acting(users["supervisor"]):
        refused(
            "schema",
            lambda: reviews.decide(
                actor=users["supervisor"], review_id=review.pk, decision=decision, note=note
            ),
        )
    assert not ReviewDecision.objects.exists()


def test_a_note_may_have_lines_and_signs_of_any_language(log: Planted, users: Any) -> None:
    review = drawn_view(log)
    with acting(users["supervisor"]):
        reviews.decide(
            actor=users["supervisor"], review_id=review.pk, decision="in-order",
            note="Öffnung laut Einsatz;\n\tn\u00e4chster Schritt: \U0001f469\u200d\U0001f692",
        )  # fmt: skip
    assert ReviewDecision.objects.count() == 1


def test_one_decision_wins_on_two_connections(log: Planted, users: Any) -> None:
    from tests.races.test_on_connections import codes, of, race

    rivals = [users["supervisor"], users["supervisor-2"], users["privacy_officer"]]
    for _round in range(5):
        review = drawn_view(log)
        acts = [
            of(user, reviews.decide, review_id=review.pk, decision=decision, note="because")
            for user, decision in zip(rivals, DECISIONS, strict=True)
        ]
        results = race(acts)
        assert sorted(codes(results)) == ["already-decided", "already-decided", "done"]
        [won] = [one for one in results if not isinstance(one, Refused)]
        assert [one.pk for one in review.decisions.all()] == [won.pk]
        assert all(won.reviewer_name in one.sentence for one in results if isinstance(one, Refused))


def test_the_same_person_twice_at_once_decides_once(log: Planted, users: Any) -> None:
    from tests.races.test_on_connections import codes, of, race

    review = drawn_view(log)
    decide(users["privacy_officer"], review)
    act = of(
        users["supervisor"], reviews.decide, review_id=review.pk, decision="in-order", note="x", further=True
    )
    assert sorted(codes(race([act, act, act]))) == ["decided-by-you", "decided-by-you", "done"]
    assert review.decisions.count() == 2


def test_without_the_log_nothing_is_decided(log: Planted, users: Any, connect_as: Any) -> None:
    review = drawn_view(log)
    connect_as("csoc_owner").execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")
    with pytest.raises(Exception, match="takes no entry"):
        decide(users["supervisor"], review)
    review.refresh_from_db()
    assert review.decided_at is None and not ReviewDecision.objects.exists()


def test_what_is_past_its_term_is_overdue(log: Planted, users: Any, clock: Any) -> None:
    review = drawn_view(log)
    dana = users["supervisor"]
    with acting(dana):
        assert (review_selectors.open_count(dana), review_selectors.overdue_count(dana)) == (1, 0)
        clock.shift(timedelta(days=7, minutes=1).total_seconds())
        assert (review_selectors.open_count(dana), review_selectors.overdue_count(dana)) == (1, 1)
    decide(users["supervisor-2"], review)
    with acting(dana):
        assert (review_selectors.open_count(dana), review_selectors.overdue_count(dana)) == (0, 0)


def test_the_context_is_the_same_sign_in_and_the_same_object(log: Planted, users: Any) -> None:
    before = log.write("alert.acknowledge", "alert:a", at=T)
    log.write("alert.acknowledge", "alert:b", session="another-session0", at=T)
    log.write("alert.close", "alert:c", actor="u-9", at=T)
    other = log.write("ptz.move", "trailer:TRL-0007", actor="u-9", session="another-session0", at=T)
    review = drawn_view(log)
    after = log.write("alert.close", "alert:a", at=T)
    log.write("trailer.command", "trailer:TRL-0007", at=T)
    log.write("ptz.move", "trailer:TRL-0007", agency="OTHER-PS", at=T)
    looks = [log.write("alert.view", "alert:a", at=T) for _ in range(3)]
    with acting(users["supervisor"]):
        near = review_selectors.around(review.idx)
    assert [one.told.idx for one in near] == [before, other, review.idx, after, looks[0]]
    assert [one.offset == 0 for one in near] == [False, False, True, False, False]
    assert [one.times for one in near] == [1, 1, 1, 1, 3], "what stands there in a row is told once"
