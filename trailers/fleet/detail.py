"""One trailer in full: what comes, what was measured, what it was told and what it said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _

from .. import forecast, history
from ..history import Stretch
from ..models import Command, Trailer, TrailerWarning
from ..policies import QUESTIONS
from . import words
from .plots import Plot, plot
from .rows import Row

DAY_STEP = timedelta(minutes=10)
MONTH_STEP = timedelta(hours=2)
COMMANDS = 8
ENDED = 8


@dataclass(frozen=True)
class Coming:
    """What the battery will do, in one sentence, and the day it was measured by."""

    headline: str
    because: str
    grave: bool
    rows: list[Stretch]
    ahead: forecast.Forecast | None


def coming(row: Row) -> Coming:
    """Return the forecast of one trailer from its last 24 h."""
    at, limits = row.at, settings.FLEET_LIMITS
    rows = history.stretches([row.trailer.pk], at - history.DAY, at, DAY_STEP)[row.trailer.pk]
    ahead = None if row.old else forecast.forecast(history.samples(rows), limits.soc_stop_pct)
    if ahead is None:
        return Coming(_no_forecast(row, rows), "", False, rows, None)
    if ahead.stops_at is not None:
        when = local(ahead.stops_at, "H:i")
        return Coming(_("Sensors stop at about %(time)s.") % {"time": when}, _why(row), True, rows, ahead)
    lowest_at, lowest = min(ahead.points, key=lambda point: point[1])
    said = _("The battery lasts the coming 24 h: %(n)s %% at its lowest, about %(time)s.")
    return Coming(said % {"n": words.figure(lowest), "time": local(lowest_at, "H:i")}, "", False, rows, ahead)


def _no_forecast(row: Row, rows: list[Stretch]) -> str:
    if row.condition is None:
        return _("It has never sent figures.")
    if row.old:
        return _("No forecast: its last figures are %(age)s old.") % {
            "age": words.since(row.condition.ts, row.at)
        }
    hours = len({stretch.at.replace(minute=0) for stretch in rows})
    return _("No forecast yet: %(n)d of the last 24 h were measured, 20 are needed.") % {"n": hours}


def _why(row: Row) -> str:
    """Return what the figures say beside the charge."""
    reasons = []
    if "solar" in row.levels:
        reasons.append(_("no sun"))
    if "fuel" in row.levels:
        reasons.append(_("low fuel"))
    if row.said.get("gen_state") == "fault":
        reasons.append(_("the generator is at fault"))
    said = ", ".join(reasons)
    return said[:1].upper() + said[1:] + "." if said else _("If the coming day is like the last one.")


def day_plot(told: Coming, at: datetime, width: int) -> Plot:
    """Return the plot of the last 24 h, with what comes."""
    return plot(
        told.rows, at - history.DAY, at, DAY_STEP, width=width, ahead=told.ahead,
        stop_pct=settings.FLEET_LIMITS.soc_stop_pct,
    )  # fmt: skip


def month(trailer: Trailer, at: datetime, width: int) -> tuple[Plot, list[Stretch]]:
    """Return the plot of the last 30 days, and its rows."""
    rows = history.stretches([trailer.pk], at - history.MONTH, at, MONTH_STEP)[trailer.pk]
    return plot(rows, at - history.MONTH, at, MONTH_STEP, width=width), rows


def hourly(rows: list[Stretch]) -> list[dict[str, str]]:
    """Return the last 24 h as a table: the last stretch of each hour, the newest first."""
    by_hour: dict[datetime, Stretch] = {}
    for row in rows:
        by_hour[row.at.replace(minute=0, second=0, microsecond=0)] = row
    return [told(row, local(row.at, "j M H:i")) for row in reversed(by_hour.values())]


def daily(rows: list[Stretch]) -> list[dict[str, str]]:
    """Return the last 30 days as a table: per local day the lowest charge, the most sun, the hours it ran."""
    days: dict[str, list[Stretch]] = {}
    for row in rows:
        days.setdefault(local(row.at, "j M"), []).append(row)
    return [_day(name, inside) for name, inside in reversed(days.items())]


def _day(name: str, inside: list[Stretch]) -> dict[str, str]:
    charge = [row.soc_pct for row in inside if row.soc_pct is not None]
    sun = [row.solar_w for row in inside if row.solar_w is not None]
    ran = sum(row.generator for row in inside) * MONTH_STEP
    return {
        "when": name,
        "lowest": words.figure(min(charge) if charge else None),
        "highest": words.figure(max(charge) if charge else None),
        "solar": words.figure(max(sun) if sun else None),
        "fuel": words.figure(inside[-1].fuel_pct),
        "ran": words.age(ran.total_seconds()) if ran else words.NONE,
    }


def told(row: Stretch, when: str) -> dict[str, str]:
    """Return one stretch in words."""
    return {
        "when": when, "battery": words.figure(row.soc_pct), "solar": words.figure(row.solar_w),
        "load": words.figure(row.load_w), "fuel": words.figure(row.fuel_pct),
        "cabinet": words.figure(row.cabinet_c), "generator": _("ran") if row.generator else "",
    }  # fmt: skip


@dataclass(frozen=True)
class Told:
    """One command: what the trailer was told, by whom, and what it answered."""

    name: str
    question: bool
    operator: str
    at: datetime
    answered_at: datetime | None
    state: str
    text: str


def commands(trailer: Trailer) -> list[Told]:
    """Return the last commands, the newest first; without their alert and arguments."""
    found = Command.objects.filter(trailer=trailer).order_by("-seq")[:COMMANDS]
    return [
        Told(
            words.command(one.name), one.name in QUESTIONS, one.operator, one.issued_at, one.acked_at,
            one.state, words.answer(one.state, one.code),
        )
        for one in found
    ]  # fmt: skip


def last_test(trailer: Trailer) -> Told | None:
    """Return the last self-test or ping."""
    one = Command.objects.filter(trailer=trailer, name__in=QUESTIONS).order_by("-seq").first()
    if one is None:
        return None
    return Told(
        words.command(one.name), True, one.operator, one.issued_at, one.acked_at, one.state,
        words.answer(one.state, one.code),
    )  # fmt: skip


def ended(trailer: Trailer) -> list[dict[str, object]]:
    """Return the warnings that are over, the newest first."""
    found = TrailerWarning.objects.select_related("acknowledged_by").filter(
        trailer=trailer, ended_at__isnull=False
    )
    return [
        {
            "text": words.warning(one.kind, one.value), "icon": words.ICONS.get(one.kind, "triangle-alert"),
            "level": one.level, "started_at": one.started_at, "ended_at": one.ended_at,
            "by": one.acknowledged_by,
        }
        for one in found[:ENDED]
    ]  # fmt: skip


def local(moment: datetime, form: str) -> str:
    """Return a moment as people here read it."""
    return formats.date_format(moment.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE)), form)
