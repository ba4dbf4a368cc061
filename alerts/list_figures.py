"""What the page of the lists shows: figures of versions and uploads, never a plate."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User
from accounts.selectors import has_role
from alerts import policies
from alerts.hotlists import MAX_AGE
from alerts.models import Hotlist, HotlistUpload, HotlistVersion

AMBER_AFTER = timedelta(hours=26)
SHOWN_VERSIONS = 40
CATEGORY_WORDS = {
    "stolen_vehicle": _("Stolen vehicle"),
    "stolen_plate": _("Stolen plate"),
    "wanted_vehicle": _("Wanted vehicle"),
    "amber_alert": _("Amber alert"),
    "missing_person_vehicle": _("Missing person’s vehicle"),
    "firearm_investigation": _("Firearm investigation"),
    "extortion_investigation": _("Extortion investigation"),
    "other_authorised": _("Other authorised"),
}
REFUSAL_WORDS = {
    "wrong-file": _("It is the wrong file"),
    "not-expected": _("Such a change is not expected"),
    "ask-authority": _("The authority is asked first"),
    "withdrawn": _("Taken back"),
}


def age_of(hotlist: Hotlist, now: datetime) -> dict[str, Any]:
    """Return ``level`` (ok, amber, stopped), ``age_s`` and whether the list's own end has passed."""
    issued_at = hotlist.issued_at or now
    over = hotlist.valid_to is not None and hotlist.valid_to <= now
    age = now - issued_at
    level = "stopped" if over or age > MAX_AGE else "amber" if age > AMBER_AFTER else "ok"
    return {"level": level, "age_s": max(0, int(age.total_seconds())), "over": over}


def lists_of(user: User, now: datetime) -> list[dict[str, Any]]:
    """Return the agency's lists: age, entries by category, versions, newest first."""
    known = Hotlist.objects.filter(agency_id=user.person.agency_id, version__gt=0).order_by("list_id")
    return [_list(hotlist, now) for hotlist in known]


def _list(hotlist: Hotlist, now: datetime) -> dict[str, Any]:
    people = HotlistVersion.objects.select_related("imported_by", "approved_by")
    versions = list(people.filter(hotlist=hotlist).order_by("-version")[:SHOWN_VERSIONS])
    current = versions[0] if versions and versions[0].version == hotlist.version else None
    digests = current.digests if current else {}
    categories = [
        {"word": word, "name": name, "entries": digests[name]["entries"]}
        for name, word in CATEGORY_WORDS.items()
        if name in digests
    ]
    age = age_of(hotlist, now)
    return {
        "list": hotlist, "current": current, "versions": versions, "categories": categories, **age,
        "age": _words(age["age_s"]), "entries": sum(row["entries"] for row in categories),
    }  # fmt: skip


def _words(age_s: int) -> str:
    hours, minutes = divmod(age_s // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def uploads_of(user: User, now: datetime) -> dict[str, QuerySet[HotlistUpload]]:
    """Return what waits for a second person, this person's unfinished ones, and what ended lately."""
    mine = HotlistUpload.objects.filter(agency_id=user.person.agency_id).select_related(
        "started_by", "decided_by"
    )
    states = HotlistUpload.State
    ended = mine.filter(state__in=(states.REFUSED, states.BROKEN, states.LAPSED))
    return {
        "waiting": mine.filter(state=states.WAITING, expires_at__gt=now).order_by("started_at"),
        "unfinished": mine.filter(
            state=states.RECEIVING, expires_at__gt=now, started_by=user.person
        ).order_by("started_at"),
        "ended": ended.filter(started_at__gt=now - timedelta(days=7)).order_by("-started_at")[:20],
    }


def waiting_for(user: User) -> int:
    """Return how many lists wait for this person's decision, for the navigation."""
    if not has_role(user, Role.SUPERVISOR):
        return 0
    waiting = Q(state=HotlistUpload.State.WAITING, agency_id=user.person.agency_id)
    return HotlistUpload.objects.filter(waiting).exclude(started_by=user.person).count()


def change_of(upload: HotlistUpload) -> dict[str, Any]:
    """Return how a waiting version compares: counts, the factor in words' terms, and which way it goes."""
    before = upload.before or 0
    shrinks = upload.rows < before
    return {
        "before": before, "after": upload.rows, "shrinks": shrinks,
        "percent": round(100 * (before - upload.rows) / before) if before and shrinks else 0,
        "times": round(upload.rows / before, 1) if before and not shrinks else 0,
        "needs_second": policies.needs_second(before, upload.rows),
    }  # fmt: skip
