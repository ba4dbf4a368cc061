"""What stands sealed about a deployment goes by its class, not before all is over, and with its files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

import audit
import vault
from accounts.services import acting
from csoc import seed
from deployments import documents, due, sealed, services
from deployments.models import Consent, Deployment
from deployments.selectors import locked
from tests.folders import empty
from tests.scene import Scene, standing
from vault import classes, recordkeys, records
from vault.services import purge_due

DAY = 86_400
PERIODS = {found.key: found.days for found in classes.EXAMPLES}


@pytest.fixture
def scene(own_database: str, data_dir: Path, clock: Any) -> Iterator[Scene]:
    """A deployment that stands, and key stores of this test only."""
    with empty(data_dir / "keys" / "record", data_dir / "media"):
        yield standing(data_dir)


@pytest.fixture
def draft(scene: Scene) -> Deployment:
    """A second application for the same trailer, complete and not sent."""
    sent = later(scene)
    with acting(scene.users["applicant"]):
        return services.reopen_deployment(
            actor=scene.users["applicant"], deployment_id=sent.pk, version=sent.version
        )


def later(scene: Scene) -> Deployment:
    """Another application for the trailer, sent, for the time after the standing one."""
    plan = next(plan for plan in seed.PLANS if plan.number == 7)
    assert scene.deployment.ends_at
    return seed.prepared(
        plan, scene.trailer, scene.users["applicant"], starts_at=scene.deployment.ends_at + timedelta(days=1)
    )


def at(clock: Any, days: float) -> set[UUID]:
    """What is due so many days from now."""
    with transaction.atomic():
        return set(due.due(clock.now() + timedelta(days=days)))


def end(scene: Scene) -> Deployment:
    """End the standing deployment."""
    supervisor = scene.users["supervisor"]
    with acting(supervisor):
        services.deactivate_deployment(
            actor=supervisor, deployment_id=scene.deployment.pk, reason=Deployment.End.NEED_ENDED
        )
    scene.deployment.refresh_from_db()
    return scene.deployment


def test_nothing_is_due_while_it_stands_however_old(scene: Scene, draft: Deployment, clock: Any) -> None:
    assert at(clock, 5_000) == set()


def test_what_stood_is_kept_as_long_as_its_class_says(scene: Scene, clock: Any) -> None:
    ended = end(scene)
    assert ended.record and ended.consent and ended.consent.record
    longest = max(PERIODS["deployment-record"], PERIODS["consent-record"])
    assert at(clock, min(PERIODS["deployment-record"], PERIODS["consent-record"]) - 1) == set()
    assert at(clock, PERIODS["deployment-record"] + 1) >= {ended.record}
    assert at(clock, PERIODS["consent-record"] + 1) >= {ended.consent.record}
    assert at(clock, longest + 1) == {ended.record, ended.consent.record}


def test_what_came_to_nothing_goes_after_the_transitory_period(
    scene: Scene, draft: Deployment, clock: Any
) -> None:
    applicant = scene.users["applicant"]
    with acting(applicant):
        services.withdraw_application(actor=applicant, deployment_id=draft.pk, version=draft.version)
    draft.refresh_from_db()
    assert draft.consent
    mine = {record for record in (draft.record, draft.consent.record) if record}
    assert at(clock, PERIODS["transitory"] - 1) == set()
    assert at(clock, PERIODS["transitory"] + 1) == mine


def test_a_refused_one_as_well(scene: Scene, clock: Any) -> None:
    sent, supervisor = later(scene), scene.users["supervisor"]
    with acting(supervisor):
        services.refuse_deployment(
            actor=supervisor, deployment_id=sent.pk, version=sent.version, content_hash=sent.content_hash,
            words="The threat is over.",
        )  # fmt: skip
    sent.refresh_from_db()
    assert sent.record and sent.consent
    assert at(clock, PERIODS["transitory"] - 1) == set()
    assert at(clock, PERIODS["transitory"] + 1) == {sent.record, sent.consent.record}


def test_a_consent_that_was_replaced_goes_once_it_could_not_be_used_any_more(
    scene: Scene, draft: Deployment, clock: Any
) -> None:
    before = draft.consent
    plan = next(plan for plan in seed.PLANS if plan.number == 7)
    again = seed.answers(plan, scene.trailer, clock.now())["consent"]
    applicant = scene.users["applicant"]
    with acting(applicant):
        services.edit_sections(
            actor=applicant, deployment_id=draft.pk, version=draft.version, sections={"consent": again}
        )
    assert before and before.record
    left = (before.expires_at - clock.now()).total_seconds() / DAY
    assert at(clock, left + PERIODS["transitory"] - 1) == set()
    assert at(clock, left + PERIODS["transitory"] + 1) == {before.record}


def test_a_class_that_the_schedule_lost_is_kept_longest(
    scene: Scene, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = end(scene)
    left = [found for found in classes.EXAMPLES if found.key != "deployment-record"]
    monkeypatch.setattr(classes, "EXAMPLES", left)
    assert ended.record in at(clock, max(found.days for found in left) + 1)
    assert ended.record not in at(clock, max(found.days for found in left) - 1)


def test_the_purge_destroys_it_with_rows_and_files_and_the_rest_stands(
    scene: Scene, draft: Deployment, data_dir: Path, clock: Any
) -> None:
    applicant = scene.users["applicant"]
    with acting(applicant), transaction.atomic():
        row = locked(draft.pk)
        sealed.write_answers(row, {"need": {"aim": "PLANTED-ANSWER"}})
        row.save()
    with acting(applicant):
        draft = services.withdraw_application(actor=applicant, deployment_id=draft.pk, version=row.version)
    assert draft.record and draft.consent and draft.consent.record
    consent = draft.consent
    name = consent.document_name
    assert documents.fetch(consent.record, name) and sealed.read_answers(locked_now(draft.pk))
    clock.shift((PERIODS["transitory"] + 1) * DAY)
    run = purge_due(actor=audit.system("purge"))
    assert (run.ok, run.records) == (True, 2) and run.rows >= 4
    with pytest.raises(vault.Gone):
        records.unseal(consent.record, "details", bytes(consent.details_sealed or b""))
    with pytest.raises(FileNotFoundError):
        documents.fetch(consent.record, name)
    assert not (data_dir / "media" / "records" / str(consent.record)).exists()
    assert Consent.objects.get(pk=consent.pk).details_sealed is None
    assert sealed.read_answers(locked_now(draft.pk)) == {}
    standing_one = Deployment.objects.select_related("consent").get(pk=scene.deployment.pk)
    assert standing_one.consent and standing_one.consent.record
    assert documents.fetch(standing_one.consent.record, standing_one.consent.document_name)
    assert purge_due(actor=audit.system("purge")).records == 0
    assert draft.record not in recordkeys.records()


def locked_now(deployment_id: int) -> Deployment:
    """The row as it is now."""
    return Deployment.objects.get(pk=deployment_id)
