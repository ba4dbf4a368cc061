"""Catch-up after a lost link: an array, each alert judged by itself, answers in the same order."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.contract.place import BULK, Place, verdict


def test_each_is_judged_by_itself_in_the_same_order(place: Place) -> None:
    known, twice = place.gunshot(), place.gunshot()
    place.accepted(known)
    other = twice | {"seq": 99_999}
    bad = place.gunshot() | {"extra": 1}
    shouted = place.gunshot()
    shouted["gunshot"]["class"] = "scream"
    off = place.hit(plate="ZZOFF01")
    away = place.gunshot() | {"deployment": "DEP-2020-0001"}
    good = [place.gunshot(), place.hit()]
    values: list[Any] = [
        good[0], bad, known, shouted, twice, twice, other, off, away, None, [], "x", {"id": "no"}, good[1],
    ]  # fmt: skip
    answer = place.device.bulk(values)
    assert answer.status_code == 200
    rows = answer.json()
    assert [row["status"] for row in rows] == [
        201, 422, 200, 422, 201, 200, 409, 409, 403, 422, 422, 422, 422, 201,
    ]  # fmt: skip
    assert [row.get("type", "").removeprefix("/problems/") for row in rows] == [
        "", "schema", "", "forbidden-class", "", "", "id-conflict", "not-on-hotlist", "not-deployed",
        "schema", "schema", "schema", "schema", "",
    ]  # fmt: skip
    assert [row["id"] for row in rows] == [
        *(value["id"] for value in values[:9]), None, None, None, None, good[1]["id"],
    ]  # fmt: skip
    for row in rows:
        assert set(row) == {"id", "status", "received_at" if row["status"] < 300 else "type"}
    kept = place.sql(
        "SELECT count(*) FROM alerts_alert WHERE id = ANY(%s)",
        [[uuid.UUID(value["id"]) for value in (*good, twice, known)]],
    )
    assert kept == [(4,)]


def test_a_hundred_are_taken_and_a_hundred_and_one_are_not(place: Place) -> None:
    hundred = [place.gunshot() for _ in range(100)]
    before = place.count()
    assert verdict(place.device.bulk([*hundred, place.gunshot()])) == (413, "too-large")
    assert place.count() == before
    rows = place.device.bulk(hundred).json()
    assert [row["status"] for row in rows] == [201] * 100
    assert [row["id"] for row in rows] == [body["id"] for body in hundred]
    assert place.count() == before + 100
    assert [row["status"] for row in place.device.bulk(hundred).json()] == [200] * 100


def test_an_empty_array_is_an_empty_answer(place: Place) -> None:
    assert place.device.bulk([]).json() == []


def test_what_is_no_array_is_refused_as_a_whole(place: Place) -> None:
    for value in (place.gunshot(), {}, "x", 1, None):
        assert verdict(place.device.bulk(value))[0] in (400, 422), value


def test_one_unreadable_byte_spoils_the_array_and_nothing_is_kept(place: Place) -> None:
    before = place.count()
    one = place.gunshot()
    raw = f"[{json.dumps(one)},{{]".encode()
    assert verdict(place.device.send(BULK, raw)) == (400, "bad-json")
    assert place.count() == before
