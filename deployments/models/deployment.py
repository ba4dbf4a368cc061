"""The deployment itself. H1 to H3 stand here as constraints; migrations 0002 to 0005 add the triggers.

One row is one term of one number: a renewal is a row of its own, with its own assessment, hash and
authorisation. A row moves only along the edges that the database knows, and an authorisation belongs to
the hash of exactly what the officer read, so any edit leaves the deployment without one.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Agency, Person, Unit
from csoc.lib import canonical, clock
from trailers.models import MODULES, Trailer

from .consent import Consent
from .facts import Incident, RiskAssessment

#: H1: a term is 14 days at most; longer means a fresh assessment and authorisation.
MAX_TERM = timedelta(days=14)
STATES = ("draft", "submitted", "authorised", "active", "deactivated", "refused", "returned")
#: Where a row still is an application that somebody works on or waits for.
OPEN_STATES = ("draft", "submitted", "returned", "authorised")


class _TrailerAlone(Func):
    """A trailer's id as a range of one: the embedded PostgreSQL has no btree_gist."""

    function = "int8range"
    template = "int8range(trailer_id, trailer_id, '[]')"


class _Term(Func):
    function = "tstzrange"
    output_field = DateTimeRangeField()


class Deployment(models.Model):
    """One trailer at one property for one term.

    ``forbidden_sectors``: ``[{"from_deg","to_deg","why"}]``, degrees true, clockwise.
    ``sensitive_places``: ``[{"kind","name","distance_m"}]``, what lay inside 500 m when the place was saved.
    ``justifications``: ``{module or "list:<category>": str}``, one for everything that is switched on.
    ``speaker_ceiling_pct``, ``quiet_ceiling_pct``: per cent of full volume; quiet hours in local time.
    ``answers_sealed``: what the applicant typed and has not saved yet, by section, under ``record``.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("submitted")
        AUTHORISED = "authorised", _("authorised")
        ACTIVE = "active", _("active")
        DEACTIVATED = "deactivated", _("deactivated")
        REFUSED = "refused", _("refused")
        RETURNED = "returned", _("returned")

    #: The allowed edges; migration 0005 holds the same list in the database, a test compares them.
    EDGES = (
        ("draft", "submitted"),
        ("submitted", "authorised"),
        ("submitted", "refused"),
        ("submitted", "returned"),
        ("returned", "submitted"),
        ("authorised", "active"),
        ("authorised", "returned"),
        ("draft", "deactivated"),
        ("submitted", "deactivated"),
        ("returned", "deactivated"),
        ("authorised", "deactivated"),
        ("active", "deactivated"),
    )

    class End(models.TextChoices):
        EXPIRED = "expired", _("expired")
        NEED_ENDED = "need_ended", _("need ended")
        CONSENT_WITHDRAWN = "consent_withdrawn", _("consent withdrawn")
        CONSENT_EXPIRED = "consent_expired", _("consent expired")
        FAULT = "fault", _("fault")
        REVOKED = "revoked", _("revoked")
        #: The next term took over, without a gap.
        RENEWED = "renewed", _("renewed")
        #: An application that its applicant took back before anything stood.
        WITHDRAWN = "withdrawn", _("application withdrawn")

    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField()
    term = models.PositiveSmallIntegerField(default=1)
    renews = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="renewals")
    version = models.PositiveIntegerField(default=1)
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT)
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    applicant = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="deployments_applied_for")
    trailer = models.ForeignKey(Trailer, on_delete=models.PROTECT, related_name="deployments")
    created_at = models.DateTimeField(default=clock.now)
    saved_at = models.DateTimeField(default=clock.now)

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True)
    risk = models.ForeignKey(RiskAssessment, on_delete=models.PROTECT, null=True)
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, null=True, related_name="deployments")

    aim = models.TextField(max_length=2000, blank=True)
    alternatives = models.TextField(max_length=2000, blank=True)
    modules = ArrayField(models.CharField(max_length=12), default=list)
    hotlist_categories = ArrayField(models.CharField(max_length=32), default=list)
    justifications = models.JSONField(default=dict)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    review_every_days = models.PositiveSmallIntegerField(default=7)

    site = models.CharField(max_length=120, blank=True)
    address = models.CharField(max_length=160, blank=True)
    lat = models.FloatField(null=True)
    lon = models.FloatField(null=True)
    heading_deg = models.FloatField(default=0)
    forbidden_sectors = models.JSONField(default=list)
    sensitive_places = models.JSONField(default=list)
    speaker_ceiling_pct = models.PositiveSmallIntegerField(default=0)
    quiet_from = models.TimeField(null=True)
    quiet_to = models.TimeField(null=True)
    quiet_ceiling_pct = models.PositiveSmallIntegerField(default=0)

    signage = models.TextField(max_length=600, blank=True)
    notice = models.TextField(max_length=600, blank=True)
    retention_class = models.CharField(max_length=32, blank=True)

    record = models.UUIDField(null=True)
    answers_sealed = models.BinaryField(null=True)

    content_hash = models.CharField(max_length=64, blank=True)
    authorisation = models.OneToOneField(
        "Authorisation", on_delete=models.PROTECT, null=True, related_name="in_force_for"
    )
    submitted_at = models.DateTimeField(null=True)
    activated_at = models.DateTimeField(null=True)
    review_due_at = models.DateTimeField(null=True)
    deactivated_at = models.DateTimeField(null=True)
    deactivated_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    deactivation_reason = models.CharField(max_length=20, choices=End.choices, blank=True)

    class Meta:
        indexes = (models.Index(fields=("agency", "state", "-id"), name="deployment_list"),)
        constraints = (
            models.UniqueConstraint(fields=("year", "serial", "term"), name="deployment_term_once"),
            models.UniqueConstraint(
                fields=("year", "serial"),
                condition=Q(state__in=OPEN_STATES),
                name="deployment_one_open_application",
            ),
            models.UniqueConstraint(
                fields=("trailer",), condition=Q(state="active"), name="deployment_one_active_per_trailer"
            ),
            # One trailer cannot stand in two places: no two authorised terms of it overlap.
            ExclusionConstraint(
                name="deployment_no_overlap",
                expressions=(
                    (_TrailerAlone(), RangeOperators.OVERLAPS),
                    (_Term(F("starts_at"), F("ends_at")), RangeOperators.OVERLAPS),
                ),
                condition=Q(state__in=("authorised", "active")),
            ),
            models.CheckConstraint(condition=Q(state__in=STATES), name="deployment_state_known"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True)
                | Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + MAX_TERM),
                name="deployment_term_14_days",
            ),
            models.CheckConstraint(
                condition=Q(modules__contained_by=list(MODULES)), name="deployment_modules_known"
            ),
            models.CheckConstraint(
                condition=Q(lat__isnull=True, lon__isnull=True)
                | Q(lat__gte=-90, lat__lte=90, lon__gte=-180, lon__lte=180),
                name="deployment_on_earth",
            ),
            models.CheckConstraint(
                condition=Q(heading_deg__gte=0, heading_deg__lt=360), name="deployment_heading_range"
            ),
            models.CheckConstraint(
                condition=Q(speaker_ceiling_pct__lte=100, quiet_ceiling_pct__lte=F("speaker_ceiling_pct")),
                name="deployment_ceilings",
            ),
            models.CheckConstraint(
                condition=Q(review_every_days__gte=1, review_every_days__lte=14),
                name="deployment_review_days",
            ),
            models.CheckConstraint(
                condition=Q(term=1, renews__isnull=True) | Q(term__gt=1, renews__isnull=False),
                name="deployment_term_renews",
            ),
            # H1: past a draft nothing may be missing; authorised and active need an authorisation.
            models.CheckConstraint(
                condition=Q(state__in=("draft", "returned"))
                | Q(state="deactivated", activated_at__isnull=True)
                | (
                    Q(incident__isnull=False, risk__isnull=False, consent__isnull=False)
                    & Q(starts_at__isnull=False, ends_at__isnull=False, lat__isnull=False)
                    & ~Q(aim="")
                    & ~Q(alternatives="")
                    & ~Q(site="")
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
                condition=~Q(state__in=("draft", "submitted", "returned", "refused"))
                | Q(authorisation__isnull=True),
                name="deployment_undecided_has_none",
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
        """The number that people use, e.g. ``DEP-2026-0031``; every term of it has the same."""
        return f"DEP-{self.year}-{self.serial:04d}"

    @property
    def address_name(self) -> str:
        """How an address names exactly this term, e.g. ``DEP-2026-0031.2``; the first one is bare."""
        return self.name if self.term == 1 else f"{self.name}.{self.term}"

    @property
    def editable(self) -> bool:
        """Whether its content may be edited as it stands."""
        return self.state in (self.State.DRAFT, self.State.RETURNED)

    def content(self) -> dict[str, Any]:
        """Everything an authorising officer reads, by section, in a form that can be hashed and compared."""
        return {
            "trailer": self.trailer.name,
            "term": self.term,
            "incident": self._incident_content(),
            "risk": self._risk_content(),
            "need": {
                "aim": self.aim,
                "alternatives": self.alternatives,
                "modules": sorted(self.modules),
                "hotlist_categories": sorted(self.hotlist_categories),
                "justifications": self.justifications,
                "starts_at": clock.wire(self.starts_at),
                "ends_at": clock.wire(self.ends_at),
                "review_every_days": self.review_every_days,
            },
            "place": {
                "site": self.site,
                "address": self.address,
                "lat": None if self.lat is None else f"{self.lat:.6f}",
                "lon": None if self.lon is None else f"{self.lon:.6f}",
                "heading_deg": f"{self.heading_deg:.1f}",
                "forbidden_sectors": self.forbidden_sectors,
                "sensitive_places": self.sensitive_places,
                "speaker_ceiling_pct": self.speaker_ceiling_pct,
                "quiet_from": self.quiet_from and self.quiet_from.strftime("%H:%M"),
                "quiet_to": self.quiet_to and self.quiet_to.strftime("%H:%M"),
                "quiet_ceiling_pct": self.quiet_ceiling_pct,
            },
            "consent": self._consent_content(),
            "privacy": {
                "signage": self.signage,
                "notice": self.notice,
                "retention_class": self.retention_class,
                "recording": False,
            },
        }

    def _incident_content(self) -> dict[str, Any] | None:
        incident = self.incident
        return (
            None
            if incident is None
            else {
                "cad": incident.cad,
                "kind": incident.kind,
                "place": incident.place,
                "reported_at": clock.wire(incident.reported_at),
            }
        )

    def _risk_content(self) -> dict[str, Any] | None:
        risk = self.risk
        return (
            None
            if risk is None
            else {
                "assessment": risk.pk,
                "matrix": risk.matrix_id,
                "factors": risk.factors,
                "score": risk.score,
                "threshold": risk.threshold,
                "valid_until": clock.wire(risk.valid_until),
            }
        )

    def _consent_content(self) -> dict[str, Any] | None:
        consent = self.consent
        return (
            None
            if consent is None
            else {
                "consent": consent.pk,
                "capacity": consent.capacity,
                "method": consent.method,
                "document_sha256": consent.document_sha256,
                "modules": sorted(consent.modules),
                "conditions": consent.conditions,
                "expires_at": clock.wire(consent.expires_at),
            }
        )

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
            and self.starts_at is not None
            and self.ends_at is not None
            and self.starts_at <= moment < self.ends_at
            and self.consent is not None
            and self.consent.holds_at(moment)
        )
