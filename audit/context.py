"""Who acts right now: a context variable, so that no call can forget to pass it on."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog.contextvars

from audit.entry import Actor

_actor: ContextVar[Actor | None] = ContextVar("audit_actor", default=None)
_request: ContextVar[str | None] = ContextVar("audit_request", default=None)


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
