"""Deployments in the state that a case of deciding and standing needs; each call makes a fresh one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.rooms.log_standing import Standing


def waiting(standing: Standing) -> tuple[str, dict[str, Any]]:
    """The address of an application that waits, and the form of a decision on exactly it."""
    from csoc import seed
    from tests.deployments.standing_people import plan

    users = standing.place.scene.users
    with standing.place.inside():
        trailer = seed._trailer(plan(), users["technician"])
        seed._end_old(trailer, users["supervisor"])
        found = seed.prepared(plan(), trailer, users["applicant"])
    form = {"version": found.version, "content_hash": found.content_hash, "words": "Read and weighed."}
    return f"/deployments/{found.address_name}/decide/", form


def active(standing: Standing, *, shared: bool = False) -> str:
    """The address of a fresh deployment that stands; shared: with the second supervisor."""
    from accounts.services import acting
    from deployments import services
    from deployments.models import Deployment
    from deployments.services.sharing import share_deployment

    users = standing.place.scene.users
    name = standing.to_install(ready=True)
    with standing.place.inside():
        found = Deployment.objects.get(year=int(name[4:8]), serial=int(name[9:]))
        with acting(users["technician"]):
            services.activate_deployment(actor=users["technician"], deployment_id=found.pk)
        if shared:
            with acting(users["applicant"]):
                share_deployment(
                    actor=users["applicant"], deployment_id=found.pk, person=users["supervisor-2"].person
                )
    return f"/deployments/{name}/"


def partner(standing: Standing) -> str:
    """Whom it is shared with."""
    return str(standing.place.scene.users["supervisor-2"].person.wire_id)
