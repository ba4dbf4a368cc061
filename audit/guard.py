"""``@audit.guard``: nothing of a view leaves the process before its entry has committed (H13).

A view that only shows is run, its answer held, its entry committed with the true outcome, and then the
answer let go: one entry a request, and with the log broken a 500 without a byte of the body. A view
that acts (``acts=True``) calls a service that records the success in its own transaction; here what was
denied or failed is kept, on a connection of its own, because the act's transaction rolled back. Where an
acting view answers with a page and its service wrote nothing (a form with mistakes, a press that was
sent twice) there is an entry for that as well; what its GET shows is one whatever else was written.

A crash between the entry and the answer leaves an entry of something that nobody saw: never the reverse.
"""

import functools
from asyncio import iscoroutinefunction
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_cache_control
from rest_framework.response import Response as ApiResponse

from audit import context
from audit.entry import Outcome, Reason, Ref, is_name
from audit.record import commit
from audit.verbs import VERBS
from csoc.lib.errors import Misuse, Refused

DENIED = frozenset({401, 403, 404})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard(NamedTuple):
    """What a view's guard was told."""

    verb: str
    object: Callable[..., Ref]
    reason: Reason | Callable[..., Reason | None] | None
    acts: bool
    shows: str
    streams: bool

    def keep(
        self, request: Any, kwargs: dict[str, Any], outcome: Outcome, verb: str = "", parent: Any = None
    ) -> None:
        """Commit the entry."""
        why = self.reason(request, **kwargs) if callable(self.reason) else self.reason
        ref = _nameable(self.object(request, **kwargs))
        commit(verb or self.verb, ref, reason=why, outcome=outcome, parent=parent)

    def let_go(self, request: Any, kwargs: dict[str, Any], response: Any, written: list[str]) -> Any:
        """Commit what this answer calls for, and return it fit to leave."""
        try:
            return self._told(request, kwargs, response, written)
        except BaseException:
            # Nobody will read this stream to its end: let go of its file now.
            if getattr(response, "streaming", False):
                response.close()
            raise

    def _told(self, request: Any, kwargs: dict[str, Any], response: Any, written: list[str]) -> Any:
        if getattr(response, "streaming", False):
            self._declared(request, kwargs, response)
        outcome = _shown(request, response)
        if outcome.result != "allowed" or not self.acts:
            self.keep(request, kwargs, outcome, parent=getattr(response, "audit_parent", None))
        elif (request.method in SAFE or not written) and _has_content(response):
            self._keep_without_act(request, kwargs, response, outcome)
        # What a browser keeps it can show again without an entry.
        patch_cache_control(response, no_store=True)
        return response

    def _declared(self, request: Any, kwargs: dict[str, Any], response: Any) -> None:
        """Refuse a stream that nobody declared; let a declared one write no entry once it runs."""
        if not self.streams:
            self.keep(request, kwargs, Outcome("failed", "undeclared-stream"))
            raise Misuse(f"the view of {self.verb} streams: guard(..., streams=True) has to say so")
        chunks = response.streaming_content
        response.streaming_content = _silent_async(chunks) if response.is_async else _silent(chunks)

    def _keep_without_act(self, request: Any, kwargs: dict[str, Any], response: Any, shown: Outcome) -> None:
        if request.method in SAFE:
            if not self.shows:
                raise Misuse(
                    f"the view of {self.verb} shows something: guard(..., shows=verb) has to say what"
                )
            self.keep(request, kwargs, shown, self.shows)
        elif isinstance(response, ApiResponse):
            self.keep(request, kwargs, Outcome("failed", "repeated"))
        else:
            self.keep(request, kwargs, Outcome("failed", "nothing-done"))


def guard(
    verb: str,
    object: Callable[..., Ref],
    reason: Reason | Callable[..., Reason | None] | None = None,
    acts: bool = False,
    shows: str = "",
    streams: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function view, a method of a class-based view, or an async one of either.

    object, reason: called with the request and the view's keyword arguments.
    acts: its service records what was done. shows: the verb of what its GET shows, if it has one.
    streams: it may answer with a stream, whose entry commits before the first chunk is asked for.
    The view may set ``response.audit_n`` to tell how many objects it showed, for a stream
    ``response.audit_bytes`` (or Content-Length) how many bytes, and ``response.audit_parent`` to name the
    entry (its uid) that gave the right to look.
    """
    for name in (verb, shows) if shows else (verb,):
        if name not in VERBS:
            raise ValueError(f"{name} is not an audit verb")
    told = Guard(verb, object, reason, acts, shows, streams)

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        chosen = _held_async(view, told) if iscoroutinefunction(view) else _held(view, told)
        chosen.audit_verb = verb  # type: ignore[attr-defined]
        chosen.audit_guard = told  # type: ignore[attr-defined]
        return chosen

    return decorate


def _held(view: Callable[..., Any], told: Guard) -> Callable[..., Any]:
    """Return ``view`` with its answer held until its entry has committed."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        request = _request(args)
        with context.counting_entries() as written:
            try:
                response = _rendered(view(*args, **kwargs))
            except Exception as error:
                told.keep(request, kwargs, _refusal(error))
                raise
        return told.let_go(request, kwargs, response, written)

    return guarded


def _held_async(view: Callable[..., Any], told: Guard) -> Callable[..., Any]:
    keep, let_go, rendered = (sync_to_async(act) for act in (told.keep, told.let_go, _rendered))

    @functools.wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        request = _request(args)
        with context.counting_entries() as written:
            try:
                response = await rendered(await view(*args, **kwargs))
            except Exception as error:
                await keep(request, kwargs, _refusal(error))
                raise
        return await let_go(request, kwargs, response, written)

    return guarded


def _request(args: tuple[Any, ...]) -> Any:
    return args[0] if hasattr(args[0], "META") else args[1]


def _rendered(response: Any) -> Any:
    """Render a page's template now: one that fails then is a failure in the log too.

    The API's answers are rendered later, by what the client accepts; their values are complete here.
    """
    lazy = isinstance(response, SimpleTemplateResponse) and not isinstance(response, ApiResponse)
    return response.render() if lazy and not response.is_rendered else response


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


def _shown(request: Any, response: Any) -> Outcome:
    """Return what this answer lets out. A HEAD shows no body; a 304 says that they hold it already."""
    if response.status_code >= 400:
        return _by_status(response.status_code)
    return Outcome("allowed", n=getattr(response, "audit_n", None), bytes=_size(request, response))


def _size(request: Any, response: Any) -> int | None:
    if request.method == "HEAD":
        return 0
    if getattr(response, "streaming", False):
        told = getattr(response, "audit_bytes", None) or response.headers.get("Content-Length")
        return int(told) if told is not None else None
    return len(response.content) if getattr(response, "is_rendered", True) else None


def _has_content(response: Any) -> bool:
    """Whether somebody would see something: a redirect and an empty answer show nothing."""
    if 300 <= response.status_code < 400 or response.status_code == 204:
        return False
    if getattr(response, "streaming", False) or not getattr(response, "is_rendered", True):
        return True
    return bool(response.content)


def _silent(chunks: Any) -> Iterator[bytes]:
    """Hand a stream on; an entry from inside it would come after the bytes before it."""
    inner = iter(chunks)
    while True:
        with context.no_entries():
            try:
                chunk = next(inner)
            except StopIteration:
                return
        yield chunk


async def _silent_async(chunks: Any) -> AsyncIterator[bytes]:
    inner = aiter(chunks)
    while True:
        with context.no_entries():
            try:
                chunk = await anext(inner)
            except StopAsyncIteration:
                return
        yield chunk
