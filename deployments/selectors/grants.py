"""Who was given a view of one deployment, or a part in writing it, beyond unit and role (django-guardian)."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from deployments.models import Deployment, DeploymentUserPermission

CODENAMES = {"view": ("view_deployment", "change_deployment"), "change": ("change_deployment",)}


def has_grant(user: User, deployment: Deployment, act: str) -> bool:
    """Whether this sign-in was granted ``view`` or ``change`` on it; who may write may read."""
    return DeploymentUserPermission.objects.filter(
        user=user, content_object=deployment, permission__codename__in=CODENAMES[act]
    ).exists()


def granted_ids(user: User) -> QuerySet[Any]:
    """The ids of deployments that this sign-in was granted to read, as a subquery."""
    grants = DeploymentUserPermission.objects.filter(user=user, permission__codename__in=CODENAMES["view"])
    return grants.values("content_object_id")
