"""What every check of the conformance suite holds in its hand: a console's address and a trailer's key.

Nothing here knows the console's code, its database or its clock: only HTTP, the command channel and the
trailer contract. So a check runs against any console, and a check that could not is not one of these.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect

from agent.signing import Signer

ALERTS = "/api/v1/alerts/"
BULK = "/api/v1/alerts/bulk/"
DESIRED = "/api/v1/desired/"
KEYS = "/api/v1/keys/"
ENROL = "/api/v1/enrolment/"
CHANNEL = "/api/v1/channel/"
PROBLEM = "application/problem+json"
#: What a value may never be found as in an answer.
MARKER = "CONFORMANCE7Q"


@dataclass(frozen=True)
class Listed:
    """A plate that stands on the console's list, for the checks of plate hits."""

    list_id: str
    version: int
    entry_id: str
    plate: str
    jurisdiction: str

    @classmethod
    def from_text(cls, text: str) -> Listed:
        """Read ``list_id:version:entry_id:plate:jurisdiction``. Errors: ValueError."""
        list_id, version, entry_id, plate, jurisdiction = text.split(":")
        return cls(list_id, int(version), entry_id, plate, jurisdiction)


@dataclass
class Kit:
    """One console and one trailer's key. ``verify`` as httpx: False for a certificate of a test's own."""

    url: str
    signer: Signer
    deployment: str
    listed: Listed | None = None
    verify: bool = True
    seq: int = 0
    #: What the enrolment named: the keys, 32 bytes each, with which the console signs lists and commands.
    console_keys: dict[str, bytes] = field(default_factory=dict)
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        self.seq = self.seq or int(time.time())
        self.http = httpx.Client(base_url=self.url, timeout=30, verify=self.verify, trust_env=False)

    @property
    def trailer(self) -> str:
        """The trailer's number, as its key names it."""
        return self.signer.keyid.partition(":")[0]

    # -- bodies ------------------------------------------------------------------------------------

    def common(self, **changes: Any) -> dict[str, Any]:
        """The members that every alert must have, of this moment."""
        self.seq += 1
        return {
            "schema": "csrp.alert/1",
            "id": str(uuid.uuid4()),
            "trailer": self.trailer,
            "occurred_at": wire(),
            "clock": {"source": "gnss", "error_ms": 5},
            "seq": self.seq,
            "deployment": self.deployment,
            **changes,
        }

    def gunshot(self, **changes: Any) -> dict[str, Any]:
        """A valid gunshot that names no place: it stands where the trailer stands."""
        block = {
            "class": "gunshot",
            "confidence": 0.93,
            "rounds": 3,
            "span_ms": 840,
            "bearing": {"deg_true": 42.5, "error_deg": 4},
            "detector": {"make": "Conformance", "model": "Suite", "firmware": "1", "event_id": "c-1"},
        }
        return self.common(kind="gunshot", gunshot=block) | changes

    def hit(self, **changes: Any) -> dict[str, Any]:
        """A plate hit: of the listed plate, else of one that no list holds; ``changes`` go into its block."""
        on = self.listed or Listed("no-such-list", 1, "e-0", "ZZNONE0", "CA-ON")
        block = {
            "plate": on.plate,
            "jurisdiction": on.jurisdiction,
            "confidence": 0.94,
            "match": "exact",
            "hotlist": {"list_id": on.list_id, "version": on.version, "entry_id": on.entry_id},
        }
        return self.common(kind="alpr_hit", alpr_hit=block | changes)

    # -- requests ----------------------------------------------------------------------------------

    def headers(
        self, path: str, body: bytes | None = None, method: str = "POST", **kw: Any
    ) -> dict[str, str]:
        """Signed headers; ``created`` in whole Unix seconds is this machine's clock unless given."""
        kw.setdefault("created", int(time.time()))
        return self.signer.headers(method, self.url + path, body=body, **kw)

    def send(self, path: str, raw: bytes, method: str = "POST", **kw: Any) -> httpx.Response:
        """Send exactly these bytes, signed."""
        headers = self.headers(path, raw, method, **kw)
        return self.http.request(method, path, content=raw, headers=headers)

    def post(self, value: Any, path: str = ALERTS, **kw: Any) -> httpx.Response:
        """POST a value as JSON, signed."""
        return self.send(path, json.dumps(value).encode(), **kw)

    def get(self, path: str, **extra: str) -> httpx.Response:
        """GET, signed; underscores of header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in extra.items()}
        return self.http.get(path, headers=self.headers(path, method="GET") | named)

    def taken(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Post an alert that must be accepted; the 201's body."""
        answer = self.post(body or self.gunshot())
        assert answer.status_code == 201, (answer.status_code, answer.text[:300])
        return dict(answer.json())

    def channel(self, protocol: str = "csrp.v1", headers: dict[str, str] | None = None) -> ClientConnection:
        """Open the command channel with a signed upgrade."""
        signed = headers if headers is not None else self.headers(CHANNEL, method="GET")
        context: ssl.SSLContext | None = None
        if self.url.startswith("https://"):
            context = ssl.create_default_context()
            if not self.verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return connect(
            self.url.replace("http", "ws", 1) + CHANNEL, additional_headers=signed, subprotocols=[protocol],  # type: ignore[list-item]
            compression=None, open_timeout=10, proxy=None, ssl=context,
        )  # fmt: skip

    def close(self) -> None:
        """Hang up."""
        self.http.close()


def wire(ahead_s: float = 0) -> str:
    """Now, or ``ahead_s`` later, as the contract writes it: RFC 3339 UTC with milliseconds and Z."""
    at = datetime.now(UTC) + timedelta(seconds=ahead_s)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def authority(url: str) -> str:
    """The ``host[:port]`` of a URL without its scheme's own port, as RFC 9421 wants it."""
    parts = urlsplit(url)
    return parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}[parts.scheme])


def verdict(answer: httpx.Response) -> tuple[int, str]:
    """Status and problem code, once the problem document is whole. Errors: AssertionError."""
    assert answer.headers.get("content-type") == PROBLEM, (answer.status_code, answer.text[:300])
    body = answer.json()
    assert {"type", "title", "status", "detail"} <= set(body), body
    assert body["status"] == answer.status_code, body
    assert body["type"].startswith("/problems/"), body
    assert MARKER not in answer.text, "the answer echoes a value"
    if answer.status_code in (429, 503):
        assert answer.headers.get("retry-after", "").isdecimal(), "a 429 or 503 names Retry-After"
    return answer.status_code, str(body["type"].removeprefix("/problems/"))


def refused(answer: httpx.Response, status: int, *codes: str) -> None:
    """Assert that an answer is this refusal."""
    found = verdict(answer)
    assert found[0] == status and found[1] in codes, f"{found} instead of {status} {codes}"


# -- the register of checks ----------------------------------------------------------------------------

Check = Callable[[Kit], None]


@dataclass(frozen=True)
class Entry:
    """One check: its name, what it does, the lines of the contract it holds a console to."""

    name: str
    run: Check
    lines: tuple[str, ...]
    #: What it needs besides a key and a deployment: ``listed`` or ``console-key``.
    needs: str = ""

    def can(self, kit: Kit) -> bool:
        """Whether this kit has what the check needs."""
        have = {"listed": kit.listed is not None, "console-key": bool(kit.console_keys)}
        return have.get(self.needs, True)


CHECKS: list[Entry] = []


def check(*lines: str, needs: str = "") -> Callable[[Check], Check]:
    """Register a check for these lines of ``checklist.md``."""

    def register(run: Check) -> Check:
        CHECKS.append(Entry(f"{run.__module__.rpartition('.')[2]}.{run.__name__}", run, lines, needs))
        return run

    return register
