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
from deployments.models import Deployment
from trailers.models import Trailer

CATEGORIES = (
    "stolen_vehicle",
    "stolen_plate",
    "wanted_vehicle",
    "amber_alert",
    "missing_person_vehicle",
    "firearm_investigation",
    "extortion_investigation",
    "other_authorised",
)


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


class AlertDetail(models.Model):
    """The sealed rest of an alert; ``epoch`` is the hour of capture whose key opens it."""

    alert = models.OneToOneField(Alert, on_delete=models.PROTECT, primary_key=True, related_name="detail")
    epoch = models.DateTimeField(db_index=True)
    sealed = models.BinaryField()


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


class Hotlist(models.Model):
    """A list of the authority, e.g. ``mto-on``; ``version`` only rises."""

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    list_id = models.CharField(max_length=32, unique=True)
    version = models.PositiveBigIntegerField(default=0)
    issued_at = models.DateTimeField(null=True)
    imported_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(list_id__regex=r"^[a-z0-9][a-z0-9-]{1,31}$"), name="hotlist_id_form"
            ),
        )

    def __str__(self) -> str:
        return f"{self.list_id} {self.version}"


class HotlistEntry(models.Model):
    """One plate of a list, from the version that added it to the one that removed it."""

    hotlist = models.ForeignKey(Hotlist, on_delete=models.CASCADE, related_name="entries")
    entry_id = models.CharField(max_length=40)
    plate = models.CharField(max_length=8)
    folded = models.CharField(max_length=8)
    jurisdiction = models.CharField(max_length=8)
    category = models.CharField(max_length=32)
    valid_to = models.DateTimeField()
    added_in = models.PositiveBigIntegerField()
    removed_in = models.PositiveBigIntegerField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("hotlist", "folded"), condition=Q(removed_in__isnull=True), name="entry_folded"
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("hotlist", "entry_id"),
                condition=Q(removed_in__isnull=True),
                name="entry_current_once",
            ),
            models.CheckConstraint(condition=Q(plate__regex="^[A-Z0-9]{2,8}$"), name="entry_plate_form"),
            models.CheckConstraint(condition=Q(category__in=CATEGORIES), name="entry_category_known"),
            models.CheckConstraint(
                condition=Q(removed_in__isnull=True) | Q(removed_in__gt=F("added_in")),
                name="entry_removed_later",
            ),
        )

    def stands_on(self, version: int) -> bool:
        """True if the entry is on that version of its list."""
        return self.added_in <= version and (self.removed_in is None or self.removed_in > version)


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
