"""An application as an authorising officer reads it: by section, with what changed since another version.

It is made from the content that was hashed and from nothing else: what is shown is what is decided.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from deployments.lists import list_name
from deployments.models import Capacity, Consent, Incident, RiskMatrix, SensitivePlace
from deployments.selectors.differences import ADDED, REMOVED, SAME, Piece, changed, named, whole, words
from deployments.selectors.risk import explain
from trailers.models import MODULES

Content = Mapping[str, Any]
MODULE_NAMES = {
    "acoustic": gettext_lazy("Gunshot detector"),
    "alpr": gettext_lazy("Plate reader"),
    "ptz": gettext_lazy("Camera after an alert"),
    "speaker": gettext_lazy("Loudspeaker"),
}
MODULE_ICONS = {"acoustic": "ear", "alpr": "scan-line", "ptz": "cctv", "speaker": "volume-2"}


@dataclass(frozen=True)
class Line:
    """One fact: its label ("" where the section's title says it), its pieces, and an icon for a sensor."""

    label: str
    pieces: list[Piece]
    icon: str = ""
    listed: bool = False

    @property
    def changed(self) -> bool:
        """Whether it differs from the version before."""
        return changed(self.pieces)


@dataclass(frozen=True)
class Section:
    """One part of the application."""

    key: str
    title: str
    lines: list[Line] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether any of its facts differs from the version before."""
        return any(line.changed for line in self.lines)


def read(content: Content, before: Content | None = None) -> list[Section]:
    """Return the sections of ``content``, compared with ``before`` where there is one."""
    return [
        Section(key, str(title), [line for line in make(content, before) if line.pieces])
        for key, title, make in _SECTIONS
    ]


def moment(wire: str | None, pattern: str = "j F Y H:i") -> str:
    """Return a wire time as people here read it, "" for none."""
    if not wire:
        return ""
    at = datetime.fromisoformat(wire).astimezone(ZoneInfo(settings.LOCAL_TIME_ZONE))
    return formats.date_format(at, pattern)


def _part(content: Content | None, name: str) -> Mapping[str, Any] | None:
    return None if content is None else (content.get(name) or {})


def _both(
    make: Callable[[Mapping[str, Any]], str], name: str, content: Content, before: Content | None
) -> tuple[str | None, str]:
    old = _part(before, name)
    return (None if old is None else make(old)), make(_part(content, name) or {})


def _fact(
    label: Any, name: str, make: Callable[[Mapping[str, Any]], str], content: Content, before: Content | None
) -> Line:
    return Line(str(label), words(*_both(make, name, content, before)))


def _value(
    label: Any, name: str, make: Callable[[Mapping[str, Any]], str], content: Content, before: Content | None
) -> Line:
    return Line(str(label), whole(*_both(make, name, content, before)))


def _choice(choices: Any, key: str) -> str:
    return str(dict(choices).get(key, key))


def _incident(content: Content, before: Content | None) -> list[Line]:
    def told(part: Mapping[str, Any]) -> str:
        if not part:
            return ""
        return _("%(kind)s, reported %(at)s. %(place)s") % {
            "kind": capfirst(_choice(Incident.Kind.choices, part["kind"])), "at": moment(part["reported_at"]),
            "place": part.get("place", ""),
        }  # fmt: skip

    return [
        _value("", "incident", lambda part: part.get("cad", ""), content, before),
        _fact("", "incident", told, content, before),
    ]


def _risk(content: Content, before: Content | None) -> list[Line]:
    new = _scoring(_part(content, "risk") or {})
    old = None if before is None else _scoring(_part(before, "risk") or {})
    score, rest = (None, None) if old is None else (old.score, old.rest)
    headline = [piece._replace(strong=True) for piece in whole(score, new.score)]
    lines = [Line("", headline + words(rest, new.rest))]
    for key, name in ((old.names if old else {}) | new.names).items():
        was = None if old is None else old.words.get(key, "")
        lines.append(Line(name, words(was, new.words.get(key, ""))))
    return lines


@dataclass(frozen=True)
class _Scoring:
    """A score as it is read: ``14 of 24``, what follows it, and by factor its name and what was found."""

    score: str = ""
    rest: str = ""
    names: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)


def _scoring(part: Mapping[str, Any]) -> _Scoring:
    """Read a score by the very matrix that the content names: a published one never changes."""
    if not part:
        return _Scoring()
    told = {"threshold": part["threshold"], "until": moment(part["valid_until"], "j F Y")}
    matrix = RiskMatrix.objects.filter(pk=part.get("matrix") or 0).first()
    factors = part.get("factors", {})
    if matrix is None:
        rest = _(", threshold %(threshold)d. Valid until %(until)s.") % told
        found = {key: _scored(one.get("level"), "", one.get("why", "")) for key, one in factors.items()}
        return _Scoring(str(part["score"]), rest, {key: _factor_name(key) for key in factors}, found)
    explained = explain(matrix, factors)
    told["firmness"] = explained.firmness[0] if explained.firmness else ""
    return _Scoring(
        _("%(score)d of %(highest)d") % {"score": part["score"], "highest": explained.highest},
        _(", threshold %(threshold)d. %(firmness)s Valid until %(until)s.") % told,
        {one.key: one.label for one in explained.factors},
        {one.key: _scored(one.level, one.word, one.why) for one in explained.factors},
    )


def _factor_name(key: str) -> str:
    return key.replace("_", " ").replace("-", " ").capitalize()


def _scored(level: Any, word: str, why: str) -> str:
    told = ", ".join(str(one) for one in (level, word) if one not in (None, ""))
    return f"{told}: {why}" if why else told


def _need(content: Content, before: Content | None) -> list[Line]:
    return [
        _fact("", "need", lambda part: part.get("aim", ""), content, before),
        _fact(_("Considered"), "need", lambda part: part.get("alternatives", ""), content, before),
    ]


def _sensors(content: Content, before: Content | None) -> list[Line]:
    need, old = _part(content, "need") or {}, _part(before, "need")
    lines = [_sensor(name, need, old) for name in MODULES]
    lists = _lists(need)
    lines.append(Line(_("Plate lists"), named(None if old is None else _lists(old), lists), listed=True))
    for key in [*need.get("modules", []), *(f"list:{one}" for one in need.get("hotlist_categories", []))]:
        was = None if old is None else old.get("justifications", {}).get(key, "")
        name = list_name(key[5:]) if key.startswith("list:") else str(MODULE_NAMES.get(key, key))
        lines.append(Line(name, words(was, need.get("justifications", {}).get(key, ""))))
    lines.append(Line("", [Piece(SAME, _("Recording off."))]))
    return lines


def _sensor(name: str, need: Mapping[str, Any], old: Mapping[str, Any] | None) -> Line:
    on = name in need.get("modules", [])
    was = on if old is None else name in old.get("modules", [])
    title = str(MODULE_NAMES[name])
    pieces = [Piece(SAME, f"{title} ")]
    if on != was:
        pieces += [Piece(REMOVED, _on(was)), Piece(SAME, " "), Piece(ADDED, _on(on))]
    else:
        pieces = [Piece(SAME, f"{title} {_on(on)}")]
    return Line("", pieces, icon=MODULE_ICONS[name])


def _on(on: bool) -> str:
    return _("on") if on else _("off")


def _lists(need: Mapping[str, Any]) -> list[str]:
    told = [list_name(name) for name in need.get("hotlist_categories", [])]
    return told or ([_("none")] if "alpr" in need.get("modules", []) else [])


def _place(content: Content, before: Content | None) -> list[Line]:
    place, old = _part(content, "place") or {}, _part(before, "place")
    lines = [
        _value("", "place", _point, content, before),
        _value(_("Address"), "place", _address, content, before),
        _value(_("The mast looks towards"), "place", _heading, content, before),
        Line(_("Inside 500 m"), named(None if old is None else _around(old), _around(place)), listed=True),
        Line(_("Forbidden camera sectors"), named(None if old is None else _sectors(old), _sectors(place)),
             listed=True),
        _value(_("Loudspeaker"), "place", _speaker, content, before),
    ]  # fmt: skip
    return lines


def _point(part: Mapping[str, Any]) -> str:
    if not part.get("lat"):
        return ""
    lat, lon = (str(part[name]).replace("-", "−") for name in ("lat", "lon"))
    return _("%(lat)s, %(lon)s, within 25 m") % {"lat": lat, "lon": lon}


def _address(part: Mapping[str, Any]) -> str:
    return ", ".join(text for text in (part.get("site", ""), part.get("address", "")) if text)


def _heading(part: Mapping[str, Any]) -> str:
    return _("%s° from north") % part.get("heading_deg", "") if part.get("lat") else ""


def _around(part: Mapping[str, Any]) -> list[str]:
    kinds = SensitivePlace.Kind.choices
    told = [
        _("%(kind)s %(name)s at %(metres)s m")
        % {"kind": _choice(kinds, one["kind"]), "name": one["name"], "metres": one["distance_m"]}
        for one in part.get("sensitive_places", [])
    ]
    return told or ([_("no place of the list")] if part.get("lat") else [])


def _sectors(part: Mapping[str, Any]) -> list[str]:
    told = []
    for one in part.get("forbidden_sectors", []):
        why = f", {one['why']}" if one.get("why") else ""
        told.append(_("%(start)s° to %(end)s°") % {"start": one["from_deg"], "end": one["to_deg"]} + why)
    return told or ([_("none")] if part.get("lat") else [])


def _speaker(part: Mapping[str, Any]) -> str:
    if not part.get("lat"):
        return ""
    told = _("at most %d %%") % part.get("speaker_ceiling_pct", 0)
    if not part.get("quiet_from") or not part.get("quiet_to"):
        return told
    return told + _("; from %(start)s to %(end)s at most %(pct)d %%") % {
        "start": part["quiet_from"], "end": part["quiet_to"], "pct": part.get("quiet_ceiling_pct", 0),
    }  # fmt: skip


def _consent(content: Content, before: Content | None) -> list[Line]:
    def given(part: Mapping[str, Any]) -> str:
        if not part:
            return ""
        return _("%(capacity)s, by %(method)s, until %(until)s.") % {
            "capacity": _choice(Capacity.choices, part["capacity"]).capitalize(),
            "method": _choice(Consent.Method.choices, part["method"]),
            "until": moment(part["expires_at"], "j F Y H:i"),
        }  # fmt: skip

    consent, old = _part(content, "consent") or {}, _part(before, "consent")
    covers = [_covered(part) for part in (old or {}, consent)]
    return [
        _fact("", "consent", given, content, before),
        Line(_("Covers"), named(None if old is None else covers[0], covers[1]), listed=True),
        _fact(_("Conditions"), "consent", _conditions, content, before),
        _value(_("Digest"), "consent", lambda part: _short(part.get("document_sha256", "")), content, before),
    ]


def _conditions(part: Mapping[str, Any]) -> str:
    return part.get("conditions") or _("none") if part else ""


def _covered(part: Mapping[str, Any]) -> list[str]:
    return [str(MODULE_NAMES.get(name, name)) for name in part.get("modules", [])]


def _short(digest: str) -> str:
    return f"{digest[:4]} {digest[4:8]} … {digest[-4:]}" if digest else ""


def _privacy(content: Content, before: Content | None) -> list[Line]:
    return [
        _fact(_("Signs"), "privacy", lambda part: part.get("signage", ""), content, before),
        _fact(_("Notice"), "privacy", lambda part: part.get("notice", ""), content, before),
        _value(_("Kept as"), "privacy", lambda part: _class_name(part.get("retention_class", "")), content,
               before),
    ]  # fmt: skip


def _class_name(key: str) -> str:
    from vault import classes

    found = classes.find(key)
    return str(found.label) if found else key


def _period(content: Content, before: Content | None) -> list[Line]:
    def term(part: Mapping[str, Any]) -> str:
        if not part.get("starts_at") or not part.get("ends_at"):
            return ""
        return _("%(start)s to %(end)s") % {
            "start": moment(part["starts_at"]), "end": moment(part["ends_at"]),
        }  # fmt: skip

    def review(part: Mapping[str, Any]) -> str:
        if not part.get("starts_at") or not part.get("ends_at"):
            return ""
        days = datetime.fromisoformat(part["ends_at"]) - datetime.fromisoformat(part["starts_at"])
        return _("%(days)s days. Reviewed every %(every)d days.") % {
            "days": f"{days.total_seconds() / 86400:.1f}".removesuffix(".0"),
            "every": part.get("review_every_days", 7),
        }  # fmt: skip

    return [_value("", "need", term, content, before), _fact("", "need", review, content, before)]


_SECTIONS: tuple[tuple[str, Any, Callable[[Content, Content | None], list[Line]]], ...] = (
    ("incident", gettext_lazy("Incident"), _incident),
    ("risk", gettext_lazy("Risk"), _risk),
    ("need", gettext_lazy("Need"), _need),
    ("sensors", gettext_lazy("Sensors"), _sensors),
    ("place", gettext_lazy("Place"), _place),
    ("consent", gettext_lazy("Consent"), _consent),
    ("privacy", gettext_lazy("Privacy"), _privacy),
    ("period", gettext_lazy("Period"), _period),
)
