"""The contract's table: each status and code, and what the agent then does."""

from __future__ import annotations

import random

import pytest

from agent.client import Backoff
from agent.problems import Act, code_of, judge

TABLE = [
    (200, None, Act.DONE), (201, None, Act.DONE), (202, None, Act.DONE),
    (400, "bad-json", Act.DROP), (400, "bad-digest", Act.DROP),
    (401, "bad-signature", Act.RESIGN), (401, "replayed-nonce", Act.RESIGN), (401, "clock-skew", Act.RESIGN),
    (403, "key-revoked", Act.STOP), (403, "not-deployed", Act.STOP), (403, "wrong-trailer", Act.STOP),
    (409, "id-conflict", Act.DROP), (409, "not-on-hotlist", Act.DROP),
    (409, "hotlist-version-stale", Act.DROP),
    (410, "too-old", Act.DROP), (413, "too-large", Act.DROP), (415, "media-type", Act.DROP),
    (422, "schema", Act.DROP), (422, "forbidden-field", Act.DROP), (422, "forbidden-class", Act.DROP),
    (422, "clip-length", Act.DROP), (429, "slow-down", Act.KEEP), (503, "unavailable", Act.KEEP),
    (0, None, Act.KEEP), (404, "not-found", Act.KEEP), (405, None, Act.KEEP), (500, None, Act.KEEP),
    (502, None, Act.KEEP), (403, None, Act.KEEP), (500, "not-deployed", Act.KEEP),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "act"), TABLE)
def test_the_table(status, code, act):
    assert judge(status, code).act is act


def test_faults_and_lists():
    faulty = {code for status, code, _ in TABLE if judge(status, code).fault}
    assert faulty == {"wrong-trailer", "schema", "forbidden-field", "forbidden-class", "clip-length"}
    fetching = {code for status, code, _ in TABLE if judge(status, code).fetch_hotlist}
    assert fetching == {"not-on-hotlist", "hotlist-version-stale"}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("/problems/too-old", "too-old"),
        ("https://console.example/problems/schema", "schema"),
        ("about:blank", None),
        (None, None),
        ("/problems/", None),
        (7, None),
    ],
)
def test_code_of_a_problem_type(given, code):
    assert code_of(given) == code


def test_back_off_is_full_jitter_from_one_to_sixty_seconds():
    backoff = Backoff(random.Random(1))
    for ceiling in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert 0 <= backoff.next_s() <= ceiling
    many = [Backoff(random.Random(n), failures=6).next_s() for n in range(400)]
    assert max(many) > 55 and min(many) < 5
    backoff.reset()
    assert backoff.next_s() <= 1


def test_the_console_may_ask_for_more_patience():
    assert Backoff(random.Random(1)).next_s(30.0) == 30.0
