"""The register's tables, one file per subject."""

from .channel import MODULES, Command, DesiredState, ModuleChange, TrailerStatus
from .fleet import FIGURES, Condition, Telemetry, TrailerWarning
from .keys import EnrolmentToken, Nonce, RevokeReason, TrailerKey
from .refusals import RefusalHour
from .register import CAPABILITIES, Trailer

__all__ = [
    "CAPABILITIES",
    "FIGURES",
    "MODULES",
    "Command",
    "Condition",
    "DesiredState",
    "EnrolmentToken",
    "ModuleChange",
    "Nonce",
    "RefusalHour",
    "RevokeReason",
    "Telemetry",
    "Trailer",
    "TrailerKey",
    "TrailerStatus",
    "TrailerWarning",
]
