"""Every address of the console, walked by people who have not signed in fully: nothing shows."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import openings
from tests.accounts.people import add_user

pytestmark = pytest.mark.django_db

SAMPLES = {
    "int": "1",
    "str": "x",
    "slug": "x",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "path": "x",
}


def routes(resolver: URLResolver, prefix: str = "/") -> Iterator[tuple[str, str]]:
    """Every route as (name, path with sample values)."""
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern).lstrip("^").rstrip("$")
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
            continue
        for converter, sample in SAMPLES.items():
            for name in entry.pattern.converters:
                path = path.replace(f"<{converter}:{name}>", sample).replace(f"<{name}>", "x")
        yield entry.name or "", path


def all_routes() -> list[tuple[str, str]]:
    found = list(routes(get_resolver()))
    assert len(found) > 40 and not [path for _name, path in found if "<" in path]
    return found


def is_opened_by_prefix(path: str) -> bool:
    return path.startswith(tuple(openings.OPEN_PREFIXES))


def test_nobody_sees_a_page_without_signing_in():
    client = Client(raise_request_exception=False)
    for name, path in all_routes():
        if name in openings.OPEN or is_opened_by_prefix(path):
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(path)
            assert answer.status_code == 302, (method, path, answer.status_code)
            assert answer["Location"].startswith("/accounts/login/"), path


def test_nobody_gets_data_from_the_api_without_a_session_or_signature():
    client = Client(raise_request_exception=False)
    for name, path in all_routes():
        if name in openings.OPEN or not path.startswith(("/api/", "/internal/", "/gateway/")):
            continue
        for method in ("get", "post", "put", "patch", "delete"):
            answer = getattr(client, method)(path)
            assert 400 <= answer.status_code < 500, (method, path, answer.status_code)
            if path.startswith("/api/"):
                assert answer["Content-Type"] == "application/problem+json", (method, path)


@pytest.mark.parametrize("roles", [("administrator", "privacy_officer"), ("dispatcher", "supervisor")])
def test_a_password_alone_opens_only_the_set_up(boss, roles):
    user = add_user(boss, "r.vale", *roles).user
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="accounts.backends.PersonBackend")
    for name, path in all_routes():
        if name in openings.SET_UP:
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(path, headers={"accept": "application/json"})
            if name.startswith("device-"):
                # A device's door reads no cookie: it refuses this person as it refuses anybody.
                assert answer.status_code in (401, 405, 413, 415), (method, path, answer.status_code)
                continue
            assert answer.status_code == 403, (method, path, answer.status_code)
            assert answer.json()["type"] == "/problems/second-factor-required", path


def test_urlpatterns_have_names():
    unnamed = [path for name, path in all_routes() if not name]
    assert unnamed == []


def test_the_walk_knows_every_kind_of_route():
    assert all(isinstance(entry, URLPattern | URLResolver) for entry in get_resolver().url_patterns)
