"""Signing in over HTTP, with real codes; what is written down; what each session may reach."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

import audit
from accounts import openings, services, sessions
from accounts.models import User
from tests.accounts.people import add_user, code_for, sign_in

pytestmark = pytest.mark.django_db

SIGN_IN = "/accounts/login/"
SECOND = "/accounts/second-factor/"
SET_UP = "/accounts/second-factor/set-up/"


def give_password(client: Client, username: str, password: str):
    return client.post(SIGN_IN, {"login": username, "password": password})


def person_of(entry: dict) -> str:
    return entry["actor"]["id"]


def test_password_then_code(cast, entries):
    dispatcher, client = cast["dispatcher"], Client()
    entries.clear()
    assert client.get(SIGN_IN).status_code == 200
    answer = give_password(client, "Dispatcher", dispatcher["password"])
    assert answer.status_code == 302 and answer["Location"] == SECOND
    assert client.get("/account/").status_code == 302, "a password alone opens nothing"
    assert client.get(SECOND).status_code == 200
    assert "auth.sign_in" not in entries.verbs
    answer = client.post(SECOND, {"code": code_for(dispatcher["totp_secret"])})
    assert answer.status_code == 302 and answer["Location"] == "/"
    assert client.get("/account/").status_code == 200
    [entry] = entries.of("auth.sign_in")
    assert person_of(entry) == dispatcher["user"].person.wire_id
    assert entry["actor"]["auth"] == entry["outcome"]["code"] == "totp"
    assert len(entry["actor"]["session"]) == 16 and entry["actor"]["ip"] == "127.0.0.1"
    assert client.session.session_key not in str(entries)


def test_wrong_password(cast, entries):
    entries.clear()
    answer = give_password(Client(), "dispatcher", "wrong")
    assert answer.status_code == 200 and "do not belong together" in answer.content.decode()
    [entry] = entries
    assert entry["verb"] == "auth.sign_in_failed"
    assert entry["object"]["id"] == cast["dispatcher"]["user"].person.wire_id
    assert entry["outcome"] == {"result": "denied", "code": "bad-credentials"}
    assert entry["actor"]["kind"] == "anonymous"


@pytest.mark.parametrize("typed", ["my-password-by-mistake", "<script>", "ＤＩＳ", "x" * 63, "' OR 1=1 --"])
def test_what_was_typed_is_never_written(cast, entries, typed):
    entries.clear()
    answer = give_password(Client(), typed, "secret-in-the-wrong-field")
    assert answer.status_code == 200
    assert [entry["object"]["id"] for entry in entries.of("auth.sign_in_failed")] == ["unknown"]
    assert typed not in str(entries) and "secret-in" not in str(entries)


@pytest.mark.parametrize("typed", ["\x00", "a\x00b", "x" * 5000, ""])
def test_bad_input_is_a_form_error(cast, entries, typed):
    assert give_password(Client(), typed, typed).status_code == 200


def test_known_and_unknown_names_get_the_same_answer(cast):
    known = give_password(Client(), "dispatcher", "wrong").context["form"].errors
    unknown = give_password(Client(), "nobody-here", "wrong").context["form"].errors
    assert known == unknown


def test_somebody_who_left_gets_the_same_answer_too(cast, boss):
    with services.acting(boss):
        services.leave_staff(person=cast["dispatcher"]["user"].person, actor=boss)
    answer = give_password(Client(), "dispatcher", cast["dispatcher"]["password"])
    assert answer.status_code == 200 and "do not belong together" in answer.content.decode()


def test_wrong_code_then_right_code_then_the_same_again(cast, entries):
    dispatcher, client = cast["dispatcher"], Client()
    give_password(client, "dispatcher", dispatcher["password"])
    entries.clear()
    answer = client.post(SECOND, {"code": code_for(dispatcher["totp_secret"], 50)})
    assert answer.status_code == 200 and "not right" in answer.content.decode()
    assert entries.verbs == ["auth.second_factor_failed"]
    assert entries[0]["outcome"]["result"] == "denied"
    code = code_for(dispatcher["totp_secret"], -1)
    assert client.post(SECOND, {"code": code}).status_code == 302
    second = Client()
    give_password(second, "dispatcher", dispatcher["password"])
    assert second.post(SECOND, {"code": code}).status_code == 200, "a code works once"
    assert second.get("/account/").status_code == 302


def test_a_recovery_code_works_once(cast, entries):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    dispatcher = cast["dispatcher"]
    code = RecoveryCodes.activate(dispatcher["user"]).get_unused_codes()[0]
    for status in (302, 200):
        client = Client()
        give_password(client, "dispatcher", dispatcher["password"])
        assert client.post(SECOND, {"code": code}).status_code == status
    assert entries.of("auth.sign_in")[-1]["actor"]["auth"] == "recovery_codes"


def test_too_many_wrong_passwords(cast, entries):
    for _n in range(5):
        give_password(Client(), "dispatcher", "wrong")
    answer = give_password(Client(), "dispatcher", cast["dispatcher"]["password"])
    assert answer.status_code == 200 and "Wait five minutes" in answer.content.decode()
    assert entries.of("auth.sign_in_failed")[-1]["outcome"]["code"] == "rate-limited"


def test_secrets_lie_sealed(cast):
    data = cast["dispatcher"]["user"].authenticator_set.get(type="totp").data
    assert cast["dispatcher"]["totp_secret"] not in str(data)


def test_the_first_sign_in_sets_up_everything(boss, entries):
    issued = add_user(boss, "r.vale", "dispatcher")
    client = Client()
    assert give_password(client, "r.vale", issued.password)["Location"] == "/"
    assert client.get("/account/")["Location"] == SET_UP
    assert client.get("/api/v1/nothing/", headers={"accept": "application/json"}).status_code in (403, 404)
    page = client.get(SET_UP)
    assert page.status_code == 200
    secret = page.context["form"].secret
    assert client.post(SET_UP, {"code": code_for(secret, 50)}).status_code == 200
    entries.clear()
    answer = client.post(SET_UP, {"code": code_for(secret)})
    assert answer["Location"] == "/accounts/second-factor/codes/"
    assert entries.verbs == ["auth.second_factor_set"]
    assert len(client.get(answer["Location"]).context["unused_codes"]) == 10
    # The administrator has seen the password, so it goes next.
    assert client.get("/account/")["Location"] == "/accounts/password/"
    fresh = "a-much-longer-password-of-mine"
    form = {"oldpassword": issued.password, "password1": fresh, "password2": fresh}
    assert client.post("/accounts/password/", form)["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    user = User.objects.get(username="r.vale")
    assert user.check_password(fresh) and not user.password_initial and user.auth_epoch == 2
    assert entries.verbs[-1] == "auth.password_change"


def test_a_weak_password_is_refused(cast):
    client = sign_in(cast["dispatcher"]["user"])
    for weak in ("short", "dispatcher1234", "password123456789"[:12]):
        form = {"oldpassword": cast["dispatcher"]["password"], "password1": weak, "password2": weak}
        assert client.post("/accounts/password/", form).status_code == 200
    assert cast["dispatcher"]["user"].auth_epoch == 1


def test_a_password_change_ends_the_other_sessions(cast):
    dispatcher = cast["dispatcher"]
    here, there = sign_in(dispatcher["user"]), sign_in(dispatcher["user"])
    fresh = "a-much-longer-password-of-mine"
    here.post(
        "/accounts/password/", {"oldpassword": dispatcher["password"], "password1": fresh, "password2": fresh}
    )
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


def test_sign_out_is_an_entry(cast, entries):
    client = sign_in(cast["dispatcher"]["user"])
    entries.clear()
    assert client.get("/accounts/logout/").status_code == 200 and entries == []
    assert client.post("/accounts/logout/").status_code == 302
    assert entries.verbs == ["auth.sign_out"]
    assert person_of(entries[0]) == cast["dispatcher"]["user"].person.wire_id
    assert client.get("/account/").status_code == 302


def test_a_right_taken_away_ends_the_session_at_its_next_request(cast, boss, entries):
    user = cast["dispatcher"]["user"]
    client, script = sign_in(user), sign_in(user)
    assert client.get("/account/").status_code == 200
    with services.acting(boss):
        services.set_roles(user=user, roles=[], actor=boss)
    entries.clear()
    answer = client.get("/account/")
    assert (
        answer.status_code == 302
        and answer["Location"].startswith(SIGN_IN)
        and "ended=1" in answer["Location"]
    )
    assert "your rights changed" in client.get(answer["Location"]).content.decode()
    [entry] = entries
    assert (entry["verb"], entry["outcome"]["code"]) == ("auth.sign_out", "right-lost")
    answer = script.get("/account/", headers={"accept": "application/json"})
    assert answer.status_code == 401 and answer.json()["type"] == "/problems/signed-out"


def test_the_one_who_left_is_out_at_once(cast, boss):
    user = cast["dispatcher"]["user"]
    client = sign_in(user)
    with services.acting(boss):
        services.leave_staff(person=user.person, actor=boss)
    assert client.get("/account/").status_code == 302


def test_without_its_entry_there_is_no_sign_in(cast, monkeypatch):
    """H13: when the log refuses, nobody comes in."""

    def broken(*args, **kwargs):
        raise RuntimeError("the log is down")

    dispatcher, client = cast["dispatcher"], Client(raise_request_exception=False)
    give_password(client, "dispatcher", dispatcher["password"])
    monkeypatch.setattr(audit, "record", broken)
    assert client.post(SECOND, {"code": code_for(dispatcher["totp_secret"])}).status_code == 500
    monkeypatch.undo()
    assert client.get("/account/").status_code == 302


def test_a_session_without_a_second_factor_reaches_only_the_set_up(cast):
    """Walk the list of openings: signed in by password only."""
    issued = add_user(cast["administrator"]["user"], "r.vale", "administrator")
    client = Client()
    client.force_login(issued.user, backend="accounts.backends.PersonBackend")
    for name in ("home", "account", "access", "access-add"):
        assert client.get(reverse(name))["Location"] == SET_UP, name
    answer = client.get(reverse("access"), headers={"accept": "application/json"})
    assert answer.status_code == 403 and answer.json()["type"] == "/problems/second-factor-required"
    for name in openings.SET_UP:
        answer = client.get(reverse(name))
        assert answer.get("Location", "") != SET_UP or name == "mfa_reauthenticate", name


def test_a_factor_proved_by_one_person_is_no_factor_of_another(cast):
    first, second = cast["dispatcher"]["user"], cast["supervisor"]["user"]
    client = sign_in(first)
    client.force_login(second, backend="accounts.backends.PersonBackend")
    session = client.session
    sessions.note_second_factor(session, first, "totp")
    session.save()
    assert client.get("/account/")["Location"] == "/accounts/second-factor/confirm/"


def test_every_opening_has_a_reason():
    for table in (openings.OPEN, openings.OPEN_PREFIXES, openings.SET_UP):
        assert all(len(reason) > 10 for reason in table.values())
    named = get_resolver().reverse_dict
    assert [name for name in {*openings.OPEN, *openings.SET_UP} if name not in named] == []


def test_own_account_and_ending_another_session(cast, entries):
    dispatcher = cast["dispatcher"]
    browsers = []
    for step in (0, 1):
        client = Client(headers={"user-agent": f"Browser {step} <b>"})
        give_password(client, "dispatcher", dispatcher["password"])
        assert client.post(SECOND, {"code": code_for(dispatcher["totp_secret"], step)}).status_code == 302
        browsers.append(client)
    here, there = browsers
    page = here.get("/account/")
    assert (
        "Avery Singh" in page.content.decode()
        and "<b>" not in page.content.decode().split("Browser", 1)[1][:10]
    )
    other = next(one for one in page.context["sessions"] if one.session_key != here.session.session_key)
    stranger = sign_in(cast["supervisor"]["user"])
    assert stranger.post(f"/account/sessions/{other.pk}/end/").status_code == 404
    assert there.get("/account/").status_code == 200
    assert here.post(f"/account/sessions/{other.pk}/end/").status_code == 302
    assert there.get("/account/").status_code == 302
    assert entries.of("auth.sign_out")[-1]["outcome"]["code"] == "other-session"


def test_there_is_no_sign_up_and_no_reset_by_mail():
    client = Client()
    for path in ("signup/", "password/reset/", "email/", "login/code/"):
        assert client.get(f"/accounts/{path}").status_code == 404
    assert "passkey" not in client.get(SIGN_IN).content.decode().lower()


def test_showing_recovery_codes_asks_for_a_fresh_factor(cast, clock):
    dispatcher = cast["dispatcher"]
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    RecoveryCodes.activate(dispatcher["user"])
    client = sign_in(dispatcher["user"])
    assert client.get("/accounts/second-factor/codes/").status_code == 200
    clock.shift(301)
    answer = client.get("/accounts/second-factor/codes/")
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/second-factor/confirm/")


@pytest.mark.parametrize(
    ("asked", "landed"),
    [
        ("/account/", "/account/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\\evil.example", "/"),
    ],
)
def test_it_goes_on_only_to_our_own_pages(cast, asked, landed):
    dispatcher, client = cast["dispatcher"], Client()
    form = {"login": "dispatcher", "password": dispatcher["password"], "next": asked}
    assert client.post(SIGN_IN, form)["Location"] == SECOND
    assert client.post(SECOND, {"code": code_for(dispatcher["totp_secret"])})["Location"] == landed


def test_the_entries_of_one_request_belong_together(cast, entries):
    entries.clear()
    Client().post("/demo/sign-in/", {"username": "dispatcher"})
    [request] = {entry["req"] for entry in entries}
    Client().post("/demo/sign-in/", {"username": "dispatcher"})
    assert len({entry["req"] for entry in entries}) == 2 and len(request) == 36
