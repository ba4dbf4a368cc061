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
from .handing_off import hand_off_alert
from .intake import Answer, receive_alert, receive_alerts
from .lists import publish_hotlist
from .media import receive_clip, receive_crop
from .numbers import watch_numbers

__all__ = [
    "MAX_NOTE",
    "Answer",
    "acknowledge_alert",
    "add_note",
    "close_alert",
    "delete_detail_of",
    "delete_removed_entries",
    "hand_back_alert",
    "hand_off_alert",
    "oldest_detail",
    "publish_hotlist",
    "receive_alert",
    "receive_alerts",
    "receive_clip",
    "receive_crop",
    "start_shift",
    "verify_plate",
    "watch_numbers",
]
