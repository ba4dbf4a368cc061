"""The report of a deployment: why it stood, who decided, what it did, how it ended, what was deleted of it.

One list of chapters, for the page and for the PDF alike. It names no owner and nobody of the public; reasons
of staff stand in it, for whoever reads it may read the deployment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit import checkpoints, sentences
from audit import selectors as log
from csoc.lib import clock
from deployments import reporting
from deployments.lists import list_name
from deployments.models import Consent, Deployment
from deployments.selectors import as_read, standing
from vault import epochs
from vault.selectors import keys_destroyed

#: What was only looked at, or typed, is in the log and not in the report.
LEFT_OUT = ("deployment.view", "deployment.report", "deployment.overview", "deployment.draft",
            "installation.view")  # fmt: skip
MOST_ENTRIES = 200
OUTCOMES = {
    "confirmed": gettext_lazy("confirmed"),
    "unconfirmed": gettext_lazy("unconfirmed"),
    "unfounded": gettext_lazy("unfounded"),
    "equipment": gettext_lazy("equipment"),
    "test": gettext_lazy("test"),
}


@dataclass(frozen=True)
class Table:
    """Rows under heads; every cell is a text."""

    heads: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Chapter:
    """One part: facts (label, value), sentences, and a table where there is one."""

    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    table: Table | None = None


@dataclass(frozen=True)
class Report:
    """The whole of it. ``at``: the moment that it tells of; the end, once there is one."""

    name: str
    title: str
    subtitle: str
    closed: bool
    at: datetime
    chapters: list[Chapter]


def moment(at: datetime | None) -> str:
    """Return a time to the minute with its zone, "" for none."""
    if at is None:
        return ""
    return formats.date_format(at.astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE)), "j F Y H:i T")


def report(deployment: Deployment) -> Report:
    """Return the report; of one that has ended it says the same whenever it is asked."""
    closed = deployment.deactivated_at is not None
    makers = (_why, _decided, _stood, _alerts, _views, _reviews, _end, _consent, _deleted, _proof)
    return Report(
        name=deployment.address_name,
        title=_("Closing report") if closed else _("Report so far"),
        subtitle=", ".join(
            one for one in (deployment.site, deployment.address, deployment.trailer.name) if one
        ),
        closed=closed,
        at=deployment.deactivated_at or clock.now(),
        chapters=[chapter for make in makers for chapter in make(deployment)],
    )


def _why(deployment: Deployment) -> Iterator[Chapter]:
    incident, risk = deployment.incident, deployment.risk
    facts = []
    if incident is not None:
        kind = incident.get_kind_display()
        facts.append((_("Incident"), f"{incident.cad}, {kind}, {moment(incident.reported_at)}"))
    if risk is not None:
        facts.append((_("Risk"), _("%(s)d, threshold %(t)d") % {"s": risk.score, "t": risk.threshold}))
    facts += [(_("Need"), deployment.aim), (_("Considered"), deployment.alternatives)]
    yield Chapter(_("Why it stood"), facts)


def _decided(deployment: Deployment) -> Iterator[Chapter]:
    facts = [(_("Applied for by"), f"{deployment.applicant.name}, {deployment.unit.name}")]
    given = deployment.authorisation
    if given is not None:
        facts += [
            (_("Authorised by"), f"{given.officer.name}, {moment(given.authorised_at)}"),
            (_("Bound to content"), given.content_hash),
        ]
    told = [one for one in standing.story(deployment) if one.words]
    yield Chapter(_("Who decided"), facts, [f"{one.who} {one.what}: {one.words}" for one in told])


def _stood(deployment: Deployment) -> Iterator[Chapter]:
    start, end = deployment.activated_at, deployment.deactivated_at
    facts = [
        (_("Authorised from"), moment(deployment.starts_at)),
        (_("Authorised until"), moment(deployment.ends_at)),
        (_("Sensors on from"), moment(start) or _("never")),
    ]
    if start is not None:
        hours = ((end or clock.now()) - start).total_seconds() / 3600
        facts += [(_("Until"), moment(end) or _("still on")), (_("Hours"), f"{hours:.1f}")]
    on = [str(as_read.MODULE_NAMES[name]) for name in deployment.modules]
    facts.append((_("Sensors at the last"), ", ".join(on)))
    lists = [list_name(name) for name in deployment.hotlist_categories]
    facts.append((_("Plate lists"), ", ".join(lists) or _("none")))
    yield Chapter(_("When it stood, with what"), facts, [_("Nothing was recorded: recording is always off.")])


def _alerts(deployment: Deployment) -> Iterator[Chapter]:
    numbers = reporting.numbers([deployment.pk])[deployment.pk]
    rows = [[str(OUTCOMES.get(outcome, outcome)), str(n)] for outcome, n in sorted(numbers.outcomes.items())]
    still_open = numbers.alerts - sum(numbers.outcomes.values())
    if still_open:
        rows.append([_("not closed"), str(still_open)])
    words = [_("No alert came.")] if not numbers.alerts else []
    if numbers.judged:
        words.append(
            _("%(c)d of %(n)d alerts were confirmed, %(pct)d %%; drills are not counted.")
            % {"c": numbers.confirmed, "n": numbers.judged, "pct": numbers.precision_pct}
        )
    table = Table([_("Outcome"), _("Alerts")], rows) if rows else None
    yield Chapter(_("Alerts"), [], words, table)


def _views(deployment: Deployment) -> Iterator[Chapter]:
    numbers = reporting.numbers([deployment.pk])[deployment.pk]
    rows = [[code, str(n)] for code, n in sorted(numbers.reasons.items())]
    told = ngettext(
        "%(n)d live view, %(min)d min in all.", "%(n)d live views, %(min)d min in all.", numbers.views
    )
    words = [told % {"n": numbers.views, "min": numbers.view_minutes}] if numbers.views else []
    words = words or [_("Nobody opened a live view.")]
    yield Chapter(_("Live views"), [], words, Table([_("Reason"), _("Views")], rows) if rows else None)


def _reviews(deployment: Deployment) -> Iterator[Chapter]:
    rows = [
        [moment(row.at), row.by.name, _("still needed") if row.still_needed else _("no longer needed")]
        for row in deployment.reviews.select_related("by")
    ]
    rows += [
        [moment(row.at), row.by.name, standing.narrowing(row)]
        for row in deployment.tightenings.select_related("by")
    ]
    words = [] if rows else [_("Nobody reviewed or narrowed it.")]
    table = Table([_("When"), _("Who"), _("What")], sorted(rows)) if rows else None
    yield Chapter(_("Reviews and narrowings"), [], words, table)


def _end(deployment: Deployment) -> Iterator[Chapter]:
    if deployment.deactivated_at is None:
        return
    by = deployment.deactivated_by.name if deployment.deactivated_by else _("nobody of the service")
    facts = [
        (_("Ended"), moment(deployment.deactivated_at)),
        (_("Reason"), str(deployment.get_deactivation_reason_display())),
        (_("By"), by),
    ]
    if deployment.deactivation_reason == Deployment.End.RENEWED:
        yield Chapter(_("How it ended"), facts, [_("The next term took over without a gap.")])
        return
    rows = [
        [sensor.name, moment(sensor.off_at) or _("not confirmed by the trailer")]
        for sensor in standing.sensors(deployment)
    ]
    yield Chapter(_("How it ended"), facts, [], Table([_("Sensor"), _("Confirmed off")], rows))


def _consent(deployment: Deployment) -> Iterator[Chapter]:
    consent = deployment.consent
    if consent is None:
        return
    facts = [
        (_("Given by"), str(consent.get_capacity_display())),
        (_("How"), str(Consent.Method(consent.method).label)),
        (_("Given"), moment(consent.given_at)),
        (_("Valid until"), moment(consent.expires_at)),
        (_("Withdrawn"), moment(consent.withdrawn_at) or _("no")),
        (_("Digest of what was signed"), consent.document_sha256),
    ]
    yield Chapter(_("The owner’s consent"), facts, [_("Who the owner is does not stand in this report.")])


def _deleted(deployment: Deployment) -> Iterator[Chapter]:
    start, end = deployment.activated_at, deployment.deactivated_at
    if start is None:
        return
    until = end or clock.now()
    first, last = epochs.epoch_of(start), epochs.epoch_of(until)
    hours = int((last - first).total_seconds() // 3600) + 1
    gone = keys_destroyed(first, last)
    told = ngettext(
        "It stood within %(hours)d hour of the clock. What it kept cannot be opened any more of %(gone)d.",
        "It stood within %(hours)d hours of the clock. What it kept cannot be opened any more of %(gone)d.",
        hours,
    )
    words = [told % {"hours": hours, "gone": gone}]
    if end is not None:
        by = moment(standing.deleted_by(deployment))
        words.append(
            _("Everything of it that nobody retained for a case cannot be opened any more by %s.") % by
        )
    yield Chapter(_("What was deleted"), [], words)


def _proof(deployment: Deployment) -> Iterator[Chapter]:
    keys = [f"deployment:{deployment.name}"]
    if deployment.consent_id is not None:
        keys.append(f"consent:{deployment.consent_id}")
    found = (
        log.entries_visible_to_actor().filter(object__in=keys, outcome="allowed").exclude(verb__in=LEFT_OUT)
    )
    rows = list(found.order_by("idx")[: MOST_ENTRIES + 1])
    told = [sentences.tell(row) for row in rows[:MOST_ENTRIES]]
    lines = [[str(one.idx), moment(one.at), f"{one.who} {one.what}"] for one in told]
    words = [
        _(
            "Each line below is an entry of the audit log, by its number. Whoever holds the log’s public key"
            " can check an export of these entries against the checkpoint without trusting this console."
        )
    ]
    if len(rows) > MOST_ENTRIES:
        words.append(_("Only the first %d are listed.") % MOST_ENTRIES)
    yield Chapter(
        _("Its entries in the audit log"), _checkpoint(rows[-1].idx if rows else None), words,
        Table([_("Entry"), _("When"), _("What")], lines) if lines else None,
    )  # fmt: skip


def _checkpoint(newest: int | None) -> list[tuple[str, str]]:
    """Return the first checkpoint that covers all of them, and who witnessed it."""
    stored = checkpoints.covering(newest) if newest is not None else None
    if stored is None:
        return [(_("Checkpoint"), _("not signed yet; it is, within seconds"))]
    witnessed = ", ".join(found.vkey.name for found in checkpoints.cosignatures(stored.size))
    return [
        (_("Log"), stored.origin),
        (_("Checkpoint"), _("of %d entries") % stored.size),
        (_("Root"), stored.root.hex()),
        (_("Witnessed by"), witnessed or _("nobody at this size; a later checkpoint holds it, too")),
    ]
