"""The register's tables, one file per subject."""

from .channel import MODULES, Command, DesiredState, ModuleChange, TrailerStatus
from .keys import EnrolmentToken, Nonce, TrailerKey
from .register import CAPABILITIES, Trailer

__all__ = [
    "CAPABILITIES",
    "MODULES",
    "Command",
    "DesiredState",
    "EnrolmentToken",
    "ModuleChange",
    "Nonce",
    "Trailer",
    "TrailerKey",
    "TrailerStatus",
]
