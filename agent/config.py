"""What a trailer must know before it runs: who it is, whose console it obeys, where it keeps things, what it
has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent import telemetry
from agent.adapters.receiver import Listening
from agent.channel import PATH
from agent.clock import AgentClock
from agent.fence import Fix
from agent.ports import Ptz, Speaker
from agent.streams import Publishes, make_publisher
from agent.telemetry import Reads


def unknown() -> None:
    """Return null: what no sensor measures is unknown, never -1."""


def unknown_source() -> Mapping[str, Any]:
    """Return what a computer says of its clock that was told nothing about it."""
    return {"source": "unknown"}


def authority_of(url: str) -> str:
    """Return the RFC 9421 ``@authority`` of a URL: lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return host.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, "\n"))


@dataclass
class Config:
    """Everything a trailer must know; ``console_keys`` maps kid to 32 raw bytes, positions are WGS 84
    degrees."""

    trailer: str
    keyid: str
    private_key_file: Path
    console_url: str
    console_keys: Mapping[str, bytes]
    state_dir: Path
    authority: str = ""
    label: str = ""
    lat: float | None = None
    lon: float | None = None
    #: The receiver; without one the trailer stands at ``lat``, ``lon``.
    fix: Callable[[], Fix | None] = unknown
    channel_url: str = ""
    battery_soc_pct: Callable[[], float | None] = unknown
    #: What the power controller, the site's sensors and the cabinet say, by the contract's names.
    power: Reads = telemetry.nothing
    site: Reads = telemetry.nothing
    health: Reads = telemetry.nothing
    publisher: Callable[[], Publishes] = make_publisher
    #: Hardware that this trailer has; what it has not is answered `unsupported`.
    ptz: Ptz | None = None
    speaker: Speaker | None = None
    volume_ceiling_pct: int = 100
    #: Where the plate readers of other makers hand in what they read; None: nowhere.
    readers: Listening | None = None
    clock: AgentClock = field(default_factory=AgentClock)
    #: What keeps this computer's time, as the contract's ``clock``: ``source``, and ``error_ms`` if it is
    #: known. The console seals it as a fact, so nothing is said here that nobody measured.
    time_source: Callable[[], Mapping[str, Any]] = unknown_source
    #: Whether the agent renews its own key: only one that keeps its identity in ``state_dir`` can.
    renews_key: bool = False

    def socket_url(self) -> str:
        """Return the channel's URL: the console's own, unless one was given."""
        if self.channel_url:
            return self.channel_url
        return "ws" + self.console_url.rstrip("/").removeprefix("http") + PATH
