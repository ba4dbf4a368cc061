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


@dataclass(frozen=True)
class Desired:
    """One version of it; no deployment means every sensor off."""

    version: int = 0
    deployment: str | None = None
    until: datetime | None = None
    modules: dict[str, Any] = field(default_factory=dict)
    hotlist_min_version: int = 0

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
            body["version"], str(deployment["id"]), parse(deployment["until"]), modules, int(least)
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a deployment without {error}") from error


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
        """Keep nothing: the console said that there is no deployment."""
        self.path.unlink(missing_ok=True)
