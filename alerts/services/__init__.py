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
from .handing_off import fetch_document, hand_off_alert
from .intake import Answer, receive_alert, receive_alerts
from .lists import (
    approve_upload,
    begin_upload,
    end_stale_uploads,
    finish_upload,
    import_hotlist,
    note_refused_import,
    refuse_upload,
)
from .media import receive_clip, receive_crop
from .numbers import watch_numbers

__all__ = [
    "MAX_NOTE",
    "Answer",
    "acknowledge_alert",
    "add_note",
    "approve_upload",
    "begin_upload",
    "close_alert",
    "delete_detail_of",
    "delete_removed_entries",
    "end_stale_uploads",
    "fetch_document",
    "finish_upload",
    "hand_back_alert",
    "hand_off_alert",
    "import_hotlist",
    "note_refused_import",
    "oldest_detail",
    "receive_alert",
    "receive_alerts",
    "receive_clip",
    "receive_crop",
    "refuse_upload",
    "start_shift",
    "verify_plate",
    "watch_numbers",
]
