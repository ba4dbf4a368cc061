"""What an alert may never be about; the words that no trailer may send are in ``csoc.lib.forbidden``."""

from typing import Any

from csoc.lib.forbidden import WORDS, check_words, is_forbidden_key, refused

__all__ = ["CLASSES", "KINDS", "WORDS", "check", "is_forbidden_key"]

CLASSES = ("gunshot",)
KINDS = ("gunshot", "alpr_hit")


def check(value: Any) -> None:
    """Walk a parsed body.

    Errors: Refused ``forbidden-field`` or ``forbidden-class`` (422), which name nothing of the body.
    """
    check_words(value)
    if not isinstance(value, dict):
        return
    kind = value.get("kind")
    if isinstance(kind, str) and kind not in KINDS:
        raise refused("forbidden-class")
    gunshot = value.get("gunshot")
    if isinstance(gunshot, dict):
        named = gunshot.get("class")
        if isinstance(named, str) and named not in CLASSES:
            raise refused("forbidden-class")
