"""Deployments over HTTP: the same services as the pages, with the contract's names and problems."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from accounts.idempotency import once
from accounts.models import Role, User
from accounts.policies import require_role
from csoc.lib.api import valid
from csoc.lib.errors import Refused
from csoc.lib.wire import list_of
from deployments import policies, selectors, services
from deployments.models import Deployment
from deployments.sections import sections_of
from deployments.wire import DeploymentWire, WholeDeploymentWire
from trailers.selectors import get_trailer


class CreateBody(serializers.Serializer):
    """``trailer``: its number, e.g. ``TRL-0007``."""

    trailer = serializers.CharField(max_length=12)
    site = serializers.CharField(max_length=120, required=False, default="")
    address = serializers.CharField(max_length=160, required=False, default="", allow_blank=True)


class VersionBody(serializers.Serializer):
    """``version``: the one that the person saw."""

    version = serializers.IntegerField(min_value=1)


class DecisionBody(VersionBody):
    """``content_hash``: of exactly what was read; ``reason`` is kept with the decision."""

    content_hash = serializers.CharField(max_length=64)
    reason = serializers.CharField(max_length=1000)


class DeactivateBody(serializers.Serializer):
    """``reason``: one of the listed ends."""

    reason = serializers.ChoiceField(
        choices=policies.ENDS_BY_PEOPLE,
        default=Deployment.End.NEED_ENDED,
    )


class ReviewBody(serializers.Serializer):
    """``still_needed`` False ends it in the same act."""

    still_needed = serializers.BooleanField()
    reason = serializers.CharField(max_length=1000)


class SectorBody(serializers.Serializer):
    """A forbidden sector, degrees true, clockwise."""

    from_deg = serializers.FloatField(min_value=0, max_value=360)
    to_deg = serializers.FloatField(min_value=0, max_value=360)
    why = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)


class TightenBody(serializers.Serializer):
    """What is left of each list, an earlier end, more sectors, lower ceilings; all optional."""

    modules = serializers.ListField(child=serializers.CharField(max_length=12), required=False)
    hotlist_categories = serializers.ListField(child=serializers.CharField(max_length=32), required=False)
    ends_at = serializers.DateTimeField(required=False)
    forbidden_sectors = SectorBody(many=True, required=False)
    speaker_ceiling_pct = serializers.IntegerField(min_value=0, max_value=100, required=False)
    quiet_ceiling_pct = serializers.IntegerField(min_value=0, max_value=100, required=False)


def _named(request: Request, name: str) -> audit.Ref:
    return audit.Ref("deployment", name.partition(".")[0], request.user.person.agency.code)


def _listed(request: Request) -> audit.Ref:
    return audit.Ref("page", "deployments", request.user.person.agency.code)


def if_match(request: Request) -> int:
    """Return the version in ``If-Match``. Errors: Refused ``version-missing`` (428)."""
    tag = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if not (tag.isascii() and tag.isdecimal() and len(tag) < 10):
        raise Refused("version-missing", _("Send If-Match with the version that you read."), 428)
    return int(tag)


def _told(wire: dict[str, Any], status: int = 200) -> Response:
    answer = Response(wire, status=status)
    answer["ETag"] = f'"{wire["version"]}"'
    return answer


class DeploymentList(APIView):
    """``/api/v1/deployments/``: the ones that this person may see, newest first, at most 100."""

    @extend_schema(responses={200: list_of(DeploymentWire)})
    def get(self, request: Request) -> Response:
        """List."""
        require_role(request.user, Role.APPLICANT, Role.SUPERVISOR, Role.TECHNICIAN)
        rows = selectors.deployments_visible_to(request.user)[:100]
        return Response([selectors.deployment_wire(row) for row in rows])

    @extend_schema(request=CreateBody, responses={201: WholeDeploymentWire})
    @audit.guard("deployment.create", object=_listed, acts=True)
    def post(self, request: Request) -> Response:
        """Begin a draft."""
        body = valid(CreateBody, request)
        trailer = get_trailer(body.pop("trailer"))
        made = once(
            actor=request.user, key=request.headers.get("Idempotency-Key"), body=request.data,
            act=request.path, run=lambda: selectors.whole_wire(
                services.create_deployment(actor=request.user, trailer=trailer, **body)
            ),
        )  # fmt: skip
        return _told(made, 201)


class DeploymentRead(APIView):
    """``/api/v1/deployments/{id}/``: everything that an authorising officer reads."""

    @extend_schema(responses=WholeDeploymentWire)
    @audit.guard("deployment.view", object=_named)
    def get(self, request: Request, name: str) -> Response:
        """Read; under a break-glass the entry names it as its parent."""
        found, glass = selectors.readable_deployment(request.user, name)
        response = _told(selectors.whole_wire(found))
        response.audit_parent = glass and glass.entry  # type: ignore[attr-defined]
        return response

    @extend_schema(request=dict, responses=WholeDeploymentWire)
    @audit.guard("deployment.update", object=_named, acts=True)
    def patch(self, request: Request, name: str) -> Response:
        """Edit a draft: ``{section: {field: value}}`` with ``If-Match``: its version; all or nothing."""
        found = selectors.visible_by_name(request.user, name)
        edited = services.edit_sections(
            actor=request.user, deployment_id=found.pk, version=if_match(request),
            sections=sections_of(found, request.data),
        )  # fmt: skip
        return _told(selectors.whole_wire(edited))


class _Act(APIView):
    """One act on one deployment: ``POST /api/v1/deployments/{id}/<act>/``."""

    body: Any = None
    status = 200

    def run(self, request: Request, name: str, act: Callable[..., Deployment]) -> Response:
        """Parse, let the service decide and do it, answer with what stands now."""
        found = selectors.visible_by_name(request.user, name)
        values = valid(self.body, request) if self.body else {}
        answer = once(
            actor=request.user, key=request.headers.get("Idempotency-Key"), body=request.data,
            act=request.path, run=lambda: selectors.whole_wire(
                act(actor=request.user, deployment_id=found.pk, **values)
            ),
        )  # fmt: skip
        return _told(answer, self.status)


def _with_words(service: Callable[..., Deployment]) -> Callable[..., Deployment]:
    """The wire says ``reason`` for the words that are kept with an act."""
    return lambda reason, **values: service(words=reason, **values)


class Submit(_Act):
    """Send it to be decided."""

    body = VersionBody

    @extend_schema(request=VersionBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.submit", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Send it to be decided."""
        return self.run(request, name, services.submit_deployment)


class Authorise(_Act):
    """A second person authorises exactly this content."""

    body = DecisionBody

    @extend_schema(request=DecisionBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.authorise", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """A second person authorises exactly this content."""
        return self.run(request, name, _with_words(services.authorise_deployment))


class Refuse(_Act):
    """Refuse it, with a reason."""

    body = DecisionBody

    @extend_schema(request=DecisionBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.refuse", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Refuse it, with a reason."""
        return self.run(request, name, _with_words(services.refuse_deployment))


class Return(_Act):
    """Return it with questions."""

    body = DecisionBody

    @extend_schema(request=DecisionBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.return", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Return it with questions."""
        return self.run(request, name, _with_words(services.return_deployment))


class Reopen(_Act):
    """Take it back to edit; an authorisation is void."""

    body = VersionBody

    @extend_schema(request=VersionBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.reopen", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Take it back to edit; an authorisation is void."""
        return self.run(request, name, services.reopen_deployment)


class Withdraw(_Act):
    """Give the application up."""

    body = VersionBody

    @extend_schema(request=VersionBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.deactivate", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Give the application up."""
        return self.run(request, name, services.withdraw_application)


class Activate(_Act):
    """Switch the justified sensors on."""

    @extend_schema(request=None, responses=WholeDeploymentWire)
    @audit.guard("deployment.activate", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Switch the justified sensors on."""
        return self.run(request, name, services.activate_deployment)


class Deactivate(_Act):
    """One press, no approval (H3)."""

    body = DeactivateBody

    @extend_schema(request=DeactivateBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.deactivate", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """One press, no approval (H3)."""
        return self.run(request, name, services.deactivate_deployment)


class Renew(_Act):
    """Begin the application for the next term."""

    status = 201

    @extend_schema(request=None, responses={201: WholeDeploymentWire})
    @audit.guard("deployment.create", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Begin the application for the next term."""
        return self.run(request, name, services.renew_deployment)


class Review(_Act):
    """Say whether it is still needed."""

    body = ReviewBody

    @extend_schema(request=ReviewBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.review", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Say whether it is still needed."""
        return self.run(request, name, _with_words(services.review_deployment))


def _tighten(*, actor: User, deployment_id: int, **changes: Any) -> Deployment:
    return services.tighten_deployment(actor=actor, deployment_id=deployment_id, changes=changes)


class Tighten(_Act):
    """Narrow it; no approval is needed for less."""

    body = TightenBody

    @extend_schema(request=TightenBody, responses=WholeDeploymentWire)
    @audit.guard("deployment.tighten", object=_named, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Narrow it; no approval is needed for less."""
        return self.run(request, name, _tighten)
