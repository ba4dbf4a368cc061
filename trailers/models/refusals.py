"""What was refused, by the hour: numbers and codes, and nothing of what was sent."""

from __future__ import annotations

from django.db import models

from .register import Trailer


class RefusalHour(models.Model):
    """How often one code was answered to one trailer in one hour; without a trailer, to whoever it was.

    `hour` is the UTC hour's beginning, `last_at` when the last came (for alerts, its minute). Kept 30 days.
    """

    trailer = models.ForeignKey(Trailer, on_delete=models.CASCADE, null=True, related_name="+")
    code = models.CharField(max_length=32)
    hour = models.DateTimeField(db_index=True)
    n = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("trailer", "code", "hour"), name="refusalhour_once", nulls_distinct=False
            ),
        )

    def __str__(self) -> str:
        return f"{self.n} × {self.code} in {self.hour:%Y-%m-%dT%H}"
