"""What every part of one benchmark run shares."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from bench.driving import Person, Speaker
from bench.table import Table


@dataclass
class Run:
    """One running console under measurement. ``n`` requests a part, ``rounds`` repetitions."""

    info: dict[str, Any]
    n: int
    rounds: int
    seed: int
    table: Table = field(default_factory=Table)
    accepted: int = 0
    rows: int = 0
    entries: int = 0
    delivered: int = 0
    expected: int = 0

    @cached_property
    def speaker(self) -> Speaker:
        """The trailer this run speaks for."""
        return Speaker(self.info)

    @cached_property
    def dispatcher(self) -> Person:
        """A signed-in dispatcher."""
        return Person(self.info, "dispatcher")

    @cached_property
    def supervisor(self) -> Person:
        """A signed-in supervisor."""
        return Person(self.info, "supervisor")

    def on(self, info: dict[str, Any]) -> Run:
        """The same run, with its table and sums so far, on another console."""
        return replace(self, info=info)

    def count(self, accepted: int, rows: int, entries: int) -> None:
        """Add one part's accepted requests, rows and audit entries."""
        self.accepted += accepted
        self.rows += rows
        self.entries += entries
