"""``POST /demo/simulate/``: exists only where CSOC_ENV is demo or test (csoc.urls)."""

import httpx
from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from csoc.lib.api import valid
from csoc.lib.errors import Refused

TIMEOUT_S = 10.0


class SimulateBody(serializers.Serializer):
    """Which simulated trailer says what."""

    trailer = serializers.RegexField(r"^TRL-\d{4}$")
    kind = serializers.ChoiceField(choices=["gunshot", "alpr_hit"])
    rounds = serializers.IntegerField(min_value=1, max_value=100, required=False)


def _simulator(request: Request) -> audit.Ref:
    return audit.Ref("log", "demonstration", audit.current_actor().agency or "")


class Simulate(APIView):
    """Passes the wish to the simulator, which signs and posts like any trailer."""

    @extend_schema(exclude=True)
    @audit.guard("alert.simulate", object=_simulator)
    def post(self, request: Request) -> Response:
        """Raise it. Errors: 502 ``simulator`` if it does not answer."""
        wish = valid(SimulateBody, request)
        try:
            answer = httpx.post(f"{settings.SIMULATOR_URL}/simulate", json=wish, timeout=TIMEOUT_S)
            value = answer.json()
        except (httpx.HTTPError, ValueError):
            raise Refused("simulator", _("The trailer simulator does not answer."), 502) from None
        return Response(value, status=answer.status_code)
