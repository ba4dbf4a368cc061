"""What an owner types, or is called: only signs that can be seen, so that it reads as it is written."""

import unicodedata

#: Controls, marks that turn text around, halves of signs, and signs of nobody's.
_UNSEEN = ("Cc", "Cf", "Cs", "Co")
#: Gurmukhi and emoji need the joiners.
_KEPT = "\n\u200c\u200d"


def seen(text: str) -> str:
    """Return the text without the signs that nobody sees; lines end in a line feed."""
    lines = "\n".join(text.replace("\t", " ").splitlines())
    return "".join(
        sign for sign in lines if sign in _KEPT or unicodedata.category(sign) not in _UNSEEN
    ).strip()
