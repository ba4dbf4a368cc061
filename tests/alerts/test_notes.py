"""What a person writes about an alert: sealed wherever it comes from, readable for its 47 h."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

import audit
from accounts.services import acting
from alerts import schemas, selectors, services
from alerts.models import Alert, AlertNote
from tests.scene import Scene, standing

WORDS = "Grey Honda, two people, went north"
ROWS = ("alerts_alert", "alerts_alertnote", "alerts_alertevent", "alerts_alertdetail", "audit_log")


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


@pytest.fixture
def held(scene: Scene) -> Alert:
    """An alert that the dispatcher has taken."""
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        alert, _new = services.receive_alert(actor=scene.trailer, body=schemas.alert_from(scene.gunshot()))
    dana = scene.users["dispatcher"]
    with acting(dana):
        return services.acknowledge_alert(actor=dana, alert_id=alert.pk, version=alert.version)


def _note(alert: Alert, **who: Any) -> None:
    services.add_note(alert_id=alert.pk, text=WORDS, **who)


def _close(alert: Alert, **who: Any) -> None:
    services.close_alert(alert_id=alert.pk, version=alert.version, outcome="confirmed", note=WORDS, **who)


def _hand_back(alert: Alert, **who: Any) -> None:
    services.hand_back_alert(alert_id=alert.pk, reason=WORDS, **who)


@pytest.mark.parametrize("write", [_note, _close, _hand_back])
def test_free_text_stands_sealed_and_nowhere_else(scene: Scene, held: Alert, write: Any) -> None:
    dana = scene.users["dispatcher"]
    with acting(dana):
        write(held, actor=dana)
    assert WORDS.encode() not in bytes(AlertNote.objects.get().sealed)
    with connection.cursor() as cursor:
        for table in ROWS:
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{WORDS}%"])
            assert cursor.fetchone() == (0,), table
    assert [note["text"] for note in selectors.detail(held)["notes"]] == [WORDS]


def test_a_note_outlives_its_alert_s_detail_by_no_more_than_its_own_47_hours(
    scene: Scene, held: Alert, clock: Any
) -> None:
    dana = scene.users["dispatcher"]
    with acting(dana):
        _note(held, actor=dana)
    clock.shift(48 * 3600)
    with pytest.raises(Exception, match="detail-expired"):
        selectors.detail(held)
    assert selectors._note(AlertNote.objects.get())["text"] is None
