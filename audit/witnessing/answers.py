"""What is asked of a witness and what its answer is worth: pure of HTTP, files and tables.

A request is a size the witness knows, the proof that the log grew from it, and the signed checkpoint.
"""

from base64 import b64encode
from collections.abc import Sequence

from django.utils.translation import gettext as _

from audit import notes, tree
from audit.notes import BadNote, MissingKey, VerifierKey, WrongKey
from audit.tree import Read

#: A cosignature may not be dated later than our own clock by more than this.
AHEAD_S = 300
#: tlog-witness.
MAX_PROOF = 63
MAX_ANSWER_BYTES = 65_536


class BadAnswer(ValueError):
    """The answer is no valid cosignature of what was asked. ``code``, and ``sentence`` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


def request(read: Read, old: int, size: int, note: str) -> str:
    """Return the body of add-checkpoint for a witness that knows ``old`` lines. Errors: ValueError."""
    proof = tree.consistency_proof(read, old, size)
    if len(proof) > MAX_PROOF:
        raise ValueError("the proof is longer than the protocol allows")
    lines = [f"old {old}", *(b64encode(value).decode() for value in proof)]
    return "\n".join(lines) + "\n\n" + note


def parse_size(body: str) -> int:
    """Return the size in a 409's body. Errors: BadAnswer."""
    text = body.removesuffix("\n")
    if not (text.isascii() and text.isdigit() and len(text) < 19 and str(int(text)) == text):
        raise BadAnswer("not-understood", _("It named the size it knows in a way nobody can read."))
    return int(text)


def cosignature(
    answer: str, note: str, witness: VerifierKey, log_keys: Sequence[VerifierKey], now_s: int
) -> str:
    """Return the witness's own line among ``answer``, verified on ``note``, which the log must have signed.

    Lines by others are ignored, as the protocol demands. Errors: BadAnswer.
    """
    text = answer if answer.endswith("\n") else answer + "\n"
    if len(text.encode()) > MAX_ANSWER_BYTES:
        raise BadAnswer("too-big", _("The answer is longer than 64 KiB."))
    if not all(line.startswith(notes.DASH) for line in text[:-1].split("\n")):
        raise BadAnswer(
            "not-understood",
            _("This is not a cosignature: it consists of lines that begin with “—” and the witness's name."),
        )
    try:
        opened = notes.open_note(note + text, [*log_keys, witness])
    except WrongKey:
        raise BadAnswer(
            "wrong-key",
            _("The signature of %(name)s does not fit this checkpoint.") % {"name": witness.name},
        ) from None
    except (BadNote, MissingKey) as error:
        raise BadAnswer("not-understood", _("The answer can't be read: %(why)s.") % {"why": error}) from None
    own = [(at, line) for key, at, line in opened.cosignatures if key == witness]
    if not own:
        raise BadAnswer(
            "no-signature", _("The answer holds no signature by %(name)s.") % {"name": witness.name}
        )
    at, line = own[0]
    if not 0 < at <= now_s + AHEAD_S:
        raise BadAnswer(
            "clock", _("The cosignature is dated in the future: compare the clocks of both machines.")
        )
    return line
