"""One table of results, with a grade beside each number that has a goal (performance.md of the design).

The machine's limits stand first. When anything is wrong that gives the numbers their meaning (a request that
failed, a message that is missing, rows that are not there), every line with a goal says FAIL and no number.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

HEAD = ("measure", "p50", "p99", "worst", "n", "goal")
WIDTHS = (56, 11, 11, 11, 7, 0)


@dataclass(frozen=True)
class Goal:
    """Floor, target and moonshot of one number; ``less`` when smaller is better."""

    floor: float
    target: float
    moonshot: float
    unit: str = "ms"
    less: bool = True

    def grade(self, value: float) -> str:
        """Say in words how far the value gets."""
        for name in ("moonshot", "target", "floor"):
            limit = getattr(self, name)
            if value <= limit if self.less else value >= limit:
                return f"{name} ({self._sign}{limit:g} {self.unit})"
        return f"below floor ({self._sign}{self.floor:g} {self.unit})"

    @property
    def _sign(self) -> str:
        return "<= " if self.less else ">= "


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value with at least ``share`` of all at or below it. Errors: ValueError when empty."""
    if not values:
        raise ValueError("nothing was measured")
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


def ratio(mine: Sequence[float], others: Sequence[float]) -> float:
    """The median of ``mine`` over ``others``, round by round. Errors: ValueError when not as many of both."""
    return statistics.median(one / other for one, other in zip(mine, others, strict=True))


@dataclass
class Table:
    """Collects lines and failures. ``sound``: nothing is wrong that would make the numbers mean nothing."""

    limits: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[tuple[str, ...]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    sound: bool = True

    def limit(self, name: str, text: str, n: int) -> None:
        """What the machine itself gives, with nothing of the console around it: one number."""
        self.limits.append((name, text, "", "", str(n), "limit"))

    def limit_times(self, name: str, seconds: Sequence[float]) -> None:
        """The same as durations."""
        p50, p99, worst = (f"{1000 * percentile(seconds, share):.3f} ms" for share in (0.5, 0.99, 1.0))
        self.limits.append((name, p50, p99, worst, str(len(seconds)), "limit"))

    def times(self, name: str, seconds: Sequence[float], goal: Goal | None = None) -> None:
        """A line of durations; the goal judges the p99."""
        if not seconds:
            self.fail(f"{name}: nothing was measured")
            return
        p50, p99, worst = (1000 * percentile(seconds, share) for share in (0.5, 0.99, 1.0))
        self._line(name, f"{p50:.1f} ms", f"{p99:.1f} ms", f"{worst:.1f} ms", str(len(seconds)), goal, p99)

    def micros(self, name: str, micros: Sequence[float], goal: Goal | None = None) -> None:
        """A line of durations in microseconds; the goal judges the median."""
        p50, p99, worst = (percentile(micros, share) for share in (0.5, 0.99, 1.0))
        self._line(name, f"{p50:.0f} us", f"{p99:.0f} us", f"{worst:.0f} us", str(len(micros)), goal, p50)

    def value(self, name: str, text: str, n: int, goal: Goal | None = None, value: float = 0.0) -> None:
        """A line with one number."""
        self._line(name, text, "", "", str(n), goal, value)

    def _line(
        self, name: str, p50: str, p99: str, worst: str, n: str, goal: Goal | None, value: float
    ) -> None:
        grade = goal.grade(value) if goal else ""
        if grade.startswith("below"):
            self.failures.append(f"{name.strip()}: {grade}")
        self.lines.append((name, p50, p99, worst, n, grade))

    def check(self, true: bool, what: str) -> None:
        """A condition without which the numbers mean nothing."""
        if not true:
            self.fail(what)

    def fail(self, what: str) -> None:
        """Note what is wrong; from here no line of the run has a grade, and it exits 1."""
        self.failures.append(what)
        self.sound = False

    def _shown(self) -> list[tuple[str, ...]]:
        if self.sound:
            return self.lines
        return [(*line[:1], "", "", "", line[4], "FAIL") if line[-1] else line for line in self.lines]

    def __str__(self) -> str:
        rule = tuple("-" * (width or 24) for width in WIDTHS)
        rows = [HEAD, rule, *self.limits, *([rule] if self.limits else []), *self._shown()]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if column in (0, 5) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, WIDTHS, strict=True))
            ).rstrip()
            for row in rows
        )
