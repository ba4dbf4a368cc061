"""The log over HTTP, for the same readers as the page."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import permissions, questions, selectors, sentences
from audit.guard import guard
from audit.views import PAGE_ROWS, log_ref
from csoc.lib import clock


class Entries(APIView):
    """``GET /api/v1/audit/entries/?actor&object&verb&since&before``: newest first, paged by index."""

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @guard("audit.view", object=log_ref)
    def get(self, request: Request) -> Response:
        """Return one page of entries as lines and sentences."""
        permissions.require_reader(request.user)
        found = selectors.entries(questions.parse(request.query_params), PAGE_ROWS + 1)
        rows = [_wire(sentences.tell(row)) for row in found[:PAGE_ROWS]]
        next_before = found[PAGE_ROWS - 1].idx if len(found) > PAGE_ROWS else None
        response = Response({"entries": rows, "next_before": next_before})
        response.audit_n = len(rows)  # type: ignore[attr-defined]
        return response


def _wire(told: sentences.Told) -> dict[str, Any]:
    return {
        "index": told.idx,
        "at": clock.wire(told.at),
        "sentence": f"{told.who} {told.what}" + (f", {told.why}" if told.why else ""),
        "entry": told.entry,
        "line": told.line,
        "leaf": told.leaf,
    }
