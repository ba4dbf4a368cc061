"""What can be done to trailers. Acts of people and keys are audited here; what a trailer merely reports
(`reports`), what it should do (`desired`) and what it is told (`commands`) belong to their caller's act."""

from ..commands import send_command
from ..desired import announce_hotlist, set_desired
from ..reports import heartbeat, record_ack, record_hello
from .fleet import acknowledge_warning, ask_trailer, forget_telemetry
from .keys import confirm_key, enrol, issue_enrolment_token, revoke_key, rotate_key, warn_of_key_ends
from .register import change_trailer, create_trailer

__all__ = [
    "acknowledge_warning",
    "announce_hotlist",
    "ask_trailer",
    "change_trailer",
    "confirm_key",
    "create_trailer",
    "enrol",
    "forget_telemetry",
    "heartbeat",
    "issue_enrolment_token",
    "record_ack",
    "record_hello",
    "revoke_key",
    "rotate_key",
    "send_command",
    "set_desired",
    "warn_of_key_ends",
]
