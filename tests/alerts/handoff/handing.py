"""Taking an alert and handing it off, as people do."""

from typing import Any

import audit
from accounts.models import User
from accounts.services import acting
from alerts import schemas, services
from alerts.models import Alert, HandOff
from tests.alerts.handoff.receivers import Cad
from tests.scene import Scene


def taken(scene: Scene, body: dict[str, Any], **flags: Any) -> Alert:
    """An alert of this body, with these columns, that the first dispatcher holds."""
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        alert, _new = services.receive_alert(actor=scene.trailer, body=schemas.alert_from(body))
    if flags:
        Alert.objects.filter(pk=alert.pk).update(**flags)
    dana = scene.users["dispatcher"]
    with acting(dana):
        return services.acknowledge_alert(actor=dana, alert_id=alert.pk, version=alert.version)


def point_at(settings: Any, one: Cad) -> None:
    """Make it the CAD of the settings."""
    settings.CAD_URL, settings.CAD_ADDRESS = one.url(), "127.0.0.1"


def hand_off(user: User, alert: Alert, target: str = "cad", **more: Any) -> HandOff:
    """The service, as this person, with the version that stands."""
    more.setdefault("version", Alert.objects.get(pk=alert.pk).version)
    with acting(user):
        return services.hand_off_alert(actor=user, alert_id=alert.pk, target=target, **more)
