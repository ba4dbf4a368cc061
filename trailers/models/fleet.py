"""What trailers measure of themselves, and the technical warnings that come of it. Nothing about people."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from .register import Trailer

#: What a point may say: the columns of a row, by the contract's own names. Unknown is null, never -1.
FIGURES = (
    "battery_soc_pct", "battery_v", "battery_a", "battery_c", "solar_w", "load_w", "gen_state", "gen_hours_s",
    "fuel_pct", "door_open", "tilt_deg", "lat", "lon", "satellites", "cabinet_c",
)  # fmt: skip


class Telemetry(models.Model):
    """One point: what a trailer measured at `ts` by its own clock; kept 30 days. Units as in the contract."""

    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="points", db_index=False)
    ts = models.DateTimeField()
    seq = models.BigIntegerField()
    received_at = models.DateTimeField()
    replayed = models.BooleanField(default=False)
    battery_soc_pct = models.FloatField(null=True)
    battery_v = models.FloatField(null=True)
    battery_a = models.FloatField(null=True)
    battery_c = models.FloatField(null=True)
    solar_w = models.FloatField(null=True)
    load_w = models.FloatField(null=True)
    gen_state = models.CharField(max_length=10, null=True)
    gen_hours_s = models.BigIntegerField(null=True)
    fuel_pct = models.FloatField(null=True)
    door_open = models.BooleanField(null=True)
    tilt_deg = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    satellites = models.SmallIntegerField(null=True)
    cabinet_c = models.FloatField(null=True)
    health = models.JSONField(default=dict)

    class Meta:
        constraints = (
            # Also what plots are read by: one trailer, from a time on.
            models.UniqueConstraint(fields=("trailer", "ts", "seq"), name="telemetry_once"),
            models.CheckConstraint(
                condition=Q(battery_soc_pct__isnull=True)
                | Q(battery_soc_pct__gte=0, battery_soc_pct__lte=100),
                name="telemetry_soc_range",
            ),
            models.CheckConstraint(
                condition=Q(fuel_pct__isnull=True) | Q(fuel_pct__gte=0, fuel_pct__lte=100),
                name="telemetry_fuel_range",
            ),
            models.CheckConstraint(condition=Q(seq__gte=0), name="telemetry_seq_range"),
        )
        # What is too old is found by this; no point may lie ahead of the console's clock.
        indexes = (models.Index(fields=("ts",), name="telemetry_ts"),)

    def __str__(self) -> str:
        return f"point {self.seq} of {self.trailer_id}"


class Condition(models.Model):
    """The newest point of a trailer, and since when what takes a while has been so."""

    trailer = models.OneToOneField(
        Trailer, on_delete=models.CASCADE, primary_key=True, related_name="condition"
    )
    ts = models.DateTimeField()
    received_at = models.DateTimeField()
    #: The figures of that point by name, `health` included.
    said = models.JSONField(default=dict)
    # By the trailer's own clock.
    starting_since = models.DateTimeField(null=True)
    dark_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"condition of {self.trailer_id}"


class TrailerWarning(models.Model):
    """One thing a technician must know about a trailer: from when to when, how bad, and who took it on.

    A warning that gets worse ends, and a red one begins: it has to be acknowledged anew.
    """

    class Level(models.TextChoices):
        AMBER = "amber"
        RED = "red"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="warnings")
    kind = models.CharField(max_length=20)
    level = models.CharField(max_length=5, choices=Level.choices)
    #: What it was raised by, in the kind's own unit; null where it has none.
    value = models.FloatField(null=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        "accounts.Person", null=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-started_at", "kind")
        constraints = (
            models.UniqueConstraint(
                fields=("trailer", "kind"), condition=Q(ended_at__isnull=True), name="warning_open_once"
            ),
            models.CheckConstraint(condition=Q(level__in=("amber", "red")), name="warning_level_known"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="warning_ends_later",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_by__isnull=True, acknowledged_at__isnull=True)
                | Q(acknowledged_by__isnull=False, acknowledged_at__isnull=False),
                name="warning_acknowledged_by_somebody",
            ),
        )
        indexes = (models.Index(fields=("trailer", "started_at"), name="warning_when"),)

    def __str__(self) -> str:
        return f"{self.level} {self.kind} of {self.trailer_id}"

    def acknowledge(self, person: Any, at: datetime) -> None:
        """unacknowledged -> acknowledged, by name and once."""
        self.acknowledged_by, self.acknowledged_at = person, at
        self.save(update_fields=["acknowledged_by", "acknowledged_at"])

    def end(self, at: datetime) -> None:
        """open -> ended. A clock that was set back does not make it end before it began."""
        self.ended_at = max(at, self.started_at)
        self.save(update_fields=["ended_at"])
