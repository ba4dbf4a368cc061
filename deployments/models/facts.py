"""What a deployment rests on and what the service keeps for it: incident, risk, places, area.

A published matrix and an assessment are records: migration 0005 lets nobody change them, and lets the
database add the scores up itself.
"""

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Agency, Person, Unit

#: A factor is scored in five steps, 0 to 4.
HIGHEST_LEVEL = 4


class Incident(models.Model):
    """The reported incident that a deployment answers to."""

    class Kind(models.TextChoices):
        VIOLENCE = "violence", _("violence")
        FIREARMS = "firearms", _("firearms")
        EXTORTION = "extortion", _("extortion")
        ROBBERY = "robbery", _("robbery")
        HOMICIDE = "homicide", _("homicide")
        THREATS = "threats", _("threats")

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT)
    cad = models.CharField(max_length=24)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    place = models.CharField(max_length=160, blank=True)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    reported_at = models.DateTimeField()
    recorded_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("agency", "cad"), name="incident_cad_once"),
            models.CheckConstraint(
                condition=Q(cad__regex=r"^[A-Z0-9][A-Z0-9-]{2,23}$"), name="incident_cad_form"
            ),
        )

    def __str__(self) -> str:
        return self.cad


class RiskMatrix(models.Model):
    """One version of an agency's risk matrix.

    ``factors``: ``[{"key","label","hint","weight","levels": [word for 0 … word for 4]}]``; the score is the
    sum of weight x level; a factor may have ``without``, the beginning of the sentence that says what the
    score would be if it counted nothing. Proposed by one person and published by another, or withdrawn; what
    was proposed never changes, and its number is not given again.
    """

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=80)
    factors = models.JSONField()
    threshold = models.PositiveSmallIntegerField()
    valid_days = models.PositiveSmallIntegerField(default=14)
    example = models.BooleanField(default=False)
    proposed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    published_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    published_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "risk matrices"
        constraints = (
            models.UniqueConstraint(fields=("agency", "version"), name="matrix_version_once"),
            models.CheckConstraint(condition=Q(threshold__gte=1), name="matrix_has_threshold"),
            models.CheckConstraint(
                condition=Q(valid_days__gte=1, valid_days__lte=90), name="matrix_valid_days"
            ),
            models.CheckConstraint(
                condition=Q(published_by__isnull=True) | ~Q(published_by=F("proposed_by")),
                name="matrix_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(published_by__isnull=True, published_at__isnull=True)
                | Q(published_by__isnull=False, published_at__isnull=False),
                name="matrix_published_whole",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_by__isnull=True, withdrawn_at__isnull=True)
                | Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False, published_at__isnull=True),
                name="matrix_withdrawn_whole",
            ),
            models.UniqueConstraint(
                fields=("agency",),
                condition=Q(published_at__isnull=True, withdrawn_at__isnull=True),
                name="matrix_one_proposal",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name}, version {self.version}"

    @property
    def highest(self) -> int:
        """The highest score that it can give."""
        return sum(factor["weight"] * HIGHEST_LEVEL for factor in self.factors)


class RiskAssessment(models.Model):
    """A scored assessment of an incident; a record.

    ``factors``: ``{key: {"level": 0-4, "why": str}}`` for every factor of the matrix.
    """

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="assessments")
    # Null only on assessments from before the matrix had versions; a new one must name it.
    matrix = models.ForeignKey(RiskMatrix, on_delete=models.PROTECT, null=True, related_name="+")
    assessor = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    factors = models.JSONField()
    score = models.PositiveSmallIntegerField()
    threshold = models.PositiveSmallIntegerField()
    assessed_at = models.DateTimeField()
    valid_until = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(valid_until__gt=F("assessed_at")), name="risk_valid_later"),
            models.CheckConstraint(condition=Q(threshold__gte=1), name="risk_has_threshold"),
        )

    def meets_threshold_at(self, moment: datetime) -> bool:
        """True if the score reaches the threshold and the assessment is still current."""
        return self.score >= self.threshold and self.assessed_at <= moment < self.valid_until


class PlacesList(models.Model):
    """One import of the service's list of sensitive places; the newest one counts."""

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    source = models.CharField(max_length=120)
    rows = models.PositiveIntegerField()
    imported_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    imported_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("agency", "version"), name="places_version_once"),)


class SensitivePlace(models.Model):
    """A place where people must be able to come and go unwatched; WGS 84 degrees."""

    class Kind(models.TextChoices):
        SCHOOL = "school", _("school")
        CLINIC = "clinic", _("clinic")
        WORSHIP = "worship", _("place of worship")
        SHELTER = "shelter", _("shelter")
        CARE = "care", _("care home")

    list = models.ForeignKey(PlacesList, on_delete=models.CASCADE, related_name="places")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=120)
    lat = models.FloatField()
    lon = models.FloatField()

    class Meta:
        indexes = (models.Index(fields=("list", "lat"), name="places_by_latitude"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180), name="place_on_earth"
            ),
        )


class ServiceArea(models.Model):
    """Where an agency may place trailers: ``ring`` is a closed line of ``[lat, lon]``, WGS 84 degrees."""

    agency = models.OneToOneField(Agency, on_delete=models.PROTECT, related_name="+")
    ring = models.JSONField()
    set_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
