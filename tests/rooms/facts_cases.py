"""The requests of the service's facts: matrix, places, area (see ``log_down_cases``)."""

from __future__ import annotations

import json
from typing import Any

from tests.rooms.log_standing import Standing

PLACES = "kind,name,lat,lon\n" + "".join(f"school,School {n},43.6{n:03d},-79.6\n" for n in range(12))
SQUARE = [[-79.9, 43.4], [-79.4, 43.4], [-79.4, 43.9], [-79.9, 43.9], [-79.9, 43.4]]
OUTLINE = json.dumps({"type": "Polygon", "coordinates": [SQUARE]})


def version(standing: Standing) -> int:
    """The number of a version that the first supervisor proposed."""
    from accounts.services import acting
    from deployments import matrices
    from deployments.services import facts

    dana = standing.place.scene.users["supervisor"]
    none_waits(standing)
    with standing.place.inside(), acting(dana):
        return facts.propose_matrix(actor=dana, **matrices.example()).version


def none_waits(standing: Standing) -> None:
    """Withdraw what waits to be published."""
    from accounts.services import acting
    from deployments.models import RiskMatrix
    from deployments.services import facts

    dana = standing.place.scene.users["supervisor"]
    with standing.place.inside(), acting(dana):
        for waiting in RiskMatrix.objects.filter(published_at=None, withdrawn_at=None):
            facts.withdraw_proposal(actor=dana, matrix_id=waiting.pk)


def matrix_form(standing: Standing) -> dict[str, Any]:
    """A whole version as its form sends it."""
    none_waits(standing)
    row = {"label-0": "Shots", "weight-0": "1", "levels-0": "a,b,c,d,e"}
    return {"name": "Ours", "threshold": "3", "valid_days": "7", **row}


def matrix_file(standing: Standing) -> dict[str, Any]:
    """A whole version as a file."""
    from deployments import matrices

    none_waits(standing)
    return {"file": ("matrix.toml", matrices.EXAMPLE.read_bytes())}
