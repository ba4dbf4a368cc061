"""The administrator's pages."""

import pytest
from django.test import Client

from accounts import selectors, services
from accounts.models import Agency, Person, Role, Unit, User
from tests.accounts.people import add_user, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(boss):
    return sign_in(boss)


def paths(user: User) -> list[tuple[str, str]]:
    """What the pages do for everybody, then what they do with one person and one sign-in of theirs."""
    one = f"/access/u-{user.person.number}/"
    sign_in = f"{one}sign-ins/{user.username}/"
    return [
        ("get", "/access/"),
        ("get", "/access/add/"),
        ("post", "/access/add/"),
        ("get", one),
        ("get", f"{one}add-sign-in/"),
        ("post", f"{one}add-sign-in/"),
        ("post", f"{sign_in}roles/"),
        ("post", f"{sign_in}second-factor/"),
        ("get", f"{sign_in}close/"),
        ("post", f"{sign_in}close/"),
        ("post", f"{sign_in}open/"),
        ("get", f"{one}leave/"),
        ("post", f"{one}leave/"),
        ("post", f"{one}reinstate/"),
    ]


def at(user: User, act: str = "") -> str:
    """The address of the person, or of an act on this sign-in of theirs."""
    one = f"/access/u-{user.person.number}/"
    return f"{one}sign-ins/{user.username}/{act}/" if act else one


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.ADMINISTRATOR])
def test_every_page_is_the_administrators_alone(cast, role, entries):
    client, other = sign_in(cast[role]["user"]), cast["technician-2"]["user"]
    for method, path in paths(other):
        entries.clear()
        answer = getattr(client, method)(path)
        assert answer.status_code == 403, (method, path)
        assert "Only a person with the role administrator" in answer.content.decode()
        assert [entry["outcome"]["result"] for entry in entries] == ["denied"], (method, path)
    assert selectors.roles_of(User.objects.get(pk=other.pk)) == {"technician"}


def test_nobody_without_a_sign_in(cast):
    for method, path in paths(cast["technician"]["user"]):
        answer = getattr(Client(), method)(path)
        assert answer.status_code == 302 and answer["Location"].startswith("/accounts/login/")


def test_wrong_methods(admin, cast):
    user = cast["technician"]["user"]
    for path in (at(user, "roles"), at(user, "second-factor"), at(user, "open"), f"{at(user)}reinstate/"):
        assert admin.get(path).status_code == 405
    for path in ("/access/", at(user)):
        assert admin.post(path).status_code == 405


def test_the_list_and_its_filters(admin, cast):
    page = admin.get("/access/").content.decode()
    assert all(row["user"].person.name in page for row in cast.values())
    found = admin.get("/access/?role=dispatcher").content.decode()
    assert "Avery Singh" in found and "Dana Okafor" not in found
    assert "Dana Okafor" in admin.get("/access/?q=oka").content.decode()
    assert "Nobody matches" in admin.get("/access/?q=nobody-like-this").content.decode()
    assert "Nobody matches" in admin.get("/access/?left=on").content.decode()
    for odd in ("role=root", "q=%00", "q=" + "x" * 500, "q=%27%22%3Cb%3E", "left=maybe"):
        assert admin.get(f"/access/?{odd}").status_code == 200


def test_the_list_costs_the_same_for_many_people(admin, boss, django_assert_max_num_queries):
    for number in range(30):
        add_user(boss, f"person-{number}", "dispatcher")
    with django_assert_max_num_queries(25):
        admin.get("/access/")


def test_add_a_person(admin, cast, entries):
    unit = cast["administrator"]["user"].person.unit
    form = {
        "name": "Robin Vale",
        "badge": "77",
        "unit": unit.pk,
        "username": "R.Vale",
        "roles": ["dispatcher"],
    }
    entries.clear()
    answer = admin.post("/access/add/", form)
    user = User.objects.get(username="r.vale")
    password = answer.context["issued"].password
    assert answer.status_code == 200 and password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert user.check_password(password) and selectors.roles_of(user) == {"dispatcher"}
    assert entries.verbs == ["user.create", "role.grant"]
    assert password not in str(entries)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Ro\u202ebin"),
        ("name", "x" * 121),
        ("name", "a\x00b"),
        ("badge", ""),
        ("badge", "4471"),
        ("username", "dispatcher"),
        ("username", "has space"),
        ("unit", "999999"),
        ("unit", "'"),
        ("roles", "root"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(admin, cast, field, value):
    unit = cast["administrator"]["user"].person.unit
    form = {
        "name": "Robin Vale",
        "badge": "77",
        "unit": unit.pk,
        "username": "r.vale",
        "roles": ["dispatcher"],
    }
    answer = admin.post("/access/add/", form | {field: value})
    assert answer.status_code == 200 and field in answer.context["form"].errors
    assert "Robin Vale" in answer.content.decode() or field == "name", "what was typed stays"
    assert not User.objects.filter(username="r.vale").exists()


def test_a_hostile_name_is_shown_as_text(admin, boss):
    add_user(boss, "r.vale", name="<img src=x onerror=alert(1)>")
    page = admin.get("/access/?q=img").content.decode()
    assert "<img src=x" not in page and "&lt;img src=x" in page


def test_change_roles(admin, cast):
    user = cast["technician"]["user"]
    page = at(user, "roles")
    assert admin.get(at(user)).status_code == 200
    assert admin.post(page, {"roles": ["applicant", "technician"]}).status_code == 302
    assert selectors.roles_of(user) == {"applicant", "technician"}
    answer = admin.post(page, {"roles": ["dispatcher", "technician"]})
    assert "one person cannot be both" in answer.content.decode()
    assert selectors.roles_of(user) == {"applicant", "technician"}
    assert admin.post(page, {}).status_code == 302
    assert selectors.roles_of(user) == frozenset()


def test_not_ones_own(admin, boss):
    page = admin.get(at(boss)).content.decode()
    assert "This is you" in page and "add-sign-in" not in page and "/roles/" in page
    answer = admin.post(at(boss, "roles"), {"roles": ["administrator", "dispatcher"]})
    assert "Ask another administrator" in answer.content.decode()
    assert selectors.roles_of(boss) == {"administrator"}
    for path in (at(boss, "second-factor"), f"{at(boss)}add-sign-in/"):
        assert admin.post(path, {"username": "mine", "roles": ["supervisor"]}).status_code == 403
    assert admin.get(f"{at(boss)}add-sign-in/").status_code == 403
    assert admin.get(f"{at(boss)}leave/").status_code == 403
    assert not User.objects.filter(username="mine").exists()


def test_reset_leave_and_reinstate(admin, cast):
    user = cast["technician"]["user"]
    page = at(user)
    answer = admin.post(at(user, "second-factor"))
    assert User.objects.get(pk=user.pk).check_password(answer.context["issued"].password)
    assert "Does Jo Beaulieu leave staff?" in admin.get(f"{page}leave/").content.decode()
    assert User.objects.get(pk=user.pk).is_active, "asking is not doing"
    assert admin.post(f"{page}leave/").status_code == 302
    assert not User.objects.get(pk=user.pk).is_active
    assert "has left staff" in admin.get(page).content.decode()
    assert "Jo Beaulieu" in admin.get("/access/?left=on").content.decode()
    assert "Jo Beaulieu" not in admin.get("/access/").content.decode()
    assert admin.post(f"{page}leave/").status_code == 409
    answer = admin.post(f"{page}reinstate/")
    assert User.objects.get(pk=user.pk).check_password(answer.context["issued"].password)


def test_another_agencys_people_are_not_there(admin):
    other = Agency.objects.create(code="OTHER", name="Other")
    unit = Unit.objects.create(agency=other, code="A", name="A")
    person = Person.objects.create(name="Far Away", badge="1", agency=other, unit=unit)
    user = User.objects.create_user("far.away", person=person)
    assert "Far Away" not in admin.get("/access/").content.decode()
    for method, path in paths(user)[3:]:
        assert getattr(admin, method)(path).status_code == 404
    assert admin.get("/access/u-99999999999999999999/").status_code == 404


def test_home_by_role(cast):
    for role, home in (
        ("dispatcher", "/live/"),
        ("administrator", "/access/"),
        ("privacy_officer", "/audit/"),
        ("applicant", "/deployments/"),
        ("technician", "/fleet/"),
        ("investigator", "/account/"),
    ):
        assert sign_in(cast[role]["user"]).get("/")["Location"] == home
    assert Client().get("/")["Location"].startswith("/accounts/login/")


def test_role_words_not_codes(cast, boss):
    with services.acting(boss):
        services.set_roles(user=cast["technician"]["user"], roles=["bail_officer"], actor=boss)
    page = sign_in(boss).get("/access/?q=Beaulieu").content.decode()
    assert "bail officer" in page and ">bail_officer<" not in page
