"""A signed consent through the real console: sealed or nothing, each refusal said on the page."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import httpx
import pikepdf
import pytest

from accounts.services import acting
from csoc import seed
from csoc.lib import clock
from deployments import documents, services
from deployments.models import Deployment
from tests.contract.place import Place
from tests.deployments import papers

MARKED = "PLANTED-OWNER-MARIGOLD"
SIGNED = papers.pdf(1, papers.in_root(Planted=pikepdf.String(f"{MARKED}-PAPER")))


@pytest.fixture
def draft(place: Place) -> Deployment:
    """A draft of the applicant with everything but a consent."""
    plan = next(plan for plan in seed.PLANS if plan.number == 7)
    with place.inside():
        applicant, trailer = place.scene.users["applicant"], place.scene.trailer
        answers = seed.answers(plan, trailer, clock.now() + timedelta(days=60))
        del answers["consent"]
        with acting(applicant):
            made = services.create_deployment(actor=applicant, trailer=trailer, site=plan.label)
            return services.edit_sections(
                actor=applicant, deployment_id=made.pk, version=made.version, sections=answers
            )


def upload(place: Place, draft: Deployment, data: bytes, **more: Any) -> httpx.Response:
    """Send the page's form as a browser does."""
    ines = place.person("applicant")
    page = ines.get(f"/deployments/{draft.name}/consent/").text
    base = page.partition('name="base" value="')[2].partition('"')[0]
    assert base
    end = draft.ends_at + timedelta(days=1) if draft.ends_at else clock.now()
    typed = {
        "csrfmiddlewaretoken": ines.http.cookies.get("csrftoken"), "base": base, "capacity": "owner",
        "owner_name": MARKED, "owner_email": "", "conditions": "", "expires_date": f"{end:%Y-%m-%d}",
        "expires_time": "12:00", **more,
    }  # fmt: skip
    files = {"document": (f"{MARKED}.pdf", data, "application/pdf")}
    path = f"/deployments/{draft.name}/consent/document/"
    return ines.http.post(path, data=typed, files=files, headers={"Accept": "text/html"})


def test_what_was_signed_is_kept_sealed_and_stands_nowhere_in_the_clear(
    place: Place, draft: Deployment
) -> None:
    answer = upload(place, draft, SIGNED)
    assert answer.status_code == 302, answer.text[-3000:]
    with place.inside():
        consent = Deployment.objects.select_related("consent").get(pk=draft.pk).consent
        assert consent and consent.record
        assert consent.document_sha256 == hashlib.sha256(SIGNED).hexdigest()
        assert documents.fetch(consent.record, consent.document_name) == SIGNED
    assert place.found(MARKED) == []


def test_the_greatest_that_is_taken_is_taken(place: Place, draft: Deployment) -> None:
    great = papers.picture("PNG", (1100, 1100))
    assert upload(place, draft, great).status_code == 302


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (papers.pdf(200), 422, "This PDF has 200 pages; a consent may have 20."),
        (b"MZ" + SIGNED, 422, "a program, an archive or a web page"),
        (papers.pdf(1, papers.ACTIVE["a script on opening"]), 422, "contains a program"),
        (b"<html>" + MARKED.encode(), 422, "not a PDF, a JPEG or a PNG"),
        (SIGNED.ljust(5_200_000, b"\n"), 422, "more than 5 MB"),
        (SIGNED.ljust(6_000_000, b"\n"), 413, "more than 5 MB"),
    ],
)
def test_each_refusal_is_said_on_the_page_and_leaves_nothing(
    place: Place, draft: Deployment, data: bytes, status: int, words: str
) -> None:
    answer = upload(place, draft, data)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text[-2000:]
    with place.inside():
        assert Deployment.objects.get(pk=draft.pk).consent is None
    assert place.found(MARKED) == []
