"""Tables of alerts.

What an alert says beyond time, kind, place and outcome (plate, list reference, vehicle, confidence,
rounds, free text) is only in ``AlertDetail`` and ``AlertNote``, sealed under the hourly key of its
capture. There is no plaintext column for any of it, and no table for reads that hit nothing.
"""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import Agency, Person, Unit
from alerts.counting import MOST_HOLES
from alerts.handoff.models import HandOff
from alerts.list_models import (
    CATEGORIES,
    Hotlist,
    HotlistChunk,
    HotlistEntry,
    HotlistServed,
    HotlistUpload,
    HotlistVersion,
)
from deployments.models import Deployment
from trailers.models import Trailer

__all__ = [
    "CATEGORIES",
    "Alert",
    "AlertDetail",
    "AlertEvent",
    "AlertMedia",
    "AlertNote",
    "HandOff",
    "Hotlist",
    "HotlistChunk",
    "HotlistEntry",
    "HotlistServed",
    "HotlistUpload",
    "HotlistVersion",
    "NumberCount",
    "NumberGap",
    "RefusalCount",
    "SeenNumber",
]


class Alert(models.Model):
    """One alert of a trailer. ``version`` rises with every change a screen must show."""

    class Kind(models.TextChoices):
        GUNSHOT = "gunshot"
        ALPR_HIT = "alpr_hit"

    class State(models.TextChoices):
        UNACKNOWLEDGED = "unacknowledged"
        ACKNOWLEDGED = "acknowledged"
        CLOSED = "closed"

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed"
        UNCONFIRMED = "unconfirmed"
        UNFOUNDED = "unfounded"
        TEST = "test"
        EQUIPMENT = "equipment"

    class PlateDecision(models.TextChoices):
        CONFIRM = "confirm"
        REJECT = "reject"

    id = models.UUIDField(primary_key=True, editable=False)
    version = models.PositiveIntegerField(default=1)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT)
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="alerts")
    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="alerts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=14, choices=State.choices, default=State.UNACKNOWLEDGED)
    priority = models.PositiveSmallIntegerField()
    seq = models.PositiveBigIntegerField()
    lat = models.FloatField()
    lon = models.FloatField()
    uncertainty_m = models.FloatField(null=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    late = models.BooleanField(default=False)
    flags = ArrayField(models.CharField(max_length=16), default=list)
    plate_decision = models.CharField(max_length=8, choices=PlateDecision.choices, blank=True)
    acknowledged_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, blank=True)
    #: The audit inbox refused its entry at intake: the entry is owed and written later (audit.md).
    audit_owed = models.BooleanField(default=False)

    class Meta:
        indexes = (
            models.Index(fields=("agency", "received_at"), condition=~Q(state="closed"), name="alert_open"),
            models.Index(fields=("agency", "-closed_at"), condition=Q(state="closed"), name="alert_closed"),
            models.Index(fields=("received_at",), condition=Q(audit_owed=True), name="alert_audit_owed"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=("gunshot", "alpr_hit")), name="alert_kind_known"),
            models.CheckConstraint(condition=Q(priority__gte=1, priority__lte=3), name="alert_priority_1_3"),
            models.CheckConstraint(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180), name="alert_on_earth"
            ),
            # A named person stands behind every state but the first.
            models.CheckConstraint(
                condition=Q(
                    state="unacknowledged", acknowledged_by__isnull=True, acknowledged_at__isnull=True,
                    closed_at__isnull=True,
                )
                | Q(
                    state="acknowledged", acknowledged_by__isnull=False, acknowledged_at__isnull=False,
                    closed_at__isnull=True,
                )
                | Q(
                    state="closed", acknowledged_by__isnull=False, closed_by__isnull=False,
                    closed_at__isnull=False,
                ),
                name="alert_state_has_person",
            ),
            models.CheckConstraint(
                condition=Q(state="closed") & ~Q(outcome="") | ~Q(state="closed") & Q(outcome=""),
                name="alert_closed_has_outcome",
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_open(self) -> bool:
        """True until it is closed."""
        return self.state != self.State.CLOSED

    def acknowledge(self, person: Person, at: datetime) -> None:
        """Unacknowledged -> acknowledged, by name."""
        self.state, self.acknowledged_by, self.acknowledged_at = self.State.ACKNOWLEDGED, person, at
        self.version += 1

    def hand_back(self) -> None:
        """Acknowledged -> unacknowledged: it rings again."""
        self.state, self.acknowledged_by, self.acknowledged_at = self.State.UNACKNOWLEDGED, None, None
        self.version += 1

    def close(self, person: Person, at: datetime, outcome: str) -> None:
        """Acknowledged -> closed, with an outcome."""
        self.state, self.closed_by, self.closed_at = self.State.CLOSED, person, at
        self.outcome = outcome
        self.version += 1

    def refuse_clip(self) -> None:
        """Its clip was refused: the alert stands, and says so."""
        self.flags = [*self.flags, "clip-refused"]
        self.version += 1


class AlertDetail(models.Model):
    """The sealed rest of an alert; ``epoch`` is the hour of capture whose key opens it."""

    alert = models.OneToOneField(Alert, on_delete=models.PROTECT, primary_key=True, related_name="detail")
    epoch = models.DateTimeField(db_index=True)
    sealed = models.BinaryField()


class AlertMedia(models.Model):
    """The clip of a shot or the crop of a plate, sealed under the hour of its capture; or why it was refused.

    facts: what is told of it (length, envelope, size), sealed as well. A refused one has only a code.
    """

    class Kind(models.TextChoices):
        CLIP = "clip"
        CROP = "crop"

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="media")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    at = models.DateTimeField()
    epoch = models.DateTimeField(db_index=True)
    facts = models.BinaryField(null=True)
    sealed = models.BinaryField(null=True)
    code = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("alert", "kind"), name="media_once"),
            models.CheckConstraint(condition=Q(kind__in=("clip", "crop")), name="media_kind_known"),
            models.CheckConstraint(
                condition=Q(code="", sealed__isnull=False, facts__isnull=False)
                | Q(~Q(code=""), sealed__isnull=True, facts__isnull=True),
                name="media_kept_or_refused",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.alert_id}"


class AlertNote(models.Model):
    """Free text of a person about an alert, sealed like the detail."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notes")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    epoch = models.DateTimeField(db_index=True)
    sealed = models.BinaryField()


class AlertEvent(models.Model):
    """One line of an alert's timeline: a verb of the audit vocabulary, no free text."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    verb = models.CharField(max_length=32)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    code = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering = ("at", "pk")


class RefusalCount(models.Model):
    """Signed refusals of one trailer, code and minute; becomes one audit entry with n."""

    trailer = models.ForeignKey(Trailer, on_delete=models.CASCADE, related_name="+")
    code = models.CharField(max_length=32)
    minute = models.DateTimeField()
    n = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("trailer", "code", "minute"), name="refusal_minute_once"),
        )


class SeenNumber(models.Model):
    """A number of a trailer's count that came and is not counted in yet; gone within seconds.

    Of a refused alert this, and the refusal's code, is all that is kept.
    """

    trailer = models.ForeignKey(Trailer, on_delete=models.CASCADE, related_name="+")
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    occurred_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=32, blank=True)


class NumberCount(models.Model):
    """A trailer's count so far (``alerts.counting``)."""

    trailer = models.OneToOneField(Trailer, on_delete=models.CASCADE, primary_key=True, related_name="+")
    top = models.PositiveBigIntegerField()
    top_occurred_at = models.DateTimeField(null=True)
    odd = models.PositiveBigIntegerField(null=True)


class NumberGap(models.Model):
    """Reports that are missing: numbers ``first`` to ``last``; ``alert``, the one after them, shows it.

    ``many``: more gaps than are followed one by one lie between the two (``alerts.counting``).
    """

    class End(models.TextChoices):
        #: They came after all.
        FILLED = "filled"
        #: The device's counter began again, so they cannot come any more.
        RESTARTED = "restarted"
        #: After 48 h they would be refused.
        LAPSED = "lapsed"
        #: It is part of one that stands for many, and told with that.
        MERGED = "merged"

    trailer = models.ForeignKey(Trailer, on_delete=models.CASCADE, related_name="+")
    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField()
    many = models.BooleanField(default=False)
    since = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    alert = models.ForeignKey(Alert, on_delete=models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=10, choices=End.choices, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("trailer",), condition=Q(ended_at__isnull=True), name="numbergap_open"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(first__lte=F("last")), name="numbergap_order"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end="") | (Q(ended_at__isnull=False) & ~Q(end="")),
                name="numbergap_end_has_reason",
            ),
        )

    @property
    def count(self) -> int:
        """How many reports that are; of many gaps at least so many."""
        return MOST_HOLES if self.many else self.last - self.first + 1
