"""Numbers about deployments that higher rooms know: alerts and live views.

Imports go one way, so those rooms register what counts for them, and a page or a report here asks. One call
is for many deployments and costs one query.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

#: A drill says nothing about whether a deployment earns its place.
NOT_COUNTED = ("test",)
CONFIRMED = "confirmed"


@dataclass(frozen=True)
class Numbers:
    """What happened under one deployment. ``outcomes``: closed alerts by outcome; minutes are rounded up.

    ``alerts`` is all of them, open ones too. ``reasons``: live views by the code they were opened with.
    """

    alerts: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    views: int = 0
    view_minutes: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """How many alerts were closed with an outcome that says something about the deployment."""
        return sum(n for outcome, n in self.outcomes.items() if outcome not in NOT_COUNTED)

    @property
    def confirmed(self) -> int:
        """How many of them were confirmed."""
        return self.outcomes.get(CONFIRMED, 0)

    @property
    def precision(self) -> float | None:
        """Confirmed of all that were judged, 0 to 1; None before the first one."""
        return self.confirmed / self.judged if self.judged else None

    @property
    def precision_pct(self) -> int | None:
        """The same in whole per cent."""
        return None if self.precision is None else round(100 * self.precision)


Counted = dict[int, dict[str, object]]
Count = Callable[[list[int]], Counted]

_counts: dict[str, Count] = {}


def register(name: str, count: Count) -> None:
    """Register in ``AppConfig.ready`` what knows a part of ``Numbers``; again replaces it.

    count: given the ids of deployments, returns ``{id: {field of Numbers: value}}`` in one query.
    """
    _counts[name] = count


def numbers(ids: Iterable[int]) -> dict[int, Numbers]:
    """Return the numbers of each of these deployments: one query a room, however many they are."""
    wanted = list(ids)
    found: dict[int, dict[str, object]] = {one: {} for one in wanted}
    for count in _counts.values() if wanted else ():
        for one, fields in count(wanted).items():
            found[one] |= fields
    return {one: Numbers(**fields) for one, fields in found.items()}  # type: ignore[arg-type]
