"""The task list, the check before sending, and where an application stands that was sent."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Role, User
from accounts.selectors import has_role
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import policies, sections
from deployments.models import Deployment
from deployments.pages import filling
from deployments.selectors import as_read, deciding

#: The parts of what is read, by the page on which they are answered.
PAGE_OF = {"sensors": "need", "period": "need"}


def mistakes(form: forms.Form) -> list[tuple[str, str]]:
    """Return ``(id of the field, sentence)`` of a form's mistakes."""
    if not form.is_bound:
        return []
    return [(form[name].id_for_label, str(error)) for name in form.fields for error in form[name].errors]


def tasks(deployment: Deployment) -> dict[str, Any]:
    """Return what the task list shows."""
    listed = sections.tasks_of(deployment)
    left = [one for one in listed if one.open and one.task.state in filling.TO_DO]
    return {
        "deployment": deployment,
        "tasks": listed,
        "done": sum(one.task.done for one in listed),
        "ready": sections.ready(listed),
        "next": left[0] if left else None,
        "conditions": sections.conditions_of(deployment),
        "decision": deciding.decision(deployment) if deployment.state == Deployment.State.RETURNED else None,
    }


def check(deployment: Deployment, reader: User) -> dict[str, Any]:
    """Return all answers with the pages that change them, and what is missing."""
    listed = sections.tasks_of(deployment)
    return {
        "deployment": deployment,
        "read": [
            (part, _page_of_part(deployment, PAGE_OF.get(part.key, part.key)))
            for part in as_read.read(deployment.content())
        ],
        "owner": deciding.owner_name(deployment, reader),
        "missing": [one for one in listed if not one.task.done],
        "unsaved": [one for one in listed if _unsaved(deployment, one)],
        # Sending is a step of its own: what is decided has this number.
        "goes_as": deployment.version + 1,
        "refusal": _refusal(deployment),
        "conditions": sections.conditions_of(deployment),
    }


def _page_of_part(deployment: Deployment, section: str) -> str:
    return reverse(f"deployment-{section}", args=[deployment.address_name])


def _unsaved(deployment: Deployment, one: sections.Listed) -> bool:
    """Whether something typed is no part of it; a paper begun before the link's yes is nothing."""
    done = one.section == "consent" and one.task.done
    return one.section in filling.read_answers(deployment) and not done


def _refusal(deployment: Deployment) -> str:
    """Return what would be said if it were sent now, "" for nothing."""
    try:
        policies.complete(deployment, clock.now())
        policies.trailer_free(deployment)
    except Refused as refused:
        return refused.sentence
    return ""


def stands(request: HttpRequest, deployment: Deployment) -> dict[str, Any]:
    """Return where an application stands that was sent, and what this person may do with it."""
    own, user, sent = _may_reopen(request, deployment), request.user, deciding.submission(deployment)
    return {
        "deployment": deployment,
        "conditions": sections.conditions_of(deployment),
        "officers": deciding.officers(deployment),
        "decision": deciding.decision(deployment),
        "sent_version": sent.version if sent else deployment.version,
        "may_take_back": own and deployment.state in ("submitted", "authorised"),
        "may_decide": deployment.state == "submitted" and not deciding.refusal(user, deployment),
        "may_install": deployment.state == "authorised" and has_role(user, Role.TECHNICIAN),
        "waits": _waits(deployment),
    }


def _may_reopen(request: HttpRequest, deployment: Deployment) -> bool:
    try:
        policies.may_reopen(request.user, deployment, version=deployment.version)  # type: ignore[arg-type]
    except Refused:
        return False
    return True


def _waits(deployment: Deployment) -> str:
    """Return one sentence: what happens next."""
    names = deciding.officers(deployment)
    match deployment.state:
        case "submitted" if names:
            told = {"names": _(" or ").join(names[:3])}
            return _("It waits for a decision. %(names)s can read it now.") % told
        case "submitted":
            return _("It waits for a decision, but every supervisor wrote a part of it. Ask another one.")
        case "authorised":
            return _("It is authorised. A technician installs the trailer; the sensors are still off.")
        case "refused":
            return _("It was refused. A new application begins from the list.")
        case _:
            return _("It is over.")


def page_of(request: HttpRequest, deployment: Deployment) -> tuple[str, dict[str, Any]]:
    """Return the template and context for how far it is: worked on, sent, or standing."""
    if deployment.editable and _may_edit(request, deployment):
        return "deployments/tasks.html", tasks(deployment)
    if deployment.state in ("submitted", "authorised", "refused"):
        return "deployments/waiting.html", stands(request, deployment)
    return "deployments/deployment.html", {"deployment": deployment}


def _may_edit(request: HttpRequest, deployment: Deployment) -> bool:
    try:
        policies.may_edit(request.user, deployment)  # type: ignore[arg-type]
    except Refused:
        return False
    return True
