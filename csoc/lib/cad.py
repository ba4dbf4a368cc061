"""What the settings of the CAD may be. Read without Django, so that a fault stops the program at start."""

import ipaddress
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def address_in(url: str) -> str:
    """Return the IP address that ``url`` names its host by, or an empty text when it is a name."""
    try:
        return str(ipaddress.ip_address(urlsplit(url).hostname or ""))
    except ValueError:
        return ""


def faults(
    url: str, address: str, token_file: Path | None, ca_file: Path | None, name: str, demo: bool
) -> list[str]:
    """Return every fault of these settings, in sentences."""
    found = _of_url(url, demo) + _of_address(address, demo)
    if token_file is not None and not _readable(token_file):
        found.append(f"CSOC_CAD_TOKEN_FILE: {token_file} cannot be read")
    if ca_file is not None and not _is_ca(ca_file):
        found.append(f"CSOC_CAD_CA_FILE: {ca_file} holds no certificate (PEM)")
    if not name.isprintable() or not name.strip():
        found.append("CSOC_CAD_NAME must be printable text")
    return found


def _of_url(url: str, demo: bool) -> list[str]:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return ["CSOC_CAD_URL is not a URL"]
    plain = not any(char.isspace() or not char.isprintable() for char in url) and url.isascii()
    if not host or not plain or parts.username or parts.password or parts.fragment:
        return ["CSOC_CAD_URL must be https://host/path, without a password in it: use CSOC_CAD_TOKEN_FILE"]
    if demo and parts.scheme == "http" and host in LOOPBACK:
        return []
    if parts.scheme != "https":
        return ["CSOC_CAD_URL must begin with https://"]
    # A demonstration's alerts are invented: they may never reach a dispatcher who sends somebody.
    return ["CSOC_CAD_URL: a demonstration hands off to this machine only"] if demo else []


def _of_address(address: str, demo: bool) -> list[str]:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ["CSOC_CAD_ADDRESS must be the IP address of the CAD: no name is asked when an alert is sent"]
    if demo:
        return [] if found.is_loopback else ["CSOC_CAD_ADDRESS: a demonstration stays on this machine"]
    bad = found.is_loopback or found.is_unspecified or found.is_multicast or found.is_link_local
    return ["CSOC_CAD_ADDRESS cannot be this machine, any machine or many"] if bad else []


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _is_ca(path: Path) -> bool:
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError):
        return False
    return True
