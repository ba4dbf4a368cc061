"""Looks at what listens on this machine. No Django here."""

from __future__ import annotations

import http.client
import socket
import urllib.request


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def answers_at(url: str, timeout_s: float = 5.0) -> bool:
    """True if ``url`` answers 200 within ``timeout_s`` seconds."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def port_answers(port: int) -> bool:
    """True when something listens on 127.0.0.1:port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
