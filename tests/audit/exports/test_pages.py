"""The pages and the API of exports: who sees what, mistakes beside their fields, each download an entry."""

from __future__ import annotations

import asyncio
import hashlib
import html
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.exports import folder
from audit.models import Entry, ExportRequest
from tests.accounts.people import sign_in
from tests.audit.exports.desk import Desk

ASKED = {
    "kind": "actor",
    "person": "u-1042",
    "reason": "complaint",
    "reference": "OPC-2026-114",
    "recipient": "Office of Police Complaints, B. Li",
}
HOSTILE = "<img src=x onerror=alert(1)>\"'{{7*7}}"


def body_of(answer: Any) -> bytes:
    """Read a streamed answer to its end."""

    async def whole() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return asyncio.run(whole())


@pytest.fixture
def ada(desk: Desk) -> Client:
    """The privacy officer's browser."""
    return sign_in(desk.users["privacy_officer"])


@pytest.fixture
def omar(desk: Desk) -> Client:
    """A supervisor's browser."""
    return sign_in(desk.users["supervisor"])


def asked(ada: Client, **changes: Any) -> ExportRequest:
    """Ask over the page."""
    answer = ada.post(f"/audit/exports/ask/?kind={changes.get('kind', 'actor')}", ASKED | changes)
    assert answer.status_code == 302, answer.content.decode()
    return ExportRequest.objects.order_by("-id")[0]


def test_from_the_form_to_the_file(desk: Desk, ada: Client, omar: Client) -> None:
    assert "Nobody has asked for an export yet." in ada.get("/audit/exports/").content.decode()
    request = asked(ada)
    page = f"/audit/exports/{request.name}/"
    own = ada.get(page).content.decode()
    assert "Waiting for a second person" in own and "Approve<" not in own
    assert "Everything Avery Singh (u-1042) did" in own and "OPC-2026-114" in own
    waiting = omar.get("/audit/exports/").content.decode()
    assert "One request waits for your decision" in waiting and "Ask for an export" not in waiting
    decide = omar.get(page).content.decode()
    assert "Your decision" in decide and "Its entries in the log" not in decide
    assert omar.post(f"{page}approve/").status_code == 302
    assert "data-export" in ada.get(page).content.decode()
    built = desk.build(request)
    ready = ada.get(page).content.decode()
    assert "Download" in ready and built.sha256 in ready
    assert "Privacy officers download it" in omar.get(page).content.decode()
    answer = ada.get(f"{page}download/")
    content = body_of(answer)
    assert hashlib.sha256(content).hexdigest() == built.sha256
    assert answer["Content-Length"] == str(len(content)) == str(built.bytes)
    assert answer["Content-Disposition"] == f'attachment; filename="{request.name}.zip"'
    desk.log.settle()
    [taken] = Entry.objects.filter(verb="audit.download")
    told = json.loads(taken.line)["e"]
    assert told["object"] == {"agency": "DEMO-PS", "id": request.name, "type": "export"}
    assert told["outcome"] == {"bytes": len(content), "n": 3, "result": "allowed"}


def test_no_byte_of_a_file_leaves_without_its_entry(desk: Desk, ada: Client, intruder: Any) -> None:
    request = desk.build(desk.approve(desk.ask(kind="actor", subject="u-1042")))
    ada.get("/account/")
    intruder.execute("REVOKE INSERT ON audit_inbox FROM csoc_app")
    ada.raise_request_exception = False
    try:
        answer = ada.get(f"/audit/exports/{request.name}/download/")
        assert answer.status_code == 500 and not answer.streaming and b"PK\x03\x04" not in answer.content
    finally:
        intruder.execute("GRANT INSERT (uid, body) ON audit_inbox TO csoc_app")


MISTAKES = (
    ({"person": ""}, "Write whose entries to export."),
    ({"person": "u-9999"}, "No entry is by “u-9999”"),
    ({"reason": ""}, "Choose why these entries leave the agency."),
    ({"reason": "because"}, "because is not one of the available choices"),
    ({"reference": "<script>"}, "Use letters, digits"),
    ({"recipient": "a\u2028b"}, "Use only letters"),
    ({"recipient": "Office of \u202eB. Li"}, "Use only letters"),
    ({"recipient": ""}, "Write who gets the file."),
    ({"also": "99999999"}, "the log was set back"),
    ({"also": "many"}, "second line of their checkpoint"),
    ({"kind": "object", "thing": "trailer:*"}, "write it without the star"),
    ({"kind": "object", "thing": "TRL-0999"}, "No entry is about “TRL-0999”"),
    ({"kind": "range", "since": "soonish"}, "is not a time"),
    ({"kind": "range", "since": "9", "until": "3"}, "No entry lies between these two."),
    ({"kind": "range", "until": "123456789"}, "The newest entry is number"),
    ({"kind": "question", "question": "verbs:x"}, "There is no field called"),
    ({"kind": "question", "question": " "}, "Write the question"),
)


def test_mistakes_stand_beside_their_fields_and_nothing_is_lost(desk: Desk, ada: Client) -> None:
    for changes, sentence in MISTAKES:
        kind = changes.get("kind", "actor")
        page = ada.post(f"/audit/exports/ask/?kind={kind}", ASKED | changes)
        text = page.content.decode()
        assert page.status_code == 200 and html.unescape(text).count(sentence) == 1, (changes, text)
        assert text.count('class="error"') == 1, changes
        assert "reference" in changes or 'value="OPC-2026-114"' in text
    assert not ExportRequest.objects.exists()


def test_every_kind_can_be_asked_for_as_people_write_it(desk: Desk, ada: Client) -> None:
    size = desk.log.settle()
    assert asked(ada, person="avery singh").subject == "u-1042"
    assert asked(ada, kind="object", thing="07").subject == "trailer:TRL-0007"
    request = asked(ada, kind="range", since="", until="")
    assert request.first == 0 and (request.last or 0) >= size - 1
    assert asked(ada, kind="range", since="#3", until="1,0").last == 10
    today = asked(ada, kind="range", since="today 00:00")
    assert today.first == 0
    assert asked(ada, kind="question", question="verb:video.live.*").question == "verb:video.live.*"


def test_links_of_other_pages_fill_the_form(ada: Client) -> None:
    assert 'value="u-1042"' in ada.get("/audit/exports/ask/?actor=u-1042").content.decode()
    assert 'value="u-1042"' in ada.get("/audit/exports/ask/?kind=actor&subject=u-1042").content.decode()
    assert (
        'value="trailer:TRL-0007"' in ada.get("/audit/exports/ask/?object=trailer:TRL-0007").content.decode()
    )
    page = ada.get("/audit/exports/ask/?kind=question&question=verb:audit.view").content.decode()
    assert 'value="verb:audit.view"' in page
    assert ada.get("/audit/exports/ask/?kind=nonsense").status_code == 200


def test_hostile_words_are_shown_as_words(desk: Desk, ada: Client, omar: Client) -> None:
    request = asked(ada, recipient=HOSTILE)
    for client in (ada, omar):
        for page in ("/audit/exports/", f"/audit/exports/{request.name}/"):
            text = client.get(page).content.decode()
            assert "<img src=x" not in text and "&lt;img" in text and ">49<" not in text


def test_who_may_not_is_told_and_kept(desk: Desk, ada: Client, omar: Client) -> None:
    request = asked(ada)
    page = f"/audit/exports/{request.name}/"
    dana = sign_in(desk.users["dispatcher"])
    for path in ("/audit/exports/", page, f"{page}download/", "/audit/exports/ask/"):
        assert dana.get(path).status_code == 403, path
    for path in ("/audit/exports/ask/", f"{page}download/"):
        assert omar.get(path).status_code == 403, path
    assert dana.post(f"{page}approve/").status_code == 403
    assert ada.post(f"{page}approve/").status_code == 403
    assert ada.get(f"{page}download/").status_code == 409
    assert ada.get("/audit/exports/EXP-2026-9999/").status_code == 404
    assert ada.get("/audit/exports/nonsense/").status_code == 404
    assert Client().get(page).status_code == 302
    desk.log.settle()
    denied = Entry.objects.filter(outcome="denied").values_list("verb", flat=True)
    assert {"audit.view", "audit.download", "approval.request", "approval.grant"} <= set(denied)


def test_a_refusal_over_the_page_needs_its_reason(ada: Client, omar: Client) -> None:
    request = asked(ada)
    page = f"/audit/exports/{request.name}/"
    again = omar.post(f"{page}refuse/", {})
    assert again.status_code == 200 and "Choose why" in again.content.decode()
    assert omar.post(f"{page}refuse/", {"refusal": "too-wide"}).status_code == 302
    told = ada.get(page).content.decode()
    assert "it asks for more than the purpose needs" in told and "Refused by" in told


def test_another_agencys_requests_do_not_exist(desk: Desk, ada: Client) -> None:
    request = asked(ada)
    people = {"agency": "OTHER-PS", "year": 2026, "serial": 77, "asked_entry": request.asked_entry}
    given = {"kind": "actor", "subject": "u-1", "reason": "court", "reference": "1", "recipient": "x"}
    asker = {"requester": "u-7001", "requester_name": "Somebody Else", "asked_at": request.asked_at}
    ExportRequest.objects.create(**people, **given, **asker)
    assert "EXP-2026-0077" not in ada.get("/audit/exports/").content.decode()
    for path in ("", "download/"):
        assert ada.get(f"/audit/exports/EXP-2026-0077/{path}").status_code == 404
    assert ada.get("/api/v1/audit/exports/EXP-2026-0077/").status_code == 404


def test_an_expired_file_is_refused_even_if_it_still_lies_there(desk: Desk, ada: Client, clock: Any) -> None:
    built = desk.build(desk.approve(desk.ask(kind="actor", subject="u-1042")))
    page = f"/audit/exports/{built.name}/download/"
    clock.shift(7 * 86_400 + 5)
    assert folder.finished(built.name).exists()
    assert sign_in(desk.users["privacy_officer"]).get(page).status_code == 410
    clock.shift(0)
    folder.remove(folder.finished(built.name))
    assert ada.get(page).status_code == 410


def test_the_api_does_the_same(desk: Desk, ada: Client, omar: Client) -> None:
    def post(client: Client, path: str, body: dict[str, Any]) -> Any:
        return client.post(f"/api/v1/audit/exports/{path}", json.dumps(body), "application/json")

    made = post(ada, "", ASKED)
    assert made.status_code == 201, made.content
    name = made.json()["name"]
    assert post(ada, "", ASKED | {"kind": "everything"}).status_code == 422
    wrong = post(ada, "", ASKED | {"reason": "because"})
    assert wrong.status_code == 422 and "reason" in wrong.json()["errors"]
    assert post(ada, f"{name}/decision/", {"decision": "approve"}).status_code == 403
    assert post(omar, f"{name}/decision/", {"decision": "refuse"}).status_code == 422
    assert post(omar, f"{name}/decision/", {"decision": "approve"}).json()["state"] == "approved"
    assert post(omar, f"{name}/decision/", {"decision": "approve"}).status_code == 409
    before = Entry.objects.count()
    progress = ada.get(f"/api/v1/audit/exports/{name}/").json()
    assert set(progress) == {"name", "state", "words", "next", "percent", "done", "total"}
    desk.log.settle()
    assert Entry.objects.filter(idx__gt=before, verb="audit.view", object=f"export:{name}").count() == 0
    assert omar.get("/api/v1/audit/exports/").json()["exports"][0]["approver"]


WRONG = (
    ({"kind": {}, "person": []}, {"kind"}),
    ({"kind": None}, {"kind"}),
    ({**ASKED, "person": ["u-1042"]}, {"person"}),
    ({**ASKED, "details": "yes", "reason": {}}, {"details", "reason"}),
    ({**ASKED, "also": True}, {"also"}),
    ({**ASKED, "thing": "TRL-0007"}, {"thing"}),
    ({**ASKED, "approver": "u-2001"}, {"approver"}),
)


@pytest.mark.parametrize(("body", "fields"), WRONG)
def test_the_api_takes_no_other_shape_and_no_other_field(
    ada: Client, body: dict[str, Any], fields: set[str]
) -> None:
    answer = ada.post("/api/v1/audit/exports/", json.dumps(body), "application/json")
    assert answer.status_code == 422, answer.content
    assert set(answer.json()["errors"]) == fields
    assert not ExportRequest.objects.exists()


def test_a_role_that_may_not_learns_nothing_of_what_exists(desk: Desk, ada: Client, omar: Client) -> None:
    there = asked(ada).name
    dana = sign_in(desk.users["dispatcher"])
    for name in (there, "EXP-2026-9999"):
        page = f"/audit/exports/{name}/"
        for act in ("approve", "refuse", "withdraw"):
            answer = dana.post(f"{page}{act}/", {"refusal": "too-wide"})
            assert answer.status_code == 403, (name, act)
        assert omar.post(f"{page}withdraw/").status_code == 403
        assert dana.get(f"{page}download/").status_code == omar.get(f"{page}download/").status_code == 403
        decided = dana.post(
            f"/api/v1/audit/exports/{name}/decision/", {"decision": "refuse"}, "application/json"
        )
        assert decided.status_code == 403
    assert omar.post("/audit/exports/EXP-2026-9999/approve/").status_code == 404


def test_the_command_builds_what_is_approved_and_only_that(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = desk.ask(kind="actor", subject="u-1042")
    target = tmp_path / "export.zip"
    with pytest.raises(CommandError, match="Waiting for approval"):
        call_command("audit_export", request.name, to=target)
    desk.approve(request)
    call_command("audit_export", request.name, to=target)
    assert desk.verify(target).returncode == 0
    call_command("audit_export")
    listed = capsys.readouterr().out
    assert request.name in listed and "Ready" in listed
    with pytest.raises(CommandError, match="is there already"):
        call_command("audit_export", request.name, to=target)
    desk.log.settle()
    [taken] = Entry.objects.filter(verb="audit.download")
    assert taken.actor == "audit_export"
    with pytest.raises(CommandError, match="no request"):
        call_command("audit_export", "EXP-1999-0001")


def test_progress_is_told_in_words(desk: Desk, ada: Client) -> None:
    from uuid import uuid4

    from csoc.lib import clock

    request = desk.approve(desk.ask(kind="actor", subject="u-1042"))
    held = {"state": "building", "lease": uuid4(), "beat_at": clock.now()}
    ExportRequest.objects.filter(pk=request.pk).update(**held, phase="lines", done=12_000, total=41_203)
    told = ada.get(f"/api/v1/audit/exports/{request.name}/").json()
    assert (told["next"], told["percent"]) == ("Reading entries: 12,000 of 41,203", 29)
    assert 'value="29"' in ada.get(f"/audit/exports/{request.name}/").content.decode()


def test_who_showed_their_second_factor_long_ago_confirms_first(
    desk: Desk, ada: Client, omar: Client, clock: Any
) -> None:
    request = asked(ada)
    page = f"/audit/exports/{request.name}/"
    clock.shift(301)
    sent = omar.post(f"{page}approve/")
    assert sent.status_code == 302 and sent["Location"].startswith("/accounts/second-factor/confirm/?next=")
    body = json.dumps({"decision": "approve"})
    refused = omar.post(f"/api/v1/audit/exports/{request.name}/decision/", body, "application/json")
    assert refused.status_code == 403 and refused.json()["type"] == "/problems/confirm-first"
    assert ExportRequest.objects.get(pk=request.pk).state == "asked"
    clock.shift(0)
    desk.build(desk.approve(request))
    assert body_of(ada.get(f"{page}download/"))
    clock.shift(301)
    assert ada.get(f"{page}download/")["Location"].startswith("/accounts/second-factor/confirm/?next=")
    clock.shift(0)
    desk.log.settle()
    outcomes = Entry.objects.filter(verb="audit.download").order_by("idx").values_list("outcome", flat=True)
    assert list(outcomes) == ["allowed", "denied"]
