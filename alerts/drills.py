"""The test alert of an installation: judged like any other, and then nothing of it is kept (H18).

Never an alert, so never on a board, in a push, in a figure or under a camera: only a line of the checklist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from alerts import hotlists, policies
from alerts.models import Alert
from alerts.schemas import AlertBody
from csoc.lib.errors import Refused
from deployments.models import Installation
from deployments.services import record_test_alert
from trailers.models import Trailer


@dataclass(frozen=True)
class Tested:
    """A test alert that passed: what its answer says, and all that there is of it."""

    pk: UUID
    received_at: datetime
    late: bool = False


def take_test(trailer: Trailer, body: AlertBody, window: Installation, now: datetime) -> tuple[Tested, bool]:
    """Judge a test alert with every check of a real one; part of the caller's act. Errors: Refused."""
    deployment = window.deployment
    policies.may_test(trailer, body, deployment, window.opened_at, now)
    if Alert.objects.filter(pk=body.id).exists():
        raise Refused("id-conflict", "Another alert already has this id.", 409)
    if body.alpr_hit is not None:
        hotlists.match(
            body.alpr_hit, categories=deployment.hotlist_categories, agency_id=deployment.agency_id, at=now
        )
    at, new = record_test_alert(actor=trailer, window=window, alert_id=body.id, now=now)
    return Tested(body.id, at), new
