"""The administrator's pages for several sign-ins of one person."""

import pytest

from accounts import selectors, services
from accounts.models import User
from tests.accounts.people import add_user, second_sign_in, sign_in
from tests.accounts.test_access import at

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(boss):
    return sign_in(boss)


@pytest.fixture
def priya(cast):
    """The applicant."""
    return cast["applicant"]["user"]


def test_add_another_sign_in(admin, priya, entries):
    page = f"{at(priya)}add-sign-in/"
    assert page in admin.get(at(priya)).content.decode()
    form = admin.get(page).content.decode()
    assert "Another sign-in for Priya Venn" in form and "applicant" in form
    entries.clear()
    answer = admin.post(page, {"username": "P.Venn.Acting", "roles": ["supervisor"]})
    second = User.objects.get(username="p.venn.acting")
    password = answer.context["issued"].password
    assert answer.status_code == 200 and password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"] and second.check_password(password)
    assert second.person == priya.person and selectors.roles_of(second) == {"supervisor"}
    assert entries.verbs == ["user.add_sign_in", "role.grant"] and password not in str(entries)
    shown = admin.get(at(priya)).content.decode()
    assert shown.count("Save the roles") == 2 and "p.venn.acting" in shown
    assert "no second factor yet" in shown


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"username": "applicant"}, "username", "already signs in"),
        ({"username": ""}, "username", "required"),
        ({"username": "<b>x"}, "username", "small letters"),
        ({"username": "p.b", "roles": ["root"]}, "roles", "Select a valid choice"),
        ({"username": "p.b", "roles": ["technician"]}, "roles", "All sign-ins of a person count together"),
    ],
)
def test_what_is_wrong_with_another_sign_in_stands_beside_its_field(admin, boss, cast, form, field, words):
    user = cast["dispatcher"]["user"]
    answer = admin.post(f"{at(user)}add-sign-in/", form)
    assert answer.status_code == 200 and field in answer.context["form"].errors
    assert words in answer.content.decode()
    assert user.person.users.count() == 1


def test_the_list_has_a_person_once(admin, boss, priya):
    second_sign_in(boss, priya, "supervisor", username="p.venn.acting")
    for question in ("q=venn", "q=p.venn.acting", "role=supervisor&q=venn", "role=applicant&q=venn"):
        page = admin.get(f"/access/?{question}").content.decode()
        assert page.count(f'href="{at(priya)}"') == 1, question
        assert "p.venn.acting" in page and ">applicant<" in page, "every sign-in stands in the row"
    assert "12 people shown" not in admin.get("/access/").content.decode(), "eleven people, twelve sign-ins"
    assert "11 people shown, 11 on staff" in admin.get("/access/").content.decode()


def test_many_sign_ins_cost_the_list_and_the_page_no_further_queries(
    admin, boss, priya, django_assert_max_num_queries
):
    for number in range(20):
        user = add_user(boss, f"person-{number}", "dispatcher").user
        second_sign_in(boss, user, "supervisor")
        second_sign_in(boss, priya, username=f"p.venn.{number}")
    for page in ("/access/", at(priya)):
        with django_assert_max_num_queries(25):
            assert admin.get(page).status_code == 200


def test_roles_of_one_sign_in(admin, boss, priya):
    second = second_sign_in(boss, priya, "supervisor").user
    assert admin.post(at(second, "roles"), {"roles": ["dispatcher"]}).status_code == 302
    assert (selectors.roles_of(second), selectors.roles_of(priya)) == ({"dispatcher"}, {"applicant"})
    answer = admin.post(at(priya, "roles"), {"roles": ["technician"]})
    page = answer.content.decode()
    assert answer.status_code == 200 and page.count("All sign-ins of a person count together") == 1
    assert selectors.roles_of(priya) == {"applicant"}


def test_close_and_open_one(admin, boss, priya):
    assert "Close this sign-in" not in admin.get(at(priya)).content.decode(), "it is the only one"
    answer = admin.post(at(priya, "close"))
    assert answer.status_code == 409 and "only open sign-in of Priya Venn" in answer.content.decode()
    second = second_sign_in(boss, priya, "supervisor").user
    page = at(second, "close")
    assert page in admin.get(at(priya)).content.decode()
    assert f"Close the sign-in {second.username} of Priya Venn?" in admin.get(page).content.decode()
    assert User.objects.get(pk=second.pk).is_active, "asking is not doing"
    assert admin.post(page).status_code == 302
    shown = admin.get(at(priya)).content.decode()
    assert "Open it again" in shown and shown.count("Save the roles") == 1
    assert admin.post(page).status_code == 409
    answer = admin.post(at(second, "open"))
    assert User.objects.get(pk=second.pk).check_password(answer.context["issued"].password)
    assert admin.post(at(second, "open")).status_code == 409


def test_leaving_names_every_sign_in(admin, boss, priya):
    second = second_sign_in(boss, priya, "supervisor", username="p.venn.acting").user
    asked = admin.get(f"{at(priya)}leave/").content.decode()
    assert "p.venn.acting" in asked and "Every sign-in is closed" in asked
    assert admin.post(f"{at(priya)}leave/").status_code == 302
    shown = admin.get(at(priya)).content.decode()
    assert "Take back on staff" in shown and "Open it again" not in shown and "Save the roles" not in shown
    assert admin.post(at(second, "open")).status_code == 409
    assert admin.post(f"{at(priya)}add-sign-in/", {"username": "p.c"}).status_code == 200
    assert not User.objects.filter(username="p.c").exists()
    issued = admin.post(f"{at(priya)}reinstate/").context["issued"]
    assert issued.user == priya and not User.objects.get(pk=second.pk).is_active


def test_a_sign_in_belongs_to_the_person_of_its_address(admin, cast, priya):
    other = cast["technician"]["user"]
    for act in ("roles", "second-factor", "close", "open"):
        for username in (other.username, "nobody", "x" * 200, "%00", "..", "APPLICANT"):
            answer = admin.post(f"{at(priya)}sign-ins/{username}/{act}/", {"roles": ["supervisor"]})
            assert answer.status_code in (400, 404), (act, username)
    assert selectors.roles_of(other) == {"technician"} and selectors.roles_of(priya) == {"applicant"}


def test_ones_own_account_names_the_other_sign_ins(boss, priya):
    assert "Other sign-ins" not in sign_in(priya).get("/account/").content.decode()
    second = second_sign_in(boss, priya, "supervisor", username="p.venn.acting").user
    page = sign_in(priya).get("/account/").content.decode()
    assert "Other sign-ins" in page and "p.venn.acting" in page
    assert "applicant" in sign_in(second).get("/account/").content.decode()
    with services.acting(boss):
        services.close_sign_in(user=second, actor=boss)
    assert "Other sign-ins" not in sign_in(priya).get("/account/").content.decode()
