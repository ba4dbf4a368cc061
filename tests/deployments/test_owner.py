"""The owner's private link: what it tells to whom, what it does, and what it leaves behind."""

import hashlib
import json
import re
import string
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

import audit
from accounts.services import acting
from csoc.lib import clock as now
from csoc.lib.errors import Refused
from deployments import documents, services
from deployments.models import Consent, ConsentRequest, Deployment, OwnerCode, OwnerMail
from deployments.owner import links, outbox, texts
from deployments.selectors.links import details, link_state
from deployments.services import answering, asking
from tests.accounts.people import sign_in
from tests.deployments.owners import Phone, arrived, ask, complete, draft, phone, token_of
from tests.scene import Scene, standing
from trailers.models import DesiredState, ModuleChange, TrailerStatus

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
YES = {"declare": "on", "conditions": ""}


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path, clock: Any) -> Scene:
    return standing(data_dir)


@pytest.fixture
def wanted(scene: Scene) -> Deployment:
    return draft(scene)


def words(answer: Any) -> str:
    shown = re.sub(r"(?s)<(script|style|head).*?</\1>|<[^>]+>", " ", answer.content.decode())
    return " ".join(shown.split())


# -- asking ------------------------------------------------------------------------------------------


def test_a_link_asks_for_exactly_what_the_draft_asks(scene: Scene, wanted: Deployment) -> None:
    request = ask(scene, wanted)
    assert (request.modules, request.until) == (wanted.modules, wanted.ends_at)
    assert (request.lat, request.lon, request.site) == (wanted.lat, wanted.lon, wanted.site)
    assert request.expires_at - request.made_at == timedelta(hours=72)
    assert details(request) == {"name": "Demonstration Owner", "email": "owner@example.org"}


def test_the_secret_stands_in_the_mail_alone(scene: Scene, wanted: Deployment) -> None:
    request = ask(scene, wanted)
    [waiting] = OwnerMail.objects.filter(request=request)
    assert link_state(wanted, now.now()).state == "waiting"
    token = token_of(arrived())
    assert request.token_sha256 == hashlib.sha256(token.encode()).hexdigest()
    waiting.refresh_from_db()
    assert waiting.sent_at is not None and bytes(waiting.sealed) == b""
    assert link_state(wanted, now.now()).state == "sent"
    assert not _anywhere(token), "no row of any table holds the token"
    assert not _anywhere("owner@example.org")


def _anywhere(text: str) -> list[str]:
    """The tables that hold it. What the app may not read (the inbox): test_the_log_names_nobody."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND has_table_privilege(oid, 'SELECT')"
        )
        found = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE position(%s IN t::text) > 0', [text])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_a_newer_link_ends_the_older(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    first = Phone(token_of(arrived())).prove()
    ask(scene, wanted, owner_email="other@example.org")
    second = Phone(token_of(arrived()))
    told = first.get("page/")
    assert first.post("yes/", **YES).status_code == 410
    assert "newer link" in words(first.get()) and told.status_code == 200
    assert second.get().status_code == 200
    assert ConsentRequest.objects.filter(answer="", ended_at=None).count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"owner_email": "nobody"}, "owner-mail"),
        ({"owner_name": " "}, "owner-missing"),
        ({"capacity": "neighbour"}, "schema"),
        ({"language": "pl"}, "schema"),
    ],
)
def test_asking_badly_is_refused(scene: Scene, wanted: Deployment, changes: Any, code: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(scene, wanted, **changes)
    assert caught.value.code == code


def test_nobody_is_asked_about_an_unknown_place(scene: Scene) -> None:
    with pytest.raises(Refused) as caught:
        ask(scene, draft(scene, without=("consent", "need", "place")))
    assert caught.value.code == "scope-missing"


def test_five_links_an_hour(scene: Scene, wanted: Deployment) -> None:
    for _ in range(5):
        ask(scene, wanted)
    with pytest.raises(Refused) as caught:
        ask(scene, wanted)
    assert caught.value.status == 429


def test_only_whoever_may_edit_asks(scene: Scene, wanted: Deployment) -> None:
    omar = scene.users["supervisor"]
    with acting(omar), pytest.raises(Refused) as caught:
        asking.request_consent(
            actor=omar, deployment_id=wanted.pk, capacity="owner", owner_name="A",
            owner_email="a@example.org", language="en",
        )  # fmt: skip
    assert caught.value.status == 403


def test_who_asked_does_not_authorise(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    assert wanted.contributions.filter(person=scene.users["applicant"].person).exists()


def test_a_wrong_address_is_said_beside_it_and_nothing_typed_is_lost(
    scene: Scene, wanted: Deployment
) -> None:
    ines = sign_in(scene.users["applicant"])
    at = f"/deployments/{wanted.address_name}/consent/"
    typed = {
        "capacity": "authorised_occupant",
        "owner_name": "Marisol C.",
        "owner_email": "marisol@",
        "language": "pa",
    }
    answer = ines.post(at + "link/", typed)
    form = answer.content.decode().partition('id="ask-owner"')[2].partition("</form>")[0]
    assert answer.status_code == 422 and "<details open>" in answer.content.decode()
    for kept in ('value="Marisol C."', 'value="marisol@"', 'value="pa" selected', "checked"):
        assert kept in form, kept
    assert form.index("This is no e-mail address") > form.index('value="marisol@"')
    assert not ConsentRequest.objects.exists()
    for _asked in range(5):
        assert ines.post(at + "link/", typed | {"owner_email": "marisol@example.org"}).status_code == 302
    answer = ines.post(at + "link/", typed | {"owner_email": "marisol@example.org"})
    assert answer.status_code == 422 and "links were sent within an hour" in words(answer)
    assert 'value="Marisol C."' in answer.content.decode()


def test_each_address_of_asking_leads_to_its_page(scene: Scene, wanted: Deployment) -> None:
    ines = sign_in(scene.users["applicant"])
    at = f"/deployments/{wanted.address_name}/consent/"
    for posted in ("link/", "document/"):
        answer = ines.get(at + posted)
        assert answer.status_code == 200 and f'data-here="{at}"' in answer.content.decode()
    assert sign_in(scene.users["dispatcher"]).get(at + "link/").status_code in (403, 404)


def test_the_applicant_reads_local_times(scene: Scene, wanted: Deployment) -> None:
    asked = ask(scene, wanted)
    arrived()
    shown = words(sign_in(scene.users["applicant"]).get(f"/deployments/{wanted.address_name}/consent/"))
    there = asked.expires_at.astimezone(ZoneInfo("America/Toronto"))
    assert f"To answer by {there.day} {there:%B %H:%M} E" in shown
    assert "UTC" not in shown


# -- what a link tells -------------------------------------------------------------------------------


def test_before_the_code_a_link_names_nobody_and_no_place(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    stranger = Phone(token_of(arrived()))
    stranger.code()
    for page in ("", "code/"):
        shown = stranger.get(page).content.decode()
        for secret in (wanted.site, wanted.name, "Demonstration Owner", "owner@example.org", "Regional"):
            assert secret not in shown
    for page in ("page/", "withdraw/", "agreed/", "receipt/", "progress/"):
        answer = stranger.get(page)
        assert (answer.status_code, answer["Location"]) == (303, f"/consent/{stranger.token}/")
    for page in ("yes/", "no/", "withdraw/"):
        assert stranger.post(page, **YES).status_code == 303
    assert ConsentRequest.objects.get().answer == ""


def test_unknown_and_malformed_links_are_told_the_same(scene: Scene) -> None:
    told = {words(Phone(token).get()) for token in (links.new_token(), "x", "a" * 43, "ü" * 43)}
    assert len(told) == 1 and "905-555-0142" in told.pop()
    assert Phone(links.new_token()).get().status_code == 404


def test_each_dead_link_has_its_own_sentence(scene: Scene, wanted: Deployment, clock: Any) -> None:
    ask(scene, wanted)
    late = Phone(token_of(arrived()))
    clock.shift(72 * 3600 + 1)
    told = words(late.get())
    assert "time to answer is over" in told and "905-555-0142" in told
    assert late.post("send/").status_code == 410
    clock.shift(0)
    ines = scene.users["applicant"]
    with acting(ines):
        asking.end_request(actor=ines, deployment_id=wanted.pk)
    assert "taken back" in words(late.get())
    assert "taken back" in arrived()
    with acting(ines), pytest.raises(Refused) as caught:
        asking.end_request(actor=ines, deployment_id=wanted.pk)
    assert caught.value.code == "no-link"


def test_nothing_is_kept_listed_or_passed_on(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    for page in ("", "page/", "code/"):
        answer = asked.get(page)
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer["X-Robots-Tag"]
    cookie = asked.http.cookies["owner"]
    assert cookie["httponly"] and cookie["samesite"] == "Strict"
    assert cookie["path"] == f"/consent/{asked.token}/"


def test_a_cookie_opens_its_own_link_only(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    ask(scene, wanted)
    other = Phone(token_of(arrived()))
    other.http.cookies["owner"] = asked.http.cookies["owner"].value
    assert other.get("page/").status_code == 303


def test_another_site_cannot_press(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    answer = asked.http.post(f"/consent/{asked.token}/yes/", YES, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert ConsentRequest.objects.get().answer == ""


def test_the_address_of_a_request_that_failed_stands_in_no_log(caplog: Any) -> None:
    import logging

    from csoc.lib.secretless import NoLinks

    token = links.new_token()
    record = logging.makeLogRecord({"msg": "%s: %s", "args": ("Error", f"/consent/{token}/page/?lang=fr")})
    assert NoLinks().filter(record)
    assert token not in record.getMessage() and "/consent/…/page/" in record.getMessage()


# -- the code ----------------------------------------------------------------------------------------


def test_a_code_works_once(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    code = asked.code()
    assert asked.post("check/", code=f" {code[:3]} {code[3:]}")["Location"].endswith("/page/")
    again = Phone(asked.token)
    assert again.post("check/", code=code)["Location"].endswith("/code/")
    assert "no longer works" in words(again.get("code/"))


def test_five_tries_then_never(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    code = asked.code()
    wrong = "000000" if code != "000000" else "000001"
    for left in (4, 3, 2, 1):
        assert asked.post("check/", code=wrong)["Location"].endswith("/code/")
        assert f"Tries left: {left}" in words(asked.get("code/"))
    asked.post("check/", code=wrong)
    assert asked.post("check/", code=code)["Location"].endswith("/code/"), "the right one comes too late"
    assert OwnerCode.objects.get().tries == 5


def test_ten_minutes(scene: Scene, wanted: Deployment, clock: Any) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    code = asked.code()
    clock.shift(600)
    assert asked.post("check/", code=code)["Location"].endswith("/code/")


def test_only_the_newest_code_counts(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    first = asked.code()
    second = asked.code()
    if first != second:
        assert asked.post("check/", code=first)["Location"].endswith("/code/")
    assert asked.post("check/", code=second)["Location"].endswith("/page/")


def test_five_codes_an_hour_and_ten_a_day(scene: Scene, wanted: Deployment, clock: Any) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    for hour in (0, 1):
        clock.shift(hour * 3601)
        for _ in range(5):
            assert asked.post("send/").status_code == 303
        assert asked.post("send/").status_code == 429
    clock.shift(3 * 3601)
    assert asked.post("send/").status_code == 429
    assert OwnerCode.objects.count() == 10


def test_the_database_alone_cannot_try_codes(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    code = asked.code()
    kept = OwnerCode.objects.get().code_hmac
    assert kept == links.code_hmac(asked.token, code)
    assert kept not in (hashlib.sha256(code.encode()).hexdigest(), links.code_hmac("", code))


# -- answering ---------------------------------------------------------------------------------------


def test_yes(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    shown = words(asked.get("page/"))
    for name in ("Gunshot detector", "Plate reader", "Camera", "Loudspeaker", "cannot recognise faces"):
        assert name in shown
    assert asked.post("yes/", declare="on", conditions="Not before the side door.").status_code == 303
    wanted.refresh_from_db()
    consent = wanted.consent
    assert (consent.method, consent.capacity, consent.language) == ("link", "owner", "en")
    assert consent.text_version == texts.of("en").version
    assert (consent.modules, consent.expires_at) == (wanted.modules, wanted.ends_at)
    assert consent.conditions == "Not before the side door." and consent.recorded_by is None
    assert link_state(wanted, now.now()).state == "given" and link_state(wanted, now.now()).attached
    assert "You said yes" in words(asked.get("page/"))


def test_a_copy_is_exactly_what_the_digest_says(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    asked.post("yes/", declare="on", conditions="<b>Only</b> & by day")
    copy = asked.get("agreed/")
    consent = Consent.objects.get(method="link")
    assert hashlib.sha256(copy.content).hexdigest() == consent.document_sha256
    assert "attachment" in copy["Content-Disposition"]
    shown = copy.content.decode()
    assert "&lt;b&gt;Only&lt;/b&gt; &amp; by day" in shown and "Demonstration Owner" in shown
    assert not re.search(r"(src|href)=|url\(|<script", shown), "it needs nothing from anywhere"
    kept = documents.fetch(consent.record, consent.document_name, original=True)
    assert kept == copy.content


@pytest.mark.parametrize("form", [{"conditions": "x"}, {"declare": "on", "conditions": "y" * 1001}])
def test_a_yes_that_is_not_whole_is_none(scene: Scene, wanted: Deployment, form: Any) -> None:
    asked = phone(scene, wanted)
    answer = asked.post("yes/", **form)
    assert answer.status_code == 422 and form["conditions"] in answer.content.decode()
    assert ConsentRequest.objects.get().answer == ""


def test_no(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    assert asked.post("no/").status_code == 303
    assert "You said no" in words(asked.get("page/"))
    assert asked.post("yes/", **YES).status_code == 409
    wanted.refresh_from_db()
    assert wanted.consent is None and link_state(wanted, now.now()).state == "declined"


def test_twice_is_told(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    asked.post("yes/", **YES)
    answer = asked.post("yes/", **YES)
    assert answer.status_code == 409 and "answered already" in words(answer)
    assert Consent.objects.filter(method="link").count() == 1


def test_a_plan_that_changed_does_not_rest_on_the_answer(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    ines = scene.users["applicant"]
    wanted.refresh_from_db()
    elsewhere = {
        "site": wanted.site, "address": "", "lat": wanted.lat + 0.002, "lon": wanted.lon, "heading_deg": 0.0,
        "forbidden_sectors": [], "speaker_ceiling_pct": 10, "quiet_from": None, "quiet_to": None,
        "quiet_ceiling_pct": 0,
    }  # fmt: skip
    with acting(ines):
        services.edit_sections(
            actor=ines, deployment_id=wanted.pk, version=wanted.version, sections={"place": elsewhere}
        )
    asked.post("yes/", **YES)
    wanted.refresh_from_db()
    assert wanted.consent is None
    assert "plan has changed" in words(asked.get("page/"))
    state = link_state(wanted, now.now())
    assert state.state == "given" and not state.attached


def test_after_the_term_there_is_nothing_to_agree_to(
    scene: Scene, wanted: Deployment, clock: Any, settings: Any
) -> None:
    settings.OWNER_LINK_H = 24 * 24
    asked = phone(scene, wanted)
    clock.shift(15 * 86400)
    owner = audit.Actor("owner", "own-1")
    with audit.acting_as(owner), pytest.raises(Refused) as caught:
        answering.give_consent(
            actor=owner, request_id=ConsentRequest.objects.get().pk, conditions="", language="en"
        )
    assert caught.value.code == "term-over" and asked.get("page/").status_code in (200, 303)


@pytest.mark.parametrize(
    ("language", "said"), [("fr", "Vous avez dit oui"), ("pa", "ਹਾਂ ਕਹੀ"), ("en", "You said yes")]
)
def test_the_language_of_the_answer_is_kept(
    scene: Scene, wanted: Deployment, language: str, said: str
) -> None:
    asked = phone(scene, wanted)
    assert f'lang="{language}"' in asked.get("page/", lang=language).content.decode()
    asked.post("yes/", **YES)
    shown = asked.get("page/")
    assert said in shown.content.decode() and shown["Content-Language"] == language
    assert Consent.objects.get(method="link").language == language
    assert texts.of(language).say("document.title") in asked.get("agreed/").content.decode()


# -- on, withdrawn, proven ---------------------------------------------------------------------------


@pytest.fixture
def given(scene: Scene, wanted: Deployment) -> tuple[Phone, Deployment]:
    """Given, authorised and switched on; the trailer says that everything is on."""
    asked = phone(scene, wanted)
    asked.post("yes/", **YES)
    active = complete(scene, wanted)
    says(scene, True)
    return asked, active


def says(scene: Scene, on: bool) -> None:
    """The trailer's own word about its sensors."""
    at = now.now()
    told = {name: {"on": on, "at": now.wire(at)} for name in ("acoustic", "alpr", "ptz", "speaker")}
    TrailerStatus.objects.filter(trailer=scene.trailer).update(modules=told, modules_at=at, link_at=at)
    for name in told:
        ModuleChange.objects.create(trailer=scene.trailer, module=name, on=on, at=at)


def test_what_is_on_is_what_the_trailer_says(
    given: tuple[Phone, Deployment], scene: Scene, clock: Any
) -> None:
    asked, _active = given
    shown = words(asked.get("page/"))
    assert "Gunshot detector Keeps 3 s of sound, only for a shot On" in shown
    assert "not recorded Ready" in shown
    clock.shift(200)
    shown = words(asked.get("page/"))
    assert "Not known" in shown and "last heard from" in shown


def test_withdrawing_stops_at_once(given: tuple[Phone, Deployment], scene: Scene) -> None:
    asked, active = given
    assert "Withdraw your consent?" in words(asked.get("withdraw/"))
    assert asked.post("withdraw/").status_code == 303
    active.refresh_from_db()
    assert (active.state, active.deactivation_reason) == ("deactivated", "consent_withdrawn")
    assert active.consent.withdrawn_at is not None and active.consent.withdrawn_by is None
    desired = DesiredState.objects.get(trailer=scene.trailer)
    assert desired.deployment == "" and not any(desired.modules.values())
    shown = words(asked.get("page/"))
    assert "The sensors are stopping" in shown and "waiting for the trailer" in shown
    says(scene, False)
    shown = words(asked.get("page/"))
    assert "Every sensor has stopped" in shown and shown.count("Confirmed off") == 4
    assert "Every sensor has stopped" in asked.get("receipt/").content.decode()


def test_withdrawing_twice_is_one(given: tuple[Phone, Deployment]) -> None:
    asked, _active = given
    asked.post("withdraw/")
    at = Consent.objects.get(method="link").withdrawn_at
    assert asked.post("withdraw/").status_code == 303
    assert Consent.objects.get(method="link").withdrawn_at == at
    outbox.send_due(now.now())
    assert [one.subject for one in mail.outbox].count("You withdrew your consent") == 1


def test_the_page_knows_when_to_change(given: tuple[Phone, Deployment], scene: Scene) -> None:
    asked, _active = given
    asked.post("withdraw/")
    before = asked.get("progress/").json()["digest"]
    assert before == asked.get("progress/").json()["digest"]
    says(scene, False)
    assert asked.get("progress/").json()["digest"] != before


def test_a_word_that_comes_while_the_page_is_made_is_not_missed(
    given: tuple[Phone, Deployment], scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.owner import pages

    asked, _active = given
    asked.post("withdraw/")
    real = pages._confirmed

    def late(*words: Any) -> Any:
        rows = real(*words)
        says(scene, False)
        return rows

    monkeypatch.setattr(pages, "_confirmed", late)
    shown = asked.get("page/").content.decode()
    monkeypatch.undo()
    assert "waiting for the trailer" in shown
    assert asked.get("progress/").json()["digest"] not in shown


def test_an_end_by_the_service_is_told(given: tuple[Phone, Deployment], scene: Scene) -> None:
    asked, active = given
    omar = scene.users["supervisor"]
    with acting(omar):
        services.deactivate_deployment(actor=omar, deployment_id=active.pk, reason="need_ended")
    assert "It has ended" in words(asked.get("page/"))


def test_before_it_stands_nothing_is_on_and_withdrawing_works(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    asked.post("yes/", **YES)
    assert "not in use yet" in words(asked.get("page/"))
    asked.post("withdraw/")
    assert "Nothing was switched on" in words(asked.get("page/"))
    ines = scene.users["applicant"]
    wanted.refresh_from_db()
    with acting(ines), pytest.raises(Refused) as caught:
        services.submit_deployment(actor=ines, deployment_id=wanted.pk, version=wanted.version)
    assert caught.value.code == "consent-missing"


# -- the outbox --------------------------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_words: str) -> None:
        raise ConnectionRefusedError("owner@example.org would stand here")

    monkeypatch.setattr(outbox, "deliver", refuse)


def test_a_mail_server_that_is_away_is_asked_five_times(
    scene: Scene, wanted: Deployment, clock: Any, broken: None, caplog: Any
) -> None:
    ask(scene, wanted)
    for shift in (0, 31, 200, 1000, 3000):
        clock.shift(shift)
        outbox.send_due(now.now())
        outbox.send_due(now.now())
    found = OwnerMail.objects.get()
    assert (found.tries, found.fault) == (5, "ConnectionRefusedError")
    assert found.failed_at is not None and bytes(found.sealed) == b""
    assert link_state(wanted, now.now()).state == "failed"
    assert "owner@example.org" not in caplog.text


def test_a_link_that_was_taken_back_is_not_sent(scene: Scene, wanted: Deployment) -> None:
    ask(scene, wanted)
    ines = scene.users["applicant"]
    with acting(ines):
        asking.end_request(actor=ines, deployment_id=wanted.pk)
    assert outbox.send_due(now.now()) == 0 and mail.outbox == []


def test_a_code_that_waited_too_long_is_not_sent(scene: Scene, wanted: Deployment, clock: Any) -> None:
    ask(scene, wanted)
    asked = Phone(token_of(arrived()))
    asked.post("send/")
    clock.shift(601)
    assert outbox.send_due(now.now()) == 0
    assert OwnerMail.objects.get(kind="code").fault == "too-late"


# -- the texts ---------------------------------------------------------------------------------------


def test_every_sentence_stands_in_every_language() -> None:
    english = texts.of("en")
    for language in ("fr", "pa"):
        other = texts.of(language)
        assert other.version == english.version
        assert other.said.keys() == english.said.keys() and len(other.months) == 12
        for key, sentence in english.said.items():
            assert fields(sentence) == fields(other.said[key]) or key.startswith("format."), key
            assert other.said[key].strip() or key.startswith("format."), key


def fields(sentence: str) -> set[str]:
    return {name for _text, name, _spec, _conv in string.Formatter().parse(sentence) if name}


def test_every_sentence_that_a_template_says_exists() -> None:
    said = texts.of("en").said
    for file in (ROOT / "templates" / "owner").rglob("*.html"):
        for key in re.findall(r"{% say ['\"]([^'\"]+)['\"]", file.read_text("utf-8")):
            assert key in said, f"{file.name}: {key}"


def test_days_and_times_are_local_and_in_the_language() -> None:
    from datetime import UTC, datetime

    at = datetime(2026, 5, 1, 16, 4, 9, tzinfo=UTC)
    assert texts.of("en").moment(at) == "1 May 2026 at 12:04"
    assert texts.of("fr").moment(at) == "1er mai 2026 à 12\u00a0h\u00a004"
    assert texts.of("pa").moment(at) == "1 ਮਈ 2026 ਨੂੰ 12:04 ਵਜੇ"
    assert texts.of("en").exact(at) == "12:04:09"


# -- the demonstration's mailbox ---------------------------------------------------------------------


def test_the_mailbox_shows_links_to_press(
    scene: Scene, wanted: Deployment, settings: Any, tmp_path: Path
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    ask(scene, wanted, language="pa")
    outbox.send_due(now.now())
    shown = Client().get("/demo/mailbox/").content.decode()
    assert re.search(r'<a href="http[^"]+/consent/[\w-]{43}/">', shown)
    assert "ਇੱਕ ਜਾਇਦਾਦ" in shown and "Demonstration" in shown
    assert "UTC" not in shown and re.search(r"\d\d:\d\d:\d\d E[SD]T", shown)


def test_there_is_no_mailbox_in_production(settings: Any, rf: Any) -> None:
    from csoc.lib.errors import Misuse
    from deployments import demo

    settings.IS_DEMO = False
    with pytest.raises(Misuse):
        demo.mailbox(rf.get("/demo/mailbox/"))


def test_the_log_names_nobody(scene: Scene, wanted: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["audit.record"]
    bodies: list[str] = []
    real = module._body

    def noted(*given: Any) -> str:
        bodies.append(real(*given))
        return bodies[-1]

    monkeypatch.setattr(module, "_body", noted)
    asked = phone(scene, wanted)
    asked.post("yes/", declare="on", conditions="Not the side door")
    asked.get("page/")
    asked.post("withdraw/")
    verbs = [json.loads(body)["verb"] for body in bodies]
    for verb in (
        "consent.request",
        "consent.code",
        "consent.open",
        "consent.give",
        "consent.view",
        "consent.withdraw",
    ):
        assert verb in verbs
    whole = "\n".join(bodies)
    for secret in (asked.token, "Demonstration Owner", "owner@example.org", "side door", "127.0.0.1"):
        assert secret not in whole
    owner = next(json.loads(body)["actor"] for body in bodies if '"kind":"owner"' in body)
    assert owner["id"].startswith("own-") and owner["agency"] and "ip" not in owner


# -- what people type, and are told -------------------------------------------------------------------


def test_what_nobody_sees_reaches_no_reader(scene: Scene, wanted: Deployment) -> None:
    asked = phone(scene, wanted)
    asked.post("yes/", declare="on", conditions="By day\u202e evil\r\nnot at night\u200d")
    assert Consent.objects.get(method="link").conditions == "By day evil\nnot at night\u200d"


@pytest.mark.parametrize("name", ["A\r\nBcc: x@example.org", "\u202eevil"])
def test_a_name_reads_as_it_is_written(scene: Scene, wanted: Deployment, name: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(scene, wanted, owner_name=name)
    assert (caught.value.code, caught.value.extra["field"]) == ("schema", "owner_name")


@pytest.mark.parametrize("email", ['"<victim@evil.example>"@example.org', '"x\x01y"@example.org'])
def test_no_mail_goes_to_a_quoted_name(scene: Scene, wanted: Deployment, email: str) -> None:
    with pytest.raises(Refused) as caught:
        ask(scene, wanted, owner_email=email)
    assert caught.value.code == "owner-mail"


@pytest.mark.parametrize("language", ["en", "fr", "pa"])
def test_the_first_mail_names_the_button_that_sends_the_code(
    scene: Scene, wanted: Deployment, language: str
) -> None:
    ask(scene, wanted, language=language)
    assert texts.of(language).say("start.button") in arrived()


@pytest.mark.parametrize("language", ["en", "fr", "pa"])
def test_before_the_yes_stands_what_is_kept_and_how_long(
    scene: Scene, wanted: Deployment, language: str
) -> None:
    asked = phone(scene, wanted, language=language)
    shown, told = words(asked.get("page/")), texts.of(language)
    asked.post("yes/", **YES)
    for page in (shown, words(asked.get("agreed/"))):
        assert told.say("ask.kept") in page
        assert all(told.say(f"sensor.{module}.keeps") in page for module in wanted.modules)


def test_the_applicants_page_follows_the_link_without_its_name(scene: Scene, wanted: Deployment) -> None:
    ines = sign_in(scene.users["applicant"])
    at = f"/deployments/{wanted.address_name}/consent/"
    assert ines.get(at + "link/state/").json() == {}
    ask(scene, wanted)
    shown = ines.get(at).content.decode()
    assert "it goes within seconds" in shown and f'data-url="{at}link/state/"' in shown
    before = ines.get(at + "link/state/")
    assert (before.json()["state"], before.json()["open"]) == ("waiting", True)
    asked = Phone(token_of(arrived()))
    told = ines.get(at + "link/state/").json()
    assert told["state"] == "sent" and re.fullmatch(
        r"Sent at \d+ \w+ \d\d:\d\d E[SD]T, not opened", told["words"]
    )
    asked.prove().post("yes/", **YES)
    told = ines.get(at + "link/state/")
    assert (told.json()["tone"], told.json()["open"]) == ("ok", False)
    assert "Owner" not in before.content.decode() + told.content.decode()
    assert sign_in(scene.users["dispatcher"]).get(at + "link/state/").status_code == 404
