"""Tables of live view. Nothing here holds a frame: PTZ does not record (H6).

A ``Stream`` is a trailer's camera sending to the gateway; a ``LiveSession`` is one person watching it
on the ground of one alert. Migration 0002 adds the trigger that refuses a session without an
acknowledged, open alert of an active deployment, whatever the code above it does.
"""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from accounts.models import Agency, Person, User
from alerts.models import Alert
from trailers.models import Trailer

SESSION_LIFE = timedelta(minutes=5)
LONGEST_LIFE = timedelta(minutes=60)


class Reason(models.TextChoices):
    """Why a person opens live view; the code and the CAD number stand in the audit entry."""

    GUNSHOT = "gunshot"
    PLATE_HIT = "plate-hit"
    OFFICER_SAFETY = "officer-safety"
    PUBLIC_SAFETY = "public-safety"


class Stream(models.Model):
    """One run of a trailer's camera. ``path`` is random and never the trailer's number."""

    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="streams")
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="+")
    path = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    renewed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("trailer",), condition=Q(ended_at__isnull=True), name="stream_one_per_trailer"
            ),
        )


class LiveSession(models.Model):
    """One person's live view: 5 min, renewable with a reason, 60 min at most (H5)."""

    class End(models.TextChoices):
        CLOSED = "closed"
        ALERT_CLOSED = "alert-closed"
        HANDED_BACK = "handed-back"
        DEACTIVATED = "deactivated"
        RIGHT_LOST = "right-lost"
        SIGNED_OUT = "signed-out"
        KEY_REVOKED = "key-revoked"
        EXPIRED = "expired"
        GONE = "gone"
        NO_PICTURE = "no-picture"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    auth_epoch = models.PositiveIntegerField()
    #: Truncated hash of the sign-in session that opened it.
    login = models.CharField(max_length=32)
    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="live_sessions")
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="+")
    stream = models.ForeignKey(Stream, on_delete=models.PROTECT, related_name="sessions")
    reason = models.CharField(max_length=16, choices=Reason.choices)
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    end_reason = models.CharField(max_length=12, choices=End.choices, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("expires_at",), condition=Q(ended_at__isnull=True), name="session_open"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(expires_at__lte=F("opened_at") + LONGEST_LIFE), name="session_60_min_at_most"
            ),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="session_reason_known"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | ~Q(end_reason=""), name="session_end_has_reason"
            ),
        )

    def end(self, *, at: datetime, by: Person | None, reason: str) -> None:
        """Mark it over."""
        self.ended_at, self.ended_by, self.end_reason = at, by, reason


class MediaToken(models.Model):
    """A single-use token of the media path, known by its hash.

    A viewer's token belongs to a session; a publisher's to the stream alone. ``spent_as`` is the
    gateway's id for the media session, by which it is kicked.
    """

    class Action(models.TextChoices):
        READ = "read"
        PUBLISH = "publish"

    sha256 = models.CharField(max_length=64, primary_key=True)
    action = models.CharField(max_length=8, choices=Action.choices)
    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="tokens")
    session = models.ForeignKey(LiveSession, on_delete=models.CASCADE, null=True, related_name="tokens")
    expires_at = models.DateTimeField()
    spent_at = models.DateTimeField(null=True)
    spent_as = models.CharField(max_length=64, blank=True, db_index=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(action="read", session__isnull=False) | Q(action="publish", session__isnull=True),
                name="media_token_viewer_has_session",
            ),
            models.CheckConstraint(
                condition=Q(spent_at__isnull=True) | ~Q(spent_as=""), name="media_token_spent_has_id"
            ),
        )
