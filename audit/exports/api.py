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

    # Its 422 names each field's mistakes in words, as the form does, and not by pointer.
    @extend_schema(
        request=OpenApiTypes.OBJECT,
        responses={201: OpenApiTypes.OBJECT, (422, "application/problem+json"): OpenApiTypes.OBJECT},
    )
    @guard("approval.request", object=list_ref, acts=True)
    def post(self, request: Request) -> Response:
        """Take the same fields as the form, with ``kind``."""
        policies.may_ask(request.user)
        form = _form(request.data)
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


#: What may be written as a number; everything else of a form is text.
NUMBERS = ("since", "until", "also")


def _form(told: dict[str, Any]) -> forms.AskForm:
    """Return the form, filled in rightly. Errors: Refused ``schema`` (422) with each field's mistakes."""
    kind = told.get("kind")
    if not isinstance(kind, str) or kind not in forms.OWN:
        raise _mistaken({"kind": "The kind is actor, object, range or question."})
    form = forms.AskForm(told, kind=kind)
    given = {name: value for name, value in told.items() if name != "kind"}
    if unknown := given.keys() - form.fields.keys():
        raise _mistaken(dict.fromkeys(sorted(unknown), "A request of this kind has no such field."))
    if wrong := [name for name, value in given.items() if not _fits(name, value)]:
        raise _mistaken(dict.fromkeys(wrong, "The value is not of the right type."))
    if not form.is_valid():
        raise Refused("schema", "Some fields are not right.", 422, errors=form.errors.get_json_data())
    return form


def _fits(name: str, value: Any) -> bool:
    if name == "details":
        return isinstance(value, bool)
    number = isinstance(value, int) and not isinstance(value, bool) and name in NUMBERS
    return value is None or isinstance(value, str) or number


def _mistaken(sentences: dict[str, str]) -> Refused:
    errors = {name: [{"message": told, "code": "invalid"}] for name, told in sentences.items()}
    return Refused("schema", "Some fields are not right.", 422, errors=errors)
