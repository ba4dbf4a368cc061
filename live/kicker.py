"""Telling the gateway to end media sessions, after commit (MediaMTX's kick call).

A lost kick is not a hole: the gateway asks every 2 s which sessions it may keep (live.gate.keep).
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)

TIMEOUT_S = 0.5
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="kick")


def kick_on_commit(gateway_ids: Iterable[str]) -> None:
    """Kick each of the gateway's session ids once the caller's transaction has committed."""
    for gateway_id in list(gateway_ids):
        transaction.on_commit(partial(_pool.submit, _kick, gateway_id), robust=True)


def _kick(gateway_id: str) -> None:
    try:
        httpx.post(
            f"{settings.GATEWAY_URL}/v3/webrtcsessions/kick/{gateway_id}",
            headers={"X-Gateway-Secret": settings.GATEWAY_SECRET},
            timeout=TIMEOUT_S,
        )
    except httpx.HTTPError as error:
        log.warning("kick not delivered, the lease will end it: %s", type(error).__name__)
