"""A request for an export: who asks for what, who else approved it, and what became of it (H14)."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class ExportRequest(models.Model):
    """One export, from the question to the deleted file. What was asked never changes.

    People stand here by the ids and names of the log (``u-1042``): the log knows nobody.
    """

    class State(models.TextChoices):
        """Where it is; the database refuses an edge that is not listed in the migration."""

        ASKED = "asked", _("waiting for a second person")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")
        APPROVED = "approved", _("approved, waiting to be built")
        BUILDING = "building", _("being built")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        EXPIRED = "expired", _("expired, file deleted")

    class Kind(models.TextChoices):
        """What is asked for, and so what it can prove (docs/audit-format.md)."""

        ACTOR = "actor", _("everything one person or system did")
        OBJECT = "object", _("everything done to one thing")
        RANGE = "range", _("every entry of a time")
        QUESTION = "question", _("the entries that answer a question")

    class Reason(models.TextChoices):
        """Why an export leaves; the code stands in the log."""

        COMPLAINT = "complaint", _("complaint about an officer")
        COURT = "court", _("order of a court or tribunal")
        REVIEW = "oversight-review", _("review by an oversight body")
        ACCESS = "access-request", _("access request of a person concerned")
        INTERNAL = "internal-inquiry", _("internal inquiry")
        INCIDENT = "security-incident", _("security incident")

    class Refusal(models.TextChoices):
        """Why the second person said no; the code stands in the log."""

        REFERENCE = "reference-unknown", _("the reference number is not known here")
        RECIPIENT = "recipient-not-entitled", _("the recipient is not entitled to it")
        WIDE = "too-wide", _("it asks for more than the purpose needs")
        DETAILS = "details-not-needed", _("the purpose does not need the details")
        UNCLEAR = "unclear", _("it is not clear what it is for")

    agency = models.CharField(max_length=64)
    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)

    kind = models.CharField(max_length=10, choices=Kind.choices)
    #: The actor's id or the object's key; the question as text; first and last index, inclusive.
    subject = models.CharField(max_length=200, blank=True)
    question = models.CharField(max_length=500, blank=True)
    first = models.BigIntegerField(null=True)
    last = models.BigIntegerField(null=True)
    details = models.BooleanField(default=False)
    #: An earlier checkpoint's size that the recipient holds: its root can be computed from the export.
    also = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=24, choices=Reason.choices)
    reference = models.CharField(max_length=40)
    recipient = models.CharField(max_length=128)
    requester = models.CharField(max_length=128)
    requester_name = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_index=True)
    #: The entry that asked; those of every later step name it as their parent.
    asked_entry = models.UUIDField()

    approver = models.CharField(max_length=128, blank=True)
    approver_name = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=24, choices=Refusal.choices, blank=True)

    #: Of a build: what it does now, how far it is, who builds (a lease, renewed by its beat) and where.
    phase = models.CharField(max_length=12, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    lease = models.UUIDField(null=True)
    beat_at = models.DateTimeField(null=True)
    work = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    fault = models.CharField(max_length=32, blank=True)

    #: Of a sealed build: its ``audit.export`` entry and the SHA-256 of its manifest.json.
    seal = models.UUIDField(null=True)
    digest = models.BinaryField(null=True)
    sealed_at = models.DateTimeField(null=True)
    entries = models.BigIntegerField(null=True)
    #: Details that are gone although no line says so: the verifier will name them.
    missing = models.BigIntegerField(default=0)

    #: Of a file: the checkpoint's size, its witnesses' names, the zip itself, and when it is deleted (from
    #: the seal on: no later than this, because of the details in it).
    size = models.BigIntegerField(null=True)
    witnesses = models.TextField(blank=True)
    bytes = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    built_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_export_request"
        constraints = (
            models.UniqueConstraint(fields=("year", "serial"), name="audit_export_number_once"),
            models.CheckConstraint(
                condition=Q(
                    state__in=(
                        "asked",
                        "refused",
                        "withdrawn",
                        "approved",
                        "building",
                        "ready",
                        "failed",
                        "cancelled",
                        "expired",
                    )
                ),
                name="audit_export_state_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("actor", "object", "range", "question")), name="audit_export_kind_known"
            ),
            # H14: somebody else decides, and nothing goes on before.
            models.CheckConstraint(condition=~Q(approver=F("requester")), name="audit_export_four_eyes"),
            models.CheckConstraint(
                condition=Q(state__in=("asked", "withdrawn"), approver="", decided_at__isnull=True)
                | (
                    ~Q(state__in=("asked", "withdrawn"))
                    & ~Q(approver="")
                    & ~Q(approver_name="")
                    & Q(decided_at__isnull=False)
                ),
                name="audit_export_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=(Q(state="refused") & ~Q(refusal="")) | (~Q(state="refused") & Q(refusal="")),
                name="audit_export_refused_with_reason",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(reference="") & ~Q(recipient="") & ~Q(requester=""),
                name="audit_export_whole",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind__in=("actor", "object"), question="", first__isnull=True, last__isnull=True)
                    & ~Q(subject="")
                )
                | Q(kind="range", subject="", question="", first__gte=0, last__gte=F("first"))
                | (Q(kind="question", subject="", first__isnull=True, last__isnull=True) & ~Q(question="")),
                name="audit_export_asks_one_thing",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("ready",))
                | (
                    Q(seal__isnull=False, digest__isnull=False, size__gt=0, expires_at__isnull=False)
                    & ~Q(sha256="")
                    & ~Q(witnesses="")
                ),
                name="audit_export_ready_is_sealed",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The number that people use, e.g. ``EXP-2026-0007``."""
        return f"EXP-{self.year}-{self.serial:04d}"

    def decide(self, state: str, *, by: str, name: str, at: datetime, refusal: str = "") -> None:
        """The second person's yes (APPROVED) or no (REFUSED, with its reason)."""
        self.state, self.refusal = state, refusal
        self.approver, self.approver_name, self.decided_at = by, name, at

    def move(self, state: str, *, fault: str = "") -> None:
        """Step to ``state``, in which nobody builds; ``fault`` says why it failed."""
        self.state, self.fault = state, fault
        self.lease = self.beat_at = self.work = None

    def forget_build(self) -> None:
        """Let the next attempt begin with nothing: what an earlier one sealed is damaged or outdated."""
        self.seal = self.digest = self.sealed_at = self.expires_at = self.work = None
