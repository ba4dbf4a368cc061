"""The text of a plate: its key, and what looks alike. The contract's rules; never an edit distance."""

import re
import unicodedata

_KEY = re.compile(r"[A-Z0-9]{2,8}")
_NOT_KEY = re.compile(r"[^A-Z0-9]")
_FOLD = str.maketrans({"O": "0", "Q": "0", "I": "1", "L": "1", "Z": "2", "S": "5", "G": "6", "B": "8"})


def plate_key(text: str) -> str | None:
    """Return the key of a plate (NFKC, upper case, only A-Z 0-9, 2 to 8 long), or None."""
    key = _NOT_KEY.sub("", unicodedata.normalize("NFKC", text).upper())
    return key if _KEY.fullmatch(key) else None


def fold(key: str) -> str:
    """Return the key with characters that look alike made one."""
    return key.translate(_FOLD)
