"""The log's rows to read, and the tables of what people do about the log. Everybody imports from here."""

from audit.models.log import Checkpoint, Cosignature, Detail, Entry, LogKey, Node
from audit.models.questions import SavedQuestion
from audit.models.requests import ExportRequest
from audit.models.reviews import Lot, Review, ReviewCursor, ReviewDecision
from audit.models.verification import PruneRequest, Verification, WitnessFile, WitnessState

__all__ = [
    "Checkpoint",
    "Cosignature",
    "Detail",
    "Entry",
    "ExportRequest",
    "LogKey",
    "Lot",
    "Node",
    "PruneRequest",
    "Review",
    "ReviewCursor",
    "ReviewDecision",
    "SavedQuestion",
    "Verification",
    "WitnessFile",
    "WitnessState",
]
