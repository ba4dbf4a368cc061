"""Why a clip or a crop is refused: one code each, and what it means to a person."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from csoc.lib.errors import Refused

#: Code -> what was wrong, as it follows "refused: ". Nothing of a refused body is kept but its code.
REASONS: dict[str, Any] = {
    "clip-format": gettext_lazy("it is not in the one form a clip may have"),
    "clip-rate": gettext_lazy("its sample rate is not the trailer's"),
    "clip-size": gettext_lazy("its sizes do not agree with its bytes"),
    "clip-length": gettext_lazy("it is shorter than 1 s or longer than 10 s"),
    "clip-silent": gettext_lazy("nothing in it sounds like a shot"),
    "clip-onset": gettext_lazy("it begins more than 2.1 s before the first shot"),
    "clip-tail": gettext_lazy("it goes on for more than 1.1 s after the last shot"),
    "clip-voice": gettext_lazy("somebody speaks in it"),
    "crop-format": gettext_lazy("it is not a plain JPEG picture"),
    "crop-size": gettext_lazy("its width and height are not the announced ones"),
    "crop-broken": gettext_lazy("it cannot be decoded"),
}


def refused(code: str) -> Refused:
    """Return the 422 of the contract. It names nothing of the body."""
    sentence = _("Refused: %s. Nothing of it was kept.") % REASONS[code]
    return Refused(code, sentence, 422)


def upload_over() -> Refused:
    """Return the 410 for what came too late, and for what nothing is kept of any more."""
    return Refused("too-old", "Nothing more of this alert is taken.", 410)
