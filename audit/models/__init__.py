"""The log's rows to read, and the tables of what people do about the log. Everybody imports from here."""

from audit.models.log import Checkpoint, Cosignature, Detail, Entry, LogKey, Node

__all__ = ["Checkpoint", "Cosignature", "Detail", "Entry", "LogKey", "Node"]
