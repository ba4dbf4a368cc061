"""What somebody has to look at: one row for each flag or drawn view, and what each reviewer decided.

Everything here is drawn from the log and can be made again from it; each raise and each decision is an
entry of its own. The database keeps the rules: one row for one reason and entry, nobody judges their own
act, a decision never changes.
"""

from django.db import models
from django.db.models import F, Q

DECISIONS = ("in-order", "needs-explanation", "not-justified")


class Review(models.Model):
    """One entry and one reason to look at it.

    ``code``: a key of ``audit.reviewing.flags.FLAGS``. ``agency``: whose people review it, "" for the
    log's own.
    ``subject``: the number of the person who did it (u-1042 -> 1042), 0 where no person did. ``due_at``:
    None for a flag, which may be resolved and has no term. ``decided_at``: when the first decision fell.
    """

    idx = models.BigIntegerField()
    uid = models.UUIDField()
    code = models.CharField(max_length=32)
    agency = models.CharField(max_length=64, blank=True)
    subject = models.IntegerField()
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_review"
        constraints = (
            models.UniqueConstraint(fields=("idx", "code"), name="review_once_per_reason"),
            # Lets a decision carry a foreign key on (review, subject): see migration 0005.
            models.UniqueConstraint(fields=("id", "subject"), name="review_id_subject"),
        )
        indexes = (
            models.Index(fields=("agency", "code"), condition=Q(decided_at__isnull=True), name="review_open"),
            models.Index(fields=("agency", "-decided_at"), name="review_decided"),
        )

    def __str__(self) -> str:
        return f"{self.code} on entry {self.idx}"


class ReviewDecision(models.Model):
    """What one reviewer decided. ``nth`` 1 stands; later ones are further views of other people.

    ``uid`` is that of the ``audit.resolve`` entry, whose sealed detail is the note.
    """

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="decisions")
    subject = models.IntegerField()
    nth = models.PositiveSmallIntegerField()
    decision = models.CharField(max_length=20)
    reviewer = models.IntegerField()
    reviewer_name = models.CharField(max_length=200)
    uid = models.UUIDField()
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_review_decision"
        ordering = ("nth",)
        constraints = (
            models.UniqueConstraint(fields=("review", "nth"), name="decision_one_first"),
            models.UniqueConstraint(fields=("review", "reviewer"), name="decision_once_per_person"),
            models.CheckConstraint(condition=~Q(reviewer=F("subject")), name="decision_by_somebody_else"),
            models.CheckConstraint(condition=Q(reviewer__gt=0), name="decision_by_a_person"),
            models.CheckConstraint(condition=Q(decision__in=DECISIONS), name="decision_known"),
            models.CheckConstraint(condition=Q(nth__gte=1, nth__lte=20), name="decision_nth"),
        )

    def __str__(self) -> str:
        return f"{self.decision} by u-{self.reviewer}"


class Lot(models.Model):
    """The seed of one agency's week, kept as it was when the first view of the week was drawn.

    ``week``: its Monday (UTC). ``size``, ``seed``: the checkpoint it comes from and its root, in hex.
    """

    agency = models.CharField(max_length=64, blank=True)
    week = models.DateField()
    size = models.BigIntegerField()
    seed = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_lot"
        constraints = (
            models.UniqueConstraint(fields=("agency", "week"), name="lot_once_a_week"),
            models.CheckConstraint(condition=Q(seed__regex="^[0-9a-f]{64}$"), name="lot_seed_is_a_root"),
        )

    def __str__(self) -> str:
        return f"lot of {self.week}"


class ReviewCursor(models.Model):
    """How far a task has walked: ``idx`` is the first entry that ``name`` has not looked at."""

    name = models.CharField(max_length=16, primary_key=True)
    idx = models.BigIntegerField(default=0)

    class Meta:
        db_table = "audit_review_cursor"

    def __str__(self) -> str:
        return f"{self.name} at {self.idx}"
