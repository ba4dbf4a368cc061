"""What the two pages show: filtered and sorted rows, counts, and one trailer beside or in full."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Role
from accounts.selectors import roles_of

from ..models import Trailer
from . import detail, rows
from .rows import Row
from .words import SENSORS

PANEL_WIDTH, PAGE_WIDTH = 352, 720
SHOW: dict[str, tuple[Any, Callable[[Row], bool]]] = {
    "all": (_("All trailers"), lambda row: True),
    "warnings": (_("With a warning"), lambda row: bool(row.warnings)),
    "waiting": (_("Warning not taken on"), lambda row: bool(row.waiting)),
    "deployed": (_("Deployed"), lambda row: row.deployed),
    "silent": (_("Not reporting"), lambda row: row.silent),
}
_LEVELS = {"red": 0, "amber": 1, "": 2}
UNKNOWN = 1e9
SORT: dict[str, tuple[Any, Callable[[Row], Any]]] = {
    "number": (_("Number"), lambda row: row.trailer.number),
    "worst": (_("Worst warning"), lambda row: _LEVELS[row.worst]),
    "battery": (_("Lowest battery"), lambda row: _known(row.battery_pct)),
    "fuel": (_("Lowest fuel"), lambda row: _known(row.said.get("fuel_pct"))),
    "hot": (_("Hottest cabinet"), lambda row: -(row.said.get("cabinet_c") or -UNKNOWN)),
    "heard": (_("Longest silent"), lambda row: row.trailer.status.link_at or row.trailer.created_at),
}


def _known(value: float | None) -> float:
    return UNKNOWN if value is None else value


def fleet_shown(user: Any, asked: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """Return the list page's values. What is asked and makes no sense asks for everything."""
    every = rows.fleet(user, at)
    show, sort = asked.get("show", ""), asked.get("sort", "")
    show, sort = show if show in SHOW else "all", sort if sort in SORT else "number"
    words = asked.get("q", "").strip()[:60]
    shown = [row for row in every if SHOW[show][1](row) and _named(row, words)]
    shown.sort(key=lambda row: (SORT[sort][1](row), row.trailer.number))
    chosen = _chosen(shown, asked.get("at", ""))
    wide = asked.get("view") == "figures"
    return {
        "rows": shown, "chosen": chosen, "at": at, "wide": wide, "q": words,
        "shows": [(key, label, key == show) for key, (label, _test) in SHOW.items()],
        "sorts": [(key, label, key == sort) for key, (label, _key) in SORT.items()],
        "show": show, "sort": sort, "filtering": show != "all" or bool(words), "key": SENSORS,
        "counts": _counts(every), **_acts(user), **(_beside(chosen) if chosen and not wide else {}),
    }  # fmt: skip


def trailer_shown(user: Any, trailer: Trailer, at: datetime) -> dict[str, Any]:
    """Return one trailer's page's values."""
    row = rows.one(trailer, at)
    told = detail.coming(row)
    month, month_rows = detail.month(trailer, at, PAGE_WIDTH)
    return {
        "row": row, "at": at, "told": told, "day": detail.day_plot(told, at, PAGE_WIDTH),
        "hours": detail.hourly(told.rows), "month": month, "days": detail.daily(month_rows),
        "commands": detail.commands(trailer), "test": detail.last_test(trailer),
        "ended": detail.ended(trailer), **_acts(user),
    }  # fmt: skip


def _acts(user: Any) -> dict[str, bool]:
    return {"may_act": Role.TECHNICIAN in roles_of(user)}


def _beside(row: Row) -> dict[str, Any]:
    told = detail.coming(row)
    return {
        "row": row, "told": told, "day": detail.day_plot(told, row.at, PANEL_WIDTH),
        "test": detail.last_test(row.trailer),
    }  # fmt: skip


def _named(row: Row, words: str) -> bool:
    text = f"{row.trailer.name} {row.trailer.label} {row.trailer.desired.deployment}".casefold()
    return all(word in text for word in words.casefold().split())


def _chosen(shown: list[Row], name: str) -> Row | None:
    """Return the trailer beside the list: the one asked for, else the one with the worst warning."""
    asked = next((row for row in shown if row.trailer.name == name), None)
    return asked or min(shown, key=lambda row: (_LEVELS[row.worst], row.trailer.number), default=None)


def _counts(every: list[Row]) -> dict[str, int]:
    kinds = [set(row.levels) for row in every]
    return {
        "deployed": sum(row.deployed for row in every), "depot": sum(not row.deployed for row in every),
        "sensing": sum(row.sensing for row in every),
        "low": sum("battery" in found for found in kinds), "moved": sum("moved" in found for found in kinds),
        "silent": sum("heartbeat" in found for found in kinds), "waiting": sum(row.waiting for row in every),
    }  # fmt: skip
