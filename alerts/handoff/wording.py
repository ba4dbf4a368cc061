"""The words of a hand-off, for both documents and the preview: English, because a CAD's rules read them."""

from datetime import UTC, datetime

from alerts.handoff.facts import Facts
from alerts.models import Alert

CATEGORY_WORDS = {
    "stolen_vehicle": "stolen vehicle",
    "stolen_plate": "stolen plate",
    "wanted_vehicle": "wanted vehicle",
    "amber_alert": "AMBER alert",
    "missing_person_vehicle": "missing person's vehicle",
    "firearm_investigation": "firearm investigation",
    "extortion_investigation": "extortion investigation",
    "other_authorised": "other authorised reason",
}
EXERCISE = "EXERCISE: "


def utc(moment: datetime) -> str:
    """Return a moment as people read it beside a radio: ``2026-04-27 23:14:07 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def event_of(facts: Facts) -> str:
    """What happened, in a few words."""
    if facts.kind == Alert.Kind.GUNSHOT:
        return "Gunshots detected" if facts.rounds != 1 else "Gunshot detected"
    return f"Plate hit: {CATEGORY_WORDS.get(facts.category, 'authorised list')}"


def place_of(facts: Facts) -> str:
    """Where, and how surely."""
    of = "the trailer" if facts.at_trailer else "the place computed"
    return f"Within {facts.radius_m} m of {of}, {facts.lat:.5f}, {facts.lon:.5f}"


def headline_of(facts: Facts) -> str:
    """One line, at most 160 characters."""
    times = f" x{facts.rounds}" if facts.rounds else ""
    plate = f" {facts.vehicle.plate}" if facts.vehicle else ""
    text = f"{event_of(facts)}{times}{plate}, {facts.trailer}, {utc(facts.occurred_at)}"
    return ((EXERCISE if facts.drill else "") + text)[:160]


def rows_of(facts: Facts) -> list[tuple[str, str]]:
    """Every fact as (name, words), in the order in which a person needs them. The preview is this list."""
    rows = [("What", event_of(facts))]
    if facts.drill:
        rows.insert(0, ("Exercise", "This is a drill. Send nobody."))
    if facts.rounds:
        rows.append(("Rounds", str(facts.rounds)))
    rows += [
        ("When", utc(facts.occurred_at) + (", reported late" if facts.late else "")),
        ("Where", place_of(facts)),
    ]
    rows += _of_vehicle(facts)
    rows += [
        ("Confidence", f"{facts.confidence:.2f}, by the machine"),
        ("Priority", f"P{facts.priority}"),
        ("Trailer", f"{facts.trailer}, {facts.deployment}"),
    ]
    if facts.cad:
        rows.append(("CAD number", facts.cad))
    rows.append(("From", f"{facts.agency}, badge {facts.badge}"))
    if facts.note:
        rows.append(("Note", facts.note))
    return rows


def _of_vehicle(facts: Facts) -> list[tuple[str, str]]:
    if facts.kind != Alert.Kind.ALPR_HIT:
        return []
    if facts.vehicle is None:
        rows = [("Plate", "Not in this message: nobody has compared and confirmed it yet")]
        return [*rows, ("Match", "Look-alike: not exactly as listed")] if facts.lookalike else rows
    seen = facts.vehicle
    listed = f"; the list has {seen.listed}" if seen.listed else ""
    rows = [("Plate", f"{seen.plate} ({seen.jurisdiction}), compared and confirmed by a person{listed}")]
    words = ", ".join(part for part in (seen.words, seen.direction and f"moving {seen.direction}") if part)
    return [*rows, ("Vehicle", words)] if words else rows


def description_of(facts: Facts) -> str:
    """The rows as lines of text."""
    lines = [f"{name}: {words}" for name, words in rows_of(facts)]
    return "\n".join(lines)
