"""An alert's timeline as people read it: verbs of the audit vocabulary in words, without content."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.selectors import person_wire
from alerts.counting import MOST_HOLES
from alerts.handoff.targets import name_of
from alerts.media.refusing import REASONS
from alerts.models import Alert, AlertEvent
from csoc.lib import clock


def timeline(alert: Alert) -> list[dict[str, Any]]:
    """Return the alert's events, oldest first: ``at, verb, person, code, text``."""
    heard = _("Heard") if alert.kind == Alert.Kind.GUNSHOT else _("Read, stands on the list")
    first = {"at": clock.wire(alert.occurred_at), "verb": "", "person": None, "code": "", "text": heard}
    events = AlertEvent.objects.select_related("person").filter(alert=alert)
    return [first, *(_row(event) for event in events)]


def _row(event: AlertEvent) -> dict[str, Any]:
    return {
        "at": clock.wire(event.at),
        "verb": event.verb,
        "person": person_wire(event.person),
        "code": event.code,
        "text": _words(event),
    }


def _words(event: AlertEvent) -> str:
    """What happened; a person's name stands before it when there is one."""
    code = REASONS.get(event.code) or _CODES.get(event.code, lambda: event.code.replace("-", " "))()
    match event.verb:
        case "alert.receive":
            return _("Received, signature valid")
        case "alert.gap" if event.code == "many-gaps":
            return _("Reports missing: in more than %(n)d places before this one") % {"n": MOST_HOLES}
        case "alert.gap":
            n = int(event.code or 0)
            return ngettext(
                "Reports missing: %(n)d before this one", "Reports missing: %(n)d before this one", n
            ) % {"n": n}
        case "alert.gap_end":
            return _("No longer waiting for the missing reports: %s") % code
        case "clip.receive":
            return _("Clip received, checked")
        case "clip.refuse":
            return _("Clip refused: %s") % code
        case "crop.receive":
            return _("Picture of the plate received")
        case "crop.refuse":
            return _("Picture of the plate refused: %s") % code
        case "alert.acknowledge":
            return _("acknowledged")
        case "alert.hand_back":
            return _("handed it back")
        case "alert.note":
            return _("wrote a note")
        case "alert.verify_plate":
            return _("compared the plate: %s") % code
        case "alert.hand_off":
            return _("handed it off: %s") % name_of(event.code)
        case "alert.hand_off_end" if event.code == "fetched":
            return _("downloaded the hand-off")
        case "alert.hand_off_end" if event.code == "delivered":
            return _("%s took the hand-off") % name_of("cad")
        case "alert.hand_off_end" if event.code == "broken":
            return _(
                "%s did NOT get the hand-off: the sealed document does not open, it was changed or its key "
                "is another one. Hand over by radio."
            ) % name_of("cad")
        case "alert.hand_off_end":
            return _("%s did NOT take the hand-off. Hand over by radio.") % name_of("cad")
        case "alert.close":
            return _("closed it: %s") % code
        case "video.live.open":
            return _("opened video: %s") % code
        case "video.live.join":
            return _("joined video: %s") % code
        case "video.live.close" if event.person:
            return _("ended video: %s") % code
        case "video.live.close":
            return _("Video ended: %s") % code
    return event.verb


_CODES = {
    "filled": lambda: _("they came after all"),
    "restarted": lambda: _("the trailer counts from the beginning again"),
    "lapsed": lambda: _("48 hours have passed"),
    "gunshot": lambda: _("gunshot response"),
    "plate-hit": lambda: _("plate hit"),
    "officer-safety": lambda: _("officer safety"),
    "public-safety": lambda: _("public safety"),
    "confirm": lambda: _("confirmed"),
    "reject": lambda: _("rejected, detail erased"),
    "closed": lambda: _("view closed"),
    "alert-closed": lambda: _("alert closed"),
    "handed-back": lambda: _("alert handed back"),
    "deactivated": lambda: _("deployment ended"),
    "right-lost": lambda: _("right taken away"),
    "signed-out": lambda: _("signed out"),
    "key-revoked": lambda: _("trailer's key revoked"),
    "expired": lambda: _("time over"),
    "gone": lambda: _("the page was left"),
    "no-picture": lambda: _("the trailer sent no picture"),
}
