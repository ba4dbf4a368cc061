"""``@audit.guard``: nothing of a view leaves the process before its entry has committed (H13).

A view that only shows is run, its answer held, its entry committed with the true outcome, and then the
answer let go: one entry a request, and with the log broken a 500 without a byte of the body. A view
that acts (``acts=True``) calls a service that records the success in its own transaction; here only
what was denied or failed is kept, on a connection of its own, because the act's transaction rolled back.
"""

import functools
from asyncio import iscoroutinefunction
from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import Http404

from audit.entry import Outcome, Reason, Ref, is_name
from audit.record import commit
from audit.verbs import VERBS
from csoc.lib.errors import Refused

DENIED = frozenset({401, 403, 404})


def guard(
    verb: str,
    object: Callable[..., Ref],
    reason: Reason | Callable[..., Reason | None] | None = None,
    acts: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function view, a method of a class-based view, or an async one of either.

    object, reason: called with the request and the view's keyword arguments.
    The view may set ``response.audit_n`` to tell how many objects it showed.
    """
    if verb not in VERBS:
        raise ValueError(f"{verb} is not an audit verb")

    def keep(args: tuple[Any, ...], kwargs: dict[str, Any], outcome: Outcome) -> None:
        if acts and outcome.result == "allowed":
            return
        request = args[0] if hasattr(args[0], "META") else args[1]
        why = reason(request, **kwargs) if callable(reason) else reason
        commit(verb, _nameable(object(request, **kwargs)), reason=why, outcome=outcome)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        chosen = _held_async(view, keep) if iscoroutinefunction(view) else _held(view, keep)
        chosen.audit_verb = verb  # type: ignore[attr-defined]
        return chosen

    return decorate


def _held(view: Callable[..., Any], keep: Callable[..., None]) -> Callable[..., Any]:
    """Return ``view`` with its answer held until ``keep`` has committed the entry."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            response = view(*args, **kwargs)
        except Exception as error:
            keep(args, kwargs, _refusal(error))
            raise
        keep(args, kwargs, _shown(response))
        return response

    return guarded


def _held_async(view: Callable[..., Any], keep: Callable[..., None]) -> Callable[..., Any]:
    kept = sync_to_async(keep)

    @functools.wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            response = await view(*args, **kwargs)
        except Exception as error:
            await kept(args, kwargs, _refusal(error))
            raise
        await kept(args, kwargs, _shown(response))
        return response

    return guarded


def _nameable(ref: Ref) -> Ref:
    """Keep a hostile id out of the log: its address was refused, and that is all it has to say."""
    return ref if is_name(ref.id) else Ref(ref.type, "unreadable", ref.agency)


def _refusal(error: Exception) -> Outcome:
    """Return what an exception means: denied = no right to it, failed = the act could not be."""
    match error:
        case Refused():
            return Outcome("denied" if error.status in DENIED else "failed", error.code)
        case PermissionDenied():
            return Outcome("denied", "not-permitted")
        case Http404():
            return Outcome("denied", "not-found")
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _by_status(status)
    return Outcome("failed", "error")


def _by_status(status: int) -> Outcome:
    return Outcome("denied" if status in DENIED else "failed", f"http-{status}")


def _shown(response: Any) -> Outcome:
    if response.status_code >= 400:
        return _by_status(response.status_code)
    size = None
    if getattr(response, "is_rendered", True) and not getattr(response, "streaming", False):
        size = len(response.content)
    return Outcome("allowed", n=getattr(response, "audit_n", None), bytes=size)
