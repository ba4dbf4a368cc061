"""The matrix by which an agency scores risk, and what a score says: factor by factor, and how firm it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from deployments.models import HIGHEST_LEVEL, RiskMatrix


def current_matrix(agency_id: int) -> RiskMatrix | None:
    """Return the newest published matrix of the agency, None before there is one."""
    published = RiskMatrix.objects.filter(agency_id=agency_id, published_at__isnull=False)
    return published.order_by("-version").first()


def matrices_of(agency_id: int) -> QuerySet[RiskMatrix]:
    """Return every version of the agency, newest first, with who proposed and who published it."""
    found = RiskMatrix.objects.filter(agency_id=agency_id).order_by("-version")
    return found.select_related("agency", "proposed_by", "published_by")


@dataclass(frozen=True, slots=True)
class FactorScore:
    """One factor of a score. ``level`` is None while it is not scored; ``points`` = weight x level."""

    key: str
    label: str
    hint: str
    weight: int
    level: int | None
    word: str
    why: str
    points: int
    most: int
    #: The score if this factor counted nothing.
    without: int
    #: Whether the threshold is met only because of it.
    carries: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One factor at another level, and the score that this gives."""

    key: str
    label: str
    level: int
    to_level: int
    word: str
    score: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A score and what it rests on.

    ``firmness``: sentences about how firm it is, weakest support first. ``smallest``: the change of one
    factor by the fewest points that turns the result; None if no single factor can.
    """

    total: int
    highest: int
    threshold: int
    meets: bool
    complete: bool
    factors: tuple[FactorScore, ...]
    smallest: Change | None
    verdict: str
    firmness: tuple[str, ...]

    def wire(self) -> dict[str, Any]:
        """Return it as JSON values."""
        shown = ("key", "label", "level", "word", "points", "most", "without", "carries")
        return {
            "total": self.total, "highest": self.highest, "threshold": self.threshold, "meets": self.meets,
            "complete": self.complete, "verdict": self.verdict, "firmness": list(self.firmness),
            "factors": [{name: getattr(factor, name) for name in shown} for factor in self.factors],
        }  # fmt: skip


def explain(matrix: RiskMatrix, factors: Mapping[str, Any]) -> Explained:
    """Explain a score by ``matrix``; ``factors``: ``{key: {"level": 0-4, "why"}}``.

    A factor that is missing, or whose level is no level, counts nothing and leaves it incomplete: so a form
    that is half filled in can be explained too.
    """
    levels = {factor["key"]: _level(factors.get(factor["key"])) for factor in matrix.factors}
    total = sum(factor["weight"] * (levels[factor["key"]] or 0) for factor in matrix.factors)
    meets, complete = total >= matrix.threshold, None not in levels.values()
    scored = tuple(_scored(matrix, factor, factors, levels, total) for factor in matrix.factors)
    smallest = _smallest(matrix, levels, total)
    return Explained(
        total=total, highest=matrix.highest, threshold=matrix.threshold, meets=meets, complete=complete,
        factors=scored, smallest=smallest, verdict=_verdict(total, matrix.threshold, complete),
        firmness=_firmness(matrix, scored, smallest, total) if complete else (),
    )  # fmt: skip


def _level(told: Any) -> int | None:
    level = told.get("level") if isinstance(told, Mapping) else None
    return level if type(level) is int and 0 <= level <= HIGHEST_LEVEL else None


def _scored(
    matrix: RiskMatrix, factor: Mapping[str, Any], told: Mapping[str, Any],
    levels: Mapping[str, int | None], total: int,
) -> FactorScore:  # fmt: skip
    level = levels[factor["key"]]
    points = factor["weight"] * (level or 0)
    about = told.get(factor["key"])
    return FactorScore(
        key=factor["key"], label=factor["label"], hint=factor.get("hint", ""), weight=factor["weight"],
        level=level, word="" if level is None else factor["levels"][level],
        why=str(about.get("why", "")) if isinstance(about, Mapping) else "", points=points,
        most=factor["weight"] * HIGHEST_LEVEL, without=total - points,
        carries=total >= matrix.threshold > total - points,
    )  # fmt: skip


def _smallest(matrix: RiskMatrix, levels: Mapping[str, int | None], total: int) -> Change | None:
    """Of all changes of one factor that turn the result, the one that moves the score least."""
    meets = total >= matrix.threshold
    turning = []
    for factor in matrix.factors:
        level = levels[factor["key"]] or 0
        for to_level in range(HIGHEST_LEVEL + 1):
            score = total + factor["weight"] * (to_level - level)
            if (score >= matrix.threshold) is not meets:
                word = factor["levels"][to_level]
                turning.append(Change(factor["key"], factor["label"], level, to_level, word, score))
    return min(turning, key=lambda change: (abs(change.score - total), abs(change.to_level - change.level)),
               default=None)  # fmt: skip


def _verdict(total: int, threshold: int, complete: bool) -> str:
    if not complete:
        return _("Not every factor is scored yet")
    return _("Meets it") if total >= threshold else _("Does not meet it")


def _firmness(
    matrix: RiskMatrix, scored: tuple[FactorScore, ...], smallest: Change | None, total: int
) -> tuple[str, ...]:
    if total < matrix.threshold:
        return _short(matrix, smallest, total)
    carrying = sorted((factor for factor in scored if factor.carries), key=lambda factor: factor.points)
    if not carrying:
        return (_("The score meets the threshold without any one of its factors."),)
    begins = {factor["key"]: factor.get("without", "") for factor in matrix.factors}
    sentences = [_without(factor, begins[factor.key]) for factor in carrying]
    if smallest is not None and smallest.to_level > 0:
        sentences.append(_step(smallest))
    return tuple(sentences)


def _without(factor: FactorScore, begins: str) -> str:
    told = {"begins": begins, "factor": factor.label, "score": factor.without}
    if begins:
        return _("%(begins)s, the score would be %(score)d and the flow would stop.") % told
    return _("Without “%(factor)s”, the score would be %(score)d and the flow would stop.") % told


def _step(change: Change) -> str:
    told = {"factor": change.label, "level": change.to_level, "word": change.word, "score": change.score}
    return (
        _("Already at %(level)d (%(word)s) for “%(factor)s”, it would be %(score)d, below the threshold.")
        % told
    )


def _short(matrix: RiskMatrix, smallest: Change | None, total: int) -> tuple[str, ...]:
    """Say how far below it is as a fact: what is scored is what is recorded, never what is missing."""
    lacking = matrix.threshold - total
    first = _("The score is %(points)d below the threshold of %(threshold)d, and the flow stops here.")
    sentences = [first % {"points": lacking, "threshold": matrix.threshold}]
    if smallest is None:
        sentences.append(_("No single factor makes the difference."))
    else:
        sentences.append(
            _("“%(factor)s” alone would make the difference if %(level)d (%(word)s) were recorded for it.")
            % {"factor": smallest.label, "level": smallest.to_level, "word": smallest.word}
        )
    sentences.append(_("Score what is recorded. What comes to light later is a new assessment."))
    return tuple(sentences)
