"""The closing report: what stands in it, what never does, and a PDF that holds whatever people write."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.utils.html import strip_tags

from accounts.services import acting
from alerts.models import Alert
from csoc.lib import clock as clock_module
from deployments import printing, reporting, services
from deployments.models import Deployment
from deployments.selectors.reports import Chapter, Report, Table, report
from live.models import LiveSession, Stream
from tests.accounts.people import sign_in
from tests.deployments.standing_people import HOSTILE
from tests.scene import Scene, standing

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


def text(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def page(deployment: Deployment, what: str = "report/") -> str:
    return f"/deployments/{deployment.address_name}/{what}"


def alert(scene: Scene, outcome: str) -> Alert:
    """An alert that was closed with ``outcome``; "" leaves it open."""
    now, who = clock_module.now(), scene.users["dispatcher"].person
    made = Alert.objects.create(
        id=uuid.uuid4(), agency=scene.deployment.agency, unit=scene.deployment.unit, trailer=scene.trailer,
        deployment=scene.deployment, kind="gunshot", priority=1, seq=Alert.objects.count() + 1,
        lat=43.0, lon=-79.0, occurred_at=now, received_at=now,
    )  # fmt: skip
    if outcome:
        made.acknowledge(who, now)
        made.save()
        made.close(who, now, outcome)
        made.save()
    return made


def numbers(deployment: Deployment) -> reporting.Numbers:
    return reporting.numbers([deployment.pk])[deployment.pk]


def content(pdf: bytes) -> str:
    """The text of a PDF, by its own table of signs."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        told = []
        for one in opened.pages:
            fonts = {str(name): _signs(font) for name, font in one.Resources.Font.items()}
            font: dict[int, str] = {}
            for step in pikepdf.parse_content_stream(one):
                if str(step.operator) == "Tf":
                    font = fonts[str(step.operands[0])]
                parts = step.operands[0] if str(step.operator) == "TJ" else step.operands
                if str(step.operator) in ("Tj", "TJ"):
                    for part in parts:
                        if isinstance(part, pikepdf.String):
                            raw = bytes(part)
                            told += [
                                font.get(int.from_bytes(raw[i : i + 2]), "?") for i in range(0, len(raw), 2)
                            ]
                if str(step.operator) == "EMC":
                    told.append(" ")
        return "".join(told)


def _signs(font: Any) -> dict[int, str]:
    signs = {}
    for line in bytes(font.ToUnicode.read_bytes()).decode("ascii").splitlines():
        codes = line.replace("<", " ").replace(">", " ").split()
        if len(codes) >= 2 and all(len(code) % 4 == 0 for code in codes) and line.startswith("<"):
            signs[int(codes[0], 16)] = bytes.fromhex(codes[-1]).decode("utf-16-be", "replace")
    return signs


def end(scene: Scene, reason: str = "need_ended") -> Deployment:
    dana = scene.users["supervisor"]
    with acting(dana):
        return services.deactivate_deployment(actor=dana, deployment_id=scene.deployment.pk, reason=reason)


def test_what_stands_in_it(scene: Scene) -> None:
    for outcome in ("confirmed", "confirmed", "unfounded", "test", ""):
        alert(scene, outcome)
    ended = end(scene)
    shown = text(sign_in(scene.users["supervisor"]).get(page(ended)))
    for words in (
        "Closing report", "Why it stood", ended.incident.cad, ended.aim, ended.alternatives, "Who decided",
        "The threat is current and specific.", "Authorised by", "When it stood, with what", "Hours",
        "recording is always off", "2 of 3 alerts were confirmed, 67 %", "not closed", "How it ended",
        "need ended", "not confirmed by the trailer", "The owner’s consent", "What was deleted",
        "Its entries in the audit log",
    ):  # fmt: skip
        assert words in shown, words


def test_the_owner_does_not_stand_in_it(scene: Scene) -> None:
    ended, browser = end(scene), sign_in(scene.users["supervisor"])
    assert "Demonstration Owner" not in text(browser.get(page(ended)))
    pdf = browser.get(page(ended, "report.pdf"))
    assert "Demonstration Owner" not in content(pdf.content)
    assert "Closing report" in content(pdf.content)


def test_numbers_come_from_the_rooms_above_in_one_query_each(
    scene: Scene, django_assert_num_queries: Any
) -> None:
    for outcome in ("confirmed", "unfounded", "unconfirmed", "equipment", "test", ""):
        alert(scene, outcome)
    told = numbers(scene.deployment)
    assert (told.alerts, told.judged, told.confirmed, told.precision_pct) == (6, 4, 1, 25)
    with django_assert_num_queries(2):
        reporting.numbers([scene.deployment.pk, scene.deployment.pk + 1])
    assert reporting.numbers([]) == {}


def test_views_with_their_minutes_and_reasons(scene: Scene, clock: Any) -> None:
    found, dispatcher = alert(scene, ""), scene.users["dispatcher"]
    now = clock_module.now()
    found.acknowledge(dispatcher.person, now)
    found.save()
    stream = Stream.objects.create(
        trailer=scene.trailer, alert=found, path="x", started_at=now, renewed_at=now
    )
    LiveSession.objects.create(
        agency=found.agency, person=dispatcher.person, user=dispatcher, auth_epoch=dispatcher.auth_epoch,
        login="", alert=found, trailer=scene.trailer, stream=stream, reason="gunshot", opened_at=now,
        expires_at=now + timedelta(minutes=5),
    )  # fmt: skip
    clock.shift(90)
    told = numbers(scene.deployment)
    assert (told.views, told.view_minutes, told.reasons) == (1, 2, {"gunshot": 1})
    clock.shift(3600)
    assert numbers(scene.deployment).view_minutes == 5, "a view is never counted past its own end"


def test_the_pdf_door(scene: Scene) -> None:
    answer = sign_in(scene.users["supervisor"]).get(page(end(scene), "report.pdf"))
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (
        answer.headers["Content-Disposition"] == f'attachment; filename="{scene.deployment.name}-report.pdf"'
    )
    assert "no-store" in answer.headers["Cache-Control"]


def test_so_far_while_it_stands(scene: Scene) -> None:
    shown = text(sign_in(scene.users["applicant"]).get(page(scene.deployment)))
    assert "Report so far" in shown and "still stands" in shown and "How it ended" not in shown


def test_only_who_may_read_it(scene: Scene) -> None:
    for role in ("dispatcher", "administrator", "investigator", "privacy_officer"):
        for what in ("report/", "report.pdf"):
            assert sign_in(scene.users[role]).get(page(scene.deployment, what)).status_code == 404, role


def sample(words: str) -> Report:
    return Report(
        name="DEP-2026-0042", title="Closing report", subtitle=words, closed=True,
        at=datetime(2026, 5, 12, 8, tzinfo=UTC),
        chapters=[
            Chapter("Why", [("Need", words), (words[:40], words)], [words]),
            Chapter("Entries", table=Table(["Entry", "What"], [[str(n), words] for n in range(30)])),
        ],
    )  # fmt: skip


class TestPaper:
    def test_tagged_named_and_in_a_language(self) -> None:
        with pikepdf.open(io.BytesIO(printing.pdf(sample("Plaza")))) as opened:
            root = opened.Root
            assert str(root.Lang).lower().startswith("en") and root.MarkInfo.Marked
            assert opened.docinfo["/Title"] == "DEP-2026-0042: Closing report"
            kinds = [str(one.S) for one in root.StructTreeRoot.K[0].K]
            assert kinds[0] == "/H1" and "/H2" in kinds and "/P" in kinds
            names = {str(key) for one in opened.pages for key in one.obj.keys()}  # noqa: SIM118
            assert "/Annots" not in names and "/AA" not in names
            assert "/JavaScript" not in str(root) and "/OpenAction" not in str(root.get("/AA", ""))

    def test_every_tag_closes_on_its_page(self) -> None:
        with pikepdf.open(io.BytesIO(printing.pdf(sample("word " * 900)))) as opened:
            assert len(opened.pages) > 3
            for one in opened.pages:
                steps = [str(step.operator) for step in pikepdf.parse_content_stream(one)]
                assert steps.count("BDC") + steps.count("BMC") == steps.count("EMC")

    @pytest.mark.parametrize(
        ("words", "shaped"),
        [
            ("Łódź, Ελλάδα – Москва’s", False),
            ("مرحبا", True),
            ("e\u0301", True),
            ("שלום", True),
            ("ਪੰਜਾਬੀ", True),
        ],
    )
    def test_only_what_needs_it_is_shaped(self, words: str, shaped: bool) -> None:
        paper = printing._Paper(sample(""))
        paper._lines(words, 100, 5)
        assert (paper.text_shaping is not None) is shaped
        paper._lines("مرحبا", 100, 5)
        paper._write(100, 5, words)
        assert (paper.text_shaping is not None) is shaped

    def test_letters_that_join_are_joined(self) -> None:
        """Shaped, the five letters of a word in Arabic take less room than the same letters one by one."""
        paper = printing._Paper(sample(""))
        paper._pen(9, "", False)
        joined = paper._width_of("مرحبا")
        assert joined < sum(paper._width_of(sign) for sign in "مرحبا") * 0.95

    def test_a_row_that_no_page_holds_goes_over_pages_with_its_heads(self) -> None:
        report = sample("")
        tall = Table(["Entry", "What"], [["1", "word " * 4000 + "last"]])
        report.chapters[1] = Chapter("Entries", table=tall)
        raw = printing.pdf(report)
        with pikepdf.open(io.BytesIO(raw)) as opened:
            assert len(opened.pages) > 3
            steps = [step for one in opened.pages for step in pikepdf.parse_content_stream(one)]
            heights = [float(step.operands[1]) for step in steps if str(step.operator) == "Td"]
        assert len(heights) > 200 and min(heights) > 0, "nothing is written below the sheet"
        told = content(raw)
        assert told.count("word") == 4000 and "last" in told and told.count("Entry") > 3

    def test_many_wide_columns_have_room(self) -> None:
        report = sample("")
        report.chapters[1] = Chapter("Wide", table=Table(["a"] * 5, [["wide words " * 9] * 5]))
        assert content(printing.pdf(report)).count("wide") == 45

    def test_the_same_report_is_the_same_bytes(self) -> None:
        assert printing.pdf(sample(HOSTILE)) == printing.pdf(sample(HOSTILE))

    @pytest.mark.parametrize(
        "words",
        [
            HOSTILE,
            "",
            " ",
            "\n" * 500,
            "x" * 2000,
            "\x00\x07\x1b[31m",
            "a\u202eb\u200bc",
            "\ud83d\udea8",
            "ਪੰਜਾਬੀ",
            "مرحبا بالعالم " * 40,
            "𝔘𝔫𝔦",
            "e\u0301" * 300,
            "%s %d {0} <b>&amp;",
            "(\\) endobj stream",
        ],
    )
    def test_it_holds_what_people_write(self, words: str) -> None:
        words = words.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        told = content(printing.pdf(sample(words)))
        assert "DEP-2026-0042" in told

    def test_nothing_vanishes_without_notice(self) -> None:
        told = content(printing.pdf(sample("Żółw \U0001f6a8 end")))
        assert "Żółw" in told and "[U+1F6A8]" in told and "Signs that this typeface lacks" in told
        assert "Signs that" not in content(printing.pdf(sample("Żółw Ελλάδα Москва")))


def test_a_hostile_deployment_has_a_report(scene: Scene) -> None:
    ended = end(scene)
    ended.site, ended.aim = HOSTILE[:120], HOSTILE * 10
    with acting(scene.users["supervisor"]):
        told = report(ended)
    assert "[U+1F6A8]" in content(printing.pdf(told))
