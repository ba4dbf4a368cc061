"""Deployments over HTTP. Preparing and deciding get their pages and calls with the authorisation flow."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from accounts.models import Role
from accounts.policies import require_role
from csoc.lib.api import valid
from deployments import selectors, services
from deployments.models import Deployment
from deployments.wire import DeploymentWire, WholeDeploymentWire


class DeactivateBody(serializers.Serializer):
    """``reason``: one of the listed ends."""

    reason = serializers.ChoiceField(
        choices=[Deployment.End.NEED_ENDED, Deployment.End.FAULT, Deployment.End.REVOKED],
        default=Deployment.End.NEED_ENDED,
    )


class DeploymentList(APIView):
    """``GET /api/v1/deployments/``: the agency's deployments, newest first, at most 100."""

    @extend_schema(responses=DeploymentWire)
    def get(self, request: Request) -> Response:
        """List."""
        require_role(request.user, Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
        rows = selectors.deployments_visible_to(request.user)[:100]
        return Response([selectors.deployment_wire(row) for row in rows])


def _named(request: Request, name: str) -> audit.Ref:
    return audit.Ref("deployment", name, request.user.person.agency.code)


class DeploymentRead(APIView):
    """``GET /api/v1/deployments/{id}/``: everything that an authorising officer reads."""

    @extend_schema(responses=WholeDeploymentWire)
    @audit.guard("deployment.view", object=_named)
    def get(self, request: Request, name: str) -> Response:
        """Read; under a break-glass the entry names it as its parent."""
        found, glass = selectors.readable_deployment(request.user, name)
        response = Response(selectors.whole_wire(found))
        response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
        return response


class Deactivate(APIView):
    """``POST /api/v1/deployments/{id}/deactivate/``: one press, no approval (H3)."""

    @extend_schema(request=DeactivateBody, responses=DeploymentWire)
    @audit.guard("deployment.deactivate", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """End the deployment."""
        body = valid(DeactivateBody, request)
        found = selectors.visible_by_name(request.user, name)
        ended = services.deactivate_deployment(
            actor=request.user, deployment_id=found.pk, reason=body["reason"]
        )
        return Response(selectors.deployment_wire(ended))
