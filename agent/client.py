"""The HTTP side of the contract: every request signed, every answer brought into one small shape."""

from __future__ import annotations

import copy
import json
import logging
import random
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent import VERSION
from agent.clock import AgentClock
from agent.problems import Act, code_of, judge
from agent.signing import Signer, b64url, enrolment_proof, public_bytes

log = logging.getLogger("agent.client")

RESIGN_LIMIT = 3
BACKOFF_FIRST_S, BACKOFF_LAST_S = 1.0, 60.0
#: A list of two million entries, not packed.
MAX_LIST_BYTES = 400_000_000
TIMEOUT = httpx.Timeout(10.0, connect=5.0)


@dataclass(frozen=True)
class Answer:
    """One answer: status 0 means that none came. ``code`` is the problem's code, ``body`` the parsed JSON."""

    status: int
    code: str | None = None
    body: Any = None
    retry_after_s: float | None = None
    etag: str | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the console accepted."""
        return 200 <= self.status < 300


class Refusal(Exception):
    """The console refused an enrolment; the text is for a technician."""


@dataclass
class Backoff:
    """Full jitter (uniform between 0 and a doubling ceiling, 1 s to 60 s): a hundred trailers never return
    at once."""

    random: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def next_s(self, at_least_s: float | None = None) -> float:
        """Return seconds to wait after another failure; never less than the console asked for."""
        ceiling = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * 2**self.failures)
        self.failures = min(self.failures + 1, 16)
        return max(at_least_s or 0.0, self.random.uniform(0.0, ceiling))

    def reset(self) -> None:
        """Forget the failures: an answer came."""
        self.failures = 0


def read_answer(response: httpx.Response) -> Answer:
    """Bring a response into the common shape; a body that is not JSON counts as none."""
    try:
        body = response.json() if response.content else None
    except ValueError:
        body = None
    code = code_of(body.get("type")) if isinstance(body, dict) and response.status_code >= 400 else None
    return Answer(response.status_code, code, body, _seconds(response), response.headers.get("etag"))


def _seconds(response: httpx.Response) -> float | None:
    try:
        return min(600.0, max(0.0, float(response.headers["retry-after"])))
    except (KeyError, ValueError):
        return None


class Client:
    """Talks to one console as one trailer key. Never raises for an answer or a lost link: it returns an
    ``Answer``."""

    def __init__(self, console_url: str, signer: Signer, clock: AgentClock) -> None:
        self.console_url = console_url.rstrip("/")
        self.signer = signer
        self.clock = clock
        self._http = httpx.AsyncClient(
            timeout=TIMEOUT, headers={"User-Agent": f"csrp-agent/{VERSION}"}, trust_env=False
        )

    async def post_alert(self, body: dict[str, Any]) -> Answer:
        """Post one alert."""
        return await self._call("POST", "/api/v1/alerts/", body)

    async def post_bulk(self, bodies: list[dict[str, Any]]) -> Answer:
        """Post up to 100 alerts after a lost link; on 200 the body is a list of results in the same order."""
        return await self._call("POST", "/api/v1/alerts/bulk/", bodies)

    async def put_media(self, alert_id: str, kind: str, data: bytes, media_type: str) -> Answer:
        """Put the clip or the crop that an accepted alert announced."""
        return await self._signed("PUT", f"/api/v1/alerts/{alert_id}/{kind}", data, {}, media_type)

    async def post_points(self, points: list[dict[str, Any]]) -> Answer:
        """Post up to 200 points of telemetry; 202 with how many were new."""
        return await self._call("POST", "/api/v1/telemetry/", points)

    async def post_key(self, body: dict[str, Any]) -> Answer:
        """Offer the next key, signed with the present one."""
        return await self._call("POST", "/api/v1/keys/", body)

    def signed_by(self, signer: Signer) -> Client:
        """Return one that signs with another key, on the same clock and connections; it needs no close."""
        other = copy.copy(self)
        other.signer = signer
        return other

    async def get_desired(self, etag: str | None) -> Answer:
        """Fetch the desired state; 304 when it is still the one with this ETag."""
        return await self._call("GET", "/api/v1/desired/", headers={"If-None-Match": etag} if etag else {})

    async def get_hotlist(self, since: int | None, etag: str | None, file: BinaryIO) -> Answer:
        """Fetch the plate list, whole or since a version; 304: nothing new.

        ``file`` is memory, and gets the bytes as they come, still packed: nothing of it touches the disk.
        """
        path = "/api/v1/hotlist/" + (f"?since={since}" if since is not None else "")
        headers = {"If-None-Match": etag} if etag else {}
        answer = await self._download(path, headers, file)
        for _ in range(RESIGN_LIMIT):
            if judge(answer.status, answer.code).act is not Act.RESIGN:
                break
            self.learn_time(answer)
            answer = await self._download(path, headers, file)
        return answer

    async def _download(self, path: str, headers: dict[str, str], file: BinaryIO) -> Answer:
        url = self.console_url + path
        signed = self.signer.headers("GET", url, created=int(self.clock.now().timestamp()), body=None)
        try:
            async with self._http.stream("GET", url, headers={**headers, **signed}) as response:
                if response.status_code != 200:
                    await response.aread()
                    return read_answer(response)
                size = 0
                async for piece in response.aiter_raw():
                    size += len(piece)
                    if size > MAX_LIST_BYTES:
                        return Answer(0)
                    file.write(piece)
                return Answer(200, etag=response.headers.get("etag"))
        except httpx.HTTPError as error:
            log.info("no answer from the console: %s", type(error).__name__)
            return Answer(0)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        raw = None if body is None else json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        return await self._signed(method, path, raw, headers or {})

    async def _signed(
        self,
        method: str,
        path: str,
        raw: bytes | None,
        headers: dict[str, str],
        content_type: str = "application/json",
    ) -> Answer:
        """Send, and send again freshly signed after a 401, three times at most."""
        answer = await self._once(method, path, raw, headers, content_type)
        for _ in range(RESIGN_LIMIT):
            if judge(answer.status, answer.code).act is not Act.RESIGN:
                break
            self.learn_time(answer)
            answer = await self._once(method, path, raw, headers, content_type)
        return answer

    async def _once(
        self, method: str, path: str, raw: bytes | None, headers: dict[str, str], content_type: str
    ) -> Answer:
        url = self.console_url + path
        created = int(self.clock.now().timestamp())
        signed = self.signer.headers(method, url, created=created, body=raw, content_type=content_type)
        try:
            return read_answer(
                await self._http.request(method, url, content=raw, headers={**headers, **signed})
            )
        except httpx.HTTPError as error:
            log.info("no answer from the console: %s", type(error).__name__)
            return Answer(0)

    def learn_time(self, answer: Answer) -> None:
        """Take the console's time after ``clock-skew``; other answers teach nothing."""
        if answer.code != "clock-skew" or not isinstance(answer.body, dict):
            return
        try:
            self.clock.correct(str(answer.body.get("server_time")))
        except ValueError:
            log.warning("the console sent a server_time that is no time")


async def enrol(
    console_url: str, token: str, key: Ed25519PrivateKey, *, serial: str, capabilities: list[str]
) -> dict[str, Any]:
    """Enrol this key with a one-use token and return the console's answer; raises ``Refusal`` with its
    words."""
    body = {
        "token": token,
        "public_key": b64url(public_bytes(key)),
        "serial": serial,
        "agent_version": VERSION,
        "capabilities": capabilities,
        "audio": {"rate_hz": 16000},
        "proof": enrolment_proof(key, token),
    }
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
        try:
            answer = read_answer(await http.post(f"{console_url.rstrip('/')}/api/v1/enrolment/", json=body))
        except httpx.HTTPError as error:
            raise Refusal(f"no answer from {console_url} ({type(error).__name__})") from error
    if answer.status != 201 or not isinstance(answer.body, dict):
        detail = answer.body.get("detail") if isinstance(answer.body, dict) else None
        raise Refusal(f"the console refused: {answer.status} {answer.code or ''} {detail or ''}".strip())
    return dict(answer.body)
