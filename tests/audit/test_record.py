"""record joins the caller's transaction, commit outlives it, and nobody acts as nobody."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg import errors

import audit
from audit import detail
from audit.models import Detail
from csoc.lib.errors import Misuse
from csoc.lib.sealing import SealBroken
from tests.audit.conftest import ALERT

Connect = Callable[[str], psycopg.Connection[Any]]


def waiting(connect_as: Connect) -> list[dict[str, Any]]:
    """What stands in the inbox, in order."""
    rows = connect_as("postgres").execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
    return [json.loads(body) for (body,) in rows]


def test_a_rollback_takes_the_entry_with_it(connect_as: Connect, person: audit.Actor) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.record("alert.close", ALERT)
        raise ZeroDivisionError
    assert waiting(connect_as) == []


def test_a_commit_outlives_the_callers_rollback(connect_as: Connect, person: audit.Actor) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.commit("video.live.open", ALERT, outcome=audit.Outcome("denied", "not-acknowledged"))
        raise ZeroDivisionError
    (entry,) = waiting(connect_as)
    assert entry["outcome"] == {"code": "not-acknowledged", "result": "denied"}
    assert entry["actor"]["name"] == "Avery Singh"


def test_record_outside_a_transaction_is_a_fault_of_ours(own_database: str, person: audit.Actor) -> None:
    with pytest.raises(Misuse):
        audit.record("alert.close", ALERT)


def test_nobody_cannot_act(own_database: str) -> None:
    with pytest.raises(audit.NoActor), transaction.atomic():
        audit.record("alert.close", ALERT)
    with pytest.raises(audit.NoActor):
        audit.commit("alert.close", ALERT)
    with pytest.raises(audit.NoActor):
        audit.body("alert.close", ALERT)


def test_acting_as_ends_with_its_block() -> None:
    with audit.acting_as(audit.system("purge")), audit.acting_as(audit.system("seed")):
        assert audit.current_actor().id == "seed"
    with pytest.raises(audit.NoActor):
        audit.current_actor()


def test_a_request_id_follows_the_actor(connect_as: Connect) -> None:
    with audit.acting_as(audit.system("seed"), req="r-1"):
        first = audit.commit("system.seed", audit.Ref("system", "seed"))
        audit.commit("system.seed", audit.Ref("system", "seed"), parent=first, recipients=["DEMO-PS"])
    one, two = waiting(connect_as)
    assert one["req"] == two["req"] == "r-1"
    assert two["parent"] == str(first.uid)
    assert two["recipients"] == ["DEMO-PS"]


def test_the_body_for_intake_is_the_one_that_record_would_write(
    person: audit.Actor, own_database: str
) -> None:
    uid = uuid.UUID("0199f3a1-7c00-7000-8000-000000000001")
    body = audit.body("alert.receive", ALERT, uid=uid)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)", [uid, body.decode()])
    assert json.loads(body)["uid"] == str(uid)


def test_detail_is_kept_sealed_and_only_committed_to(connect_as: Connect, person: audit.Actor) -> None:
    hostile = "<script>'; DROP TABLE audit_log;-- \u202e ABCD123 é\n"
    with transaction.atomic():
        audit.record("alert.note", ALERT, detail={"text": hostile, "m": 45}, old=["dispatcher"], new=[])
    (entry,) = waiting(connect_as)
    assert "ABCD123" not in json.dumps(entry)
    kept = {row.commitment.hex(): row for row in Detail.objects.all()}
    assert set(kept) == {entry["detail"], entry["old"], entry["new"]}
    row = kept[entry["detail"]]
    assert row.kind == "justification" and kept[entry["old"]].kind == "change"
    assert b"ABCD123" not in bytes(row.sealed)
    opened = detail.open_sealed(bytes(row.commitment), bytes(row.sealed), row.key_id)
    assert opened == {"text": hostile, "m": 45}
    with pytest.raises(SealBroken):
        detail.open_sealed(bytes(32), bytes(row.sealed), row.key_id)


def test_the_same_detail_never_commits_alike() -> None:
    assert detail.commit_to("AAA000", "detail").commitment != detail.commit_to("AAA000", "detail").commitment


@pytest.mark.parametrize("value", [{"x": float("nan")}, {"x": object()}, "x" * 70_000, "\ud800"])
def test_a_detail_that_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(audit.BadEntry):
        detail.commit_to(value, "detail")


def test_the_inbox_takes_no_giant(own_database: str) -> None:
    from django.db.utils import IntegrityError

    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)", [uuid.uuid4(), "x" * 16_385])


def test_a_media_token_needs_an_allowed_act(person: audit.Actor, own_database: str) -> None:
    denied = audit.commit("video.live.open", ALERT, outcome=audit.Outcome("denied", "not-acknowledged"))
    with pytest.raises(Misuse):
        audit.media_token(denied, 30)
    with pytest.raises(Misuse):
        audit.media_token(None, 30)  # type: ignore[arg-type]
    token = audit.media_token(audit.commit("video.live.open", ALERT), 30)
    assert len(token.token) >= 43 and token.token not in token.sha256


def test_wait_returns_the_index_once_sealed(sequence: Callable[[], int], person: audit.Actor) -> None:
    receipt = audit.commit("alert.view", ALERT)
    with pytest.raises(audit.NotSealed):
        audit.wait(receipt, "sealed", timeout_s=0.05)
    sequence()
    assert audit.wait(receipt, "sealed") == 1
    with pytest.raises(ValueError, match="stages"):
        audit.wait(receipt, "engraved")


def test_the_app_role_cannot_write_at_or_seq(connect_as: Connect) -> None:
    app = connect_as("csoc_app")
    for column, value in (("at", "now()"), ("seq", "1")):
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute(
                f"INSERT INTO audit_inbox (uid, body, {column}) OVERRIDING SYSTEM VALUE "
                f"VALUES (gen_random_uuid(), 'x', {value})"
            )
