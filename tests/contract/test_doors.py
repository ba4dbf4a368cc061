"""Errors of the people's doors: 401, 403, 404, 405, 413, 415, 400 as problem documents, everywhere."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.place import ALERTS, Browser, Place, verdict

NOTHING = str(uuid.UUID(int=0))
READS = [
    "/api/v1/live/snapshot/", "/api/v1/live/status/", f"{ALERTS}{NOTHING}/detail/",
    f"{ALERTS}{NOTHING}/timeline/", f"/api/v1/live/{NOTHING}/", "/api/v1/audit/entries/",
]  # fmt: skip
ACTS = [
    *(f"{ALERTS}{NOTHING}/{name}/" for name in
      ("acknowledge", "hand-back", "close", "verify-plate", "note", "live-view")),
    f"/api/v1/live/{NOTHING}/extend/", f"/api/v1/live/{NOTHING}/close/", "/api/v1/live/shift/",
    "/api/v1/deployments/DEP-2020-0001/deactivate/",
]  # fmt: skip

BAD_JSON = [
    b"[]", b"1", b'"x"', b"null", b"{", b'{"version":1,"version":1}', b'{"version":NaN}',
    b'{"note":"\\u0000"}', b'{"note":"\\ud800"}', b"\xff", b"[" * 9000, b'{"a":' * 9 + b"1",
]  # fmt: skip


@pytest.fixture
def nobody(place: Place) -> Any:
    browser = Browser(place.url, None)
    yield browser
    browser.http.close()


@pytest.mark.parametrize("path", READS)
def test_reads_need_a_session_and_the_method(place: Place, nobody: Browser, path: str) -> None:
    assert verdict(nobody.get(path)) == (401, "signed-out")
    dana = place.person("dispatcher")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert verdict(dana.http.request(method, path, headers=dana.token)) == (405, "method-not-allowed")


@pytest.mark.parametrize("path", ACTS)
def test_acts_need_a_session_a_token_and_json(place: Place, nobody: Browser, path: str) -> None:
    assert verdict(nobody.post(path)) == (401, "signed-out")
    dana = place.person("dispatcher")
    assert verdict(dana.http.post(path, json={})) == (403, "csrf")
    forged = dana.http.post(path, json={}, headers={"X-CSRFToken": "a" * 64})
    assert verdict(forged) == (403, "csrf")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert verdict(dana.http.request(method, path, headers=dana.token)) == (405, "method-not-allowed")


@pytest.mark.parametrize("name", ["acknowledge", "hand-back", "close", "verify-plate", "note"])
def test_bodies_of_acts_are_bounded_and_strict(place: Place, name: str) -> None:
    dana, path = place.person("dispatcher"), f"{ALERTS}{place.accepted()['id']}/{name}/"
    assert verdict(dana.raw(path, b"{}", "text/plain")) == (415, "media-type")
    assert verdict(dana.raw(path, b"version=1", "application/x-www-form-urlencoded")) == (415, "media-type")
    assert verdict(dana.raw(path, b"--x--", "multipart/form-data; boundary=x")) == (415, "media-type")
    assert verdict(dana.raw(path, b" " * 16_385)) == (413, "too-large")
    assert verdict(dana.raw(path, b" " * 1_200_000)) == (413, "too-large")
    for raw in BAD_JSON:
        assert verdict(dana.raw(path, raw)) == (400, "bad-json"), raw[:20]
    for raw in (b"", b"{}", b'{"version":null}', b'{"version":{}}', b'{"version":true}'):
        assert verdict(dana.raw(path, raw)) == (422, "schema"), raw
    assert place.person("dispatcher").get(path.replace(name, "timeline")).status_code == 200


def test_values_are_never_echoed_to_people_either(place: Place) -> None:
    dana, alert = place.person("dispatcher"), place.acknowledged()
    for name, body in (
        ("close", {"version": "MARKER5", "outcome": "MARKER5", "note": ["MARKER5"]}),
        ("verify-plate", {"version": "MARKER5", "decision": "MARKER5"}),
        ("live-view", {"reason": {"code": "MARKER5", "cad": "MARKER5 !"}}),
    ):
        answer = dana.post(f"{ALERTS}{alert}/{name}/", body)
        assert verdict(answer) == (422, "schema")
        assert "MARKER5" not in answer.text
    assert place.found("MARKER5") == []


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png", "*/*;q=0"])
def test_whatever_is_accepted_an_error_is_a_problem(place: Place, accept: str) -> None:
    answer = place.person("dispatcher").get(f"{ALERTS}{NOTHING}/detail/", headers={"Accept": accept})
    assert verdict(answer)[0] in (404, 406)


def test_a_role_without_the_right_is_told_so(place: Place) -> None:
    alert = place.accepted()["id"]
    for role in ("technician", "privacy-officer", "administrator", "investigator", "applicant"):
        person = place.person(role)
        for name in ("acknowledge", "close", "live-view"):
            answer = person.post(f"{ALERTS}{alert}/{name}/", {"version": 1})
            assert verdict(answer) == (403, "not-permitted"), (role, name)
        assert verdict(person.get("/api/v1/live/snapshot/")) == (403, "not-permitted"), role
        assert verdict(person.get(f"{ALERTS}{alert}/detail/")) == (403, "not-permitted"), role
    denied = [
        row for row in place.entries("alert.acknowledge", alert) if row["outcome"]["result"] == "denied"
    ]
    assert {row["actor"]["role"] for row in denied} >= {"technician", "privacy_officer", "administrator"}


def test_a_host_that_is_not_ours_is_a_problem_and_leaves_no_trace(place: Place, nobody: Browser) -> None:
    answer = nobody.get("/api/v1/live/snapshot/", headers={"Host": "marker-77.example"})
    assert verdict(answer) == (400, "bad-request")
    assert "marker-77" not in answer.text
    page = nobody.get("/live/", headers={"Host": "marker-77.example"})
    assert (page.status_code, "marker-77" in page.text) == (400, False)


def test_health_tells_nothing_and_needs_nobody(place: Place, nobody: Browser) -> None:
    assert nobody.get("/healthz").json() == {"alive": True}
    ready = nobody.get("/readyz").json()
    assert set(ready) == {"ready", "env", "purge_overdue", "sequencer", "publisher"}
