"""The requests of the plate lists (see ``log_down_cases``)."""

from __future__ import annotations

import itertools
import json
from typing import Any

from tests.alerts.lists import bring, file_of, manifest_of, rows
from tests.rooms.log_standing import Standing

_numbers = itertools.count(1)


def begun(standing: Standing) -> str:
    """The path of an upload of the first supervisor, all pieces there, not yet finished."""
    from accounts.services import acting
    from alerts import services
    from alerts.importing import uploads
    from csoc.lib import clock

    file, omar = file_of(rows(3)), standing.place.scene.users["supervisor"]
    with standing.place.inside(), acting(omar):
        raw = manifest_of(file, list_id=f"case-{next(_numbers)}")
        upload = services.begin_upload(actor=omar, manifest_bytes=raw)
        uploads.add_chunk(upload, 0, file, clock.now())
    return str(upload.pk)


def waits(standing: Standing) -> str:
    """The path of a version that another supervisor brought, and that waits for the first one."""
    noor, name = standing.place.scene.users["supervisor-2"], f"case-{next(_numbers)}"
    with standing.place.inside():
        bring(noor, file_of(rows(9)), list_id=name)
        upload = bring(noor, file_of(rows(2)), list_id=name, version=2)
    return str(upload.pk)


def manifest() -> Any:
    """A manifest as JSON."""
    return json.loads(manifest_of(file_of(rows(3)), list_id=f"case-{next(_numbers)}"))


def both() -> dict[str, Any]:
    """Manifest and file. A form takes one file here, so the manifest is the one that is missing."""
    file = file_of(rows(3))
    raw = manifest_of(file, list_id=f"case-{next(_numbers)}")
    return {"manifest": ("list.json", raw), "file": ("list.csv", file)}
