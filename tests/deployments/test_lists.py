"""Lists cost the same number of queries for 10 and for 1,000; another agency's deployment does not exist."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse

from accounts.models import Person, User
from deployments.models import Deployment, DeploymentUserPermission
from deployments.urls import urlpatterns
from tests.accounts.people import sign_in
from tests.deployments.office import Office

LISTS = ("deployments-list", "deployments-map", "deployments", "deployment-overview")
PEOPLE, GRANTS = 200, 5_000
#: Everything that any act asks for: nothing is refused for its body before it is looked for.
BODY = {
    "version": 1, "content_hash": "0" * 64, "reason": "need_ended", "still_needed": True,
    "words": "None of ours", "person": "u-1", "act": "view",
    "need": {"aim": "x"}, "item": "heading", "value": 1, "section": "need", "base": "0" * 16,
}  # fmt: skip


@pytest.fixture
def office(scene_template: str, own_database: str, data_dir: Path) -> Iterator[Office]:
    yield Office(data_dir)


COPIED = ("deployments_deployment", "deployments_authorisation", "trailers_trailer")
OF_A_TRAILER = ("trailers_trailerstatus", "trailers_desiredstate")


def many(servers: Any, database: str, office: Office, wanted: int) -> None:
    """Copies of the standing deployment, a trailer each, a third active; triggers are off while copying."""
    have, standing = Deployment.objects.count(), office.scene.deployment
    base = 1000 + 300 * have
    with psycopg.connect(servers.url("postgres", database), autocommit=True) as owner:
        for table in COPIED:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        copy(owner, "trailers_trailer", {"number": f"{base} + g"}, "number = 11",
             f", generate_series(1, {wanted - have}) g")  # fmt: skip
        new = f", trailers_trailer t WHERE t.number > {base}"
        for table in OF_A_TRAILER:
            of_the_depot = "trailer_id = (SELECT id FROM trailers_trailer WHERE number = 11)"
            copy(owner, table, {"trailer_id": "t.id"}, of_the_depot, new.replace("WHERE", "ON"))
        copy(owner, "deployments_deployment", {
            "serial": "1000 + t.number", "state": "'submitted'", "trailer_id": "t.id",
            "authorisation_id": "NULL",
        }, f"id = {standing.pk}", new.replace("WHERE", "ON"))  # fmt: skip
        submitted = ", deployments_deployment d ON d.state = 'submitted' AND d.id % 3 = 0"
        copy(owner, "deployments_authorisation", {"deployment_id": "d.id"},
             f"id = {standing.authorisation_id}", submitted)  # fmt: skip
        owner.execute(
            """UPDATE deployments_deployment d SET state = 'active', authorisation_id = a.id
            FROM deployments_authorisation a WHERE a.deployment_id = d.id AND d.state = 'submitted'"""
        )
        for table, name in owner.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled = 'D'"
        ).fetchall():
            owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    assert Deployment.objects.count() == wanted


def copy(owner: Any, table: str, values: dict[str, str], which: str, times: str) -> None:
    """Insert a row of ``table`` again for each row of ``times``, with other ``values``."""
    known = owner.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table]
    ).fetchall()
    names = [name for (name,) in known if name != "id" or "id" in values]
    taken = ", ".join(values.get(name, f"s.{name}") for name in names)
    joined = times.replace(", ", " JOIN ", 1) if " ON " in times else times.replace(", ", " CROSS JOIN ", 1)
    source = f"(SELECT * FROM {table} WHERE {which}) s{joined}"
    owner.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {taken} FROM {source}")


def crowd(office: Office) -> None:
    """200 people, and 5,000 grants among them and those who ask."""
    boss = office.users["administrator"].person
    people = Person.objects.bulk_create(
        Person(name=f"Person {n}", badge=f"C{n}", agency=boss.agency, unit=boss.unit) for n in range(PEOPLE)
    )
    users = User.objects.bulk_create(
        User(username=f"crowd.{n}", person=person) for n, person in enumerate(people)
    )
    users += [office.users["applicant"], office.users["supervisor"]]
    ids = list(Deployment.objects.values_list("pk", flat=True))
    view = Permission.objects.get(codename="view_deployment", content_type__app_label="deployments")
    chance = random.Random(4)
    pairs = {(chance.choice(users).pk, chance.choice(ids)) for _n in range(3 * GRANTS)}
    grants = [
        DeploymentUserPermission(user_id=user, content_object_id=row, permission=view)
        for user, row in sorted(pairs)[:GRANTS]
    ]
    DeploymentUserPermission.objects.bulk_create(grants)


def cost(browser: Client, name: str) -> tuple[int, float]:
    """Queries and seconds of one answer; the first one, which loads what is loaded once, does not count."""
    path = reverse(name)
    assert browser.get(path).status_code == 200, name
    with ExitStack() as stack:
        seen = [
            stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in ("default", "audit")
        ]
        begun = time.monotonic()
        assert browser.get(path).status_code == 200
        took = time.monotonic() - begun
        return sum(len(one) for one in seen), took


@pytest.mark.parametrize("who", ["supervisor", "applicant"])
def test_a_list_costs_the_same_for_ten_and_for_a_thousand(
    servers: Any, own_database: str, office: Office, who: str
) -> None:
    browser = sign_in(office.users[who])
    names = [name for name in LISTS if who == "supervisor" or name != "deployment-overview"]
    many(servers, own_database, office, 10)
    few = {name: cost(browser, name) for name in names}
    many(servers, own_database, office, 1_000)
    crowd(office)
    full = {name: cost(browser, name) for name in names}
    for name in names:
        print(f"\n{who} {name}: {few[name][0]} queries, {few[name][1]:.3f} s for 10;"
              f" {full[name][0]} queries, {full[name][1]:.3f} s for 1,000", end="")  # fmt: skip
    assert {name: queries for name, (queries, _s) in few.items()} == {
        name: queries for name, (queries, _s) in full.items()
    }


def named_routes() -> list[str]:
    """The name of every address that is about one deployment."""
    return [
        str(route.name)
        for route in urlpatterns
        if isinstance(route, URLPattern) and set(route.pattern.converters) == {"name"}
    ]


def test_another_agencys_deployment_is_nowhere(office: Office) -> None:
    stranger, name = sign_in(office.users["stranger"]), office.scene.deployment.name
    routes = named_routes()
    assert len(routes) > 30
    wrong = {}
    of_version = {"If-Match": '"1"'}
    for route in routes:
        answers = []
        for asked in (name, "DEP-2031-9999"):
            path = reverse(route, args=[asked])
            answers.append([
                stranger.get(path).status_code,
                stranger.post(path, BODY, content_type="application/json").status_code,
                stranger.post(path, {key: str(value) for key, value in BODY.items()}).status_code,
                stranger.patch(path, BODY, "application/json", headers=of_version).status_code,
            ])  # fmt: skip
        # Whether it is there or not, it is not; and that is what at least one method says.
        if answers[0] != answers[1] or 404 not in answers[0] or not set(answers[0]) <= {404, 405, 415}:
            wrong[route] = answers
    assert not wrong
