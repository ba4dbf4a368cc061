"""The reviewers' page: who sees what, in words, with its context; reading and deciding are entries."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

import audit
from audit.models import Entry, Review
from audit.reviewing import raising
from tests.audit.planted import Planted
from tests.audit.test_page import signed_in

WORKER = audit.system("reviews")
#: Later than the real time that the cast's own entries carry.
T = datetime(2040, 1, 11, 22, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\u202e\"'{{7*7}}{% now %}"


@pytest.fixture
def people(own_database: str) -> dict[str, Any]:
    """The demonstration's people, in this test's own database."""
    from accounts.cast import create_cast

    return create_cast(audit.system("seed"))


@pytest.fixture
def log(people: Any, connect_as: Any, log_keys: Any, log_head: Any) -> Planted:
    """A log whose lines have the times a test wants."""
    return Planted(connect_as, log_keys, log_head, T)


@pytest.fixture
def browser(people: Any) -> Callable[[str], Client]:
    """A signed-in browser of a role."""
    return lambda role: signed_in(people[role]["username"])


def raise_all() -> None:
    for walk in (raising.raise_flags, raising.draw_samples):
        while walk(actor=WORKER):
            pass


def view(log: Planted, **more: Any) -> Review:
    """A live view that the lot has drawn."""
    idx = log.write("video.live.open", "trailer:TRL-0007", reason="gunshot", at=T, **more)
    raise_all()
    return Review.objects.get(idx=idx, code="sample")


def text_of(answer: Any) -> str:
    """What a person reads of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.parametrize("role", ["supervisor", "privacy_officer"])
def test_the_list_says_who_did_what_and_why_it_is_here(log: Planted, browser: Any, role: str) -> None:
    view(log)
    page = browser(role).get("/audit/reviews/")
    told = text_of(page)
    assert page.status_code == 200
    assert "Avery Singh opened live view of trailer" in told and ", gunshot" in told
    assert "Drawn at random" in told and "7 days left" in told and "1 review waits" in told


@pytest.mark.parametrize(
    "role", ["dispatcher", "investigator", "applicant", "bail_officer", "technician", "administrator"]
)
def test_nobody_else_sees_the_page(log: Planted, browser: Any, role: str) -> None:
    review = view(log)
    one = browser(role)
    assert one.get("/audit/reviews/").status_code == 403
    sent = {"decision": "in-order", "note": "x"}
    assert one.post(f"/audit/reviews/{review.pk}/decide/", sent).status_code == 403
    log.sequence()
    kept = Entry.objects.filter(outcome="denied", verb__in=["audit.review", "audit.resolve"])
    assert sorted(kept.values_list("verb", flat=True)) == ["audit.resolve", "audit.review"]


def test_the_panel_explains_itself_and_shows_before_and_after(log: Planted, browser: Any) -> None:
    log.write("alert.acknowledge", "alert:0199f3a1-7c00-7000-8000-00000000c0de", at=T)
    log.write("alert.close", "alert:elsewhere", actor="u-9", name="Mika Roy", at=T)
    review = view(log)
    log.write("video.live.close", "trailer:TRL-0007", at=T)
    told = text_of(browser("supervisor").get(f"/audit/reviews/?item={review.pk}"))
    assert "acknowledged alert …0000c0de" in told and "ended the live view" in told
    assert "Mika Roy" not in told, "not the whole log"
    assert "What usually makes it harmless" in told and "Do the reason and the CAD number fit" in told
    assert "No CAD number" in told and "Outside shift" in told, "what else was noticed about it"


def test_deciding_on_the_page_and_reading_the_note_again(log: Planted, browser: Any) -> None:
    review = view(log)
    dana = browser("supervisor")
    sent = {"decision": "needs-explanation", "note": f"Which event? {HOSTILE}"}
    answer = dana.post(f"/audit/reviews/{review.pk}/decide/", sent)
    assert (answer.status_code, answer["Location"]) == (302, f"/audit/reviews/?item={review.pk}")
    log.sequence()
    page = dana.get(answer["Location"])
    told = text_of(page)
    assert "Needs explanation Dana Okafor" in told and "Which event?" in told
    assert b"<img" not in page.content and ">49<" not in page.content.decode()
    assert "You have decided. A decision stands" in told and "Nothing waits for you" in told
    assert "Needs explanation" in text_of(dana.get("/audit/reviews/?show=decided"))


def test_the_second_of_two_is_told_and_keeps_what_they_wrote(log: Planted, browser: Any) -> None:
    review = view(log)
    dana, ines = browser("supervisor"), browser("supervisor-2")
    path = f"/audit/reviews/{review.pk}/decide/"
    dana.post(path, {"decision": "in-order", "note": "It fits."})
    late = ines.post(path, {"decision": "not-justified", "note": "MY WORDS"})
    assert late.status_code == 409 and "MY WORDS" in late.content.decode()
    assert "Dana Okafor decided on this meanwhile" in text_of(late)
    further = ines.post(path, {"decision": "not-justified", "note": "MY WORDS", "further": "1"})
    assert further.status_code == 302
    log.sequence()
    told = text_of(ines.get(f"/audit/reviews/?item={review.pk}"))
    assert "In order" in told and "Not justified" in told and "further review" in told


@pytest.mark.parametrize("sent", [{}, {"decision": "in-order"}, {"decision": "x", "note": "y"}])
def test_a_mistake_is_told_above_the_form(log: Planted, browser: Any, sent: dict[str, str]) -> None:
    review = view(log)
    answer = browser("supervisor").post(f"/audit/reviews/{review.pk}/decide/", sent)
    assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
    assert not review.decisions.exists()


def test_ones_own_act_is_shown_without_a_form(log: Planted, people: Any, browser: Any) -> None:
    dana = people["supervisor"]["user"].person
    review = view(log, actor=dana.wire_id, name=dana.name)
    one = browser("supervisor")
    assert (
        '<form method="post" action="/audit/reviews/'
        not in one.get(f"/audit/reviews/?item={review.pk}").content.decode()
    )
    answer = one.post(f"/audit/reviews/{review.pk}/decide/", {"decision": "in-order", "note": "fine"})
    assert answer.status_code == 403 and not review.decisions.exists()


def test_flags_are_for_the_privacy_officer_with_counts(log: Planted, browser: Any) -> None:
    log.write("export.begin", "case:c-1", at=T)
    log.write("export.begin", "case:c-2", at=T)
    raise_all()
    ada, dana = browser("privacy_officer"), browser("supervisor")
    told = text_of(ada.get("/audit/reviews/?show=flags"))
    assert "Export 2" in told and "Log halted 0" in told
    assert "Export" in text_of(ada.get("/audit/reviews/?show=flags&code=export"))
    assert "case c-1" not in text_of(dana.get("/audit/reviews/?show=flags"))
    flag = Review.objects.filter(code="export").first()
    assert "case c-1" not in text_of(dana.get(f"/audit/reviews/?item={flag.pk}"))
    assert "Is the recipient the one" in text_of(ada.get(f"/audit/reviews/?item={flag.pk}"))


def test_overdue_stands_first_and_is_told_to_both(log: Planted, browser: Any, clock: Any) -> None:
    view(log)
    clock.shift(9 * 24 * 3600)
    for role in ("privacy_officer", "supervisor"):
        told = text_of(browser(role).get("/audit/reviews/"))
        assert "1 review is overdue" in told and "overdue by 2 days" in told, role


def test_reading_is_an_entry_that_names_what_was_read(log: Planted, browser: Any) -> None:
    review = view(log)
    dana = browser("supervisor")
    dana.get("/audit/reviews/")
    dana.get(f"/audit/reviews/?item={review.pk}")
    log.sequence()
    found = list(Entry.objects.filter(verb="audit.review").order_by("idx").values_list("object", flat=True))
    assert found == ["page:reviews", f"entry:{review.idx}"]


def test_with_the_log_broken_it_shows_nothing(log: Planted, browser: Any, connect_as: Any) -> None:
    review = view(log)
    dana = browser("supervisor")
    connect_as("csoc_owner").execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")
    dana.raise_request_exception = False
    for answer in (
        dana.get(f"/audit/reviews/?item={review.pk}"),
        dana.post(f"/audit/reviews/{review.pk}/decide/", {"decision": "in-order", "note": "x"}),
    ):
        assert answer.status_code >= 500 and b"Avery" not in answer.content
    assert not review.decisions.exists()


def test_the_words_of_a_break_glass_are_before_the_reviewer(
    log: Planted, people: Any, browser: Any, data_dir: Any
) -> None:
    from django.db import connection

    from accounts import services
    from accounts.break_glass import Thing, _finders
    from tests.accounts.test_break_glass import fresh

    user = people["investigator"]["user"]
    thing = Thing("alert", "0199f3a1", user.person.agency_id, "DEMO-PS", "/x/", lambda _user: False)
    before = _finders["alert"]
    _finders["alert"] = lambda _target: thing
    try:
        with services.acting(user):
            services.break_glass(
                actor=user, login=fresh(user), kind="alert", target="0199f3a1", why="cannot-wait",
                words="THE DESK DID NOT ANSWER",
            )  # fmt: skip
    finally:
        _finders["alert"] = before
    assert connection.in_atomic_block is False
    log.sequence()
    raise_all()
    review = Review.objects.get(code="break-glass")
    assert review.subject == user.person.number
    told = text_of(browser("supervisor").get(f"/audit/reviews/?item={review.pk}"))
    assert "THE DESK DID NOT ANSWER" in told and "What would have happened without it" in told


@pytest.mark.parametrize("query", ["item=x", "item=" + "9" * 30, "show=%00", "code=nonsense", "before=-1"])
def test_a_strange_address_is_no_failure(log: Planted, browser: Any, query: str) -> None:
    view(log)
    assert browser("privacy_officer").get(f"/audit/reviews/?{query}").status_code == 200


def test_an_entry_that_was_pruned_is_said_to_be(log: Planted, browser: Any, connect_as: Any) -> None:
    connect_as("csoc_owner").execute(
        "INSERT INTO audit_review (idx, uid, code, agency, subject, raised_at, due_at) "
        "VALUES (60000000, gen_random_uuid(), 'sample', 'DEMO-PS', 7, now(), now())"
    )
    dana = browser("supervisor")
    assert "The entry was pruned" in text_of(dana.get("/audit/reviews/"))
    assert dana.get(f"/audit/reviews/?item={Review.objects.get().pk}").status_code == 200
