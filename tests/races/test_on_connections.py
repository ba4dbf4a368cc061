"""First wins, on real connections: two threads, each with a connection of its own, in the same moment."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

import audit
from accounts.models import User
from accounts.services import acting
from alerts import schemas
from alerts import services as alert_services
from alerts.models import Alert, AlertEvent
from bench.driving import together
from csoc.lib.errors import Refused
from deployments import services as deployment_services
from deployments.models import Authorisation, Deployment
from live import gate
from live import services as live_services
from live.models import LiveSession, MediaToken, Stream
from tests.scene import Scene, standing
from tests.races.drafts import submitted

ROUNDS = 25


@pytest.fixture
def scene(own_database: str, data_dir: Path) -> Scene:
    return standing(data_dir)


def as_user(user: User, act: Callable[[], Any]) -> Callable[[], Any]:
    """The act as this person on a connection of its own; a refusal is its result."""

    def run() -> Any:
        try:
            with acting(user):
                return act()
        except Refused as refused:
            return refused
        finally:
            connections.close_all()

    return run


def as_trailer(scene: Scene, body: dict[str, Any]) -> Callable[[], Any]:
    """Post as the door does after the signature."""

    def run() -> Any:
        try:
            with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
                return alert_services.receive_alert(actor=scene.trailer, body=schemas.alert_from(body))
        except Refused as refused:
            return refused
        finally:
            connections.close_all()

    return run


def codes(results: list[Any]) -> list[str]:
    return [result.code if isinstance(result, Refused) else "done" for result in results]


def accepted(scene: Scene) -> Alert:
    alert, _new = as_trailer(scene, scene.gunshot())()
    return alert


def test_first_acknowledgement_wins_and_the_loser_learns_the_name(scene: Scene) -> None:
    rivals = [scene.users["dispatcher"], scene.users["dispatcher-2"]]
    for _round in range(ROUNDS):
        alert = accepted(scene)
        results = together(
            [
                as_user(user, lambda user=user, pk=alert.pk: alert_services.acknowledge_alert(
                    actor=user, alert_id=pk, version=1
                ))
                for user in rivals
            ]
        )  # fmt: skip
        assert sorted(codes(results)) == ["already-acknowledged", "done"]
        [refused] = [result for result in results if isinstance(result, Refused)]
        winner = Alert.objects.select_related("acknowledged_by").get(pk=alert.pk).acknowledged_by
        assert refused.extra["by"]["name"] == winner.name
        assert AlertEvent.objects.filter(alert=alert, verb="alert.acknowledge").count() == 1


def test_the_same_alert_on_many_connections_is_stored_once(scene: Scene) -> None:
    for _round in range(5):
        body = scene.gunshot()
        results = together([as_trailer(scene, body) for _ in range(8)])
        assert Counter(new for _alert, new in results) == {True: 1, False: 7}
        assert Alert.objects.filter(pk=body["id"]).count() == 1


def test_acknowledge_and_hand_back_and_acknowledge_have_one_order(scene: Scene) -> None:
    first, second = scene.users["dispatcher"], scene.users["dispatcher-2"]
    for _round in range(ROUNDS):
        alert = accepted(scene)
        as_user(first, lambda pk=alert.pk: alert_services.acknowledge_alert(actor=first, alert_id=pk, version=1))()
        results = together(
            [
                as_user(first, lambda pk=alert.pk: alert_services.hand_back_alert(
                    actor=first, alert_id=pk, reason="not mine"
                )),
                as_user(second, lambda pk=alert.pk: alert_services.acknowledge_alert(
                    actor=second, alert_id=pk, version=3
                )),
            ]
        )  # fmt: skip
        now = Alert.objects.get(pk=alert.pk)
        if codes(results) == ["done", "done"]:
            assert (now.state, now.acknowledged_by_id) == ("acknowledged", second.person_id)
        else:
            assert codes(results) == ["done", "already-acknowledged"]
            assert results[1].extra["by"]["name"] == first.person.name
            assert now.state == "unacknowledged"


def test_one_authorisation_for_one_request(scene: Scene) -> None:
    rivals = [scene.users["supervisor"], scene.users["supervisor-2"]]
    for _round in range(10):
        draft = submitted(scene)
        results = together(
            [
                as_user(user, lambda user=user, d=draft: deployment_services.authorise_deployment(
                    actor=user, deployment_id=d.pk, version=d.version, content_hash=d.content_hash
                ))
                for user in rivals
            ]
        )  # fmt: skip
        assert sorted(codes(results)) == ["done", "wrong-state"]
        assert Authorisation.objects.filter(deployment=draft).count() == 1


def test_one_trailer_stands_under_one_deployment(scene: Scene) -> None:
    supervisor = scene.users["supervisor"]
    for _round in range(10):
        for old in Deployment.objects.filter(trailer=scene.trailer, state="active"):
            as_user(supervisor, lambda old=old: deployment_services.deactivate_deployment(
                actor=supervisor, deployment_id=old.pk
            ))()  # fmt: skip
        waiting = []
        for _ in range(2):
            draft = submitted(scene)
            done = as_user(supervisor, lambda d=draft: deployment_services.authorise_deployment(
                actor=supervisor, deployment_id=d.pk, version=d.version, content_hash=d.content_hash
            ))()  # fmt: skip
            waiting.append(done)
        assert codes(waiting) == ["done", "done"]
        users = (scene.users["technician"], scene.users["technician-2"])
        results = together(
            [
                as_user(user, lambda user=user, d=one: deployment_services.activate_deployment(
                    actor=user, deployment_id=d.pk
                ))
                for user, one in zip(users, waiting, strict=True)
            ]
        )  # fmt: skip
        assert sorted(codes(results)) == ["done", "overlap"]
        assert Deployment.objects.filter(trailer=scene.trailer, state="active").count() == 1


def test_an_alert_comes_before_the_end_of_its_deployment_or_is_refused(scene: Scene) -> None:
    supervisor, technician = scene.users["supervisor"], scene.users["technician"]
    seen: Counter[str] = Counter()
    for _round in range(ROUNDS):
        draft = submitted(scene)
        deployment = draft
        for old in Deployment.objects.filter(trailer=scene.trailer, state="active"):
            as_user(supervisor, lambda old=old: deployment_services.deactivate_deployment(
                actor=supervisor, deployment_id=old.pk
            ))()  # fmt: skip
        as_user(supervisor, lambda d=draft: deployment_services.authorise_deployment(
            actor=supervisor, deployment_id=d.pk, version=d.version, content_hash=d.content_hash
        ))()  # fmt: skip
        as_user(technician, lambda d=draft: deployment_services.activate_deployment(
            actor=technician, deployment_id=d.pk
        ))()  # fmt: skip
        body = scene.gunshot(deployment=deployment.name)
        posted, ended = together(
            [
                as_trailer(scene, body),
                as_user(supervisor, lambda d=deployment: deployment_services.deactivate_deployment(
                    actor=supervisor, deployment_id=d.pk
                )),
            ]
        )  # fmt: skip
        assert codes([ended]) == ["done"]
        stored = Alert.objects.filter(pk=body["id"]).first()
        if isinstance(posted, Refused):
            assert (posted.code, stored) == ("not-deployed", None)
        else:
            assert stored.received_at <= Deployment.objects.get(pk=deployment.pk).deactivated_at
        seen["refused" if stored is None else "taken"] += 1
    assert sum(seen.values()) == ROUNDS


def opened_view(scene: Scene) -> tuple[Alert, dict[str, Any]]:
    """An acknowledged alert with an open live view: what the page got."""
    user = scene.users["dispatcher"]
    alert = accepted(scene)

    def act() -> dict[str, Any]:
        alert_services.acknowledge_alert(actor=user, alert_id=alert.pk, version=1)
        return live_services.open_live_view(
            actor=user, login=None, alert_id=alert.pk, reason="gunshot", cad=""
        )

    view = as_user(user, act)()
    assert not isinstance(view, Refused), view.code
    return alert, view


def path_of(view: dict[str, Any]) -> str:
    return str(view["whep_url"].split("/")[2])


def test_a_token_is_spent_once(scene: Scene) -> None:
    for round_no in range(10):
        _alert, view = opened_view(scene)

        def spend(n: int, view: dict[str, Any] = view, round_no: int = round_no) -> bool:
            try:
                return gate.admit(
                    actor="gateway", token=view["token"], action="read", path=path_of(view),
                    gateway_id=f"g-{round_no}-{n}",
                )  # fmt: skip
            finally:
                connections.close_all()

        results = together([lambda n=n: spend(n) for n in range(6)])
        assert sorted(results) == [False] * 5 + [True]
        winner = f"g-{round_no}-{results.index(True)}"
        assert MediaToken.objects.filter(spent_as=winner).count() == 1


def test_a_close_leaves_no_view_open(scene: Scene) -> None:
    opener, closer = scene.users["dispatcher"], scene.users["supervisor"]
    for _round in range(ROUNDS):
        alert = accepted(scene)
        as_user(opener, lambda pk=alert.pk: alert_services.acknowledge_alert(
            actor=opener, alert_id=pk, version=1
        ))()  # fmt: skip
        opened, closed = together(
            [
                as_user(opener, lambda pk=alert.pk: live_services.open_live_view(
                    actor=opener, login=None, alert_id=pk, reason="gunshot", cad=""
                )),
                as_user(closer, lambda pk=alert.pk: alert_services.close_alert(
                    actor=closer, alert_id=pk, version=2, outcome="test"
                )),
            ]
        )  # fmt: skip
        assert codes([closed]) == ["done"]
        assert not LiveSession.objects.filter(alert=alert, ended_at__isnull=True).exists()
        assert not Stream.objects.filter(trailer=scene.trailer, ended_at__isnull=True).exists()
        if not isinstance(opened, Refused):
            assert not gate.admit(
                actor="gateway", token=opened["token"], action="read", path=path_of(opened), gateway_id="g"
            )


def test_a_token_spent_while_its_alert_closes_opens_nothing_that_stays(scene: Scene) -> None:
    closer = scene.users["supervisor"]
    for round_no in range(ROUNDS):
        alert, view = opened_view(scene)
        mine = f"g-{round_no}"

        def spend(view: dict[str, Any] = view, mine: str = mine) -> bool:
            try:
                return gate.admit(
                    actor="gateway", token=view["token"], action="read", path=path_of(view), gateway_id=mine
                )
            finally:
                connections.close_all()

        _spent, closed = together(
            [
                spend,
                as_user(closer, lambda pk=alert.pk: alert_services.close_alert(
                    actor=closer, alert_id=pk, version=2, outcome="test"
                )),
            ]
        )  # fmt: skip
        assert codes([closed]) == ["done"]
        assert gate.keep([{"id": mine}]) == [], "the gateway's next lease ends it whatever came first"
