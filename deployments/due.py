"""When the sealed part of a deployment, a consent or a question to an owner has to go, and what goes with it.

The purge asks (``vault.records.register_due``) inside its transaction; what is named stands locked until the
keys are destroyed. A period begins when everything that rests on a record is over, never before: an open
application, or a consent that an open application could still use, is not due however old it is.
What came to nothing is kept as ``transitory``; what stood, as its own class says.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest, Least

from deployments.models import Consent, ConsentRequest, Decision, Deployment, OwnerMail
from vault import classes
from vault.models import Record

#: So many of a kind a run; the next run does the rest.
MOST = 200


def due(now: datetime) -> Iterator[UUID]:
    """Yield the records whose time is over at ``now``, their rows locked."""
    living = Record.objects.filter(run=None).values("id")
    for found in (_deployments(now), _consents(now), _questions(now)):
        rows = (
            found.filter(record__in=living).order_by("pk").select_for_update(of=("self",), skip_locked=True)
        )
        yield from [row.record for row in rows[:MOST] if row.record is not None]


def empty_rows(gone: Sequence[UUID]) -> int:
    """Empty what stood sealed under destroyed records; return how many rows that were."""
    deployments = Deployment.objects.filter(record__in=gone, answers_sealed__isnull=False)
    consents = Consent.objects.filter(record__in=gone, details_sealed__isnull=False)
    questions = ConsentRequest.objects.filter(record__in=gone).exclude(details_sealed=b"")
    mails, _each = OwnerMail.objects.filter(request__record__in=gone).delete()
    emptied = deployments.update(answers_sealed=None) + consents.update(details_sealed=None)
    return mails + emptied + questions.update(details_sealed=b"")


def _deployments(now: datetime) -> "QuerySet[Deployment]":
    known = {found.key: found.period for found in classes.classes()}
    stood = Q(pk__in=())
    for key, period in known.items():
        stood |= Q(retention_class=key) & _over(now - period)
    # A class that the schedule no longer has: the longest wins.
    stood |= ~Q(retention_class__in=list(known)) & _over(now - max(known.values()))
    nothing = Q(activated_at__isnull=True) & _over(now - _period("transitory"))
    return Deployment.objects.filter(record__isnull=False).filter(
        nothing | Q(activated_at__isnull=False) & stood
    )


def _consents(now: datetime) -> "QuerySet[Consent]":
    """A consent goes when all that ever stood on it has been over for its period, or it was never used."""
    resting = Deployment.objects.filter(consent=OuterRef("pk"))
    over = Q(activated_at__isnull=False) & _over(now - _period("consent-record"))
    over |= Q(activated_at__isnull=True) & _over(now - _period("transitory"))
    over_ones = Deployment.objects.filter(over).values("pk")
    found = Consent.objects.filter(record__isnull=False).alias(useless=Least("withdrawn_at", "expires_at"))
    unused = ~Exists(resting) & Q(useless__lte=now - _period("transitory"))
    return found.filter(unused | Exists(resting) & ~Exists(resting.exclude(pk__in=over_ones)))


def _questions(now: datetime) -> "QuerySet[ConsentRequest]":
    """A question that no consent came of; one that was answered yes goes with its consent."""
    last = Greatest("made_at", "expires_at", "answered_at", "ended_at")
    found = ConsentRequest.objects.filter(consent=None).alias(last=last)
    return found.filter(last__lte=now - _period("transitory"))


def _over(moment: datetime) -> Q:
    """Deployments that ended, or were refused, at ``moment`` or before."""
    later = Decision.objects.filter(deployment=OuterRef("pk"), at__gt=moment)
    refused = Q(~Exists(later), state=Deployment.State.REFUSED)
    return Q(state=Deployment.State.DEACTIVATED, deactivated_at__lte=moment) | refused


def _period(key: str) -> timedelta:
    found = classes.find(key)
    return found.period if found else max(one.period for one in classes.classes())
