"""The census: what it says of everybody, its order, and a proof of each leaf that the tree accepts."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

import audit
from audit import census
from audit.models import Entry
from audit.tree import Frontier, leaf_hash, verify_inclusion
from tests.audit.exports.desk import OFFICER, TRAILER, Desk, act


def told(size: int) -> list[list[Any]]:
    """Count by hand, from nothing but the lines."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for line in Entry.objects.filter(idx__lt=size).order_by("idx").values_list("line", flat=True):
        row = json.loads(line)
        entry = row["e"]
        for key in (
            ("actor", entry["actor"]["id"]),
            ("object", f"{entry['object']['type']}:{entry['object']['id']}"),
        ):
            found[key] = (row["i"], found.get(key, (0, 0))[1] + 1)
    return [[*key, *found[key]] for key in sorted(found, key=lambda key: (key[0], key[1].encode()))]


def test_it_says_what_counting_by_hand_says(desk: Desk) -> None:
    # Where sorting by code point and by the database's locale part ways.
    for name in ("Zulu", "alpha", "étoile", "u-1", "u-10", "U-1", "\U0001f4a1", "\uffee"):
        act(audit.Actor("system", name), "purge.run", audit.Ref("epoch", f"{name} b"))
    size = desk.log.settle()
    leaves = [json.loads(text) for _kind, _key, text in census.leaves(size)]
    assert leaves == told(size)
    tree = Frontier()
    for _kind, _key, text in census.leaves(size):
        tree.append(leaf_hash(text))
    counted = census.count(size)
    assert counted.root == tree.root() and counted.leaves == tree.size
    # An earlier census stays what it was.
    assert [json.loads(text) for _kind, _key, text in census.leaves(5)] == told(5)


def test_every_leaf_can_be_proven(desk: Desk) -> None:
    size = desk.log.settle()
    for kind, key, text in census.leaves(size):
        counted = census.count(size, kind, key)
        assert counted.position is not None and counted.leaf == text
        proof = census.prove(counted)
        assert verify_inclusion(leaf_hash(text), counted.position, counted.leaves, proof, counted.root)


def test_taking_one_is_an_entry_that_carries_it(desk: Desk) -> None:
    with audit.acting_as(audit.system("census")):
        taken = census.take()
    desk.log.settle()
    line = json.loads(Entry.objects.get(uid=taken.receipt.uid).line)
    assert line["e"]["verb"] == "log.census" and line["i"] >= taken.size
    assert line["e"]["census"] == {
        "actors": taken.counted.actors,
        "objects": taken.counted.objects,
        "root": taken.root.hex(),
        "size": taken.size,
    }


def test_who_is_not_in_the_log_has_no_leaf(desk: Desk) -> None:
    size = desk.log.settle()
    counted = census.count(size, "actor", "u-9999")
    assert counted.position is None
    with pytest.raises(ValueError, match="no leaf"):
        census.prove(counted)


def test_a_log_that_changed_between_two_counts_is_noticed(
    desk: Desk, intruder: psycopg.Connection[Any]
) -> None:
    act(OFFICER, "video.live.extend", TRAILER, 2)
    size = desk.log.settle()
    counted = census.count(size, "actor", "u-1042")
    newest = Entry.objects.filter(actor="u-1042").order_by("-idx")[0]
    intruder.execute("DELETE FROM audit_log WHERE idx = %s", [newest.idx])
    with pytest.raises(ValueError, match="twice"):
        census.prove(counted)
