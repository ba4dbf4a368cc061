"""Breaking the glass with two sign-ins of one person.

That two sign-ins are one person for reviews, exports, pruning and keys stands with the tests of each.
"""

from pathlib import Path
from typing import Any

import pytest

import audit
from accounts import break_glass as glass
from accounts import selectors, services
from accounts.models import BreakGlass, User
from accounts.services import acting
from alerts import schemas
from alerts import services as alert_services
from csoc.lib.errors import Refused
from tests.accounts.people import second_sign_in, sign_in
from tests.accounts.test_break_glass import break_it, detail
from tests.scene import Scene, standing


def refused(code: str, act: Any) -> None:
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.code == code and caught.value.sentence


pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def alerts(scene: Scene, count: int) -> list[Any]:
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        return [
            alert_services.receive_alert(actor=scene.trailer, body=schemas.alert_from(scene.hit()))[0]
            for _ in range(count)
        ]


def other_of(scene: Scene, role: str, *roles: str) -> User:
    """A second sign-in of the cast's person of this role."""
    boss = scene.users["administrator"]
    made = second_sign_in(boss, scene.users[role], *roles).user
    found = selectors.user_with_person(made.pk)
    assert found is not None
    return found


def test_a_sign_in_without_content_keeps_the_glass_whole_for_every_sign_in(scene: Scene) -> None:
    user, [alert, _] = scene.users["applicant"], alerts(scene, 2)
    opened = break_it(user, "alert", alert.pk)
    browser = sign_in(user)
    assert detail(browser, alert).status_code == 200
    second = other_of(scene, "applicant", "technician")
    assert detail(browser, alert).status_code == 403, "judged at every read, over all sign-ins"
    assert glass.glass_for(user, "alert", str(alert.pk)) is None
    for one in (user, second):
        refused("not-permitted", lambda one=one: break_it(one, "deployment", scene.deployment.name))
    assert "Break glass" not in browser.get("/account/").content.decode()
    with acting(scene.users["administrator"]):
        services.close_sign_in(user=second, actor=scene.users["administrator"])
    assert detail(browser, alert).status_code == 200
    assert BreakGlass.objects.get() == opened


def test_three_things_at_most_over_all_sign_ins_and_each_opens_to_one(scene: Scene) -> None:
    user, found = scene.users["investigator"], alerts(scene, 4)
    second = other_of(scene, "investigator", "bail_officer")
    break_it(user, "alert", found[0].pk)
    assert detail(sign_in(second), found[0]).status_code == 403, "it opens to the sign-in that broke it"
    break_it(second, "alert", found[0].pk)
    assert detail(sign_in(second), found[0]).status_code == 200
    break_it(second, "alert", found[1].pk)
    for one in (user, second):
        refused("too-many-open", lambda one=one: break_it(one, "alert", found[2].pk))
    # What ends with a right makes room again, whichever the sign-in.
    boss = scene.users["administrator"]
    with acting(boss):
        services.close_sign_in(user=second, actor=boss)
    break_it(user, "alert", found[2].pk)
