"""A request from the question to the deleted file: four eyes, races, crashes, witnesses, time (H14)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connections

import audit
from accounts.selectors import actor_of
from audit.exports import building, folder, selectors, services, tending, words
from audit.exports.selectors import ref
from audit.models import Entry, ExportRequest
from csoc.lib.errors import Refused
from tests.accounts.people import second_sign_in
from tests.audit.exports.desk import OFFICER, ROOT, TRAILER, Desk, act

ACTOR = {"kind": "actor", "subject": "u-1042"}


def told(desk: Desk, name: str) -> list[tuple[str, str]]:
    """Return the entries about one export, as (verb, result), in order."""
    desk.log.settle()
    found = Entry.objects.filter(object=f"export:{name}").order_by("idx")
    return [(row.verb, row.outcome) for row in found]


def refused(code: str, call: Callable[[], Any]) -> Refused:
    """Return the refusal that ``call`` raises; its code is ``code``."""
    with pytest.raises(Refused) as caught:
        call()
    assert caught.value.code == code, caught.value
    return caught.value


def test_every_step_is_an_entry_that_names_the_one_that_asked(desk: Desk) -> None:
    request = desk.build(desk.approve(desk.ask(**ACTOR)))
    assert told(desk, request.name) == [
        ("approval.request", "allowed"),
        ("approval.grant", "allowed"),
        ("audit.export", "allowed"),
    ]
    rows = [json.loads(row.line)["e"] for row in Entry.objects.filter(object=f"export:{request.name}")]
    asked = next(row for row in rows if row["verb"] == "approval.request")
    for row in rows:
        assert row["reason"] == {"code": "complaint", "authority": "OPC-2026-114"}
        assert row["recipients"] == ["Office of Police Complaints, B. Li"]
        assert row is asked or row["parent"] == asked["uid"]
    assert len({row["actor"]["id"] for row in rows}) == 3, "asked, approved and built by different ones"


def test_nobody_decides_on_their_own_request_or_without_the_role(desk: Desk) -> None:
    request = desk.ask(**ACTOR)

    def decide(role: str) -> Callable[[], Any]:
        def call() -> None:
            with desk.acting(role) as user:
                services.approve_export(actor=user, name=request.name)

        return call

    assert (
        "A supervisor or another privacy officer"
        in refused("own-request", decide("privacy_officer")).sentence
    )
    for role in ("dispatcher", "administrator", "investigator", "technician"):
        refused("not-permitted", decide(role))
    decide("supervisor")()
    assert "already approved" in refused("wrong-state", decide("supervisor-2")).sentence


def test_another_sign_in_of_the_one_that_asked_decides_nothing(desk: Desk) -> None:
    request = desk.ask(**ACTOR)
    boss = desk.users["administrator"]
    second = second_sign_in(boss, desk.users["privacy_officer"], "privacy_officer").user
    with audit.acting_as(actor_of(second)):
        refused("own-request", lambda: services.approve_export(actor=second, name=request.name))
        refused(
            "own-request",
            lambda: services.refuse_export(actor=second, name=request.name, refusal="too-wide"),
        )
    assert desk.approve(request).state == "approved"


def test_only_readers_of_the_log_ask(desk: Desk) -> None:
    for role in ("supervisor", "dispatcher", "administrator"):
        with desk.acting(role) as user:
            wanted = services.Wanted(reason="court", reference="1", recipient="x", **ACTOR)
            refused("not-permitted", lambda: services.ask_export(actor=user, wanted=wanted))  # noqa: B023
    assert not ExportRequest.objects.exists()


def test_a_refusal_has_a_reason_and_is_final(desk: Desk) -> None:
    request = desk.ask(**ACTOR)
    with desk.acting("supervisor") as omar:
        done = services.refuse_export(actor=omar, name=request.name, refusal="too-wide")
    assert (done.state, done.refusal, done.approver_name) == ("refused", "too-wide", "Dana Okafor")
    with desk.acting("supervisor-2") as noor:
        refused("wrong-state", lambda: services.approve_export(actor=noor, name=request.name))
    assert building.build(request.name) is None
    assert told(desk, request.name) == [("approval.request", "allowed"), ("approval.deny", "allowed")]


WRONG = (
    "approver = requester, approver_name = 'x', decided_at = now(), state = 'approved'",
    "state = 'ready'",
    "state = 'building'",
    "recipient = 'somebody else'",
    "subject = 'u-1'",
    "details = NOT details",
    "also = 7",
    "state = 'refused', approver = 'u-9', approver_name = 'x', decided_at = now()",
)


def test_the_database_refuses_what_the_service_would(
    desk: Desk, connect_as: Callable[[str], psycopg.Connection[Any]]
) -> None:
    desk.ask(**ACTOR)
    app, owner = connect_as("csoc_app"), connect_as("csoc_owner")
    for change in WRONG:
        with pytest.raises(psycopg.errors.CheckViolation):
            app.execute(f"UPDATE audit_export_request SET {change}".encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("DELETE FROM audit_export_request")
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "INSERT INTO audit_export_request SELECT (jsonb_populate_record(e, "
            '\'{"id": 99, "serial": 99, "state": "approved", "approver": "u-9"}\')).* '
            "FROM audit_export_request e"
        )


FORGED = """
UPDATE audit_export_request SET state = 'approved', approver = %s, approver_name = 'x', decided_at = now()
"""


def test_an_approval_that_only_the_row_has_builds_nothing(desk: Desk, connect_as: Any) -> None:
    """The app's role can write the row. What the second person said stands in the log, or was never said."""
    request = desk.ask(**ACTOR)
    connect_as("csoc_app").execute(FORGED, ["u-77777"])
    built = desk.build(request)
    assert (built.state, built.fault, built.seal) == ("failed", "no-grant", None)
    assert "no approval of it by a second person" in words.tell(built).next
    assert folder.everything() == []
    assert told(desk, request.name) == [("approval.request", "allowed"), ("audit.export", "failed")]


@pytest.mark.parametrize(
    ("actor", "outcome", "parent"),
    [
        (audit.Actor("person", "u-88888", agency="DEMO-PS"), "allowed", True),
        (audit.Actor("system", "u-77777"), "allowed", True),
        (audit.Actor("person", "u-77777", agency="DEMO-PS"), "denied", True),
        (audit.Actor("person", "u-77777", agency="DEMO-PS"), "allowed", False),
    ],
)
def test_somebody_elses_or_another_yes_is_none(
    desk: Desk, connect_as: Any, actor: audit.Actor, outcome: str, parent: bool
) -> None:
    request = desk.ask(**ACTOR)
    connect_as("csoc_app").execute(FORGED, ["u-77777"])
    of = request.asked_entry if parent else uuid4()
    told_as = audit.Outcome("denied", code="x") if outcome == "denied" else audit.Outcome("allowed")
    act(actor, "approval.grant", ref(request), outcome=told_as, parent=of)
    assert desk.build(request).fault == "no-grant"


def test_a_yes_that_is_not_sealed_yet_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    desk.log.settle()
    with monkeypatch.context() as patched:
        patched.setattr(building, "SEALED_WITHIN_S", 0.2)
        patched.setattr(selectors, "sealed_size", lambda: 0)
        waiting = desk.build(request)
        assert (waiting.state, waiting.fault) == ("building", "log-behind")
        patched.setattr(selectors, "grant_place", lambda request: None)
        patched.setattr(selectors, "oldest_waits_s", lambda: 30.0)
        assert desk.build(request).fault == "log-behind"
    assert desk.build(request).state == "ready"


def test_what_a_finished_export_is_does_not_change(desk: Desk, connect_as: Any) -> None:
    desk.build(desk.approve(desk.ask(**ACTOR)))
    app = connect_as("csoc_app")
    for change in (
        "digest = sha256('x')",
        "sha256 = repeat('0', 64)",
        "bytes = 1",
        "expires_at = expires_at + interval '1 day'",
        "expires_at = 'infinity'",
        "state = 'expired', sha256 = repeat('0', 64)",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            app.execute(f"UPDATE audit_export_request SET {change}".encode())


@pytest.mark.parametrize("name", ["decided_at", "beat_at", "sealed_at", "built_at", "expires_at"])
@pytest.mark.parametrize("never", ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC"])
def test_a_time_that_no_program_can_read_is_refused(
    desk: Desk, connect_as: Any, name: str, never: str
) -> None:
    desk.approve(desk.ask(**ACTOR))
    query = f"UPDATE audit_export_request SET {name} = '{never}'"
    with pytest.raises(psycopg.errors.CheckViolation):
        connect_as("csoc_app").execute(query.encode())


@pytest.mark.parametrize("sign", ["\u202e", "\u200b", "\x00", "\x07", "\n", "\ue000", "\ud800", "\u2066"])
@pytest.mark.parametrize("name", ["recipient", "reference"])
def test_what_does_not_read_as_it_is_written_is_refused(desk: Desk, name: str, sign: str) -> None:
    error = refused("schema", lambda: desk.ask(**ACTOR, **{name: f"OPC{sign}114"}))
    assert "can be seen" in error.sentence and name in error.extra["errors"]
    assert not ExportRequest.objects.exists()


def test_names_with_accents_are_names(desk: Desk) -> None:
    assert desk.ask(**ACTOR, recipient="Bureau des plaintes, É. Nuñez-Đặng (e\u0301)").state == "asked"


def test_of_two_second_persons_at_once_one_wins(desk: Desk) -> None:
    """Two connections, one approves and one refuses: one decision stands, the other hears whose."""
    for round_ in range(6):
        request = desk.ask(**ACTOR)
        heard = race(desk, request, "refuse" if round_ % 2 else "approve")
        assert sorted(heard) == ["won", "wrong-state"]
        decisions = [verb for verb, _result in told(desk, request.name) if verb != "approval.request"]
        assert len(decisions) == 1


def race(desk: Desk, request: ExportRequest, other: str) -> list[str]:
    """Let one supervisor approve while another decides; return what became of each."""
    start = threading.Barrier(2)
    heard: list[str] = []

    def decide(role: str, what: str) -> None:
        user = desk.users[role]
        try:
            with audit.acting_as(actor_of(user)):
                start.wait()
                if what == "approve":
                    services.approve_export(actor=user, name=request.name)
                else:
                    services.refuse_export(actor=user, name=request.name, refusal="unclear")
            heard.append("won")
        except Refused as error:
            heard.append(error.code)
        finally:
            connections.close_all()

    pairs = [("supervisor", "approve"), ("supervisor-2", other)]
    threads = [threading.Thread(target=decide, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return heard


def test_lines_of_other_agencies_do_not_leave(desk: Desk) -> None:
    other = audit.Actor("person", "u-7001", agency="OTHER-PS", name="Somebody Else")
    act(other, "alert.note", audit.Ref("alert", str(uuid4()), "OTHER-PS"), 2)
    size = desk.log.settle()
    error = refused("other-agencies", lambda: desk.ask(kind="range", first=0, last=size - 1))
    assert "2 of these" in error.sentence
    refused("other-agencies", lambda: desk.ask(kind="actor", subject="u-7001"))
    # What this agency's own people did elsewhere is theirs to account for.
    act(OFFICER, "alert.note", audit.Ref("alert", str(uuid4()), "OTHER-PS"))
    desk.log.settle()
    done = desk.build(desk.approve(desk.ask(**ACTOR)))
    assert (done.state, done.entries) == ("ready", 4)


def test_lines_of_others_that_came_after_the_request_stop_the_build(desk: Desk) -> None:
    request = desk.approve(desk.ask(kind="object", subject="trailer:TRL-0007"))
    other = audit.Actor("person", "u-7001", agency="OTHER-PS", name="Somebody Else")
    act(other, "alert.note", audit.Ref("trailer", "TRL-0007", "OTHER-PS"))
    desk.log.settle()
    built = desk.build(request)
    assert (built.state, built.fault) == ("failed", "other-agencies")
    assert ("audit.export", "failed") in told(desk, request.name)
    assert folder.everything() == []


def test_a_log_that_is_behind_refuses_and_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    from audit import selectors

    status = selectors.sealed_status() | {"behind_s": 16 * 60.0}
    with monkeypatch.context() as patched:
        patched.setattr(selectors, "sealed_status", lambda: status)
        assert "16 min" in refused("log-behind", lambda: desk.ask(**ACTOR)).sentence
        waiting = desk.build(request)
        assert (waiting.state, waiting.fault, waiting.lease) == ("building", "log-behind", None)
    assert desk.build(request).state == "ready"


def test_without_a_witness_it_waits_and_goes_on_with_the_same_seal(desk: Desk) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    desk.log.witnessing = False
    waiting = desk.build(request, witness_within_s=0.2)
    assert (waiting.state, waiting.fault) == ("building", "no-witness")
    assert not folder.finished(request.name).exists()
    assert tending.tend() == [request.name], "somebody shall build it again"
    desk.log.witnessing = True
    desk.log.settle()
    built = desk.build(request)
    assert (built.state, built.seal) == ("ready", waiting.seal)
    assert desk.verify(folder.finished(built.name)).returncode == 0
    assert [verb for verb, _result in told(desk, request.name)].count("audit.export") == 1


def test_a_folder_that_was_tampered_with_after_the_seal_is_built_again(desk: Desk) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    desk.log.witnessing = False
    waiting = desk.build(request, witness_within_s=0.0)
    assert waiting.work is not None
    path = folder.work(request.name, waiting.work) / "lines.jsonl"
    path.write_bytes(path.read_bytes().replace(b"u-1042", b"u-1043"))
    desk.log.witnessing = True
    desk.log.settle()
    built = desk.build(request)
    assert built.state == "ready" and built.seal != waiting.seal
    assert desk.verify(folder.finished(built.name)).returncode == 0


def test_a_killed_builder_is_followed_by_another(desk: Desk, clock: Any) -> None:
    """A real process, killed while it waits for its witness; its lease runs out and another goes on."""
    request = desk.approve(desk.ask(**ACTOR))
    desk.log.witnessing = False
    words = [sys.executable, "-c", BUILDER, request.name]
    builder = subprocess.Popen(words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and ExportRequest.objects.get(pk=request.pk).phase != "witness":
            time.sleep(0.05)
    finally:
        builder.send_signal(signal.SIGKILL)
        builder.wait(10)
    dead = ExportRequest.objects.get(pk=request.pk)
    assert (dead.state, dead.phase) == ("building", "witness") and dead.lease is not None
    desk.log.witnessing = True
    desk.log.settle()
    assert building.build(request.name) is None, "the dead one's lease still holds"
    clock.shift(121)
    assert tending.tend() == [request.name]
    built = desk.build(request)
    assert (built.state, built.seal) == ("ready", dead.seal)
    assert desk.verify(folder.finished(built.name)).returncode == 0
    assert [path.name for path in folder.everything()] == [f"{request.name}.zip"]


BUILDER = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "csoc.settings"
import django
django.setup()
from audit.exports.building import build
build(sys.argv[1])
"""


def test_a_builder_that_died_before_the_seal_leaves_no_detail_lying(desk: Desk, clock: Any) -> None:
    request = desk.approve(desk.ask(**ACTOR, details=True))
    work = uuid4()
    ExportRequest.objects.filter(pk=request.pk).update(
        state="building", lease=uuid4(), beat_at=clock.now(), work=work
    )
    left = folder.work(request.name, work)
    left.mkdir()
    (left / "details.scratch").write_text("words of somebody")
    tending.tend()
    assert left.exists(), "its builder may be at work"
    clock.shift(121)
    tending.tend()
    assert not left.exists()
    clock.shift(0)
    ExportRequest.objects.filter(pk=request.pk).update(lease=None, beat_at=None)
    assert desk.build(request).state == "ready"


def test_stopping_a_build_leaves_no_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    from audit.exports import packing

    def stopped(*args: Any) -> Any:
        with desk.acting("privacy_officer") as ada:
            services.withdraw_export(actor=ada, name=request.name)
        return packed(*args)

    packed = packing.pack
    monkeypatch.setattr(packing, "pack", stopped)
    built = desk.build(request)
    assert built.state == "cancelled"
    assert folder.everything() == []
    assert told(desk, request.name)[-1] == ("approval.withdraw", "allowed")


def test_only_who_asked_withdraws(desk: Desk) -> None:
    request = desk.ask(**ACTOR)
    with desk.acting("supervisor") as omar:
        refused("not-permitted", lambda: services.withdraw_export(actor=omar, name=request.name))
    with desk.acting("privacy_officer") as ada:
        assert services.withdraw_export(actor=ada, name=request.name).state == "withdrawn"
        refused("wrong-state", lambda: services.withdraw_export(actor=ada, name=request.name))


def test_after_seven_days_the_file_is_gone_and_that_is_an_entry(desk: Desk, clock: Any) -> None:
    built = desk.build(desk.approve(desk.ask(**ACTOR)))
    path = folder.finished(built.name)
    assert path.exists() and oct(path.stat().st_mode)[-3:] == "600"
    clock.shift(7 * 86_400 - 60)
    tending.tend()
    assert path.exists()
    clock.shift(7 * 86_400 + 60)
    tending.tend()
    assert not path.exists()
    assert ExportRequest.objects.get(pk=built.pk).state == "expired"
    assert told(desk, built.name)[-1] == ("audit.expire", "allowed")


def test_an_approval_that_nobody_used_lapses(desk: Desk, clock: Any) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    clock.shift(8 * 86_400)
    tending.tend()
    assert ExportRequest.objects.get(pk=request.pk).state == "expired"
    assert building.build(request.name) is None


def test_what_no_row_knows_is_swept(desk: Desk) -> None:
    built = desk.build(desk.approve(desk.ask(**ACTOR)))
    (folder.home() / "EXP-2020-0001.zip").write_bytes(b"left behind")
    (folder.home() / f"{built.name}.{uuid4().hex}").mkdir()
    assert len(tending.sweep()) == 2
    assert [path.name for path in folder.everything()] == [f"{built.name}.zip"]


def test_an_error_that_nobody_foresaw_is_tried_again_and_then_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = desk.approve(desk.ask(**ACTOR))
    from audit.exports import reading

    def broken(*args: Any) -> Any:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(reading, "read", broken)
    for attempt in range(1, building.MOST_ATTEMPTS + 1):
        with pytest.raises(RuntimeError):
            building.build(request.name)
        row = ExportRequest.objects.get(pk=request.pk)
        assert (row.attempts, row.fault) == (attempt, "error")
        assert row.state == ("failed" if attempt == building.MOST_ATTEMPTS else "building")
    assert folder.everything() == []


def test_bounded_memory_and_time_keep_the_lease(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are read in pieces: the most that is in memory is one piece."""
    from audit.exports import scope

    act(OFFICER, "video.live.extend", TRAILER, 60)
    desk.log.settle()
    monkeypatch.setattr(scope, "LINES_AT_ONCE", 7)
    request = desk.ask(**ACTOR)
    sizes = [len(batch) for batch in scope.batches(request, 10_000)]
    assert max(sizes) == 7 and sum(sizes) == 63
    assert desk.verify(folder.finished(desk.build(desk.approve(request)).name)).returncode == 0


def test_a_sealed_build_does_not_outlive_the_details_in_it(desk: Desk, clock: Any) -> None:
    captured = clock.now()
    with audit.acting_as(OFFICER):
        audit.commit("alert.note", TRAILER, detail={"plate": "ZZDEM01"}, captured_at=captured)
    desk.log.settle()
    request = desk.approve(desk.ask(**ACTOR, details=True))
    desk.log.witnessing = False
    waiting = desk.build(request, witness_within_s=0.0)
    assert waiting.seal and waiting.expires_at and len(folder.everything()) == 1
    clock.shift(48 * 3600)
    tending.tend()
    row = ExportRequest.objects.get(pk=request.pk)
    assert (row.state, row.fault) == ("failed", "details-due")
    assert folder.everything() == []


def test_a_proof_that_needs_pruned_hashes_is_refused_in_words(
    desk: Desk, intruder: psycopg.Connection[Any]
) -> None:
    """The earlier checkpoint's right edge lies in what is gone."""
    act(OFFICER, "video.live.extend", TRAILER, 5)
    size = desk.log.settle()
    request = desk.approve(desk.ask(kind="question", question="verb:approval.grant", also=size - 3))
    intruder.execute("DELETE FROM audit_log WHERE idx = %s", [size - 4])
    built = desk.build(request)
    assert (built.state, built.fault) == ("failed", "pruned")
