"""The answers of the deployments API, for its schema and its tests."""

from msgspec import Struct


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
