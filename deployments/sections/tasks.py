"""How far an application is: its six tasks, and the six conditions before a trailer may stand."""

from dataclasses import dataclass
from types import ModuleType

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from deployments.models import MAX_TERM, Deployment
from deployments.sealed import read_answers
from deployments.sections import consent, incident, need, place, privacy, risk
from deployments.sections.base import Task, day_words
from deployments.selectors.deciding import officers

SECTION: dict[str, ModuleType] = {
    "incident": incident, "risk": risk, "need": need, "place": place, "consent": consent, "privacy": privacy,
}  # fmt: skip
TITLES = {
    "incident": gettext_lazy("Incident"),
    "risk": gettext_lazy("Risk assessment"),
    "need": gettext_lazy("Operational need"),
    "place": gettext_lazy("Place"),
    "consent": gettext_lazy("Owner’s consent"),
    "privacy": gettext_lazy("Privacy check"),
}
MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the task list. ``open``: its page can be worked on now."""

    section: str
    title: str
    task: Task
    url: str

    @property
    def open(self) -> bool:
        """Whether it can be started."""
        return self.task.state != "cannot_start"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that has to hold. ``state``: holds, begun or missing; ``line``: what it rests on."""

    key: str
    state: str
    title: str
    line: str


def tasks_of(deployment: Deployment) -> list[Listed]:
    """Return the six tasks in their order."""
    typed = read_answers(deployment) if deployment.editable else {}
    return [
        Listed(
            name,
            str(TITLES[name]),
            module.task_of(deployment, name in typed),
            reverse(f"deployment-{name}", args=[deployment.address_name]),
        )
        for name, module in SECTION.items()
    ]


def ready(tasks: list[Listed]) -> bool:
    """Whether all six are completed."""
    return all(one.task.done for one in tasks)


def conditions_of(deployment: Deployment) -> list[Condition]:
    """Return the six conditions before a trailer may stand there (H1)."""
    return [
        _incident(deployment), _risk(deployment), _need(deployment), _consent(deployment),
        _authorised(deployment), _end(deployment),
    ]  # fmt: skip


def _state(holds: bool, begun: bool = False) -> str:
    return "holds" if holds else "begun" if begun else "missing"


def _incident(deployment: Deployment) -> Condition:
    found = deployment.incident
    return Condition(
        "incident", _state(found is not None), _("A reported incident is linked"), found.cad if found else ""
    )


def _risk(deployment: Deployment) -> Condition:
    found, title = deployment.risk, _("Risk meets the threshold")
    if found is None:
        return Condition("risk", "missing", title, _("Not assessed yet"))
    words = {"score": found.score, "threshold": found.threshold}
    line = _("%(score)d, needs %(threshold)d or more") % words
    return Condition("risk", _state(risk.current(deployment), begun=True), title, line)


def _need(deployment: Deployment) -> Condition:
    holds = need.complete(deployment)
    begun = bool(deployment.aim)
    has = [name for name in need.MODULE_NAMES if name in deployment.trailer.capabilities]
    off = [str(need.MODULE_NAMES[name]) for name in has if name not in deployment.modules]
    line = _("Not yet")
    if holds or begun:
        line = _("Still off: %s") % ", ".join(off).lower() if off else _("Every sensor has its reason")
    return Condition("need", _state(holds, begun), _("Need recorded, alternatives considered"), line)


def _consent(deployment: Deployment) -> Condition:
    task = consent.task_of(deployment)
    line = _("Not yet") if task.state in ("cannot_start", "not_started") else task.line
    begun = task.state in ("waiting", "in_progress")
    return Condition("consent", _state(task.done, begun), _("The owner has consented"), line)


def _authorised(deployment: Deployment) -> Condition:
    title, given = _("Someone else authorises"), deployment.authorisation
    if given is not None:
        words = {"name": given.officer.name, "day": day_words(given.authorised_at)}
        return Condition("authorised", "holds", title, _("%(name)s on %(day)s") % words)
    return Condition("authorised", "missing", title, _who_could(deployment))


def _who_could(deployment: Deployment) -> str:
    names = officers(deployment)
    if not names:
        return _("Nobody could yet: every supervisor wrote a part of it")
    shown = names[:MOST_NAMES]
    if len(names) > MOST_NAMES:
        shown[-1] = _("another supervisor")
    if len(shown) == 1:
        return _("Not you. %s") % shown[0]
    return _("Not you. %(some)s or %(last)s") % {"some": ", ".join(shown[:-1]), "last": shown[-1]}


def _end(deployment: Deployment) -> Condition:
    title = _("An end date is set")
    if deployment.ends_at is None:
        return Condition("end", "missing", title, _("%d days at most") % MAX_TERM.days)
    words = {"day": day_words(deployment.ends_at, year=True), "days": MAX_TERM.days}
    return Condition("end", "holds", title, _("%(day)s, %(days)d days at most") % words)
