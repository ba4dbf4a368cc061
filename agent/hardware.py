"""What hardware this trailer has, from one TOML file that whoever builds the trailer writes.

    [speaker]
    presets = "/opt/csrp-agent/presets"          # <presets>/<language>/<preset>.wav
    play = ["aplay", "-q", "{file}"]
    speak = ["espeak-ng", "-v", "{language}", "-a", "{volume}", "--stdin"]      # optional
    volume_ceiling_pct = 70                      # optional, 100

    [ptz]                                        # a camera that speaks ONVIF, see `onvif.py`
    address = "192.168.20.10"
    port = 80                                    # optional
    account = "/etc/csrp-agent/camera.secret"    # a file with one line: name:password
    profile = "Profile_1"                        # optional, the first that can be moved
    pan_deg = [-180, 180]                        # optional: what -1 and 1 mean, when it knows no degrees
    tilt_deg = [-90, 20]                         # optional, the same
    hfov_deg = [62.0, 2.3]                       # optional: fields of view from zoom 0 to zoom 1, even steps

    [readers]                                    # other makers' plate readers, see `adapters/receiver.py`
    address = "192.168.20.1"                     # optional, 127.0.0.1: this computer, or its own address
    port = 8471
    secrets = { axis = "/etc/csrp-agent/axis.secret", rekor = "/etc/csrp-agent/rekor.secret" }

Without the file, or without a part of it, the verbs of that part are refused as ``unsupported``, and nobody
can hand in a plate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

from agent.adapters.receiver import SECRET_MIN, VENDORS, Listening
from agent.keyfiles import read_secret
from agent.player import Player
from agent.spaces import Reach

SPEAKER = frozenset({"presets", "play", "speak", "volume_ceiling_pct"})
READERS = frozenset({"address", "port", "secrets"})
PTZ = frozenset({"address", "port", "account", "profile", "pan_deg", "tilt_deg", "hfov_deg"})
_VENDORS = ", ".join(sorted(VENDORS))
#: This computer, and private networks: what listens there is not reached from outside.
NEAR = tuple(
    ip_network(name)
    for name in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128",
        "fc00::/7",
    )
)  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    """Return the members of ``Config`` that the file decides; raises ``ValueError``."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path} can't be read: {error}") from error
    if unknown := set(told) - set(PARTS):
        raise ValueError(f"{path}: no such part: {', '.join(sorted(unknown))}")
    found: dict[str, Any] = {}
    for name, part in told.items():
        found |= PARTS[name](part)
    return found


def _speaker(part: Any) -> dict[str, Any]:
    _only("speaker", part, SPEAKER)
    presets, ceiling = part.get("presets"), part.get("volume_ceiling_pct", 100)
    if not isinstance(presets, str) or not Path(presets).is_dir():
        raise ValueError("[speaker] presets: a folder that is there")
    if isinstance(ceiling, bool) or not isinstance(ceiling, int) or not 0 <= ceiling <= 100:
        raise ValueError("[speaker] volume_ceiling_pct: a whole number from 0 to 100")
    play, speak = _words(part, "play"), _words(part, "speak") if "speak" in part else []
    return {"speaker": Player(Path(presets), play, speak), "volume_ceiling_pct": ceiling}


def _ptz(part: Any) -> dict[str, Any]:
    _only("ptz", part, PTZ)
    try:
        # Late: it takes a second, and it is an extra.
        from agent.onvif import Account, OnvifHead
    except ImportError as error:
        raise ValueError("[ptz] needs the library of the extra `onvif`, which is not installed") from error
    address, port, profile = part.get("address"), part.get("port", 80), part.get("profile", "")
    if not _near(address):
        raise ValueError("[ptz] address: the camera's address, on the trailer's own network")
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise ValueError("[ptz] port: a whole number from 1 to 65535")
    if not isinstance(profile, str):
        raise ValueError("[ptz] profile: the token of a media profile, as a text")
    user, password = _account(part.get("account"))
    reach = Reach(_ends(part, "pan_deg", 360.0), _ends(part, "tilt_deg", 180.0), _widths(part))
    return {"ptz": OnvifHead(Account(address, port, user, password, profile, reach))}


def _account(file: Any) -> tuple[str, str]:
    """Return name and password from the file that holds them."""
    if not isinstance(file, str) or not file:
        raise ValueError("[ptz] account: the name of a file that holds name:password")
    try:
        user, colon, password = read_secret(Path(file)).partition(":")
    except ValueError as error:
        raise ValueError(f"[ptz] account: {error}") from error
    if not user or not colon or not password:
        raise ValueError(f"[ptz] account: {file} holds no name:password")
    return user, password


def _ends(part: dict[str, Any], name: str, most_deg: float) -> tuple[float, float] | None:
    """Return two angles, rising, at most so many degrees apart; None when they are left out."""
    if name not in part:
        return None
    found = _numbers(part[name])
    if len(found) != 2 or not 0 < found[1] - found[0] <= most_deg or max(map(abs, found)) > most_deg:
        raise ValueError(f"[ptz] {name}: two angles in degrees, the smaller one first")
    return found[0], found[1]


def _widths(part: dict[str, Any]) -> tuple[float, ...]:
    found = _numbers(part.get("hfov_deg", []))
    falls = all(wide > narrow for wide, narrow in pairwise(found))
    if "hfov_deg" in part and not (len(found) >= 2 and falls and found[-1] > 0 and found[0] < 180):
        raise ValueError("[ptz] hfov_deg: two or more fields of view in degrees, the widest first")
    return found


def _numbers(value: Any) -> tuple[float, ...]:
    """Return a list of finite numbers; an empty one for anything else."""
    if not isinstance(value, list) or not all(type(one) in (int, float) and isfinite(one) for one in value):
        return ()
    return tuple(float(one) for one in value)


def _readers(part: Any) -> dict[str, Any]:
    _only("readers", part, READERS)
    address, port = part.get("address", "127.0.0.1"), part.get("port")
    if not _near(address):
        raise ValueError(
            "[readers] address: an address of this computer, its loopback or on the trailer's own network"
        )
    if isinstance(port, bool) or not isinstance(port, int) or not 1024 <= port <= 65535:
        raise ValueError("[readers] port: a whole number from 1024 to 65535")
    files = part.get("secrets")
    if not isinstance(files, dict) or not files:
        raise ValueError(f"[readers] secrets: the file of a secret for one or more of {_VENDORS}")
    return {"readers": Listening(address, port, {name: _secret(name, file) for name, file in files.items()})}


def _secret(vendor: str, file: Any) -> str:
    if vendor not in VENDORS:
        raise ValueError(f"[readers] secrets: no adapter for {vendor}, only for {_VENDORS}")
    if not isinstance(file, str) or not file:
        raise ValueError(f"[readers] secrets.{vendor}: the name of a file that holds the secret")
    try:
        secret = read_secret(Path(file))
    except ValueError as error:
        raise ValueError(f"[readers] secrets.{vendor}: {error}") from error
    if len(secret) < SECRET_MIN:
        raise ValueError(f"[readers] secrets.{vendor}: {file} holds less than {SECRET_MIN} signs")
    return secret


def _near(address: Any) -> bool:
    """Tell whether this is one address, of this computer or of a private network."""
    try:
        return isinstance(address, str) and any(ip_address(address) in network for network in NEAR)
    except ValueError:
        return False


def _only(name: str, part: Any, known: frozenset[str]) -> None:
    if not isinstance(part, dict) or set(part) - known:
        raise ValueError(f"[{name}] takes {', '.join(sorted(known))} and nothing else")


def _words(part: dict[str, Any], name: str) -> list[str]:
    words = part.get(name)
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError(f"[speaker] {name}: a program and its arguments, as a list of texts")
    return words


PARTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "speaker": _speaker, "ptz": _ptz, "readers": _readers,
}  # fmt: skip
