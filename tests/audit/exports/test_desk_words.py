"""What the pages of exports say to the person in front of them, and that a question keeps its dates."""

from __future__ import annotations

import pytest
from django.test import Client

from audit.models import ExportRequest
from tests.accounts.people import sign_in
from tests.audit.exports.desk import Desk
from tests.audit.exports.test_pages import ASKED


@pytest.fixture
def ada(desk: Desk) -> Client:
    """The privacy officer's browser."""
    return sign_in(desk.users["privacy_officer"])


def test_a_question_of_an_export_names_dates(desk: Desk, ada: Client) -> None:
    answer = ada.post(
        "/audit/exports/ask/?kind=question",
        ASKED | {"kind": "question", "question": "verb:video.live.* since:yesterday until:now"},
    )
    assert answer.status_code == 302, answer.content.decode()
    question = ExportRequest.objects.get().question
    assert question.startswith("verb:video.live.* since:20") and "T00:00 until:20" in question


def test_who_may_decide_is_addressed_and_sees_how_many_wait(desk: Desk, ada: Client) -> None:
    name = desk.ask(kind="actor", subject="u-1042").name
    omar = sign_in(desk.users["supervisor"])
    theirs = omar.get(f"/audit/exports/{name}/").content.decode()
    assert "It waits for your decision" in theirs
    assert "It waits for your decision" not in ada.get(f"/audit/exports/{name}/").content.decode()
    [count] = [
        item.count for item in omar.get("/audit/exports/").context["navigation"] if "exports" in item.url
    ]
    [own] = [item.count for item in ada.get("/audit/exports/").context["navigation"] if "exports" in item.url]
    assert (count, own) == (1, 0)


def test_a_halted_log_is_said_before_anything_is_typed(
    desk: Desk, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Exports are refused now." not in ada.get("/audit/exports/ask/").content.decode()
    monkeypatch.setattr("audit.exports.policies.halted", lambda: True)
    page = ada.get("/audit/exports/ask/").content.decode()
    assert "Exports are refused now." in page and "The log has halted" in page
