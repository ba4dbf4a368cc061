"""First wins, on real connections: two threads, each with a connection of its own, in the same moment."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction

import audit
from accounts.models import User
from accounts.services import acting
from alerts import schemas
from alerts.models import Alert, AlertEvent
from alerts.services import acknowledge_alert, close_alert, hand_back_alert, receive_alert
from bench.driving import together
from csoc import seed
from csoc.lib.errors import Refused
from deployments.models import Authorisation, Deployment
from deployments.services import activate_deployment, authorise_deployment, deactivate_deployment
from live import gate, kicker
from live.models import LiveSession, MediaToken, Stream
from live.services import open_live_view
from tests.races.drafts import submitted
from tests.scene import Scene, standing

ROUNDS = 25

Act = Callable[[], Any]


@pytest.fixture
def scene(scene_template: str, own_database: str, data_dir: Path) -> Scene:
    return standing(data_dir)


def on_own_connection(act: Act) -> Act:
    """The act for a thread: a refusal is its result, and its connection goes with it."""

    def run() -> Any:
        try:
            return act()
        except Refused as refused:
            return refused
        finally:
            connections.close_all()

    return run


def race(acts: list[Act]) -> list[Any]:
    """Let the acts go in the same moment, each when its connection already stands."""
    gate = threading.Barrier(len(acts))

    def run(act: Act) -> Any:
        connection.ensure_connection()
        gate.wait(30)
        return act()

    return together([partial(run, act) for act in acts])


def of(user: User, service: Callable[..., Any], **values: Any) -> Act:
    """``service(actor=user, …)`` as an act of this person."""

    def act() -> Any:
        with acting(user):
            return service(actor=user, **values)

    return on_own_connection(act)


def posting(scene: Scene, body: dict[str, Any]) -> Act:
    """The trailer posts, as the door does after the signature."""

    return on_own_connection(partial(posting_here, scene, body))


def posting_here(scene: Scene, body: dict[str, Any]) -> Any:
    """The same on this connection, in whatever transaction it is."""
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        return receive_alert(actor=scene.trailer, body=schemas.alert_from(body))


def codes(results: list[Any]) -> list[str]:
    """What became of each act: a refusal's code, or ``done``."""
    return [result.code if isinstance(result, Refused) else "done" for result in results]


def done(act: Act) -> Any:
    """Run an act that must not be refused."""
    result = act()
    assert not isinstance(result, Refused), result.code
    return result


def accepted(scene: Scene) -> Alert:
    """A new alert."""
    alert, _new = done(posting(scene, scene.gunshot()))
    return alert


def acknowledged(scene: Scene) -> Alert:
    """An alert that the first dispatcher holds."""
    return done(of(scene.users["dispatcher"], acknowledge_alert, alert_id=accepted(scene).pk, version=1))


# --- alerts ---------------------------------------------------------------------------------------


def test_first_acknowledgement_wins_and_the_loser_learns_the_name(scene: Scene) -> None:
    rivals = [scene.users["dispatcher"], scene.users["dispatcher-2"]]
    for _round in range(ROUNDS):
        alert = accepted(scene)
        results = race([of(user, acknowledge_alert, alert_id=alert.pk, version=1) for user in rivals])
        assert sorted(codes(results)) == ["already-acknowledged", "done"]
        [refused] = [result for result in results if isinstance(result, Refused)]
        winner = Alert.objects.select_related("acknowledged_by").get(pk=alert.pk).acknowledged_by
        assert refused.extra["by"]["name"] == winner.name
        assert AlertEvent.objects.filter(alert=alert, verb="alert.acknowledge").count() == 1


def test_the_same_alert_on_many_connections_is_stored_once(scene: Scene) -> None:
    for _round in range(5):
        body = scene.gunshot()
        results = race([posting(scene, body)] * 8)
        assert Counter(new for _alert, new in results) == {True: 1, False: 7}
        assert Alert.objects.filter(pk=body["id"]).count() == 1


def test_handing_back_and_taking_have_one_order(scene: Scene) -> None:
    first, second = scene.users["dispatcher"], scene.users["dispatcher-2"]
    for _round in range(ROUNDS):
        alert = acknowledged(scene)
        results = race(
            [
                of(first, hand_back_alert, alert_id=alert.pk, reason="not mine"),
                of(second, acknowledge_alert, alert_id=alert.pk, version=3),
            ]
        )
        now = Alert.objects.get(pk=alert.pk)
        if codes(results) == ["done", "done"]:
            assert (now.state, now.acknowledged_by_id) == ("acknowledged", second.person_id)
        else:
            assert codes(results) == ["done", "already-acknowledged"]
            assert results[1].extra["by"]["name"] == first.person.name
            assert now.state == "unacknowledged"


# --- deployments ----------------------------------------------------------------------------------


def authorising(user: User, draft: Deployment) -> Act:
    """The supervisor says yes to exactly this draft."""
    return of(
        user,
        authorise_deployment,
        deployment_id=draft.pk,
        version=draft.version,
        content_hash=draft.content_hash,
        words="Read and weighed.",
    )


def installed(scene: Scene) -> Deployment:
    """An authorised deployment whose checklist is complete."""
    draft = done(authorising(scene.users["supervisor"], submitted(scene)))
    seed.install(draft, scene.users["technician"])
    return draft


def clear(scene: Scene) -> None:
    """End whatever the trailer stands under."""
    for old in Deployment.objects.filter(trailer=scene.trailer, state__in=("authorised", "active")):
        done(of(scene.users["supervisor"], deactivate_deployment, deployment_id=old.pk))


def test_one_authorisation_for_one_request(scene: Scene) -> None:
    for _round in range(10):
        clear(scene)
        draft = submitted(scene)
        rivals = (scene.users["supervisor"], scene.users["supervisor-2"])
        results = race([authorising(user, draft) for user in rivals])
        assert sorted(codes(results)) == ["done", "wrong-state"]
        assert Authorisation.objects.filter(deployment=draft).count() == 1


def test_a_deployment_is_switched_on_once(scene: Scene) -> None:
    users = (scene.users["technician"], scene.users["technician-2"])
    for _round in range(10):
        clear(scene)
        waiting = installed(scene)
        results = race([of(user, activate_deployment, deployment_id=waiting.pk) for user in users])
        assert sorted(codes(results)) == ["done", "wrong-state"]
        assert Deployment.objects.filter(trailer=scene.trailer, state="active").count() == 1


def test_an_alert_comes_before_the_end_of_its_deployment_or_is_refused(scene: Scene) -> None:
    supervisor = scene.users["supervisor"]
    for _round in range(ROUNDS):
        clear(scene)
        draft = installed(scene)
        done(of(scene.users["technician"], activate_deployment, deployment_id=draft.pk))
        body = scene.gunshot(deployment=draft.name)
        posted, ended = race(
            [posting(scene, body), of(supervisor, deactivate_deployment, deployment_id=draft.pk)]
        )
        assert codes([ended]) == ["done"]
        stored = Alert.objects.filter(pk=body["id"]).first()
        if isinstance(posted, Refused):
            assert (posted.code, stored) == ("not-deployed", None)
        else:
            assert stored.received_at <= Deployment.objects.get(pk=draft.pk).deactivated_at


def test_an_end_waits_for_the_alert_that_came_first(scene: Scene) -> None:
    body, stored, may_commit, ended = scene.gunshot(), threading.Event(), threading.Event(), threading.Event()

    def post() -> Any:
        with transaction.atomic():
            result = posting_here(scene, body)
            stored.set()
            may_commit.wait(10)
        return result

    def end() -> Any:
        stored.wait(10)
        act = of(scene.users["supervisor"], deactivate_deployment, deployment_id=scene.deployment.pk)
        result = act()
        ended.set()
        return result

    def watch() -> bool:
        stored.wait(10)
        came_first = ended.wait(0.7)
        may_commit.set()
        return came_first

    _posted, finished, ended_first = together([on_own_connection(post), end, watch])
    assert not ended_first, "the deployment ended under an alert that was being taken"
    assert codes([finished]) == ["done"]
    assert Alert.objects.filter(pk=body["id"]).exists()
    assert codes([posting(scene, scene.gunshot())()]) == ["not-deployed"]


# --- live view ------------------------------------------------------------------------------------


def opening(scene: Scene, alert: Alert) -> Act:
    """The holder asks for the picture."""
    user = scene.users["dispatcher"]
    return of(user, open_live_view, login=None, alert_id=alert.pk, reason="gunshot", cad="")


def closing(scene: Scene, alert: Alert) -> Act:
    """A supervisor closes the acknowledged alert."""
    return of(scene.users["supervisor"], close_alert, alert_id=alert.pk, version=2, outcome="test")


def spending(view: dict[str, Any], gateway_id: str) -> Act:
    """The gateway asks whether this view's token opens media."""
    path = view["whep_url"].split("/")[2]
    token = view["token"]
    return on_own_connection(
        partial(gate.admit, actor="gateway", token=token, action="read", path=path, gateway_id=gateway_id)
    )


def test_a_token_is_spent_once(scene: Scene) -> None:
    for round_no in range(10):
        view = done(opening(scene, acknowledged(scene)))
        results = race([spending(view, f"g-{round_no}-{n}") for n in range(6)])
        assert sorted(results) == [False] * 5 + [True]
        winner = f"g-{round_no}-{results.index(True)}"
        assert MediaToken.objects.filter(spent_as=winner).count() == 1


def test_a_close_leaves_no_view_open(scene: Scene) -> None:
    for _round in range(ROUNDS):
        alert = acknowledged(scene)
        opened, closed = race([opening(scene, alert), closing(scene, alert)])
        assert codes([closed]) == ["done"]
        assert not LiveSession.objects.filter(alert=alert, ended_at__isnull=True).exists()
        assert not Stream.objects.filter(trailer=scene.trailer, ended_at__isnull=True).exists()
        if not isinstance(opened, Refused):
            assert spending(opened, "g")() is False


def test_a_token_spent_while_its_alert_closes_is_refused_or_kicked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    kicked: list[str] = []
    monkeypatch.setattr(kicker, "kick_on_commit", lambda ids: kicked.extend(ids))
    for round_no in range(ROUNDS):
        alert = acknowledged(scene)
        view, mine = done(opening(scene, alert)), f"g-{round_no}"
        spent, closed = race([spending(view, mine), closing(scene, alert)])
        assert codes([closed]) == ["done"]
        assert spent is (mine in kicked), "admitted after the close, or closed without a kick"
        assert gate.keep([mine]) == [], "whatever came first, the next lease ends it"
