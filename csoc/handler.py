"""One hop per request: the whole synchronous stack runs in a small fixed pool of threads.

Django's own ASGI handler hops to a thread and back once per middleware and phase, which cost more than
the work itself. Here a request is handed over once; the queue is bounded, and a full one answers 503 at
once instead of late.
"""

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
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
        """Answer in the pool, in a copy of this task's context."""
        if self._under_way >= THREADS + WAITING:
            return problem("unavailable", _("The console is busy. Try again in a moment."), 503)
        self._under_way += 1
        try:
            run: Any = contextvars.copy_context().run
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._pool, run, self._answer, request)
        finally:
            self._under_way -= 1
        response._handler_class = self.__class__
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        """Run the stack and give the thread's database connections back."""
        try:
            return self.get_response(request)
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()
