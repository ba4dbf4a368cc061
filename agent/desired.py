"""The desired state: what the console wants of the trailer, kept on disk, and judged by the agent's own
clock."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.clock import parse

MODULES = ("acoustic", "alpr", "ptz", "speaker")
GEOFENCE_M = 25.0

Place = tuple[float, float, float | None]


@dataclass(frozen=True)
class Desired:
    """One version of it; no deployment means every sensor off.

    ``point`` is the authorised place in WGS 84 degrees, ``forbidden_sectors`` are pairs of degrees true,
    clockwise, into which the camera may not look. ``heading_deg`` is the azimuth true to which pan 0 looks;
    ``presets`` are places by number: azimuth, tilt and field of view (or None) in degrees, or None.
    """

    version: int = 0
    deployment: str | None = None
    until: datetime | None = None
    modules: dict[str, Any] = field(default_factory=dict)
    hotlist_min_version: int = 0
    point: tuple[float, float] | None = None
    geofence_m: float = GEOFENCE_M
    forbidden_sectors: tuple[tuple[float, float], ...] = ()
    heading_deg: float = 0.0
    presets: dict[int, Place | None] = field(default_factory=dict)

    def sensing(self, module: str, now: datetime) -> bool:
        """Tell whether this module may be on: a deployment, not yet over, that names it."""
        return self.deployed(now) and self.modules.get(module) in (True, "on")

    def deployed(self, now: datetime) -> bool:
        """Tell whether there is a deployment whose ``until`` is still ahead of ``now``."""
        return self.deployment is not None and self.until is not None and self.until > now


def read(body: Any) -> Desired:
    """Read a ``GET /api/v1/desired/`` body; raises ``ValueError`` when its form is wrong."""
    if not isinstance(body, dict) or not isinstance(body.get("version"), int):
        raise ValueError("a desired state without a version")
    deployment, modules = body.get("deployment"), body.get("modules") or {}
    if not isinstance(modules, dict):
        raise ValueError("modules of the wrong type")
    least = body.get("hotlist_min_version") or 0
    if deployment is None:
        return Desired(version=body["version"], modules=modules, hotlist_min_version=int(least))
    try:
        return Desired(
            body["version"], str(deployment["id"]), parse(deployment["until"]), modules, int(least),
            _point(deployment.get("point")), float(deployment.get("geofence_m") or GEOFENCE_M),
            _sectors(body.get("forbidden_sectors")), float(deployment.get("heading_deg") or 0.0),
            _presets(body.get("presets")),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a deployment without {error}") from error


def _point(value: Any) -> tuple[float, float] | None:
    return None if value is None else (float(value["lat"]), float(value["lon"]))


def _sectors(value: Any) -> tuple[tuple[float, float], ...]:
    """Read the masks; a mask that can't be read can't be kept, so the whole state is not taken."""
    return tuple((float(one["from_deg"]), float(one["to_deg"])) for one in value or ())


def _presets(value: Any) -> dict[int, Place | None]:
    """Read the places by number; None stands for one that only the camera itself knows."""
    return {int(one["n"]): _place(one) for one in value or ()}


def _place(one: Any) -> Place | None:
    if one.get("az_deg") is None:
        return None
    hfov_deg = one.get("hfov_deg")
    return (
        float(one["az_deg"]), float(one.get("tilt_deg") or 0.0), None if hfov_deg is None else float(hfov_deg)
    )  # fmt: skip


class DesiredFile:
    """The last desired state and its ETag, so that a reboot without a link knows whether it may sense."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "desired.json"

    def load(self) -> tuple[Desired, str | None]:
        """Return what was kept; nothing readable means nothing is wanted."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            return read(kept["body"]), kept.get("etag")
        except (OSError, ValueError, KeyError, TypeError):
            return Desired(), None

    def save(self, body: Any, etag: str | None) -> None:
        """Replace what was kept, whole or not at all."""
        temporary = self.path.with_suffix(".new")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"body": body, "etag": etag}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)

    def forget(self) -> None:
        """Keep nothing: there is no deployment, or what there is can't be kept. It needs no room."""
        self.path.unlink(missing_ok=True)
