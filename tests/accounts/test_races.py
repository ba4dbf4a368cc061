"""Two connections at once: rights are judged under the lock, so an administrator always remains."""

import threading

from django.db import connections
from django.test import Client

from accounts import selectors, services
from accounts.models import User
from csoc.lib.errors import Refused
from tests.accounts.people import add_user, code_for, make_cast


def test_two_administrators_remove_each_other(own_database):
    first = make_cast()["administrator"]["user"]
    second = add_user(first, "second.admin", "administrator").user
    start, outcomes = threading.Barrier(2), []

    def remove(actor_id: int, user_id: int) -> None:
        try:
            actor = User.objects.select_related("person__agency").get(pk=actor_id)
            user = User.objects.get(pk=user_id)
            with services.acting(actor):
                start.wait()
                services.set_roles(user=user, roles=[], actor=actor)
            outcomes.append("done")
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connections.close_all()

    for _round in range(5):
        outcomes.clear()
        threads = [
            threading.Thread(target=remove, args=pair)
            for pair in ((first.pk, second.pk), (second.pk, first.pk))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["done", "not-permitted"]
        [left] = selectors.active_administrators()
        other = second if left.pk == first.pk else first
        left = selectors.user_with_person(left.pk)
        with services.acting(left):
            services.set_roles(user=other, roles=["administrator"], actor=left)


def test_the_same_username_twice_at_once(own_database):
    boss = make_cast()["administrator"]["user"]
    start, outcomes = threading.Barrier(2), []

    def add(badge: str) -> None:
        try:
            start.wait()
            add_user(boss, "r.vale", badge=badge)
            outcomes.append("done")
        except Refused as refused:
            outcomes.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add, args=(badge,)) for badge in ("1", "2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "invalid"]
    assert User.objects.filter(username="r.vale").count() == 1
    from accounts.models import Person

    assert Person.objects.filter(name="Robin Vale").count() == 1, "the loser's person went with the refusal"


def test_one_code_in_two_browsers_at_once_opens_one(own_database):
    dispatcher = make_cast()["dispatcher"]
    code, start, outcomes = code_for(dispatcher["totp_secret"]), threading.Barrier(2), []

    def enter() -> None:
        try:
            client = Client()
            client.post("/accounts/login/", {"login": "dispatcher", "password": dispatcher["password"]})
            start.wait()
            outcomes.append(client.post("/accounts/second-factor/", {"code": code}).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=enter) for _n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200, 302]
