"""Who else may see one deployment, or take part in writing it (django-guardian, on the sign-in)."""

from django.db import transaction
from guardian.shortcuts import assign_perm

import audit
from accounts.models import Person, User
from deployments.models import Deployment, DeploymentUserPermission
from deployments.parts.ending import ref
from deployments.policies.sharing import PERMISSION, may_share, nothing_shared, sign_ins_to_share_with
from deployments.selectors import locked


@transaction.atomic
def share_deployment(*, actor: User, deployment_id: int, person: Person, act: str = "view") -> None:
    """Let ``person`` see it, or (``change``) write at it too: with every open sign-in that fits.

    A grant is asked for at each request, so that it is gone at once when it is taken back.
    """
    deployment = locked(deployment_id)
    may_share(actor, deployment)
    sign_ins = sign_ins_to_share_with(deployment, person, act)
    _take(deployment, person)
    for sign_in in sign_ins:
        assign_perm(PERMISSION[act], sign_in, deployment)
    audit.record("deployment.share", ref(deployment), reason=audit.Reason(act), recipients=[person.wire_id])


@transaction.atomic
def unshare_deployment(*, actor: User, deployment_id: int, person: Person) -> None:
    """Take it back. Errors: Refused ``not-shared`` when nothing was given to them."""
    deployment = locked(deployment_id)
    may_share(actor, deployment)
    if not _take(deployment, person):
        raise nothing_shared()
    audit.record("deployment.unshare", ref(deployment), recipients=[person.wire_id])


def _take(deployment: Deployment, person: Person) -> int:
    given = DeploymentUserPermission.objects.filter(content_object=deployment, user__person=person)
    return given.delete()[0]
