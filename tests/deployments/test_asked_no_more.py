"""An application that is over asks its owner no more: the link ends in the same act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csoc.lib import clock as clock_module
from deployments.models import Consent, ConsentRequest, Deployment, OwnerMail
from deployments.owner import outbox
from tests.deployments.office import FREE, Office, code, done, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Office:
    return Office(data_dir)


def asked(office: Office) -> Deployment:
    """A draft with a paper, whose owner was asked as well, by a link that has left."""
    row = done(office.fill("applicant", done(office.create(number=FREE))))
    done(office.ask_owner("applicant", row))
    outbox.send_due(clock_module.now())
    return fresh(row)


def given_up(office: Office, row: Deployment) -> None:
    done(office.withdraw("applicant", row))


def refused(office: Office, row: Deployment) -> None:
    done(office.decide("supervisor", done(office.submit("applicant", row)), "refuse"))


def ended(office: Office, row: Deployment) -> None:
    done(office.decide("supervisor", done(office.submit("applicant", row))))
    done(office.install(row))
    done(office.activate("technician", row))
    done(office.end("supervisor", row))


@pytest.mark.parametrize("over", [given_up, refused, ended])
def test_the_link_ends_with_it(office: Office, over: Any) -> None:
    row = asked(office)
    consents = Consent.objects.count()
    over(office, row)
    link = ConsentRequest.objects.get(deployment=row)
    assert link.ended_at is not None and link.answer == ""
    assert list(OwnerMail.objects.filter(request=link).values_list("kind", flat=True)) == ["link", "ended"]
    for yes in (True, False):
        answer = office.owner_answers(row, yes)
        assert code(answer) == "link-ended" and "taken back" in answer.sentence
    assert Consent.objects.count() == consents
    assert ConsentRequest.objects.get(pk=link.pk).answer == ""


def test_a_link_that_was_left_open_is_not_answered_either(office: Office) -> None:
    """Rows from before links ended with their application."""
    row = asked(office)
    done(office.withdraw("applicant", row))
    link = ConsentRequest.objects.get(deployment=row)
    link.pk, link.token_sha256, link.ended_at = None, "e" * 64, None
    link.save()
    answer = office.owner_answers(row, True)
    assert code(answer) == "link-ended" and "is over" in answer.sentence


def test_a_returned_or_reopened_one_still_asks(office: Office) -> None:
    row = done(office.submit("applicant", asked(office)))
    row = done(office.decide("supervisor", row, "return"))
    done(office.reopen("applicant", done(office.submit("applicant", row))))
    assert ConsentRequest.objects.get(deployment=row).ended_at is None
    done(office.owner_answers(row, True))
