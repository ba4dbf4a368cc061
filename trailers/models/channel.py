"""What a trailer last said, what it should be doing, and the short-lived commands on their way to it."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q

from .register import Trailer

#: What a deployment switches on or off; a trailer without one of them has nothing to switch.
MODULES = ("acoustic", "alpr", "ptz", "speaker")


class TrailerStatus(models.Model):
    """The last word from a trailer. Unknown is null, never -1; `battery_soc_pct` is per cent."""

    trailer = models.OneToOneField(Trailer, on_delete=models.CASCADE, primary_key=True, related_name="status")
    version = models.PositiveBigIntegerField(default=0)
    link_at = models.DateTimeField(null=True)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    fix_at = models.DateTimeField(null=True)
    # The same fix by the trailer's own clock: told twice, it is still one fix.
    fix_said = models.CharField(max_length=27, blank=True)
    satellites = models.PositiveSmallIntegerField(null=True)
    accuracy_m = models.FloatField(null=True)
    # Fixes in a row that lay off the authorised point (H4).
    off_point_fixes = models.PositiveSmallIntegerField(default=0)
    # The trailer's clock less the console's, the way here included; milliseconds.
    clock_skew_ms = models.BigIntegerField(null=True)
    # `{"acoustic": {"on": false, "at": "…Z"}}`: as the trailer last said, and since when it says so.
    modules = models.JSONField(default=dict)
    modules_at = models.DateTimeField(null=True)
    battery_soc_pct = models.FloatField(null=True)
    faults = models.JSONField(default=list)
    # Numbers of its alerts that have not come, as intake counts them (alerts/services/numbers.py).
    missing_reports = models.PositiveBigIntegerField(default=0)
    agent_version = models.CharField(max_length=32, blank=True)
    desired_version = models.PositiveBigIntegerField(null=True)
    desired_version_at = models.DateTimeField(null=True)
    hotlist_version = models.PositiveBigIntegerField(null=True)
    # The socket that speaks for the trailer now, as `<process>/<socket>`; the newer one wins.
    channel = models.CharField(max_length=80, blank=True)
    pushed_at = models.DateTimeField(null=True)
    # The state last shown on the board: a trailer falls silent without a message, so somebody must notice.
    shown_state = models.CharField(max_length=8, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(lat__isnull=True, lon__isnull=True)
                | Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180),
                name="trailerstatus_position_range",
            ),
            models.CheckConstraint(
                condition=Q(battery_soc_pct__isnull=True)
                | Q(battery_soc_pct__gte=0, battery_soc_pct__lte=100),
                name="trailerstatus_soc_range",
            ),
        )

    def __str__(self) -> str:
        return f"status of {self.trailer_id}"


class ModuleChange(models.Model):
    """That a trailer said of a module something else than before: how a stop is proven, also much later.

    Only ever added; `at` is the console's clock.
    """

    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="module_changes")
    module = models.CharField(max_length=12)
    on = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("trailer", "module", "at"), name="modulechange_when"),)

    def __str__(self) -> str:
        return f"{self.module} {'on' if self.on else 'off'} on {self.trailer_id}"


class DesiredState(models.Model):
    """What a trailer is to do until it is told otherwise. No deployment means every sensor off."""

    trailer = models.OneToOneField(
        Trailer, on_delete=models.CASCADE, primary_key=True, related_name="desired"
    )
    version = models.PositiveBigIntegerField(default=1)
    deployment = models.CharField(max_length=24, blank=True)
    until = models.DateTimeField(null=True)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    heading_deg = models.FloatField(null=True)
    modules = models.JSONField(default=dict)
    forbidden_sectors = models.JSONField(default=list)
    presets = models.JSONField(default=list)
    hotlist_min_version = models.PositiveBigIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(deployment="")
                | Q(until__isnull=False, lat__isnull=False, lon__isnull=False, heading_deg__isnull=False),
                name="desiredstate_deployment_is_whole",
            ),
        )

    def __str__(self) -> str:
        return f"desired state {self.version} of {self.trailer_id}"


class Command(models.Model):
    """One short-lived act sent to a trailer, at most once.

    `args` never keeps a stream token: it is blanked in the statement that claims the command for
    sending, or that lets it expire, so it rests in the row only while it waits.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        SENT = "sent"
        RECEIVED = "received"
        DONE = "done"
        REFUSED = "refused"
        FAILED = "failed"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="commands")
    seq = models.PositiveBigIntegerField()
    name = models.CharField(max_length=32)
    alert = models.UUIDField(null=True)
    operator = models.CharField(max_length=32)
    args = models.JSONField(default=dict)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    code = models.CharField(max_length=40, blank=True)
    sent_at = models.DateTimeField(null=True)
    acked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("trailer", "seq")
        constraints = (
            models.UniqueConstraint(fields=("trailer", "seq"), name="command_trailer_seq"),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "sent", "received", "done", "refused", "failed", "expired")),
                name="command_state_known",
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("issued_at")), name="command_expires_later"),
            models.CheckConstraint(
                condition=Q(state="queued") | ~Q(args__has_key="token"),
                name="command_token_only_while_queued",
            ),
        )
        indexes = (
            models.Index(fields=("trailer", "seq"), condition=Q(state="queued"), name="command_queued"),
            models.Index(
                fields=("expires_at",),
                condition=Q(state__in=("queued", "sent", "received")),
                name="command_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.seq} to {self.trailer_id}"

    def answer(self, status: str, code: str, at: datetime) -> None:
        """sent -> received -> done, refused, failed or expired, as the trailer says."""
        self.state = status
        self.code = code
        self.acked_at = at
        self.save(update_fields=["state", "code", "acked_at"])
