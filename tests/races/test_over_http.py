"""First wins, through the whole running console: its web process, its database, its socket."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from bench.driving import Person, Speaker, entries, rows, together, until
from bench.screens import Screen
from tests.running import RunningConsole

ROUNDS = 200
COPIES = 50


@pytest.fixture(scope="module")
def speaker(console: RunningConsole) -> Speaker:
    return Speaker(console.info)


@pytest.fixture(scope="module")
def pair(console: RunningConsole) -> Iterator[tuple[Person, Person]]:
    """Two dispatchers, each with a session and a connection of their own."""
    with Person(console.info, "dispatcher") as first, Person(console.info, "dispatcher-2") as second:
        yield first, second


@pytest.fixture
def http(console: RunningConsole) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=console.url, timeout=30) as client:
        yield client


def new_alert(speaker: Speaker, http: httpx.Client) -> str:
    answer = speaker.post(http, speaker.gunshot())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def code(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


def test_two_dispatchers_acknowledge_in_the_same_moment(
    console: RunningConsole, speaker: Speaker, pair: tuple[Person, Person], http: httpx.Client
) -> None:
    names = {person.role: person_name(person) for person in pair}
    wins: Counter[str] = Counter()
    alerts = []
    for round_no in range(ROUNDS):
        alert = new_alert(speaker, http)
        alerts.append(alert)
        order = pair if round_no % 2 else pair[::-1]
        answers = together([partial(person.acknowledge, alert) for person in order])
        results = dict(zip((person.role for person in order), answers, strict=True))
        [winner] = [role for role, answer in results.items() if answer.status_code == 200]
        [loser] = set(results) - {winner}
        wins[winner] += 1
        assert results[winner].json()["acknowledged_by"]["name"] == names[winner]
        assert (results[loser].status_code, code(results[loser])) == (409, "already-acknowledged")
        assert results[loser].json()["by"]["name"] == names[winner]
        assert names[winner] in results[loser].json()["detail"]
    assert sum(wins.values()) == ROUNDS
    assert len(wins) == 2, "one of the two always came first: that was no race"
    assert entries(console.info, alerts, "alert.acknowledge") == ROUNDS
    assert entries(console.info, alerts) == ROUNDS


def person_name(person: Person) -> str:
    """The name that the person's own board greets them by."""
    return {"dispatcher": "Avery Singh", "dispatcher-2": "Maxime Roy"}[person.role]


def test_the_same_alert_in_parallel_is_one_alert(
    console: RunningConsole, speaker: Speaker, pair: tuple[Person, Person]
) -> None:
    body = speaker.gunshot()
    clients = [httpx.Client(base_url=console.url, timeout=60) for _ in range(COPIES)]
    with Screen(console.url, pair[0].cookie) as screen:
        until(lambda: screen.digests(), 10, "the first heartbeat")
        answers = together([partial(speaker.post, client, body) for client in clients])
        until(lambda: screen.alerts(body["id"]), 5, "the push")
        # Two more heartbeats: whatever else was pushed has arrived by now.
        seen = len(screen.digests())
        until(lambda: len(screen.digests()) >= seen + 2, 15, "two heartbeats")
        pushes = screen.alerts(body["id"])
    for client in clients:
        client.close()
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: COPIES - 1}
    assert len({answer.text for answer in answers}) == 1, "a repeat gets the first answer"
    assert [push["version"] for push in pushes] == [1]
    assert rows(console.info, [body["id"]]) == 1
    assert entries(console.info, [body["id"]]) == 1


def test_other_values_under_the_same_id_never_win(
    console: RunningConsole, speaker: Speaker, http: httpx.Client
) -> None:
    for _round in range(5):
        one = speaker.gunshot()
        other = one | {"gunshot": one["gunshot"] | {"rounds": 4}}
        clients = [httpx.Client(base_url=console.url, timeout=30) for _ in range(4)]
        bodies = (one, other, one, other)
        answers = together(
            [partial(speaker.post, http, body) for http, body in zip(clients, bodies, strict=True)]
        )
        for client in clients:
            client.close()
        assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 1, 409: 2}
        assert {code(answer) for answer in answers if answer.status_code == 409} == {"id-conflict"}
        assert rows(console.info, [one["id"]]) == 1


def test_one_idempotency_key_twice_in_parallel_is_one_act(
    console: RunningConsole, speaker: Speaker, pair: tuple[Person, Person], http: httpx.Client
) -> None:
    alerts = []
    with pair[0].twin() as twin:
        for _round in range(20):
            alert, key = new_alert(speaker, http), str(uuid4())
            alerts.append(alert)
            answers = together([partial(who.acknowledge, alert, key=key) for who in (pair[0], twin)])
            assert [answer.status_code for answer in answers] == [200, 200]
            assert answers[0].json() == answers[1].json()
            assert answers[0].json()["version"] == 2
    assert entries(console.info, alerts, "alert.acknowledge") == len(alerts)


def test_a_view_opened_while_the_alert_closes_is_cut_or_refused(
    console: RunningConsole, speaker: Speaker, pair: tuple[Person, Person], http: httpx.Client
) -> None:
    first, second = pair
    seen: Counter[str] = Counter()
    offer = asyncio.run(viewer_offer())
    for _round in range(20):
        alert = new_alert(speaker, http)
        assert first.acknowledge(alert).status_code == 200
        opened, closed = together([partial(first.open_video, alert), partial(second.close, alert)])
        assert closed.status_code == 200, closed.text
        if opened.status_code == 201:
            view = opened.json()
            seen["opened first"] += 1
            assert first.get(f"/api/v1/live/{view['session']}/").json()["state"] == "ended"
            assert use_token(http, view, offer) == 401, "a token of an ended view opened media"
        else:
            seen["closed first"] += 1
            assert opened.status_code in (403, 409), opened.text
    assert sum(seen.values()) == 20


async def viewer_offer() -> str:
    """A real WHEP offer, so that nothing but the token can be the reason of a refusal."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer = str(connection.localDescription.sdp)
    await connection.close()
    return offer


def use_token(http: httpx.Client, view: dict[str, Any], offer: str) -> int:
    """Offer the view's token to the gateway the way the player does; return its answer."""
    headers = {"Authorization": f"Bearer {view['token']}", "Content-Type": "application/sdp"}
    return http.post(view["whep_url"], content=offer, headers=headers).status_code


def test_nobody_but_the_two_roles_takes_part(
    console: RunningConsole, speaker: Speaker, http: httpx.Client
) -> None:
    """The race above is among people who may: a technician's try is refused and leaves it open."""
    alert = new_alert(speaker, http)
    with Person(console.info, "technician") as technician:
        assert technician.acknowledge(alert).status_code == 403
    with Person(console.info, "dispatcher") as dispatcher:
        assert dispatcher.acknowledge(alert).json()["version"] == 2
