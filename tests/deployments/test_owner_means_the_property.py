"""An owner's no ends whatever stands at the property; who wrote a term does not authorise the next."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from csoc.lib import clock
from deployments.models import Authorisation, Deployment
from deployments.selectors import active_deployment
from tests.deployments import owners
from tests.deployments.office import Office, answers, code, done, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(scene_template: str, db: None, data_dir: Path) -> Office:
    return Office(data_dir)


def renewed_on_paper(office: Office) -> tuple[Deployment, owners.Phone]:
    """A term that the owner agreed to by the link, renewed on a paper: and the owner's phone."""
    draft = owners.draft(office.scene)
    phone = owners.phone(office.scene, draft)
    assert phone.post("yes/", declare="on").status_code == 303
    before = owners.complete(office.scene, Deployment.objects.get(pk=draft.pk))
    renewal = done(office.edit("applicant", done(office.renew("applicant", before)), answers(before)))
    renewal = done(office.decide("supervisor", done(office.submit("applicant", renewal))))
    assert renewal.state == "active" and renewal.consent_id != before.consent_id
    return renewal, phone


def test_the_first_link_still_shows_and_stops_a_later_term(office: Office) -> None:
    renewal, phone = renewed_on_paper(office)
    assert "not in use yet" not in phone.get("page/").content.decode()
    assert phone.post("withdraw/").status_code == 303
    assert active_deployment(renewal.trailer, clock.now()) is None
    ended = fresh(renewal)
    assert (ended.state, ended.deactivation_reason) == ("deactivated", "consent_withdrawn")
    assert ended.consent is not None and ended.consent.withdrawn_at is not None
    assert "Nothing was switched on" not in phone.get("page/").content.decode()


def test_staff_who_hear_a_no_to_the_first_consent_stop_the_later_term(office: Office) -> None:
    renewal, _phone = renewed_on_paper(office)
    assert renewal.renews is not None
    assert code(office.withdraw_consent("supervisor", renewal.renews)) == "done"
    assert fresh(renewal).state == "deactivated"


def test_who_wrote_a_term_does_not_authorise_the_next(office: Office) -> None:
    """Ines wrote the first term; a colleague renews it; Ines' other sign-in is a supervisor's."""
    before = office.scene.deployment
    renewal = done(office.renew("applicant-2", before))
    told = answers(renewal, starts_at=clock.now())
    told["need"]["ends_at"] = min(told["need"]["ends_at"], clock.now() + timedelta(days=10))
    sent = done(office.submit("applicant-2", done(office.edit("applicant-2", renewal, told))))
    assert code(office.decide("applicant-b", sent)) == "own-request"
    with pytest.raises(IntegrityError, match="wrote"), transaction.atomic():
        Authorisation.objects.create(
            deployment=sent, officer=office.users["applicant-b"].person, applicant=sent.applicant,
            content_hash=sent.content_hash, authorised_at=clock.now(),
        )  # fmt: skip
