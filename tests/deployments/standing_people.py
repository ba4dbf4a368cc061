"""People and applications for the tests of deciding and standing: made through the services, like any."""

from dataclasses import replace
from typing import Any

from accounts.models import User
from accounts.services import acting
from csoc import seed
from deployments import services
from deployments.models import Deployment
from trailers.models import Trailer

HOSTILE = "Żółw Court; -- ساحة <script>alert(1)</script> \U0001f6a8"


def plan(**changes: Any) -> seed.Plan:
    """The plan of a trailer that stands nowhere yet."""
    return replace(next(one for one in seed.PLANS if one.number == 11), **changes)


def free_trailer(users: dict[str, User]) -> Trailer:
    """A trailer that stands nowhere, with everything a deployment can ask for."""
    found = Trailer.objects.filter(number=11).first()
    if found is None:
        seed._trailer_row(plan(deployed=False), users)
        found = Trailer.objects.get(number=11)
    return Trailer.objects.select_related("agency", "unit").get(pk=found.pk)


def sent(users: dict[str, User], **changes: Any) -> Deployment:
    """An application that waits for a decision."""
    return seed.prepared(plan(**changes), free_trailer(users), users["applicant"])


def returned(users: dict[str, User], deployment: Deployment, words: str = "Say more.") -> Deployment:
    """The same, returned by the supervisor."""
    with acting(users["supervisor"]):
        return services.return_deployment(
            actor=users["supervisor"], deployment_id=deployment.pk, version=deployment.version,
            content_hash=deployment.content_hash, words=words,
        )  # fmt: skip


def sent_again(users: dict[str, User], deployment: Deployment, **sections: dict[str, Any]) -> Deployment:
    """Edited by its applicant and sent again; sections: what changes in each."""
    who = users["applicant"]
    found = next(one for one in seed.PLANS if one.number == deployment.trailer.number)
    base = seed.answers(found, deployment.trailer, deployment.starts_at)
    with acting(who):
        edited = services.edit_sections(
            actor=who, deployment_id=deployment.pk, version=deployment.version,
            sections={name: base[name] | changes for name, changes in sections.items()},
        )  # fmt: skip
        return services.submit_deployment(actor=who, deployment_id=deployment.pk, version=edited.version)
