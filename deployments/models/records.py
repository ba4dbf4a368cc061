"""What people did with a deployment: rows that are only ever added (migration 0005 refuses the rest)."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.models import Person

from .deployment import Deployment


class Authorisation(models.Model):
    """A second person's decision on exactly one content (H1, H2)."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="authorisations")
    officer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    # Copied so that the database compares persons in one row; a trigger keeps the copy true.
    applicant = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)
    authorised_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=~Q(officer=F("applicant")), name="authorisation_four_eyes"),
        )


class Contribution(models.Model):
    """A person who edited the content of a deployment: none of them may authorise it."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="contributions")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("deployment", "person"), name="contribution_once"),)


class Submission(models.Model):
    """What was sent to be decided, exactly: the content of that version and its hash."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="submissions")
    version = models.PositiveIntegerField()
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ("version",)
        constraints = (
            models.UniqueConstraint(fields=("deployment", "version"), name="submission_version_once"),
        )


class Decision(models.Model):
    """What an officer decided on a submission. ``words_sealed``: the reason, sealed under ``record``."""

    class Verdict(models.TextChoices):
        AUTHORISE = "authorise", _("authorised")
        REFUSE = "refuse", _("refused")
        RETURN = "return", _("returned")

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="decisions")
    officer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    version = models.PositiveIntegerField()
    content_hash = models.CharField(max_length=64)
    words_sealed = models.BinaryField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("deployment", "version"), name="decision_once_a_version"),
        )


class Tightening(models.Model):
    """One narrowing of an active deployment (H2): what it was before, what it is since."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="tightenings")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    field = models.CharField(max_length=24)
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        ordering = ("at", "pk")


class Review(models.Model):
    """A look at whether an active deployment is still needed. ``words_sealed`` as in a decision."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="reviews")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    still_needed = models.BooleanField()
    words_sealed = models.BinaryField()

    class Meta:
        ordering = ("at", "pk")


class Installation(models.Model):
    """A window of 30 min in which a technician sets a trailer up under an authorised deployment (H18)."""

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="installations")
    opened_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    until = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("opened_at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("deployment",), condition=Q(closed_at__isnull=True), name="installation_one_open"
            ),
            models.CheckConstraint(condition=Q(until__gt=F("opened_at")), name="installation_ends_later"),
        )


class InstallationCheck(models.Model):
    """One point of the checklist, as it was found. ``value``: what was measured, in the point's own unit."""

    class Item(models.TextChoices):
        POSITION = "position", _("position")
        HEADING = "heading", _("heading")
        MASKS = "masks", _("forbidden sectors set")
        SPEAKER = "speaker", _("loudspeaker ceiling set")
        TEST_ALERT = "test_alert", _("test alert")
        RECORDING = "recording", _("recording off")
        CLOCK = "clock", _("clock")

    deployment = models.ForeignKey(Deployment, on_delete=models.PROTECT, related_name="checks")
    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, related_name="checks")
    item = models.CharField(max_length=12, choices=Item.choices)
    passed = models.BooleanField()
    value = models.FloatField(null=True)
    code = models.CharField(max_length=40, blank=True)
    # Null for what the trailer itself sent: the test alert, whose id the device made.
    by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    alert = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("alert",), condition=Q(alert__isnull=False, passed=True), name="test_alert_once"
            ),
        )


class DeploymentUserPermission(UserObjectPermissionBase):
    """A grant to one sign-in on one deployment (guardian, direct foreign key)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    content_object = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="user_grants")


class DeploymentGroupPermission(GroupObjectPermissionBase):
    """A grant to one group on one deployment."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    content_object = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="group_grants")
