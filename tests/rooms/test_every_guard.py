"""H13, generated: every guarded route is really asked with the log broken, and nothing of it leaves.

The right person, signed in, with real arguments: the same request succeeds once the log is mended. Whoever
adds a guarded route adds its case to ``log_down_cases``, or this fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from deployments.owner import texts
from tests.contract.place import Browser, own_place
from tests.rooms.guards import guards, is_function, methods_named, patterns, unguarded
from tests.rooms.log_down_cases import CASES, MARKER, Ask
from tests.rooms.log_standing import BREAKAGES, STAGED, Standing, simulator

SENTENCE = "The log is down: nothing was done or shown. Act by radio."
PROBLEM = {"type": "/problems/log-down", "title": "log down", "status": 500, "detail": SENTENCE}
OTHERS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def standing(
    servers: Any, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Standing]:
    """A console of its own: its log is broken again and again."""
    folder = tmp_path_factory.mktemp("down")
    with (
        simulator() as url,
        own_place(servers, folder, django_db_blocker, CSOC_SIMULATOR_URL=url) as place,
    ):
        yield Standing(place, folder)


@pytest.fixture(autouse=True)
def _unblocked(django_db_blocker: Any, clock: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def ask(who: Browser, method: str, wish: Ask) -> httpx.Response:
    """Send the request as this person's browser would."""
    sent: dict[str, Any] = {"data": wish.form} if wish.form is not None else {"json": wish.body}
    if wish.files is not None:
        sent["files"] = wish.files
    headers = who.token | ({"If-Match": str(wish.version)} if wish.version else {})
    return who.http.request(
        method, wish.path, headers=headers, **(sent if method in ("POST", "PATCH") else {})
    )


def words(page: str) -> str:
    """What a page says, without its marks and scripts."""
    shown = re.sub(r"(?s)<(script|style|head).*?</\1>|<[^>]+>", " ", page)
    return " ".join(unescape(shown).split())


def error_page(who: Browser) -> str:
    """What the generic error page says to this person: the one of an address that is not there."""
    told = who.get("/there-is-no-such-page/")
    assert told.status_code == 404
    found = words(told.text)
    assert found.count("here") >= 1
    return re.sub(r"(?<=Not possible ).*?(?= Back to the start)", SENTENCE, found)


def owners_error_page(who: Browser) -> str:
    """What a property owner is told: a number to call instead of the radio, and nothing else either."""
    told, said = who.get("/consent/there-is-no-such-link/"), texts.of("en")
    assert told.status_code == 404
    return words(told.text).replace(said.say("refused.unknown"), said.say("refused.log_down"))


def is_generic(who: Browser, answer: httpx.Response) -> None:
    """The one error, and nothing else at all: no byte of what the view would have shown."""
    assert answer.status_code == 500, (answer.status_code, answer.text[:300])
    if answer.headers["content-type"] == "application/problem+json":
        assert answer.json() == PROBLEM
    elif "dist/owner.css" in answer.text:
        assert words(answer.text) == owners_error_page(who)
    else:
        assert words(answer.text) == error_page(who)
    assert MARKER not in answer.text and "ZZDEM01" not in answer.text
    assert not set(answer.headers) & {"content-disposition", "location", "etag"}


def others_of(route: str) -> set[str]:
    """The methods of a route that have a case of their own, or need no guard (and HEAD with GET)."""
    free = {method for name, method in unguarded() if name == route}
    return free | {method for name, method in CASES if name == route} | ({"HEAD"} if "GET" in free else set())


def test_every_guarded_route_has_its_case() -> None:
    assert set(guards()) - set(CASES) == set(), "add the route's request to tests/rooms/log_down_cases.py"
    assert set(CASES) - set(guards()) == set(), "cases of routes that are gone"
    assert len(CASES) > 25


@pytest.mark.parametrize(("route", "method"), sorted(CASES))
def test_with_the_log_broken_nothing_leaves_and_nothing_is_done(
    standing: Standing, route: str, method: str
) -> None:
    who = standing.place.person(CASES[route, method].role)
    wish = CASES[route, method].make(standing)
    staged = len(STAGED)
    before = standing.rows()
    for how in BREAKAGES:
        with standing.broken(how):
            is_generic(who, ask(who, method, wish))
    with standing.broken("no table"):
        for other in OTHERS - others_of(route):
            answer = ask(who, other, wish)
            assert answer.status_code in (405, 500), (other, answer.status_code)
            assert MARKER not in answer.text and len(answer.content) < 9000
    assert standing.rows() == before
    assert len(STAGED) == staged, "nothing was staged"
    answer = ask(who, method, wish)
    assert answer.status_code < 400, (answer.status_code, answer.text[:500])


def test_the_test_would_see_what_leaks(standing: Standing) -> None:
    who = standing.place.person("dispatcher")
    wish = CASES["alert-detail", "GET"].make(standing)
    shown = ask(who, "GET", wish)
    assert MARKER in shown.text
    with pytest.raises(AssertionError):
        is_generic(who, shown)


def test_every_guarded_function_view_names_its_methods() -> None:
    loose = [p.name for p in patterns() if is_function(p.callback) and methods_named(p.callback) == {"*"}]
    assert loose == [], "require_safe, require_POST or require_http_methods goes around the guard"


def test_every_case_is_asked_by_somebody_of_the_cast() -> None:
    from accounts.cast import USERNAMES

    assert {case.role for case in CASES.values()} <= set(USERNAMES)
