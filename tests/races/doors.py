"""Two people at the doors in the same moment: what each was told, and what the log keeps of both."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import Any

import psycopg
from django.test import Client

from accounts.models import User
from tests.accounts.people import sign_in
from tests.races.test_on_connections import Act, on_own_connection
from tests.servers import TestServers


class Rival:
    """A person with a session of their own."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.browser: Client = sign_in(user)

    def posts(self, path: str, body: Any = None) -> Act:
        """The press of a form, as an act for a thread; a refusal comes as a problem document."""
        send = partial(self.browser.post, path, body or {}, headers={"Accept": "application/json"})
        return on_own_connection(send)

    def gets(self, path: str) -> Act:
        """The same for what is only asked for."""
        return on_own_connection(partial(self.browser.get, path))


def outcome(answer: Any) -> str:
    """``done``, or the code of the refusal, once it has a sentence."""
    if answer.status_code < 400:
        return "done"
    told = json.loads(answer.content)
    assert told["status"] == answer.status_code and told["detail"]
    return str(told["type"].removeprefix("/problems/"))


def loser(answers: list[Any]) -> Any:
    """The one answer that is a refusal."""
    [lost] = [answer for answer in answers if answer.status_code >= 400]
    return lost


def winner(rivals: list[Rival], answers: list[Any]) -> Rival:
    """Whose press was done."""
    [won] = [rival for rival, answer in zip(rivals, answers, strict=True) if answer.status_code < 400]
    return won


def kept(servers: TestServers, database: str, verb: str) -> Counter[str]:
    """How often the log has this verb, by its result. The console itself may only write there."""
    with psycopg.connect(servers.url("postgres", database)) as reader:
        rows = reader.execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
    entries = [json.loads(body) for (body,) in rows]
    return Counter(entry["outcome"]["result"] for entry in entries if entry["verb"] == verb)
