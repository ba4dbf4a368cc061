"""The register's tables, one file per subject."""

from .channel import Command, DesiredState, TrailerStatus
from .keys import EnrolmentToken, Nonce, TrailerKey
from .register import CAPABILITIES, Trailer

__all__ = [
    "CAPABILITIES",
    "Command",
    "DesiredState",
    "EnrolmentToken",
    "Nonce",
    "Trailer",
    "TrailerKey",
    "TrailerStatus",
]
