"""Deployments that wait for a decision, made through the services."""

from csoc import seed
from deployments.models import Deployment
from tests.scene import Scene


def submitted(scene: Scene) -> Deployment:
    """A complete request of the applicant for the scene's trailer, frozen and waiting."""
    plan = next(plan for plan in seed.PLANS if plan.number == scene.trailer.number)
    return seed.prepared(plan, scene.trailer, scene.users["applicant"])
