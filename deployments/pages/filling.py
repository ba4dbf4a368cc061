"""What the pages of an application show, as plain values for their templates."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from csoc.lib import clock
from csoc.lib.errors import Refused
from deployments import documents, policies, sections, selectors, services
from deployments.models import HIGHEST_LEVEL, Deployment
from deployments.sealed import read_answers
from deployments.sections import consent, need
from deployments.sections.base import local
from deployments.sections.place import MAX_SECTORS
from deployments.selectors.links import open_link
from deployments.selectors.risk import explain

QUESTIONS = {
    "incident": gettext_lazy("Which reported incident is this for?"),
    "risk": gettext_lazy("How serious is the risk at this place?"),
    "need": gettext_lazy("Why is a trailer needed here, and for how long?"),
    "place": gettext_lazy("Where does the trailer stand?"),
    "consent": gettext_lazy("Has the property owner consented?"),
    "privacy": gettext_lazy("How are people told, and how long is this kept?"),
}
#: What a form carries besides its answers.
CARRIED = frozenset({"csrfmiddlewaretoken", "base", "document"})


@dataclass
class Filled:
    """One section's page: its form, and what came of it.

    ``typed``: it shows what was typed and is not saved. ``differs``: rows of a text saved elsewhere beside
    the one typed here. ``saved``: the section was saved. ``closed``: it can no longer be edited.
    """

    deployment: Deployment
    section: str
    form: sections.SectionForm
    typed: bool = False
    differs: list[dict[str, str]] | None = None
    saved: bool = False
    closed: bool = False

    @property
    def status(self) -> int:
        """The HTTP status of the page."""
        if self.differs is not None:
            return 409
        return 422 if self.form.is_bound and self.form.errors else 200


def typed_of(request: HttpRequest) -> dict[str, Any]:
    """Return what was typed, field by field, without what the form carries besides."""
    return {name: request.POST.get(name, "") for name in request.POST if name not in CARRIED}


def initial_of(deployment: Deployment, section: str) -> tuple[dict[str, Any], bool]:
    """Return what the form begins with, and whether that was typed and never saved."""
    typed = read_answers(deployment).get(section)
    if typed is not None:
        return typed, True
    return sections.SECTION[section].initial_of(deployment), False


def make_form(deployment: Deployment, section: str, data: Any = None) -> tuple[sections.SectionForm, bool]:
    """Return the section's form over ``data``, or over what was typed or saved before."""
    matrix = selectors.current_matrix(deployment.agency_id) if section == "risk" else None
    initial, typed = initial_of(deployment, section)
    form = sections.FORMS[section](data, deployment=deployment, matrix=matrix, initial=initial)
    return form, typed


def opened(request: HttpRequest, deployment: Deployment, section: str) -> Filled:
    """Return the section as somebody opens it. Errors: Refused, but for what was sent: that is told."""
    form, typed = make_form(deployment, section)
    try:
        policies.may_edit(request.user, deployment)  # type: ignore[arg-type]
    except Refused as refused:
        if refused.code != "wrong-state":
            raise
        return Filled(deployment, section, form, closed=True)
    return Filled(deployment, section, form, typed)


def sent(request: HttpRequest, deployment: Deployment, section: str) -> Filled:
    """Save one section, or return why not with everything that was typed. Errors: Refused."""
    filled = opened(request, deployment, section)
    if filled.closed:
        return filled
    filled.form = make_form(deployment, section, request.POST)[0]
    try:
        # First whether it is still what they saw: a mistake in a text that lost is not worth a word.
        policies.unchanged_since(deployment, {section: request.POST.get("base", "")}, None)
        values = _values(request, filled)
        if values is not None:
            _save(request, deployment, section, values)
            filled.saved = True
            return filled
    except Refused as refused:
        _refused(request, filled, refused)
    if filled.differs is None and not filled.closed:
        filled.deployment = keep(request, deployment, section)
    return filled


def _values(request: HttpRequest, filled: Filled) -> dict[str, Any] | None:
    """Return the typed values, None when a field is wrong. A paper is looked at once all else is right."""
    task = sections.SECTION[filled.section].task_of(filled.deployment)
    if filled.form.is_valid() and task.state == "cannot_start":
        filled.form.add_error(None, f"{task.word}: {task.line}.")
    if not filled.form.is_valid():
        return None
    values = filled.form.values()
    if filled.section == "consent":
        file = request.FILES.get("document")
        values["document"] = documents.check(file.read() if file is not None else b"")
    return values


def _save(request: HttpRequest, deployment: Deployment, section: str, values: dict[str, Any]) -> None:
    services.edit_sections(
        actor=request.user, deployment_id=deployment.pk, sections={section: values},  # type: ignore[arg-type]
        bases={section: request.POST.get("base", "")},
    )  # fmt: skip


def keep(request: HttpRequest, deployment: Deployment, section: str) -> Deployment:
    """Keep what was typed. Errors: Refused ``stale-version``, ``wrong-state``, ``too-large``."""
    return services.keep_answers(
        actor=request.user, deployment_id=deployment.pk, section=section,  # type: ignore[arg-type]
        typed=typed_of(request), base=request.POST.get("base", ""),
    )  # fmt: skip


def _refused(request: HttpRequest, filled: Filled, refused: Refused) -> None:
    """Put a refusal where its reader looks: at its field, at the top, or as a page of its own."""
    if refused.code == "stale-version":
        now = selectors.visible_by_name(request.user, filled.deployment.address_name)  # type: ignore[arg-type]
        filled.deployment, filled.differs = now, differing(now, filled.section, typed_of(request))
    elif refused.code == "wrong-state":
        filled.closed = True
    elif refused.status in (409, 413, 422, 503):
        filled.form.is_valid()
        filled.form.add_error(_field_of(filled, refused), refused.sentence)
    else:
        raise refused


def _field_of(filled: Filled, refused: Refused) -> str | None:
    told = str(refused.extra.get("field", ""))
    if refused.code == "incident-known":
        told = "cad"
    names = (told, f"level-{told}", told.replace("_at", "_date"))
    return next((name for name in names if name in filled.form.fields), None)


def differing(deployment: Deployment, section: str, typed: dict[str, Any]) -> list[dict[str, str]]:
    """Return the fields whose saved text is another than the typed one, with both."""
    form, _typed = make_form(deployment, section)
    saved, _typed = initial_of(deployment, section)
    rows = []
    for name, field in form.fields.items():
        there, here = _words(field, saved.get(name)), _words(field, typed.get(name))
        if there != here:
            rows.append({"label": _label(form, name), "saved": there, "typed": here})
    return rows


def _label(form: sections.SectionForm, name: str) -> str:
    """Name a field that stands beside its switch or factor by that as well."""
    field, (kind, _dash, key) = form.fields[name], name.partition("-")
    for beside in (f"on-{key}", f"level-{key}"):
        if kind == "why" and beside in form.fields:
            return f"{form.fields[beside].label}: {field.label}"
    return str(field.label)


def _words(field: Any, value: Any) -> str:
    if value in (None, "", False):
        return ""
    if value is True or value == "on":
        return _("on")
    choices = dict(getattr(field, "choices", ()))
    return str(choices.get(str(value), value))


def page(filled: Filled) -> dict[str, Any]:
    """Return the context of one section's page."""
    deployment, section = filled.deployment, filled.section
    told = {
        "deployment": deployment,
        "section": section,
        "form": filled.form,
        "here": reverse(f"deployment-{section}", args=[deployment.address_name]),
        "question": QUESTIONS[section],
        "title": sections.TITLES[section],
        "task": sections.SECTION[section].task_of(deployment, filled.typed),
        "base": selectors.section_digest(deployment, section),
        "typed": filled.typed or filled.form.is_bound,
        "differs": filled.differs,
        "summary": summary(filled.form),
    }
    return told | PARTS.get(section, _nothing)(filled)


def summary(form: sections.SectionForm) -> list[tuple[str, str]]:
    """Return ``(id of the field, sentence)`` for every mistake, in the order of the fields."""
    if not form.is_bound:
        return []
    rows = [("", str(error)) for error in form.non_field_errors()]
    for name in form.fields:
        bound = form[name]
        at = bound.id_for_label or f"{bound.auto_id}_0"
        rows += [(at, str(error)) for error in bound.errors]
    return rows


def _nothing(filled: Filled) -> dict[str, Any]:
    return {}


def _risk(filled: Filled) -> dict[str, Any]:
    matrix = filled.form.matrix
    if matrix is None:
        return {"matrix": None}
    levels = {key: {"level": _level(filled.form[f"level-{key}"].value())} for key in _keys(matrix)}
    explained = explain(matrix, levels)
    rows = [
        (factor, filled.form[f"level-{factor.key}"], filled.form[f"why-{factor.key}"], words)
        for factor, words in zip(explained.factors, _words_of(matrix), strict=True)
    ]
    return {"matrix": matrix, "explained": explained, "rows": rows, "bar": bar(explained),
            "stopped": sections.SECTION["risk"].stopped(filled.deployment)}  # fmt: skip


def _keys(matrix: Any) -> list[str]:
    return [factor["key"] for factor in matrix.factors]


def _words_of(matrix: Any) -> list[list[str]]:
    return [factor["levels"] for factor in matrix.factors]


def _level(value: Any) -> int | None:
    text = str(value if value is not None else "")
    return int(text) if text.isdecimal() and len(text) == 1 and int(text) <= HIGHEST_LEVEL else None


def explained_of(request: HttpRequest, deployment: Deployment) -> dict[str, Any] | None:
    """Return what the typed scores say, for the panel beside the form; None without a matrix."""
    matrix = selectors.current_matrix(deployment.agency_id)
    if matrix is None:
        return None
    typed = {key: {"level": _level(request.POST.get(f"level-{key}"))} for key in _keys(matrix)}
    return explain(matrix, typed).wire()


#: The bar of the score, in its own units.
BAR_WIDTH = 260


def bar(explained: Any) -> dict[str, Any]:
    """Return where the pieces of the bar and the threshold lie."""
    unit = BAR_WIDTH / max(explained.highest, 1)
    x, pieces = 0.0, []
    for number, factor in enumerate(explained.factors):
        width = factor.points * unit
        pieces.append({"x": f"{x:.1f}", "width": f"{max(width - 2, 0):.1f}", "tone": number % 6})
        x += width
    return {"pieces": pieces, "threshold": f"{explained.threshold * unit:.1f}", "rest": f"{x:.1f}",
            "left": f"{max(BAR_WIDTH - x, 0):.1f}", "width": BAR_WIDTH}  # fmt: skip


def _need(filled: Filled) -> dict[str, Any]:
    form = filled.form
    rows = [
        (form[f"on-{key}"], form[f"why-{key}"]) for key, _label, _hint in need.switches_of(filled.deployment)
    ]
    sensors = [row for row in rows if not row[0].name.startswith("on-list:")]
    return {"sensors": sensors, "lists": rows[len(sensors) :]}


def _place(filled: Filled) -> dict[str, Any]:
    form, deployment = filled.form, filled.deployment
    rows = [
        tuple(form[f"sector-{row}-{part}"] for part in ("from", "to", "why")) for row in range(MAX_SECTORS)
    ]
    used = [any(field.value() not in (None, "") for field in row) for row in rows]
    shown = max([number + 1 for number, one in enumerate(used) if one] + [0]) + 1
    near = deployment.sensitive_places
    return {"sectors": [(number, row, number < shown) for number, row in enumerate(rows)], "near": near,
            "renewal": deployment.term > 1}  # fmt: skip


def _consent(filled: Filled) -> dict[str, Any]:
    deployment = filled.deployment
    given = deployment.consent
    return {
        "consent": given,
        "covers": given is not None and consent.covers(deployment),
        "link": open_link(deployment),
        "modules": [need.MODULE_NAMES[name] for name in deployment.modules],
    }


PARTS = {"risk": _risk, "need": _need, "place": _place, "consent": _consent}


def next_of(deployment: Deployment, section: str) -> str:
    """Return the name of the route to go on with after a section was saved."""
    listed = sections.tasks_of(deployment)
    if section == "risk" and sections.SECTION["risk"].stopped(deployment):
        return "deployment-risk"
    if sections.ready(listed):
        return "deployment-check"
    names = [one.section for one in listed]
    here = names.index(section)
    others = listed[here + 1 :] + listed[:here]
    found = next((one for one in others if one.open and one.task.state in TO_DO), None)
    return f"deployment-{found.section}" if found else "deployment-page"


TO_DO = ("not_started", "in_progress")


def kept_words(deployment: Deployment) -> dict[str, Any]:
    """Return what the bar says once typed text is kept."""
    return {"saved_at": clock.wire(deployment.saved_at), "clock": f"{local(deployment.saved_at):%H:%M:%S}",
            "version": deployment.version}  # fmt: skip
