"""A socket whose reader does not keep up is closed, and told to come again; over a real connection."""

import socket
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.tcp import Connection

from csoc import slow_readers
from csoc.slow_readers import BoundedSocket, unsent_bytes


class Reactor:
    """Lets nothing happen by itself: what is written stays with the transport until it is flushed."""

    def addWriter(self, writer: Any) -> None:
        """Twisted's."""


@pytest.fixture
def transport() -> Any:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    made: Any = Connection(ours, object(), Reactor())
    made.connected = True
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
