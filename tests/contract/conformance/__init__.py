"""The trailer contract as checks that run against any console: see docs/conformance.md."""

from tests.contract.conformance import (
    alerts,
    bulk,
    channel,
    doors,
    enrolment,
    hotlist,
    media,
    refusals,
    signature,
    state,
    telemetry,
)
from tests.contract.conformance.kit import CHECKS, Entry, Kit, Listed, authority

__all__ = [
    "CHECKS", "Entry", "Kit", "Listed", "alerts", "authority", "bulk", "channel", "doors", "enrolment",
    "hotlist", "media", "refusals", "signature", "state", "telemetry",
]  # fmt: skip
