"""One trailer as the fleet shows it: figures with what they are worth, and the warnings that stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from .. import history, keylists, watch
from ..keylife import Life
from ..models import Condition, Trailer, TrailerWarning
from ..selectors import in_force, trailers_visible_to
from ..watch import Finding
from . import words
from .plots import Spark, spark

SPARK_STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Shown:
    """One warning on a page: in words, and who took it on. `kept` False: seen just now, no beat kept it."""

    kind: str
    level: str
    text: str
    consequence: str
    icon: str
    started_at: datetime
    by: Any = None
    taken_at: datetime | None = None
    kept: bool = True
    over: bool = False

    @property
    def waits(self) -> bool:
        """Whether nobody has taken it on."""
        return self.by is None


@dataclass(frozen=True)
class Sensor:
    """One module: what it should be and what the trailer says it is."""

    name: str
    word: Any
    icon: str
    on: bool
    wanted: bool
    known: bool

    @property
    def differs(self) -> bool:
        """Whether the trailer says something else than it should be."""
        return self.known and self.on != self.wanted


@dataclass(frozen=True)
class Row:
    """A trailer in the list."""

    trailer: Trailer
    at: datetime
    deployed: bool
    condition: Condition | None
    warnings: list[Shown]
    sensors: list[Sensor]
    key: Life
    spark: Spark | None = None
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def worst(self) -> str:
        """`red`, `amber` or nothing."""
        levels = {one.level for one in self.warnings}
        return "red" if "red" in levels else "amber" if levels else ""

    @property
    def waiting(self) -> int:
        """How many of its warnings nobody has taken on."""
        return sum(one.waits for one in self.warnings)

    @property
    def old(self) -> bool:
        """Whether its figures are older than anybody should read them as the present."""
        limit = timedelta(seconds=settings.FLEET_LIMITS.figures_old_s)
        return self.condition is None or self.at - self.condition.ts > limit

    @property
    def levels(self) -> dict[str, str]:
        """The level of each kind that stands, for the colour of a figure."""
        return {one.kind: one.level for one in self.warnings}

    @property
    def lead(self) -> Shown | None:
        """The warning that the row's second line says instead of the term: moved before all others."""
        return next((one for one in self.warnings if one.kind in ("moved", "heartbeat", "generator")), None)

    @property
    def standing(self) -> str:
        """Deployed and for how long still, or not."""
        until = self.trailer.desired.until
        if not self.deployed or until is None:
            return _("Not deployed")
        return _("Deployed, %(left)s left") % {"left": words.left(until, self.at)}

    @property
    def key_end(self) -> str:
        """When its key ends, once that is near; nothing before."""
        return words.key_end(self.key) if self.key.near else ""

    @property
    def heard(self) -> str:
        """How long ago the trailer gave a sign of life."""
        return words.since(self.trailer.status.link_at, self.at)

    @property
    def silent(self) -> bool:
        """Whether a deployed trailer does not report."""
        return "heartbeat" in self.levels

    @property
    def sensing(self) -> bool:
        """Whether something on it senses, by its own word and lately heard."""
        return self.deployed and not self.silent and any(one.on for one in self.sensors)

    # What a cell says: a figure, or a dash.

    @property
    def battery(self) -> str:
        """Charge in per cent: the newest point's, or the channel's where no point came."""
        return words.figure(self.battery_pct)

    @property
    def battery_pct(self) -> float | None:
        """As a number."""
        said: float | None = self.said.get("battery_soc_pct")
        return self.trailer.status.battery_soc_pct if said is None else said

    @property
    def solar(self) -> str:
        """Watts from the panels."""
        return words.figure(self.said.get("solar_w"))

    @property
    def load(self) -> str:
        """Watts taken."""
        return words.figure(self.said.get("load_w"))

    @property
    def fuel(self) -> str:
        """Fuel in per cent."""
        return words.figure(self.said.get("fuel_pct"))

    @property
    def generator(self) -> str:
        """The generator's state."""
        return words.generator(self.said.get("gen_state"))

    @property
    def cabinet(self) -> str:
        """Degrees Celsius in the cabinet."""
        return words.figure(self.said.get("cabinet_c"))

    @property
    def door(self) -> str:
        """Open, closed or unknown."""
        door = self.said.get("door_open")
        return words.NONE if door is None else _("open") if door else _("closed")

    @property
    def tilt(self) -> str:
        """Degrees from the vertical."""
        return words.figure(self.said.get("tilt_deg"), 1)

    @property
    def away(self) -> str:
        """Metres from the authorised point, while deployed or moved."""
        told = self.deployed or "moved" in self.levels
        return words.figure(watch.away_m(self.trailer)) if told else words.NONE

    @property
    def clock(self) -> str:
        """How far its clock is off, with its source where it tells one."""
        skew = self.trailer.status.clock_skew_ms
        return words.NONE if skew is None else words.span_ms(abs(skew))

    @property
    def clock_source(self) -> str:
        """GNSS, NTP or RTC."""
        return str(self.said.get("health", {}).get("clock_source") or "").upper()

    @property
    def list_age(self) -> str:
        """How old its plate list is."""
        hours = None if self.condition is None else watch.list_age_h(self.trailer, self.condition, self.at)
        return words.NONE if hours is None else words.age(hours * 3600)

    @property
    def software(self) -> str:
        """The agent's version: the channel's word, else the newest point's."""
        said = self.said.get("health", {}).get("agent_version")
        return self.trailer.status.agent_version or said or words.NONE

    @property
    def link(self) -> str:
        """By what means it is linked."""
        return str(self.said.get("health", {}).get("link") or words.NONE)


def fleet(user: Any, at: datetime) -> list[Row]:
    """Return every trailer that `user` may see: as many queries for one as for a hundred."""
    trailers = list(trailers_visible_to(user).select_related("condition"))
    ids = [trailer.pk for trailer in trailers]
    measured = history.stretches(ids, at - history.DAY, at, SPARK_STEP)
    lives = keylists.lives_of(ids, at)
    standing: dict[int, list[TrailerWarning]] = {pk: [] for pk in ids}
    for warning in _standing(ids):
        standing[warning.trailer_id].append(warning)
    return [
        row_of(
            trailer, at, standing[trailer.pk], lives[trailer.pk],
            spark(measured[trailer.pk], at - history.DAY, at),
        )
        for trailer in trailers
    ]  # fmt: skip


def one(trailer: Trailer, at: datetime) -> Row:
    """Return one trailer."""
    life = keylists.lives_of([trailer.pk], at)[trailer.pk]
    return row_of(trailer, at, list(_standing([trailer.pk])), life, None)


def _standing(ids: list[int]) -> Iterable[TrailerWarning]:
    return TrailerWarning.objects.select_related("acknowledged_by").filter(trailer__in=ids, ended_at=None)


def row_of(
    trailer: Trailer, at: datetime, standing: list[TrailerWarning], life: Life, line: Spark | None
) -> Row:
    """Put a row together; what stands is judged anew, so that a dead worker hides nothing."""
    condition = watch.condition_of(trailer)
    return Row(
        trailer=trailer, at=at, deployed=in_force(trailer.desired, at), condition=condition,
        warnings=_shown(trailer, at, standing), sensors=_sensors(trailer, at), key=life, spark=line,
        said=condition.said if condition else {},
    )  # fmt: skip


def _shown(trailer: Trailer, at: datetime, standing: list[TrailerWarning]) -> list[Shown]:
    found = watch.findings(trailer, at)
    known = {warning.kind: warning for warning in standing}
    sticky = {
        kind: Finding(warning.level, warning.value)
        for kind, warning in known.items()
        if kind not in found and kind in watch.STICKY and warning.acknowledged_at is None
    }
    both = sticky | found
    shown = [_one(kind, both[kind], known.get(kind), at) for kind in watch.KINDS if kind in both]
    return sorted(shown, key=lambda one: one.level != "red")


def _one(kind: str, finding: Finding, kept: TrailerWarning | None, at: datetime) -> Shown:
    same = kept if kept is not None and kept.level == finding.level else None
    return Shown(
        kind=kind, level=finding.level, text=words.warning(kind, finding.value),
        consequence=words.consequence(kind, finding.level), icon=words.ICONS[kind],
        started_at=same.started_at if same else at, by=same.acknowledged_by if same else None,
        taken_at=same.acknowledged_at if same else None, kept=same is not None,
    )  # fmt: skip


def _sensors(trailer: Trailer, at: datetime) -> list[Sensor]:
    deployed, said, wanted = in_force(trailer.desired, at), trailer.status.modules, trailer.desired.modules
    return [
        Sensor(
            name, word, icon, on=bool(said.get(name, {}).get("on")),
            wanted=deployed and bool(wanted.get(name)), known=name in said,
        )
        for name, word, icon in words.SENSORS
    ]  # fmt: skip
