"""Breaking the glass (H16): what it opens, to whom, for how long, who is told, and what it never does."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

import audit
from accounts import break_glass as glass
from accounts import selectors, services
from accounts.models import GLASS_LIFE, Agency, BreakGlass, Unit, User
from accounts.services import acting
from alerts import schemas
from alerts import services as alert_services
from alerts.models import Alert, AlertDetail
from csoc.lib.errors import Refused
from live import services as live_services
from tests.accounts.people import sign_in
from tests.scene import Scene, standing

pytestmark = pytest.mark.django_db
WORDS = "The crew at the door cannot reach the desk."


class Session(dict[str, Any]):
    """A session whose second factor was just shown."""

    session_key = "of-a-test"


def fresh(user: User) -> Session:
    from accounts import sessions

    session = Session()
    sessions.note_second_factor(session, user, "totp")
    return session


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


@pytest.fixture
def alert(scene: Scene) -> Alert:
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        body = schemas.alert_from(scene.hit())
        received, _fresh = alert_services.receive_alert(actor=scene.trailer, body=body)
    assert isinstance(received, Alert)
    return received


def break_it(user: User, kind: str, target: Any, **more: Any) -> BreakGlass:
    given = {"login": fresh(user), "why": "officer-safety", "words": WORDS, "cad": "26-118204"} | more
    with acting(user):
        return services.break_glass(actor=user, kind=kind, target=str(target), **given)


def refused(code: str, status: int, act: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        act()
    assert (caught.value.code, caught.value.status) == (code, status)
    assert caught.value.sentence
    return caught.value


def detail(browser: Client, alert: Alert) -> Any:
    return browser.get(f"/api/v1/alerts/{alert.pk}/detail/")


def asked(alert: Alert) -> dict[str, Any]:
    """A body of the API."""
    return {
        "object": {"type": "alert", "id": str(alert.pk)},
        "reason": {"code": "cannot-wait", "words": WORDS},
    }


def other_unit(scene: Scene) -> User:
    """An applicant of another unit of the agency."""
    boss = scene.users["administrator"]
    unit = Unit.objects.create(agency=boss.person.agency, code="NORTH", name="North Division")
    with acting(boss):
        made = services.create_user(
            username="north", name="Rae Lund", badge="77", unit=unit, roles=["applicant"], actor=boss
        ).user
    made.give_password("not-asked-for-here", initial=False)
    return made


def elsewhere(scene: Scene, *roles: str) -> User:
    """Somebody of another agency."""
    from django.contrib.auth.models import Group

    agency = Agency.objects.create(code="OTHER-PS", name="Elsewhere")
    unit = Unit.objects.create(agency=agency, code="X", name="X")
    from accounts.models import Person

    person = Person.objects.create(name="Kit Moor", badge="1", agency=agency, unit=unit)
    user = User.objects.create_user("kit.moor", person=person)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


# --- what it opens --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["investigator", "bail_officer", "applicant"])
def test_one_alerts_detail_opens_and_no_other(scene: Scene, alert: Alert, entries: Any, role: str) -> None:
    user = scene.users[role]
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        other = alert_services.receive_alert(actor=scene.trailer, body=schemas.alert_from(scene.gunshot()))[0]
    browser = sign_in(user)
    assert detail(browser, alert).status_code == 403
    opened = break_it(user, "alert", alert.pk)
    answer = detail(browser, alert)
    assert answer.status_code == 200 and answer.json()["plate"] == "ZZDEM01"
    assert detail(browser, other).status_code == 403
    assert opened.expires_at - opened.opened_at == timedelta(minutes=30)
    [broken] = entries.of("access.break_glass")
    assert broken["object"] == {"type": "alert", "id": str(alert.pk), "agency": "DEMO-PS"}
    assert broken["reason"] == {"code": "officer-safety", "cad": "26-118204"}
    assert "detail" in broken and WORDS not in str(broken)
    looks = [row for row in entries.of("alert.view") if row["outcome"]["result"] == "allowed"]
    assert [row["parent"] for row in looks] == [broken["uid"]] == [str(opened.entry)]


def test_a_deployment_of_another_unit_opens_to_an_applicant(scene: Scene, entries: Any) -> None:
    user, name = other_unit(scene), scene.deployment.name
    browser = sign_in(user)
    assert browser.get(f"/api/v1/deployments/{name}/").status_code == 403
    opened = break_it(user, "deployment", name)
    answer = browser.get(f"/api/v1/deployments/{name}/")
    assert answer.status_code == 200 and answer.json()["need"]["aim"] == scene.deployment.aim
    page = browser.get(f"/deployments/{name}/")
    assert page.status_code == 200 and scene.deployment.site in page.content.decode()
    looks = [row for row in entries.of("deployment.view") if row["outcome"]["result"] == "allowed"]
    assert [row.get("parent") for row in looks] == [str(opened.entry)] * 2


@pytest.mark.parametrize("role", ["supervisor", "applicant"])
def test_who_may_read_a_deployment_anyway_needs_no_glass(scene: Scene, entries: Any, role: str) -> None:
    user, name = scene.users[role], scene.deployment.name
    assert sign_in(user).get(f"/api/v1/deployments/{name}/").status_code == 200
    assert "parent" not in entries.of("deployment.view")[0]
    refused("not-needed", 409, lambda: break_it(user, "deployment", name))


@pytest.mark.parametrize("role", ["dispatcher", "supervisor"])
def test_who_may_read_an_alert_anyway_needs_no_glass(scene: Scene, alert: Alert, role: str) -> None:
    refused("not-needed", 409, lambda: break_it(scene.users[role], "alert", alert.pk))
    assert detail(sign_in(scene.users[role]), alert).status_code == 200
    assert not BreakGlass.objects.exists()


@pytest.mark.parametrize("role", ["privacy_officer", "technician", "administrator"])
def test_a_role_without_content_never_breaks_it(scene: Scene, alert: Alert, role: str) -> None:
    user = scene.users[role]
    for kind, target in (("alert", alert.pk), ("deployment", scene.deployment.name)):
        refused("not-permitted", 403, lambda kind=kind, target=target: break_it(user, kind, target))
    browser = sign_in(user)
    answer = detail(browser, alert)
    assert answer.status_code == 403 and "break_glass" not in answer.json()
    assert browser.get("/break-glass/").status_code == 403
    assert not BreakGlass.objects.exists()


def test_an_applicant_who_is_a_technician_too_never_breaks_it(scene: Scene, alert: Alert) -> None:
    from django.contrib.auth.models import Group

    user = scene.users["applicant"]
    user.groups.add(Group.objects.get(name="technician"))
    refused("not-permitted", 403, lambda: break_it(user, "alert", alert.pk))


def test_another_agencys_things_are_not_there(scene: Scene, alert: Alert) -> None:
    user = elsewhere(scene, "investigator")
    for kind, target in (
        ("alert", alert.pk),
        ("deployment", scene.deployment.name),
        ("alert", "0199f3a1-7c00-7000-8000-00000000c0de"),
        ("alert", "no-such-id"),
        ("deployment", "DEP-1999-0001"),
        ("person", "u-1"),
    ):
        refused("not-found", 404, lambda kind=kind, target=target: break_it(user, kind, target))
    answer = detail(sign_in(user), alert)
    assert answer.status_code == 403 and "break_glass" not in answer.json(), "not even that it exists"


def test_the_person_must_have_just_confirmed_who_they_are(scene: Scene, alert: Alert, clock: Any) -> None:
    user = scene.users["investigator"]
    session = fresh(user)
    clock.shift(301)
    refused("step-up", 403, lambda: break_it(user, "alert", alert.pk, login=session))
    refused("step-up", 403, lambda: break_it(user, "alert", alert.pk, login=Session()))
    assert not BreakGlass.objects.exists()


@pytest.mark.parametrize(
    "more",
    [{"why": "curious"}, {"words": "  "}, {"words": "x" * 1001}, {"why": ""}]
    + [{"words": words} for words in ("\u200b\u200b", "\x00\x07", "\ue000", "\u2060 \u202e", "a\ud800")],
)
def test_a_reason_in_code_and_words_is_needed(scene: Scene, alert: Alert, more: dict[str, str]) -> None:
    refused("schema", 422, lambda: break_it(scene.users["investigator"], "alert", alert.pk, **more))


# --- how it ends ----------------------------------------------------------------------------------


def test_it_ends_by_itself_after_thirty_minutes(scene: Scene, alert: Alert, clock: Any) -> None:
    user = scene.users["investigator"]
    browser = sign_in(user)
    break_it(user, "alert", alert.pk)
    clock.shift(GLASS_LIFE.total_seconds() - 5)
    assert detail(browser, alert).status_code == 200
    clock.shift(GLASS_LIFE.total_seconds() + 1)
    assert detail(browser, alert).status_code == 403
    again = break_it(user, "alert", alert.pk)
    assert detail(browser, alert).status_code == 200
    assert BreakGlass.objects.exclude(pk=again.pk).get().ended_at is not None


def test_the_person_ends_it_at_once(scene: Scene, alert: Alert, entries: Any) -> None:
    user = scene.users["investigator"]
    browser = sign_in(user)
    opened = break_it(user, "alert", alert.pk)
    for _press in range(2):
        assert browser.post(f"/api/v1/break-glass/{opened.pk}/end/").status_code == 200
    assert detail(browser, alert).status_code == 403
    done = [row for row in entries.of("access.break_glass_end") if row.get("parent")]
    assert [row["parent"] for row in done] == [str(opened.entry)], "twice is the same as once"
    stranger = sign_in(scene.users["applicant"])
    assert stranger.post(f"/api/v1/break-glass/{opened.pk}/end/").status_code == 404


def test_a_right_taken_away_ends_it(scene: Scene, alert: Alert) -> None:
    user, boss = scene.users["investigator"], scene.users["administrator"]
    break_it(user, "alert", alert.pk)
    with acting(boss):
        services.set_roles(user=user, roles=["applicant", "investigator"], actor=boss)
        user.refresh_from_db()
        assert glass.glass_for(user, "alert", str(alert.pk)) is not None, "a further role takes nothing"
        services.set_roles(user=user, roles=["applicant"], actor=boss)
    user.refresh_from_db()
    assert glass.glass_for(user, "alert", str(alert.pk)) is None
    assert detail(sign_in(user), alert).status_code == 403
    assert not selectors.glass_of_agency(user.person.agency_id, glass.clock.now())


def test_a_role_without_content_added_meanwhile_ends_it(scene: Scene, alert: Alert) -> None:
    from django.contrib.auth.models import Group

    user = scene.users["applicant"]
    break_it(user, "alert", alert.pk)
    user.groups.add(Group.objects.get(name="technician"))
    assert detail(sign_in(user), alert).status_code == 403


def test_one_thing_once_and_three_at_most(scene: Scene, alert: Alert) -> None:
    user = scene.users["investigator"]
    break_it(user, "alert", alert.pk)
    told = refused("already-open", 409, lambda: break_it(user, "alert", alert.pk))
    assert told.extra["until"]
    break_it(user, "deployment", scene.deployment.name)
    with audit.acting_as(audit.Actor("trailer", scene.trailer.name)):
        more = [
            alert_services.receive_alert(actor=scene.trailer, body=schemas.alert_from(scene.gunshot()))[0]
            for _ in range(2)
        ]
    break_it(user, "alert", more[0].pk)
    refused("too-many-open", 409, lambda: break_it(user, "alert", more[1].pk))


# --- what it never does ---------------------------------------------------------------------------


def test_it_acknowledges_approves_extends_and_opens_nothing(scene: Scene, alert: Alert) -> None:
    user = scene.users["investigator"]
    break_it(user, "alert", alert.pk)
    break_it(user, "deployment", scene.deployment.name)
    browser = sign_in(user)
    for path, body in (
        (f"alerts/{alert.pk}/acknowledge/", {"version": alert.version}),
        (f"alerts/{alert.pk}/close/", {"version": alert.version, "outcome": "test"}),
        (f"alerts/{alert.pk}/note/", {"text": "x"}),
        (f"alerts/{alert.pk}/verify-plate/", {"version": alert.version, "decision": "reject"}),
        (f"alerts/{alert.pk}/live-view/", {"reason": {"code": "plate-hit"}}),
    ):
        answer = browser.post(f"/api/v1/{path}", body, content_type="application/json")
        assert answer.status_code == 403, path
    answer = browser.post(
        f"/api/v1/deployments/{scene.deployment.name}/deactivate/", {}, content_type="application/json"
    )
    assert answer.status_code in (403, 404)
    assert browser.get("/api/v1/live/snapshot/").status_code == 403
    assert browser.get("/live/").status_code == 403
    scene.deployment.refresh_from_db()
    alert.refresh_from_db()
    assert (alert.state, alert.version, scene.deployment.state) == ("unacknowledged", 1, "active")


def test_it_opens_no_video_even_in_the_service(scene: Scene, alert: Alert) -> None:
    user, dana = scene.users["investigator"], scene.users["dispatcher"]
    break_it(user, "alert", alert.pk)
    with acting(dana):
        alert_services.acknowledge_alert(actor=dana, alert_id=alert.pk, version=1)
    with acting(user):
        refused(
            "not-permitted",
            403,
            lambda: live_services.open_live_view(
                actor=user, login=None, alert_id=alert.pk, reason="plate-hit", cad=""
            ),
        )


def test_what_was_erased_stays_erased(scene: Scene, alert: Alert) -> None:
    user = scene.users["investigator"]
    break_it(user, "alert", alert.pk)
    AlertDetail.objects.filter(alert=alert).delete()
    answer = detail(sign_in(user), alert)
    assert answer.status_code == 410 and "ZZDEM01" not in answer.content.decode()


# --- the database ---------------------------------------------------------------------------------


def test_the_database_holds_the_thirty_minutes_and_the_end(scene: Scene, alert: Alert) -> None:
    opened = break_it(scene.users["investigator"], "alert", alert.pk)
    copy = {
        name: getattr(opened, name)
        for name in ("user_id", "person_id", "agency_id", "auth_epoch", "kind", "why", "entry", "opened_at")
    }
    for changes in (
        {"target": "x", "expires_at": opened.opened_at + timedelta(minutes=31)},
        {"target": "x", "expires_at": opened.opened_at},
        {"target": "x", "expires_at": opened.expires_at, "kind": "person"},
        {"target": opened.target, "expires_at": opened.expires_at},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            BreakGlass.objects.create(**(copy | changes))
    for change in ("expires_at = expires_at + interval '1 hour'", "target = 'y'", "auth_epoch = 9"):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            connection.cursor().execute(f"UPDATE accounts_breakglass SET {change}")
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        connection.cursor().execute("DELETE FROM accounts_breakglass")
    opened.end(opened.opened_at)
    with pytest.raises(IntegrityError, match="does not come back"), transaction.atomic():
        connection.cursor().execute("UPDATE accounts_breakglass SET ended_at = NULL")


# --- who is told ----------------------------------------------------------------------------------


def test_boards_are_told_at_once_and_those_opened_later_too(
    scene: Scene, alert: Alert, monkeypatch: Any
) -> None:
    from csoc.lib import realtime

    pushed: list[Any] = []
    monkeypatch.setattr(realtime, "push_on_commit", lambda group, message: pushed.append((group, message)))
    opened = break_it(scene.users["investigator"], "alert", alert.pk)
    [(group, message)] = pushed
    assert group == "live" and message["type"] == "break-glass" and message["agency"] == "DEMO-PS"
    assert message["break_glass"]["person"]["name"] == "Noor Haddad" and WORDS not in str(message)
    status = sign_in(scene.users["dispatcher"]).get("/api/v1/live/status/").json()
    assert [one["id"] for one in status["break_glass"]] == [str(opened.pk)]


@pytest.mark.parametrize("role", ["supervisor", "privacy_officer"])
def test_pages_of_supervisors_and_the_privacy_officer_show_it(
    scene: Scene, alert: Alert, role: str, clock: Any
) -> None:
    browser = sign_in(scene.users[role])
    assert "broke the glass" not in browser.get("/retention/").content.decode()
    break_it(scene.users["investigator"], "alert", alert.pk)
    page = browser.get("/retention/").content.decode()
    assert "Noor Haddad broke the glass" in page and "An officer is in danger" in page
    assert WORDS not in page
    clock.shift(GLASS_LIFE.total_seconds() + 1)
    assert "broke the glass" not in browser.get("/retention/").content.decode()


def test_others_are_not_told_on_their_pages(scene: Scene, alert: Alert) -> None:
    break_it(scene.users["investigator"], "alert", alert.pk)
    for role in ("technician", "administrator", "applicant"):
        assert "broke the glass" not in sign_in(scene.users[role]).get("/account/").content.decode()


# --- pages and API --------------------------------------------------------------------------------


def test_a_refusal_offers_the_way_and_says_what_happens(scene: Scene, alert: Alert) -> None:
    browser = sign_in(scene.users["investigator"])
    refusal = browser.get(f"/alerts/{alert.pk}/")
    assert refusal.status_code == 403
    assert f'href="/break-glass/?what={alert.pk}"' in refusal.content.decode()
    answer = detail(browser, alert)
    assert answer.json()["break_glass"] == f"/break-glass/?what={alert.pk}"
    form = browser.get(f"/break-glass/?what={alert.pk}").content.decode()
    assert str(alert.pk) in form and "30 minutes" in form and "within 24 hours" in form
    unknown = browser.get("/alerts/0199f3a1-7c00-7000-8000-00000000c0de/")
    assert unknown.status_code == 403 and "Break glass" not in unknown.content.decode()


def test_the_form_opens_it_and_leads_to_what_is_read(scene: Scene, alert: Alert) -> None:
    browser = sign_in(scene.users["investigator"])
    sent = {"what": f" {alert.pk} ", "why": "public-safety", "words": WORDS, "cad": ""}
    answer = browser.post("/break-glass/open/", sent)
    assert (answer.status_code, answer["Location"]) == (302, f"/alerts/{alert.pk}/")
    page = browser.get(answer["Location"]).content.decode()
    assert "ZZDEM01" in page and "You have broken the glass" in page
    listed = browser.get("/break-glass/").content.decode()
    [opened] = BreakGlass.objects.all()
    assert listed.count(f"/break-glass/{opened.pk}/end/") == 1
    assert browser.post(f"/break-glass/{opened.pk}/end/").status_code == 302
    assert browser.get(f"/alerts/{alert.pk}/").status_code == 403


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"what": "trailer 7"}, "neither an alert"),
        ({"what": "DEP-1999-0001"}, "nothing here that you may see"),
        ({"why": ""}, "required"),
        ({"words": ""}, "required"),
        ({"cad": "drop table;"}, "Letters, digits and hyphens"),
    ],
)
def test_mistakes_stand_beside_their_fields_and_nothing_typed_is_lost(
    scene: Scene, alert: Alert, changes: dict[str, str], words: str
) -> None:
    browser = sign_in(scene.users["investigator"])
    sent = {"what": str(alert.pk), "why": "public-safety", "words": "KEPT WORDS", "cad": "26-1"} | changes
    answer = browser.post("/break-glass/open/", sent)
    page = answer.content.decode()
    assert answer.status_code >= 400 and words in page
    assert "words" in changes or "KEPT WORDS" in page
    assert not BreakGlass.objects.exists()


def test_a_stale_session_is_sent_to_confirm_and_comes_back(scene: Scene, alert: Alert, clock: Any) -> None:
    browser = sign_in(scene.users["investigator"])
    clock.shift(400)
    page = browser.get(f"/break-glass/?what={alert.pk}").content.decode()
    assert "/accounts/second-factor/confirm/?next=%2Fbreak-glass%2F%3Fwhat%3D" in page
    assert 'name="words"' not in page
    body = asked(alert)
    answer = browser.post("/api/v1/break-glass/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/step-up")


def test_the_api_opens_lists_and_ends(scene: Scene, alert: Alert, entries: Any) -> None:
    browser = sign_in(scene.users["investigator"])
    body = {
        "object": {"type": "alert", "id": str(alert.pk)},
        "reason": {"code": "cannot-wait", "words": WORDS},
    }
    answer = browser.post("/api/v1/break-glass/", body, content_type="application/json")
    assert answer.status_code == 201
    wire = answer.json()
    assert set(wire) == {"id", "object", "person", "reason", "opened_at", "expires_at", "ended_at"}
    assert browser.get("/api/v1/break-glass/").json() == [wire]
    ended = browser.post(f"/api/v1/break-glass/{wire['id']}/end/")
    assert ended.status_code == 200 and ended.json()["ended_at"] is not None
    assert browser.get("/api/v1/break-glass/").json() == []
    for bad in ({}, {"object": {"type": "camera", "id": "1"}, "reason": body["reason"]}):
        answer = browser.post("/api/v1/break-glass/", bad, content_type="application/json")
        assert answer.status_code == 422
    kept = [row["outcome"]["result"] for row in entries.of("access.break_glass")]
    assert kept == ["allowed", "failed", "failed"]


def test_a_denied_try_is_kept(scene: Scene, alert: Alert, entries: Any) -> None:
    browser = sign_in(scene.users["technician"])
    body = {
        "object": {"type": "alert", "id": str(alert.pk)},
        "reason": {"code": "cannot-wait", "words": WORDS},
    }
    assert browser.post("/api/v1/break-glass/", body, content_type="application/json").status_code == 403
    [kept] = entries.of("access.break_glass")
    assert kept["outcome"] == {"result": "denied", "code": "not-permitted"}


def test_the_role_is_judged_before_the_form(scene: Scene, alert: Alert) -> None:
    browser = sign_in(scene.users["technician"])
    for sent in ({}, {"what": "nonsense"}, {"what": str(alert.pk)}):
        answer = browser.post("/break-glass/open/", sent)
        assert answer.status_code == 403 and 'name="words"' not in answer.content.decode()


def test_words_that_nobody_can_see_stand_refused_beside_their_field(scene: Scene, alert: Alert) -> None:
    browser = sign_in(scene.users["investigator"])
    sent = {"what": str(alert.pk), "why": "public-safety", "words": "\u200b\u2060"}
    answer = browser.post("/break-glass/open/", sent)
    assert answer.status_code == 422 and "Say why in words" in answer.content.decode()
    body = asked(alert)
    body["reason"]["words"] = "\u200b\u2060"
    assert browser.post("/api/v1/break-glass/", body, content_type="application/json").status_code == 422
