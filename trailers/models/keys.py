"""Device keys, the tokens that enrol them, and the nonces their signatures have spent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from .register import Trailer

# Old and new key both sign for this long after a rotation, so that a trailer on a bad link is not cut off.
OVERLAP = timedelta(hours=24)


class TrailerKey(models.Model):
    """One Ed25519 key of one trailer; `keyid` is what a signature names.

    A key comes either from an enrolment (made by a technician, confirmed by another person) or from a
    rotation signed by the key before it (`rotated_from`). The database refuses an active key that is
    neither, and a confirmation by the person who made the token.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ACTIVE = "active"
        RETIRED = "retired"
        REVOKED = "revoked"

    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="keys")
    n = models.PositiveIntegerField()
    keyid = models.CharField(max_length=24, unique=True)
    public_key = models.BinaryField(max_length=32, unique=True)
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    made_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, null=True, related_name="+")
    rotated_from = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="successor")
    created_at = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("trailer", "n")
        constraints = (
            models.UniqueConstraint(fields=("trailer", "n"), name="trailerkey_trailer_n"),
            models.CheckConstraint(
                condition=Q(state__in=("pending", "active", "retired", "revoked")),
                name="trailerkey_state_known",
            ),
            models.CheckConstraint(
                condition=Q(made_by__isnull=True)
                | Q(confirmed_by__isnull=True)
                | ~Q(made_by=F("confirmed_by")),
                name="trailerkey_two_persons",
            ),
            models.CheckConstraint(
                condition=Q(made_by__isnull=False) | Q(rotated_from__isnull=False),
                name="trailerkey_has_origin",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("pending", "revoked"))
                | Q(confirmed_by__isnull=False)
                | Q(rotated_from__isnull=False),
                name="trailerkey_active_needs_confirmation",
            ),
            models.CheckConstraint(
                condition=Q(state="revoked", revoked_at__isnull=False)
                | (~Q(state="revoked") & Q(revoked_at__isnull=True)),
                name="trailerkey_revoked_has_time",
            ),
        )

    def __str__(self) -> str:
        return self.keyid

    def usable(self, at: datetime) -> bool:
        """True when a signature by this key counts at `at`."""
        return self.state == self.State.ACTIVE and (self.valid_until is None or at < self.valid_until)

    def confirm(self, person) -> None:
        """Pending -> active, by a person who compared the fingerprint."""
        self.state = self.State.ACTIVE
        self.confirmed_by = person
        self.save(update_fields=["state", "confirmed_by"])

    def end_by(self, at: datetime) -> None:
        """Keep the key usable until `at` and no longer."""
        self.valid_until = at
        self.save(update_fields=["valid_until"])

    def revoke(self, at: datetime) -> None:
        """Any state -> revoked, for good."""
        self.state = self.State.REVOKED
        self.revoked_at = at
        self.save(update_fields=["state", "revoked_at"])


class EnrolmentToken(models.Model):
    """A single-use token that lets one trailer bring its first key; only its SHA-256 is kept."""

    sha256 = models.BinaryField(max_length=32, unique=True)
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="enrolment_tokens")
    made_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="enrolmenttoken_expires_later"
            ),
        )

    def __str__(self) -> str:
        return f"enrolment token for {self.trailer_id}"

    def spend(self, at: datetime) -> None:
        """Mark the token used; it never works again."""
        self.used_at = at
        self.save(update_fields=["used_at"])


class Nonce(models.Model):
    """A nonce some key has spent. UNLOGGED (migration 0001): a crash may forget it, never slow intake.

    What a forgotten nonce could replay is at most 90 s old, and every signed act is idempotent.
    """

    pk = models.CompositePrimaryKey("keyid", "nonce_hash")
    keyid = models.CharField(max_length=24)
    nonce_hash = models.BinaryField(max_length=32)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.keyid
