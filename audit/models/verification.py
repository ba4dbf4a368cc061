"""What verifying and witnessing left to be shown: notes for people, no part of the log.

The publisher writes them, the app reads them; the migration takes the app's other rights away.
"""

from django.db import models
from django.db.models import F, Q


class Verification(models.Model):
    """One round of verification: lines ``since`` to ``until`` - 1 hold, or ``findings`` says what does not.

    ``findings``: [{code, index or null, sentence}], all that are open, not only this round's. ``full``: by
    the end of this round every line of the log had been looked at since the publisher started.
    ``generation``: of the log's keys then, 0 when unknown; what an older one saw counts no more.
    """

    at = models.DateTimeField()
    since = models.BigIntegerField()
    until = models.BigIntegerField()
    root = models.BinaryField()
    full = models.BooleanField()
    ok = models.BooleanField()
    findings = models.JSONField()
    generation = models.IntegerField(db_default=0)
    took_ms = models.IntegerField()

    class Meta:
        db_table = "audit_verification"
        indexes = [models.Index(fields=["-at"], name="audit_verification_at")]

    def __str__(self) -> str:
        return f"verification to {self.until}"


class WitnessState(models.Model):
    """What came of the last attempt to reach one witness, named by its key, about the log named ``origin``.

    ``known``: the size it says it cosigned last. ``fault`` is a code, '' when all is well, and ``sentence``
    what a person reads. ``evidence``: the answer that shows a history other than ours, kept for good.
    """

    vkey = models.TextField()
    origin = models.TextField()
    name = models.TextField()
    known = models.BigIntegerField(db_default=0)
    tried_at = models.DateTimeField()
    fault = models.TextField(db_default="")
    sentence = models.TextField(db_default="")
    evidence = models.TextField(db_default="")

    class Meta:
        db_table = "audit_witness_state"
        constraints = [models.UniqueConstraint(fields=["vkey", "origin"], name="audit_witness_state_once")]

    def __str__(self) -> str:
        return f"witness {self.name}"


class WitnessFile(models.Model):
    """One request written to be carried to a witness, and what came back.

    The web process may only ask and hand in; the publisher checks ``answer`` and takes it (``taken_at``),
    or says in ``refusal`` why not.
    """

    vkey = models.TextField()
    name = models.TextField()
    old = models.BigIntegerField()
    size = models.BigIntegerField()
    asked_at = models.DateTimeField()
    asked_by = models.TextField()
    answer = models.TextField(db_default="")
    answered_at = models.DateTimeField(null=True)
    answered_by = models.TextField(db_default="")
    taken_at = models.DateTimeField(null=True)
    refusal = models.TextField(db_default="")

    class Meta:
        db_table = "audit_witness_file"
        indexes = [models.Index(fields=["vkey", "-id"], name="audit_witness_file_newest")]

    def __str__(self) -> str:
        return f"request for {self.name} at {self.size}"


class PruneRequest(models.Model):
    """Two people's decision that a partition past its retention may go. What was asked never changes.

    People stand here by the ids and names of the log. ``done_at``: its lines are gone.
    """

    partition = models.BigIntegerField(unique=True)
    asked_by = models.TextField()
    asked_name = models.TextField()
    asked_at = models.DateTimeField()
    asked_entry = models.UUIDField()
    approved_by = models.TextField(db_default="")
    approved_name = models.TextField(db_default="")
    approved_at = models.DateTimeField(null=True)
    approved_entry = models.UUIDField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_prune_request"
        constraints = [
            models.CheckConstraint(condition=~Q(approved_by=F("asked_by")), name="audit_prune_four_eyes"),
            models.CheckConstraint(
                condition=Q(approved_by="", approved_at=None, approved_entry=None)
                | (~Q(approved_by="") & Q(approved_at__isnull=False, approved_entry__isnull=False)),
                name="audit_prune_approved_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"pruning of partition {self.partition}"
