"""Four eyes, the owner's consent, overlaps, links and risk: code that forgets them meets the database."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from csoc.lib import clock as clock_module
from deployments.models import (
    Consent,
    ConsentRequest,
    Contribution,
    Decision,
    RiskAssessment,
    RiskMatrix,
    Submission,
)
from tests.deployments.by_sql import authorised_by, brought, refused, sql
from tests.deployments.office import Office, answers, code, done, fresh


@pytest.fixture
def office(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Office:
    return Office(data_dir)


# --- four eyes ----------------------------------------------------------------------------------------------


def test_four_eyes_by_sql(office: Office) -> None:
    row = brought(office, "submitted")
    users, sent = office.users, row.version
    helper = users["helper"].person
    Contribution.objects.create(deployment=row, person=helper, at=clock_module.now())
    for person, changes, words in (
        (users["applicant"].person, {}, "four_eyes|wrote a part"),
        (users["applicant-b"].person, {}, "four_eyes|wrote a part"),
        (users["applicant"].person, {"applicant": users["supervisor"].person}, "another applicant"),
        (helper, {}, "wrote a part"),
        (users["supervisor"].person, {"content_hash": "a" * 64}, "only what was submitted"),
    ):
        with pytest.raises(IntegrityError, match=words):
            authorised_by(fresh(row), person, **changes)
    assert (fresh(row).state, fresh(row).version) == ("submitted", sent)
    authorised_by(fresh(row), users["supervisor"].person)
    assert fresh(row).state == "authorised"


def test_an_authorisation_without_a_decision_or_a_second_one_is_refused(office: Office) -> None:
    row, supervisor = brought(office, "submitted"), office.users["supervisor"].person
    statement = """INSERT INTO deployments_authorisation
        (deployment_id, officer_id, applicant_id, content_hash, authorised_at) VALUES (%s, %s, %s, %s, %s)"""
    now = clock_module.now()
    values = (row.pk, supervisor.pk, row.applicant_id, row.content_hash, now)
    refused(statement, *values, match="the decision on a version")
    Decision.objects.create(
        deployment=row, officer=supervisor, verdict="authorise", version=row.version,
        content_hash=row.content_hash, words_sealed=b"x", at=now,
    )  # fmt: skip
    sql(statement, *values)
    refused(statement, *values, match="authorised already")


def test_whoever_wrote_a_part_is_told_before_the_database_says_no(office: Office) -> None:
    row = brought(office, "draft")
    done(office.share(row, "helper"))
    written = done(office.edit("helper", row, {"privacy": answers(row)["privacy"]}))
    sent = done(office.submit("applicant", written))
    for verdict in ("authorise", "refuse", "return"):
        assert code(office.decide("helper", sent, verdict)) == "own-request"
        assert code(office.decide("applicant-b", sent, verdict)) == "own-request"
    assert done(office.decide("supervisor", sent)).state == "authorised"


def test_a_version_is_sent_once_and_decided_once(office: Office) -> None:
    row = brought(office, "authorised")
    sent = Submission.objects.get(deployment=row)
    sent.pk = None
    with pytest.raises(IntegrityError, match=r"version_once|that was sent"), transaction.atomic():
        sent.save()
    decided = Decision.objects.get(deployment=row)
    decided.pk = None
    with pytest.raises(IntegrityError, match="decision_once_a_version"), transaction.atomic():
        decided.save()


# --- consent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"modules": ["acoustic"]}, {"lat": 43.7}, {"lon": -79.7}, {"lat": None},
        {"expires_at": timedelta(days=2)}, {"withdrawn_at": timedelta(0)},
    ],
)  # fmt: skip
def test_the_consent_covers_what_is_authorised(office: Office, change: dict[str, Any]) -> None:
    """A consent to something else, put under the draft by SQL: it is submitted, and never authorised."""
    row = brought(office, "draft")
    consent = Consent.objects.get(pk=row.consent_id)
    moved = {
        name: clock_module.now() + value if isinstance(value, timedelta) else value
        for name, value in change.items()
    }
    consent.pk = None
    for name, value in moved.items():
        setattr(consent, name, value)
    consent.save()
    row.consent, row.content_hash, row.state = consent, "b" * 64, "submitted"
    row.submitted_at, row.version = clock_module.now(), row.version + 1
    row.save()
    Submission.objects.create(
        deployment=row, version=row.version, content={}, content_hash=row.content_hash,
        by=row.applicant, at=clock_module.now(),
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="no valid consent"):
        authorised_by(fresh(row), office.users["supervisor"].person)


def test_a_consent_is_only_taken_back(office: Office) -> None:
    row = brought(office, "submitted")
    for change in ("modules = '{}'", "lat = lat + 1", "expires_at = expires_at + interval '1 d'",
                   "conditions = 'x'", "document_sha256 = repeat('a', 64)", "record = gen_random_uuid()",
                   "capacity = 'authorised_occupant'", "given_at = now()"):  # fmt: skip
        refused(f"UPDATE deployments_consent SET {change} WHERE id = %s", row.consent_id, match="taken back")
    sql(
        "UPDATE deployments_consent SET withdrawn_at = given_at + interval '1 s' WHERE id = %s",
        row.consent_id,
    )
    for change in ("withdrawn_at = NULL", "withdrawn_at = now() + interval '1 h'"):
        refused(f"UPDATE deployments_consent SET {change} WHERE id = %s", row.consent_id, match="taken back")


# --- overlap ------------------------------------------------------------------------------------------------


def test_two_numbers_of_one_trailer_do_not_overlap_by_sql(office: Office) -> None:
    first, second = office.submitted(), office.submitted()
    done(office.decide("supervisor", first))
    with pytest.raises(IntegrityError, match="deployment_no_overlap"):
        authorised_by(fresh(second), office.users["supervisor"].person)
    later = office.submitted(starts_at=first.ends_at)
    authorised_by(fresh(later), office.users["supervisor"].person)
    assert {row.state for row in map(fresh, (first, later))} == {"authorised"}
    office.clear()
    authorised_by(fresh(second), office.users["supervisor"].person)


def test_one_open_application_a_number(office: Office) -> None:
    standing = office.scene.deployment
    done(office.renew("applicant", standing))
    columns = ", ".join(
        column.name for column in connection.introspection.get_table_description(
            connection.cursor(), "deployments_deployment"
        ) if column.name not in ("id", "term")
    )  # fmt: skip
    refused(
        f"INSERT INTO deployments_deployment (term, {columns})"
        f" SELECT term + 1, {columns} FROM deployments_deployment WHERE renews_id = %s",
        standing.pk, match="deployment_one_open_application",
    )  # fmt: skip


# --- the owner's link ---------------------------------------------------------------------------------------


@pytest.fixture
def link(office: Office) -> ConsentRequest:
    """A link that waits for an answer."""
    return done(office.ask_owner("applicant", brought(office, "draft")))


@pytest.mark.parametrize("change", [
    "modules = '{}'", "lat = lat + 1", "lon = lon + 1", "until = until + interval '1 d'",
    "token_sha256 = repeat('a', 64)", "record = gen_random_uuid()", "deployment_id = deployment_id - 1",
    "site = 'x'", "capacity = 'authorised_occupant'", "expires_at = expires_at + interval '1 d'",
    "made_at = made_at - interval '1 d'",
])  # fmt: skip
def test_a_link_asks_what_it_asked(link: ConsentRequest, change: str) -> None:
    refused(f"UPDATE deployments_consentrequest SET {change} WHERE id = %s", link.pk, match="a consent link")


ANSWER = "UPDATE deployments_consentrequest SET answer = %s, answered_at = %s, consent_id = %s WHERE id = %s"


def test_a_link_is_answered_once_in_its_time(office: Office, link: ConsentRequest) -> None:
    now = clock_module.now()
    other = office.scene.deployment.consent_id
    refused(ANSWER, "declined", link.expires_at, None, link.pk, match="in its time")
    refused(ANSWER, "given", now, None, link.pk, match="exactly what it asked")
    refused(ANSWER, "declined", now, other, link.pk, match="consent_answer_whole")
    refused(ANSWER, "given", now, other, link.pk, match="exactly what it asked")
    sql(ANSWER, "declined", now, None, link.pk)
    for again in (("", None, None), ("declined", now + timedelta(seconds=1), None), ("given", now, other)):
        refused(ANSWER, *again, link.pk, match="once|whole")


def test_a_link_that_was_taken_back_is_over(link: ConsentRequest) -> None:
    now = clock_module.now()
    sql("UPDATE deployments_consentrequest SET ended_at = %s WHERE id = %s", now, link.pk)
    refused(ANSWER, "declined", now, None, link.pk, match="in its time")
    refused("UPDATE deployments_consentrequest SET ended_at = NULL WHERE id = %s", link.pk, match="for good")


def test_one_link_is_open_and_none_begins_answered(link: ConsentRequest) -> None:
    names = [field.column for field in ConsentRequest._meta.concrete_fields]
    columns = ", ".join(name for name in names if name not in ("id", "token_sha256", "answer", "answered_at"))
    insert = (
        f"INSERT INTO deployments_consentrequest (token_sha256, answer, answered_at, {columns})"
        f" SELECT repeat(%s, 64), %s, %s, {columns} FROM deployments_consentrequest WHERE id = {link.pk}"
    )
    refused(insert, "c", "", None, match="consent_one_open_link")
    refused(insert, "d", "declined", clock_module.now(), match="begins open")


# --- risk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [
    "score", "threshold", "missing", "more", "level", "text", "valid", "draft matrix", "no matrix",
    "other agency",
])  # fmt: skip
def test_a_risk_that_does_not_add_up_is_no_record(office: Office, how: str) -> None:
    made = RiskAssessment.objects.select_related("matrix", "incident").get(pk=office.scene.deployment.risk_id)
    factors, key = made.factors, next(iter(made.factors))
    made.pk = None
    match how:
        case "score":
            made.score += 1
        case "threshold":
            made.threshold = 1
        case "missing":
            del factors[key]
        case "more":
            factors["another"] = {"level": 0, "why": ""}
        case "level":
            made.score += made.matrix.factors[0]["weight"] * 2
            factors[made.matrix.factors[0]["key"]]["level"] += 2
        case "text":
            factors[key]["level"] = "high"
        case "valid":
            made.valid_until = made.assessed_at + timedelta(days=made.matrix.valid_days, seconds=1)
        case "draft matrix":
            made.matrix = proposed(made.matrix)
        case "no matrix":
            made.matrix = None
        case "other agency":
            there = office.users["stranger"].person
            incident = made.incident
            incident.pk, incident.agency, incident.unit = None, there.agency, there.unit
            incident.save()
            made.incident = incident
    with pytest.raises(DatabaseError), transaction.atomic():
        made.save()


def proposed(matrix: RiskMatrix) -> RiskMatrix:
    """The same matrix, waiting for a second person."""
    matrix.pk, matrix.version = None, matrix.version + 1
    matrix.published_at = matrix.published_by = None
    matrix.save()
    return matrix


def test_below_the_threshold_nothing_is_submitted_by_sql(office: Office) -> None:
    row = brought(office, "draft")
    low = RiskAssessment.objects.select_related("matrix").get(pk=row.risk_id)
    low.pk, low.score = None, 0
    low.factors = {key: {"level": 0, "why": ""} for key in low.factors}
    low.save()
    refused(
        """UPDATE deployments_deployment SET risk_id = %s, content_hash = repeat('a', 64),
        state = 'submitted', version = version + 1 WHERE id = %s""",
        low.pk, row.pk, match="at the threshold",
    )  # fmt: skip


def test_a_sensor_without_a_justification_is_not_submitted_by_sql(office: Office) -> None:
    row = brought(office, "draft")
    refused(
        """UPDATE deployments_deployment SET justifications = %s, content_hash = repeat('a', 64),
        state = 'submitted', version = version + 1 WHERE id = %s""",
        json.dumps({"alpr": "Reads."}), row.pk, match="stays off",
    )  # fmt: skip
