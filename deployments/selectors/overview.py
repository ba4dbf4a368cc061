"""What waits for a supervisor, and which deployments do not earn their place; queries constant in number."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Role, User
from accounts.selectors import roles_of
from csoc.lib import clock
from deployments import reporting
from deployments.models import Deployment
from deployments.selectors.deployments import deployments_visible_to
from deployments.selectors.standing import SOON, left, until

#: Fewer judged alerts than this say nothing about a deployment.
ENOUGH = 3
#: Below this share of confirmed alerts a deployment does not earn its place by itself.
EARNS_FROM = 0.5


@dataclass(frozen=True)
class Standing:
    """One active deployment with what a supervisor looks at."""

    deployment: Deployment
    ends_at: datetime
    left: str
    expiring: bool
    review_overdue: bool
    consent_ends: datetime | None
    numbers: reporting.Numbers

    @property
    def earns(self) -> bool | None:
        """Whether enough of its alerts were confirmed; None while there are too few to say."""
        if self.numbers.precision is None or self.numbers.judged < ENOUGH:
            return None
        return self.numbers.precision >= EARNS_FROM


@dataclass(frozen=True)
class Overview:
    """The supervisor's page."""

    waiting: list[Deployment]
    standing: list[Standing]

    @property
    def expiring(self) -> list[Standing]:
        """Those that end within three days, the next one first."""
        return sorted((one for one in self.standing if one.expiring), key=lambda one: one.ends_at)

    @property
    def overdue(self) -> list[Standing]:
        """Those whose review is due, the oldest first."""
        due = [one for one in self.standing if one.review_overdue]
        return sorted(due, key=lambda one: one.deployment.review_due_at or one.ends_at)

    @property
    def consents(self) -> list[Standing]:
        """Those whose consent ends within three days, and before the term."""
        ending = [(one.consent_ends, one) for one in self.standing if one.consent_ends is not None]
        return [one for _at, one in sorted(ending, key=lambda pair: pair[0])]


def overview(user: User) -> Overview:
    """Return all of it, in three queries of this room and one of each room that counts."""
    now = clock.now()
    visible = deployments_visible_to(user)
    waiting = visible.filter(state=Deployment.State.SUBMITTED).order_by("submitted_at")
    active = list(visible.filter(state=Deployment.State.ACTIVE))
    numbers = reporting.numbers(row.pk for row in active)
    standing = [_standing(row, numbers[row.pk], now) for row in active]
    return Overview(list(waiting), sorted(standing, key=_worst_first))


def _standing(row: Deployment, numbers: reporting.Numbers, now: datetime) -> Standing:
    ends = until(row) or now
    consent_ends = row.consent.expires_at if row.consent else None
    soon = consent_ends is not None and consent_ends - now <= SOON
    return Standing(
        deployment=row, ends_at=ends, left=left(ends - now), expiring=ends - now <= SOON,
        review_overdue=row.review_due_at is not None and row.review_due_at <= now,
        consent_ends=consent_ends if soon else None, numbers=numbers,
    )  # fmt: skip


def _worst_first(one: Standing) -> tuple[int, float, str]:
    """Those that do not earn their place on top, then those of which nothing can be said, then the rest."""
    rank = {False: 0, None: 1, True: 2}[one.earns]
    return rank, one.numbers.precision if one.numbers.precision is not None else 1.0, one.deployment.name


def waiting_for(user: User) -> int:
    """Return how many deployments wait for this supervisor: to decide on, or to review. 0 for others."""
    if Role.SUPERVISOR not in roles_of(user):
        return 0
    of_agency = Deployment.objects.filter(agency=user.person.agency)
    theirs = of_agency.exclude(applicant=user.person).exclude(contributions__person=user.person)
    due = theirs.filter(state=Deployment.State.ACTIVE, review_due_at__lte=clock.now())
    return theirs.filter(state=Deployment.State.SUBMITTED).count() + due.count()
