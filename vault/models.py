"""What the purge leaves behind: counts and hours, never content."""

from django.db import models


class PurgeRun(models.Model):
    """One run of the purge, for the page and the watchdog. The audit log has its own entry."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    ok = models.BooleanField()
    keys = models.PositiveIntegerField(default=0, help_text="keys destroyed")
    rows = models.PositiveIntegerField(default=0, help_text="sealed rows deleted")
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
