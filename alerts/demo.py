"""``POST /demo/simulate/``: exists only where CSOC_ENV is demo or test (csoc.urls)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from alerts.staging import VERB, stage_alert
from csoc.lib.api import valid


class SimulateBody(serializers.Serializer):
    """Which simulated trailer says what."""

    trailer = serializers.RegexField(r"^TRL-\d{4}$")
    kind = serializers.ChoiceField(choices=["gunshot", "alpr_hit"])
    rounds = serializers.IntegerField(min_value=1, max_value=100, required=False)


def _simulator(request: Any) -> audit.Ref:
    return audit.Ref("log", "demonstration", request.user.person.agency.code)


class Simulate(APIView):
    """Passes the wish to the simulator, which signs and posts like any trailer."""

    @extend_schema(exclude=True)
    @audit.guard(VERB, object=_simulator, acts=True)
    def post(self, request: Request) -> Response:
        """Stage it. Errors: 502 ``simulator`` if it does not answer."""
        user: Any = request.user
        status, value = stage_alert(actor=user, wish=valid(SimulateBody, request))
        return Response(value, status=status)
