"""One table of results, with a grade beside each number that has a goal (performance.md of the design)."""

from __future__ import annotations

import math
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


@dataclass
class Table:
    """Collects lines and failures; prints each line when it is known."""

    lines: list[tuple[str, ...]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def times(self, name: str, seconds: Sequence[float], goal: Goal | None = None) -> None:
        """A line of durations; the goal judges the p99."""
        if not seconds:
            self.fail(f"{name}: nothing was measured")
            return
        p50, p99, worst = (1000 * percentile(seconds, share) for share in (0.5, 0.99, 1.0))
        self._line(name, f"{p50:.1f} ms", f"{p99:.1f} ms", f"{worst:.1f} ms", str(len(seconds)), goal, p99)

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
        """Note what is wrong; the run prints FAIL and exits 1."""
        self.failures.append(what)

    def __str__(self) -> str:
        rows = [HEAD, tuple("-" * (width or 24) for width in WIDTHS), *self.lines]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if column in (0, 5) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, WIDTHS, strict=True))
            ).rstrip()
            for row in rows
        )
