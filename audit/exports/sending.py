"""Hands a finished zip out in pieces. No byte is read before the guard has let the answer go."""

import asyncio
import os
from collections.abc import AsyncIterator
from io import RawIOBase

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from audit.exports import folder
from audit.models import ExportRequest
from csoc.lib.errors import Refused


class Sent(StreamingHttpResponse):
    """A zip as a download. ``audit_n`` and ``audit_bytes`` are for the guard's entry.

    Errors: Refused (410) when the file is gone or is not the one that was built.
    """

    def __init__(self, request: ExportRequest) -> None:
        path = folder.finished(request.name)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise _gone() from None
        if os.fstat(file.fileno()).st_size != request.bytes:
            file.close()
            raise _gone()
        super().__init__(_pieces(file), content_type="application/zip")
        self._resource_closers.append(file.close)  # type: ignore[attr-defined]
        self["Content-Length"] = str(request.bytes)
        self["Content-Disposition"] = f'attachment; filename="{path.name}"'
        self["X-Content-SHA256"] = request.sha256
        self.audit_n, self.audit_bytes = request.entries, request.bytes


async def _pieces(file: RawIOBase) -> AsyncIterator[bytes]:
    """Yield an open file: deleting it meanwhile does not tear a download apart. Memory: one piece."""
    with file:
        while piece := await asyncio.to_thread(file.read, folder.CHUNK_BYTES):
            yield piece


def _gone() -> Refused:
    return Refused("gone", _("The file is not where it was put. Ask for the export again."), 410)
