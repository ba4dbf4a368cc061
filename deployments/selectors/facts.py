"""What the pages of the facts show: versions and what changed, places to search, the outline drawn."""

import math
from dataclasses import dataclass
from typing import Any

import shapely
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Role, User
from accounts.selectors import roles_of
from csoc.lib.errors import nothing_here
from deployments.models import PlacesList, RiskMatrix, SensitivePlace
from deployments.selectors.places import (
    area_km2,
    current_area,
    current_places,
    in_service_area,
    sensitive_within,
)
from deployments.selectors.risk import matrices_of

SHOWN = 200


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the matrix, with what it changed in the one that was in force before it."""

    matrix: RiskMatrix
    state: str
    changes: tuple[str, ...]


def may_keep(user: User) -> bool:
    """Whether this person proposes, imports and sets."""
    return Role.SUPERVISOR in roles_of(user)


def versions(agency_id: int) -> list[Version]:
    """Return every version, newest first: ``proposed``, ``in_force``, ``earlier`` or ``withdrawn``."""
    found = list(matrices_of(agency_id))
    published = [matrix for matrix in found if matrix.published_at is not None]
    in_force = published[0] if published else None
    told = []
    for matrix in found:
        before = next((one for one in published if one.version < matrix.version), None)
        changes = tuple(differences(before, matrix)) if before else ()
        told.append(Version(matrix, _state(matrix, in_force), changes))
    return told


def _state(matrix: RiskMatrix, in_force: RiskMatrix | None) -> str:
    if matrix.withdrawn_at is not None:
        return "withdrawn"
    if matrix.published_at is None:
        return "proposed"
    return "in_force" if matrix == in_force else "earlier"


def proposal(user: User, version: int) -> RiskMatrix:
    """Return that version of the person's agency. Errors: Refused 404."""
    found = matrices_of(user.person.agency_id).filter(version=version).first()
    if found is None:
        raise nothing_here()
    return found


def differences(before: RiskMatrix, after: RiskMatrix) -> list[str]:
    """Say what ``after`` changes, a sentence each; nothing if they judge alike."""
    said = [
        _("%(what)s: %(old)s → %(new)s") % {"what": what, "old": old, "new": new}
        for what, old, new in (
            (_("Name"), before.name, after.name),
            (_("Threshold"), before.threshold, after.threshold),
            (_("Highest score"), before.highest, after.highest),
            (_("Valid for days"), before.valid_days, after.valid_days),
        )
        if old != new
    ]
    if before.example and not after.example:
        said.append(_("No longer marked as an example"))
    old = {factor["key"]: factor for factor in before.factors}
    new = {factor["key"]: factor for factor in after.factors}
    said += [_("New factor: %(label)s") % {"label": new[key]["label"]} for key in new if key not in old]
    said += [_("Factor left out: %(label)s") % {"label": old[key]["label"]} for key in old if key not in new]
    for key in new:
        if key in old:
            said += _of_factor(old[key], new[key])
    return said


def _of_factor(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    words = {
        "label": _("label"), "weight": _("weight"), "hint": _("hint"), "levels": _("words"),
        "without": _("sentence without it"),
    }  # fmt: skip
    said = []
    for name, word in words.items():
        one, other = old.get(name, ""), new.get(name, "")
        if one != other:
            shown = [
                ", ".join(value) if isinstance(value, list) else str(value or "–") for value in (one, other)
            ]
            told = {"factor": new["label"], "what": word, "old": shown[0], "new": shown[1]}
            said.append(_("%(factor)s, %(what)s: %(old)s → %(new)s") % told)
    return said


def searched(agency_id: int, text: str, kind: str) -> QuerySet[SensitivePlace]:
    """Return the places of the list in force whose name holds ``text``, of one kind or of all."""
    found = SensitivePlace.objects.filter(list=current_places(agency_id)).order_by("kind", "name", "pk")
    if text:
        found = found.filter(name__icontains=text)
    return found.filter(kind=kind) if kind in SensitivePlace.Kind.values else found


def places_page(agency_id: int, text: str, kind: str) -> dict[str, Any]:
    """Return what the page of places shows; at most ``SHOWN`` rows, and how many there are."""
    found, newest = searched(agency_id, text, kind), current_places(agency_id)
    counts = SensitivePlace.objects.filter(list=newest).values_list("kind").annotate(n=Count("pk"))
    known = dict(counts.values_list("kind", "n")) if newest else {}
    return {
        "newest": newest,
        "places": list(found[:SHOWN]),
        "found": found.count(),
        "limit": SHOWN,
        "kinds": [(value, label, known.get(value, 0)) for value, label in SensitivePlace.Kind.choices],
        "imports": PlacesList.objects.filter(agency_id=agency_id)
        .order_by("-version")
        .select_related("imported_by")[:10],
    }


def kinds() -> list[tuple[str, str]]:
    """Return the kinds of places: what a file says, and what it means."""
    return [(value, str(label)) for value, label in SensitivePlace.Kind.choices]


def around(agency_id: int, lat: float, lon: float) -> dict[str, Any]:
    """Return ``{"inside_area", "places"}`` of a point; None where no area is set."""
    labels = dict(kinds())
    near = sensitive_within(agency_id, lat, lon)
    return {
        "inside_area": in_service_area(agency_id, lat, lon),
        "places": [{**place, "label": str(labels[place["kind"]])} for place in near],
    }


#: The drawing's size in its own units.
WIDE, HIGH, EDGE = 760, 520, 24


def drawn_area(agency_id: int) -> dict[str, Any] | None:
    """Return the outline as a drawing: path, parallels and meridians, places; None while none is set."""
    area = current_area(agency_id)
    if area is None:
        return None
    south, west, north, east = shapely.Polygon(area.ring).bounds
    shrink = max(math.cos(math.radians((south + north) / 2)), 0.05)
    scale = min(
        (WIDE - 2 * EDGE) / max((east - west) * shrink, 1e-9), (HIGH - 2 * EDGE) / max(north - south, 1e-9)
    )

    def at(lat: float, lon: float) -> tuple[float, float]:
        x = WIDE / 2 + (lon - (east + west) / 2) * shrink * scale
        return round(x, 1), round(HIGH / 2 - (lat - (north + south) / 2) * scale, 1)

    lats, lons = _round_steps(south, north), _round_steps(west, east)
    places = SensitivePlace.objects.filter(list=current_places(agency_id))[: 4 * SHOWN]
    return {
        "area": area, "wide": WIDE, "high": HIGH,
        "points": " ".join(f"{x},{y}" for x, y in (at(lat, lon) for lat, lon in area.ring)),
        "parallels": [(at(lat, west)[1], f"{lat:g}°") for lat in lats],
        "meridians": [(at(south, lon)[0], f"{lon:g}°") for lon in lons],
        "dots": [at(place.lat, place.lon) for place in places],
        "bar": _bar(scale), "corners": len(area.ring) - 1, "shown": area.ring[:-1][:SHOWN],
        "km2": f"{area_km2(area.ring):,.1f}",
    }  # fmt: skip


def _round_steps(low: float, high: float) -> list[float]:
    """Round degrees between the two, about five of them."""
    rough = max(high - low, 1e-6) / 5
    step = next(one for one in (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 50) if one >= min(rough, 50))
    first = math.ceil(low / step)
    return [round(number * step, 4) for number in range(first, math.floor(high / step) + 1)]


def _bar(scale: float) -> dict[str, Any]:
    """A scale bar of a round length, in kilometres; ``scale`` is units a degree of latitude."""
    unit = scale / 111.2
    km = max((one for one in (0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if one * unit <= 160), default=0.1)
    return {"km": f"{km:g}", "wide": round(km * unit, 1), "x": round(WIDE - km * unit - 70, 1)}
