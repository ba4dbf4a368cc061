"""The privacy officer's page and its API: who may read, what they read, and that reading is told."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.test import Client
from django.utils.html import escape

import audit
from audit import notes, presenting, sentences, strip, tree
from audit.logkeys import LogKeys
from audit.models import SavedQuestion
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
    assert "closed alert …0000c0de" in page and ">CAD 26-118204</bdi>" in page
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


def test_a_question_that_cannot_be_read_shows_no_row_and_says_where(
    officer: Client, sequence: Callable[[], int]
) -> None:
    sequence()
    for query, bad in (
        ("q=object:7+vreb:x", "vreb:"),
        ("verb=%00", "\x00"),
        ("q=since:gestern", "since:gestern"),
    ):
        answer = officer.get(f"/api/v1/audit/entries/?{query}")
        problem = answer.json()
        assert answer.status_code == 400 and problem["type"] == "/problems/bad-filter"
        page = officer.get(f"/audit/?{query}")
        text = page.content.decode()
        assert page.status_code == 200 and "audit-table" not in text
        assert escape(problem["detail"]) in text and f"<mark><bdi>{bad}</bdi></mark>" in text
    assert 'value="object:7 vreb:x"' in officer.get("/audit/?q=object:7+vreb:x").content.decode()
    for query in ("before=x", "before=" + "9" * 30, "entry=-1"):
        assert "audit-table" not in officer.get(f"/audit/?{query}").content.decode()
    assert officer.get("/api/v1/audit/entries/?before=x").status_code == 400


def test_since_is_read_where_people_are(officer: Client, sequence: Callable[[], int]) -> None:
    sequence()
    assert officer.get("/api/v1/audit/entries/?since=2020-01-01T00:00").json()["entries"]
    assert officer.get("/api/v1/audit/entries/?since=2099-01-01T00:00").json()["entries"] == []


def watched(name: str = "Avery Singh", cad: str | None = "26-118204", agency: str = "DEMO-PS") -> None:
    """Somebody watches trailer 07."""
    with audit.acting_as(
        audit.Actor(
            "person", "u-1042", badge="4471", role="dispatcher", name=name, agency=agency, session="ab12cd"
        )
    ):
        audit.commit(
            "video.live.open",
            audit.Ref("trailer", "TRL-0007", "DEMO-PS"),
            reason=audit.Reason("gunshot", cad),
        )


def test_who_watched_trailer_07_and_why_in_two_steps(officer: Client, sequence: Callable[[], int]) -> None:
    watched()
    sequence()
    first = officer.get("/audit/?watched=TRL-0007&from=yesterday").content.decode()
    assert 'value="verb:video.live.* object:TRL-0007 since:yesterday"' in first
    [row] = re.findall(r'<td><a href="(\?q=[^"]+entry=\d+)"', first)
    chosen = officer.get("/audit/" + row.replace("&amp;", "&")).content.decode()
    assert "gunshot response, CAD 26-118204" in chosen and "badge <bdi>4471</bdi>" in chosen
    plain = officer.get("/audit/", {"q": "Who watched trailer 07 today, and why?"}).content.decode()
    assert "opened live view of trailer 07" in plain


def test_the_panel_leads_to_the_whole_sign_in_and_both_timelines(
    officer: Client, sequence: Callable[[], int]
) -> None:
    watched()
    idx = sequence() - 1
    panel = officer.get(f"/audit/?entry={idx}").content.decode()
    assert "/audit/person/u-1042/?entry=" in panel and "/audit/object/trailer:TRL-0007/?entry=" in panel
    assert "?q=actor%3Au-1042+session%3Aab12cd" in panel
    assert len(officer.get("/api/v1/audit/entries/?q=actor:u-1042+session:ab12cd").json()["entries"]) == 1


def test_a_timeline_counts_and_names_what_is_not_shown(officer: Client, sequence: Callable[[], int]) -> None:
    thing = audit.Ref("trailer", "TRL-0007", "DEMO-PS")
    for agency in ("DEMO-PS", "OTHER-PS", "DEMO-PS"):
        with audit.acting_as(audit.Actor("person", "u-7", name="Far Away", agency="OTHER-PS")):
            audit.commit("video.live.open", replace(thing, agency=agency))
    sequence()
    page = officer.get("/audit/person/u-7/").content.decode()
    assert "entries 1 to 3 by the log" in page and "<b>1</b> of them concerns another agency" in page
    assert page.count("opened live view of trailer 07") == 2
    assert "opened live view" in officer.get("/audit/object/trailer:TRL-0007/").content.decode()
    assert officer.get("/audit/person/nobody/").status_code == 404
    assert officer.get("/audit/person/u-7/?before=x").status_code == 404


def test_a_timeline_shows_its_pauses() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    rows = [
        _told(at + timedelta(minutes=minutes), number)
        for number, minutes in enumerate((0, 29, 60, 60 * 30), 1)
    ]
    assert [row.gap for row in presenting.with_gaps(rows, "person")] == ["", "", "31 min", "1 d 5 h"]


def _told(at: datetime, number: int) -> presenting.Row:
    line = json.dumps({"e": {}, "na": number, "no": 1})
    told = sentences.Told(number, at, "", "", "", [], "", {}, line, "", "", "")
    return presenting.Row(told, [], "signed", "")


def test_a_row_that_was_changed_is_red_and_so_is_the_strip(
    officer: Client, sequence: Callable[[], int], intruder: psycopg.Connection[Any]
) -> None:
    watched()
    idx = sequence() - 1
    assert "BROKEN" not in officer.get("/audit/").content.decode()
    intruder.execute(
        "UPDATE audit_log SET line = replace(line, '26-118204', '26-999999') WHERE idx = %s", [idx]
    )
    page = officer.get("/audit/").content.decode()
    assert page.count('class="audit-broken"') == 1 and "BROKEN" in page
    assert "banner-fault" in page and f"Entry {idx} on this page is not what was signed." in page
    chosen = officer.get(f"/audit/?q=verb:auth.*&entry={idx}").content.decode()
    assert "Why this can&#x27;t be trusted" in chosen or "Why this can't be trusted" in chosen
    assert "banner-fault" in chosen, "the chosen entry counts even where the list does not show it"
    assert officer.get(f"/audit/entries/{idx}/proof/").status_code == 409
    again = officer.post(f"/audit/entries/{idx}/verify/").content.decode()
    assert "The line hashes to" in again and "another root" in again
    rows = officer.get("/api/v1/audit/entries/?verb=video.*").json()["entries"]
    assert [row["proof"] for row in rows] == ["broken"]


@pytest.mark.parametrize(
    "line",
    ["junk", "{}", "[1]", '{"e":1}', '{"e":{"actor":7,"verb":[]}}', '{"e":{"parent":"x","verb":"new.verb"}}'],
)
def test_a_line_that_is_no_entry_any_more_is_shown_as_broken(
    officer: Client, sequence: Callable[[], int], intruder: psycopg.Connection[Any], line: str
) -> None:
    watched()
    idx = sequence() - 1
    query = "UPDATE audit_log SET line = %s || right(line, 34) WHERE idx = %s"
    intruder.execute(query, [line, idx])
    page = officer.get(f"/audit/?entry={idx}").content.decode()
    assert "can no longer be read as an entry" in page and "BROKEN" in page and "banner-fault" in page
    assert officer.get("/api/v1/audit/entries/").status_code == 200
    assert officer.post(f"/audit/entries/{idx}/verify/").status_code == 200


def test_a_verb_of_a_newer_console_is_told_by_its_own_name(
    officer: Client, sequence: Callable[[], int], intruder: psycopg.Connection[Any]
) -> None:
    watched()
    idx = sequence() - 1
    intruder.execute("UPDATE audit_log SET line = replace(line, 'video.live.open', 'video.{0}.x')")
    page = officer.get(f"/audit/?entry={idx}").content.decode()
    assert "Avery Singh</bdi></b> <bdi>video.{0}.x: trailer 07" in page


def test_verifying_again_does_it_says_what_it_did_and_is_an_entry(
    officer: Client, sequence: Callable[[], int]
) -> None:
    watched()
    idx = sequence() - 1
    again = officer.post(f"/audit/entries/{idx}/verify/").content.decode()
    assert "The line was hashed again" in again and "signature by csoc-test.invalid/audit" in again
    assert "No witness has cosigned" in again
    sequence()
    [entry] = officer.get("/api/v1/audit/entries/?q=verb:audit.verify").json()["entries"]
    assert entry["entry"]["object"]["id"] == str(idx)
    assert officer.post("/audit/entries/999999/verify/").status_code == 404


def test_a_line_and_its_proof_convince_without_us(
    officer: Client, sequence: Callable[[], int], log_keys: LogKeys
) -> None:
    for _ in range(5):
        watched()
    idx = sequence() - 3
    answer = officer.get(f"/audit/entries/{idx}/proof/")
    assert answer["Content-Disposition"] == f'attachment; filename="entry-{idx}.tlog-proof"'
    head, _blank, note = answer.content.decode().partition("\n\n")
    name, extra, number, *hashes = head.split("\n")
    assert (name, number) == ("c2sp.org/tlog-proof@v1", f"index {idx}")
    opened = notes.open_note(note, [log_keys.vkey]).checkpoint
    line = base64.b64decode(extra.removeprefix("extra ")).decode()
    path = [base64.b64decode(one) for one in hashes]
    assert tree.verify_inclusion(tree.leaf_hash(line), idx, opened.size, path, opened.root)
    sequence()
    [entry] = officer.get("/api/v1/audit/entries/?q=verb:audit.download").json()["entries"]
    assert entry["entry"]["object"] == {"agency": "DEMO-PS", "id": str(idx), "type": "entry"}


def test_own_questions_are_kept_renamed_and_thrown_away_by_their_owner(
    officer: Client, cast: dict[str, Any]
) -> None:
    given = {"act": "save", "name": "Night views", "q": "watched 7 yesterday"}
    assert officer.post("/audit/questions/", given).status_code == 302
    page = officer.get("/audit/").content.decode()
    assert ">Night views</a>" in page
    pk = SavedQuestion.objects.get().pk
    assert officer.post("/audit/questions/", given | {"name": "night VIEWS"}).status_code == 422
    assert officer.post("/audit/questions/", given | {"name": " "}).status_code == 422
    assert officer.post("/audit/questions/", given | {"q": "since:gestern", "name": "x"}).status_code == 400
    assert officer.post("/audit/questions/", given | {"q": "", "name": "x"}).status_code == 422
    officer.post("/audit/questions/", {"act": "rename", "id": pk, "name": HOSTILE.replace("\u202e", "")})
    assert "<img" not in officer.get("/audit/").content.decode()
    SavedQuestion.objects.update(owner="u-1")
    for act in ("rename", "throw-away"):
        refused = officer.post("/audit/questions/", {"act": act, "id": pk, "name": "mine"})
        assert refused.status_code == 404
    SavedQuestion.objects.update(owner=cast["privacy_officer"]["user"].person.wire_id)
    assert officer.post("/audit/questions/", {"act": "throw-away", "id": pk}).status_code == 302
    assert not SavedQuestion.objects.exists()
    assert signed_in(cast["dispatcher"]["username"]).post("/audit/questions/", given).status_code == 403


def test_the_strip_alone_leaves_no_entry_and_shows_none(
    officer: Client, cast: dict[str, Any], sequence: Callable[[], int]
) -> None:
    before = sequence()
    answer = officer.get("/audit/strip/")
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    assert "data-strip" in answer.content.decode() and "Avery" not in answer.content.decode()
    assert sequence() == before
    assert signed_in(cast["dispatcher"]["username"]).get("/audit/strip/").status_code == 403


def test_a_halted_log_says_so_in_red(
    officer: Client, sequence: Callable[[], int], intruder: psycopg.Connection[Any]
) -> None:
    sequence()
    intruder.execute("UPDATE audit_pulse SET state = 'halted', fault = 'behind'")
    shown = officer.get("/audit/strip/").content.decode()
    assert "banner-fault" in shown and "The log has halted (behind)" in shown and "older backup" in shown
    assert "docs/audit.md" in shown and 'class="sep"' not in shown


def test_after_a_resume_the_strip_says_under_which_name_the_log_goes_on(
    officer: Client, sequence: Callable[[], int], intruder: psycopg.Connection[Any], log_keys: LogKeys
) -> None:
    sequence()
    assert strip._goes_on() == ""
    intruder.execute("UPDATE audit_log_key SET generation = 2")
    assert strip._goes_on().startswith(f"goes on as {log_keys.origin} since ")


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


def test_an_address_that_no_text_can_be_leads_nowhere(officer: Client, sequence: Callable[[], int]) -> None:
    sequence()
    for kind in ("person", "object"):
        assert officer.get(f"/audit/{kind}/%00/").status_code == 404
    page = officer.get("/audit/", {"q": "since:9999-12-31 until:00:00"})
    assert page.status_code == 200 and "outside any calendar" in page.content.decode()


def test_a_trailer_is_named_the_same_in_the_question_and_in_the_rows(
    officer: Client, sequence: Callable[[], int]
) -> None:
    watched()
    sequence()
    page = officer.get("/audit/?watched=TRL-0007&from=yesterday").content.decode()
    assert "Who watched trailer 07" in page and '<option value="TRL-0007">trailer 07</option>' in page
