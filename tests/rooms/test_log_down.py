"""H13: with the log broken no guarded route yields a byte, and alerts still come in, owing their entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.place import ALERTS, Place

FAILED = {"type", "title", "status", "detail"}


@pytest.fixture
def broken_log(place: Place) -> Iterator[Place]:
    """The app's role may not insert into the inbox; mended afterwards."""
    for role in ("dispatcher", "privacy-officer", "administrator", "supervisor"):
        place.person(role)
    place.sql("REVOKE INSERT ON audit_inbox FROM csoc_app")
    try:
        yield place
    finally:
        place.sql("GRANT INSERT (uid, body) ON audit_inbox TO csoc_app")


def is_silent(answer: Any) -> None:
    """An error that shows nothing: a plain problem, or a page that says it failed."""
    assert answer.status_code >= 500, answer.status_code
    if answer.headers["content-type"] == "application/problem+json":
        assert set(answer.json()) == FAILED
    else:
        assert len(answer.content) < 6000


@pytest.fixture
def standing(place: Place) -> dict[str, str]:
    """Alerts in every state, made while the log still worked."""
    taken = place.acknowledged(place.hit())
    open_ = str(place.accepted()["id"])
    view = place.person("dispatcher").post(f"{ALERTS}{taken}/live-view/", {"reason": {"code": "plate-hit"}})
    return {"taken": taken, "open": open_, "view": view.json()["session"]}


def test_no_guarded_read_shows_a_byte(standing: dict[str, str], broken_log: Place) -> None:
    dana, ada, boss = (broken_log.person(r) for r in ("dispatcher", "privacy-officer", "administrator"))
    detail = dana.get(f"{ALERTS}{standing['taken']}/detail/")
    is_silent(detail)
    assert "ZZDEM01" not in detail.text
    for answer in (ada.get("/audit/"), ada.get("/api/v1/audit/entries/"), boss.get("/access/")):
        is_silent(answer)
        assert "Avery" not in answer.text


def test_no_act_is_done_without_its_entry(standing: dict[str, str], broken_log: Place) -> None:
    dana = broken_log.person("dispatcher")
    before = broken_log.sql("SELECT id, version, state FROM alerts_alert ORDER BY id")
    views = broken_log.count("live_livesession")
    taken, reason = standing["taken"], {"reason": {"code": "gunshot"}}
    for answer in (
        dana.post(f"{ALERTS}{standing['open']}/acknowledge/", {"version": 1}),
        dana.post(f"{ALERTS}{taken}/close/", {"version": 2, "outcome": "test"}),
        dana.post(f"{ALERTS}{taken}/verify-plate/", {"version": 2, "decision": "reject"}),
        dana.post(f"{ALERTS}{taken}/hand-back/", {"reason": "x"}),
        dana.post(f"{ALERTS}{taken}/note/", {"text": "x"}),
        dana.post(f"{ALERTS}{taken}/live-view/", reason),
        dana.post(f"/api/v1/live/{standing['view']}/extend/", reason),
        dana.post("/api/v1/live/shift/"),
    ):
        is_silent(answer)
        assert "token" not in answer.text
    assert broken_log.sql("SELECT id, version, state FROM alerts_alert ORDER BY id") == before
    assert broken_log.count("live_livesession") == views


def told_owed(place: Place) -> int:
    """What the status call tells the board."""
    return int(place.person("dispatcher").get("/api/v1/live/status/").json()["audit"]["owed"])


def standing_owed(place: Place) -> int:
    [(count,)] = place.sql("SELECT count(*) FROM alerts_alert WHERE audit_owed")
    return int(count)


def test_alerts_still_come_in_and_the_entry_is_written_later(broken_log: Place) -> None:
    import audit
    from alerts import refusals

    body = broken_log.gunshot()
    first = broken_log.device.post(body)
    assert first.status_code == 201, first.text
    assert broken_log.device.post(body).content == first.content
    many = [broken_log.gunshot(), broken_log.hit()]
    assert [row["status"] for row in broken_log.device.bulk(many).json()] == [201, 201]
    ids = [one["id"] for one in (body, *many)]
    owed = "SELECT count(*) FROM alerts_alert WHERE audit_owed AND id = ANY(%s::uuid[])"
    assert broken_log.sql(owed, [ids]) == [(3,)]
    assert [row for row in broken_log.entries("alert.receive") if row["object"]["id"] in ids] == []
    assert told_owed(broken_log) == standing_owed(broken_log) >= 3, "the board raises its red banner"
    broken_log.sql("GRANT INSERT (uid, body) ON audit_inbox TO csoc_app")
    actor = audit.system("intake")
    for _time in range(2):
        with broken_log.inside(), audit.acting_as(actor):
            refusals.write_owed(actor=actor)
    assert broken_log.sql(owed, [ids]) == [(0,)]
    assert told_owed(broken_log) == 0
    written = [row["object"]["id"] for row in broken_log.entries("alert.receive")]
    assert [written.count(one) for one in ids] == [1, 1, 1]
