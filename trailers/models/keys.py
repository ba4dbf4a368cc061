"""Device keys, the tokens that enrol them, and the nonces their signatures have spent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from .register import Trailer

# Old and new key both sign for this long after a rotation, so that a trailer on a bad link is not cut off.
OVERLAP = timedelta(hours=24)


class RevokeReason(models.TextChoices):
    """Why a key was revoked: a code, kept in the log and shown beside the key. Never free text."""

    LOST = "lost", _("the trailer, or its computer, is lost")
    STOLEN = "stolen", _("the trailer, or its computer, was stolen")
    KNOWN = "known", _("somebody else may know the private key")
    DIFFERS = "differs", _("its fingerprint was not the trailer’s")
    RETIRED = "retired", _("the trailer leaves service")
    OTHER = "other", _("another reason")


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
    confirmed_at = models.DateTimeField(null=True)
    # An active key always has an end; a pending one gets its own when it is confirmed.
    valid_until = models.DateTimeField(null=True)
    # When another key took over. Without it, a key whose end has passed has expired.
    replaced_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, null=True, related_name="+")
    revoke_reason = models.CharField(max_length=8, choices=RevokeReason.choices, blank=True)
    # What the device that brought it says of itself. It is the trailer's only once a second person has
    # confirmed the key; None: it came by a rotation, which says nothing of that.
    serial = models.CharField(max_length=64, blank=True)
    capabilities = ArrayField(models.CharField(max_length=16), null=True)
    audio_rate_hz = models.PositiveIntegerField(null=True)
    # The last warning of its end that was given, in days before it; 0 says that it has expired.
    warned_days = models.PositiveSmallIntegerField(null=True)

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
            models.CheckConstraint(
                condition=~Q(state="active") | Q(valid_until__isnull=False),
                name="trailerkey_active_has_end",
            ),
        )

    def __str__(self) -> str:
        return self.keyid

    def usable(self, at: datetime) -> bool:
        """True when a signature by this key counts at `at`."""
        return self.state == self.State.ACTIVE and (self.valid_until is None or at < self.valid_until)

    def confirm(self, person, at: datetime, until: datetime) -> None:
        """Pending -> active until `until`, by a person who compared the fingerprint."""
        self.state = self.State.ACTIVE
        self.confirmed_by, self.confirmed_at, self.valid_until = person, at, until
        self.save(update_fields=["state", "confirmed_by", "confirmed_at", "valid_until"])

    def give_way(self, at: datetime, until: datetime) -> None:
        """Another key took over at `at`: this one is usable until `until`, or its own earlier end."""
        self.replaced_at = at
        self.valid_until = until if self.valid_until is None else min(until, self.valid_until)
        self.save(update_fields=["replaced_at", "valid_until"])

    def revoke(self, at: datetime, person, reason: str) -> None:
        """Any state -> revoked, for good."""
        self.state = self.State.REVOKED
        self.revoked_at, self.revoked_by, self.revoke_reason = at, person, reason
        self.save(update_fields=["state", "revoked_at", "revoked_by", "revoke_reason"])

    def warn(self, days: int) -> None:
        """Remember that its end was told of, so that nobody is told twice."""
        self.warned_days = days
        self.save(update_fields=["warned_days"])


class EnrolmentToken(models.Model):
    """A single-use token that lets one trailer bring its first key; only its SHA-256 is kept."""

    sha256 = models.BinaryField(max_length=32, unique=True)
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="enrolment_tokens")
    made_by = models.ForeignKey("accounts.Person", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    # The press that asked for it: its page is answered once, however often the same form is sent.
    asked = models.UUIDField(unique=True, null=True)

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
