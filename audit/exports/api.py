"""Exports over HTTP, for the same people as the pages."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.exports import forms, policies, selectors, services, words
from audit.exports.stepup import confirmed
from audit.exports.views import list_ref, one_ref
from audit.guard import guard
from audit.models import ExportRequest
from csoc.lib.api import valid
from csoc.lib.errors import Refused

LIMIT = 200


class Decision(serializers.Serializer[Any]):
    """``approve``, or ``refuse`` with a code of the closed list."""

    decision = serializers.ChoiceField(choices=["approve", "refuse"])
    refusal = serializers.ChoiceField(choices=ExportRequest.Refusal.choices, required=False)


class Exports(APIView):
    """``GET /api/v1/audit/exports/``: the agency's requests, newest first. ``POST``: ask for one."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @guard("audit.view", object=list_ref)
    def get(self, request: Request) -> Response:
        """Return at most 200 requests."""
        policies.may_see(request.user)
        return Response({"exports": [words.whole(row) for row in selectors.visible_to_actor()[:LIMIT]]})

    @extend_schema(request=OpenApiTypes.OBJECT, responses={201: OpenApiTypes.OBJECT})
    @guard("approval.request", object=list_ref, acts=True)
    def post(self, request: Request) -> Response:
        """Take the same fields as the form, with ``kind``."""
        policies.may_ask(request.user)
        form = forms.AskForm(request.data, kind=_kind(request.data.get("kind")))
        if not form.is_valid():
            raise Refused("schema", "Some fields are not right.", 422, errors=form.errors.get_json_data())
        made = services.ask_export(actor=request.user, wanted=form.wanted())
        return Response(words.whole(made), status=201)


class Export(APIView):
    """``GET /api/v1/audit/exports/<name>/``: how far it is. Nothing of what it asks for."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, name: str) -> Response:
        """Return state, words and progress."""
        policies.may_see(request.user)
        return Response(words.wire(selectors.by_name(name)))


class ExportDecision(APIView):
    """``POST /api/v1/audit/exports/<name>/decision/``: the second person's yes or no."""

    @extend_schema(request=Decision, responses=OpenApiTypes.OBJECT)
    @guard("approval.grant", object=one_ref, acts=True)
    def post(self, request: Request, name: str) -> Response:
        """Approve, or refuse with a reason."""
        policies.may_see(request.user)
        told = valid(Decision, request)
        if told["decision"] == "approve":
            policies.may_decide(request.user, selectors.by_name(name))
            confirmed()
            return Response(words.whole(services.approve_export(actor=request.user, name=name)))
        if "refusal" not in told:
            raise Refused("schema", "Say why: give one of the codes as “refusal”.", 422)
        done = services.refuse_export(actor=request.user, name=name, refusal=told["refusal"])
        return Response(words.whole(done))


def _kind(text: Any) -> str:
    if text in forms.OWN:
        return str(text)
    raise Refused("schema", "The kind is actor, object, range or question.", 422)
