"""The answers of the deployments API, for its schema and its tests."""

from typing import Any, Literal

from msgspec import Struct

from csoc.lib.wire import PersonWire


class DeploymentWire(Struct):
    """A deployment as the API shows it."""

    id: str
    term: int
    version: int
    state: str
    trailer: str
    site: str
    lat: float | None
    lon: float | None
    modules: list[str]
    starts_at: str | None
    ends_at: str | None
    content_hash: str
    deactivated_at: str | None
    deactivation_reason: str | None


class IncidentWire(Struct):
    """The incident that it answers to."""

    cad: str
    kind: str
    place: str
    reported_at: str


class RiskWire(Struct):
    """The assessment that it rests on."""

    score: int
    threshold: int
    valid_until: str
    factors: dict[str, Any]


class NeedWire(Struct):
    """The operational need, in the applicant's words."""

    aim: str
    alternatives: str
    justifications: dict[str, str]
    review_every_days: int


class ConsentWire(Struct):
    """The owner's consent, without the owner."""

    capacity: str
    method: str
    modules: list[str]
    conditions: str
    expires_at: str
    withdrawn_at: str | None


class PlaceWire(Struct):
    """Where, where the camera may not look, how loud; degrees true, per cent, local times."""

    address: str
    heading_deg: float
    forbidden_sectors: list[dict[str, Any]]
    sensitive_places: list[dict[str, Any]]
    speaker_ceiling_pct: int
    quiet_from: str | None
    quiet_to: str | None
    quiet_ceiling_pct: int


class PrivacyWire(Struct):
    """The privacy check."""

    signage: str
    notice: str
    retention_class: str


class WholeDeploymentWire(DeploymentWire):
    """A deployment with everything that an authorising officer reads."""

    unit: str
    applicant: PersonWire
    incident: IncidentWire | None
    risk: RiskWire | None
    address: str
    need: NeedWire
    place: PlaceWire
    privacy: PrivacyWire
    authorised_by: PersonWire | None
    authorised_at: str | None
    activated_at: str | None
    review_due_at: str | None
    hotlist_categories: list[str]
    consent: ConsentWire | None


class PointWire(Struct):
    """One point of the installation checklist; ``value`` in metres, degrees or milliseconds."""

    item: str
    state: Literal["open", "passed", "failed"]
    recorded_at: str | None
    value: float | None
    code: str


class InstallationWire(Struct):
    """How far a trailer is set up; ``open_until``: the end of the window while it is open."""

    deployment: str
    state: str
    open_until: str | None
    missing: list[str]
    points: list[PointWire]
