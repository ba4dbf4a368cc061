"""Sign-ins of one person on two connections: what is judged over the person is judged under the lock."""

from pathlib import Path
from typing import Any

from accounts import services
from accounts.models import BreakGlass, User
from csoc.lib import clock
from tests.accounts.people import add_user, make_cast, second_sign_in
from tests.accounts.test_break_glass import WORDS, fresh
from tests.accounts.test_one_person import alerts
from tests.races.test_on_connections import codes, of, race
from tests.scene import standing


def test_roles_that_do_not_go_together_are_not_split_at_the_same_moment(own_database: str) -> None:
    boss = make_cast()["administrator"]["user"]
    for turn in range(10):
        person = add_user(boss, f"r.{turn}").user.person
        give = [
            of(boss, services.add_sign_in, person=person, username=f"r.{turn}.{role}"[:63], roles=[role])
            for role in ("dispatcher", "technician")
        ]
        assert sorted(codes(race(give))) == ["done", "invalid"]
        assert person.users.count() == 2


def test_nobody_who_leaves_keeps_a_sign_in_that_was_added_meanwhile(own_database: str) -> None:
    boss = make_cast()["administrator"]["user"]
    for turn in range(10):
        person, username = add_user(boss, f"r.{turn}", "dispatcher").user.person, f"r.{turn}.b"
        leaving = of(boss, services.leave_staff, person=person)
        adding = of(boss, services.add_sign_in, person=person, username=username, roles=["dispatcher"])
        outcomes = codes(race([leaving, adding]))
        assert outcomes[0] == "done" and outcomes[1] in ("done", "left-staff")
        assert not User.objects.filter(person=person, is_active=True).exists()


def test_two_sign_ins_at_once_open_three_things_at_most(
    scene_template: str, own_database: str, data_dir: Path
) -> None:
    scene = standing(data_dir)
    boss, user = scene.users["administrator"], scene.users["investigator"]
    second = second_sign_in(boss, user, "bail_officer").user
    found = [str(alert.pk) for alert in alerts(scene, 3)]

    def opening(actor: User, target: str) -> Any:
        fresh_actor = User.objects.select_related("person__agency", "person__unit").get(pk=actor.pk)
        return of(
            fresh_actor, services.break_glass, login=fresh(fresh_actor), kind="alert", target=target,
            why="cannot-wait", words=WORDS,
        )  # fmt: skip

    acts = [opening(one, target) for target in found for one in (user, second)]
    assert sorted(codes(race(acts))) == ["done"] * 3 + ["too-many-open"] * 3
    now = clock.now()
    assert sum(one.holds_at(now, one.user.auth_epoch) for one in BreakGlass.objects.all()) == 3
