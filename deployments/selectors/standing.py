"""A deployment that stands or stood: what is left, what was done with it, what its trailer confirmed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from deployments import sealed
from deployments.lists import list_name
from deployments.models import Deployment, Tightening
from deployments.selectors import as_read, deciding
from deployments.selectors.as_read import MODULE_ICONS, MODULE_NAMES
from trailers.models import MODULES
from trailers.selectors import modules_confirmed
from vault import epochs

#: What ends sooner than this is said to be near.
SOON = timedelta(days=3)
FIELDS = {
    "modules": gettext_lazy("Sensors"),
    "hotlist_categories": gettext_lazy("Plate lists"),
    "ends_at": gettext_lazy("End"),
    "forbidden_sectors": gettext_lazy("Forbidden camera sectors"),
    "speaker_ceiling_pct": gettext_lazy("Loudspeaker ceiling"),
    "quiet_ceiling_pct": gettext_lazy("Ceiling in the quiet hours"),
}


@dataclass(frozen=True)
class Happened:
    """One thing that somebody did with it: when, who ("" for the console itself), what, and their words."""

    at: datetime
    who: str
    what: str
    words: str | None = ""


@dataclass(frozen=True)
class Sensor:
    """One sensor of its trailer: whether it is on, when it confirmed that it is off, who took it out."""

    key: str
    name: str
    icon: str
    on: bool
    off_at: datetime | None = None
    narrowed: Tightening | None = None


def until(deployment: Deployment) -> datetime | None:
    """Return when it ends by itself: with its term, or with the consent if that is sooner."""
    ends = [deployment.ends_at, deployment.consent.expires_at if deployment.consent else None]
    return min((one for one in ends if one is not None), default=None)


def sensors(deployment: Deployment) -> list[Sensor]:
    """Return every sensor, with its own confirmation once the deployment has ended."""
    confirmed: dict[str, datetime | None] = {}
    if deployment.deactivated_at and deployment.deactivation_reason != Deployment.End.RENEWED:
        confirmed = modules_confirmed(
            deployment.trailer, deployment.deactivated_at, _switched_off(deployment)
        )
    narrowed = _narrowed(deployment)
    return [
        Sensor(
            name, str(MODULE_NAMES[name]), MODULE_ICONS[name], name in deployment.modules,
            confirmed.get(name), narrowed.get(name),
        )
        for name in MODULES
    ]  # fmt: skip


def _narrowed(deployment: Deployment) -> dict[str, Tightening]:
    """Return by sensor who switched it off while it stood, and when."""
    rows = deployment.tightenings.filter(field="modules").select_related("by")
    return {name: row for row in rows for name in row.before if name not in row.after}


def _switched_off(deployment: Deployment) -> int | None:
    """Return the version of the desired state that says "off", while the trailer stands nowhere else."""
    desired = deployment.trailer.desired
    return None if desired.deployment else desired.version


def deleted_by(deployment: Deployment) -> datetime | None:
    """Return when nothing unretained of it can be opened any more: 47 h after its last hour began."""
    if deployment.deactivated_at is None:
        return None
    return epochs.destroyed_at(epochs.epoch_of(deployment.deactivated_at))


def left(span: timedelta) -> str:
    """Say how long is left: "11 d 4 h", "3 h 12 min", "0 h 04 min"."""
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{days} d {hours} h" if days else f"{hours} h {rest:02d} min"


def story(deployment: Deployment) -> list[Happened]:
    """Return what was done with it, oldest first."""
    told = [*_decisions(deployment), *_narrowings(deployment), *_reviews(deployment)]
    if deployment.submitted_at:
        told.append(Happened(deployment.submitted_at, deployment.applicant.name, _("sent it")))
    if deployment.activated_at:
        told.append(Happened(deployment.activated_at, "", _("The sensors were switched on")))
    if deployment.deactivated_at:
        who = deployment.deactivated_by.name if deployment.deactivated_by else ""
        what = _("ended it: %s") if who else _("It ended: %s")
        told.append(
            Happened(deployment.deactivated_at, who, what % deployment.get_deactivation_reason_display())
        )
    return sorted(told, key=lambda one: one.at)


def _decisions(deployment: Deployment) -> list[Happened]:
    rows = deployment.decisions.select_related("officer")
    words = {"authorise": _("authorised version %d"), "refuse": _("refused version %d"),
             "return": _("returned version %d")}  # fmt: skip
    return [
        Happened(row.at, row.officer.name, words[row.verdict] % row.version,
                 sealed.open_words(deployment, bytes(row.words_sealed)))
        for row in rows
    ]  # fmt: skip


def _reviews(deployment: Deployment) -> list[Happened]:
    return [
        Happened(row.at, row.by.name,
                 _("reviewed it: still needed") if row.still_needed else _("reviewed it: no longer needed"),
                 sealed.open_words(deployment, bytes(row.words_sealed)))
        for row in deployment.reviews.select_related("by")
    ]  # fmt: skip


def _narrowings(deployment: Deployment) -> list[Happened]:
    return [
        Happened(row.at, row.by.name, _("narrowed it: %s") % narrowing(row))
        for row in deployment.tightenings.select_related("by")
    ]


def narrowing(row: Tightening) -> str:
    """Say what one narrowing took away."""
    name = str(FIELDS.get(row.field, row.field))
    if row.field in ("modules", "hotlist_categories"):
        said = {key: str(name) for key, name in MODULE_NAMES.items()}
        gone = [said.get(one) or list_name(one) for one in row.before if one not in row.after]
        return _("%(what)s off: %(names)s") % {"what": name, "names": ", ".join(gone)}
    if row.field == "forbidden_sectors":
        return _("%(what)s: %(n)d more") % {"what": name, "n": len(row.after) - len(row.before)}
    if row.field == "ends_at":
        return _("%(what)s on %(day)s instead of %(before)s") % {
            "what": name, "day": as_read.moment(row.after), "before": as_read.moment(row.before),
        }  # fmt: skip
    return _("%(what)s %(after)d %% instead of %(before)d %%") % {
        "what": name, "after": row.after, "before": row.before,
    }  # fmt: skip


def consent_facts(deployment: Deployment, moment: datetime, reader: User) -> dict[str, Any]:
    """Return how the consent stands: who gave it (to whom that is told), how, until when."""
    consent = deployment.consent
    if consent is None:
        return {}
    holds = consent.holds_at(moment)
    soon = holds and consent.expires_at - moment <= SOON
    owner = deciding.owner_name(deployment, reader)
    return {"consent": consent, "holds": holds, "soon": soon, "owner": owner}
