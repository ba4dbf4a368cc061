"""The one statement of intake: what it stores, what it leaves to the full judgement, and who wins a race."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

import audit
from accounts.services import acting
from alerts import fastpath, schemas
from alerts.models import Alert, AlertDetail, AlertEvent, Hotlist, HotlistVersion
from alerts.services import intake, receive_alert, receive_alerts
from bench.driving import together
from csoc.lib.errors import Refused
from deployments.services import deactivate_deployment, tighten_deployment
from tests.scene import Scene, standing
from trailers.models import Nonce
from trailers.signatures import Checked, SignedBy, Unspent


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


@pytest.fixture
def committed(scene_template: str, own_database: str, data_dir: Path) -> Scene:
    return standing(data_dir)


def nonce(scene: Scene, hashed: bytes | None = None) -> Unspent:
    return Unspent(Checked(SignedBy(scene.trailer, scene.key), hashed or os.urandom(32)))


def post(scene: Scene, *bodies: dict[str, Any], unspent: Unspent | None = None) -> list[Any]:
    """As the door does, after the signature."""
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        read = [schemas.alert_from(body) for body in bodies]
        return receive_alerts(actor=scene.trailer, bodies=read, unspent=unspent)


def codes(answers: list[Any]) -> list[str]:
    return [one.code if isinstance(one, Refused) else "new" if one[1] else "known" for one in answers]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Which bodies were judged in full."""
    judged: list[Any] = []
    real = intake._in_full

    def watched(actor: Any, body: Any) -> Any:
        judged.append(str(body.id))
        return real(actor, body)

    monkeypatch.setattr(intake, "_in_full", watched)
    return judged


def test_a_new_alert_is_one_statement_with_everything_it_leaves(scene: Scene, full: list[Any]) -> None:
    post(scene, scene.gunshot())
    body = scene.gunshot()
    with CaptureQueriesContext(connection) as queries:
        [(alert, new)] = post(scene, body, unspent=nonce(scene))
    # Django does not see the prepared statement: the savepoint around it is all that it logs.
    assert [row["sql"].split()[0] for row in queries] == ["SAVEPOINT", "RELEASE"]
    assert (new, full) == (True, [])
    stored = Alert.objects.get(pk=body["id"])
    assert {field.attname: getattr(stored, field.attname) for field in Alert._meta.local_fields} == {
        field.attname: getattr(alert, field.attname) for field in Alert._meta.local_fields
    }
    assert AlertDetail.objects.filter(alert=alert).count() == 1
    [event] = AlertEvent.objects.filter(alert=alert)
    assert (event.verb, event.at, event.code) == ("alert.receive", alert.received_at, "")
    assert Nonce.objects.filter(keyid=scene.key.keyid).count() == 1
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        single = schemas.alert_from(scene.hit())
        assert receive_alert(actor=scene.trailer, body=single, unspent=nonce(scene))[1]
    assert full == []


def test_a_copy_of_a_request_is_refused_and_stores_nothing(scene: Scene) -> None:
    used = os.urandom(32)
    post(scene, scene.gunshot(), unspent=nonce(scene, used))
    before = Alert.objects.count()
    for bodies in ([scene.gunshot()], [scene.gunshot(), scene.hit()], [scene.gunshot(kind="gunshot", seq=9)]):
        with pytest.raises(Refused) as caught:
            post(scene, *bodies, unspent=nonce(scene, used))
        assert (caught.value.code, caught.value.status) == ("replayed-nonce", 401)
    assert Alert.objects.count() == before


def test_whatever_the_answer_the_nonce_is_spent(scene: Scene) -> None:
    known = scene.gunshot()
    post(scene, known)
    for bodies in (
        [], [known], [scene.gunshot(deployment="DEP-2020-0001")], [scene.hit(plate="ZZOFF01")],
        [scene.gunshot()],
    ):  # fmt: skip
        unspent = nonce(scene)
        post(scene, *bodies, unspent=unspent)
        assert unspent.spent
        with pytest.raises(Refused, match="replayed-nonce"):
            nonce(scene, unspent.checked.nonce_hash).spend()


def test_both_ways_store_the_same(scene: Scene, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shot, a hit, a late one, and one whose key is gone."""
    pairs = [[make() for _ in range(2)] for make in (scene.gunshot, scene.hit, scene.gunshot, scene.gunshot)]
    real, own = fastpath._ready, ("id", "seq", "occurred_at", "received_at")
    for late_s, bodies in zip((0, 0, 400, 48 * 3600 - 20), pairs, strict=True):
        clock.shift(late_s)
        kept = []
        for ready, body in zip((real, lambda _trailer, some, _now: [None] * len(some)), bodies, strict=True):
            monkeypatch.setattr(fastpath, "_ready", ready)
            [(alert, _new)] = post(scene, body)
            row: dict[str, Any] = dict(Alert.objects.filter(pk=alert.pk).values().get())
            counts = [model.objects.filter(alert=alert).count() for model in (AlertDetail, AlertEvent)]
            kept.append(({key: row[key] for key in row if key not in own}, counts))
        assert kept[0] == kept[1], late_s


@pytest.mark.parametrize("plain", [False, True], ids=["at once", "in full"])
def test_a_version_that_was_never_published_carries_no_hit(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    """Numbers of a list may be passed over: a hit stands only on one that this console published (H8)."""
    if plain:
        monkeypatch.setattr(fastpath, "_ready", lambda _trailer, some, _now: [None] * len(some))
    before = HotlistVersion.objects.filter(hotlist__list_id="mto-on").values().get()
    HotlistVersion.objects.create(**before | {"id": None, "version": 5})
    Hotlist.objects.filter(pk=before["hotlist_id"]).update(version=5)
    named = [
        scene.hit(hotlist={"list_id": "mto-on", "version": version, "entry_id": "e-1000"})
        for version in (1, 3, 5, 6)
    ]
    stale = "hotlist-version-stale"
    assert codes(post(scene, *named)) == ["new", stale, "new", stale]


def test_each_of_many_is_judged_by_itself(scene: Scene, full: list[Any]) -> None:
    known, twice = scene.gunshot(), scene.gunshot()
    post(scene, known)
    other = twice | {"seq": 99_999}
    off = scene.hit(plate="ZZOFF01")
    good = [scene.gunshot() for _ in range(20)]
    answers = post(scene, good[0], known, twice, twice, other, off, *good[1:], unspent=nonce(scene))
    assert codes(answers) == ["new", "known", "new", "known", "id-conflict", "not-on-hotlist"] + ["new"] * 19
    assert full == [known["id"], twice["id"], other["id"], off["id"]]
    assert Alert.objects.filter(pk__in=[body["id"] for body in good]).count() == 20


def test_a_failing_inbox_leaves_an_alert_that_owes_its_entry(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, full: list[Any]
) -> None:
    monkeypatch.setattr(fastpath, "_STATEMENT", fastpath._STATEMENT.replace("audit_inbox", "audit_gone"))
    real = audit.record

    def refuse(verb: str, *args: Any, **kwargs: Any) -> Any:
        raise DatabaseError if verb == "alert.receive" else real(verb, *args, **kwargs)

    monkeypatch.setattr(audit, "record", refuse)
    unspent = nonce(scene)
    [(alert, new)] = post(scene, scene.gunshot(), unspent=unspent)
    assert (new, alert.audit_owed, len(full), unspent.spent) == (True, True, 1, True)
    assert Alert.objects.get(pk=alert.pk).audit_owed


# --- what is remembered is never believed ---------------------------------------------------------


def end(scene: Scene) -> None:
    with acting(scene.users["supervisor"]):
        deactivate_deployment(actor=scene.users["supervisor"], deployment_id=scene.deployment.pk)


def test_an_end_counts_at_once_whatever_is_remembered(scene: Scene) -> None:
    assert codes(post(scene, scene.gunshot())) == ["new"]
    end(scene)
    body = scene.gunshot()
    assert codes(post(scene, body, scene.hit(), unspent=nonce(scene))) == ["not-deployed"] * 2
    assert not Alert.objects.filter(pk=body["id"]).exists()


def test_a_sensor_switched_off_counts_at_once(scene: Scene) -> None:
    assert codes(post(scene, scene.gunshot())) == ["new"]
    with acting(scene.users["supervisor"]):
        tighten_deployment(
            actor=scene.users["supervisor"], deployment_id=scene.deployment.pk,
            changes={"modules": [name for name in scene.deployment.modules if name != "acoustic"]},
        )  # fmt: skip
    assert codes(post(scene, scene.gunshot(), scene.hit())) == ["not-deployed", "new"]


def test_what_ends_without_a_change_of_the_row_counts_too(scene: Scene, clock: Any) -> None:
    """The end of the term by the clock; a consent taken back by SQL, where the table's trigger says no."""
    clock.shift(14 * 86_400 + 60)
    assert codes(post(scene, scene.gunshot())) == ["not-deployed"]
    clock.shift(0)
    assert codes(post(scene, scene.gunshot())) == ["new"]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deployments_consent SET withdrawn_at = %s WHERE id = %s",
            [clock.now(), scene.deployment.consent_id],
        )
    assert codes(post(scene, scene.gunshot())) == ["not-deployed"]


# --- on two connections ---------------------------------------------------------------------------


def on_own_connection(act: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    return run


def test_an_end_under_way_is_waited_for_and_wins(committed: Scene) -> None:
    """The end holds the row; the statement, its memory fresh, waits for it, and then stores nothing."""
    scene = committed
    assert codes(post(scene, scene.gunshot())) == ["new"]
    body, held, posted = scene.gunshot(), threading.Event(), threading.Event()
    waited: list[bool] = []

    def ending() -> None:
        with transaction.atomic():
            end(scene)
            held.set()
            waited.append(not posted.wait(0.5))

    def posting() -> Any:
        held.wait(10)
        answers = post(scene, body, unspent=nonce(scene))
        posted.set()
        return answers

    _ended, answers = together([on_own_connection(ending), on_own_connection(posting)])
    assert waited == [True], "the alert did not wait for the end of its deployment"
    assert codes(answers) == ["not-deployed"]
    assert not Alert.objects.filter(pk=body["id"]).exists()


def test_one_request_on_many_connections_is_taken_once(committed: Scene) -> None:
    scene = committed
    post(scene, scene.gunshot())
    for _round in range(5):
        hashed, body = os.urandom(32), scene.gunshot()

        def copy(hashed: bytes = hashed, body: dict[str, Any] = body) -> str:
            try:
                return codes(post(scene, body, unspent=nonce(scene, hashed)))[0]
            except Refused as refused:
                return refused.code

        told = together([on_own_connection(copy)] * 6)
        assert sorted(told) == ["new"] + ["replayed-nonce"] * 5
        assert Alert.objects.filter(pk=body["id"]).count() == 1
