"""The sections as the API sends them: JSON in, the same forms, their errors as pointers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from csoc.lib.errors import Refused
from deployments.models import Deployment
from deployments.sections.base import YEARS, typed_moment
from deployments.sections.place import MAX_SECTORS
from deployments.sections.tasks import SECTION
from deployments.selectors import current_matrix

PLAIN = {
    "incident": ("cad", "kind", "place"),
    "risk": (),
    "need": ("aim", "alternatives", "review_every_days"),
    "place": (
        "site", "address", "lat", "lon", "heading_deg", "speaker_ceiling_pct", "quiet_from", "quiet_to",
        "quiet_ceiling_pct",
    ),
    "privacy": ("signage", "notice", "retention_class"),
}  # fmt: skip
MOMENTS = {"incident": ("reported",), "need": ("starts", "ends")}
NESTED = {"risk": "factors", "need": "justifications", "place": "forbidden_sectors"}
DEFAULTS = {"need": {"review_every_days": 7}, "place": {"quiet_ceiling_pct": 0, "speaker_ceiling_pct": 0}}

Told = dict[str, Any]


class Wrong(Exception):
    """One member of the body is not what it has to be."""

    def __init__(self, pointer: str, code: str) -> None:
        super().__init__(pointer)
        self.pointer, self.code = pointer, code


def sections_of(deployment: Deployment, body: Mapping[str, Any]) -> dict[str, Told]:
    """Return the typed values of each section of a body ``{section: {field: value}}``.

    Errors: Refused ``schema`` (422) with ``errors`` as JSON pointers; a consent has its own ways.
    """
    told: dict[str, Told] = {}
    wrong: list[dict[str, str]] = []
    for section, values in body.items():
        try:
            told[section] = _section(deployment, section, values, wrong)
        except Wrong as error:
            wrong.append({"pointer": error.pointer, "code": error.code})
    if wrong or not told:
        sentence = _("Some fields are not right.") if wrong else _("Name at least one section.")
        raise Refused("schema", sentence, 422, errors=wrong)
    return told


def _section(deployment: Deployment, section: str, values: Any, wrong: list[dict[str, str]]) -> Told:
    if section not in PLAIN:
        raise Wrong(f"/{section}", "unknown-section")
    if not isinstance(values, Mapping):
        raise Wrong(f"/{section}", "not-an-object")
    matrix = current_matrix(deployment.agency_id) if section == "risk" else None
    form = SECTION[section].Form(_flat(section, values), deployment=deployment, matrix=matrix)
    if form.is_valid():
        return dict(form.values())
    wrong += [
        {"pointer": _pointer(section, field), "code": str(error.code or "invalid")}
        for field, errors in form.errors.as_data().items()
        for error in errors
    ]
    return {}


def _flat(section: str, values: Mapping[str, Any]) -> Told:
    """Turn the nested values into the form's fields. Errors: Wrong."""
    told: Told = dict(DEFAULTS.get(section, {}))
    known = {*PLAIN[section], *(f"{name}_at" for name in MOMENTS.get(section, ())), NESTED.get(section)}
    for name, value in values.items():
        if name not in known:
            raise Wrong(f"/{section}/{name}", "unknown-field")
        if name in PLAIN[section]:
            told[name] = _scalar(f"/{section}/{name}", value)
    for name in MOMENTS.get(section, ()):
        told |= typed_moment(name, _moment(f"/{section}/{name}_at", values.get(f"{name}_at")))
    if section in NESTED:
        told |= NEST[section](values.get(NESTED[section]))
    return told


def _scalar(pointer: str, value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Wrong(pointer, "invalid")
    return str(value)


def _moment(pointer: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong(pointer, "invalid") from None
    if moment.tzinfo is None:
        raise Wrong(pointer, "no-zone")
    if moment.year not in YEARS:
        raise Wrong(pointer, "year")
    return moment


def _factors(value: Any) -> Told:
    if not isinstance(value, Mapping) or not all(isinstance(one, Mapping) for one in value.values()):
        raise Wrong("/risk/factors", "invalid")
    told: Told = {}
    for key, scored in value.items():
        told[f"level-{key}"] = _scalar(f"/risk/factors/{key}/level", scored.get("level"))
        told[f"why-{key}"] = _scalar(f"/risk/factors/{key}/why", scored.get("why", ""))
    return told


def _justified(value: Any) -> Told:
    if not isinstance(value, Mapping):
        raise Wrong("/need/justifications", "invalid")
    told: Told = {}
    for key, why in value.items():
        told |= {f"on-{key}": True, f"why-{key}": _scalar(f"/need/justifications/{key}", why)}
    return told


def _sectors(value: Any) -> Told:
    rows = value if value is not None else []
    if (
        not isinstance(rows, list)
        or len(rows) > MAX_SECTORS
        or not all(isinstance(row, Mapping) for row in rows)
    ):
        raise Wrong("/place/forbidden_sectors", "invalid")
    return {
        f"sector-{number}-{part}": _scalar(f"/place/forbidden_sectors/{number}/{name}", row.get(name))
        for number, row in enumerate(rows)
        for part, name in (("from", "from_deg"), ("to", "to_deg"), ("why", "why"))
    }


NEST = {"risk": _factors, "need": _justified, "place": _sectors}


def _pointer(section: str, field: str) -> str:
    """Name what was sent, not the form's field."""
    if field == "__all__":
        return f"/{section}"
    kind, _dash, key = field.partition("-")
    if section == "risk":
        return f"/risk/factors/{key}/{kind}"
    if section == "need" and kind in ("on", "why"):
        return f"/need/justifications/{key}"
    if kind == "sector":
        row, _dash, part = key.partition("-")
        return f"/place/forbidden_sectors/{row}/{part}" + ("_deg" if part != "why" else "")
    return f"/{section}/" + field.replace("_date", "_at").replace("_time", "_at")
