"""Staging an alert of a simulated trailer, in demonstrations and tests: the act of a named person.

Its entry commits first. What a crash leaves: an entry of an alert that never came, and never an alert
that nobody staged.
"""

from typing import Any

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

import audit
from accounts.models import User
from csoc.lib.errors import Refused

VERB = "alert.simulate"
TIMEOUT_S = 10.0


def stage_alert(*, actor: User, wish: dict[str, Any]) -> tuple[int, Any]:
    """Ask the simulator for an alert, which it signs and posts like any trailer; return status and answer.

    wish: ``trailer``, ``kind`` and perhaps ``rounds``.
    Errors: LogDown before anything is staged; Refused ``simulator`` (502) if it does not answer.
    """
    audit.commit(VERB, audit.Ref("trailer", wish["trailer"], actor.person.agency.code))
    try:
        answer = httpx.post(f"{settings.SIMULATOR_URL}/simulate", json=wish, timeout=TIMEOUT_S)
        return answer.status_code, answer.json()
    except (httpx.HTTPError, ValueError):
        raise Refused("simulator", _("The trailer simulator does not answer."), 502) from None
