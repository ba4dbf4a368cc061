"""Two technicians in the same moment: one takes a warning on, one confirms a key; the other is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.races.doors import Rival, kept, loser, outcome, winner
from tests.races.test_on_connections import race
from tests.trailers.cast import People, add_technician, make_people, make_trailer
from tests.trailers.test_fleet import tell
from tests.trailers.test_key_life import pending
from trailers.models import TrailerKey, TrailerWarning

ROUNDS = 10


@pytest.fixture
def people(own_database: str) -> People:
    """Real commits on real connections."""
    return make_people()


@pytest.fixture
def rivals(people: People) -> list[Rival]:
    """Two technicians, neither of whom makes the codes."""
    return [Rival(people.theo), Rival(add_technician(people, "tess"))]


def test_a_warning_is_taken_on_by_one_and_the_other_reads_the_name(
    people: People, rivals: list[Rival], servers: Any, own_database: str
) -> None:
    for n in range(ROUNDS):
        trailer = make_trailer(people, f"Lot {n}")
        tell(trailer, battery_soc_pct=20)
        path = f"/fleet/{trailer.name}/warnings/battery/"
        answers = race([one.posts(path, {"level": "red"}) for one in rivals])
        assert sorted(map(outcome, answers)) == ["already-acknowledged", "done"]
        won, told = winner(rivals, answers).user.person, json.loads(loser(answers).content)
        assert told["status"] == 409 and told["by"]["name"] == won.name and won.name in told["detail"]
        warning = TrailerWarning.objects.get(trailer=trailer, kind="battery")
        assert (warning.acknowledged_by, warning.ended_at) == (won, None)
    said = kept(servers, own_database, "trailer.warning_acknowledge")
    assert said == {"allowed": ROUNDS, "failed": ROUNDS}


def test_a_warning_that_no_beat_has_kept_is_begun_once_and_taken_on_once(
    people: People, rivals: list[Rival]
) -> None:
    """Both judge the trailer anew, so both would begin it."""
    for n in range(ROUNDS):
        trailer = make_trailer(people, f"Lot {n}")
        tell(trailer, battery_soc_pct=20)
        TrailerWarning.objects.filter(trailer=trailer).delete()
        path = f"/fleet/{trailer.name}/warnings/battery/"
        answers = race([one.posts(path, {"level": "red"}) for one in rivals])
        assert sorted(map(outcome, answers)) == ["already-acknowledged", "done"]
        [warning] = TrailerWarning.objects.filter(trailer=trailer)
        assert warning.acknowledged_by == winner(rivals, answers).user.person


def test_a_fingerprint_is_confirmed_by_one_of_two_people(
    people: People, rivals: list[Rival], servers: Any, own_database: str
) -> None:
    for n in range(ROUNDS):
        trailer = make_trailer(people, f"Lot {n}")
        key = pending(people, trailer)
        path = f"/fleet/{trailer.name}/keys/{key.n}/confirm/"
        answers = race([one.posts(path, {"fingerprint": key.fingerprint[-8:]}) for one in rivals])
        assert sorted(answer.status_code for answer in answers) == [302, 409]
        key.refresh_from_db()
        won = winner(rivals, answers).user.person
        assert (key.state, key.confirmed_by) == (TrailerKey.State.ACTIVE, won)
        assert f"{won.name} confirmed {key.keyid}" in loser(answers).content.decode()
    assert kept(servers, own_database, "trailer.key_confirm") == {"allowed": ROUNDS, "failed": ROUNDS}
