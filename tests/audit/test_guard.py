"""A guarded view lets nothing out before its entry stands, whatever kind of view it is."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import ProgrammingError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from csoc.lib.errors import Refused
from tests.audit.conftest import ALERT

Connect = Callable[[str], psycopg.Connection[Any]]
SECRET = b"plate ABCD123"


def ref(request: Any, **kwargs: Any) -> audit.Ref:
    """What the test views show."""
    return audit.Ref("alert", kwargs.get("alert_id", ALERT.id), "DEMO-PS")


@audit.guard("alert.view", object=ref, reason=audit.Reason("gunshot"))
def shows(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """A page with something to protect."""
    response = HttpResponse(SECRET)
    response.audit_n = 1  # type: ignore[attr-defined]
    return response


@audit.guard("alert.view", object=ref)
def streams(request: HttpRequest) -> StreamingHttpResponse:
    """A long answer."""
    return StreamingHttpResponse(iter([SECRET]))


@audit.guard("alert.view", object=ref)
async def shows_async(request: HttpRequest) -> HttpResponse:
    """The same, asynchronous."""
    return HttpResponse(SECRET)


class Shows(APIView):
    """The same, by the API."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    @audit.guard("alert.view", object=ref)
    def get(self, request: Any) -> Response:
        """Show."""
        return Response({"plate": SECRET.decode()})


def fails(error: Exception, *, acts: bool = False) -> Callable[..., Any]:
    """A view that raises."""

    @audit.guard("alert.close", object=ref, acts=acts)
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        raise error

    return view


@pytest.fixture
def inbox(connect_as: Connect, person: audit.Actor) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Read the entries that wait."""
    connection = connect_as("postgres")

    def read() -> list[dict[str, Any]]:
        rows = connection.execute("SELECT body FROM audit_inbox ORDER BY seq").fetchall()
        return [json.loads(body) for (body,) in rows]

    yield read


@pytest.fixture
def broken(connect_as: Connect, person: audit.Actor) -> None:
    """The log takes nothing."""
    connect_as("csoc_owner").execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")


GET = RequestFactory().get("/x/")
Inbox = Callable[[], list[dict[str, Any]]]


def test_a_shown_page_is_one_entry_with_its_size(inbox: Inbox) -> None:
    assert shows(GET).content == SECRET
    (entry,) = inbox()
    assert entry["verb"] == "alert.view"
    assert entry["outcome"] == {"result": "allowed", "n": 1, "bytes": len(SECRET)}
    assert entry["reason"] == {"code": "gunshot"}


REFUSALS: list[tuple[Exception, dict[str, str]]] = [
    (Refused("not-acknowledged", "No.", 403), {"result": "denied", "code": "not-acknowledged"}),
    (Refused("stale-version", "No.", 409), {"result": "failed", "code": "stale-version"}),
    (PermissionDenied(), {"result": "denied", "code": "not-permitted"}),
    (Http404(), {"result": "denied", "code": "not-found"}),
    (NotAuthenticated(), {"result": "denied", "code": "http-401"}),
    (ZeroDivisionError(), {"result": "failed", "code": "error"}),
]


def test_a_refusal_is_an_entry_too(inbox: Inbox) -> None:
    for acts in (False, True):
        for error, outcome in REFUSALS:
            with pytest.raises(type(error)):
                fails(error, acts=acts)(GET)
            assert inbox()[-1]["outcome"] == outcome
    assert len(inbox()) == 2 * len(REFUSALS)


def test_an_act_that_succeeds_is_recorded_by_its_service_only(inbox: Inbox) -> None:
    view = audit.guard("alert.close", object=ref, acts=True)(lambda request: HttpResponse(b"done"))
    assert view(GET).content == b"done"
    assert inbox() == []


def test_a_hostile_address_does_not_break_the_entry(inbox: Inbox) -> None:
    for name in ("x\n\x00y", "x" * 5_000, ""):
        with pytest.raises(Http404):
            fails(Http404())(GET, alert_id=name)
    assert {entry["object"]["id"] for entry in inbox()} == {"unreadable"}


def test_with_the_log_broken_not_one_byte_leaves(broken: None) -> None:
    for view in (shows, streams):
        with pytest.raises(ProgrammingError):
            view(GET)
    with pytest.raises(ProgrammingError):
        Shows.as_view()(GET)


def test_with_the_log_broken_a_refusal_still_shows_nothing(broken: None) -> None:
    with pytest.raises(ProgrammingError):
        fails(Refused("not-acknowledged", "No.", 403))(GET)


def test_the_api_and_the_stream_are_entries(inbox: Inbox) -> None:
    assert Shows.as_view()(GET).data == {"plate": SECRET.decode()}
    answer = streams(GET)
    assert len(inbox()) == 2, "the entry of a stream stands before its first chunk"
    assert b"".join(answer) == SECRET


def test_an_async_view_is_guarded_too(inbox: Inbox, connect_as: Connect) -> None:
    async def ask() -> Any:
        answer = await shows_async(GET)
        await sync_to_async(_close_thread)()
        return answer

    assert asyncio.run(ask()).content == SECRET
    assert len(inbox()) == 1
    connect_as("csoc_owner").execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")
    with pytest.raises(ProgrammingError):
        asyncio.run(ask())


def _close_thread() -> None:
    from django.db import connections

    connections.close_all()
