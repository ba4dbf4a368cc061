"""Ending what an owner was asked: within the caller's act, under the caller's lock on the deployment."""

from csoc.lib import clock
from deployments.models import ConsentRequest, Deployment, OwnerMail
from deployments.owner import outbox, texts
from deployments.selectors import links


def end_link(request: ConsentRequest) -> None:
    """End it for good; what still waits to be sent of it is not sent."""
    request.ended_at = clock.now()
    request.save(update_fields=["ended_at"])
    outbox.drop(request, "ended", (OwnerMail.Kind.LINK, OwnerMail.Kind.CODE))


def end_link_and_tell(request: ConsentRequest) -> None:
    """End it, and say so to an owner whom it has reached."""
    was_sent = OwnerMail.objects.filter(request=request, kind="link", sent_at__isnull=False).exists()
    end_link(request)
    to = links.details(request)["email"] if was_sent else ""
    if to:
        outbox.put(request, OwnerMail.Kind.ENDED, to=to, texts=texts.of(request.language), key="ended")


def end_open_link(deployment: Deployment) -> None:
    """An application that is over asks nobody any more: part of its end, in the same entry."""
    request = links.open_link_locked(deployment)
    if request is not None:
        end_link_and_tell(request)
