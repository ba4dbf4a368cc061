"""Each use case of people: what it does, and who is refused."""

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

import audit
from accounts import selectors, services
from accounts.models import Agency, Person, Role, Unit, User
from csoc.lib import events
from csoc.lib.errors import Refused
from tests.accounts.people import SEED, add_user, make_cast

pytestmark = pytest.mark.django_db


def refused(code: str, status: int | None = None):
    """Expect a refusal with this code."""

    class _Expect:
        def __enter__(self):
            self._raises = pytest.raises(Refused)
            self._info = self._raises.__enter__()
            return self

        def __exit__(self, *failure):
            done = self._raises.__exit__(*failure)
            assert self._info.value.code == code, self._info.value
            assert status is None or self._info.value.status == status
            assert self._info.value.sentence
            return done

    return _Expect()


@pytest.fixture
def lost(monkeypatch):
    """The users whose lost right was announced to higher apps."""
    found: list[User] = []
    monkeypatch.setitem(events._handlers, "user.right_lost", [lambda user: found.append(user)])
    return found


def test_the_eight_roles_exist():
    assert set(Group.objects.values_list("name", flat=True)) == set(Role.values)


def test_create_user(boss, entries):
    issued = add_user(boss, "r.vale", Role.DISPATCHER, Role.SUPERVISOR, badge="77")
    user = User.objects.get(username="r.vale")
    assert user.person.name == "Robin Vale" and user.person.agency == boss.person.agency
    assert selectors.roles_of(user) == {"dispatcher", "supervisor"}
    assert user.check_password(issued.password) and user.password_initial
    assert user.person.number > 1000 and user.person.wire_id == f"u-{user.person.number}"
    assert entries.verbs == ["user.create", "role.grant", "role.grant"]
    assert entries[0]["actor"]["id"] == boss.person.wire_id
    assert [entry["outcome"]["code"] for entry in entries.of("role.grant")] == ["dispatcher", "supervisor"]
    assert issued.password not in str(entries)


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.ADMINISTRATOR])
def test_only_an_administrator_manages_people(cast, role, entries):
    actor, other = cast[role]["user"], cast["dispatcher-2"]["user"]
    with services.acting(actor):
        for act in (
            lambda: services.create_user(
                username="new", name="N", badge="1", unit=actor.person.unit, roles=[], actor=actor
            ),
            lambda: services.create_person(name="N", badge="1", unit=actor.person.unit, actor=actor),
            lambda: services.set_roles(user=other, roles=["administrator"], actor=actor),
            lambda: services.reset_second_factor(user=other, actor=actor),
            lambda: services.add_sign_in(person=other.person, username="new", actor=actor),
            lambda: services.close_sign_in(user=other, actor=actor),
            lambda: services.open_sign_in(user=other, actor=actor),
            lambda: services.leave_staff(person=other.person, actor=actor),
            lambda: services.reinstate(person=other.person, actor=actor),
        ):
            with refused("not-permitted", 403):
                act()
    assert entries == []
    assert selectors.roles_of(other) == {"dispatcher"} and not User.objects.filter(username="new").exists()


def test_the_setup_program_stops_at_the_first_administrator(boss):
    with audit.acting_as(SEED):
        with refused("not-permitted"):
            services.create_agency(code="NEW", name="New", actor=SEED)
        with refused("not-permitted"):
            services.set_roles(user=boss, roles=["administrator"], actor=SEED)


def test_a_role_given_keeps_sessions_and_a_role_taken_ends_them(boss, lost, entries):
    user = add_user(boss, "r.vale", "dispatcher").user
    entries.clear()
    with services.acting(boss):
        services.set_roles(user=user, roles=["dispatcher", "supervisor"], actor=boss)
        user.refresh_from_db()
        assert user.auth_epoch == 1 and lost == []
        services.set_roles(user=user, roles=["supervisor"], actor=boss)
    user.refresh_from_db()
    assert user.auth_epoch == 2 and lost == [user]
    assert entries.verbs == ["role.grant", "role.revoke"]
    assert selectors.rights_of([user.pk])[user.pk].auth_epoch == 2


def test_a_right_that_cannot_be_ended_is_not_taken(boss, monkeypatch):
    """If a higher app cannot cut its video, the revocation must not look done."""

    def fails(user):
        raise RuntimeError("the gateway's table is locked")

    user = add_user(boss, "r.vale", "dispatcher").user
    monkeypatch.setitem(events._handlers, "user.right_lost", [fails])
    with services.acting(boss), pytest.raises(RuntimeError):
        services.set_roles(user=user, roles=[], actor=boss)
    assert (
        selectors.roles_of(user) == {"dispatcher"} and selectors.rights_of([user.pk])[user.pk].auth_epoch == 1
    )


def test_setting_the_same_roles_writes_nothing(boss, entries):
    user = add_user(boss, "r.vale", "dispatcher").user
    entries.clear()
    with services.acting(boss):
        services.set_roles(user=user, roles=["dispatcher"], actor=boss)
    assert entries == []


@pytest.mark.parametrize("blind", ["privacy_officer", "technician", "administrator"])
@pytest.mark.parametrize("seeing", ["dispatcher", "supervisor", "investigator", "bail_officer"])
def test_who_may_never_see_content_gets_no_role_that_does(boss, blind, seeing):
    with services.acting(boss):
        with refused("invalid", 422):
            add_user(boss, "r.vale", blind, seeing)
        user = add_user(boss, "r.vale", blind).user
        with refused("invalid", 422):
            services.set_roles(user=user, roles=[blind, seeing], actor=boss)
        assert selectors.roles_of(user) == {blind}
        services.set_roles(user=user, roles=[seeing], actor=boss)


def test_an_unknown_role_is_refused(boss):
    with services.acting(boss), refused("invalid", 422):
        services.set_roles(user=add_user(boss, "r.vale").user, roles=["root"], actor=boss)


def test_nobody_changes_their_own_rights(boss):
    add_user(boss, "second.admin", "administrator")
    with services.acting(boss):
        for act in (
            lambda: services.set_roles(user=boss, roles=["administrator", "dispatcher"], actor=boss),
            lambda: services.reset_second_factor(user=boss, actor=boss),
            lambda: services.leave_staff(person=boss.person, actor=boss),
        ):
            with refused("own-rights", 403):
                act()


def test_reset_second_factor(cast, boss, lost, entries):
    user = cast["dispatcher"]["user"]
    entries.clear()
    with services.acting(boss):
        issued = services.reset_second_factor(user=user, actor=boss)
    user.refresh_from_db()
    assert selectors.second_factor_kinds(user) == set()
    assert user.check_password(issued.password) and not user.check_password(cast["dispatcher"]["password"])
    assert user.auth_epoch == 2 and lost == [user] and entries.verbs == ["user.second_factor_reset"]


def test_leave_and_come_back(cast, boss, lost, entries):
    user = cast["dispatcher"]["user"]
    entries.clear()
    with services.acting(boss):
        services.leave_staff(person=user.person, actor=boss)
        user = User.objects.get(pk=user.pk)
        assert not user.is_active and not user.person.active and not user.has_usable_password()
        assert selectors.roles_of(user) == set() and not user.groups.exists()
        assert lost == [user] and user.auth_epoch == 2
        with refused("left-staff", 409):
            services.set_roles(user=user, roles=["dispatcher"], actor=boss)
        with refused("left-staff", 409):
            services.leave_staff(person=user.person, actor=boss)
        issued = services.reinstate(person=user.person, actor=boss)
        with refused("on-staff", 409):
            services.reinstate(person=user.person, actor=boss)
    user = User.objects.get(pk=user.pk)
    assert user.is_active and user.person.active and user.check_password(issued.password)
    assert selectors.roles_of(user) == set()
    assert entries.verbs == ["user.leave", "role.revoke", "user.reinstate"]


def test_another_agency_is_not_there(boss):
    other = Agency.objects.create(code="OTHER", name="Other")
    unit = Unit.objects.create(agency=other, code="A", name="A")
    person = Person.objects.create(name="Far Away", badge="1", agency=other, unit=unit)
    user = User.objects.create_user("far.away", person=person)
    with services.acting(boss):
        for act in (
            lambda: services.set_roles(user=user, roles=["dispatcher"], actor=boss),
            lambda: services.leave_staff(person=person, actor=boss),
            lambda: services.add_sign_in(person=person, username="near", actor=boss),
            lambda: services.create_person(name="N", badge="2", unit=unit, actor=boss),
        ):
            with refused("not-found", 404):
                act()
    assert person not in selectors.people_visible_to(boss)


@pytest.mark.parametrize(
    "name",
    ["", " ", " Robin", "Robin ", "Ro\x00bin", "Ro\nbin", "Ro\u202ebin", "Ro\u200bbin", "\ud800", "x" * 121],
)
def test_names_that_do_not_read_as_written_are_refused(boss, name):
    with services.acting(boss), refused("invalid", 422):
        services.create_person(name=name, badge="9", unit=boss.person.unit, actor=boss)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "Robert'); DROP TABLE x;--", "Zoë O’Neill-Đặng", "山田 太郎", "{{7*7}}"],
)
def test_names_of_any_letters_are_kept_as_they_are(boss, name):
    with services.acting(boss):
        person = services.create_person(name=name, badge="9", unit=boss.person.unit, actor=boss)
    assert Person.objects.get(pk=person.pk).name == name


@pytest.mark.parametrize(
    "username", ["", "a", "-a", "a b", "ａdmin", "аdmin", "a\x00b", "x" * 64, "a@b", "a/../b"]
)
def test_usernames_are_plain(boss, username):
    with refused("invalid", 422):
        add_user(boss, username, badge="9")
    assert not Person.objects.filter(badge="9").exists()


def test_a_badge_and_a_username_belong_to_one_person(boss):
    add_user(boss, "r.vale", badge="77")
    with refused("invalid", 422):
        add_user(boss, "other", badge="77")
    with refused("invalid", 422):
        add_user(boss, "R.VALE", badge="78")


def test_the_database_holds_a_unit_to_its_agency(boss):
    other = Agency.objects.create(code="OTHER", name="Other")
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.create(name="N", badge="1", agency=other, unit=boss.person.unit)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="no.person")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(username="UPPER", person=Person.objects.first())


def test_the_cast_can_be_made_twice(cast):
    again = make_cast()
    assert {key: row["user"].pk for key, row in again.items()} == {
        key: row["user"].pk for key, row in cast.items()
    }
    assert set(again) == {*Role.values, "dispatcher-2", "supervisor-2", "technician-2"}
    assert again["dispatcher"]["password"] != cast["dispatcher"]["password"]


def test_rights_of_many_in_one_query(cast, django_assert_num_queries):
    ids = [cast[key]["user"].pk for key in ("dispatcher", "supervisor", "technician")]
    with django_assert_num_queries(1):
        rights = selectors.rights_of([*ids, 10**9])
    assert set(rights) == set(ids)
    assert rights[ids[0]] == selectors.Rights(1, True, frozenset({"dispatcher"}))


def test_no_roles_are_held_by_nobody():
    from django.contrib.auth.models import AnonymousUser

    assert selectors.roles_of(None) == selectors.roles_of(AnonymousUser()) == frozenset()
    assert not selectors.has_role(None, *Role.values)
    assert selectors.person_wire(None) is None
