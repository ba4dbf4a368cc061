"""A trailer: what stands on a property, and which agency and unit answer for it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

CAPABILITIES = ("acoustic", "alpr", "ptz", "speaker", "power")


class Trailer(models.Model):
    """One mobile trailer. `heading_deg` is degrees true, `mast_m` metres, `audio_rate_hz` hertz."""

    number = models.PositiveIntegerField(unique=True)
    label = models.CharField(max_length=80)
    agency = models.ForeignKey("accounts.Agency", on_delete=models.PROTECT, related_name="+")
    unit = models.ForeignKey("accounts.Unit", on_delete=models.PROTECT, related_name="+")
    serial = models.CharField(max_length=64, blank=True)
    heading_deg = models.FloatField(default=0.0)
    mast_m = models.FloatField(default=7.0)
    capabilities = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    audio_rate_hz = models.PositiveIntegerField(default=16_000)
    # The highest command number ever given out: it lives on the row that is locked to give the next
    # one, so it rises across restarts and across a deleted command.
    command_seq = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("number",)
        constraints = (
            models.CheckConstraint(condition=Q(number__gte=1, number__lte=9999), name="trailer_number_range"),
            models.CheckConstraint(
                condition=Q(heading_deg__gte=0, heading_deg__lt=360), name="trailer_heading_range"
            ),
            models.CheckConstraint(condition=Q(mast_m__gt=0, mast_m__lte=30), name="trailer_mast_range"),
            models.CheckConstraint(
                condition=Q(audio_rate_hz__in=(16_000, 48_000)), name="trailer_audio_rate"
            ),
            models.CheckConstraint(
                condition=Q(capabilities__contained_by=list(CAPABILITIES)), name="trailer_capabilities_known"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The number people and the wire use, `TRL-0007`."""
        return f"TRL-{self.number:04d}"

    def take_on(self, serial: str, capabilities: list[str], audio_rate_hz: int) -> None:
        """Be what its device says of itself."""
        self.serial, self.capabilities, self.audio_rate_hz = serial, capabilities, audio_rate_hz
        self.save(update_fields=["serial", "capabilities", "audio_rate_hz"])
