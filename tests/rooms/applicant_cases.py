"""Requests of the applicant's pages, each on an application of its own, for the test with the log broken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from accounts.services import acting
from csoc import seed
from csoc.lib import clock
from deployments import services
from deployments.models import Deployment
from deployments.sections import SECTION
from deployments.selectors import section_digest
from tests.deployments import papers
from tests.rooms.log_standing import Standing

#: The scene's trailer stands until then.
LATER = timedelta(days=20)


def drafted(standing: Standing, marker: str, *, sent: bool = False) -> Deployment:
    """An application with everything in it; ``sent``: it waits for a decision."""
    scene = standing.place.scene
    who, plan = scene.users["applicant"], next(plan for plan in seed.PLANS if plan.number == 7)
    with standing.place.inside(), acting(who):
        draft = services.create_deployment(actor=who, trailer=scene.trailer, site=marker)
        sections = seed.answers(plan, scene.trailer, clock.now() + LATER, timedelta(days=5))
        sections["place"]["site"] = marker
        whole = services.edit_sections(
            actor=who, deployment_id=draft.pk, version=draft.version, sections=sections
        )
        if sent:
            whole = services.submit_deployment(actor=who, deployment_id=draft.pk, version=whole.version)
        # What is read of it later is read here: outside, this process has another database.
        return Deployment.objects.select_related("incident", "risk", "consent", "trailer", "agency").get(
            pk=whole.pk
        )


def path(row: Deployment, part: str) -> str:
    """The address of a page of it."""
    return f"/deployments/{row.address_name}/{part}/" if part else f"/deployments/{row.address_name}/"


def page(standing: Standing, marker: str, part: str) -> str:
    """The address of a page of a draft."""
    return path(drafted(standing, marker), part)


def answers(standing: Standing, marker: str, part: str, to: str = "") -> tuple[str, dict[str, Any]]:
    """The address of a section and the form that saves it again."""
    row = drafted(standing, marker)
    with standing.place.inside():
        told = {name: value for name, value in SECTION[part].initial_of(row).items() if value is not None}
        return path(row, to or part), told | {"base": section_digest(row, part)}


def paper(standing: Standing, marker: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The address of the signed paper, its form and its file."""
    where, form = answers(standing, marker, "consent", "consent/document")
    return where, form | {"owner_name": marker}, {"document": ("c.pdf", papers.pdf())}


def versioned(standing: Standing, marker: str, act: str, *, sent: bool = False) -> tuple[str, dict[str, Any]]:
    """The address of an act and the version that it is on."""
    row = drafted(standing, marker, sent=sent)
    return path(row, act), {"version": row.version}
