"""Two dispatchers hand off in the same moment; two workers send; each on a connection of its own."""

from pathlib import Path
from typing import Any

import pytest

import audit
from alerts.handoff import sealing, sending
from alerts.models import Alert, AlertEvent, HandOff
from alerts.services import hand_off_alert
from csoc.lib.errors import Refused
from tests.alerts.handoff.handing import point_at
from tests.alerts.handoff.receivers import cad, status
from tests.races.doors import Rival, kept
from tests.races.test_on_connections import acknowledged, codes, done, of, on_own_connection, race
from tests.scene import Scene, standing

ROUNDS = 10


@pytest.fixture
def scene(scene_template: str, own_database: str, data_dir: Path) -> Scene:
    return standing(data_dir)


def test_the_first_hand_off_wins_and_it_is_sent_once(scene: Scene, settings: Any) -> None:
    rivals = [scene.users["dispatcher"], scene.users["dispatcher-2"]]
    with cad(status(201)) as one:
        point_at(settings, one)
        for _round in range(ROUNDS):
            alert = acknowledged(scene)
            words = {"alert_id": alert.pk, "target": "cad", "version": alert.version}
            results = race([of(user, hand_off_alert, **words) for user in rivals])
            assert sorted(codes(results)) == ["already-handed-off", "done"]
            [refused] = [result for result in results if isinstance(result, Refused)]
            [row] = HandOff.objects.filter(alert=alert).select_related("person")
            assert refused.extra["by"]["name"] == row.person.name
            assert Alert.objects.get(pk=alert.pk).version == alert.version + 1
        worker = on_own_connection(lambda: sending.send_due(actor=audit.system("hand-off")))
        while HandOff.objects.filter(state="queued").exists():
            race([worker, worker])
        keys = one.header("Idempotency-Key")
    assert len(keys) == len(set(keys)) == ROUNDS
    assert HandOff.objects.filter(state="delivered", attempts=1).count() == ROUNDS


def test_of_two_who_download_a_file_one_settles_its_receipt(
    scene: Scene, servers: Any, own_database: str
) -> None:
    rivals = [Rival(scene.users["dispatcher"]), Rival(scene.users["dispatcher-2"])]
    for _round in range(ROUNDS):
        alert = acknowledged(scene)
        words = {"alert_id": alert.pk, "target": "file", "version": alert.version}
        row = done(of(scene.users["dispatcher"], hand_off_alert, **words))
        paths = [f"/api/v1/alerts/{alert.pk}/hand-off/{row.pk}/{form}" for form in sealing.FORMS]
        answers = race([one.gets(path) for one, path in zip(rivals, paths, strict=True)])
        assert [answer.status_code for answer in answers] == [200, 200], "both get what they asked for"
        [line] = AlertEvent.objects.filter(alert=alert, verb="alert.hand_off_end")
        row.refresh_from_db()
        assert (row.state, row.settled_at) == ("delivered", line.at)
    assert kept(servers, own_database, "alert.hand_off_end") == {"allowed": ROUNDS}
    assert kept(servers, own_database, "alert.hand_off_download") == {"allowed": 2 * ROUNDS}
