"""Which lines a request asks for, read in pieces: no statement is long and no list grows with the log."""

from collections.abc import Iterator

from django.db.models import QuerySet

from audit import questions, selectors
from audit.context import acting_as
from audit.entry import Actor
from audit.models import Entry, ExportRequest

LINES_AT_ONCE = 2_000

Line = tuple[int, str]


def reader(request: ExportRequest) -> Actor:
    """Return as whom the log is read: the person who asked, so that they get what they may see."""
    return Actor("person", request.requester, agency=request.agency, name=request.requester_name)


def lines(request: ExportRequest, size: int) -> QuerySet[Entry]:
    """Return the lines asked for among the first ``size``, whoever they belong to.

    A question only ever finds what the person who asked may see. The caller acts as ``reader(request)``.
    """
    match request.kind:
        case ExportRequest.Kind.ACTOR:
            return Entry.objects.filter(actor=request.subject, idx__lt=size)
        case ExportRequest.Kind.OBJECT:
            return Entry.objects.filter(object=request.subject, idx__lt=size)
        case ExportRequest.Kind.RANGE:
            return Entry.objects.filter(idx__gte=request.first, idx__lte=request.last)
    asked = questions.parse(request.question, request.asked_at)
    return selectors.matching(asked).filter(idx__lt=size)


def count(request: ExportRequest, size: int) -> tuple[int, int]:
    """Return how many lines it asks for, and how many of them the person who asked may not see."""
    with acting_as(reader(request)):
        wanted = lines(request, size)
        total = wanted.count()
        if request.kind == ExportRequest.Kind.QUESTION:
            return total, 0
        return total, total - (wanted & selectors.entries_visible_to_actor()).count()


def batches(request: ExportRequest, size: int) -> Iterator[list[Line]]:
    """Yield the lines as (index, text) by ascending index, at most 2,000 at a time."""
    after = -1
    with acting_as(reader(request)):
        wanted = lines(request, size).order_by("idx").values_list("idx", "line")
    while found := list(wanted.filter(idx__gt=after)[:LINES_AT_ONCE]):
        yield found
        after = found[-1][0]
