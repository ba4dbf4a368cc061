"""Where an alert may be handed to: the file, always, and the one CAD of the settings."""

from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from alerts.handoff import cap, eido
from alerts.handoff.models import HandOff
from alerts.handoff.posting import Receiver

MEDIA_TYPES = {"cap.xml": cap.MEDIA_TYPE, "eido.json": eido.MEDIA_TYPE}
MAX_TOKEN = 4096


class Target(NamedTuple):
    """One choice: its id on the wire and its name for people."""

    id: str
    name: str


def targets() -> list[Target]:
    """Return the choices, the CAD first."""
    to_file = Target(HandOff.Target.FILE, _("File to download"))
    return [Target(HandOff.Target.CAD, settings.CAD_NAME), to_file] if settings.CAD_URL else [to_file]


def name_of(target: str) -> str:
    """Return a target's name, also of one that is no longer in the settings."""
    return settings.CAD_NAME if target == HandOff.Target.CAD else _("File to download")


def form_for_cad() -> str:
    """Return which of the two documents the CAD gets."""
    return "eido.json" if settings.CAD_FORMAT == "eido" else "cap.xml"


def receiver() -> Receiver:
    """Return the CAD of the settings; its token is read anew each time, so that it can be exchanged.

    Errors: OSError when the token's file cannot be read.
    """
    token = ""
    if settings.CAD_TOKEN_FILE:
        with Path(settings.CAD_TOKEN_FILE).open(encoding="ascii", errors="strict") as file:
            token = file.read(MAX_TOKEN).strip()
    ca_file = str(settings.CAD_CA_FILE or "")
    return Receiver(settings.CAD_URL, settings.CAD_ADDRESS, token, ca_file)
