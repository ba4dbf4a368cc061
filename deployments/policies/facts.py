"""What may become a risk matrix, a list of sensitive places, the area of the service; and who says so."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import shapely
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Role, User
from accounts.policies import require_role
from csoc.lib.errors import Refused, nothing_here
from deployments.models import HIGHEST_LEVEL, RiskMatrix, SensitivePlace
from deployments.selectors.places import area_km2

MAX_FACTORS = 20
MAX_WEIGHT = 10
MAX_PLACES = 20_000
MAX_CORNERS = 2_000
#: A service's area in square kilometres: more than a yard, less than a province.
AREA_KM2 = (0.1, 200_000.0)
#: Nobody polices nearer to a pole; a point there has its longitude first.
_FARTHEST_LAT = 75.0
_MEMBERS = frozenset({"key", "label", "hint", "weight", "levels", "without"})
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
#: Marks that no page shows: controls, and those that turn the direction of writing.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ufeff]")
_LONGEST = {"label": 80, "hint": 160, "without": 120}


def may_keep_facts(actor: User) -> None:
    """Supervisors keep what everybody's applications are judged by."""
    require_role(actor, Role.SUPERVISOR)


def may_read_facts(actor: User) -> None:
    """Who applies, who decides, and who watches over it."""
    require_role(actor, Role.APPLICANT, Role.SUPERVISOR, Role.PRIVACY_OFFICER)


def may_look_around(actor: User) -> None:
    """Who chooses a place or judges it."""
    require_role(actor, Role.APPLICANT, Role.SUPERVISOR)


def may_publish(actor: User, matrix: RiskMatrix) -> None:
    """Another person than the one who proposed it, with whichever sign-in."""
    may_touch_proposal(actor, matrix)
    if matrix.proposed_by_id == actor.person_id:
        raise Refused(
            "own-request", _("You proposed this version. Another supervisor has to publish it."), 403
        )


def may_touch_proposal(actor: User, matrix: RiskMatrix) -> None:
    """A proposal of the own agency that still waits."""
    may_keep_facts(actor)
    if matrix.agency_id != actor.person.agency_id:
        raise nothing_here()
    if matrix.published_at is not None:
        raise Refused(
            "wrong-state", _("This version is published already, and stays as it is. Propose a new one."), 409
        )
    if matrix.withdrawn_at is not None:
        raise Refused("wrong-state", _("This proposal was withdrawn. Propose a new version."), 409)


def matrix_usable(name: str, factors: Any, threshold: Any, valid_days: Any) -> list[dict[str, Any]]:
    """Return the factors as they are kept. Errors: Refused ``matrix-broken`` (422), naming the factor."""
    _text(name, _("the name"), 80, "name")
    if not isinstance(factors, list) or not 1 <= len(factors) <= MAX_FACTORS:
        raise _broken(_("give 1 to %(most)d factors") % {"most": MAX_FACTORS})
    kept = [_factor(factor, number) for number, factor in enumerate(factors, 1)]
    if len({factor["key"] for factor in kept}) < len(kept) or len({one["label"] for one in kept}) < len(kept):
        raise _broken(_("two factors have the same key or label"))
    highest = sum(factor["weight"] for factor in kept) * HIGHEST_LEVEL
    if type(threshold) is not int or not 1 <= threshold <= highest:
        raise _broken(
            _("the threshold is a whole number from 1 to %(most)d, the highest score")
            % {"most": highest}, "threshold",
        )  # fmt: skip
    if type(valid_days) is not int or not 1 <= valid_days <= 90:
        raise _broken(_("an assessment is valid for 1 to 90 days"), "valid_days")
    return kept


def _factor(told: Any, number: int) -> dict[str, Any]:
    where = _("factor %(number)d") % {"number": number}
    field = f"factor-{number}"
    if not isinstance(told, Mapping) or not set(told) <= _MEMBERS:
        raise _broken(_("%(where)s holds something that no factor has") % {"where": where}, field)
    key = told.get("key")
    if not isinstance(key, str) or not _KEY.match(key):
        raise _broken(
            _("%(where)s needs a key of small letters, digits and _") % {"where": where}, field
        )  # fmt: skip
    levels = told.get("levels")
    if not isinstance(levels, list) or len(levels) != HIGHEST_LEVEL + 1:
        raise _broken(_("%(where)s needs five words, for 0 to 4") % {"where": where}, field)
    if type(told.get("weight")) is not int or not 1 <= told["weight"] <= MAX_WEIGHT:
        raise _broken(_("%(where)s needs a weight from 1 to 10") % {"where": where}, field)
    kept = {
        "key": key,
        "weight": told["weight"],
        "levels": [_text(word, where, 24, field) for word in levels],
    }
    kept["label"] = _text(told.get("label"), where, _LONGEST["label"], field)
    for name in ("hint", "without"):
        kept[name] = _text(told.get(name, ""), where, _LONGEST[name], field, empty=True)
    return kept


def _text(told: Any, where: str, longest: int, field: str, *, empty: bool = False) -> str:
    text = told.strip() if isinstance(told, str) else None
    if text is None or len(text) > longest or _UNSEEN.search(text) or not (text or empty):
        raise _broken(
            _("%(where)s needs text of %(longest)d signs at most") % {"where": where, "longest": longest},
            field,
        )
    return text


def _broken(why: str, field: str = "") -> Refused:
    extra = {"field": field} if field else {}
    return Refused(
        "matrix-broken", _("This matrix cannot be used: %(why)s.") % {"why": why}, 422, **extra
    )  # fmt: skip


def no_proposal_waits(waiting: RiskMatrix | None) -> None:
    """One proposal at a time: two would both claim to follow the version in force."""
    if waiting is not None:
        raise Refused(
            "proposal-waits",
            _("Version %(version)d waits to be published. Publish or withdraw it first.")
            % {"version": waiting.version},
            409,
        )


def places_usable(source: str, rows: Iterable[Mapping[str, Any]]) -> list[SensitivePlace]:
    """Return the places, unsaved. Errors: Refused ``places-broken`` (422) with ``lines``, at most 20.

    A row may carry ``line``, the number of its line in the file that it came from.
    """
    if not isinstance(source, str) or not 1 <= len(source.strip()) <= 120 or _UNSEEN.search(source):
        raise Refused("source-missing", _("Say where the list comes from."), 422, field="source")
    places: list[SensitivePlace] = []
    faults: list[dict[str, Any]] = []
    seen: dict[tuple[str, str, float, float], int] = {}
    for number, row in enumerate(rows, 1):
        line = int(row.get("line", number))
        if number > MAX_PLACES:
            raise Refused("too-large", _("A list holds 20,000 places at most."), 413)
        fault = place_fault(row)
        if fault is None:
            place = SensitivePlace(
                kind=row["kind"], name=row["name"].strip(), lat=float(row["lat"]), lon=float(row["lon"])
            )
            same = (place.kind, place.name.casefold(), place.lat, place.lon)
            if same in seen:
                fault = _("the same place is on line %(line)d") % {"line": seen[same]}
            else:
                seen[same] = line
                places.append(place)
        if fault is not None:
            faults.append({"line": line, "fault": fault})
    if faults:
        raise lines_broken(faults)
    if not places:
        raise Refused("places-empty", _("The list holds no place."), 422, field="file")
    return places


def lines_broken(faults: list[dict[str, Any]]) -> Refused:
    """All or nothing: name the first twenty lines at fault and how many there are."""
    return Refused(
        "places-broken",
        ngettext(
            "Nothing was stored: %(count)d line cannot be used. Mend it and send the whole list again.",
            "Nothing was stored: %(count)d lines cannot be used. Mend them and send the whole list again.",
            len(faults),
        )
        % {"count": len(faults)},
        422, lines=faults[:20], count=len(faults), field="file",
    )  # fmt: skip


def place_fault(row: Mapping[str, Any]) -> str | None:
    """Say in words what is wrong with one row, None if nothing is."""
    kinds = SensitivePlace.Kind.values
    name = row.get("name")
    if row.get("kind") not in kinds:
        return _("the kind is one of %(kinds)s") % {"kinds": ", ".join(kinds)}
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 120 or _UNSEEN.search(name):
        return _("the name has 1 to 120 signs")
    return point_fault(row.get("lat"), row.get("lon"))


def point_fault(lat: Any, lon: Any) -> str | None:
    """Say in words why this is no point in WGS 84 degrees where a service works, None if it is one."""
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (lat, lon)):
        return _("latitude and longitude are numbers in degrees, like 43.6595 and -79.6690")
    if not (abs(lat) <= 180 and abs(lon) <= 180):  # NaN is in no order either
        return _("latitude and longitude are not on Earth")
    if abs(lat) > _FARTHEST_LAT:
        if abs(lon) <= _FARTHEST_LAT:
            return _("longitude first? The latitude comes first, then the longitude")
        return _("the latitude is beyond 75 degrees")
    return None


def not_shrunk_unseen(before: int, after: int, seen: int | None) -> None:
    """A list that loses over half its places is imported only by who names how many it will hold."""
    if after * 2 < before and seen != after:
        raise Refused(
            "places-shrink",
            _("The list in force holds %(before)d places, this one %(after)d. Look again, then confirm.")
            % {"before": before, "after": after},
            409, before=before, after=after,
        )  # fmt: skip


def ring_usable(ring: Any) -> list[list[float]]:
    """Return the closed ring ``[[lat, lon], …]``. Errors: Refused ``area-broken`` (422)."""
    if not isinstance(ring, list) or len(ring) > MAX_CORNERS + 1:
        raise _no_area(_("it is a line of at most 2,000 corners"))
    points: list[list[float]] = []
    for point in ring:
        if not isinstance(point, list | tuple) or len(point) != 2:
            raise _no_area(_("a corner is a latitude and a longitude"))
        fault = point_fault(*point)
        if fault is not None:
            raise _no_area(_("corner %(number)d: %(fault)s") % {"number": len(points) + 1, "fault": fault})
        points.append([float(point[0]), float(point[1])])
    if points and points[0] != points[-1]:
        points.append(points[0])
    if len({tuple(point) for point in points}) < 3:
        raise _no_area(_("it needs three corners or more"))
    _one_surface(points)
    return points


def _one_surface(points: list[list[float]]) -> None:
    if max(lon for _lat, lon in points) - min(lon for _lat, lon in points) > 180:
        raise _no_area(_("it goes around the Earth"))
    if not shapely.Polygon(points).is_valid:
        raise _no_area(_("the line crosses or touches itself"))
    km2 = area_km2(points)
    if not math.isfinite(km2) or not AREA_KM2[0] <= km2 <= AREA_KM2[1]:
        raise _no_area(
            _("it covers %(km2)s km²; an area has 0.1 to 200,000") % {"km2": f"{km2:,.2f}"}
        )  # fmt: skip


def _no_area(why: str) -> Refused:
    return Refused(
        "area-broken", _("This outline cannot be used: %(why)s.") % {"why": why}, 422, field="file"
    )  # fmt: skip
