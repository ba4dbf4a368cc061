"""SIGKILL for one process after another: what was accepted stays, what is new is seen, all comes back."""

import threading
import time
from statistics import median

import psycopg
import pytest

from bench import driving
from bench.driving import Person, until
from bench.screens import Screen
from tests.faults.conftest import BACK_WITHIN_S, Patient

#: The promise of the live board while the channel layer is away, in seconds.
SEEN_WITHIN_S = 6.0


def test_without_valkey_alerts_are_taken_and_seen_and_pushes_return(patient: Patient) -> None:
    with patient.screen() as screen:
        with patient.held_down("valkey"):
            time.sleep(1)
            for _alert in range(2):
                taken_and_seen(patient, screen)
            # A board opened now also learns what is true.
            with patient.screen() as late:
                assert late.digests()[-1][1] == patient.digest()
        patient.pushes_are_live(screen)
        assert not screen.ended.is_set(), "the board's socket outlived Valkey"
    the_trailers_hear_again(patient)


def taken_and_seen(patient: Patient, screen: Screen) -> None:
    """An alert is accepted, the open board is told in time that its picture is old, and it is taken."""
    begun = time.monotonic()
    alert = patient.post()
    assert alert is not None, "intake needs no Valkey"
    assert time.monotonic() - begun < 2.0
    truth = patient.digest()
    until(
        lambda: truth in [digest for _at, digest in screen.digests(begun)],
        SEEN_WITHIN_S - (time.monotonic() - begun),
        "the open board is told that its picture is old",
    )
    assert not screen.alerts(alert), "a push arrived: Valkey was not away"
    answer = patient.second.acknowledge(alert)
    assert answer.status_code == 200, answer.text


def the_trailers_hear_again(patient: Patient) -> None:
    """A command reaches a trailer: its camera spends the token it was given."""
    with Person(patient.running.info, "supervisor") as person:
        staged = person.post("/demo/simulate/", {"trailer": "TRL-0002", "kind": "gunshot"}).json()
        assert person.acknowledge(staged["id"]).status_code == 200
        assert person.open_video(staged["id"]).status_code == 201
        query = (
            "SELECT count(*) FROM live_mediatoken k JOIN live_stream s ON s.id = k.stream_id"
            " WHERE s.alert_id = %s AND k.action = 'publish' AND k.spent_at IS NOT NULL"
        )
        with psycopg.connect(patient.running.info["database_url"], autocommit=True) as database:
            until(
                lambda: database.execute(query, [staged["id"]]).fetchone()[0] == 1,
                10,
                "the trailer's camera publishes",
            )
        assert person.close(staged["id"]).status_code == 200


def test_postgres_killed_under_load_loses_nothing_accepted(patient: Patient) -> None:
    stop = threading.Event()
    accepted: list[str] = []
    took: list[float] = []
    refused = 0

    def keep_posting() -> None:
        nonlocal refused
        while not stop.is_set():
            began = time.monotonic()
            alert = patient.post()
            took.append(time.monotonic() - began)
            if alert is None:
                refused += 1
                time.sleep(0.1)
            else:
                accepted.append(alert)

    with patient.screen() as screen:
        threads = [threading.Thread(target=keep_posting) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        before = len(accepted)
        killed = patient.kill("postgres")
        patient.is_back("postgres", killed)
        until(lambda: len(accepted) > before + 20, BACK_WITHIN_S, "alerts are accepted again by itself")
        stop.set()
        for thread in threads:
            thread.join()
        truth = patient.digest()
        until(
            lambda: truth in [digest for _at, digest in screen.digests()], 10, "the board is told the truth"
        )
    assert before > 0
    # Who asks while it comes back waits for a connection up to five seconds, and is refused only then.
    assert refused or max(took) > 5 * median(took), "PostgreSQL was away and nobody noticed"
    assert driving.rows(patient.running.info, accepted) == len(accepted)
    until(lambda: owed(patient) == 0, 60, "no entry is owed any more")
    assert driving.entries(patient.running.info, accepted) == len(accepted)


def owed(patient: Patient) -> int:
    """Alerts whose entry the log still has to get."""
    with psycopg.connect(patient.running.info["database_url"]) as database:
        return int(database.execute("SELECT count(*) FROM alerts_alert WHERE audit_owed").fetchone()[0])


def test_web_killed_comes_back_with_everybody_signed_in(patient: Patient) -> None:
    alert = patient.accept()
    with patient.screen() as screen:
        killed = patient.kill("web")
        assert screen.ended.wait(5)
    patient.is_back("web", killed)
    later = patient.accept()
    with patient.screen() as screen:
        assert screen.digests()[-1][1] == patient.digest()
    assert patient.dispatcher.acknowledge(alert).status_code == 200
    assert patient.second.acknowledge(later).status_code == 200


def test_sequencer_killed_again_and_again_loses_and_doubles_nothing(patient: Patient) -> None:
    alerts = []
    for _kill in range(3):
        alerts += [patient.accept() for _ in range(10)]
        killed = patient.kill("sequencer")
        alerts += [patient.accept() for _ in range(10)]
        patient.is_back("sequencer", killed)
    assert driving.entries(patient.running.info, alerts) == len(alerts)
    with psycopg.connect(patient.running.info["database_url"]) as database:
        query = "SELECT count(*), max(idx) + 1, count(DISTINCT uid) FROM audit_log"
        count, size, different = database.execute(query).fetchone()
    assert count == size == different, "the log has no gap and no entry twice"


@pytest.mark.parametrize("name", ["worker", "beat", "gateway", "simulator"])
def test_the_others_come_back_and_intake_never_stops(patient: Patient, name: str) -> None:
    killed = patient.kill(name)
    begun = time.monotonic()
    assert patient.post() is not None, f"intake needs no {name}"
    assert time.monotonic() - begun < 2.0
    patient.is_back(name, killed)
