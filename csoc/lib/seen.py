"""Text that reads as it is written: no controls, and no invisible marks that turn or split it."""

import unicodedata

UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))
#: What may stand between the lines of a longer text.
BREAKS = "\n\r\t"


def is_plain(text: str) -> bool:
    """True when every sign of one line can be seen, or is a space."""
    return not any(unicodedata.category(sign) in UNSEEN for sign in text)


def is_readable(text: str) -> bool:
    """True when somebody can read something in a longer text, and the database can keep it."""
    kinds = {unicodedata.category(sign) for sign in text if sign not in BREAKS}
    return not kinds & {"Cc", "Cs"} and any(kind[0] in "LNPS" for kind in kinds)
