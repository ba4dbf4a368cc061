"""What the gateway is told from outside: environment variables and two command-line ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class BadSettings(Exception):
    """The gateway can't start with these settings; the message says which one and why."""


@dataclass(frozen=True)
class Settings:
    """Settings of one gateway process. All `_s` values are seconds."""

    secret: str
    auth_url: str
    lease_url: str
    host: str = "127.0.0.1"
    port: int = 0
    addresses: tuple[str, ...] = ("127.0.0.1",)
    udp_from: int = 0
    udp_to: int = 0
    hook_timeout_s: float = 2.0
    lease_every_s: float = 2.0
    lease_life_s: float = 6.0
    connect_timeout_s: float = 10.0
    publisher_silence_s: float = 5.0
    viewer_patience_s: float = 20.0

    @property
    def max_sessions(self) -> int:
        """How many sessions fit: every session takes one UDP port on each address."""
        return self.udp_to - self.udp_from + 1 if self.udp_from else 200


def from_environment(
    env: Mapping[str, str], *, port: int, host: str = "127.0.0.1", udp_from: int = 0, udp_to: int = 0
) -> Settings:
    """Read CSOC_GATEWAY_SECRET, CSOC_PUBLIC_URL, CSOC_AUTH_HOOK, CSOC_LEASE_HOOK, CSOC_GATEWAY_ADDRESSES.

    Raises BadSettings when the secret or the console's address is missing, or the UDP range is empty.
    """
    secret = env.get("CSOC_GATEWAY_SECRET", "")
    if len(secret) < 32:
        raise BadSettings("CSOC_GATEWAY_SECRET must be set, 32 characters or more")
    console = env.get("CSOC_PUBLIC_URL", "").rstrip("/")
    auth_url = env.get("CSOC_AUTH_HOOK", "") or (f"{console}/internal/media/auth/" if console else "")
    lease_url = env.get("CSOC_LEASE_HOOK", "") or (f"{console}/internal/media/lease/" if console else "")
    if not auth_url or not lease_url:
        raise BadSettings("CSOC_PUBLIC_URL (or CSOC_AUTH_HOOK and CSOC_LEASE_HOOK) must be set")
    if bool(udp_from) != bool(udp_to) or udp_to < udp_from or not 0 <= udp_to <= 65535:
        raise BadSettings("--udp-from and --udp-to must be given together, from <= to <= 65535")
    addresses = tuple(a.strip() for a in env.get("CSOC_GATEWAY_ADDRESSES", "").split(",") if a.strip())
    return Settings(
        secret=secret,
        auth_url=auth_url,
        lease_url=lease_url,
        host=host,
        port=port,
        addresses=addresses or ("127.0.0.1",),
        udp_from=udp_from,
        udp_to=udp_to,
    )
