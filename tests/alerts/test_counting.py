"""A trailer's count: holes, late fills, restarts. Pure."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.counting import MOST_HOLES, Count, Seen

START = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def counted(*numbers: Any) -> Count:
    """Count in numbers, or (number, second it happened), each received a second after the one before."""
    count = Count()
    for second, one in enumerate(numbers):
        seq, occurred = one if isinstance(one, tuple) else (one, second)
        count.take(Seen(seq, at(second), None if occurred is None else at(occurred)))
    return count


def holes(count: Count) -> list[tuple[int, int]]:
    return sorted((hole.first, hole.last) for hole in count.holes)


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([], []),
        ([7, 8, 9], []),  # what was before the first one is nobody's loss
        ([1, 2, 5], [(3, 4)]),
        ([1, 5, 9], [(2, 4), (6, 8)]),
        ([1, 5, (3, 0.5)], [(2, 2), (4, 4)]),
        ([1, 5, (2, 0.1), (4, 0.3), (3, 0.2)], []),
        ([1, 9, (9, 1), (1, 0)], [(2, 8)]),
        ([5, (4, -2), (3, -3), 6], []),
        ([1, (2, None), (3, None), 4], []),  # refused ones have come too
        ([0, 2**53 - 1], [(1, 2**53 - 2)]),
    ],
)
def test_what_is_missing(numbers: list[Any], missing: list[tuple[int, int]]) -> None:
    assert holes(counted(*numbers)) == missing


def test_a_counter_that_begins_again_is_no_gap_and_forgets_the_old_ones() -> None:
    count = counted(100, 101, 105, 1, 2, 4)
    assert (holes(count), count.top) == ([(3, 3)], 4)
    # One odd number alone is a mistake: the old count goes on.
    assert holes(counted(100, 101, 7, 102, 104)) == [(103, 103)]
    # Old alerts that come late happened earlier, however many they are.
    assert holes(counted(10, (3, -9), (4, -8), 11)) == []
    # Refused ones say nothing of when: they begin nothing.
    assert counted(100, (1, None), (2, None)).top == 100


def test_more_holes_than_are_followed_become_one_that_reaches_over_all() -> None:
    every_second = range(2, 2 * MOST_HOLES + 4, 2)
    count = counted(0, *(n for n in every_second))
    [hole] = count.holes
    assert (hole.first, hole.last, hole.many, hole.since) == (1, 2 * MOST_HOLES + 1, True, at(1))
    # A late one fills nothing that is known, and the next missing ones are part of it.
    assert not count.take(Seen(7, at(1000), at(0)))
    count.take(Seen(10_000, at(1001), at(1001)))
    assert holes(count) == [(1, 9_999)]
    # A counter that begins again is still seen.
    assert [count.take(Seen(n, at(1100 + n), at(1100 + n))) for n in (1, 2)] == [False, True]
    assert (holes(count), count.top) == ([], 2)


def test_numbers_at_random_cost_no_more_than_others() -> None:
    count, draw = Count(), random.Random(1)
    for second in range(50_000):
        count.take(Seen(draw.randrange(2**53), at(second)))
        assert len(count.holes) <= MOST_HOLES


@given(st.permutations(range(40)), st.sets(st.integers(1, 39), max_size=10))
def test_in_any_order_exactly_what_never_came_is_missing(order: list[int], lost: set[int]) -> None:
    came = [0, *(number for number in order if number and number not in lost)]
    # A device numbers in the order in which things happen.
    count = counted(*((number, number - 1000) for number in came))
    missing = {number for first, last in holes(count) for number in range(first, last + 1)}
    assert missing == {number for number in lost if number < max(came)}
