"""`bench races`: the races of tests/races at full count, over HTTP, against the console under measurement."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import httpx

from bench import driving
from bench.driving import Person, together
from bench.run import Run

COPIES = 50


def measure(run: Run) -> None:
    """Two dispatchers on one alert, and one alert fifty times."""
    _acknowledgements(run, rounds=2 * run.n)
    _copies(run, rounds=2 * run.rounds)


def _acknowledgements(run: Run, rounds: int) -> None:
    order = random.Random(run.seed)
    outcomes: Counter[str] = Counter()
    people = [run.dispatcher, Person(run.info, "dispatcher-2")]
    with httpx.Client(base_url=run.info["url"], timeout=30) as http:
        for _round in range(rounds):
            alert = run.speaker.post(http, run.speaker.gunshot()).json()["id"]
            order.shuffle(people)
            answers = together([partial(who.acknowledge, alert) for who in people])
            outcomes[_outcome(answers)] += 1
    good = outcomes["one winner, loser told the name"]
    run.table.value("two acknowledge in one moment: one winner, loser told", f"{good}", rounds)
    run.table.check(good == rounds, f"acknowledgements: {dict(outcomes)}")


def _outcome(answers: list[httpx.Response]) -> str:
    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    if len(won) != 1 or len(lost) != 1:
        return f"{len(won)} winners, {len(lost)} losers"
    told = lost[0].get("by") == won[0]["acknowledged_by"]
    return "one winner, loser told the name" if told else f"loser told {lost[0]['type']}"


def _copies(run: Run, rounds: int) -> None:
    good = 0
    clients = [httpx.Client(base_url=run.info["url"], timeout=60) for _ in range(COPIES)]
    for _round in range(rounds):
        body = run.speaker.gunshot()
        answers = together([partial(run.speaker.post, http, body) for http in clients])
        statuses = Counter(answer.status_code for answer in answers)
        one = driving.rows(run.info, [body["id"]]) == driving.entries(run.info, [body["id"]]) == 1
        good += one and statuses == {201: 1, 200: COPIES - 1}
    for client in clients:
        client.close()
    run.table.value(f"one alert {COPIES} times at once: one row, one 201", f"{good}", rounds)
    run.table.check(good == rounds, f"the same alert in parallel: {good} of {rounds} rounds were right")
