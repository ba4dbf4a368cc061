"""One hop per request: the whole synchronous stack runs in a small fixed pool of threads.

Django's own ASGI handler hops to a thread and back once per middleware and phase, which cost more than
the work itself. Here a request is handed over once; the queue is bounded, and a full one answers 503 at
once instead of late.

What trailers post takes the same hop by a shorter way (`DeviceHandler`): no session, no cookie, no page.
"""

import asyncio
import contextvars
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from csoc.lib.problems import problem

#: Threads are few because the interpreter runs one at a time; they overlap only in the database's time.
THREADS = 16
#: Requests that may wait: about two seconds of work.
WAITING = 256


class PooledHandler(ASGIHandler):
    """Django's handler with its middleware loaded synchronously and run in ``THREADS`` threads."""

    def __init__(self) -> None:
        # Not ASGIHandler's own: that one loads the middleware for async use.
        self.load_middleware(is_async=False)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._under_way = 0

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        """Answer in the pool."""
        response: Any = await self.in_pool(self._answer, request)
        response._handler_class = self.__class__
        return response

    async def in_pool(self, answer: Callable[..., HttpResponseBase], *values: Any) -> HttpResponseBase:
        """Run ``answer(*values)`` in the pool, in a copy of this task's context; 503 when too many wait."""
        if self._under_way >= THREADS + WAITING:
            return problem("unavailable", _("The console is busy. Try again in a moment."), 503)
        self._under_way += 1
        try:
            run: Any = contextvars.copy_context().run
            return await asyncio.get_running_loop().run_in_executor(self._pool, run, answer, *values)
        finally:
            self._under_way -= 1

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        """Run the stack and give the thread's database connections back."""
        try:
            return self.get_response(request)
        finally:
            give_back()


class DeviceHandler(BaseHandler):
    """The short way of what trailers post: whole in, one hop, whole out.

    ``settings.DEVICE_MIDDLEWARE`` is around it and ``settings.DEVICE_URLCONF`` below it. Django's own way
    would hop three times more and start a thread for each request (signals, a watch for hang-ups, closing).
    """

    def __init__(self, pooled: PooledHandler) -> None:
        self._pooled = pooled
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        chain: Any = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]
        for path in reversed(settings.DEVICE_MIDDLEWARE):
            middleware = import_string(path)(chain)
            if hasattr(middleware, "process_exception"):
                self._exception_middleware.append(middleware.process_exception)
            chain = convert_exception_to_response(middleware)
        self._middleware_chain = chain

    @staticmethod
    def takes(scope: dict[str, Any]) -> bool:
        """Whether this is a trailer's post. With a cookie it may be a person's, which sessions judge."""
        posted = scope["method"] == "POST" and scope["path"] in settings.DEVICE_PATHS
        return posted and not any(name == b"cookie" for name, _value in scope["headers"])

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request. The server has bounded its body already (csoc/server.py)."""
        try:
            body = await _whole_body(receive)
        except RequestAborted:
            return
        response: Any = await self._pooled.in_pool(self._answer, scope, body)
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.content})

    def _answer(self, scope: dict[str, Any], body: bytes) -> HttpResponseBase:
        try:
            request = ASGIRequest(scope, io.BytesIO(body))
            request.urlconf = settings.DEVICE_URLCONF
            return self.get_response(request)
        finally:
            give_back()


async def _whole_body(receive: Any) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestAborted
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def give_back() -> None:
    """Give this thread's database connections back to their pools."""
    for connection in connections.all(initialized_only=True):
        connection.close()
