"""How far a trailer is set up under an authorised deployment."""

from datetime import datetime

from deployments.models import Deployment, InstallationCheck


def missing(deployment: Deployment, now: datetime) -> list[str]:
    """Return the points of the checklist that have not passed, as their codes, in the list's order."""
    newest = {check.item: check.passed for check in deployment.checks.order_by("at", "pk")}
    return [item for item in InstallationCheck.Item.values if not newest.get(item, False)]
