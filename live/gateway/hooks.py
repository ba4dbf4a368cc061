"""Asking the console: may this session begin, may these sessions go on. Every doubt is a no."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from live.gateway.settings import Settings

log = logging.getLogger("gateway.hooks")

SECRET_HEADER = "X-Gateway-Secret"


@dataclass(frozen=True)
class Request:
    """One wish to publish or read, as MediaMTX describes it to its auth hook."""

    id: str
    action: str
    path: str
    token: str
    ip: str
    query: str
    user_agent: str

    def wire(self) -> dict[str, str]:
        """The JSON MediaMTX documents for `authMethod: http`."""
        return {
            "ip": self.ip,
            "user": "",
            "password": "",
            "token": self.token,
            "action": self.action,
            "path": self.path,
            "protocol": "webrtc",
            "id": self.id,
            "query": self.query,
            "userAgent": self.user_agent,
        }


class Console:
    """The two questions the gateway asks. Neither raises: no answer is an answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            headers={SECRET_HEADER: self._settings.secret},
            timeout=aiohttp.ClientTimeout(total=self._settings.hook_timeout_s),
            trust_env=False,
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def allows(self, request: Request) -> bool:
        """True only for a 2xx within the time limit. A redirect, an error or silence is a refusal."""
        try:
            async with self._post(self._settings.auth_url, request.wire()) as answer:
                return bool(200 <= answer.status < 300)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("auth hook gave no answer: %s", type(error).__name__)
            return False

    async def renew(self, sessions: Sequence[dict[str, str]]) -> set[str] | None:
        """Ids the console wants kept; None when it gave no answer that can be understood."""
        try:
            async with self._post(self._settings.lease_url, {"sessions": list(sessions)}) as answer:
                if answer.status != 200:
                    log.warning("lease refused with status %d", answer.status)
                    return None
                return kept_ids(await answer.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("lease hook gave no answer: %s", type(error).__name__)
            return None

    def _post(self, url: str, body: dict[str, Any]) -> Any:
        assert self._session is not None, "start() first"
        return self._session.post(url, json=body, allow_redirects=False)


def kept_ids(body: Any) -> set[str] | None:
    """`{"keep": [id, ...]}` -> ids; None for anything else, because half an answer must not keep a stream."""
    keep = body.get("keep") if isinstance(body, dict) else None
    if not isinstance(keep, list) or not all(isinstance(one, str) for one in keep):
        return None
    return set(keep)
