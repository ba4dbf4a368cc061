"""The answers of the deployments API, for its schema and its tests."""

from msgspec import Struct

from csoc.lib.wire import PersonWire


class DeploymentWire(Struct):
    """A deployment as the API shows it."""

    id: str
    version: int
    state: str
    trailer: str
    site: str
    lat: float
    lon: float
    modules: list[str]
    starts_at: str
    ends_at: str
    content_hash: str
    deactivated_at: str | None
    deactivation_reason: str | None


class IncidentWire(Struct):
    """The incident that it answers to."""

    cad: str
    kind: str
    reported_at: str


class RiskWire(Struct):
    """The assessment that it rests on."""

    score: int
    threshold: int
    valid_until: str


class NeedWire(Struct):
    """The operational need, in the applicant's words."""

    aim: str
    alternatives: str


class ConsentWire(Struct):
    """The owner's consent, without the owner."""

    capacity: str
    expires_at: str
    withdrawn_at: str | None


class WholeDeploymentWire(DeploymentWire):
    """A deployment with everything that an authorising officer reads."""

    unit: str
    applicant: PersonWire
    incident: IncidentWire | None
    risk: RiskWire | None
    need: NeedWire
    hotlist_categories: list[str]
    consent: ConsentWire | None
