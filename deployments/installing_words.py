"""What a line of the installation checklist says to the technician."""

from datetime import timedelta

from django.utils.translation import gettext as _

from deployments.models import Deployment, InstallationCheck
from deployments.policies import HEADING_OFF_DEG
from deployments.selectors.installing import CLOCK_OFF_MS, FRESH, Point
from trailers.fence import ENOUGH_SATELLITES
from trailers.selectors import GEOFENCE_M

Item = InstallationCheck.Item
#: What the sentences name, as the checks judge by it.
BOUNDS = {
    "minutes": FRESH // timedelta(minutes=1), "satellites": ENOUGH_SATELLITES, "apart": CLOCK_OFF_MS // 1000,
}  # fmt: skip


def found(point: Point, deployment: Deployment) -> str:
    """What was found at this point, and what to do where it did not pass."""
    telling = {
        Item.POSITION: _position, Item.CLOCK: _clock, Item.RECORDING: _recording, Item.HEADING: _heading,
        Item.TEST_ALERT: _test_alert,
    }  # fmt: skip
    tell = telling.get(Item(point.item))
    if tell is not None:
        return tell(point, deployment)
    return _("Confirmed.") if point.state == "passed" else _("Not confirmed yet.")


def wanted(point: Point, deployment: Deployment) -> str:
    """What this point asks for."""
    values = {
        "metres": GEOFENCE_M, "heading": f"{deployment.heading_deg:g}", "off": f"{HEADING_OFF_DEG:g}",
        "masks": len(deployment.forbidden_sectors), "ceiling": deployment.speaker_ceiling_pct,
        "quiet": deployment.quiet_ceiling_pct, **BOUNDS,
    }  # fmt: skip
    return {
        Item.POSITION: _(
            "Within %(metres)d m of the authorised point, by a fix of the last %(minutes)d minutes."
        ),
        Item.HEADING: _(
            "The mast looks to %(heading)s° from true north, %(off)s° off at most. Measure at the mast."
        ),
        Item.MASKS: _("Every forbidden sector set in the camera: %(masks)d."),
        Item.SPEAKER: _("Volume limited to %(ceiling)d %%, in quiet hours to %(quiet)d %%."),
        Item.TEST_ALERT: _("One test alert of this trailer, taken while the window is open."),
        Item.RECORDING: _("Nothing records under this authorisation; the trailer says its camera is off."),
        Item.CLOCK: _("The trailer's clock within %(apart)d seconds of the console's."),
    }[Item(point.item)] % values


def degrees(deployment: Deployment) -> str:
    """The authorised point as it is read: degrees, south and west with a minus."""
    told = (
        f"{value:.5f}°".replace("-", "\u2212")
        for value in (deployment.lat, deployment.lon)
        if value is not None
    )
    return " ".join(told)


def _value(point: Point) -> float | None:
    return point.now.value if point.now is not None else point.check.value if point.check else None


def _code(point: Point) -> str:
    return point.now.code if point.now is not None else point.check.code if point.check else "not-read"


def _position(point: Point, deployment: Deployment) -> str:
    away = {"away": f"{_value(point) or 0:.1f}", **BOUNDS}
    return {
        "": _("%(away)s m from the authorised point."),
        "not-read": "",
        "no-fix": _("The trailer has told no position yet. Give the receiver a view of the sky."),
        "old-fix": _(
            "%(away)s m from the point, but that fix is over %(minutes)d minutes old. Wait for a new one."
        ),
        "weak-fix": _(
            "%(away)s m from the point, but by fewer than %(satellites)d satellites. Wait for a better fix."
        ),
    }.get(
        _code(point), _("%(away)s m from the authorised point. Move the trailer, or ask for a new place.")
    ) % away


def _clock(point: Point, deployment: Deployment) -> str:
    apart = {"seconds": f"{abs(_value(point) or 0) / 1000:.1f}", **BOUNDS}
    return {
        "": _("%(seconds)s s apart."),
        "not-read": "",
        "not-told": _(
            "The trailer has not spoken in the last %(minutes)d minutes. Check its power and link."
        ),
    }.get(_code(point), _("%(seconds)s s apart. Check the trailer's time source.")) % apart


def _recording(point: Point, deployment: Deployment) -> str:
    return {
        "": _("Off: the trailer says that its camera is off."),
        "not-read": "",
        "camera-on": _("The trailer says that its camera is on. Restart its agent."),
    }.get(
        _code(point), _("The trailer has not said in the last %(minutes)d minutes which modules are on.")
    ) % BOUNDS


def _heading(point: Point, deployment: Deployment) -> str:
    value = _value(point)
    if value is None:
        return _("Not measured yet.")
    if point.state == "passed":
        return _("Measured %(value)s°.") % {"value": f"{value:g}"}
    return _("Measured %(value)s°: turn the trailer and measure again.") % {"value": f"{value:g}"}


def _test_alert(point: Point, deployment: Deployment) -> str:
    if point.check is None:
        return _("None came yet.")
    if point.check.passed:
        return _("Passed. Nothing of it was kept.")
    return _("Refused: %(code)s. Ask for another one.") % {"code": point.check.code}
