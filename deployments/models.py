"""Tables of the authorisation. H1 to H3 stand here as constraints; migration 0002 adds the triggers.

``Deployment`` moves only along the edges that the database knows. An authorisation belongs to the
hash of exactly what the officer read, so any edit leaves the deployment without one.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import Agency, Person, Unit
from csoc.lib import canonical, clock
from trailers.models import MODULES, Trailer

#: H1: a term is 14 days at most; longer means a fresh assessment and authorisation.
MAX_TERM = timedelta(days=14)


class Incident(models.Model):
    """The reported incident that a deployment answers to."""

    class Kind(models.TextChoices):
        VIOLENCE = "violence"
        FIREARMS = "firearms"
        EXTORTION = "extortion"

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT)
    cad = models.CharField(max_length=24)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    lat = models.FloatField()
    lon = models.FloatField()
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


class RiskAssessment(models.Model):
    """A scored assessment of an incident. ``factors`` maps a factor's name to its points."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="assessments")
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


class Consent(models.Model):
    """The property owner's consent. The owner is known by the document's digest, not by name."""

    class Capacity(models.TextChoices):
        OWNER = "owner"
        OCCUPANT = "authorised_occupant"

    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    capacity = models.CharField(max_length=24, choices=Capacity.choices)
    document_sha256 = models.CharField(max_length=64)
    given_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    recorded_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(document_sha256__regex="^[0-9a-f]{64}$"), name="consent_has_document"
            ),
            models.CheckConstraint(condition=Q(expires_at__gt=F("given_at")), name="consent_expires_later"),
        )

    def holds_at(self, moment: datetime) -> bool:
        """True while it is given, not expired and not withdrawn."""
        return self.withdrawn_at is None and self.given_at <= moment < self.expires_at


class Deployment(models.Model):
    """One trailer at one property for one term."""

    class State(models.TextChoices):
        DRAFT = "draft"
        SUBMITTED = "submitted"
        AUTHORISED = "authorised"
        ACTIVE = "active"
        DEACTIVATED = "deactivated"
        REFUSED = "refused"
        RETURNED = "returned"

    #: The allowed edges; migration 0002 holds the same list in the database, a test compares them.
    EDGES = (
        ("draft", "submitted"),
        ("submitted", "authorised"),
        ("submitted", "refused"),
        ("submitted", "returned"),
        ("returned", "submitted"),
        ("authorised", "active"),
        ("authorised", "returned"),
        ("authorised", "deactivated"),
        ("active", "deactivated"),
    )

    class End(models.TextChoices):
        EXPIRED = "expired"
        NEED_ENDED = "need_ended"
        CONSENT_WITHDRAWN = "consent_withdrawn"
        CONSENT_EXPIRED = "consent_expired"
        FAULT = "fault"
        REVOKED = "revoked"

    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField()
    version = models.PositiveIntegerField(default=1)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT)
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    applicant = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deployments_applied_for")
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="deployments")
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True)
    risk = models.ForeignKey(RiskAssessment, on_delete=models.PROTECT, null=True)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, null=True, related_name="deployments")

    aim = models.TextField(max_length=2000, blank=True)
    alternatives = models.TextField(max_length=2000, blank=True)
    modules = ArrayField(models.CharField(max_length=12), default=list)
    hotlist_categories = ArrayField(models.CharField(max_length=32), default=list)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    site = models.CharField(max_length=120)
    lat = models.FloatField()
    lon = models.FloatField()
    heading_deg = models.FloatField(default=0)

    content_hash = models.CharField(max_length=64, blank=True)
    authorisation = models.OneToOneField(
        "Authorisation", on_delete=models.PROTECT, null=True, related_name="in_force_for"
    )
    activated_at = models.DateTimeField(null=True)
    deactivated_at = models.DateTimeField(null=True)
    deactivated_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    deactivation_reason = models.CharField(max_length=20, choices=End.choices, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("year", "serial"), name="deployment_number_once"),
            models.UniqueConstraint(
                fields=("trailer",), condition=Q(state="active"), name="deployment_one_active_per_trailer"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=(
                        "draft",
                        "submitted",
                        "authorised",
                        "active",
                        "deactivated",
                        "refused",
                        "returned",
                    )
                ),
                name="deployment_state_known",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + MAX_TERM),
                name="deployment_term_14_days",
            ),
            models.CheckConstraint(
                condition=Q(modules__contained_by=list(MODULES)), name="deployment_modules_known"
            ),
            models.CheckConstraint(
                condition=Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180),
                name="deployment_on_earth",
            ),
            # H1: past a draft nothing may be missing; authorised and active need an authorisation.
            models.CheckConstraint(
                condition=Q(state__in=("draft", "returned"))
                | (
                    Q(incident__isnull=False, risk__isnull=False, consent__isnull=False)
                    & ~Q(aim="")
                    & ~Q(alternatives="")
                    & ~Q(content_hash="")
                    & ~Q(modules=[])
                ),
                name="deployment_whole_when_submitted",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("authorised", "active")) | Q(authorisation__isnull=False),
                name="deployment_authorised_has_authorisation",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(activated_at__isnull=False),
                name="deployment_active_has_start",
            ),
            # H3: an end is always a record.
            models.CheckConstraint(
                condition=~Q(state="deactivated")
                | (Q(deactivated_at__isnull=False) & ~Q(deactivation_reason="")),
                name="deployment_end_has_record",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The number that people use, e.g. ``DEP-2026-0031``."""
        return f"DEP-{self.year}-{self.serial:04d}"

    def content(self) -> dict[str, Any]:
        """Everything an authorising officer reads, in a form that can be hashed."""
        incident, risk, consent = self.incident, self.risk, self.consent
        return {
            "trailer": self.trailer.name,
            "incident": incident and [incident.cad, incident.kind, clock.wire(incident.reported_at)],
            "risk": risk
            and [risk.pk, risk.factors, risk.score, risk.threshold, clock.wire(risk.valid_until)],
            "need": [self.aim, self.alternatives, sorted(self.modules), sorted(self.hotlist_categories)],
            "term": [clock.wire(self.starts_at), clock.wire(self.ends_at)],
            "site": [self.site, f"{self.lat:.6f}", f"{self.lon:.6f}", f"{self.heading_deg:.1f}"],
            "consent": consent
            and [consent.pk, consent.capacity, consent.document_sha256, clock.wire(consent.expires_at)],
        }

    def hash_content(self) -> str:
        """Return the SHA-256 (hex) of the canonical content (H2)."""
        return hashlib.sha256(canonical.dumps(self.content())).hexdigest()

    def move(self, state: str) -> None:
        """Step to ``state`` and raise the version; the database refuses an edge that is not listed."""
        self.state = state
        self.version += 1

    def in_force_at(self, moment: datetime) -> bool:
        """True while sensors may sense: active, in its term, consent holding (H3)."""
        return (
            self.state == self.State.ACTIVE
            and self.starts_at <= moment < self.ends_at
            and self.consent is not None
            and self.consent.holds_at(moment)
        )


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
