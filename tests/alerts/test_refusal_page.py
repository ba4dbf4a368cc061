"""Refusals: counted by trailer, code and hour, kept 30 days, and shown with what to do. Never content."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

import audit
from agent.signing import Signer
from alerts import refusal_lists, refusals
from csoc.lib import clock as console_clock
from tests.accounts.people import sign_in
from tests.scene import Scene, standing
from tests.trailers.cast import send
from trailers import counters, keyring, refusal_words, tasks
from trailers.doors import public_authority
from trailers.models import RefusalHour

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

ALERTS = "/api/v1/alerts/"
HOUR, DAY = 3600, 86_400


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    counters._waiting.take()
    keyring.forget()
    return standing(data_dir)


def said(scene: Scene, body: Any, path: str = ALERTS, *, method: str = "POST", **how: Any) -> Any:
    """Send a body, signed by the scene's trailer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signer = Signer(scene.private, scene.key.keyid, public_authority())
    how.setdefault("created", int(console_clock.now().timestamp()))
    headers = signer.headers(method, f"http://console{path}", body=raw, **how)
    return send(method, path, raw, headers)


def rolled() -> None:
    """As beat and time do it: what was counted is written."""
    with audit.acting_as(audit.system("intake")):
        refusals.write_refusals(actor=audit.system("intake"))
    counters.write()


def hours() -> dict[tuple[str, str], int]:
    """(trailer or "", code) -> how many."""
    found: dict[tuple[str, str], int] = {}
    for row in RefusalHour.objects.select_related("trailer"):
        key = (row.trailer.name if row.trailer else "", row.code)
        found[key] = found.get(key, 0) + row.n
    return found


def page(scene: Scene, query: str = "") -> str:
    answer = sign_in(scene.users["technician"]).get(f"/fleet/refusals/{query}")
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def words(shown: str) -> str:
    return " ".join(re.sub(r"(?s)<(script|style|head).*?</\1>|<[^>]+>", " ", shown).split())


def test_each_refusal_is_counted_once_for_its_trailer_or_for_nobody(scene: Scene, clock: Any) -> None:
    name = scene.trailer.name
    for _time in range(3):
        assert said(scene, scene.gunshot() | {"other": 1}).status_code == 422
    assert said(scene, scene.gunshot() | {"face": 1}).status_code == 422
    assert said(scene, b" " * 17_000).status_code == 413
    assert said(scene, {"public_key": "x"}, "/api/v1/keys/").status_code == 422
    assert said(scene, scene.gunshot(), nonce="A" * 32).status_code == 201
    assert said(scene, scene.gunshot(), nonce="A" * 32).status_code == 401
    assert send("POST", ALERTS, b"{}", {"Content-Type": "application/json"}).status_code == 401
    assert send("POST", "/api/v1/enrolment/", b"{}", {"Content-Type": "application/json"}).status_code == 422
    clock.shift(2 * 60)
    rolled()
    assert hours() == {
        (name, "schema"): 4, (name, "forbidden-field"): 1, ("", "too-large"): 1, (name, "replayed-nonce"): 1,
        ("", "bad-signature"): 1, ("", "schema"): 1,
    }  # fmt: skip
    rolled()
    assert sum(hours().values()) == 9, "a minute counts once"


def test_a_refused_clip_or_report_counts_once_as_its_entry_says(scene: Scene, clock: Any) -> None:
    """What becomes an entry is not added to the hour before as well: page and log say the same number."""
    clip = f"{ALERTS}0196a6d2-5c1e-7b3a-9f10-2d3c4b5a6978/clip"
    for _time in range(3):
        assert said(scene, b"RIFF", clip, method="PUT", content_type="audio/wav").status_code == 404
    assert said(scene, [{"face": 1}], "/api/v1/telemetry/").status_code == 422
    # What this process holds back for its next writing stands beside what is on its way into the log.
    counters.write()
    name = scene.trailer.name
    assert hours() == {}
    clock.shift(2 * 60)
    rolled()
    assert hours() == {(name, "not-found"): 3, (name, "forbidden-field"): 1}


def test_a_revoked_key_is_still_the_trailers(scene: Scene) -> None:
    from accounts.services import acting
    from trailers import services

    with acting(scene.users["technician"]):
        services.revoke_key(key=scene.key, actor=scene.users["technician"], reason="stolen")
    keyring.forget()
    assert said(scene, scene.gunshot()).status_code == 403
    counters.write()
    assert hours() == {(scene.trailer.name, "key-revoked"): 1}


def test_ten_thousand_bad_signatures_cost_no_row_each(scene: Scene) -> None:
    """Numbers only: a refusal at the signature asks the database for nothing, and all are one row."""
    with CaptureQueriesContext(
        connection,
    ) as asked:
        for _time in range(10_000):
            counters.count_refused("bad-signature")
    assert len(asked) == 0
    counters.write()
    assert hours() == {("", "bad-signature"): 10_000} and RefusalHour.objects.count() == 1


def test_a_signed_refusal_costs_one_upsert(scene: Scene) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert said(scene, scene.gunshot() | {"other": 1}).status_code == 422
    written = [query["sql"] for query in asked if re.match(r"(INSERT|UPDATE|DELETE)", query["sql"].strip())]
    counted = [sql for sql in written if "refusal" in sql]
    assert len(counted) == 1, counted


def test_counts_wait_while_the_database_is_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(_counts: Any) -> None:
        raise OperationalError("gone")

    counters.count_refused("bad-signature")
    with monkeypatch.context() as broken:
        broken.setattr(counters, "add", away)
        counters.write()
    counters.count_refused("bad-signature")
    counters.write()
    assert hours() == {("", "bad-signature"): 2}


def test_what_is_due_is_written_by_the_next_device_request_and_not_inside_a_transaction(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr(counters, "write", lambda: written.append(1))
    monkeypatch.setattr(counters._waiting, "written_at", counters.time.monotonic() - 11)
    counters.count_refused("bad-signature")
    assert written == [], "this test runs inside a transaction"
    monkeypatch.setattr(counters, "connection", SimpleNamespace(in_atomic_block=False))
    assert said(scene, scene.gunshot() | {"other": 1}).status_code == 422
    assert written


def test_the_page_shows_who_sends_what_and_what_to_do(scene: Scene, clock: Any) -> None:
    for _time in range(2):
        said(scene, scene.gunshot() | {"face": "PLANTED-MARKER"})
    counters.count_refused("bad-signature")
    counters.write()
    shown = page(scene)
    told = words(shown)
    assert scene.trailer.name in told and "forbidden-field" in told and "Nobody known" in told
    assert "Switch the sensor off" in told and "PLANTED-MARKER" not in shown
    assert "by the hour" in told.lower() and "<rect" in shown
    assert "3 refused since" in told
    clock.shift(2 * HOUR)
    rolled()
    assert "forbidden-field" in page(scene), "the same after its minute was written"
    only = page(scene, "?trailer=unsigned")
    assert "forbidden-field" not in only and "bad-signature" in only
    assert "bad-signature" not in page(scene, f"?trailer={scene.trailer.name}")


@pytest.mark.parametrize(
    "query", ["?period=99y", "?trailer=TRL-9999", "?period=&trailer=", "?trailer=%00", "?x=y"]
)
def test_what_was_not_offered_counts_as_not_said(scene: Scene, query: str) -> None:
    counters.count_refused("bad-signature")
    counters.write()
    assert "bad-signature" in page(scene, query)


def test_the_periods_reach_as_far_as_they_say(scene: Scene, clock: Any) -> None:
    counters.count_refused("clock-skew")
    counters.write()
    for days, seen in ((0, {"24h", "7d", "30d"}), (2, {"7d", "30d"}), (10, {"30d"}), (31, set())):
        clock.shift(days * DAY)
        user = scene.users["technician"]
        found = {
            key for key, period in refusal_lists.PERIODS.items()
            if refusal_lists.table(user, period, "", console_clock.now()).codes
        }  # fmt: skip
        assert found == seen, days
    clock.shift(31 * DAY)
    assert tasks.forget_refusals() == 1 and not RefusalHour.objects.exists()


def test_bars_add_up_to_what_was_counted(scene: Scene, clock: Any) -> None:
    now = console_clock.now()
    counters.add([
        counters.Count(scene.trailer.pk, "schema", n, now - timedelta(hours=ago))
        for n, ago in ((3, 0), (7, 1), (5, 23))
    ])  # fmt: skip
    for period in refusal_lists.PERIODS.values():
        [row] = refusal_lists.table(scene.users["technician"], period, "", now).rows
        assert row.total == sum(bar.n for bar in row.bars) == 15, period
        assert len(row.bars) == period.bars and max(bar.height for bar in row.bars) == 100


def test_an_empty_page_says_since_when(scene: Scene, clock: Any) -> None:
    assert "Nothing was refused since" in words(page(scene))
    counters.count_refused("bad-signature")
    counters.write()
    last = RefusalHour.objects.get().last_at
    clock.shift(3 * DAY)
    assert refusal_lists.quiet_since(scene.users["technician"], "", console_clock.now()) == last
    assert "Nothing was refused since" in words(page(scene))


def test_another_agencys_trailers_are_not_on_the_page(scene: Scene) -> None:
    from accounts.models import Agency, Unit
    from trailers.models import Trailer

    counters.add([counters.Count(scene.trailer.pk, "schema", 1, console_clock.now())])
    other = Agency.objects.create(code="OTH", name="Other")
    unit = Unit.objects.create(agency=other, code="X", name="X")
    Trailer.objects.filter(pk=scene.trailer.pk).update(agency=other, unit=unit)
    assert scene.trailer.name not in page(scene) and "Nothing was refused" in words(page(scene))


def test_only_keepers_see_it(scene: Scene) -> None:
    assert sign_in(scene.users["dispatcher"]).get("/fleet/refusals/").status_code == 403


def test_every_code_of_the_contract_has_words_and_an_unknown_one_a_sentence() -> None:
    contract = """
        bad-json bad-digest bad-signature replayed-nonce clock-skew key-revoked not-deployed wrong-trailer
        id-conflict not-on-hotlist hotlist-version-stale too-old too-large media-type schema forbidden-field
        forbidden-class clip-onset crop-size slow-down not-found method-not-allowed
        token-unknown token-used token-expired bad-proof key-known key-rotated
    """
    missing = {one for one in contract.split() if "no words" in str(refusal_words.word_of(one).means)}
    assert missing == set(), "say in trailers/refusal_words.py what it means and what to do"
    assert "no words" in str(refusal_words.word_of("never-heard-of").means)
