"""A guarded view lets nothing out before its entry stands, whatever kind of view it is."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory
from django.views.decorators.http import condition
from rest_framework.exceptions import NotAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from csoc.lib.errors import LogDown, Misuse, Refused
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


def chunks(log: list[str]) -> Iterator[bytes]:
    """A long answer that tells when it begins to run."""
    log.append("began")
    yield SECRET
    yield SECRET


RAN: list[str] = []


@audit.guard("alert.view", object=ref, streams=True)
def streams(request: HttpRequest) -> StreamingHttpResponse:
    """A declared stream."""
    return StreamingHttpResponse(chunks(RAN))


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


@audit.guard("alert.close", object=ref, acts=True, shows="alert.view")
def acts(request: HttpRequest) -> HttpResponse:
    """A form, an act, and a form with mistakes."""
    if request.method == "POST" and "good" in request.POST:
        with transaction.atomic():
            audit.record("alert.close", ALERT)
    if request.method == "POST" and "undone" in request.POST:
        with suppress(ZeroDivisionError), transaction.atomic():
            audit.record("alert.close", ALERT)
            raise ZeroDivisionError
    return HttpResponse(SECRET)


def test_an_act_that_succeeds_is_recorded_by_its_service_only(inbox: Inbox) -> None:
    assert acts(RequestFactory().post("/x/", {"good": "1"})).content == SECRET
    [entry] = inbox()
    assert (entry["verb"], entry["outcome"]) == ("alert.close", {"result": "allowed"})


def test_what_an_acting_view_shows_without_acting_is_an_entry_too(inbox: Inbox) -> None:
    assert acts(GET).content == SECRET
    assert acts(RequestFactory().post("/x/")).content == SECRET
    assert acts(RequestFactory().post("/x/", {"undone": "1"})).content == SECRET
    assert [(entry["verb"], entry["outcome"]) for entry in inbox()] == [
        ("alert.view", {"result": "allowed", "bytes": len(SECRET)}),
        ("alert.close", {"result": "failed", "code": "nothing-done"}),
        ("alert.close", {"result": "failed", "code": "nothing-done"}),
    ]


def test_what_a_get_shows_is_an_entry_whatever_else_was_written(inbox: Inbox) -> None:
    @audit.guard("alert.close", object=ref, acts=True, shows="alert.view")
    def view(request: HttpRequest) -> HttpResponse:
        audit.commit("audit.view", ALERT)
        return HttpResponse(SECRET)

    for request in (GET, RequestFactory().head("/x/"), RequestFactory().post("/x/")):
        view(request)
    assert [entry["verb"] for entry in inbox()] == ["audit.view", "alert.view"] * 2 + ["audit.view"]


def test_an_acting_view_that_shows_by_get_has_to_say_what(inbox: Inbox) -> None:
    view = audit.guard("alert.close", object=ref, acts=True)(lambda request: HttpResponse(SECRET))
    for request in (GET, RequestFactory().head("/x/")):
        with pytest.raises(Misuse, match="shows"):
            view(request)


def test_a_redirect_and_an_empty_answer_show_nothing(inbox: Inbox) -> None:
    for answer in (HttpResponseRedirect("/"), HttpResponse(status=204)):
        view = audit.guard("alert.close", object=ref, acts=True)(lambda request, answer=answer: answer)
        assert view(RequestFactory().post("/x/")) is answer
    assert inbox() == []


def test_an_api_s_act_sent_twice_is_an_entry_of_its_own(inbox: Inbox) -> None:
    class Again(Shows):
        @audit.guard("alert.close", object=ref, acts=True)
        def post(self, request: Any) -> Response:
            return Response({"state": "closed"})

    assert Again.as_view()(RequestFactory().post("/x/")).status_code == 200
    assert [entry["outcome"] for entry in inbox()] == [{"result": "failed", "code": "repeated"}]


def test_no_browser_keeps_what_was_guarded(inbox: Inbox) -> None:
    for answer in (shows(GET), acts(GET), streams(GET), Shows.as_view()(GET)):
        assert "no-store" in answer["Cache-Control"]


def test_a_hostile_address_does_not_break_the_entry(inbox: Inbox) -> None:
    for name in ("x\n\x00y", "x" * 5_000, ""):
        with pytest.raises(Http404):
            fails(Http404())(GET, alert_id=name)
    assert {entry["object"]["id"] for entry in inbox()} == {"unreadable"}


def test_with_the_log_broken_not_one_byte_leaves(broken: None) -> None:
    for view in (shows, streams, acts, undeclared, from_file, page):
        with pytest.raises(LogDown):
            view(GET)
    with pytest.raises(LogDown):
        acts(RequestFactory().post("/x/"))
    told = Shows.as_view()(GET)
    assert (told.status_code, json.loads(told.content)["type"]) == (500, "/problems/log-down")
    assert b"ABCD123" not in told.content
    assert RAN == [], "no stream began to run"


def test_with_the_log_broken_a_refusal_still_shows_nothing(broken: None) -> None:
    with pytest.raises(LogDown):
        fails(Refused("not-acknowledged", "No.", 403))(GET)


def test_the_api_is_an_entry(inbox: Inbox) -> None:
    assert Shows.as_view()(GET).data == {"plate": SECRET.decode()}
    assert len(inbox()) == 1


# --- streams ----------------------------------------------------------------------------------------


@audit.guard("alert.view", object=ref)
def undeclared(request: HttpRequest) -> StreamingHttpResponse:
    """A stream that nobody declared."""
    return StreamingHttpResponse(chunks(RAN))


@audit.guard("alert.view", object=ref, streams=True)
def from_file(request: HttpRequest) -> FileResponse:
    """A file."""
    return FileResponse(io.BytesIO(SECRET), filename="x.bin")


@audit.guard("alert.view", object=ref, streams=True)
def records_inside(request: HttpRequest) -> StreamingHttpResponse:
    """The trap: the first chunk is out before the entry."""

    def late() -> Iterator[bytes]:
        yield b"nothing yet"
        audit.commit("alert.view", ALERT)
        yield SECRET

    return StreamingHttpResponse(late())


@pytest.fixture(autouse=True)
def _nothing_ran() -> Iterator[None]:
    RAN.clear()
    yield
    RAN.clear()


def test_a_stream_s_entry_stands_before_its_first_chunk_is_asked_for(inbox: Inbox) -> None:
    answer = streams(GET)
    assert len(inbox()) == 1 and RAN == []
    assert b"".join(answer) == SECRET * 2 and RAN == ["began"]


def test_a_stream_that_nobody_declared_does_not_leave(inbox: Inbox) -> None:
    with pytest.raises(Misuse, match="streams=True"):
        undeclared(GET)
    assert [entry["outcome"] for entry in inbox()] == [{"result": "failed", "code": "undeclared-stream"}]
    assert RAN == []


def test_a_stream_cannot_write_its_entry_on_the_way(inbox: Inbox) -> None:
    answer = iter(records_inside(GET))
    assert next(answer) == b"nothing yet"
    with pytest.raises(Misuse, match="running stream"):
        next(answer)
    assert len(inbox()) == 1
    audit.commit("alert.view", ALERT)


def test_a_file_is_an_entry_with_its_size_and_is_closed(inbox: Inbox) -> None:
    answer = from_file(GET)
    assert inbox()[0]["outcome"] == {"result": "allowed", "bytes": len(SECRET)}
    assert b"".join(answer) == SECRET
    answer.close()


def test_an_async_stream_is_held_too(inbox: Inbox) -> None:
    @audit.guard("alert.view", object=ref, streams=True)
    async def view(request: HttpRequest) -> StreamingHttpResponse:
        async def late() -> AsyncIterator[bytes]:
            yield SECRET
            await sync_to_async(audit.commit)("alert.view", ALERT)

        return StreamingHttpResponse(late())

    async def ask() -> list[bytes]:
        got = []
        answer = await view(GET)
        try:
            with pytest.raises(Misuse):
                async for chunk in answer:
                    got.append(chunk)
        finally:
            await sync_to_async(_close_thread)()
        return got

    assert asyncio.run(ask()) == [SECRET]
    assert len(inbox()) == 1


# --- other methods, other answers -------------------------------------------------------------------


@audit.guard("alert.view", object=ref)
def page(request: HttpRequest) -> SimpleTemplateResponse:
    """A template that is rendered later."""
    template = engines["django"].from_string(SECRET.decode() + "{{ broken }}")
    return SimpleTemplateResponse(template, {"broken": BROKEN.get("it", "")})


BROKEN: dict[str, Any] = {}


class Breaks:
    """Raises while a template shows it."""

    def __str__(self) -> str:
        raise ZeroDivisionError


def test_a_late_template_is_rendered_before_its_entry(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page(GET).content == SECRET
    assert inbox()[0]["outcome"] == {"result": "allowed", "bytes": len(SECRET)}
    monkeypatch.setitem(BROKEN, "it", Breaks())
    with pytest.raises(ZeroDivisionError):
        page(GET)
    assert inbox()[1]["outcome"] == {"result": "failed", "code": "error"}


def test_a_head_is_an_entry_that_showed_no_body(inbox: Inbox) -> None:
    shows(RequestFactory().head("/x/"))
    assert inbox()[0]["outcome"] == {"result": "allowed", "n": 1, "bytes": 0}


def test_not_modified_is_an_entry(inbox: Inbox) -> None:
    view = audit.guard("alert.view", object=ref)(
        condition(etag_func=lambda request: '"a"')(shows.__wrapped__)
    )  # type: ignore[attr-defined]
    answer = view(RequestFactory().get("/x/", headers={"If-None-Match": '"a"'}))
    assert (answer.status_code, answer.content) == (304, b"")
    assert inbox()[0]["outcome"] == {"result": "allowed", "bytes": 0}


def test_a_bad_answer_without_an_exception_is_a_refusal(inbox: Inbox) -> None:
    for status, result in ((403, "denied"), (404, "denied"), (409, "failed"), (500, "failed")):
        view = audit.guard("alert.view", object=ref)(lambda request, s=status: HttpResponse("no", status=s))
        view(GET)
        assert inbox()[-1]["outcome"] == {"result": result, "code": f"http-{status}"}


def test_a_view_names_the_entry_that_gave_the_right_to_look(inbox: Inbox) -> None:
    first = audit.commit("access.break_glass", ALERT)

    def shown(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(SECRET)
        response.audit_parent = first.uid  # type: ignore[attr-defined]
        return response

    audit.guard("alert.view", object=ref)(shown)(GET)
    assert inbox()[1]["parent"] == str(first.uid)


def test_a_guard_names_verbs_that_exist() -> None:
    with pytest.raises(ValueError, match="not an audit verb"):
        audit.guard("alert.close", object=ref, shows="alert.peep")


def test_an_async_view_is_guarded_too(inbox: Inbox, connect_as: Connect) -> None:
    async def ask() -> Any:
        answer = await shows_async(GET)
        await sync_to_async(_close_thread)()
        return answer

    assert asyncio.run(ask()).content == SECRET
    assert len(inbox()) == 1
    connect_as("csoc_owner").execute("REVOKE INSERT (uid, body) ON audit_inbox FROM csoc_app")
    with pytest.raises(LogDown):
        asyncio.run(ask())


def _close_thread() -> None:
    from django.db import connections

    connections.close_all()
