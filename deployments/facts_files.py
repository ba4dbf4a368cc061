"""Files that people bring in or take away: places as CSV, an outline as GeoJSON; each of bounded size."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from csoc.lib import strictjson
from csoc.lib.errors import BadJson, Refused
from deployments.models import SensitivePlace
from deployments.policies.facts import MAX_CORNERS, lines_broken

#: A form takes 128 kB in all (csoc/server.py); the rest is the form itself.
MAX_BYTES = 120_000
COLUMNS = ("kind", "name", "lat", "lon")
_DEGREES = re.compile(r"[+-]?\d{1,3}(\.\d{1,15})?\Z")
#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read_places(raw: bytes) -> list[dict[str, Any]]:
    """Read ``kind,name,lat,lon`` into rows for ``import_places``, each with its ``line``.

    Errors: Refused ``too-large`` (413), ``places-broken`` (422, with ``lines`` where lines are at fault).
    """
    reader = csv.reader(io.StringIO(_text(raw), newline=""), strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error:
        raise _no_table(
            _("a quotation mark on line %(line)d is not closed") % {"line": reader.line_num}
        ) from None
    if not lines or [cell.strip().lower() for cell in lines[0][1]] != list(COLUMNS):
        raise _no_table(_heading(lines))
    read = [_row(line, cells) for line, cells in lines[1:]]
    faults = [{"line": row["line"], "fault": row["fault"]} for row in read if "fault" in row]
    if faults:
        raise lines_broken(faults)
    return read


def _text(raw: bytes) -> str:
    if len(raw) > MAX_BYTES:
        raise Refused("too-large", _("The file is too large: 120 kB at most."), 413, field="file")
    if raw.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        raise _no_table(_("it is a spreadsheet. Save it as CSV, UTF-8"))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _no_table(_("it is not UTF-8. Save it as CSV, UTF-8")) from None
    if "\x00" in text:
        raise _no_table(_("it is not UTF-8. Save it as CSV, UTF-8"))
    return text


def _heading(lines: list[tuple[int, list[str]]]) -> str:
    if lines and ";" in lines[0][1][0]:
        return _("its columns are parted by semicolons. Save it with commas, and decimals with a point")
    return _("its first line has to be kind,name,lat,lon")


def _row(line: int, cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(COLUMNS):
        fault = _("it has %(count)d columns instead of 4") % {"count": len(cells)}
        return {"line": line, "fault": fault}
    kind, name, *point = (cell.strip() for cell in cells)
    if not all(_DEGREES.match(one) for one in point):
        return {
            "line": line,
            "fault": _("latitude and longitude are numbers in degrees, like 43.6595 and -79.6690"),
        }
    lat, lon = (float(one) for one in point)
    # What a download put before a name so that no spreadsheet runs it goes away again.
    name = name[1:] if name.startswith("'") and name[1:].startswith(_FORMULA) else name
    return {"line": line, "kind": kind.lower(), "name": name, "lat": lat, "lon": lon}


def _no_table(why: str) -> Refused:
    return Refused(
        "places-broken", _("This file cannot be read: %(why)s. Nothing was stored.") % {"why": why}, 422,
        field="file",
    )  # fmt: skip


def write_places(places: Iterable[SensitivePlace]) -> str:
    """Return the places as CSV; a name that a spreadsheet would run gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for place in places:
        name = f"'{place.name}" if place.name.startswith(_FORMULA) else place.name
        writer.writerow((place.kind, name, repr(place.lat), repr(place.lon)))
    return out.getvalue()


def read_outline(raw: bytes) -> list[list[float]]:
    """Read a GeoJSON Polygon (RFC 7946: longitude first) into a ring of ``[lat, lon]`` for ``set_area``.

    Takes a Polygon, a Feature of one, or a collection of one such Feature, without holes.
    Errors: Refused ``too-large`` (413), ``area-broken`` (422).
    """
    if len(raw) > MAX_BYTES:
        raise Refused("too-large", _("The file is too large: 120 kB at most."), 413, field="file")
    try:
        told = strictjson.loads(raw.removeprefix(b"\xef\xbb\xbf"), max_depth=8)
    except BadJson:
        raise _no_outline(_("it is not GeoJSON, as UTF-8 text")) from None
    rings = _polygon(told)
    if not isinstance(rings, list) or len(rings) != 1 or not isinstance(rings[0], list):
        raise _no_outline(_("it has to hold one Polygon, without holes"))
    if len(rings[0]) > MAX_CORNERS + 1:
        raise _no_outline(_("it has over 2,000 corners"))
    points = list(_points(rings[0]))
    if any(abs(lat) > 75 >= abs(lon) for lat, lon in points):
        raise _no_outline(_("latitude first? GeoJSON has the longitude first, like [-79.6690, 43.6595]"))
    return points


def _polygon(told: Any) -> Any:
    """Return the coordinates of the one polygon in a GeoJSON object, None if there is none."""
    if not isinstance(told, dict):
        return None
    if told.get("type") == "FeatureCollection":
        features = told.get("features")
        return _polygon(features[0]) if isinstance(features, list) and len(features) == 1 else None
    geometry = told.get("geometry") if told.get("type") == "Feature" else told
    if not isinstance(geometry, dict) or geometry.get("type") != "Polygon":
        return None
    return geometry.get("coordinates")


def _points(ring: list[Any]) -> Iterator[list[float]]:
    for number, point in enumerate(ring, 1):
        if (
            not isinstance(point, list)
            or len(point) not in (2, 3)
            or any(isinstance(one, bool) or not isinstance(one, int | float) for one in point)
        ):
            raise _no_outline(_("corner %(number)d is not a longitude and a latitude") % {"number": number})
        yield [float(point[1]), float(point[0])]


def _no_outline(why: str) -> Refused:
    return Refused(
        "area-broken", _("This outline cannot be used: %(why)s.") % {"why": why}, 422, field="file"
    )


def write_outline(ring: list[list[float]]) -> str:
    """Return the outline as a GeoJSON Feature, longitude first."""
    coordinates = [[[lon, lat] for lat, lon in ring]]
    geometry = {"type": "Polygon", "coordinates": coordinates}
    return json.dumps({"type": "Feature", "properties": {}, "geometry": geometry}, indent=1)
