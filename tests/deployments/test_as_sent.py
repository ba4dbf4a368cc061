"""What is read, decided, set up and narrowed is what was sent: tried by SQL, as the console's own role."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csoc.lib import clock as clock_module
from deployments.models import Installation, Submission
from tests.accounts.people import sign_in
from tests.deployments.by_sql import brought, refused, sql
from tests.deployments.office import Office, code, done, fresh

SEND = """UPDATE deployments_deployment SET state = 'submitted', submitted_at = %s, version = version + 1,
    content_hash = %s WHERE id = %s"""
TEXT = """INSERT INTO deployments_submission (deployment_id, version, content, content_hash, by_id, at)
    VALUES (%s, %s, %s, %s, %s, %s)"""
STAND = """UPDATE deployments_deployment SET state = 'authorised', authorisation_id = %s,
    version = version + 1 WHERE id = %s"""


pytestmark = pytest.mark.django_db


@pytest.fixture
def office(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Office:
    return Office(data_dir)


def test_another_text_than_what_stands_is_not_read_and_not_authorised(office: Office) -> None:
    """The text of another content under the row's own digest: the page shows nothing of it."""
    row = brought(office, "draft")
    forged = row.content() | {"need": row.content()["need"] | {"aim": "Harmless."}}
    sql(SEND, clock_module.now(), row.hash_content(), row.pk)
    row = fresh(row)
    sql(TEXT, row.pk, row.version, json.dumps(forged), row.content_hash, row.applicant_id, row.submitted_at)
    assert code(office.decide("supervisor", row)) == "stale-content"
    answer = sign_in(office.users["supervisor"]).get(f"/deployments/{row.address_name}/decide/")
    assert answer.status_code == 409 and b"Harmless." not in answer.content
    assert fresh(row).state == "submitted"


def test_a_text_is_of_what_was_sent_now(office: Office) -> None:
    row = brought(office, "submitted")
    sent = Submission.objects.get(deployment=row)
    text, now = json.dumps(sent.content), clock_module.now()
    for version, digest in ((row.version + 1, row.content_hash), (row.version, "a" * 64)):
        refused(TEXT, row.pk, version, text, digest, row.applicant_id, now, match="that was sent")
    row = done(office.reopen("applicant", row))
    refused(
        TEXT, row.pk, row.version, text, row.content_hash, row.applicant_id, now, match="that was sent"
    )  # fmt: skip


def test_a_void_authorisation_is_not_used_again(office: Office) -> None:
    row = done(office.decide("supervisor", office.submitted()))
    given = row.authorisation_id
    row = done(office.submit("applicant", done(office.reopen("applicant", row))))
    refused(STAND, given, row.pk, match="what was sent before")
    assert done(office.decide("supervisor", row)).authorisation_id != given


def test_when_it_was_sent_stays(office: Office) -> None:
    for state in ("draft", "submitted", "returned", "authorised"):
        row = brought(office, state)
        for moment in (clock_module.now() - timedelta(days=400), None if row.submitted_at else "now"):
            refused(
                "UPDATE deployments_deployment SET submitted_at = %s WHERE id = %s", moment, row.pk,
                match="with the sending",
            )  # fmt: skip


def test_a_window_is_half_an_hour_and_is_closed_once(office: Office) -> None:
    row = office.authorised()
    done(office.install(row))
    window = Installation.objects.get(deployment=row)
    change = "UPDATE deployments_installation SET {} WHERE id = %s"
    for what, words in (
        ("until = until + interval '1 day'", "30 minutes"), ("until = until - interval '1 min'", "only ever"),
        ("opened_at = opened_at + interval '1 min'", "only ever"), ("until = 'infinity'", "30 minutes"),
        ("opened_at = opened_at + interval '1 d', until = until + interval '1 d'", "only ever"),
    ):  # fmt: skip
        refused(change.format(what), window.pk, match=words)
    if window.closed_at is None:
        sql(change.format("closed_at = now()"), window.pk)
    for what in ("closed_at = NULL", "closed_at = closed_at + interval '1 min'"):
        refused(change.format(what), window.pk, match="only ever closed")
    refused(
        """INSERT INTO deployments_installation (deployment_id, opened_by_id, opened_at, until)
        SELECT deployment_id, opened_by_id, opened_at, opened_at + interval '31 min'
        FROM deployments_installation WHERE id = %s""",
        window.pk, match="30 minutes",
    )  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [
    ("forbidden_sectors = forbidden_sectors || '5'", "two directions"),
    ("forbidden_sectors = forbidden_sectors || 'null'", "two directions"),
    ("forbidden_sectors = forbidden_sectors || '\"x\"'", "two directions"),
    ("forbidden_sectors = forbidden_sectors || '[{\"from_deg\": \"1\", \"to_deg\": 2}]'", "two directions"),
    ("forbidden_sectors = forbidden_sectors || '[{\"from_deg\": 1}]'", "two directions"),
    ("forbidden_sectors = '{}'", "a list"),
    ("modules = modules || modules", "named once"),
    ("hotlist_categories = hotlist_categories || hotlist_categories", "named once"),
])  # fmt: skip
def test_narrowing_brings_no_junk(office: Office, change: str, words: str) -> None:
    for pk in (office.scene.deployment.pk, brought(office, "draft").pk):
        refused(f"UPDATE deployments_deployment SET {change} WHERE id = %s", pk, match=words)


def test_a_withdrawal_has_a_time(office: Office) -> None:
    change = "UPDATE deployments_consent SET withdrawn_at = {} WHERE id = %s"
    for moment in ("'infinity'", "'-infinity'", "given_at - interval '1 s'"):
        refused(change.format(moment), office.scene.deployment.consent_id, match="withdrawn at a time")
    sql(change.format("given_at + interval '1 s'"), office.scene.deployment.consent_id)
