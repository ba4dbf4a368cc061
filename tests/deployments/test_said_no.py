"""What an owner said, where a trailer stands, how a deployment is called: judged at the moment it counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from csoc.lib import clock
from deployments.models import Deployment
from deployments.selectors import visible_by_name
from tests.accounts.people import sign_in
from tests.deployments import owners
from tests.deployments.office import Office, answers, code, done, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(scene_template: str, db: None, data_dir: Path) -> Office:
    return Office(data_dir)


def test_a_no_by_the_link_outweighs_an_older_paper(office: Office) -> None:
    office.clear(7)
    draft = owners.draft(office.scene, without=())
    phone = owners.phone(office.scene, draft)
    sent = done(office.submit("applicant", fresh(draft)))
    assert phone.post("no/").status_code == 303
    assert code(office.decide("supervisor", sent)) == "consent-missing"


@pytest.mark.parametrize(
    "name", ["{0}%0A", "DEP-2026-000001", "DEP-\u0662\u0660\u0662\u0666-0001", "{0}.0", "{0}.01", "%20{0}"]
)
def test_a_deployment_has_one_name(office: Office, name: str) -> None:
    page = sign_in(office.users["supervisor"])
    real = office.scene.deployment.name
    asked = name.format(real)
    assert page.get(f"/deployments/{real}/").status_code == 200
    assert page.get(f"/api/v1/deployments/{asked}/").status_code == 404
    assert visible_by_name(office.users["supervisor"], real).name == real


def test_a_term_that_ran_out_is_not_renewed(office: Office, clock: Any) -> None:
    row = office.active()
    clock.shift(timedelta(days=15).total_seconds())
    assert code(office.renew("applicant", fresh(row))) == "wrong-state"


def test_a_renewal_that_waited_too_long_takes_nothing_over(office: Office, clock: Any) -> None:
    row = office.active()
    renewal = done(office.renew("applicant", row))
    sent = done(office.submit("applicant", done(office.edit("applicant", renewal, answers(renewal)))))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE deployments_deployment SET ends_at = %s WHERE id = %s", [_soon(), row.pk])
    clock.shift(3600)
    assert code(office.decide("supervisor", sent)) == "wrong-state"


def _soon() -> Any:
    return clock.now() + timedelta(minutes=1)


def test_nobody_says_that_it_was_renewed(office: Office) -> None:
    row = office.active()
    assert code(office.end("supervisor", row, "renewed")) == "reason-unknown"
    assert code(office.end("supervisor", row, "expired")) == "reason-unknown"
    assert fresh(row).state == "active"


def test_a_trailer_that_drove_on_after_its_checklist_is_not_switched_on(office: Office, clock: Any) -> None:
    row = office.authorised()
    done(office.install(row))
    clock.shift(180)
    assert code(office.activate("technician", row)) == "not-installed"


def test_a_technician_is_not_told_who_the_owner_is(office: Office) -> None:
    name = office.scene.deployment.name
    assert "Demonstration Owner" in _page(office, "supervisor", name)
    assert "Demonstration Owner" not in _page(office, "technician", name)


def _page(office: Office, who: str, name: str) -> str:
    return sign_in(office.users[who]).get(f"/deployments/{name}/").content.decode()


def test_sql_takes_over_from_nothing_that_is_over(office: Office) -> None:
    renewal = office.renewal(office.active())
    row = Deployment.objects.get(pk=renewal.pk)
    assert row.renews is not None
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deployments_deployment SET state = 'active', version = version + 1, activated_at = %s"
            " WHERE id = %s", [clock.now(), row.pk],
        )  # fmt: skip
