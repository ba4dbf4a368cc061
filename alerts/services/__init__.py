"""What happens to alerts: intake, people's acts, lists, and what a purge erases."""

from .acts import (
    MAX_NOTE,
    acknowledge_alert,
    add_note,
    close_alert,
    hand_back_alert,
    start_shift,
    verify_plate,
)
from .erasure import delete_detail_of, delete_removed_entries, oldest_detail
from .intake import receive_alert
from .lists import publish_hotlist

__all__ = [
    "MAX_NOTE",
    "acknowledge_alert",
    "add_note",
    "close_alert",
    "delete_detail_of",
    "delete_removed_entries",
    "hand_back_alert",
    "oldest_detail",
    "publish_hotlist",
    "receive_alert",
    "start_shift",
    "verify_plate",
]
