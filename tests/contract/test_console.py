"""The console's own interface: what a screen is shown, and the answers of every act on an alert."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pytest

from tests.contract.place import ALERTS, Browser, Place, verdict

SNAPSHOT = "/api/v1/live/snapshot/"
ALERT_KEYS = {
    "id", "version", "kind", "state", "priority", "trailer", "deployment", "lat", "lon", "uncertainty_m",
    "occurred_at", "received_at", "late", "flags", "acknowledged_by", "acknowledged_at", "closed_at",
    "outcome",
}  # fmt: skip
TRAILER_KEYS = {
    "id", "version", "label", "state", "lat", "lon", "fix_at", "heading_deg", "deployment", "link_at",
    "battery_soc_pct", "faults",
}  # fmt: skip
PERSON_KEYS = {"id", "name", "badge"}


@pytest.fixture
def dana(place: Place) -> Browser:
    return place.person("dispatcher")


@pytest.fixture
def max_(place: Place) -> Browser:
    return place.person("dispatcher-2")


def act(alert: str, name: str) -> str:
    return f"{ALERTS}{alert}/{name}/"


def test_the_snapshot_is_as_agreed(place: Place, dana: Browser) -> None:
    open_, taken = place.accepted()["id"], place.acknowledged(place.hit())
    closed = place.acknowledged()
    assert dana.post(act(closed, "close"), {"version": 2, "outcome": "test"}).status_code == 200
    snapshot = dana.get(SNAPSHOT).json()
    assert set(snapshot) == {"digest", "at", "alerts", "trailers"}
    shown = {row["id"]: row for row in snapshot["alerts"]}
    assert {open_, taken} <= set(shown) and closed not in shown
    for row in shown.values():
        assert set(row) == ALERT_KEYS
        assert row["state"] in ("unacknowledged", "acknowledged")
        for name in ("occurred_at", "received_at"):
            assert row[name].endswith("Z")
    assert set(shown[taken]["acknowledged_by"]) == PERSON_KEYS
    assert shown[open_]["acknowledged_by"] is None
    assert shown[open_]["outcome"] is None
    for trailer in snapshot["trailers"]:
        assert set(trailer) == TRAILER_KEYS
        assert trailer["state"] in ("off", "active", "fault", "lost")
    assert place.scene.trailer.name in {trailer["id"] for trailer in snapshot["trailers"]}


def test_the_digest_is_the_formula_of_the_contract(place: Place, dana: Browser) -> None:
    place.accepted()
    place.acknowledged()
    snapshot = dana.get(SNAPSHOT).json()
    lines = sorted(f"{row['id']}:{row['version']}" for row in snapshot["alerts"])
    assert snapshot["digest"] == hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_acknowledge_answers_the_alert_and_the_loser_is_told(
    place: Place, dana: Browser, max_: Browser
) -> None:
    alert = place.accepted()["id"]
    path = act(alert, "acknowledge")
    stale = max_.post(path, {"version": 7})
    assert verdict(stale) == (409, "stale-version")
    won = dana.post(path, {"version": 1})
    assert won.status_code == 200
    assert set(won.json()) == ALERT_KEYS
    assert (won.json()["state"], won.json()["version"]) == ("acknowledged", 2)
    winner = won.json()["acknowledged_by"]
    for loser, version in ((max_, 1), (max_, 99), (dana, 1), (dana, 2)):
        lost = loser.post(path, {"version": version})
        assert verdict(lost) == (409, "already-acknowledged")
        assert lost.json()["by"] == winner
        assert lost.json()["at"] == won.json()["acknowledged_at"]
        assert winner["name"] in lost.json()["detail"]
    [entry] = [row for row in place.entries("alert.acknowledge", alert) if is_allowed(row)]
    assert (entry["actor"]["id"], entry["actor"]["badge"]) == (winner["id"], winner["badge"])


def is_allowed(row: dict[str, Any]) -> bool:
    return bool(row["outcome"]["result"] == "allowed")


def test_hand_back_within_sixty_seconds_by_the_one_who_took_it(
    place: Place, dana: Browser, max_: Browser, clock: Any
) -> None:
    alert = place.accepted()["id"]
    path = act(alert, "hand-back")
    assert verdict(dana.post(path, {"reason": "none"})) == (409, "not-acknowledged")
    assert dana.post(act(alert, "acknowledge"), {"version": 1}).status_code == 200
    assert verdict(max_.post(path, {"reason": "x"})) == (403, "not-yours")
    assert verdict(dana.post(path, {})) == (422, "schema")
    assert verdict(dana.post(path, {"reason": "x" * 501})) == (422, "schema")
    back = dana.post(path, {"reason": "wrong desk"})
    assert back.status_code == 200
    assert set(back.json()) == ALERT_KEYS
    assert (back.json()["state"], back.json()["acknowledged_by"]) == ("unacknowledged", None)
    assert back.json()["version"] == 3
    again = max_.post(act(alert, "acknowledge"), {"version": 3})
    assert again.status_code == 200
    clock.shift(61)
    assert verdict(max_.post(path, {"reason": "x"})) == (409, "too-late")
    assert len([row for row in place.entries("alert.hand_back", alert) if is_allowed(row)]) == 1


def test_close_needs_a_name_an_outcome_and_the_version_seen(place: Place, dana: Browser) -> None:
    alert = place.accepted()["id"]
    path = act(alert, "close")
    good = {"version": 2, "outcome": "unfounded", "note": "fireworks"}
    assert verdict(dana.post(path, good)) == (403, "not-acknowledged")
    dana.post(act(alert, "acknowledge"), {"version": 1})
    for change in ({"outcome": "false"}, {"outcome": None}, {"version": "x"}, {"version": 2**31},
                   {"version": None}, {"note": "x" * 2001}, {"note": ["x"]}):  # fmt: skip
        assert verdict(dana.post(path, good | change)) == (422, "schema"), change
    assert verdict(dana.post(path, good | {"version": 1})) == (409, "stale-version")
    closed = dana.post(path, good)
    assert closed.status_code == 200
    assert set(closed.json()) == ALERT_KEYS
    assert (closed.json()["state"], closed.json()["outcome"]) == ("closed", "unfounded")
    assert closed.json()["closed_at"]
    assert verdict(dana.post(path, good)) == (409, "already-closed")
    assert verdict(dana.post(act(alert, "acknowledge"), {"version": 3})) == (409, "already-acknowledged")
    assert verdict(dana.post(act(alert, "hand-back"), {"reason": "x"})) == (409, "not-acknowledged")
    [entry] = [row for row in place.entries("alert.close", alert) if is_allowed(row)]
    assert entry["reason"]["code"] == "unfounded"


@pytest.mark.parametrize("outcome", ["confirmed", "unconfirmed", "unfounded", "test", "equipment"])
def test_the_five_outcomes(place: Place, dana: Browser, outcome: str) -> None:
    alert = place.acknowledged()
    assert dana.post(act(alert, "close"), {"version": 2, "outcome": outcome}).json()["outcome"] == outcome


def test_a_plate_is_judged_once(place: Place, dana: Browser) -> None:
    shot, hit = place.acknowledged(), place.accepted(place.hit())["id"]
    judged = {"decision": "confirm", "version": 1}
    assert verdict(dana.post(act(shot, "verify-plate"), judged | {"version": 2})) == (409, "wrong-kind")
    assert verdict(dana.post(act(hit, "verify-plate"), judged)) == (403, "not-acknowledged")
    dana.post(act(hit, "acknowledge"), {"version": 1})
    assert verdict(dana.post(act(hit, "verify-plate"), judged)) == (409, "stale-version")
    assert verdict(dana.post(act(hit, "verify-plate"), {"decision": "maybe", "version": 2}))[0] == 422
    answer = dana.post(act(hit, "verify-plate"), judged | {"version": 2})
    assert answer.status_code == 200
    assert set(answer.json()) == ALERT_KEYS
    assert answer.json()["version"] == 3
    twice = dana.post(act(hit, "verify-plate"), judged | {"version": 3})
    assert verdict(twice) == (409, "already-decided")


def test_detail_is_what_was_said_and_an_audited_view(place: Place, dana: Browser) -> None:
    body, hit = place.gunshot(), place.hit()
    place.accepted(body), place.accepted(hit)
    detail = dana.get(act(body["id"], "detail")).json()
    said = {name: value for name, value in body["gunshot"].items() if name != "location"}
    assert detail["kind"] == "gunshot"
    assert {name: detail[name] for name in said} == said
    assert detail["location"]["uncertainty_m"] == 45
    seen = dana.get(act(hit["id"], "detail")).json()
    assert (seen["kind"], seen["plate"], seen["match"]) == ("alpr_hit", "ZZDEM01", "exact")
    assert seen["listed"] == {"plate": "ZZDEM01", "jurisdiction": "CA-ON", "category": "stolen_vehicle"}
    assert seen["hotlist"] == hit["alpr_hit"]["hotlist"]
    assert seen["list_age_s"] >= 0
    for alert in (body["id"], hit["id"]):
        [entry] = place.entries("alert.view", alert)
        assert is_allowed(entry)


def test_the_timeline_tells_who_did_what_without_content(place: Place, dana: Browser) -> None:
    alert = place.acknowledged(place.hit())
    events = dana.get(act(alert, "timeline")).json()["events"]
    assert all({"at", "verb", "person", "text"} <= set(event) for event in events)
    assert [event["verb"] for event in events] == ["", "alert.receive", "alert.acknowledge"]
    assert set(events[-1]["person"]) == PERSON_KEYS
    assert "ZZDEM01" not in str(events)


REASON = {"reason": {"code": "gunshot", "cad": "P26-1234"}}


def test_live_view_is_judged_by_the_gate_before_the_body(place: Place, dana: Browser) -> None:
    alert = place.accepted()["id"]
    path = act(alert, "live-view")
    for raw in (b"", b"{", b'{"reason":1}', b'{"a":1,"a":1}', b"[" * 9000, b"\xff"):
        assert verdict(dana.raw(path, raw)) == (403, "not-acknowledged")
    assert verdict(dana.raw(path, b"x", "text/plain")) == (403, "not-acknowledged")
    dana.post(act(alert, "acknowledge"), {"version": 1})
    assert verdict(dana.raw(path, b"{")) == (400, "bad-json")
    assert verdict(dana.raw(path, b"{}", "text/plain")) == (415, "media-type")
    for wrong in ({}, {"reason": {}}, {"reason": {"code": "curious"}}, {"reason": "gunshot"},
                  {"reason": {"code": "gunshot", "cad": "not a cad!"}}):  # fmt: skip
        assert verdict(dana.post(path, wrong)) == (422, "schema"), wrong
    opened = dana.post(path, REASON)
    assert opened.status_code == 201
    assert set(opened.json()) == {"session", "whep_url", "token", "expires_at", "recording"}
    assert opened.json()["recording"] is False
    denied = [row["outcome"] for row in place.entries("video.live.open") if not is_allowed(row)]
    assert {"not-acknowledged", "bad-json"} <= {one["code"] for one in denied}
    entry = [row for row in place.entries("video.live.open") if is_allowed(row)][-1]
    assert entry["reason"]["cad"] == "P26-1234"
    assert (entry["object"]["id"], entry["reason"]["code"]) == (place.scene.trailer.name, "gunshot")


@pytest.mark.parametrize("reason", ["gunshot", "plate-hit", "officer-safety", "public-safety"])
def test_the_four_reasons(place: Place, dana: Browser, reason: str) -> None:
    alert = place.acknowledged()
    opened = dana.post(act(alert, "live-view"), {"reason": {"code": reason}})
    assert opened.status_code == 201, opened.text


def test_a_view_is_read_extended_and_closed_by_its_own_person(
    place: Place, dana: Browser, max_: Browser
) -> None:
    alert = place.acknowledged()
    view = dana.post(act(alert, "live-view"), REASON).json()
    path = f"/api/v1/live/{view['session']}/"
    read = dana.get(path).json()
    assert set(read) == {
        "session", "alert", "trailer", "expires_at", "recording", "watchers", "state",
    }  # fmt: skip
    assert (read["alert"], read["state"], read["recording"]) == (alert, "open", False)
    assert all(set(person) == PERSON_KEYS for person in read["watchers"])
    for answer in (max_.get(path), max_.post(path + "extend/", REASON), max_.post(path + "close/")):
        assert verdict(answer) == (404, "not-found")
    longer = dana.post(path + "extend/", REASON).json()
    assert longer["expires_at"] > view["expires_at"]
    ended = dana.post(path + "close/").json()
    assert ended["ended_at"]
    assert dana.post(path + "close/").json()["ended_at"] == ended["ended_at"]
    assert verdict(dana.post(path + "extend/", REASON)) == (409, "view-ended")
    assert dana.get(path).json()["state"] == "ended"


def test_closing_or_handing_back_ends_the_view(place: Place, dana: Browser) -> None:
    for name, body in (("close", {"version": 2, "outcome": "test"}), ("hand-back", {"reason": "x"})):
        alert = place.acknowledged()
        view = dana.post(act(alert, "live-view"), REASON).json()
        assert dana.post(act(alert, name), body).status_code == 200
        assert dana.get(f"/api/v1/live/{view['session']}/").json()["state"] == "ended"
        expected = "alert-closed" if name == "close" else "not-acknowledged"
        assert verdict(dana.post(act(alert, "live-view"), REASON)) == (403, expected)


def test_an_alert_over_ten_minutes_old_when_it_came_opens_no_camera(
    place: Place, dana: Browser, clock: Any
) -> None:
    body = place.gunshot()
    clock.shift(601)
    alert = place.acknowledged(body)
    assert verdict(dana.post(act(alert, "live-view"), REASON)) == (403, "too-old-for-video")


def test_an_alert_that_is_not_there_is_404_everywhere(place: Place, dana: Browser) -> None:
    nothing = str(uuid.uuid4())
    for name in ("acknowledge", "hand-back", "close", "verify-plate", "note", "live-view"):
        assert verdict(dana.post(act(nothing, name), {"version": 1})) == (404, "not-found"), name
    for name in ("detail", "timeline"):
        assert verdict(dana.get(act(nothing, name))) == (404, "not-found"), name
    assert verdict(dana.get(f"/api/v1/live/{nothing}/")) == (404, "not-found")


def test_the_schema_is_openapi_3(place: Place) -> None:
    import yaml
    from drf_spectacular.validation import validate_schema

    answer = place.http.get("/api/v1/schema/")
    assert answer.status_code == 200
    schema = yaml.safe_load(answer.text)
    assert schema["openapi"].startswith("3.")
    validate_schema(schema)
    told = set(schema["paths"])
    acts = {f"/api/v1/alerts/{{alert_id}}/{name}/" for name in ("acknowledge", "live-view", "close")}
    assert acts | {"/api/v1/alerts/", "/api/v1/alerts/bulk/", "/api/v1/live/snapshot/"} <= told
    assert not [path for path in told if path.startswith(("/demo", "/internal", "/gateway"))]
    alert = schema["components"]["schemas"]["AlertWire"]
    assert set(alert["properties"]) == ALERT_KEYS
    assert set(schema["components"]["schemas"]["TrailerWire"]["properties"]) == TRAILER_KEYS
