"""A disk that takes nothing, full or dying: it is told as a fault and is the end of nothing.

What ends or narrows counts in memory first; what could not be kept leaves nothing wider behind for a restart.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

log = logging.getLogger("agent.disk")

FAULT = "disk"
#: A part that its disk failed begins again after this long.
RETRY_S = 5.0
FAILURES = (OSError, sqlite3.Error)


def tell(fault: Callable[[str], None], what: str, error: BaseException) -> None:
    """Raise the fault and write a line without content."""
    fault(FAULT)
    log.error("the disk fails %s: %s", what, type(error).__name__)


@contextmanager
def told(fault: Callable[[str], None], what: str) -> Iterator[None]:
    """Go on after the block when the disk did not take what was written in it."""
    try:
        yield
    except FAILURES as error:
        tell(fault, what, error)


async def kept_up(part: Callable[[], Coroutine[Any, Any, None]], fault: Callable[[str], None]) -> None:
    """Run a part of the agent, and again whenever the disk failed it."""
    while True:
        try:
            return await part()
        except FAILURES as error:
            tell(fault, getattr(part, "__qualname__", "a part"), error)
        await asyncio.sleep(RETRY_S)
