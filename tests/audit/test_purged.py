"""After the purge: what was written of the public is nowhere, the log still holds, and says what is gone."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

import audit
from accounts.services import acting
from alerts import schemas
from alerts import services as alert_services
from audit import detail, verification
from audit.models import Detail
from csoc.lib import sealing
from tests.folders import empty
from tests.scene import Scene, standing
from vault import services as vault_services

Connect = Callable[[str], psycopg.Connection[Any]]
MARKERS = {
    "note": "PLANTED-NOTE grey Honda, Jo Quill of 14 Elm Row",
    "close": "PLANTED-CLOSE she said his name was Dov",
    "hand_back": "PLANTED-BACK he lives next door",
}
TABLES = """
SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1
"""


@pytest.fixture
def scene(own_database: str, data_dir: Path) -> Iterator[Scene]:
    """A standing scene, with key stores of this test only."""
    with empty(data_dir / "keys" / "epoch", data_dir / "keys" / "audit"):
        yield standing(data_dir)


def written(scene: Scene) -> None:
    """One shift: notes on alerts, one handed back, one closed with words."""
    dana = scene.users["dispatcher"]
    for _number in range(2):
        with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
            alert, _new = alert_services.receive_alert(
                actor=scene.trailer, body=schemas.alert_from(scene.hit())
            )
        with acting(dana):
            take = {"actor": dana, "alert_id": alert.pk}
            alert_services.acknowledge_alert(**take, version=alert.version)
            alert_services.add_note(**take, text=MARKERS["note"])
            alert_services.hand_back_alert(**take, reason=MARKERS["hand_back"])
            version = alert_services.acknowledge_alert(**take, version=alert.version + 2).version
            alert_services.close_alert(**take, version=version, outcome="confirmed", note=MARKERS["close"])


def found(admin: psycopg.Connection[Any], folder: Path, text: str) -> list[str]:
    """Where ``text`` stands: tables with a row that holds it, files of the data directory."""
    tables = [name for (name,) in admin.execute(TABLES).fetchall()]
    query = "SELECT 1 FROM {} AS t WHERE strpos(t::text, %s) > 0 OR strpos(t::text, %s) > 0 LIMIT 1"
    hexed = text.encode().hex()
    places = [name for name in tables if admin.execute(query.format(name), [text, hexed]).fetchone()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return places + [str(path) for path in files if text.encode() in path.read_bytes()]


def readable() -> set[str]:
    """Every text of the public that the log's own detail still tells."""
    told = set()
    for row in Detail.objects.filter(kind="subject"):
        try:
            told.add(detail.open_sealed(bytes(row.commitment), bytes(row.sealed), row.key_id)["text"])
        except detail.KeyGone:
            continue
    return told


def test_after_the_purge_nothing_of_the_public_is_left_and_the_log_still_holds(
    scene: Scene, clock: Any, connect_as: Connect, sequence: Callable[[], int], data_dir: Path
) -> None:
    written(scene)
    sequence()
    admin = connect_as("postgres")
    assert readable() == set(MARKERS.values())
    copies = [(bytes(row.commitment), bytes(row.sealed)) for row in Detail.objects.filter(kind="subject")]
    for marker in MARKERS.values():
        assert found(admin, data_dir, marker) == [], "sealed from the first moment"
    clock.shift(48 * 3600)
    run = vault_services.purge_due(actor=audit.system("purge"))
    assert run.ok and run.rows >= 6
    sequence()
    assert readable() == set() and not Detail.objects.filter(kind="subject").exists()
    for marker in MARKERS.values():
        assert found(admin, data_dir, marker.split()[0]) == []
    assert_no_key_opens(copies, data_dir)
    assert verification.verify(connect_as("csoc_publisher")).findings == []
    assert promised(admin) - standing_rows(admin) == erased(admin) != set()


def assert_no_key_opens(copies: list[tuple[bytes, bytes]], folder: Path) -> None:
    """Nobody with a copy of the rows and every key that is left reads one."""
    kept = [path.read_bytes() for path in (folder / "keys").rglob("*") if path.is_file()]
    keys = [raw for raw in kept if len(raw) == sealing.KEY_BYTES]
    assert keys, "the key of the month is left"
    for commitment, sealed in copies:
        context = b"csoc/audit-detail/1\x00" + commitment
        for key in keys:
            for text in (sealed, sealed[1:61]):  # the whole, and the wrapped key of the vault's format
                with pytest.raises(sealing.SealBroken):
                    sealing.unseal(key, text, context)


def lines(admin: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Every entry of the log."""
    return [json.loads(line)["e"] for (line,) in admin.execute("SELECT line FROM audit_log").fetchall()]


def promised(admin: psycopg.Connection[Any]) -> set[str]:
    """Every commitment that an entry of the log carries."""
    return {entry[name] for entry in lines(admin) for name in ("detail", "old", "new") if name in entry}


def standing_rows(admin: psycopg.Connection[Any]) -> set[str]:
    """Every commitment whose value stands."""
    return {bytes(one).hex() for (one,) in admin.execute("SELECT commitment FROM audit_detail").fetchall()}


def erased(admin: psycopg.Connection[Any]) -> set[str]:
    """Every commitment that a ``detail.erase`` line names."""
    return {one for entry in lines(admin) for one in entry.get("erased", [])}


def test_a_detail_that_goes_without_its_entry_is_found(
    scene: Scene,
    clock: Any,
    sequence: Callable[[], int],
    intruder: psycopg.Connection[Any],
    connect_as: Connect,
) -> None:
    written(scene)
    sequence()
    publisher = connect_as("csoc_publisher")
    assert verification.verify(publisher).findings == []
    [(gone,)] = intruder.execute(
        "DELETE FROM audit_detail WHERE ctid = (SELECT min(ctid) FROM audit_detail) RETURNING commitment"
    ).fetchall()
    [finding] = verification.verify(publisher).findings
    assert finding.code == "detail" and bytes(gone).hex()[:8] in str(finding.sentence)


def test_the_clock_of_the_console_alone_makes_it_unreadable(scene: Scene, clock: Any) -> None:
    """A purge that is late reads nothing either: 47 h holds by itself."""
    written(scene)
    clock.shift(48 * 3600)
    assert readable() == set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_detail WHERE class = 'subject'")
        assert cursor.fetchone() == (6,)
