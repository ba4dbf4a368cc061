"""The outbox of hand-offs: a row is written with the act and sent after it.

The row is the record of a disclosure (who handed what to whom, and what became of it) and stays; what was
said stands sealed under the hour of the alert's capture and goes with it.
"""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q


class HandOff(models.Model):
    """One document for one target. ``number`` counts per alert and target; all but 1 correct it."""

    class Target(models.TextChoices):
        FILE = "file"
        CAD = "cad"

    class State(models.TextChoices):
        #: A file: nobody has downloaded it yet. The CAD: it does not have it, the next try is due.
        QUEUED = "queued"
        #: It left, and no answer is known: under way, or the process died. It will be sent again.
        SENT = "sent"
        #: The CAD answered that it has it; a file was downloaded for the first time.
        DELIVERED = "delivered"
        FAILED = "failed"

    WAITING = (State.QUEUED, State.SENT)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey("alerts.Alert", on_delete=models.PROTECT, related_name="hand_offs")
    target = models.CharField(max_length=4, choices=Target.choices)
    number = models.PositiveSmallIntegerField()
    person = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    #: Why it is not there: a code of ``sending``.
    fault = models.CharField(max_length=24, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    #: When the worker tries next; null for a file, and once it is settled.
    due_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    epoch = models.DateTimeField(db_index=True)
    #: Both documents (``alerts.handoff.sealing``); empty once erased.
    sealed = models.BinaryField()

    class Meta:
        app_label = "alerts"
        indexes = (models.Index(fields=("due_at",), condition=Q(due_at__isnull=False), name="hand_off_due"),)
        constraints = (
            models.UniqueConstraint(fields=("alert", "target", "number"), name="hand_off_numbered"),
            models.CheckConstraint(condition=Q(target__in=("file", "cad")), name="hand_off_target_known"),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "sent"), settled_at__isnull=True)
                | Q(state__in=("delivered", "failed"), settled_at__isnull=False, due_at__isnull=True),
                name="hand_off_settled_when_over",
            ),
            models.CheckConstraint(
                condition=Q(target="cad") | Q(due_at__isnull=True, attempts=0),
                name="hand_off_file_is_fetched",
            ),
        )

    def __str__(self) -> str:
        return f"{self.target} {self.id}"

    @property
    def waits(self) -> bool:
        """True while the receiver is not known to have it and will be tried again."""
        return self.state in self.WAITING and self.target != self.Target.FILE

    def claim(self, now: datetime, again_at: datetime) -> None:
        """Waiting -> sent: one try begins; if this process dies in it, another tries at ``again_at``."""
        self.state, self.attempts = self.State.SENT, self.attempts + 1
        self.tried_at, self.due_at = now, again_at

    def postpone(self, again_at: datetime, fault: str, *, left: bool) -> None:
        """Sent -> queued, or still sent when the whole of it may have arrived."""
        self.state = self.State.SENT if left else self.State.QUEUED
        self.due_at, self.fault = again_at, fault

    def settle(self, at: datetime, fault: str = "") -> None:
        """Waiting -> delivered, or failed for the reason ``fault``."""
        self.state = self.State.FAILED if fault else self.State.DELIVERED
        self.settled_at, self.due_at, self.fault = at, None, fault
