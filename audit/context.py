"""Who acts right now: a context variable, so that no call can forget to pass it on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog.contextvars

from audit.entry import Actor
from csoc.lib.errors import Misuse

_actor: ContextVar[Actor | None] = ContextVar("audit_actor", default=None)
_request: ContextVar[str | None] = ContextVar("audit_request", default=None)
_written: ContextVar[list[str] | None] = ContextVar("audit_written", default=None)
_sealed_off: ContextVar[bool] = ContextVar("audit_no_entries", default=False)


class NoActor(RuntimeError):
    """Something tried to act as nobody. Deny is the default, so this is an error and not a guess."""


@contextmanager
def acting_as(actor: Actor, *, req: str | None = None) -> Iterator[Actor]:
    """Act as ``actor`` inside the block; ``req`` is the id of the request it belongs to."""
    actor_token = _actor.set(actor)
    request_token = _request.set(req or _request.get())
    try:
        yield actor
    finally:
        _request.reset(request_token)
        _actor.reset(actor_token)


def system(name: str) -> Actor:
    """Return the actor for a process of ours: ``with acting_as(system("purge")):``."""
    return Actor("system", name)


def current_actor() -> Actor:
    """Return who acts. Errors: NoActor."""
    actor = _actor.get()
    if actor is None:
        raise NoActor("nobody is acting: the middleware or audit.acting_as() has to say who")
    return actor


def current_request() -> str | None:
    """Return the id of the request, if one is known."""
    known = _request.get() or structlog.contextvars.get_contextvars().get("request_id")
    return str(known)[:64] if known else None


@contextmanager
def counting_entries() -> Iterator[list[str]]:
    """Collect the verbs of the entries that commit inside the block, for the guard of a view that acts."""
    written: list[str] = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


@contextmanager
def no_entries() -> Iterator[None]:
    """Let nothing inside the block write an entry: what it sends would be out before its entry stands."""
    token = _sealed_off.set(True)
    try:
        yield
    finally:
        _sealed_off.reset(token)


def about_to_write() -> None:
    """Raise Misuse inside a stream that runs already."""
    if _sealed_off.get():
        raise Misuse("an entry from inside a running stream comes after the bytes that it is about")


def wrote(verb: str, on_commit: Callable[[Callable[[], None]], None]) -> None:
    """Count the entry, for the guard around it, once its transaction commits."""
    written = _written.get()
    if written is not None:
        on_commit(lambda: written.append(verb))
