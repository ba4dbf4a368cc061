"""The run file: where a running demonstration is, who may sign in, and with what. For scripts and tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def seeded(data: Path) -> dict[str, Any]:
    """Return what the seed made, as console-api.md gives it: people, trailers with their keys, hotlist."""
    seed = json.loads((data / "seed.json").read_text("utf-8"))
    trailers = [
        {
            "trailer": row["trailer"],
            "keyid": row["keyid"],
            "private_key_file": str(data / row["private_key_file"]),
            "deployment": row.get("deployment"),
            "simulated": row["simulated"],
        }
        for row in seed["trailers"]
    ]
    hotlist = seed["hotlist"]
    sample = hotlist.get("sample") or hotlist["samples"][0]
    return {
        "people": seed["people"],
        "trailers": trailers,
        "hotlist": {"list_id": hotlist["list_id"], "version": hotlist["version"], "sample": sample},
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, readable by this user only: it holds passwords."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(path)
