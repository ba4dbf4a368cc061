"""Drives a running console from outside: people by their session, a trailer by its key, counts by SQL.

Everything comes from run.json (console-api.md). Used by the benchmarks and by the tests of faults and races.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg

from agent.signing import Signer, load_private_key

ALERTS = "/api/v1/alerts/"
BULK = "/api/v1/alerts/bulk/"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')

Info = dict[str, Any]


class NotSignedIn(RuntimeError):
    """The demonstration's sign-in did not answer 204."""


class Person:
    """One member of the cast with a full session. Not for several threads at once: see ``twin``."""

    def __init__(self, info: Info, role: str, cookies: dict[str, str] | None = None) -> None:
        self.info = info
        self.role = role
        self.http = httpx.Client(base_url=info["url"], timeout=30, headers={"Referer": info["url"]})
        if cookies is None:
            self._sign_in()
        else:
            self.http.cookies.update(cookies)

    def _sign_in(self) -> None:
        found = TOKEN.search(self.http.get("/accounts/login/").text)
        if found is None:
            raise NotSignedIn("the sign-in page has no form")
        username = self.info["people"][self.role]["username"]
        headers = {"X-CSRFToken": found[1]}
        answer = self.http.post("/demo/sign-in/", json={"username": username}, headers=headers)
        if answer.status_code != 204:
            raise NotSignedIn(f"{username}: {answer.status_code} {answer.text[:200]}")

    def leave(self) -> None:
        """Close the connection; the session stays."""
        self.http.close()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *details: object) -> None:
        self.leave()

    @property
    def cookie(self) -> str:
        """The Cookie header of this session."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def twin(self) -> Person:
        """The same session on another connection, for another thread."""
        return Person(self.info, self.role, dict(self.http.cookies))

    def get(self, path: str) -> httpx.Response:
        """GET as this person."""
        return self.http.get(path)

    def post(self, path: str, body: Any, key: str | None = None) -> httpx.Response:
        """POST JSON with the CSRF token, and an Idempotency-Key if given."""
        headers = {"X-CSRFToken": self.http.cookies["csrftoken"]}
        if key:
            headers["Idempotency-Key"] = key
        return self.http.post(path, json=body, headers=headers)

    def acknowledge(self, alert: str, version: int = 1, key: str | None = None) -> httpx.Response:
        """Take an alert by name."""
        return self.post(f"{ALERTS}{alert}/acknowledge/", {"version": version}, key)

    def close(self, alert: str, version: int = 2) -> httpx.Response:
        """Close an acknowledged alert."""
        return self.post(f"{ALERTS}{alert}/close/", {"version": version, "outcome": "test", "note": ""})

    def open_video(self, alert: str) -> httpx.Response:
        """Ask for live view."""
        return self.post(f"{ALERTS}{alert}/live-view/", {"reason": {"code": "gunshot", "cad": ""}})


class Speaker:
    """Speaks for one trailer nobody simulates: makes bodies and signs them. Safe for threads."""

    def __init__(self, info: Info, position: int = 0) -> None:
        row = [one for one in info["trailers"] if not one["simulated"] and one["deployment"]][position]
        self.trailer, self.deployment = row["trailer"], row["deployment"]
        self.authority = urlsplit(info["url"]).netloc
        self._signer = Signer(load_private_key(Path(row["private_key_file"])), row["keyid"], self.authority)
        self._lock = threading.Lock()
        self._seq = self._last_seq(info)

    def _last_seq(self, info: Info) -> int:
        number = int(self.trailer.removeprefix("TRL-"))
        query = (
            "SELECT coalesce(max(a.seq), 0) FROM alerts_alert a"
            " JOIN trailers_trailer t ON t.id = a.trailer_id WHERE t.number = %s"
        )
        with psycopg.connect(info["database_url"]) as connection:
            row = connection.execute(query, [number]).fetchone()
        return int(row[0]) if row else 0

    def gunshot(self, **changes: Any) -> dict[str, Any]:
        """A valid gunshot of this moment; ``changes`` replace members."""
        with self._lock:
            self._seq += 1
            seq = self._seq
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "schema": "csrp.alert/1",
            "id": str(uuid.uuid4()),
            "trailer": self.trailer,
            "kind": "gunshot",
            "occurred_at": now,
            "clock": {"source": "gnss", "error_ms": 5},
            "seq": seq,
            "deployment": self.deployment,
            "position": {"lat": 43.682, "lon": -79.701, "accuracy_m": 4},
            "gunshot": {
                "class": "gunshot",
                "confidence": 0.93,
                "rounds": 3,
                "span_ms": 840,
                "location": {"lat": 43.6824, "lon": -79.7005, "uncertainty_m": 45},
                "bearing": {"deg_true": 42.5, "error_deg": 4},
                "detector": {"make": "Acme", "model": "One", "firmware": "5.2.1", "event_id": "r-1"},
            },
            **changes,
        }

    def signed(self, body: bytes, path: str = ALERTS) -> dict[str, str]:
        """The headers of a POST of ``body`` to an alert door, good for 60 s and one use."""
        return self._signer.headers("POST", path, created=int(time.time()), body=body)

    def raw(self, value: dict[str, Any] | list[dict[str, Any]]) -> bytes:
        """The whole signed HTTP/1.1 request; a list goes to the door of many."""
        path = BULK if isinstance(value, list) else ALERTS
        body = json.dumps(value).encode()
        headers = {"Host": self.authority, **self.signed(body, path), "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def post(self, http: httpx.Client, value: dict[str, Any]) -> httpx.Response:
        """Sign and send one alert."""
        body = json.dumps(value).encode()
        return http.post(ALERTS, content=body, headers=self.signed(body))

    def put(self, http: httpx.Client, alert: str, kind: str, data: bytes, media_type: str) -> httpx.Response:
        """Sign and send the clip or crop of an alert."""
        path = f"{ALERTS}{alert}/{kind}"
        headers = self._signer.headers(
            "PUT", path, created=int(time.time()), body=data, content_type=media_type
        )
        return http.put(path, content=data, headers=headers)


def together(acts: list[Callable[[], Any]]) -> list[Any]:
    """Run each act in a thread of its own, all let go in the same moment; results in order.

    Errors: the first act's exception, after all have ended.
    """
    gate = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)
    errors: list[BaseException] = []

    def run(position: int) -> None:
        try:
            gate.wait(30)
            results[position] = acts[position]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def until(true: Callable[[], Any], seconds: float, what: str | Callable[[], str]) -> Any:
    """Return the first truthy value of ``true``. Errors: AssertionError after ``seconds``, with ``what``."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)


def rows(info: Info, ids: Iterable[str]) -> int:
    """How many of these alerts stand in the database."""
    return count(info, "SELECT count(*) FROM alerts_alert WHERE id = ANY(%s::uuid[])", list(ids))


def entries(info: Info, ids: Iterable[str], verb: str = "alert.receive") -> int:
    """How many allowed entries of ``verb`` the log has for these alerts, once nothing waits."""
    settled(info)
    query = "SELECT count(*) FROM audit_log WHERE object = ANY(%s) AND verb = %s AND outcome = 'allowed'"
    return count(info, query, [f"alert:{one}" for one in ids], verb)


def settled(info: Info) -> None:
    """Wait until no entry waits for its place in the log. Errors: AssertionError after 120 s."""
    until(lambda: count(info, "SELECT waiting FROM audit_waiting()") == 0, 120, "the audit inbox is empty")


def count(info: Info, query: str, *values: Any) -> int:
    """The one number that a query answers."""
    with psycopg.connect(info["database_url"]) as connection:
        row = connection.execute(query, values).fetchone()
    return int(row[0]) if row else 0
