"""The log over HTTP, for the same readers as the page."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import permissions, proofs, questions, selectors, sentences
from audit.guard import guard
from audit.log_page import ROWS
from audit.reviewing import flags
from audit.views import log_ref
from csoc.lib import clock


class Entries(APIView):
    """``GET /api/v1/audit/entries/?q&before``: newest first, paged by index.

    ``actor``, ``object``, ``verb`` and ``since`` may stand alone instead of in ``q``. A question that cannot
    be understood is 400 ``bad-filter`` with ``start`` and ``end``, the place in ``q``.
    """

    @extend_schema(
        parameters=[OpenApiParameter("q", str), OpenApiParameter("before", int)],
        responses=OpenApiTypes.OBJECT,
    )
    @guard("audit.view", object=log_ref)
    def get(self, request: Request) -> Response:
        """Return one page of entries: sentence, line, proof state and flags of each."""
        permissions.require_reader(request.user)
        question = questions.parse(questions.from_query(request.query_params))
        found = selectors.page(question, ROWS, questions.index(request.query_params, "before"))
        response = Response(_page(question, found))
        response.audit_n = len(found.rows)  # type: ignore[attr-defined]
        return response


def _page(question: questions.Question, found: selectors.Page) -> dict[str, Any]:
    states, raised = proofs.of_entries(found.rows), flags.of_entries(row.idx for row in found.rows)
    return {
        "question": question.canonical,
        "entries": [
            _wire(sentences.tell(row), states[row.idx], raised.get(row.idx, [])) for row in found.rows
        ],
        "next_before": found.rows[-1].idx if found.more else found.searched_to,
        "count": found.count,
        "searched_to": found.searched_to,
    }


def _wire(told: sentences.Told, state: str, raised: list[str]) -> dict[str, Any]:
    return {
        "index": told.idx,
        "at": clock.wire(told.at),
        "sentence": f"{told.who} {told.what}" + (f", {told.why}" if told.why else ""),
        "proof": state,
        "flags": raised,
        "entry": told.entry,
        "line": told.line,
        "leaf": told.leaf,
    }
