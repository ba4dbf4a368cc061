"""H1 to H3: in the services and, for code that forgets them, in the database."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from accounts import services as people
from accounts.models import Agency
from accounts.services import acting
from csoc import seed
from csoc.lib import clock as clock_module
from csoc.lib.errors import Refused
from deployments import services, tasks
from deployments.models import Authorisation, Deployment
from deployments.selectors import active_deployment
from tests.scene import Scene, standing


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


@pytest.fixture
def submitted(scene: Scene) -> Deployment:
    """A later deployment of the same trailer, waiting for a decision."""
    plan = next(plan for plan in seed.PLANS if plan.number == 7)
    ends_at = scene.deployment.ends_at
    return seed.prepared(plan, scene.trailer, scene.users["applicant"], starts_at=ends_at)


def authorise(scene: Scene, deployment: Deployment, who: str = "supervisor", **changes: Any) -> Deployment:
    user = scene.users[who]
    asked = {"version": deployment.version, "content_hash": deployment.content_hash,
             "words": "Read and weighed.", **changes}  # fmt: skip
    with acting(user):
        return services.authorise_deployment(actor=user, deployment_id=deployment.pk, **asked)


def test_applicant_cannot_authorise(scene: Scene, submitted: Deployment) -> None:
    ines = scene.users["applicant"]
    administrator = scene.users["administrator"]
    with acting(administrator):
        people.set_roles(user=ines, roles=["applicant", "supervisor"], actor=administrator)
    with pytest.raises(Refused) as caught:
        authorise(scene, submitted, "applicant")
    assert caught.value.code == "own-request"
    with pytest.raises(IntegrityError), transaction.atomic():
        Authorisation.objects.create(
            deployment=submitted, officer=ines.person, applicant=ines.person,
            content_hash=submitted.content_hash, authorised_at=clock_module.now(),
        )  # fmt: skip


def test_only_what_was_read_is_authorised(scene: Scene, submitted: Deployment) -> None:
    with pytest.raises(Refused) as caught:
        authorise(scene, submitted, content_hash="0" * 64)
    assert caught.value.code == "stale-content"
    with pytest.raises(Refused):
        authorise(scene, submitted, version=submitted.version + 1)
    assert authorise(scene, submitted).state == "authorised"


def test_two_terms_of_a_trailer_do_not_overlap(scene: Scene) -> None:
    plan = next(plan for plan in seed.PLANS if plan.number == 7)
    with pytest.raises(Refused) as caught:
        seed.prepared(plan, scene.trailer, scene.users["applicant"])
    assert caught.value.code == "overlap" and scene.deployment.name in caught.value.sentence


def test_a_term_that_has_not_begun_is_not_switched_on(scene: Scene, submitted: Deployment) -> None:
    authorised = authorise(scene, submitted)
    jo = scene.users["technician"]
    with acting(jo), pytest.raises(Refused) as caught:
        services.activate_deployment(actor=jo, deployment_id=authorised.pk)
    assert caught.value.code == "not-begun"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE deployments_deployment SET state = 'active' WHERE id = %s", "violates|does not go"),
        ("UPDATE deployments_deployment SET state = 'draft' WHERE id = %s", "does not go"),
        ("UPDATE deployments_deployment SET content_hash = 'x' WHERE id = %s", "does not change"),
        (
            "UPDATE deployments_deployment SET ends_at = starts_at + interval '15 days' WHERE id = %s",
            "14_days",
        ),
    ],
)
def test_database_keeps_the_edges(scene: Scene, submitted: Deployment, statement: str, words: str) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [submitted.pk])


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE deployments_deployment SET lat = 1, lon = 1 WHERE id = %s", "does not change"),
        ("UPDATE deployments_deployment SET trailer_id = trailer_id + 1 WHERE id = %s", "does not change"),
        ("UPDATE deployments_deployment SET consent_id = consent_id + 1 WHERE id = %s", "does not change"),
        (
            "UPDATE deployments_deployment SET ends_at = ends_at + interval '1 s' WHERE id = %s",
            "does not|14_days",
        ),
        (
            "UPDATE deployments_deployment SET hotlist_categories = '{other_authorised}' WHERE id = %s",
            "does not change",
        ),
        (
            "UPDATE deployments_authorisation SET officer_id = officer_id + 1 WHERE deployment_id = %s",
            "a record|wrote a part",
        ),
        ("UPDATE deployments_riskassessment SET score = 99 WHERE %s > 0", "a record"),
        (
            "UPDATE deployments_consent SET expires_at = expires_at + interval '1 d' WHERE %s > 0",
            "taken back",
        ),
    ],
)
def test_what_was_authorised_stays_what_was_read(scene: Scene, statement: str, words: str) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [scene.deployment.pk])


@pytest.mark.parametrize(
    "table",
    [
        "deployments_authorisation",
        "deployments_consent",
        "deployments_deployment",
        "alerts_alert",
        "alerts_alertevent",
        "live_livesession",
        "accounts_person",
    ],
)
def test_the_app_deletes_no_record(scene: Scene, table: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")


def test_an_active_deployment_may_be_tightened_in_the_database(scene: Scene) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deployments_deployment SET modules = '{acoustic}', hotlist_categories = '{}',"
            " ends_at = ends_at - interval '1 h' WHERE id = %s",
            [scene.deployment.pk],
        )
    with pytest.raises(IntegrityError, match="does not change"), transaction.atomic():
        Deployment.objects.filter(pk=scene.deployment.pk).update(modules=["acoustic", "ptz"])


def test_active_needs_consent_and_risk_in_the_database(scene: Scene, submitted: Deployment) -> None:
    authorised = authorise(scene, submitted)
    with acting(scene.users["supervisor"]):
        services.deactivate_deployment(actor=scene.users["supervisor"], deployment_id=scene.deployment.pk)
    consent = authorised.consent
    assert consent is not None
    consent.withdrawn_at = clock_module.now()
    consent.save()
    authorised.state, authorised.activated_at = "active", clock_module.now()
    authorised.version += 1
    with pytest.raises(IntegrityError, match="no valid consent"), transaction.atomic():
        authorised.save()


def test_end_takes_the_right_to_report_at_once(scene: Scene) -> None:
    omar = scene.users["supervisor"]
    assert active_deployment(scene.trailer, clock_module.now()) is not None
    with acting(omar):
        ended = services.deactivate_deployment(actor=omar, deployment_id=scene.deployment.pk)
    assert (ended.state, ended.deactivation_reason) == ("deactivated", "need_ended")
    assert active_deployment(scene.trailer, clock_module.now()) is None
    scene.trailer.desired.refresh_from_db()
    assert not any(scene.trailer.desired.modules.values())


def test_withdrawal_ends_the_deployment(scene: Scene) -> None:
    ines = scene.users["applicant"]
    with acting(ines):
        services.withdraw_consent(actor=ines, consent_id=scene.deployment.consent_id or 0)
    scene.deployment.refresh_from_db()
    assert scene.deployment.deactivation_reason == "consent_withdrawn"


def test_a_consent_is_taken_back_once_and_for_good(scene: Scene) -> None:
    ines = scene.users["applicant"]
    consent = scene.deployment.consent
    assert consent is not None
    with acting(ines):
        services.withdraw_consent(actor=ines, consent_id=consent.pk)
        consent.refresh_from_db()
        first = consent.withdrawn_at
        services.withdraw_consent(actor=ines, consent_id=consent.pk)
    consent.refresh_from_db()
    assert consent.withdrawn_at == first
    consent.withdrawn_at = None
    with pytest.raises(IntegrityError, match="taken back"), transaction.atomic():
        consent.save()


def test_another_agencys_records_do_not_exist(scene: Scene) -> None:
    ines = scene.users["applicant"]
    deployment = scene.deployment
    # In memory only: that is where the policies look.
    ines.person.agency = Agency.objects.create(code="OTHER", name="Other")
    with acting(ines):
        with pytest.raises(Refused) as caught:
            services.withdraw_consent(actor=ines, consent_id=deployment.consent_id or 0)
        assert caught.value.status == 404
        with pytest.raises(Refused):
            services.withdraw_consent(actor=ines, consent_id=0)
        with pytest.raises(Refused):
            services.create_deployment(actor=ines, trailer=scene.trailer)
    assert active_deployment(scene.trailer, clock_module.now()) is not None


def test_expiry_is_judged_at_the_door_and_recorded_by_the_job(scene: Scene, clock: Any) -> None:
    clock.shift(14 * 86_400 + 60)
    assert active_deployment(scene.trailer, clock.now()) is None
    assert tasks.end_due_deployments() == 1
    assert tasks.end_due_deployments() == 0
    scene.deployment.refresh_from_db()
    assert scene.deployment.deactivation_reason == "expired"


def test_another_agency_sees_nothing(scene: Scene) -> None:
    stranger = scene.users["supervisor"]
    stranger.person.agency = Agency.objects.create(code="OTHER", name="Other Service")
    with acting(scene.users["supervisor"]), pytest.raises(Refused) as caught:
        services.deactivate_deployment(actor=stranger, deployment_id=scene.deployment.pk)
    assert caught.value.status == 404


def test_term_is_fourteen_days(scene: Scene) -> None:
    assert scene.deployment.ends_at - scene.deployment.starts_at == timedelta(days=14)
