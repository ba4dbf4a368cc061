"""``{% say "given.title" %}``: a sentence of the owner's page in the language of the page.

``{% owner_link deployment %}``: for the applicant, how the private link stands, and the form to send one.
"""

from typing import Any

from django import template
from django.conf import settings
from django.utils.safestring import SafeString

from csoc.lib import clock
from deployments.models import Deployment
from deployments.owner.forms import LinkForm
from deployments.selectors.links import link_state

register = template.Library()


@register.simple_tag(takes_context=True)
def say(context: template.Context, key: str, bold: str = "", **values: Any) -> SafeString:
    """Return the sentence, values escaped; those named in ``bold`` stand out."""
    found: SafeString = context["texts"].markup(key, bold, **values)
    return found


@register.inclusion_tag("owner/includes/link_state.html", takes_context=True)
def owner_link(context: template.Context, deployment: Deployment) -> dict[str, Any]:
    """Return what the applicant's panel shows; the form only while the draft may be edited."""
    state = link_state(deployment, clock.now())
    known = {"owner_name": state.name, "owner_email": state.email, "capacity": state.request.capacity,
             "language": state.request.language} if state and state.name else {}  # fmt: skip
    return {
        "deployment": deployment, "state": state, "form": context.get("link_form") or LinkForm(initial=known),
        "is_demo": settings.IS_DEMO, "csrf_token": context.get("csrf_token"),
        "local_time_zone": settings.LOCAL_TIME_ZONE,
        "ready": bool(deployment.modules) and deployment.lat is not None and deployment.ends_at is not None,
    }  # fmt: skip
