"""A standing console for the contract: daphne on a database of its own, a trailer's key, the cast.

Everything is asked over HTTP, as a trailer or a browser asks it. What no interface shows (the audit inbox,
the rows) is read by the database's owner beside it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg

from agent.signing import Signer
from bench.driving import until
from csoc.launcher import free_ports
from tests.servers import TestServers

ROOT = Path(__file__).resolve().parents[2]
ALERTS = "/api/v1/alerts/"
BULK = "/api/v1/alerts/bulk/"
_number = itertools.count(1)
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_TABLES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""


@contextlib.contextmanager
def using_database(name: str) -> Iterator[None]:
    """Let this process's Django speak to database ``name``; as it was afterwards."""
    from django.db import connections

    before = {alias: connections.settings[alias]["NAME"] for alias in ("default", "audit")}
    try:
        _point(dict.fromkeys(before, name))
        yield
    finally:
        _point(before)


def _point(names: dict[str, str]) -> None:
    from django.db import connections

    for alias, name in names.items():
        connections[alias].close()
        connections[alias].close_pool()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


@contextlib.contextmanager
def own_place(servers: TestServers, folder: Path, blocker: Any, **more: str) -> Iterator[Place]:
    """A console with a database of its own, for a fixture; ``folder``: for its log. ``more``: settings."""
    # The same name twice in one process would drop the first one's database.
    name = f"t_place_{os.getpid()}_{next(_number)}"
    servers.clone(name)
    try:
        with blocker.unblock(), Place(servers, name, folder / "web.log", **more) as made:
            yield made
    finally:
        servers.drop_database(name)


class Browser:
    """A person with a full session: ``get``, ``post`` with the CSRF token, and plain ``http``."""

    def __init__(self, url: str, username: str | None) -> None:
        self.http = httpx.Client(base_url=url, timeout=30, headers={"Referer": url}, trust_env=False)
        self.username = username
        if username is not None:
            # On a busy machine the console may ask to come again (503), as it would ask anybody.
            until(lambda: self._sign_in(username) != 503, 30, "a sign-in")
            assert self.is_signed_in, username

    def _sign_in(self, username: str) -> int:
        found = _TOKEN.search(self.http.get("/accounts/login/").text)
        if found is None:
            return 503
        answer = self.http.post(
            "/demo/sign-in/", json={"username": username}, headers={"X-CSRFToken": str(found[1])}
        )
        assert answer.status_code in (204, 503), answer.text
        return answer.status_code

    @property
    def is_signed_in(self) -> bool:
        """Whether this session still opens a page of one's own."""
        return self.http.get("/account/").status_code == 200

    @property
    def token(self) -> dict[str, str]:
        """The CSRF header of this session."""
        return {"X-CSRFToken": self.http.cookies.get("csrftoken") or ""}

    @property
    def cookie(self) -> str:
        """The Cookie header of this session."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    def get(self, path: str, **kw: Any) -> httpx.Response:
        """GET as this person."""
        return self.http.get(path, **kw)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """POST JSON; header names with underscores for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, json=body if body is not None else {}, headers=self.token | named)

    def raw(self, path: str, content: bytes, content_type: str = "application/json") -> httpx.Response:
        """POST exactly these bytes."""
        return self.http.post(path, content=content, headers=self.token | {"Content-Type": content_type})


class Device:
    """A trailer's key that signs requests to one console."""

    def __init__(self, place: Place, signer: Signer) -> None:
        self.place = place
        self.signer = signer

    def headers(self, path: str, body: bytes | None, method: str = "POST", **kw: Any) -> dict[str, str]:
        """The signed headers; ``created`` follows the console's clock."""
        from csoc.lib import clock

        kw.setdefault("created", int(clock.now().timestamp()))
        return self.signer.headers(method, self.place.url + path, body=body, **kw)

    def send(self, path: str, raw: bytes, **kw: Any) -> httpx.Response:
        """POST these bytes, signed."""
        headers = self.headers(path, raw, **kw)
        return self.place.http.post(path, content=raw, headers=headers)

    def post(self, value: Any, path: str = ALERTS) -> httpx.Response:
        """POST a value as JSON, signed."""
        return self.send(path, json.dumps(value).encode())

    def bulk(self, values: Any) -> httpx.Response:
        """POST an array of alerts."""
        return self.post(values, BULK)


class Place:
    """One running console with its scene. Use as a context manager, after the database was cloned."""

    def __init__(self, servers: TestServers, database: str, log: Path, **env: str) -> None:
        self.servers = servers
        self._env = env
        self.database = database
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.authority = f"127.0.0.1:{self.port}"
        self.log = log
        self.data = Path(os.environ["CSOC_DATA_DIR"])
        self.secret = "gateway-secret-of-a-test-0123456789"
        self._browsers: dict[str, Browser] = {}
        self._superuser: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Place:
        from tests.scene import standing

        with self.inside():
            # All at once: making the cast again gives it new passwords, which signs everybody out.
            self.leaving, self.revoked, self.other, self.scene = (
                standing(self.data, number=number) for number in (5, 6, 8, 7)
            )
        self.device = self._device(self.scene)
        self.stranger = self._device(self.other)
        self._start()
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        return self

    def __exit__(self, *details: object) -> None:
        for client in [self.http, *(browser.http for browser in self._browsers.values())]:
            client.close()
        if self._superuser is not None:
            self._superuser.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def _device(self, scene: Any) -> Device:
        return Device(self, Signer(scene.private, scene.key.keyid, self.authority))

    def _start(self) -> None:
        env = os.environ | {
            "CSOC_DATABASE_URL": self.servers.url("csoc_app", self.database),
            "CSOC_PUBLIC_URL": self.url,
            "CSOC_POOL_MAX": "6",
            "CSOC_GATEWAY_SECRET": self.secret,
            # Nobody listens there: a hop that is not taken is answered at once.
            "CSOC_GATEWAY_URL": "http://127.0.0.1:9",
            "CSOC_SIMULATOR_URL": "http://127.0.0.1:9",
            **self._env,
        }
        program = [sys.executable, "-m", "csoc.server", "--port", str(self.port)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(program, env=env, cwd=ROOT, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Act through the services in this console's database."""
        with using_database(self.database):
            yield

    def person(self, role: str) -> Browser:
        """The cast member with this username, signed in once."""
        if role not in self._browsers:
            self._browsers[role] = Browser(self.url, role)
        return self._browsers[role]

    def forget(self, role: str) -> None:
        """Sign in again next time: this person's session has ended."""
        browser = self._browsers.pop(role, None)
        if browser is not None:
            browser.http.close()

    def sql(self, query: str, params: Any = ()) -> list[tuple[Any, ...]]:
        """Rows, as the database's superuser."""
        try:
            return self._rows(query, params)
        except psycopg.errors.AdminShutdown:
            # A test ended every connection, this one too.
            self._superuser = None
            return self._rows(query, params)

    def _rows(self, query: str, params: Any) -> list[tuple[Any, ...]]:
        if self._superuser is None:
            url = self.servers.url("postgres", self.database)
            self._superuser = psycopg.connect(url, autocommit=True)
        cursor = self._superuser.execute(query, params)
        return cursor.fetchall() if cursor.description else []

    def entries(self, verb: str = "", object_id: str = "") -> list[dict[str, Any]]:
        """Audit entries so far, in order. No sequencer runs here, so they are all in the inbox."""
        rows = [json.loads(body) for (body,) in self.sql("SELECT body FROM audit_inbox ORDER BY seq")]
        return [
            row
            for row in rows
            if verb in ("", row["verb"]) and object_id in ("", row.get("object", {}).get("id"))
        ]

    def found(self, marker: str) -> list[str]:
        """Where ``marker`` stands: tables with a row that holds it, files of the data directory, the log."""
        with psycopg.connect(self.servers.url("postgres", self.database), autocommit=True) as connection:
            tables = connection.execute(_TABLES).fetchall()
            places = [
                name
                for (name,) in tables
                if connection.execute(
                    f"SELECT 1 FROM {name} AS t WHERE strpos(t::text, %s) > 0 LIMIT 1", [marker]
                ).fetchone()
            ]
        files = [path for path in [*self.data.rglob("*"), self.log] if path.is_file()]
        return places + [str(path) for path in files if marker.encode() in path.read_bytes()]

    def count(self, table: str = "alerts_alert") -> int:
        """Rows of a table."""
        return int(self.sql(f"SELECT count(*) FROM {table}")[0][0])

    def refusals(self, code: str) -> int:
        """How often a code was counted; a finished minute is moved into its hour."""
        tables = ("alerts_refusalcount", "trailers_refusalhour")
        parts = " UNION ALL ".join(f"SELECT n FROM {table} WHERE code = %(code)s" for table in tables)
        return int(self.sql(f"SELECT coalesce(sum(n), 0) FROM ({parts}) AS counted", {"code": code})[0][0])

    def gunshot(self, **changes: Any) -> dict[str, Any]:
        """A valid gunshot body of the trailer."""
        return dict(self.scene.gunshot(**changes))

    def hit(self, **changes: Any) -> dict[str, Any]:
        """A valid plate hit of the trailer."""
        return dict(self.scene.hit(**changes))

    def accepted(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Post an alert and return the 201's body."""
        answer = self.device.post(body or self.gunshot())
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def acknowledged(self, body: dict[str, Any] | None = None, role: str = "dispatcher") -> str:
        """Post an alert, take it, and return its id."""
        alert = str(self.accepted(body)["id"])
        answer = self.person(role).post(f"{ALERTS}{alert}/acknowledge/", {"version": 1})
        assert answer.status_code == 200, answer.text
        return alert


def resident(place: Place) -> int:
    """Bytes of memory of the web process."""
    lines = Path(f"/proc/{place.process.pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def code(answer: httpx.Response) -> str:
    """The problem code, after checking that this is a problem document with everything it must have."""
    assert answer.headers["content-type"] == "application/problem+json", (answer.status_code, answer.text)
    body = answer.json()
    assert {"type", "title", "status", "detail"} <= set(body), body
    assert body["status"] == answer.status_code
    assert body["type"].startswith("/problems/")
    assert "Traceback" not in answer.text
    return str(body["type"].removeprefix("/problems/"))


def verdict(answer: httpx.Response) -> tuple[int, str]:
    """Status and problem code together, to compare with a row of the contract's table."""
    return answer.status_code, code(answer)


def eventually(true: Callable[[], Any], within_s: float = 5.0) -> None:
    """Ask again until it is so; each question is a request, so nothing spins idly."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
