"""Words that are kept with a decision or a review: several lines, and nothing that nobody sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployments import services
from deployments.models import Decision, Review
from tests.deployments.office import Office, code, done, fresh

UNSEEN = ("Read\u202e and weighed.", "Read\x00 it all.", "Read\u200b it all.", "Read it\u2028 all.")
pytestmark = pytest.mark.django_db


@pytest.fixture
def office(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Office:
    return Office(data_dir)


def test_the_reason_of_a_decision(office: Office) -> None:
    row = office.submitted()
    for verdict in ("authorise", "refuse", "return"):
        for words in UNSEEN:
            assert code(office.decide("supervisor", row, verdict, words=words)) == "text-unseen"
    assert not Decision.objects.filter(deployment=row).exists()
    done(office.decide("supervisor", row, words="Read.\r\n\r\n\tWeighed."))
    assert fresh(row).state == "authorised"


def test_the_reason_of_a_review(office: Office) -> None:
    row = office.scene.deployment
    for words in UNSEEN:
        asked = {"deployment_id": row.pk, "still_needed": True, "words": words}
        assert code(office.do("supervisor", services.review_deployment, **asked)) == "text-unseen"
    assert not Review.objects.exists()
    asked["words"] = "Two calls.\nOne visit."
    done(office.do("supervisor", services.review_deployment, **asked))
