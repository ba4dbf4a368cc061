"""What the database refuses by itself: tried by SQL, as the console's own role, on rows of services."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection

from deployments.models import (
    Deployment,
)
from deployments.models.deployment import STATES
from tests.deployments import holding
from tests.deployments.by_sql import brought, refused, sql
from tests.deployments.office import Office, done, fresh

NOT_AN_EDGE = [
    (before, after)
    for before in STATES
    for after in STATES
    if before != after and (before, after) not in Deployment.EDGES
]
#: What may move on a row without changing what was read; everything else is content.
NO_CONTENT = {
    "id", "state", "version", "saved_at", "answers_sealed", "review_due_at", "authorisation_id", "record",
    "submitted_at", "activated_at", "created_at", "unit_id", "deactivated_at", "deactivated_by_id",
    "deactivation_reason",
}  # fmt: skip
#: Another value of each column that an officer reads.
OTHER = {
    "year": "year + 1", "serial": "serial + 1000", "term": "term + 1", "renews_id": "id",
    "agency_id": "(SELECT id FROM accounts_agency WHERE code = 'OTHER')",
    "applicant_id": "(SELECT min(id) FROM accounts_person WHERE id <> applicant_id)",
    "trailer_id": "(SELECT min(id) FROM trailers_trailer WHERE id <> trailer_id)",
    "incident_id": "(SELECT min(id) FROM deployments_incident WHERE id <> incident_id)",
    "risk_id": "(SELECT min(id) FROM deployments_riskassessment WHERE id <> risk_id)",
    "consent_id": "(SELECT min(id) FROM deployments_consent WHERE id <> consent_id)",
    "aim": "aim || '!'", "alternatives": "alternatives || '!'", "modules": "array_append(modules, 'ptz')",
    "hotlist_categories": "array_append(hotlist_categories, 'other_authorised')",
    "justifications": """justifications || '{"speaker": "more"}'""",
    "starts_at": "starts_at - interval '1 s'", "ends_at": "ends_at + interval '1 s'",
    "review_every_days": "review_every_days + 1", "site": "site || '!'", "address": "address || '!'",
    "lat": "lat + 0.00001", "lon": "lon + 0.00001", "heading_deg": "heading_deg + 1",
    "forbidden_sectors": "'[]'", "sensitive_places": """'[{"kind": "school"}]'""",
    "speaker_ceiling_pct": "speaker_ceiling_pct + 1", "quiet_from": "quiet_from + interval '1 min'",
    "quiet_to": "quiet_to + interval '1 min'", "quiet_ceiling_pct": "quiet_ceiling_pct + 1",
    "signage": "signage || '!'", "notice": "notice || '!'", "retention_class": "'transitory'",
    "content_hash": "repeat('a', 64)",
}  # fmt: skip
#: Less of what may be narrowed: before it is active that is refused as well.
LESS = {
    "modules": "modules[1:1]", "hotlist_categories": "'{}'", "ends_at": "ends_at - interval '1 h'",
    "forbidden_sectors": """forbidden_sectors || '[{"from_deg": 1, "to_deg": 2, "why": "x"}]'""",
    "speaker_ceiling_pct": "speaker_ceiling_pct - 1", "quiet_ceiling_pct": "quiet_ceiling_pct - 1",
}  # fmt: skip
RECORDS = ("authorisation", "submission", "decision", "contribution", "tightening", "review",
           "installationcheck", "riskassessment")  # fmt: skip


@pytest.fixture
def office(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Office:
    return Office(data_dir)


# --- states -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_no_other_edge_by_sql(office: Office, state: str) -> None:
    row = brought(office, state)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("csoc_app",)
    tried = [after for before, after in NOT_AN_EDGE if before == state]
    for after in tried:
        # With everything else that the new state would ask for, so that nothing but the edge is refused.
        refused(
            """UPDATE deployments_deployment SET state = %s, version = version + 1,
            activated_at = CASE WHEN %s = 'active' THEN starts_at ELSE activated_at END,
            deactivated_at = CASE WHEN %s = 'deactivated' THEN now() END,
            deactivation_reason = CASE WHEN %s = 'deactivated' THEN 'fault' ELSE '' END,
            authorisation_id = CASE WHEN %s IN ('authorised', 'active', 'deactivated')
                               THEN authorisation_id END
            WHERE id = %s""",
            after, after, after, after, after, row.pk, match="does not go from",
        )  # fmt: skip
        refused(
            "UPDATE deployments_deployment SET state = %s, version = version + 1 WHERE id = %s",
            after, row.pk, match="does not go from",
        )  # fmt: skip
    assert len(tried) + sum(before == state for before, _after in Deployment.EDGES) == len(STATES) - 1


def test_the_edges_that_are_tried_are_all_the_others() -> None:
    assert len(NOT_AN_EDGE) + len(Deployment.EDGES) == len(STATES) * (len(STATES) - 1) == 42


def test_the_list_of_edges_is_the_databases(db: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'deployments_edge'")
        [(source,)] = cursor.fetchall()
    assert set(re.findall(r"\('(\w+)', '(\w+)'\)", source)) == set(Deployment.EDGES)


@pytest.mark.parametrize("state", [state for state in STATES if state != "draft"])
def test_a_row_begins_as_a_draft(office: Office, state: str) -> None:
    row = brought(office, "draft")
    columns = ", ".join(
        column.name for column in connection.introspection.get_table_description(
            connection.cursor(), "deployments_deployment"
        ) if column.name not in ("id", "serial", "state")
    )  # fmt: skip
    refused(
        f"INSERT INTO deployments_deployment (serial, state, {columns})"
        f" SELECT serial + 500, %s, {columns} FROM deployments_deployment WHERE id = %s",
        state, row.pk, match="begins as a draft",
    )  # fmt: skip


def test_a_step_raises_the_version_and_nothing_lowers_it(office: Office) -> None:
    row = brought(office, "submitted")
    refused("UPDATE deployments_deployment SET state = 'returned' WHERE id = %s", row.pk, match="rises")
    refused("UPDATE deployments_deployment SET version = version - 1 WHERE id = %s", row.pk, match="not fall")


def test_a_step_is_whole_or_refused(office: Office) -> None:
    submitted, authorised = brought(office, "submitted"), brought(office, "draft")
    step = "UPDATE deployments_deployment SET state = %s, version = version + 1 WHERE id = %s"
    refused(step, "authorised", submitted.pk, match="authorisation")
    refused(step, "deactivated", submitted.pk, match="deployment_end_has_record")
    sql("UPDATE deployments_deployment SET aim = '' WHERE id = %s", authorised.pk)
    refused(step, "submitted", authorised.pk, match="deployment_whole_when_submitted")


def test_an_end_is_written_once(office: Office) -> None:
    row = brought(office, "deactivated")
    for change in ("deactivated_at = now()", "deactivation_reason = 'expired'", "deactivated_by_id = NULL"):
        refused(f"UPDATE deployments_deployment SET {change} WHERE id = %s", row.pk, match="written once")
    refused(
        "UPDATE deployments_deployment SET activated_at = activated_at - interval '1 h' WHERE id = %s",
        row.pk, match="stays",
    )  # fmt: skip
    standing = office.scene.deployment
    refused(
        "UPDATE deployments_deployment SET deactivated_at = now(), deactivation_reason = 'x' WHERE id = %s",
        standing.pk, match="written once",
    )  # fmt: skip


# --- content ------------------------------------------------------------------------------------------------


def test_every_column_is_content_or_known_not_to_be(db: Any) -> None:
    with connection.cursor() as cursor:
        described = connection.introspection.get_table_description(cursor, "deployments_deployment")
    assert {column.name for column in described} == set(OTHER) | NO_CONTENT


@pytest.mark.parametrize("state", ["submitted", "authorised", "active", "refused", "deactivated"])
def test_no_column_of_what_was_sent_changes(office: Office, state: str) -> None:
    row = brought(office, state)
    for column, value in OTHER.items():
        with pytest.raises(DatabaseError):
            sql(f"UPDATE deployments_deployment SET {column} = {value} WHERE id = %s", row.pk)
            pytest.fail(f"{column} of a {state} deployment was changed")
    for column, value in LESS.items():
        statement = f"UPDATE deployments_deployment SET {column} = {value} WHERE id = %s"
        if state == "active":
            sql(statement, row.pk)
        else:
            refused(statement, row.pk, match="does not change")
    assert {column for column, value in OTHER.items() if is_same(row, column)} == set(OTHER)


def is_same(row: Deployment, column: str) -> bool:
    """Whether a content column is as it was, or was narrowed above."""
    return column in LESS or getattr(fresh(row), column) == getattr(row, column)


@pytest.mark.parametrize("state", ["authorised", "active"])
def test_an_authorisation_is_not_exchanged(office: Office, state: str) -> None:
    row = brought(office, state)
    other = office.scene.deployment.authorisation_id
    for value in (other, None):
        refused("UPDATE deployments_deployment SET authorisation_id = %s WHERE id = %s", value, row.pk)


def test_the_incident_of_what_was_sent_stays(office: Office) -> None:
    row = brought(office, "submitted")
    refused("UPDATE deployments_incident SET place = 'x' WHERE id = %s", row.incident_id, match="answers to")


# --- records ------------------------------------------------------------------------------------------------


@pytest.fixture
def full(office: Office) -> Deployment:
    """A deployment with a row in every table of records."""
    row = brought(office, "active")
    row = done(office.tighten("supervisor", row, {"modules": ["acoustic"]}))
    return done(office.review("supervisor", row, still_needed=True))


def test_a_record_is_only_added(full: Deployment) -> None:
    for table in RECORDS:
        name = f"deployments_{table}"
        assert holding.rows(f"SELECT 1 FROM {name} LIMIT 1"), table
        column = connection.introspection.get_table_description(connection.cursor(), name)[-1].name
        refused(f"UPDATE {name} SET {column} = {column}", match="a record|only what was submitted")
        for statement in (f"DELETE FROM {name}", f"TRUNCATE {name} CASCADE"):
            with pytest.raises(
                (IntegrityError, ProgrammingError), match=r"a record|permission denied|must be owner"
            ):
                sql(statement)


@pytest.mark.parametrize("table", ["deployment", "consent", "consentrequest", "incident", "installation",
                                   "riskmatrix", "placeslist"])  # fmt: skip
def test_nothing_of_it_is_deleted(full: Deployment, table: str) -> None:
    for statement in (f"DELETE FROM deployments_{table}", f"TRUNCATE deployments_{table} CASCADE"):
        with pytest.raises((IntegrityError, ProgrammingError)):
            sql(statement)


def test_the_owner_of_the_tables_deletes_none_either(full: Deployment, servers: Any) -> None:
    """The triggers stand in the way of a migration or a shell, not only of the app's role."""
    rows = holding.rows(
        """SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relname LIKE 'deployments_%' AND NOT t.tgisinternal"""
    )
    assert {row["tgenabled"] for row in rows} <= {"A", b"A"}, "a trigger that a replica would not run"
    guarded = {row["relname"] for row in rows if row["tgname"] == "deployments_record"}
    assert {f"deployments_{table}" for table in RECORDS} <= guarded
