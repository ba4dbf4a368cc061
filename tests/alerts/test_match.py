"""A hit stands on a current entry of its agency's list, on a version once in force, or on nothing (H8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Agency, User
from alerts import hotlists
from alerts.models import CATEGORIES, Hotlist
from alerts.schemas import AlprHit, HotlistReference
from csoc.lib import clock
from csoc.lib.errors import Refused
from tests.alerts.lists import bring, file_of, row

STALE, NOT_LISTED = "hotlist-version-stale", "not-on-hotlist"


@pytest.fixture
def agency_id(omar: User) -> int:
    """Whose list ``test-on`` is: version 1 has e-1000 and e-1001, version 4 has e-1003 for e-1001."""
    until = clock.wire((clock.now() + timedelta(hours=40)).replace(microsecond=0))
    stays = row("ZZ0A0B1", reference="R-1", valid_to=str(until))
    bring(omar, file_of([stays, row("ZZGONE1", reference="R-2")]))
    bring(omar, file_of([stays, row("ZZNEW01", reference="R-3")]), version=4)
    return omar.person.agency_id


def judge(agency_id: int, **changes: Any) -> hotlists.Hit:
    told: dict[str, Any] = {
        "plate": "ZZ0A0B1", "jurisdiction": "CA-ON", "match": "exact", "list_id": "test-on", "version": 4,
        "entry_id": "e-1000", "categories": CATEGORIES, "after": timedelta(0),
    } | changes  # fmt: skip
    reference = HotlistReference(list_id=told["list_id"], version=told["version"], entry_id=told["entry_id"])
    read = AlprHit(
        plate=told["plate"], jurisdiction=told["jurisdiction"], confidence=0.9, match=told["match"],
        hotlist=reference,
    )  # fmt: skip
    return hotlists.match(
        read, categories=told["categories"], agency_id=agency_id, at=clock.now() + told["after"]
    )


@pytest.mark.parametrize(
    ("changes", "exact"),
    [
        ({}, True), ({"version": 1}, True), ({"match": "lookalike"}, False), ({"plate": "ZZOAOB1"}, False),
        ({"jurisdiction": "unknown"}, False), ({"plate": "ZZ-0A0 B1"}, True),
        ({"plate": "ZZNEW01", "entry_id": "e-1003"}, True),
    ],
)  # fmt: skip
def test_what_stands(agency_id: int, changes: dict[str, Any], exact: bool) -> None:
    hit = judge(agency_id, **changes)
    assert hit.exact is exact and hit.entry.category == "stolen_vehicle"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 5}, STALE), ({"version": 2}, STALE), ({"version": 3}, STALE),
        ({"version": 2**53 - 1}, STALE), ({"after": timedelta(hours=48, seconds=1)}, STALE),
        ({"after": timedelta(hours=41)}, NOT_LISTED), ({"list_id": "other-on"}, NOT_LISTED),
        ({"entry_id": "e-9999"}, NOT_LISTED), ({"entry_id": "E-1000"}, NOT_LISTED),
        ({"plate": "ZZGONE1", "entry_id": "e-1001", "version": 1}, NOT_LISTED),
        ({"plate": "ZZGONE1", "entry_id": "e-1001"}, NOT_LISTED),
        ({"plate": "ZZNEW01", "entry_id": "e-1003", "version": 1}, NOT_LISTED),
        ({"categories": ["stolen_plate"]}, NOT_LISTED), ({"categories": []}, NOT_LISTED),
        ({"jurisdiction": "CA-QC"}, NOT_LISTED), ({"plate": "ZZGONE1"}, NOT_LISTED),
        ({"plate": "ZZGONE1", "jurisdiction": "unknown"}, NOT_LISTED),
    ],
)  # fmt: skip
def test_what_does_not(agency_id: int, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as caught:
        judge(agency_id, **changes)
    assert (caught.value.code, caught.value.status) == (code, 409)
    assert "ZZ" not in caught.value.sentence


def test_a_list_past_its_own_end_stands_for_nothing(omar: User) -> None:
    end = clock.now() + timedelta(hours=1)
    bring(omar, file_of([row("ZZ0A0B1")]), valid_to=clock.wire(end))
    assert judge(omar.person.agency_id, version=1).exact
    with pytest.raises(Refused, match=STALE):
        judge(omar.person.agency_id, version=1, after=timedelta(hours=1, seconds=1))


def test_a_list_without_a_version_stands_for_nothing(omar: User) -> None:
    Hotlist.objects.create(agency=omar.person.agency, list_id="test-on")
    with pytest.raises(Refused, match=STALE):
        judge(omar.person.agency_id, version=1)


def test_another_agencys_list_is_not_there(agency_id: int) -> None:
    other = Agency.objects.create(code="OTHER", name="Another service")
    with pytest.raises(Refused, match=NOT_LISTED):
        judge(other.pk)
