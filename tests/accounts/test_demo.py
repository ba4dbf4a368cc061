"""One-click sign-in: the whole cast in a demonstration, and nothing of it in production."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory

from accounts import cast as people_of
from accounts import checks, demo
from csoc.lib.errors import Misuse
from tests.accounts.people import add_user

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("member", people_of.CAST, ids=lambda member: member.key)
def test_one_click_gives_a_full_session(cast, entries, member):
    client = Client()
    entries.clear()
    answer = client.post("/demo/sign-in/", {"username": member.key}, content_type="application/json")
    assert answer.status_code == 204 and answer.content == b""
    assert client.get("/account/").status_code == 200
    assert entries.verbs == ["auth.sign_in"]
    assert {entry["actor"]["auth"] for entry in entries} == {"demonstration"}


def test_the_buttons_are_on_the_page_and_work(cast):
    client = Client()
    page = client.get("/accounts/login/").content.decode()
    for member in people_of.CAST:
        assert f'value="{member.key}"' in page and member.name in page
    assert client.post("/demo/sign-in/", {"username": "supervisor"})["Location"] == "/"


def test_it_changes_from_one_person_to_another(cast):
    client = Client()
    client.post("/demo/sign-in/", {"username": "supervisor"})
    client.post("/demo/sign-in/", {"username": "dispatcher"})
    assert "Avery Singh" in client.get("/account/").content.decode()


def test_only_the_cast_comes_in_this_way(cast, boss):
    add_user(boss, "r.vale", "dispatcher")
    for body in ({"username": "r.vale"}, {"username": "nobody"}, {"username": ""}):
        client = Client()
        answer = client.post("/demo/sign-in/", body, content_type="application/json")
        assert answer.status_code == 404 and answer.json()["type"] == "/problems/not-found"
        assert client.get("/account/").status_code == 302


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"username":"a","username":"dispatcher"}', 400),
        (b'{"username":"\\u0000"}', 400),
        (b'{"username":"\\ud800"}', 400),
        (b"[" * 900, 400),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"username":7}', 422),
        (b"\xff\xfe", 400),
    ],
)
def test_bad_bodies(body, status):
    answer = Client().generic("POST", "/demo/sign-in/", body, content_type="application/json")
    assert answer.status_code == status and answer["Content-Type"] == "application/problem+json"


def test_it_wants_the_csrf_token_and_a_post(cast):
    assert (
        Client(enforce_csrf_checks=True).post("/demo/sign-in/", {"username": "dispatcher"}).status_code == 403
    )
    assert Client().get("/demo/sign-in/").status_code == 405


def test_in_production_it_does_nothing(cast, settings):
    settings.IS_DEMO = False
    request = RequestFactory().post("/demo/sign-in/")
    with pytest.raises(Misuse):
        demo.open_session(request=request, username="dispatcher")
    assert "cast-one" not in Client().get("/accounts/login/").content.decode()


def test_production_refuses_to_start_with_it(cast, settings):
    assert checks.no_demo_sign_in(None) == [] and checks.no_cast(None, databases=["default"]) == []
    settings.IS_DEMO = False
    assert [error.id for error in checks.no_demo_sign_in(None)] == ["accounts.E001"]
    assert [error.id for error in checks.no_cast(None, databases=["default"])] == ["accounts.E003"]


def test_the_first_migration_is_not_asked_about_people(settings, monkeypatch):
    """`migrate` runs this check too, on a database that has no tables yet."""
    settings.IS_DEMO = False
    monkeypatch.setattr(checks.connection.introspection, "table_names", list)
    assert checks.no_cast(None, databases=["default"]) == []


def test_production_cannot_even_mount_it(settings, monkeypatch):
    settings.IS_DEMO = False
    monkeypatch.delitem(sys.modules, "accounts.demo_urls", raising=False)
    with pytest.raises(ImproperlyConfigured):
        __import__("accounts.demo_urls")


def test_the_gates_must_stand_in_their_order(settings):
    assert checks.gates_in_order(None) == []
    settings.MIDDLEWARE = list(reversed(settings.MIDDLEWARE))
    assert [error.id for error in checks.gates_in_order(None)] == ["accounts.E002"]


def test_a_production_process_has_no_such_address():
    """A real process with CSOC_ENV unset: the address does not resolve."""
    made = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django; django.setup()\n"
            "from django.urls import reverse, NoReverseMatch\n"
            "try:\n    print(reverse('demo-sign-in'))\nexcept NoReverseMatch:\n    print('absent')",
        ],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key not in ("CSOC_ENV",)}
        | {
            "CSOC_SECRET_KEY": "k" * 64,
            "CSOC_GATEWAY_SECRET": "g" * 40,
            "CSOC_PUBLIC_URL": "https://csoc.example.org",
            "CSOC_AUDIT_ORIGIN": "csoc.example.org/audit",
            "DJANGO_SETTINGS_MODULE": "csoc.settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.stdout.strip() == "absent", made.stderr[-2000:]
