"""One real request for each guarded route and method: who may, with which arguments, on fresh objects.

A guarded route without a case here fails ``test_log_down``: whoever adds a route adds its case.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.contract.place import ALERTS
from tests.rooms import applicant_cases, deciding_cases, facts_cases, keys_cases, list_cases, owner_cases
from tests.rooms.log_standing import Standing

MARKER = "PLANTED-MARKER-7Q"


class Ask(NamedTuple):
    """One request: ``body`` is sent as JSON, ``form`` as a form, ``files`` with it: name -> (name, bytes).

    version: what its ``If-Match`` says.
    """

    path: str
    body: Any = None
    form: dict[str, Any] | None = None
    files: dict[str, Any] | None = None
    version: int = 0


class Case(NamedTuple):
    """Who asks, and how the request is made: called before the log breaks."""

    role: str
    make: Callable[[Standing], Ask]


_numbers = itertools.count(1)
REASON = {"reason": {"code": "plate-hit", "cad": "26-118204"}}


def _new_person(standing: Standing) -> dict[str, Any]:
    number = next(_numbers)
    unit = standing.place.scene.users["administrator"].person.unit
    names = {"badge": f"b-{number}", "username": f"planted.{number}"}
    return names | {"name": MARKER, "unit": unit.pk, "roles": []}


def _person(standing: Standing, rest: str = "", *, left: bool = False) -> str:
    return f"/access/u-{standing.person(MARKER, left=left)}/{rest}"


def _glass(alert: str) -> dict[str, Any]:
    reason = {"code": "officer-safety", "words": MARKER}
    return {"object": {"type": "alert", "id": alert}, "reason": reason}


def _alert(alert: str, act: str, body: Any = None) -> Ask:
    return Ask(f"{ALERTS}{alert}/{act}/", body)


ALERT_CASES = {
    ("acknowledge", "POST"): Case("dispatcher", lambda s: _alert(s.waiting(), "acknowledge", {"version": 1})),
    ("hand-back", "POST"): Case("dispatcher", lambda s: _alert(s.taken(), "hand-back", {"reason": MARKER})),
    ("close", "POST"): Case(
        "dispatcher",
        lambda s: _alert(s.taken(), "close", {"version": 2, "outcome": "test", "note": MARKER}),
    ),
    ("verify-plate", "POST"): Case(
        "dispatcher", lambda s: _alert(s.taken(), "verify-plate", {"version": 2, "decision": "confirm"})
    ),
    ("hand-off", "POST"): Case(
        "dispatcher",
        lambda s: _alert(s.taken(), "hand-off", {"version": 2, "target": "file", "note": MARKER}),
    ),
    ("hand-off-preview", "GET"): Case("dispatcher", lambda s: _alert(s.taken(), "hand-off/preview")),
    ("hand-off-cap", "GET"): Case("dispatcher", lambda s: Ask(s.handed_off(MARKER)["cap.xml"])),
    ("hand-off-eido", "GET"): Case("dispatcher", lambda s: Ask(s.handed_off(MARKER)["eido.json"])),
    ("note", "POST"): Case("dispatcher", lambda s: _alert(s.taken(), "note", {"text": MARKER})),
    ("alert-detail", "GET"): Case("dispatcher", lambda s: _alert(s.noted(MARKER), "detail")),
    ("alert-clip", "GET"): Case("dispatcher", lambda s: _alert(s.with_media("clip"), "clip")),
    ("alert-crop", "GET"): Case("dispatcher", lambda s: _alert(s.with_media("crop"), "crop")),
    ("live-shift", "POST"): Case("dispatcher", lambda s: Ask("/api/v1/live/shift/", {})),
    ("live-view", "POST"): Case("dispatcher", lambda s: _alert(s.taken(), "live-view", REASON)),
    ("live-extend", "POST"): Case("dispatcher", lambda s: Ask(f"/api/v1/live/{s.view()}/extend/", REASON)),
    ("live-close", "POST"): Case("dispatcher", lambda s: Ask(f"/api/v1/live/{s.view()}/close/", {})),
    ("demo-simulate", "POST"): Case(
        "dispatcher", lambda s: Ask("/demo/simulate/", {"trailer": "TRL-0007", "kind": "gunshot"})
    ),
}
FLEET_CASES = {
    ("fleet-warning", "POST"): Case(
        "technician", lambda s: Ask(f"{s.low_battery()}warnings/battery/", form={"level": "red"})
    ),
    ("fleet-ask", "POST"): Case("technician", lambda s: Ask(f"{s.low_battery()}ask/", form={"what": "ping"})),
}
UPLOADS = "/api/v1/hotlists/uploads/"
LIST_CASES = {
    ("hotlists", "GET"): Case("supervisor", lambda s: Ask("/hotlists/")),
    ("hotlist-import", "GET"): Case("supervisor", lambda s: Ask("/hotlists/import/")),
    ("hotlist-import", "POST"): Case(
        "supervisor", lambda s: Ask("/hotlists/import/", form={}, files=list_cases.both())
    ),
    ("hotlist-decide", "GET"): Case("supervisor", lambda s: Ask(f"/hotlists/uploads/{list_cases.waits(s)}/")),
    ("hotlist-approve", "POST"): Case(
        "supervisor", lambda s: Ask(f"/hotlists/uploads/{list_cases.waits(s)}/approve/", form={"before": "9"})
    ),
    ("hotlist-refuse", "POST"): Case(
        "supervisor",
        lambda s: Ask(
            f"/hotlists/uploads/{list_cases.waits(s)}/refuse/", form={"code": "wrong-file", "words": MARKER}
        ),
    ),
    ("hotlist-uploads", "POST"): Case("supervisor", lambda s: Ask(UPLOADS, list_cases.manifest())),
    ("hotlist-finish", "POST"): Case(
        "supervisor", lambda s: Ask(f"{UPLOADS}{list_cases.begun(s)}/finish/", {})
    ),
}
PEOPLE_CASES = {
    ("access", "GET"): Case("administrator", lambda s: Ask(f"/access/?q={s.person(MARKER) and MARKER}")),
    ("access-add", "GET"): Case("administrator", lambda s: Ask("/access/add/")),
    ("access-add", "POST"): Case("administrator", lambda s: Ask("/access/add/", form=_new_person(s))),
    ("access-person", "GET"): Case("administrator", lambda s: Ask(_person(s))),
    ("access-add-sign-in", "GET"): Case("administrator", lambda s: Ask(_person(s, "add-sign-in/"))),
    ("access-add-sign-in", "POST"): Case(
        "administrator",
        lambda s: Ask(_person(s, "add-sign-in/"), form={"username": f"planted.{next(_numbers)}"}),
    ),
    ("access-roles", "POST"): Case(
        "administrator", lambda s: Ask(f"{s.sign_in(MARKER)}roles/", form={"roles": ["dispatcher"]})
    ),
    ("access-reset", "POST"): Case(
        "administrator", lambda s: Ask(f"{s.sign_in(MARKER)}second-factor/", form={})
    ),
    ("access-close", "GET"): Case("administrator", lambda s: Ask(f"{s.sign_in(MARKER)}close/")),
    ("access-close", "POST"): Case("administrator", lambda s: Ask(f"{s.sign_in(MARKER)}close/", form={})),
    ("access-open", "POST"): Case(
        "administrator", lambda s: Ask(f"{s.sign_in(MARKER, closed=True)}open/", form={})
    ),
    ("access-leave", "GET"): Case("administrator", lambda s: Ask(_person(s, "leave/"))),
    ("access-leave", "POST"): Case("administrator", lambda s: Ask(_person(s, "leave/"), form={})),
    ("access-reinstate", "POST"): Case(
        "administrator", lambda s: Ask(_person(s, "reinstate/", left=True), form={})
    ),
}
LOG_CASES = {
    ("audit", "GET"): Case("privacy-officer", lambda s: Ask(f"/audit/?entry={s.sealed()}")),
    ("audit-verify", "POST"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/entries/{s.sealed()}/verify/", form={})
    ),
    ("audit-proof", "GET"): Case("privacy-officer", lambda s: Ask(f"/audit/entries/{s.sealed()}/proof/")),
    ("audit-person", "GET"): Case("privacy-officer", lambda s: Ask(f"/audit/person/{s.somebody()}/")),
    ("audit-object", "GET"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/object/trailer:{s.place.scene.trailer.name}/")
    ),
    ("api-audit-entries", "GET"): Case("privacy-officer", lambda s: Ask("/api/v1/audit/entries/")),
}
GLASS = {"why": "officer-safety", "words": MARKER}
GLASS_CASES = {
    ("alert-page", "GET"): Case("dispatcher", lambda s: Ask(f"/alerts/{s.noted(MARKER)}/")),
    ("deployment-page", "GET"): Case(
        "supervisor", lambda s: Ask(f"/deployments/{s.place.scene.deployment.name}/")
    ),
    ("deployment-read", "GET"): Case(
        "supervisor", lambda s: Ask(f"/api/v1/deployments/{s.place.scene.deployment.name}/")
    ),
    ("break-glass-open", "POST"): Case(
        "investigator", lambda s: Ask("/break-glass/open/", form=GLASS | {"what": s.waiting()})
    ),
    ("break-glass-end", "POST"): Case(
        "investigator", lambda s: Ask(f"/break-glass/{s.broken_glass()}/end/", form={})
    ),
    ("api-break-glass", "POST"): Case(
        "investigator", lambda s: Ask("/api/v1/break-glass/", _glass(s.waiting()))
    ),
    ("api-break-glass-end", "POST"): Case(
        "investigator", lambda s: Ask(f"/api/v1/break-glass/{s.broken_glass()}/end/", {})
    ),
    ("audit-reviews", "GET"): Case("privacy-officer", lambda s: Ask(f"/audit/reviews/?item={s.review()}")),
    ("audit-review-decide", "POST"): Case(
        "privacy-officer",
        lambda s: Ask(f"/audit/reviews/{s.review()}/decide/", form={"decision": "in-order", "note": MARKER}),
    ),
}
WANTED = {
    "kind": "actor",
    "reason": "complaint",
    "reference": "OPC-2026-114",
    "recipient": "Office of Police Complaints",
}
EXPORT_CASES = {
    ("audit-exports", "GET"): Case("privacy-officer", lambda s: Ask(f"/audit/exports/?of={s.export()}")),
    ("audit-export", "GET"): Case("privacy-officer", lambda s: Ask(f"/audit/exports/{s.export()}/")),
    ("audit-export-ask", "GET"): Case("privacy-officer", lambda s: Ask("/audit/exports/ask/?kind=actor")),
    ("audit-export-ask", "POST"): Case(
        "privacy-officer",
        lambda s: Ask("/audit/exports/ask/?kind=actor", form=WANTED | {"person": s.somebody()}),
    ),
    ("audit-export-approve", "POST"): Case(
        "supervisor", lambda s: Ask(f"/audit/exports/{s.export()}/approve/", form={})
    ),
    ("audit-export-refuse", "POST"): Case(
        "supervisor", lambda s: Ask(f"/audit/exports/{s.export()}/refuse/", form={"refusal": "too-wide"})
    ),
    ("audit-export-withdraw", "POST"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/exports/{s.export()}/withdraw/", form={})
    ),
    ("audit-export-download", "GET"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/exports/{s.export('ready')}/download/")
    ),
    ("api-audit-exports", "GET"): Case("privacy-officer", lambda s: Ask("/api/v1/audit/exports/")),
    ("api-audit-exports", "POST"): Case(
        "privacy-officer", lambda s: Ask("/api/v1/audit/exports/", WANTED | {"person": s.somebody()})
    ),
    ("api-audit-export-decide", "POST"): Case(
        "supervisor",
        lambda s: Ask(f"/api/v1/audit/exports/{s.export()}/decision/", {"decision": "approve"}),
    ),
}


def _answer(standing: Standing) -> Ask:
    _row, key_id, answer = standing.witness_request()
    return Ask(f"/audit/witnesses/{key_id}/answer/", form={"answer": answer})


def _request_file(standing: Standing, rest: str = "") -> Ask:
    return Ask(f"/audit/witnesses/files/{standing.witness_request()[0]}/{rest}")


WITNESS_CASES = {
    ("audit-witnesses", "GET"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/witnesses/?witness={s.witness()}")
    ),
    ("audit-witness-request", "POST"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/witnesses/{s.witness()}/request/", form={})
    ),
    ("audit-witness-answer", "POST"): Case("privacy-officer", _answer),
    ("audit-witness-file", "GET"): Case("privacy-officer", _request_file),
    ("audit-witness-picture", "GET"): Case("privacy-officer", lambda s: _request_file(s, "code.svg")),
    # Nothing here is seven years old: asked for, it is refused in words, on the page.
    ("audit-pruning-ask", "POST"): Case("privacy-officer", lambda s: Ask("/audit/pruning/0/", form={})),
    ("audit-pruning-approve", "POST"): Case(
        "privacy-officer", lambda s: Ask(f"/audit/pruning/{s.pruning()}/agree/", form={})
    ),
}


def _install(standing: Standing, rest: str = "", **how: bool) -> str:
    return f"/deployments/{standing.to_install(**how)}/installation/{rest}"


def _install_api(standing: Standing, rest: str = "", **how: bool) -> str:
    return "/api/v1" + _install(standing, rest, **how)


MASKS = {"item": "masks"}
INSTALLATION_CASES = {
    ("deployment-installation", "GET"): Case("technician", lambda s: Ask(_install(s))),
    ("deployment-installation-open", "POST"): Case(
        "technician", lambda s: Ask(_install(s, "open/", window=False), form={})
    ),
    ("deployment-installation-record", "POST"): Case(
        "technician", lambda s: Ask(_install(s, "record/"), form=MASKS)
    ),
    ("deployment-installation-ask", "POST"): Case(
        "technician", lambda s: Ask(_install(s, "test-alert/"), form={})
    ),
    ("deployment-installation-complete", "POST"): Case(
        "technician", lambda s: Ask(_install(s, "complete/"), form={})
    ),
    ("deployment-installation-activate", "POST"): Case(
        "technician", lambda s: Ask(_install(s, "activate/", ready=True), form={})
    ),
    ("deployment-api-installation", "GET"): Case("technician", lambda s: Ask(_install_api(s))),
    ("deployment-api-installation", "POST"): Case(
        "technician", lambda s: Ask(_install_api(s, window=False), {})
    ),
    ("deployment-api-installation-check", "POST"): Case(
        "technician", lambda s: Ask(_install_api(s, "check/"), MASKS)
    ),
    ("deployment-api-installation-test", "POST"): Case(
        "technician", lambda s: Ask(_install_api(s, "test-alert/"), {})
    ),
    ("deployment-api-installation-complete", "POST"): Case(
        "technician", lambda s: Ask(_install_api(s, "complete/"), {})
    ),
}


def _waits(standing: Standing, act: str, **form: Any) -> Ask:
    address, fingerprint = keys_cases.waiting(standing, MARKER)
    sent = {"fingerprint": fingerprint} if act == "confirm" else {"reason": "lost"}
    return Ask(f"{address}{act}/", form=sent if form.get("sent") else None)


def _code(standing: Standing) -> Ask:
    address, form = keys_cases.code(standing, MARKER)
    return Ask(address, form=form)


KEY_CASES = {
    ("trailer-new", "GET"): Case("technician", lambda s: Ask("/fleet/new/")),
    ("trailer-new", "POST"): Case(
        "technician", lambda s: Ask("/fleet/new/", form=keys_cases.particulars(s, MARKER))
    ),
    ("trailer-edit", "GET"): Case(
        "technician", lambda s: Ask(keys_cases.keys(s, MARKER).replace("keys/", "edit/"))
    ),
    ("trailer-edit", "POST"): Case(
        "technician",
        lambda s: Ask(
            keys_cases.keys(s, "Before").replace("keys/", "edit/"), form=keys_cases.particulars(s, MARKER)
        ),
    ),
    ("enrolment", "GET"): Case("technician", lambda s: Ask("/fleet/enrolment/")),
    ("trailer-keys", "GET"): Case("technician", lambda s: Ask(keys_cases.keys(s, MARKER))),
    ("trailer-code", "POST"): Case("technician", _code),
    ("trailer-key-confirm", "GET"): Case("technician-2", lambda s: _waits(s, "confirm")),
    ("trailer-key-confirm", "POST"): Case("technician-2", lambda s: _waits(s, "confirm", sent=True)),
    ("trailer-key-revoke", "GET"): Case("technician-2", lambda s: _waits(s, "revoke")),
    ("trailer-key-revoke", "POST"): Case("technician-2", lambda s: _waits(s, "revoke", sent=True)),
    ("refusals", "GET"): Case("technician", lambda s: Ask("/fleet/refusals/?period=7d")),
}
MATRIX, SENSITIVE, AREA = "/deployments/matrix/", "/deployments/places/", "/deployments/area/"
FACTS_CASES = {
    ("matrix", "GET"): Case("privacy-officer", lambda s: Ask(MATRIX)),
    ("matrix-propose", "GET"): Case("supervisor", lambda s: Ask(f"{MATRIX}propose/")),
    ("matrix-propose", "POST"): Case(
        "supervisor", lambda s: Ask(f"{MATRIX}propose/", form=facts_cases.matrix_form(s))
    ),
    ("matrix-file", "POST"): Case(
        "supervisor", lambda s: Ask(f"{MATRIX}file/", form={}, files=facts_cases.matrix_file(s))
    ),
    ("matrix-publish", "POST"): Case(
        "supervisor-2", lambda s: Ask(f"{MATRIX}{facts_cases.version(s)}/publish/", form={})
    ),
    ("matrix-withdraw", "POST"): Case(
        "supervisor", lambda s: Ask(f"{MATRIX}{facts_cases.version(s)}/withdraw/", form={})
    ),
    ("places", "GET"): Case("applicant", lambda s: Ask(SENSITIVE)),
    ("places-file", "GET"): Case("applicant", lambda s: Ask(f"{SENSITIVE}places.csv")),
    ("places-near", "GET"): Case("applicant", lambda s: Ask(f"{SENSITIVE}near/?lat=43.6595&lon=-79.669")),
    ("places-import", "GET"): Case("supervisor", lambda s: Ask(f"{SENSITIVE}import/")),
    ("places-import", "POST"): Case(
        "supervisor",
        lambda s: Ask(f"{SENSITIVE}import/", form={"source": MARKER, "rows": facts_cases.PLACES}),
    ),
    ("area", "GET"): Case("applicant", lambda s: Ask(AREA)),
    ("area-file", "GET"): Case("applicant", lambda s: Ask(f"{AREA}outline.geojson")),
    ("area-set", "POST"): Case(
        "supervisor",
        lambda s: Ask(f"{AREA}set/", form={}, files={"file": ("a.geojson", facts_cases.OUTLINE.encode())}),
    ),
}


def _owner(standing: Standing, page: str, form: dict[str, Any] | None = None, **how: bool) -> Ask:
    return Ask(owner_cases.link(standing, "dispatcher", MARKER, **how) + page, form=form)


LINK = {"capacity": "owner", "owner_name": MARKER, "owner_email": "owner@example.org", "language": "en"}
OWNER_CASES = {
    ("owner-send", "POST"): Case("dispatcher", lambda s: _owner(s, "send/", {}, proven=False)),
    ("owner-check", "POST"): Case(
        "dispatcher", lambda s: _owner(s, "check/", {"code": owner_cases.CODE}, proven=False, coded=True)
    ),
    ("owner-page", "GET"): Case("dispatcher", lambda s: _owner(s, "page/")),
    ("owner-give", "POST"): Case("dispatcher", lambda s: _owner(s, "yes/", {"declare": "on"})),
    ("owner-decline", "POST"): Case("dispatcher", lambda s: _owner(s, "no/", {})),
    ("owner-withdraw", "GET"): Case("dispatcher", lambda s: _owner(s, "withdraw/", given=True)),
    ("owner-withdraw", "POST"): Case("dispatcher", lambda s: _owner(s, "withdraw/", {}, given=True)),
    ("owner-agreed", "GET"): Case("dispatcher", lambda s: _owner(s, "agreed/", given=True)),
    ("owner-receipt", "GET"): Case("dispatcher", lambda s: _owner(s, "receipt/", withdrawn=True)),
    ("deployment-link", "GET"): Case("applicant", lambda s: Ask(owner_cases.to_ask(s, MARKER))),
    ("deployment-link", "POST"): Case("applicant", lambda s: Ask(owner_cases.to_ask(s, MARKER), form=LINK)),
    ("deployment-link-end", "POST"): Case(
        "applicant", lambda s: Ask(owner_cases.to_ask(s, MARKER, asked=True) + "end/", form={})
    ),
}


def _decide(standing: Standing, act: str) -> Ask:
    address, form = deciding_cases.waiting(standing)
    return Ask(f"{address}{act}", form=form)


def _stands(standing: Standing, rest: str, form: dict[str, Any] | None = None, **how: bool) -> Ask:
    return Ask(f"{deciding_cases.active(standing, **how)}{rest}", form=form)


def _shared(standing: Standing, rest: str, **how: bool) -> Ask:
    return _stands(standing, rest, {"person": deciding_cases.partner(standing), "act": "view"}, **how)


NARROWED = {"modules": ["acoustic"], "speaker_ceiling_pct": "0"}
DECIDING_CASES = {
    ("deployment-overview", "GET"): Case("supervisor", lambda s: Ask("/deployments/overview/")),
    ("deployment-decide", "GET"): Case("supervisor", lambda s: Ask(deciding_cases.waiting(s)[0])),
    ("deployment-authorise", "POST"): Case("supervisor", lambda s: _decide(s, "authorise/")),
    ("deployment-return", "POST"): Case("supervisor", lambda s: _decide(s, "return/")),
    ("deployment-refuse", "POST"): Case("supervisor", lambda s: _decide(s, "refuse/")),
    ("deployment-end", "GET"): Case("supervisor", lambda s: _stands(s, "end/")),
    ("deployment-end", "POST"): Case("technician", lambda s: _stands(s, "end/", {"reason": "fault"})),
    ("deployment-review", "GET"): Case("supervisor", lambda s: _stands(s, "review/")),
    ("deployment-review", "POST"): Case(
        "supervisor", lambda s: _stands(s, "review/", {"still_needed": "yes", "words": MARKER})
    ),
    ("deployment-tighten", "GET"): Case("supervisor", lambda s: _stands(s, "tighten/")),
    ("deployment-tighten", "POST"): Case("supervisor", lambda s: _stands(s, "tighten/", NARROWED)),
    ("deployment-renew", "POST"): Case("applicant", lambda s: _stands(s, "renew/", {})),
    ("deployment-share", "POST"): Case("applicant", lambda s: _shared(s, "share/")),
    ("deployment-unshare", "POST"): Case("applicant", lambda s: _shared(s, "unshare/", shared=True)),
    ("deployment-report", "GET"): Case("supervisor", lambda s: _stands(s, "report/")),
    ("deployment-report-pdf", "GET"): Case("supervisor", lambda s: _stands(s, "report.pdf")),
}


def _answers(section: str, to: str = "") -> Case:
    def make(standing: Standing) -> Ask:
        where, form = applicant_cases.answers(standing, MARKER, section, to)
        return Ask(where, form=form)

    return Case("applicant", make)


def _paper(standing: Standing) -> Ask:
    where, form, files = applicant_cases.paper(standing, MARKER)
    return Ask(where, form=form, files=files)


def _versioned(act: str, sent: bool = False) -> Case:
    def make(standing: Standing) -> Ask:
        where, form = applicant_cases.versioned(standing, MARKER, act, sent=sent)
        return Ask(where, form=form)

    return Case("applicant", make)


def _page(part: str) -> Case:
    return Case("applicant", lambda s: Ask(applicant_cases.page(s, MARKER, part)))


SECTIONS = ("incident", "risk", "need", "place", "consent", "privacy")
NEW = {"trailer": "7", "site": MARKER, "address": MARKER}
APPLICANT_CASES = {
    ("deployments-list", "GET"): Case("applicant", lambda s: Ask("/deployments/")),
    ("deployments-map", "GET"): Case("applicant", lambda s: Ask("/deployments/map/")),
    ("deployment-new", "GET"): Case("applicant", lambda s: Ask("/deployments/new/")),
    ("deployment-new", "POST"): Case("applicant", lambda s: Ask("/deployments/new/", form=NEW)),
    **{(f"deployment-{section}", "GET"): _page(section) for section in SECTIONS},
    **{(f"deployment-{section}", "POST"): _answers(section) for section in SECTIONS if section != "consent"},
    ("deployment-consent-document", "GET"): _page("consent/document"),
    ("deployment-consent-document", "POST"): Case("applicant", _paper),
    **{(f"deployment-{section}-keep", "POST"): _answers(section, f"{section}/keep") for section in SECTIONS},
    ("deployment-check", "GET"): _page("check"),
    ("deployment-send", "POST"): _versioned("send"),
    ("deployment-take-back", "POST"): _versioned("take-back", sent=True),
    ("deployment-withdraw", "GET"): _page("withdraw"),
    ("deployment-withdraw", "POST"): _versioned("withdraw"),
}
API = "/api/v1/deployments/"


def _by_api(act: str, *, sent: bool = False) -> Callable[[Standing], Ask]:
    """An act of the applicant over HTTP, on the version that was seen."""

    def make(standing: Standing) -> Ask:
        row = applicant_cases.drafted(standing, MARKER, sent=sent)
        return Ask(f"{API}{row.address_name}/{act}/", {"version": row.version})

    return make


def _decide_by_api(act: str) -> Callable[[Standing], Ask]:
    """A decision over HTTP, on exactly what was read."""

    def make(standing: Standing) -> Ask:
        address, form = deciding_cases.waiting(standing)
        body = {"version": form["version"], "content_hash": form["content_hash"], "reason": MARKER}
        return Ask(f"{API}{address.split('/')[2]}/{act}/", body)

    return make


def _edit(standing: Standing) -> Ask:
    row = applicant_cases.drafted(standing, MARKER)
    privacy = {"signage": MARKER, "notice": MARKER, "retention_class": "deployment-record"}
    return Ask(f"{API}{row.address_name}/", {"privacy": privacy}, version=row.version)


def _standing_by_api(act: str, body: dict[str, Any]) -> Callable[[Standing], Ask]:
    return lambda s: Ask(f"{API}{deciding_cases.active(s).split('/')[2]}/{act}/", body)


DEPLOYMENT_API_CASES = {
    ("deployments", "POST"): Case("applicant", lambda s: Ask(API, {"trailer": "TRL-0007", "site": MARKER})),
    ("deployment-read", "PATCH"): Case("applicant", _edit),
    ("deployment-api-submit", "POST"): Case("applicant", _by_api("submit")),
    ("deployment-api-reopen", "POST"): Case("applicant", _by_api("reopen", sent=True)),
    ("deployment-api-withdraw", "POST"): Case("applicant", _by_api("withdraw")),
    ("deployment-api-authorise", "POST"): Case("supervisor", _decide_by_api("authorise")),
    ("deployment-api-refuse", "POST"): Case("supervisor", _decide_by_api("refuse")),
    ("deployment-api-return", "POST"): Case("supervisor", _decide_by_api("return")),
    ("deployment-api-activate", "POST"): Case(
        "technician", lambda s: Ask(f"{API}{s.to_install(ready=True)}/activate/", {})
    ),
    ("deployment-api-deactivate", "POST"): Case("supervisor", _standing_by_api("deactivate", {})),
    ("deployment-api-renew", "POST"): Case("applicant", _standing_by_api("renew", {})),
    ("deployment-api-review", "POST"): Case(
        "supervisor", _standing_by_api("review", {"still_needed": True, "reason": MARKER})
    ),
    ("deployment-api-tighten", "POST"): Case(
        "supervisor", _standing_by_api("tighten", {"modules": ["acoustic"], "hotlist_categories": []})
    ),
}
#: (route, method) -> its case.
CASES: dict[tuple[str, str], Case] = (
    DECIDING_CASES
    | DEPLOYMENT_API_CASES
    | APPLICANT_CASES
    | FACTS_CASES
    | KEY_CASES
    | OWNER_CASES
    | INSTALLATION_CASES
    | ALERT_CASES
    | FLEET_CASES
    | LIST_CASES
    | PEOPLE_CASES
    | LOG_CASES
    | GLASS_CASES
    | EXPORT_CASES
    | WITNESS_CASES
)
