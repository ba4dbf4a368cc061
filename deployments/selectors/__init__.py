"""Reading deployments; who may see which is decided here."""

from .deployments import (
    active_deployment,
    active_deployment_locked,
    deployment_wire,
    deployments_visible_to,
    ended_but_standing,
    lock_standing_on,
    locked,
    of_same_property,
    readable_deployment,
    thing_of,
    visible_by_name,
    whole_wire,
)
from .places import current_area, current_places, in_service_area, sensitive_within
from .risk import current_matrix
from .sections import SECTIONS, section_digest

__all__ = [
    "SECTIONS",
    "active_deployment",
    "active_deployment_locked",
    "current_area",
    "current_matrix",
    "current_places",
    "deployment_wire",
    "deployments_visible_to",
    "ended_but_standing",
    "in_service_area",
    "lock_standing_on",
    "locked",
    "of_same_property",
    "readable_deployment",
    "section_digest",
    "sensitive_within",
    "thing_of",
    "visible_by_name",
    "whole_wire",
]
