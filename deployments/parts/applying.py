"""Putting the values of one section into a draft. Part of ``edit_sections``: no entry, no transaction here.

Values arrive typed, from a section's form. Each function changes the row in memory; the caller saves it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import documents, policies
from deployments.models import Consent, Deployment, Incident, RiskAssessment
from deployments.selectors import current_matrix, sensitive_within
from vault import records

Values = Mapping[str, Any]


def incident(deployment: Deployment, actor: User, values: Values, now: datetime) -> None:
    """``cad, kind, place, reported_at``: an incident known by its CAD number is used as it stands."""
    told = {name: values[name] for name in ("kind", "place", "reported_at")}
    known = Incident.objects.select_for_update().filter(agency=deployment.agency, cad=values["cad"]).first()
    if known is None:
        known = Incident.objects.create(
            agency=deployment.agency,
            unit=deployment.unit,
            cad=values["cad"],
            recorded_by=actor.person,
            **told,
        )
    elif any(getattr(known, name) != value for name, value in told.items()):
        policies.may_correct(actor, known, deployment)
        for name, value in told.items():
            setattr(known, name, value)
        known.save()
    deployment.incident = known


def risk(deployment: Deployment, actor: User, values: Values, now: datetime) -> None:
    """``factors``: ``{key: {"level","why"}}``; the score is the matrix's sum of weight x level."""
    if deployment.incident is None:
        raise Refused(
            "incident-missing", _("Link the reported incident first: the risk is scored for it."), 422
        )
    matrix = current_matrix(deployment.agency_id)
    if matrix is None:
        raise Refused("no-matrix", _("No risk matrix is published. Ask a supervisor to publish one."), 422)
    factors = policies.scores_of(matrix, values["factors"])
    score = sum(factor["weight"] * factors[factor["key"]]["level"] for factor in matrix.factors)
    deployment.risk = RiskAssessment.objects.create(
        incident=deployment.incident, matrix=matrix, assessor=actor.person, factors=factors, score=score,
        threshold=matrix.threshold, assessed_at=now, valid_until=now + timedelta(days=matrix.valid_days),
    )  # fmt: skip


def need(deployment: Deployment, actor: User, values: Values, now: datetime) -> None:
    """``aim, alternatives, justifications, starts_at, ends_at, review_every_days``.

    What is switched on is what is justified: ``justifications`` maps a module or ``list:<category>`` to why.
    """
    justified = {key: why.strip() for key, why in values["justifications"].items() if why.strip()}
    policies.known_switches(deployment.trailer, justified)
    policies.term_possible(values["starts_at"], values["ends_at"], now)
    deployment.aim, deployment.alternatives = values["aim"], values["alternatives"]
    deployment.justifications = justified
    deployment.modules = sorted(key for key in justified if not key.startswith("list:"))
    deployment.hotlist_categories = sorted(key[5:] for key in justified if key.startswith("list:"))
    deployment.starts_at, deployment.ends_at = values["starts_at"], values["ends_at"]
    deployment.review_every_days = values.get("review_every_days", 7)


def place(deployment: Deployment, actor: User, values: Values, now: datetime) -> None:
    """``site, address, lat, lon, heading_deg, forbidden_sectors``, the ceilings and the quiet hours."""
    lat, lon = values["lat"], values["lon"]
    policies.in_area(deployment.agency_id, lat, lon)
    if deployment.term > 1 and (lat, lon) != (deployment.lat, deployment.lon):
        raise Refused("renewal-moves", _("A renewal is for the same place. Apply anew for another one."), 422)
    for name in ("site", "address", "heading_deg", "forbidden_sectors", "speaker_ceiling_pct", "quiet_from",
                 "quiet_to", "quiet_ceiling_pct"):  # fmt: skip
        setattr(deployment, name, values[name])
    deployment.lat, deployment.lon = lat, lon
    deployment.sensitive_places = [
        {name: found[name] for name in ("kind", "name", "distance_m")}
        for found in sensitive_within(deployment.agency_id, lat, lon)
    ]


def consent(deployment: Deployment, actor: User, values: Values, now: datetime) -> None:
    """``capacity, owner_name, owner_email, conditions, expires_at, document``: a signed paper."""
    deployment.consent = _by_document(deployment, actor, values, now)


def _by_document(deployment: Deployment, actor: User, values: Mapping[str, Any], now: datetime) -> Consent:
    """Its scope is what the draft asks now; who signed stands sealed."""
    policies.scope_known(deployment)
    record = records.new()
    details = {"name": values["owner_name"], "email": values.get("owner_email", "")}
    document = values["document"]
    return Consent.objects.create(
        agency=deployment.agency, capacity=values["capacity"], method=Consent.Method.DOCUMENT,
        document_sha256=document.sha256, document_name=documents.store(document, record),
        document_type=document.media_type, modules=deployment.modules, lat=deployment.lat, lon=deployment.lon,
        conditions=values.get("conditions", ""), record=record,
        details_sealed=records.seal_json(record, "details", details), given_at=now,
        expires_at=values["expires_at"], recorded_by=actor.person,
    )  # fmt: skip


def privacy(deployment: Deployment, actor: User, values: Values, now: datetime) -> None:
    """``signage, notice, retention_class``."""
    policies.usable_class(values["retention_class"])
    deployment.signage, deployment.notice = values["signage"], values["notice"]
    deployment.retention_class = values["retention_class"]


APPLY: dict[str, Callable[[Deployment, User, Values, datetime], None]] = {
    "incident": incident, "risk": risk, "need": need, "place": place, "consent": consent, "privacy": privacy,
}  # fmt: skip
VERB = {
    "incident": "incident.report", "risk": "risk.assess", "need": "need.state", "place": "deployment.place",
    "consent": "consent.give", "privacy": "deployment.update",
}  # fmt: skip


def stamp(deployment: Deployment) -> None:
    """Every saved change raises the version: the number a reader acts on."""
    deployment.version += 1
    deployment.saved_at = clock.now()
