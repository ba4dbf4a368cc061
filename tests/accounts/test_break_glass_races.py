"""Breaking the glass on real connections: two presses, a right that goes meanwhile, a log that refuses."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from accounts import break_glass as glass
from accounts import selectors, services
from accounts.models import BreakGlass, User
from tests.accounts.test_break_glass import WORDS, break_it, fresh
from tests.races.test_on_connections import codes, of, on_own_connection, race
from tests.scene import standing


def taking_roles(boss: User, user: User, roles: list[str]) -> Any:
    """The administrator gives the user exactly these roles."""

    def act() -> Any:
        with services.acting(boss):
            return services.set_roles(user=user, roles=roles, actor=boss)

    return on_own_connection(act)


def test_two_presses_at_once_open_once(scene_template: str, own_database: str, data_dir: Path) -> None:
    scene = standing(data_dir)
    for number, role in enumerate(("investigator", "bail_officer")):
        user = scene.users[role]
        act = of(
            user, services.break_glass, login=fresh(user), kind="deployment", target=scene.deployment.name,
            why="cannot-wait", words=WORDS,
        )  # fmt: skip
        assert sorted(codes(race([act] * 4))) == ["already-open"] * 3 + ["done"]
        assert BreakGlass.objects.count() == number + 1


def test_opening_while_a_right_is_taken_away_leaves_nothing_open(
    scene_template: str, own_database: str, data_dir: Path
) -> None:
    scene = standing(data_dir)
    boss = scene.users["administrator"]
    for _round in range(6):
        user = User.objects.select_related("person__agency", "person__unit").get(username="bail-officer")
        opening = of(
            user, services.break_glass, login=fresh(user), kind="deployment", target=scene.deployment.name,
            why="cannot-wait", words=WORDS,
        )  # fmt: skip
        race([opening, taking_roles(boss, user, [])])
        user.refresh_from_db()
        assert glass.glass_for(user, "deployment", scene.deployment.name) is None
        assert not selectors.glass_of_agency(user.person.agency_id, glass.clock.now())
        taking_roles(boss, user, ["bail_officer"])()


def test_without_the_log_nothing_opens(
    scene_template: str, own_database: str, data_dir: Path, servers: Any
) -> None:
    scene = standing(data_dir)
    user = scene.users["investigator"]
    with psycopg.connect(servers.url("csoc_owner", own_database), autocommit=True) as owner:
        owner.execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")
    with pytest.raises(Exception, match="takes no entry"):
        break_it(user, "deployment", scene.deployment.name)
    assert not BreakGlass.objects.exists()
