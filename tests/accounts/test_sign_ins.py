"""Several sign-ins of one person: each on its own, and one person wherever two are needed."""

import pytest
from django.core.checks import Error
from django.db import IntegrityError, connection, transaction

from accounts import checks, policies, selectors, services, sessions
from accounts.idempotency import once
from accounts.models import Person, User
from csoc.lib import events
from tests.accounts.people import add_user, code_for, second_sign_in, sign_in, stay
from tests.accounts.test_services import refused

pytestmark = pytest.mark.django_db
WITHOUT = ["administrator", "privacy_officer", "technician"]
WITH = ["bail_officer", "dispatcher", "investigator", "supervisor"]


@pytest.fixture
def lost(monkeypatch):
    """The sign-ins whose lost right was announced to higher apps."""
    found: list[User] = []
    monkeypatch.setitem(events._handlers, "user.right_lost", [lambda user: found.append(user)])
    return found


@pytest.fixture
def priya(cast):
    """The applicant."""
    return cast["applicant"]["user"]


# --- one more ------------------------------------------------------------------------------------


def test_another_sign_in_has_its_own_password_factor_and_roles(boss, priya, cast, entries):
    entries.clear()
    with services.acting(boss):
        issued = services.add_sign_in(
            person=priya.person, username="P.Venn.Acting", roles=["supervisor"], actor=boss
        )
    second = User.objects.get(username="p.venn.acting")
    assert second.person == priya.person and second.pk != priya.pk
    assert second.password_initial and second.check_password(issued.password)
    assert selectors.second_factor_kinds(second) == set(), "its second factor is set up at the first use"
    assert (selectors.roles_of(second), selectors.roles_of(priya)) == ({"supervisor"}, {"applicant"})
    assert selectors.roles_of_person(priya.person) == {"supervisor", "applicant"}
    priya.refresh_from_db()
    assert priya.auth_epoch == 1 and priya.check_password(cast["applicant"]["password"])
    assert entries.verbs == ["user.add_sign_in", "role.grant"]
    assert {entry["object"]["id"] for entry in entries} == {priya.person.wire_id}, "the log names the person"
    assert issued.password not in str(entries) and "p.venn" not in str(entries)


def test_who_gets_another_sign_in_and_who_gives_it(boss, cast, priya):
    with services.acting(boss):
        for username in ("applicant", "APPLICANT", "a b", ""):
            with refused("invalid", 422):
                services.add_sign_in(person=priya.person, username=username, actor=boss)
        with refused("invalid", 422):
            services.add_sign_in(person=priya.person, username="p.b", roles=["root"], actor=boss)
        with refused("own-rights", 403):
            services.add_sign_in(person=boss.person, username="s.b", actor=boss)
        services.leave_staff(person=priya.person, actor=boss)
        with refused("left-staff", 409):
            services.add_sign_in(person=priya.person, username="p.b", actor=boss)
        named = services.create_person(name="Only Named", badge="n-1", unit=boss.person.unit, actor=boss)
        assert services.add_sign_in(person=named, username="o.named", actor=boss).user.person == named
    assert set(User.objects.filter(person=priya.person)) == {priya}


# --- roles go together over the person -----------------------------------------------------------


@pytest.mark.parametrize("blind", WITHOUT)
@pytest.mark.parametrize("seeing", WITH)
def test_a_role_without_content_and_one_with_it_are_not_split_over_two_sign_ins(boss, blind, seeing):
    for first, other in ((blind, seeing), (seeing, blind)):
        user = add_user(boss, f"first.{first}", first).user
        with services.acting(boss):
            with refused("invalid", 422):
                services.add_sign_in(person=user.person, username="no", roles=[other], actor=boss)
            second = services.add_sign_in(
                person=user.person, username=f"second.{first}", roles=[first], actor=boss
            ).user
            with refused("invalid", 422):
                services.set_roles(user=second, roles=[other], actor=boss)
            with refused("invalid", 422):
                services.set_roles(user=user, roles=[other], actor=boss)
            assert selectors.roles_of_person(user.person) == {first}
            # Once nothing of the person holds it any more, the other role may come.
            services.set_roles(user=user, roles=[], actor=boss)
            services.close_sign_in(user=second, actor=boss)
            services.set_roles(user=user, roles=[other], actor=boss)
            assert selectors.roles_of_person(user.person) == {other}
            with refused("invalid", 422):
                services.set_roles(user=user, roles=[other, first], actor=boss)


@pytest.mark.parametrize("roles", [("applicant", "supervisor"), ("dispatcher", "supervisor")])
def test_what_one_sign_in_may_hold_two_may(boss, roles):
    first, second = roles
    user = add_user(boss, "r.vale", first).user
    assert selectors.roles_of(second_sign_in(boss, user, second).user) == {second}


def test_an_opened_sign_in_comes_without_roles(boss, priya):
    with services.acting(boss):
        second = second_sign_in(boss, priya, "supervisor").user
        services.close_sign_in(user=second, actor=boss)
        assert selectors.roles_of_person(priya.person) == {"applicant"}
        services.set_roles(user=priya, roles=["technician"], actor=boss)
        issued = services.open_sign_in(user=second, actor=boss)
        assert selectors.roles_of(issued.user) == set() and issued.user.check_password(issued.password)
        with refused("invalid", 422):
            services.set_roles(user=issued.user, roles=["supervisor"], actor=boss)


# --- own rights, last administrator --------------------------------------------------------------


def test_nobody_changes_their_own_rights_with_another_sign_in(boss, entries):
    other = add_user(boss, "second.admin", "administrator").user
    mine = second_sign_in(other, boss, "administrator").user
    entries.clear()
    with services.acting(mine):
        for act in (
            lambda: services.set_roles(user=boss, roles=["administrator", "applicant"], actor=mine),
            lambda: services.set_roles(user=mine, roles=[], actor=boss),
            lambda: services.reset_second_factor(user=boss, actor=mine),
            lambda: services.close_sign_in(user=boss, actor=mine),
            lambda: services.add_sign_in(person=boss.person, username="third", actor=mine),
            lambda: services.leave_staff(person=boss.person, actor=mine),
        ):
            with refused("own-rights", 403):
                act()
        services.set_roles(user=other, roles=[], actor=mine)
    assert selectors.roles_of(boss) == selectors.roles_of(mine) == {"administrator"}
    with services.acting(boss), refused("not-permitted", 403):
        services.close_sign_in(user=mine, actor=other)


def test_the_last_administrator_is_a_person_not_a_sign_in(boss):
    other = add_user(boss, "second.admin", "administrator").user
    mine = second_sign_in(other, boss, "administrator").user
    with services.acting(boss):
        services.set_roles(user=other, roles=[], actor=boss)
    policies.administrator_remains(boss.person, [mine])
    policies.administrator_remains(boss.person, [boss])
    with refused("last-administrator", 409):
        policies.administrator_remains(boss.person, [boss, mine])


# --- ends ----------------------------------------------------------------------------------------


def test_a_right_that_ends_ends_with_one_sign_in_alone(boss, priya, lost):
    second = second_sign_in(boss, priya, "supervisor").user
    first_browser, second_browser = sign_in(priya), sign_in(second)
    assert (stay(first_browser), stay(second_browser)) == (200, 200)
    with services.acting(boss):
        services.set_roles(user=second, roles=[], actor=boss)
    assert (stay(first_browser), stay(second_browser)) == (200, 302)
    assert lost == [second]
    rights = selectors.rights_of([priya.pk, second.pk])
    assert (rights[priya.pk].auth_epoch, rights[second.pk].auth_epoch) == (1, 2)
    assert rights[priya.pk].roles == {"applicant"} and not rights[second.pk].roles


def test_resetting_one_second_factor_leaves_the_other(boss, cast, priya, lost, entries):
    second = second_sign_in(boss, priya, "supervisor").user
    entries.clear()
    with services.acting(boss):
        issued = services.reset_second_factor(user=second, actor=boss)
    priya.refresh_from_db()
    assert "totp" in selectors.second_factor_kinds(priya)
    assert priya.check_password(cast["applicant"]["password"]) and not priya.password_initial
    assert User.objects.get(pk=second.pk).check_password(issued.password) and lost == [second]
    assert entries.verbs == ["user.second_factor_reset"]


def test_a_sign_in_is_closed_and_opened_again(boss, priya, lost, entries):
    second = second_sign_in(boss, priya, "supervisor").user
    browser = sign_in(second)
    entries.clear()
    with services.acting(boss):
        services.close_sign_in(user=second, actor=boss)
        with refused("sign-in-closed", 409):
            services.close_sign_in(user=second, actor=boss)
        with refused("sign-in-closed", 409):
            services.set_roles(user=second, roles=["supervisor"], actor=boss)
        with refused("sign-in-closed", 409):
            services.reset_second_factor(user=second, actor=boss)
        with refused("last-sign-in", 409):
            services.close_sign_in(user=priya, actor=boss)
    second.refresh_from_db()
    assert not second.is_active and not second.has_usable_password() and not second.groups.exists()
    assert stay(browser) == 302 and stay(sign_in(priya)) == 200 and lost == [second]
    assert Person.objects.get(pk=priya.person_id).active
    with services.acting(boss):
        services.open_sign_in(user=second, actor=boss)
        with refused("sign-in-open", 409):
            services.open_sign_in(user=second, actor=boss)
    assert stay(browser) == 302, "a session from before stays over"
    written = [verb for verb in entries.verbs if not verb.startswith("auth.")]
    assert written == ["user.close_sign_in", "role.revoke", "user.open_sign_in"]


def test_a_role_that_a_closed_sign_in_still_has_counts_for_nothing(boss, priya):
    second = second_sign_in(boss, priya, "supervisor").user
    # By no act of ours: closing takes the roles away as well.
    User.objects.filter(pk=second.pk).update(is_active=False)
    second.refresh_from_db()
    assert second.groups.exists()
    assert selectors.roles_of(second) == set() and not selectors.has_role(second, "supervisor")
    assert selectors.roles_of_person(priya.person) == {"applicant"}


def test_leaving_staff_ends_every_sign_in(boss, priya, lost, entries):
    second = second_sign_in(boss, priya, "supervisor", "dispatcher").user
    browsers = [sign_in(priya), sign_in(second)]
    entries.clear()
    with services.acting(boss):
        services.leave_staff(person=priya.person, actor=boss)
    assert [stay(browser) for browser in browsers] == [302, 302] and lost == [priya, second]
    assert not User.objects.filter(person=priya.person, is_active=True).exists()
    assert selectors.roles_of_person(Person.objects.get(pk=priya.person_id)) == set()
    written = [verb for verb in entries.verbs if not verb.startswith("auth.")]
    assert written == ["user.leave", *["role.revoke"] * 3]
    with services.acting(boss):
        with refused("left-staff", 409):
            services.open_sign_in(user=second, actor=boss)
        issued = services.reinstate(person=priya.person, actor=boss)
        assert issued.user == priya and not User.objects.get(pk=second.pk).is_active
        services.open_sign_in(user=second, actor=boss)
    assert set(User.objects.filter(person=priya.person, is_active=True)) == {priya, second}


# --- signing in ----------------------------------------------------------------------------------


def test_each_signs_in_by_itself_and_the_log_names_one_person(client, boss, cast, priya, entries):
    issued = second_sign_in(boss, priya, "supervisor")
    # A code of the first sign-in's second factor opens nothing at the second one.
    client.post("/accounts/login/", {"login": issued.user.username, "password": issued.password})
    assert client.get("/account/")["Location"] == "/accounts/second-factor/set-up/"
    client.post("/accounts/logout/")
    client.post("/accounts/login/", {"login": "applicant", "password": issued.password})
    client.post("/accounts/login/", {"login": "applicant", "password": cast["applicant"]["password"]})
    answer = client.post("/accounts/second-factor/", {"code": code_for(cast["applicant"]["totp_secret"])})
    assert answer.status_code == 302 and stay(client) == 200
    signed = entries.of("auth.sign_in") + entries.of("auth.sign_in_failed")
    assert {entry["object"]["id"] for entry in signed} == {priya.person.wire_id}
    roles = [entry["actor"].get("role") for entry in entries.of("auth.sign_in")]
    assert roles == ["supervisor", "applicant"], "which of them it was stands beside the name"


def test_a_second_factor_shown_at_one_counts_for_no_other(boss, priya):
    second = second_sign_in(boss, priya, "supervisor").user
    session: dict[str, object] = {}
    sessions.note_second_factor(session, priya, "totp")
    assert sessions.is_fresh(session, priya) and not sessions.is_fresh(session, second)


def test_ones_sessions_are_those_of_one_sign_in(client, boss, cast, priya):
    from allauth.usersessions.models import UserSession

    second = second_sign_in(boss, priya, "supervisor").user
    client.post("/accounts/login/", {"login": "applicant", "password": cast["applicant"]["password"]})
    client.post("/accounts/second-factor/", {"code": code_for(cast["applicant"]["totp_secret"])})
    [theirs] = UserSession.objects.filter(user=priya)
    browser = sign_in(second)
    assert browser.post(f"/account/sessions/{theirs.pk}/end/").status_code == 404
    page = browser.get("/account/").content.decode()
    assert "Other sign-ins" in page and "applicant" in page and f"/sessions/{theirs.pk}/" not in page
    assert stay(client) == 200


def test_a_repeated_act_is_answered_to_the_sign_in_that_did_it(boss, priya):
    second = second_sign_in(boss, priya, "supervisor").user
    asked = {"key": "k-1", "act": "deployment.view:DEP-2026-0042", "body": {}}
    assert once(actor=priya, run=lambda: {"seen": 1}, **asked) == {"seen": 1}
    assert once(actor=priya, run=lambda: {"seen": 2}, **asked) == {"seen": 1}
    with refused("idempotency-key", 422):
        once(actor=second, run=lambda: {"seen": 3}, **asked)


# --- the production gate -------------------------------------------------------------------------


def test_a_second_sign_in_of_the_cast_is_the_cast_still(boss, priya, settings):
    second_sign_in(boss, priya, "supervisor", username="real.name")
    settings.IS_DEMO = False
    everybody = User.objects.exclude(username="real.name")
    everybody.update(is_active=False)
    [found] = checks.no_cast(None, databases=["default"])
    assert isinstance(found, Error) and found.id == "accounts.E003"
    User.objects.update(is_active=False)
    assert checks.no_cast(None, databases=["default"]) == []


# --- the database --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_user SET person_id = {boss} WHERE id = {second}",
        "UPDATE accounts_person SET active = false WHERE id = {person}",
    ],
)
def test_the_database_keeps_a_sign_in_with_its_person(boss, priya, statement):
    second = second_sign_in(boss, priya, "supervisor").user
    ids = {"boss": boss.person_id, "person": priya.person_id, "second": second.pk}
    with pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute(statement.format(**ids))


def test_the_database_opens_no_sign_in_of_who_left(boss, priya):
    second = second_sign_in(boss, priya).user
    with services.acting(boss):
        services.leave_staff(person=priya.person, actor=boss)
    for act in (
        lambda: User.objects.filter(pk=second.pk).update(is_active=True),
        lambda: User.objects.create_user("new.one", person=priya.person),
    ):
        with pytest.raises(IntegrityError, match="left staff"), transaction.atomic():
            act()
