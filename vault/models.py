"""What the purge leaves behind: counts and hours, never content."""

from django.db import models


class PurgeRun(models.Model):
    """One run of the purge, for the page and the watchdog. The audit log has its own entry."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    ok = models.BooleanField()
    keys = models.PositiveIntegerField(default=0, help_text="keys destroyed")
    rows = models.PositiveIntegerField(default=0, help_text="sealed rows deleted")
    records = models.PositiveIntegerField(default=0, help_text="keys of records destroyed")
    oldest = models.DateTimeField(null=True, help_text="oldest epoch that still has a key")
    entered = models.BooleanField(default=False, help_text="the run has an entry in the audit log")
    fault = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["at"], condition=models.Q(entered=True), name="purge_entered")]

    def __str__(self) -> str:
        return f"purge of {self.at:%Y-%m-%d %H:%M:%S}"


class DestroyedKey(models.Model):
    """One key that was destroyed, once: the marker's id makes recording it twice impossible."""

    marker = models.UUIDField(primary_key=True)
    epoch = models.DateTimeField(db_index=True)
    run = models.ForeignKey(PurgeRun, on_delete=models.PROTECT, related_name="destroyed")

    def __str__(self) -> str:
        return f"key of {self.epoch:%Y-%m-%dT%H}"


class Record(models.Model):
    """One record with a key of its own (``vault.records``): that it was, and which run saw it destroyed.

    The row outlives the record: a key that comes back with a backup is known by it, and destroyed again.
    """

    id = models.UUIDField(primary_key=True)
    made_at = models.DateTimeField()
    run = models.ForeignKey(PurgeRun, null=True, on_delete=models.PROTECT, related_name="destroyed_records")

    def __str__(self) -> str:
        return f"record {self.id}"
