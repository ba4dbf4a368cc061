"""What the fleet pages say: of warnings, of commands, of figures and of how old they are."""

from __future__ import annotations

import math
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from ..keylife import Life

#: One phrase a module, and its icon; the order of the picture.
SENSORS = (
    ("acoustic", gettext_lazy("gunshot"), "ear"),
    ("alpr", gettext_lazy("plates"), "scan-line"),
    ("ptz", gettext_lazy("camera ready"), "cctv"),
    ("speaker", gettext_lazy("speaker"), "megaphone"),
)
ICONS = {
    "moved": "map-pin", "heartbeat": "unplug", "battery": "battery-warning", "fuel": "fuel",
    "generator": "plug", "solar": "sun", "hot": "thermometer", "cold": "thermometer", "door": "door-open",
    "tilt": "move", "clock": "clock-alert", "list": "list-x",
}  # fmt: skip
#: What is unknown.
NONE = "–"


def warning(kind: str, value: float | None) -> str:
    """Return a warning in a few words."""
    said = {
        "moved": _("Moved %(n)s m from its point") if value is not None else _("Moved from its point"),
        "heartbeat": _("Not heard for %(age)s"),
        "battery": _("Battery at %(n)s %%"),
        "fuel": _("Fuel at %(n)s %%"),
        "generator": _("Generator asked to start, not running after %(age)s"),
        "solar": _("No sun on the panels for %(age)s around noon"),
        "hot": _("Cabinet at %(n)s °C"),
        "cold": _("Cabinet at %(n)s °C"),
        "door": _("Door open"),
        "tilt": _("Tilted by %(n)s°"),
        "clock": _("Clock off by %(ms)s"),
        "list": _("Plate list %(n)s h old"),
    }.get(kind, kind)
    number = value or 0.0
    return said % {"n": figure(number), "age": age(number), "ms": span_ms(number)}


def consequence(kind: str, level: str) -> str:
    """Return what a warning means, or what to do, in one sentence; empty where the first words say it all."""
    red = level == "red"
    return {
        "moved": _("Its sensors are off: consent is for that property. Look where it is."),
        "heartbeat": _("Nothing is known of it since. Its alerts wait on it until the link is back.") if red
        else "",
        "battery": _("Charge it or start the generator before the sensors stop.") if red else "",
        "fuel": _("The generator stops when it is empty. Plan a visit.") if red else "",
        "generator": _("Look at its fuel and its starter battery."),
        "solar": _("The panels may be covered or unplugged."),
        "clock": _("Over 30 s its signatures are refused, its alerts too.") if red else "",
        "list": _("Over 48 h plate alerts are refused. Look whether it can fetch the list.") if red else "",
    }.get(kind, "")  # fmt: skip


COMMANDS = {
    "self.test": gettext_lazy("Self-test"),
    "ping": gettext_lazy("Ping"),
    "stream.start": gettext_lazy("Start of a live view"),
    "stream.renew": gettext_lazy("Renewal of a live view"),
    "stream.stop": gettext_lazy("End of a live view"),
    "deactivate": gettext_lazy("Sensors off"),
    "module.off": gettext_lazy("Sensor off"),
    "speaker.play": gettext_lazy("Announcement"),
    "speaker.stop": gettext_lazy("End of an announcement"),
}
_CODES = {
    "deployed": gettext_lazy("it is deployed: a test alert would ring as a real one"),
    "bad-args": gettext_lazy("it did not understand what was asked"),
    "off-point": gettext_lazy("it is not where it should be"),
    "no-fix": gettext_lazy("its receiver has no fix"),
    "no-power": gettext_lazy("its power controller does not answer"),
    "no-site": gettext_lazy("its door and tilt sensors do not answer"),
    "no-store": gettext_lazy("its disk takes nothing"),
    "no-answer": gettext_lazy("it was reached and gave no answer"),
    "unsupported": gettext_lazy("it cannot do this"),
    "unavailable": gettext_lazy("the console could not be reached from it"),
    "key-revoked": gettext_lazy("its key was revoked"),
    "wrong-trailer": gettext_lazy("it is another trailer than its key says"),
}


def command(name: str) -> str:
    """Return a command's name for people."""
    return str(COMMANDS.get(name, name))


def answer(state: str, code: str) -> str:
    """Return what came of a command, as the trailer said it."""
    why = str(_CODES.get(code, code.replace("-", " ")))
    said = {
        "queued": _("waits for the trailer"),
        "sent": _("sent, not answered yet"),
        "received": _("received, at work"),
        "done": _("done"),
        "refused": _("refused"),
        "failed": _("failed"),
        "expired": _("not fetched in time"),
    }.get(state, state)
    return f"{said}: {why}" if why and state in ("refused", "failed") else said


def figure(value: float | None, places: int = 0) -> str:
    """Return a figure as people read it: a real minus, a dash for what is unknown."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:.{places}f}"
    return "0" if float(text) == 0 and places == 0 else text.replace("-", "\N{MINUS SIGN}")


def age(seconds: float) -> str:
    """Return a length of time in the two largest units that matter."""
    whole = max(0, int(seconds))
    if whole < 60:
        return _("%(s)d s") % {"s": whole}
    if whole < 3600:
        return _("%(min)d min") % {"min": whole // 60}
    if whole < 86_400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return (
            _("%(h)d h %(min)d min") % {"h": hours, "min": minutes}
            if hours < 10 and minutes
            else _("%(h)d h") % {"h": hours}
        )
    return _("%(d)d d") % {"d": whole // 86_400}


def since(moment: datetime | None, at: datetime) -> str:
    """Return how long ago something was; a dash for never."""
    return NONE if moment is None else age((at - moment).total_seconds())


def span_ms(value: float) -> str:
    """Return a small span of time."""
    if value < 1000:
        return _("%(ms)d ms") % {"ms": round(value)}
    return _("%(s)s s") % {"s": figure(value / 1000)}


def left(until: datetime, at: datetime) -> str:
    """Return how long a deployment still lasts: `11 d`, `1 d 19 h`, `5 h`."""
    hours = max(0, int((until - at).total_seconds() // 3600))
    days, rest = divmod(hours, 24)
    if days >= 2:
        return _("%(d)d d") % {"d": days}
    return _("%(d)d d %(h)d h") % {"d": days, "h": rest} if days else _("%(h)d h") % {"h": rest}


def key_end(life: Life) -> str:
    """Return when a key ends, in whole days; a key of over 30 days is not asked."""
    days = life.days or 0
    if life.word == "expired":
        return _("key expired")
    return ngettext("key ends in %(d)d day", "key ends in %(d)d days", days) % {"d": days}


def generator(state: str | None) -> str:
    """Return a generator's state for people."""
    return NONE if state is None else {
        "off": pgettext("generator", "off"), "on": pgettext("generator", "on"), "idle": _("idle"),
        "ready": _("ready"), "stopped": _("stopped"), "starting": _("starting"), "running": _("running"),
        "stopping": _("stopping"), "cooling": _("cooling down"), "fault": _("fault"),
    }.get(state, state)  # fmt: skip
