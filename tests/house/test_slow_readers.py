"""Readers that do not keep up, over a real connection: a socket is closed and told to come again, an answer
in pieces waits for its reader, and is cut off at one who takes nothing.
"""

import asyncio
import socket
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.tcp import Connection

from csoc import slow_readers
from csoc.slow_readers import MAX_UNSENT_PIECE_BYTES, BoundedSocket, PacedServer, unsent_bytes


class Reactor:
    """Lets nothing happen by itself: what is written stays with the transport until it is flushed."""

    def addWriter(self, writer: Any) -> None:
        """Twisted's."""

    removeWriter = addWriter


@pytest.fixture
def transport() -> Any:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    made: Any = Connection(ours, object(), Reactor())
    made.connected = True
    made.peer = theirs
    yield made
    ours.close()
    theirs.close()


def test_what_the_reader_has_not_taken_is_counted(transport: Any) -> None:
    assert unsent_bytes(transport) == 0
    transport.write(b"x" * 3_000_000)
    assert unsent_bytes(transport) == 3_000_000
    while transport.doWrite() is None and unsent_bytes(transport) > 2_900_000:
        pass
    assert 0 < unsent_bytes(transport) <= 2_900_000, "the kernel took some of it, and the rest is counted"


def test_a_slow_reader_is_closed_and_sent_no_more(transport: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, closed = [], []
    monkeypatch.setattr(
        WebSocketProtocol, "serverSend", lambda self, content, binary=False: sent.append(content)
    )
    made: Any = BoundedSocket.__new__(BoundedSocket)
    made.transport, made.state = transport, made.STATE_OPEN

    def close(code: int, reason: str) -> None:
        closed.append(code)
        made.state = made.STATE_CLOSING

    monkeypatch.setattr(made, "sendClose", close, raising=False)
    made.serverSend("first")
    transport.write(b"x" * (slow_readers.MAX_UNSENT_BYTES + 1))
    made.serverSend("second")
    made.serverSend("third")
    assert (sent, closed) == (["first"], [1013])


PIECE = bytes(65_536)


class Answering:
    """What daphne calls a protocol: one request, whose answer goes to a real transport."""

    def __init__(self, transport: Any) -> None:
        self.transport, self.channel = transport, self
        self.most, self.aborted = 0, False
        self.server: Any = PacedServer.__new__(PacedServer)
        self.server.connections = {self: {}}

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Daphne's: write it."""
        self.transport.write(message["body"])
        self.most = max(self.most, unsent_bytes(self.transport))

    def forceAbortClient(self) -> None:
        """Twisted's."""
        self.aborted = True
        self.server.connections[self]["disconnected"] = 1.0

    async def answer(self, pieces: int) -> None:
        """Send as an application does."""
        for _piece in range(pieces):
            message = {"type": "http.response.body", "body": PIECE, "more_body": True}
            await self.server.handle_reply(self, message)


def test_an_answer_in_pieces_waits_for_a_slow_reader(transport: Any) -> None:
    answering, got, theirs = Answering(transport), 0, transport.peer

    async def read(until: int) -> None:
        nonlocal got
        theirs.setblocking(False)
        while got < until:
            if unsent_bytes(transport):
                transport.doWrite()
            try:
                got += len(theirs.recv(100_000))
            except BlockingIOError:
                await asyncio.sleep(0)
            await asyncio.sleep(0.001)

    async def both() -> None:
        await asyncio.gather(answering.answer(80), read(80 * len(PIECE)))

    asyncio.run(asyncio.wait_for(both(), 30))
    assert got == 80 * len(PIECE) and not answering.aborted
    assert answering.most <= MAX_UNSENT_PIECE_BYTES + len(PIECE)


def test_one_who_takes_nothing_is_cut_off_and_sent_no_more(
    transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_readers, "TAKEN_WITHIN_S", 0.1)
    answering = Answering(transport)
    asyncio.run(asyncio.wait_for(answering.answer(80), 30))
    assert answering.aborted and answering.most <= MAX_UNSENT_PIECE_BYTES + len(PIECE)
