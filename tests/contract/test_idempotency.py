"""A press that is sent twice is one act: the Idempotency-Key, kept 24 h for each person."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.contract.place import ALERTS, Place, verdict

HOUR = 3600


def key() -> str:
    return str(uuid.uuid4())


def acknowledge(place: Place, alert: str, mark: str, role: str = "dispatcher", version: int = 1) -> Any:
    path = f"{ALERTS}{alert}/acknowledge/"
    return place.person(role).post(path, {"version": version}, Idempotency_Key=mark)


def test_the_same_key_and_body_get_the_first_answer(place: Place) -> None:
    alert, mark = place.accepted()["id"], key()
    first = acknowledge(place, alert, mark)
    assert first.status_code == 200
    for _time in range(3):
        again = acknowledge(place, alert, mark)
        assert (again.status_code, again.json()) == (200, first.json())
    assert verdict(acknowledge(place, alert, key())) == (409, "already-acknowledged")
    told = [row["outcome"] for row in place.entries("alert.acknowledge", alert)]
    again_told = {"result": "failed", "code": "repeated"}
    assert [told.count(one) for one in ({"result": "allowed"}, again_told)] == [1, 3]


def test_the_same_key_with_another_body_or_act_is_422(place: Place) -> None:
    alert, other, mark = place.accepted()["id"], place.accepted()["id"], key()
    assert acknowledge(place, alert, mark).status_code == 200
    assert verdict(acknowledge(place, alert, mark, version=2)) == (422, "idempotency-key")
    assert verdict(acknowledge(place, other, mark)) == (422, "idempotency-key")
    closing = {"version": 2, "outcome": "test"}
    path = f"{ALERTS}{alert}/close/"
    answer = place.person("dispatcher").post(path, closing, Idempotency_Key=mark)
    assert verdict(answer) == (422, "idempotency-key")


def test_a_key_is_the_persons_own(place: Place) -> None:
    alert, other, mark = place.accepted()["id"], place.accepted()["id"], key()
    assert acknowledge(place, alert, mark).status_code == 200
    assert acknowledge(place, other, mark, "dispatcher-2").status_code == 200
    assert verdict(acknowledge(place, alert, mark, "dispatcher-2"))[0] == 422


def test_a_refusal_is_not_kept_as_the_answer(place: Place) -> None:
    alert, mark = place.accepted()["id"], key()
    assert verdict(acknowledge(place, alert, mark, version=5)) == (409, "stale-version")
    assert acknowledge(place, alert, mark).status_code == 200


def test_an_answer_is_kept_for_24_hours(place: Place, clock: Any) -> None:
    alert, mark = place.accepted()["id"], key()
    first = acknowledge(place, alert, mark).json()
    clock.shift(24 * HOUR - 60)
    assert acknowledge(place, alert, mark).json() == first
    clock.shift(24 * HOUR + 60)
    assert verdict(acknowledge(place, alert, mark)) == (409, "already-acknowledged")


@pytest.mark.parametrize("mark", ["x" * 81, "a\tb", "\x7f"])
def test_an_unusable_key_is_422(place: Place, mark: str) -> None:
    assert verdict(acknowledge(place, place.accepted()["id"], mark)) == (422, "idempotency-key")


def test_every_act_on_an_alert_takes_a_key(place: Place) -> None:
    dana = place.person("dispatcher")
    hit, shot = place.acknowledged(place.hit()), place.acknowledged()
    acts: list[tuple[str, str, dict[str, Any]]] = [
        (hit, "verify-plate", {"decision": "confirm", "version": 2}),
        (hit, "note", {"text": "seen"}),
        (hit, "close", {"version": 3, "outcome": "confirmed", "note": "é — ж"}),
        (shot, "hand-back", {"reason": "wrong desk"}),
    ]
    for alert, name, body in acts:
        mark, path = key(), f"{ALERTS}{alert}/{name}/"
        first = dana.post(path, body, Idempotency_Key=mark)
        assert first.status_code == 200, (name, first.text)
        again = dana.post(path, body, Idempotency_Key=mark)
        assert (again.status_code, again.json()) == (200, first.json()), name
    notes = dana.get(f"{ALERTS}{hit}/detail/").json()["notes"]
    assert [note["text"] for note in notes] == ["seen", "é — ж"]


def test_every_act_on_a_view_takes_a_key(place: Place) -> None:
    dana, alert = place.person("dispatcher"), place.acknowledged()
    reason = {"reason": {"code": "gunshot"}}
    mark, path = key(), f"{ALERTS}{alert}/live-view/"
    opened = dana.post(path, reason, Idempotency_Key=mark)
    again = dana.post(path, reason, Idempotency_Key=mark)
    assert (opened.status_code, again.status_code) == (201, 201)
    assert opened.json() == again.json()
    view = f"/api/v1/live/{opened.json()['session']}/"
    for name in ("extend", "close"):
        mark = key()
        first = dana.post(f"{view}{name}/", reason, Idempotency_Key=mark)
        assert first.status_code == 200, first.text
        assert dana.post(f"{view}{name}/", reason, Idempotency_Key=mark).json() == first.json()
    extended = place.sql(
        "SELECT expires_at - opened_at FROM live_livesession WHERE id = %s", [opened.json()["session"]]
    )
    assert extended[0][0].total_seconds() == 600
