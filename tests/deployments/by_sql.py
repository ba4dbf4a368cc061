"""Statements around the code: what is tried on rows that services brought into a state."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from csoc.lib import clock as clock_module
from deployments.models import (
    Authorisation,
    Decision,
    Deployment,
)
from tests.deployments.office import Office, answers, done


def sql(statement: str, *values: Any) -> None:
    """One statement, in a savepoint of its own."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(statement: str, *values: Any, match: str | None = None) -> None:
    """The database says no, for the reason that is meant."""
    with pytest.raises(IntegrityError, match=match):
        sql(statement, *values)


def narrow(row: Any) -> dict[str, Any]:
    """Sections that leave room to widen: two sensors, one list, one forbidden sector."""
    said = answers(row)
    said["need"]["justifications"] = {
        "acoustic": "Hears.", "alpr": "Reads.", "list:stolen_vehicle": "The vehicle."
    }  # fmt: skip
    said["place"]["forbidden_sectors"] = [{"from_deg": 10.0, "to_deg": 40.0, "why": "bedrooms"}]
    return said


def brought(office: Office, state: str) -> Deployment:
    """A deployment in ``state``, by the services alone."""
    row = office.create()
    if state == "draft":
        return done(office.edit("applicant", row, narrow(row)))
    row = done(office.submit("applicant", done(office.edit("applicant", row, narrow(row)))))
    if state in ("refused", "returned"):
        return done(office.decide("supervisor", row, {"refused": "refuse", "returned": "return"}[state]))
    if state == "submitted":
        return row
    row = done(office.decide("supervisor", row))
    if state == "authorised":
        return row
    done(office.install(row))
    row = done(office.activate("technician", row))
    return done(office.end("supervisor", row)) if state == "deactivated" else row


def authorised_by(row: Deployment, person: Any, *, applicant: Any = None, content_hash: str = "") -> None:
    """Write a decision and its authorisation by SQL's own means, as code that forgets the policy would."""
    now = clock_module.now()
    content_hash = content_hash or row.content_hash
    with transaction.atomic():
        Decision.objects.create(
            deployment=row, officer=person, verdict="authorise", version=row.version,
            content_hash=content_hash, words_sealed=b"x", at=now,
        )  # fmt: skip
        given = Authorisation.objects.create(
            deployment=row, officer=person, applicant=applicant or row.applicant,
            content_hash=content_hash, authorised_at=now,
        )  # fmt: skip
        row.authorisation, row.state, row.version = given, "authorised", row.version + 1
        row.save()
