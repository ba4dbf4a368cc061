"""Keeping the gateway's UDP sockets inside a known range, so that a firewall can name it.

aioice always binds port 0. The only seam is the loop's `create_datagram_endpoint`, so that is wrapped.
"""

from __future__ import annotations

import asyncio
import errno
import random
from typing import Any


class PortRange:
    """UDP ports `first..last`, both included. Raises OSError(EADDRINUSE) when none is free."""

    def __init__(self, first: int, last: int) -> None:
        self.ports = range(first, last + 1)

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make every `local_addr=(host, 0)` of this loop bind inside the range."""
        original = loop.create_datagram_endpoint

        async def create(protocol_factory: Any, local_addr: Any = None, **kwargs: Any) -> Any:
            if local_addr is None or local_addr[1] != 0:
                return await original(protocol_factory, local_addr=local_addr, **kwargs)
            for port in self._order():
                try:
                    return await original(protocol_factory, local_addr=(local_addr[0], port), **kwargs)
                except OSError as error:
                    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                        raise
            raise OSError(errno.EADDRINUSE, "no free UDP port in the gateway's range")

        loop.create_datagram_endpoint = create  # type: ignore[assignment,method-assign]

    def _order(self) -> list[int]:
        # Not in sequence: a port just freed may still receive the last packets of its former peer.
        return random.sample(self.ports, len(self.ports))
