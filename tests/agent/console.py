"""A tiny console that speaks the trailer contract: enough of it to try an agent without Django or a database.

It checks every signature with ``http-message-signatures``, an implementation the agent shares no line with.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import http_message_signatures as library
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from websockets.asyncio.server import Server, ServerConnection, serve

from agent.clock import wire
from agent.signing import b64url, public_bytes

COMPONENTS = ("@method", "@authority", "@path", "@query")


@dataclass
class Request:
    """What the independent library reads a signature from."""

    method: str
    url: str
    headers: dict[str, str]


class OneKey(library.HTTPSignatureKeyResolver):
    """Knows one device key."""

    def __init__(self, keyid: str, key: Ed25519PublicKey) -> None:
        self.keyid, self.key = keyid, key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self.key if key_id == self.keyid else None


def verify(request: Request, body: bytes | None, keyid: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """Verify with the library, naming the required components; returns the parameters."""
    verifier = library.HTTPMessageVerifier(
        signature_algorithm=library.algorithms.ED25519, key_resolver=OneKey(keyid, key)
    )
    required = COMPONENTS if body is None else (*COMPONENTS, "content-digest", "content-type")
    (result,) = verifier.verify(
        request,
        max_age=timedelta(seconds=60),
        expect_tag="csrp-device-v1",
        expect_label="sig1",
        require_components=required,
    )
    if body is not None:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert request.headers["content-digest"] == f"sha-256=:{digest}:"
    return dict(result.parameters)


def problem(code: str, status: int, **extra: Any) -> tuple[int, Any]:
    """Return a problem document."""
    return status, {"type": f"/problems/{code}", "title": code, "status": status, "detail": code, **extra}


@dataclass
class Console:
    """Records what came, and answers as told: ``script`` holds answers for the next alert requests."""

    trailer: str
    keyid: str
    device: Ed25519PublicKey
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kid: str = "console:1"
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, Any], Any]] = field(default_factory=list)
    script: list[tuple[int, Any]] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    points_script: list[tuple[int, Any]] = field(default_factory=list)
    desired_script: list[tuple[int, Any]] = field(default_factory=list)
    desired: dict[str, Any] = field(default_factory=dict)
    lists: list[Any] = field(default_factory=list)
    refuse_channel: tuple[int, Any] | None = None
    enrolments: list[dict[str, Any]] = field(default_factory=list)
    inbox: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    http_port: int = 0
    ws_port: int = 0

    def __post_init__(self) -> None:
        self._seq = itertools.count(1)
        self._http: asyncio.Server | None = None
        self._ws: Server | None = None
        self.socket: ServerConnection | None = None
        self._nonces: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def channel_url(self) -> str:
        return f"ws://127.0.0.1:{self.ws_port}/api/v1/channel/"

    async def up(self) -> None:
        """Listen; the second time on the ports of the first."""
        self._http = await asyncio.start_server(self._connected, "127.0.0.1", self.http_port)
        self.http_port = self._http.sockets[0].getsockname()[1]
        self._ws = await serve(
            self._channel, "127.0.0.1", self.ws_port, subprotocols=["csrp.v1"], process_request=self._upgrade
        )
        self.ws_port = next(iter(self._ws.sockets)).getsockname()[1]

    async def down(self) -> None:
        """Stop listening and drop every connection."""
        assert self._http and self._ws
        self._http.close()
        self._ws.close()
        await self._ws.wait_closed()
        self.socket = None

    def deploy(self, until: datetime, version: int = 1, name: str = "DEP-2026-0001") -> None:
        """Let the desired state name a deployment."""
        self.desired = {
            "version": version,
            "deployment": {
                "id": name, "until": wire(until), "point": {"lat": 43.69, "lon": -79.64},
                "heading_deg": 0.0, "geofence_m": 25,
            },
            "modules": {"acoustic": True, "alpr": True, "ptz": True, "speaker": False},
            "forbidden_sectors": [], "presets": [], "hotlist_min_version": 0,
        }  # fmt: skip

    def undeploy(self, version: int) -> None:
        """Let the desired state name none."""
        self.desired = {"version": version, "deployment": None, "modules": {}, "hotlist_min_version": 0}

    def command(self, name: str, alert: str | None = None, **changes: Any) -> dict[str, Any]:
        """Return a signed command; ``changes`` replace members before signing (``ttl_s`` sets the expiry)."""
        now = datetime.now(UTC)
        ttl_s = changes.pop("ttl_s", 20)
        message = {
            "t": "cmd", "id": str(uuid.uuid4()), "seq": next(self._seq), "trailer": self.trailer,
            "name": name, "alert": alert, "operator": "u-1042", "issued_at": wire(now),
            "expires_at": wire(now + timedelta(seconds=ttl_s)), "args": {}, "kid": self.kid, **changes,
        }  # fmt: skip
        return {**message, "sig": b64url(self.key.sign(rfc8785.dumps(message)))}

    async def tell(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Send a message and return the acks it gets, up to the final one."""
        assert self.socket is not None
        await self.socket.send(json.dumps(message))
        acks = []
        while not acks or acks[-1]["status"] == "received":
            got = await asyncio.wait_for(self.inbox.get(), 5)
            if got["t"] == "ack" and got["cmd"] == message.get("id"):
                acks.append(got)
        return acks

    async def _channel(self, socket: ServerConnection) -> None:
        self.socket = socket
        await socket.send(json.dumps({"t": "welcome"}))
        async for text in socket:
            assert len(text) <= 8192
            await self.inbox.put(json.loads(text))

    def _upgrade(self, connection: ServerConnection, request: Any) -> Any:
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        self._check("GET", request.path, headers, None)
        if self.refuse_channel is None:
            return None
        status, body = self.refuse_channel
        return connection.respond(status, json.dumps(body))

    def _check(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> None:
        request = Request(method, f"{self.url}{path}", headers)
        parameters = verify(request, body, self.keyid, self.device)
        assert parameters["nonce"] not in self._nonces
        assert 0 < parameters["expires"] - parameters["created"] <= 60
        self._nonces.add(parameters["nonce"])

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                k.lower(): v.strip() for k, v in (line.split(":", 1) for line in head[1:] if ":" in line)
            }
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            status, body, etag = self._answer(
                method, path, headers, raw if method in ("POST", "PUT") else None
            )
        except Exception as error:
            status, body, etag = 500, {"broken": repr(error)}, ""
        data = body if isinstance(body, bytes) else b"" if status == 304 else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Connection: close"]
        if isinstance(body, dict) and "retry_after" in body:
            lines.append(f"Retry-After: {body['retry_after']}")
        writer.write("\r\n".join([*lines, *([f"ETag: {etag}"] if etag else []), "", ""]).encode() + data)
        await writer.drain()
        writer.close()

    def _answer(
        self, method: str, path: str, headers: dict[str, str], raw: bytes | None
    ) -> tuple[int, Any, str]:
        body: Any = raw if method == "PUT" else json.loads(raw) if raw else None
        if path == "/api/v1/enrolment/":
            self.enrolments.append(body)
            keys = [{"kid": self.kid, "public_key": b64url(public_bytes(self.key))}]
            answer = {"trailer": self.trailer, "keyid": self.keyid, "console_keys": keys, "time": ""}
            return (201, answer, "") if len(self.enrolments) == 1 else (*problem("token-used", 410), "")
        self._check(method, path, headers, raw)
        if not path.startswith("/api/v1/hotlist/"):
            self.requests.append((method, path, headers, body))
        if path == "/api/v1/desired/" and self.desired_script:
            return (*self.desired_script.pop(0), "")
        if path == "/api/v1/desired/":
            etag = f'"{self.desired["version"]}"'
            return (304, None, etag) if headers.get("if-none-match") == etag else (200, self.desired, etag)
        if path == "/api/v1/telemetry/":
            return self._take_points(body)
        if path.startswith("/api/v1/hotlist/"):
            found = self.lists[-1] if self.lists else None
            return found.answer(self, path, headers) if found else (*problem("not-found", 404), "")
        if self.script:
            return (*self.script.pop(0), "")
        return (201, None, "") if method == "PUT" else (*self._take(body), "")

    def _take_points(self, body: list[dict[str, Any]]) -> tuple[int, Any, str]:
        if self.points_script:
            return (*self.points_script.pop(0), "")
        self.points += body
        return 202, {"accepted": len(body), "duplicate": 0}, ""

    def _take(self, body: Any) -> tuple[int, Any]:
        if isinstance(body, list):
            return 200, [self._result(alert) for alert in body]
        self.alerts[body["id"]] = body
        return 201, {"id": body["id"], "received_at": wire(datetime.now(UTC)), "state": "unacknowledged"}

    def _result(self, alert: dict[str, Any]) -> dict[str, Any]:
        self.alerts[alert["id"]] = alert
        return {"id": alert["id"], "status": 201}

    def posts(self) -> list[Any]:
        """Return the bodies of the alert requests so far."""
        return [
            body
            for method, path, _, body in self.requests
            if method == "POST" and path != "/api/v1/telemetry/"
        ]
