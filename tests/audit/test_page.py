"""The privacy officer's page and its API: who may read, what they read, and that reading is told."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.test import Client

import audit
from tests.audit.conftest import ALERT

Connect = Callable[[str], psycopg.Connection[Any]]
HOSTILE = "<img src=x onerror=alert(1)>\u202e\"'{{7*7}}{% now %}"


@pytest.fixture
def cast(own_database: str) -> dict[str, Any]:
    """The demonstration's people, in this test's own database."""
    from accounts.cast import create_cast

    return create_cast(audit.system("seed"))


def signed_in(username: str) -> Client:
    """A browser with a full session."""
    client = Client()
    answer = client.post("/demo/sign-in/", {"username": username}, content_type="application/json")
    assert answer.status_code == 204, answer.content
    return client


@pytest.fixture
def officer(cast: dict[str, Any]) -> Client:
    """The privacy officer's browser."""
    return signed_in(cast["privacy_officer"]["username"])


def test_the_page_tells_who_did_what(officer: Client, sequence: Callable[[], int]) -> None:
    with audit.acting_as(audit.Actor("person", "u-1042", name=HOSTILE, agency="DEMO-PS")):
        audit.commit(
            "alert.close", ALERT, reason=audit.Reason("gunshot", "26-118204"), detail={"note": HOSTILE}
        )
    sequence()
    page = officer.get("/audit/?verb=alert.close").content.decode()
    assert "closed alert …0000c0de" in page and "gunshot, CAD 26-118204" in page
    assert "<img" not in page and "&lt;img" in page and ">49<" not in page
    chosen = officer.get(f"/audit/?entry={sequence() - 2}").content.decode()
    assert "The line, exactly as sealed" in chosen


def test_the_chosen_entry_shows_line_hash_and_detail(officer: Client, sequence: Callable[[], int]) -> None:
    with audit.acting_as(audit.system("seed")):
        audit.commit("alert.note", ALERT, detail={"note": "a reason in words"})
    idx = sequence() - 1
    page = officer.get(f"/audit/?entry={idx}").content.decode()
    assert "a reason in words" in page and "alert.note" in page
    assert "&quot;i&quot;:" in page


def test_reading_is_an_entry_with_its_count(officer: Client, sequence: Callable[[], int]) -> None:
    sequence()
    officer.get("/audit/?verb=user.*")
    answer = officer.get("/api/v1/audit/entries/?verb=user.*")
    assert answer.status_code == 200
    sequence()
    found = officer.get("/api/v1/audit/entries/?verb=audit.view").json()["entries"]
    assert [row["entry"]["outcome"]["result"] for row in found] == ["allowed", "allowed"]
    assert found[0]["entry"]["outcome"]["n"] == len(answer.json()["entries"])
    assert found[0]["sentence"].startswith("Eli Tremblay read this log")


def test_others_are_denied_and_that_is_kept(
    officer: Client, cast: dict[str, Any], sequence: Callable[[], int]
) -> None:
    dispatcher = signed_in(cast["dispatcher"]["username"])
    assert dispatcher.get("/audit/").status_code == 403
    answer = dispatcher.get("/api/v1/audit/entries/")
    assert answer.status_code == 403 and answer.json()["type"] == "/problems/not-permitted"
    assert Client().get("/audit/").status_code == 302
    assert Client().get("/api/v1/audit/entries/").status_code == 401
    sequence()
    found = officer.get("/api/v1/audit/entries/?verb=audit.view").json()["entries"]
    denied = [row for row in found if row["entry"]["outcome"]["result"] == "denied"]
    assert len(denied) == 2 and "Avery Singh was not allowed to read this log" in denied[0]["sentence"]


def test_another_agencys_entries_are_not_there(officer: Client, sequence: Callable[[], int]) -> None:
    with audit.acting_as(audit.system("seed")):
        audit.commit("alert.close", audit.Ref("alert", "elsewhere", "OTHER-PS"))
    idx = sequence() - 1
    assert officer.get("/api/v1/audit/entries/?object=alert:elsewhere").json()["entries"] == []
    assert "elsewhere" not in officer.get(f"/audit/?entry={idx}").content.decode()


def test_paging_walks_the_whole_log_once(officer: Client, sequence: Callable[[], int]) -> None:
    with audit.acting_as(audit.system("seed")):
        for _ in range(120):
            audit.commit("alert.view", ALERT)
    sequence()
    seen, before = [], ""
    while True:
        page = officer.get(f"/api/v1/audit/entries/?object={ALERT.id}&verb=alert.*{before}").json()
        seen += [row["index"] for row in page["entries"]]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    assert len(seen) == len(set(seen)) == 120 and seen == sorted(seen, reverse=True)


def test_a_bad_filter_is_a_refusal_and_never_a_failure(officer: Client) -> None:
    for query in ("before=x", "before=" + "9" * 30, "since=yesterday", "actor=" + "x" * 200, "verb=%00"):
        assert officer.get(f"/audit/?{query}").status_code == 400, query
        assert officer.get(f"/api/v1/audit/entries/?{query}").status_code == 400, query
    assert officer.get("/audit/?entry=-1").status_code == 400


def test_since_is_read_where_people_are(officer: Client, sequence: Callable[[], int]) -> None:
    sequence()
    assert officer.get("/api/v1/audit/entries/?since=2020-01-01T00:00").json()["entries"]
    assert officer.get("/api/v1/audit/entries/?since=2099-01-01T00:00").json()["entries"] == []


def test_with_the_log_broken_the_log_shows_nothing(
    officer: Client, connect_as: Connect, sequence: Callable[[], int]
) -> None:
    sequence()
    connect_as("csoc_owner").execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")
    officer.raise_request_exception = False
    for path in ("/audit/", "/api/v1/audit/entries/"):
        answer = officer.get(path)
        assert answer.status_code == 500
        assert b"read this log" not in answer.content and b"log.genesis" not in answer.content
