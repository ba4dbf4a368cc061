"""The outbox: delivers once or once more, never loses, gives up visibly, and dies with the hour."""

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import audit
import vault
from alerts.handoff import posting, sealing, selectors, sending
from alerts.handoff.posting import NotTaken
from alerts.models import Alert, HandOff
from alerts.timeline import timeline
from csoc.lib import clock as now
from csoc.lib.errors import Refused
from tests.alerts.handoff.handing import hand_off, point_at
from tests.alerts.handoff.receivers import Cad, Script, cad, hangs, status
from tests.scene import Scene

WORKER = audit.system("hand-off")


@pytest.fixture
def handed(scene: Scene, held: Alert, settings: Any) -> HandOff:
    """One hand-off that waits for a CAD."""
    settings.CAD_URL, settings.CAD_ADDRESS = "http://127.0.0.1:9/", "127.0.0.1"
    return hand_off(scene.users["dispatcher"], held)


@contextlib.contextmanager
def facing(settings: Any, script: Script) -> Iterator[Cad]:
    with cad(script) as one:
        point_at(settings, one)
        yield one


def work(n: int = 1) -> int:
    return sum(sending.send_due(actor=WORKER) for _round in range(n))


def row(handed: HandOff) -> HandOff:
    return HandOff.objects.get(pk=handed.pk)


def test_it_is_delivered_and_said(handed: HandOff, settings: Any, tmp_path: Any) -> None:
    settings.CAD_TOKEN_FILE = tmp_path / "token"
    settings.CAD_TOKEN_FILE.write_text("s3cret\n")
    with facing(settings, status(202)) as one:
        assert work(3) == 1
    assert one.bodies() == [sealing.unseal(row(handed), "cap.xml")]
    assert one.header("Idempotency-Key") == [str(handed.pk)]
    assert one.header("Authorization") == ["Bearer s3cret"]
    got = row(handed)
    assert (got.state, got.attempts, got.fault, got.due_at) == ("delivered", 1, "", None)
    assert handed.alert.events.filter(verb="alert.hand_off_end", code="delivered").count() == 1


def test_eido_is_posted_where_the_cad_reads_that(handed: HandOff, settings: Any) -> None:
    settings.CAD_FORMAT = "eido"
    with facing(settings, status(200)) as one:
        assert work() == 1
    assert one.header("Content-Type") == ["application/json"]
    assert one.bodies() == [sealing.unseal(row(handed), "eido.json")]


@pytest.mark.parametrize(
    ("script", "state", "fault"), [(status(503), "queued", "http-503"), (hangs, "sent", "no-answer")]
)
def test_what_was_not_taken_is_tried_again_until_it_is(
    handed: HandOff,
    settings: Any,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    state: str,
    fault: str,
) -> None:
    real = posting.post
    monkeypatch.setattr(posting, "post", lambda *given, **more: real(*given, **more, deadline_s=0.3))
    with facing(settings, script) as one:
        assert work(3) == 0
        assert len(one.asked) == 1, "not again before its time"
    got = row(handed)
    assert (got.state, got.fault, got.attempts) == (state, fault, 1)
    clock.shift(sending.MOST_BACK_OFF_S + 1)
    with facing(settings, status(201)) as better:
        assert work() == 1
    assert better.header("Idempotency-Key") == one.header("Idempotency-Key"), (
        "the same key: it knows a double"
    )
    assert (row(handed).state, row(handed).attempts) == ("delivered", 2)


def test_a_process_that_dies_in_a_try_loses_nothing_and_delivers_at_most_once_more(
    handed: HandOff, settings: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing after it runs."""

    def die(*_given: Any, **_more: Any) -> None:
        raise Killed

    with facing(settings, status(201)) as one:
        with monkeypatch.context() as dying:
            dying.setattr(sending, "_settle", die)
            with pytest.raises(Killed):
                work()
        assert row(handed).state == "sent", "it left, and nobody wrote down the answer"
        assert work() == 0, "another worker waits until the first must be dead"
        clock.shift(sending.CLAIM_S + 1)
        assert work(2) == 1
        assert one.header("Idempotency-Key") == [str(handed.pk)] * 2
    assert row(handed).state == "delivered"


@pytest.mark.parametrize("script", [status(403), status(302, "Location: /elsewhere")])
def test_a_refusal_is_final_and_said_at_once(
    scene: Scene, handed: HandOff, settings: Any, script: Script
) -> None:
    with facing(settings, script) as one:
        assert work(2) == 0
        assert len(one.asked) == 1
    got = row(handed)
    assert got.state == "failed" and got.fault in ("refused-403", "redirected")
    assert handed.alert.events.filter(verb="alert.hand_off_end", code="failed").count() == 1
    assert selectors.cad_status(scene.users["dispatcher"]) == {"waiting_since": None, "failed": 1}


def test_it_gives_up_visibly(
    scene: Scene, handed: HandOff, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: Any, **_more: Any) -> int:
        raise NotTaken("no-connection")

    monkeypatch.setattr(posting, "post", away)
    at = 0.0
    waiting = selectors.cad_status(scene.users["dispatcher"])["waiting_since"]
    assert waiting == now.wire(handed.at), "the board counts its 60 s from here"
    for _try in range(sending.MOST_TRIES):
        at += sending.MOST_BACK_OFF_S + 1
        clock.shift(at)
        work()
    got = row(handed)
    assert (got.state, got.fault, got.attempts) == ("failed", "gave-up.no-connection", sending.MOST_TRIES)


def test_waiting_grows_with_full_jitter_and_has_a_ceiling() -> None:
    random.seed(7)
    waits = [[sending.back_off_s(n) for _ in range(200)] for n in (1, 3, 40)]
    assert all(1.0 <= wait <= sending.MOST_BACK_OFF_S for some in waits for wait in some)
    assert max(waits[0]) <= 4.0 < max(waits[1]) <= 16.0 < max(waits[2])
    assert min(waits[2]) < 5.0, "anywhere between nothing and the ceiling"


def test_a_receiver_that_hangs_is_asked_by_one_row_at_a_time(
    scene: Scene, hold: Callable[..., Alert], handed: HandOff, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _alert in range(3):
        hand_off(scene.users["dispatcher"], hold(scene.gunshot()))
    asked: list[str] = []

    def hang(_receiver: Any, _body: bytes, *, key: str, **_more: Any) -> int:
        asked.append(key)
        raise NotTaken("no-answer", left=True)

    monkeypatch.setattr(posting, "post", hang)
    work(4)
    assert len(asked) == 1, "the others wait with it: the worker has other work"
    assert HandOff.objects.filter(due_at__lte=now.now()).count() == 0


def test_a_correction_never_overtakes_what_it_corrects(
    scene: Scene, handed: HandOff, settings: Any, clock: Any
) -> None:
    with facing(settings, status(503)):
        work()
    second = hand_off(scene.users["dispatcher"], handed.alert, note="Four rounds")
    with facing(settings, status(201)) as one:
        assert work() == 0
        clock.shift(sending.MOST_BACK_OFF_S + 1)
        assert work() == 2
        assert one.header("Idempotency-Key") == [str(handed.pk), str(second.pk)]


def test_with_its_hour_the_document_goes_and_what_waited_is_ended(
    handed: HandOff, clock: Any, settings: Any
) -> None:
    assert selectors.oldest_document() == handed.epoch
    clock.shift(48 * 3600)
    with facing(settings, status(201)) as one:
        assert work() == 0
        assert one.asked == []
    assert (row(handed).state, row(handed).fault) == ("failed", "expired")
    with audit.acting_as(audit.system("purge")):
        assert sending.end_expired(handed.epoch) == 1
        assert sending.end_expired(handed.epoch) == 0
    assert bytes(row(handed).sealed) == b""
    assert selectors.oldest_document() is None
    with pytest.raises(vault.Gone):
        sealing.unseal(row(handed), "cap.xml")


def test_a_document_that_does_not_open_is_broken_and_not_expired(
    handed: HandOff, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sealing, "_aad", lambda _row: b"another")
    recorded: list[audit.Outcome] = []
    real = audit.record

    def noted(*given: Any, **more: Any) -> None:
        recorded.append(more["outcome"])
        real(*given, **more)

    monkeypatch.setattr(audit, "record", noted)
    with facing(settings, status(201)) as one:
        assert work(2) == 0
        assert one.asked == []
    assert (row(handed).state, row(handed).fault) == ("failed", "broken")
    told = timeline(handed.alert)[-1]
    assert told["code"] == "broken" and "does not open" in told["text"] and "radio" in told["text"]
    assert [(outcome.result, outcome.code) for outcome in recorded] == [("failed", "broken")]
    assert [line.levelname for line in caplog.records if "does not open" in line.message] == ["ERROR"]


def test_a_file_that_does_not_open_is_said_to_be_broken(
    scene: Scene, held: Alert, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = hand_off(scene.users["dispatcher"], held, "file")
    monkeypatch.setattr(sealing, "_aad", lambda _row: b"another")
    with pytest.raises(Refused) as refused:
        selectors.document(scene.users["dispatcher"], held.pk, filed.pk, "cap.xml")
    assert (refused.value.code, refused.value.status) == ("detail-broken", 500)
    assert row(filed).state == "queued", "nobody has it"


def test_the_purge_ends_what_still_waits(scene: Scene, handed: HandOff) -> None:
    filed = hand_off(scene.users["dispatcher"], handed.alert, "file")
    with audit.acting_as(audit.system("purge")):
        assert sending.end_expired(handed.epoch - timedelta(hours=1)) == 0
        assert sending.end_expired(handed.epoch) == 2
    assert {(one.state, one.fault) for one in (row(handed), row(filed))} == {("failed", "expired")}


def test_without_a_token_or_a_receiver_nothing_leaves(handed: HandOff, settings: Any, tmp_path: Any) -> None:
    with facing(settings, status(201)) as one:
        settings.CAD_TOKEN_FILE = tmp_path / "missing"
        work()
        assert (row(handed).state, row(handed).fault, one.asked) == ("queued", "token", [])
        HandOff.objects.update(due_at=now.now())
        settings.CAD_URL = ""
        work()
    assert (row(handed).state, row(handed).fault) == ("failed", "no-receiver")
