"""`POST /api/v1/alerts/bulk/`: catch-up after a lost link."""

from __future__ import annotations

import json
import uuid
from typing import Any

from tests.contract.conformance.kit import BULK, Kit, check, refused


@check("b.each", "b.order", "b.row")
def each_is_judged_by_itself_in_the_same_order(kit: Kit) -> None:
    """New, known, wrong in several ways, new again: one row each, in order."""
    known = kit.gunshot()
    kit.taken(known)
    shouted = kit.gunshot()
    shouted["gunshot"]["class"] = "scream"
    values: list[Any] = [
        kit.gunshot(), kit.gunshot(surplus=1), known, shouted, known | {"seq": known["seq"] + 1},
        kit.gunshot(deployment="DEP-2020-0001"), None, [], "x", {"id": "no"}, kit.gunshot(),
    ]  # fmt: skip
    answer = kit.post(values, BULK)
    assert answer.status_code == 200, answer.text[:300]
    rows = answer.json()
    assert [row["status"] for row in rows] == [201, 422, 200, 422, 409, 403, 422, 422, 422, 422, 201]
    assert [row["id"] for row in rows[:6]] == [value["id"] for value in values[:6]]
    assert rows[10]["id"] == values[10]["id"]
    types = [row.get("type", "") for row in rows]
    assert types[3] == "/problems/forbidden-class"
    assert types[4] == "/problems/id-conflict"
    for row in rows:
        named = "received_at" if row["status"] < 300 else "type"
        assert set(row) == {"id", "status", named}, row


@check("b.hundred")
def a_hundred_are_taken_and_one_more_is_not(kit: Kit) -> None:
    """100 alerts are 100 rows; 101 are 413 as a whole; an empty array is an empty answer."""
    refused(kit.post([{} for _ in range(101)], BULK), 413, "too-large")
    rows = kit.post([{} for _ in range(100)], BULK).json()
    assert [row["status"] for row in rows] == [422] * 100
    assert kit.post([], BULK).json() == []


@check("b.megabyte")
def a_megabyte_is_the_most(kit: Kit) -> None:
    """1,000,000 bytes are read, one more is not."""
    assert kit.send(BULK, b"[]".ljust(1_000_000)).status_code == 200
    refused(kit.send(BULK, b"[]".ljust(1_000_001)), 413, "too-large")


@check("b.again", "a.again")
def a_repeat_is_the_same_alert_whichever_door(kit: Kit) -> None:
    """Single then bulk, bulk then single, twice in one array: one alert, one ``received_at``."""
    one, two, three = kit.gunshot(), kit.gunshot(), kit.gunshot()
    received = kit.taken(one)["received_at"]
    rows = kit.post([one, two, three, three], BULK).json()
    assert [row["status"] for row in rows] == [200, 201, 201, 200]
    assert rows[0]["received_at"] == received
    again = kit.post(two)
    assert (again.status_code, again.json()["received_at"]) == (200, rows[1]["received_at"])
    assert rows[2]["received_at"] == rows[3]["received_at"]


@check("b.each")
def what_is_no_array_is_refused_as_a_whole(kit: Kit) -> None:
    """Objects, texts, numbers and null; and one unreadable byte spoils all."""
    for value in (kit.gunshot(), {}, "x", 1, None):
        refused(kit.post(value, BULK), 400, "bad-json")
    one = kit.gunshot()
    refused(kit.send(BULK, f"[{json.dumps(one)},{{]".encode()), 400, "bad-json")
    assert kit.post(one).status_code == 201, "nothing of a spoilt array was kept"


@check("b.echo")
def an_id_is_echoed_only_when_it_is_one(kit: Kit) -> None:
    """Otherwise the row's id is null: nothing of a refused body comes back."""
    good = str(uuid.uuid4())
    rows = kit.post([{"id": "CONFORMANCE7Q"}, {"id": good}, {"id": 7}], BULK).json()
    assert [row["id"] for row in rows] == [None, good, None]
