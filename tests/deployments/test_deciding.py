"""Deciding: what is shown is what is decided, the difference is exact, and a stale press loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from accounts import services as people
from accounts.services import acting
from deployments import services
from deployments.models import Deployment, RiskMatrix
from deployments.selectors import as_read, deciding, differences
from deployments.selectors.differences import ADDED, REMOVED, SAME, Piece
from deployments.selectors.risk import explain
from tests.accounts.people import second_sign_in, sign_in
from tests.deployments.standing_people import HOSTILE, returned, sent, sent_again
from tests.scene import Scene, standing

pytestmark = pytest.mark.django_db

WORDS = "The threat is current and specific."


@pytest.fixture
def scene(scene_template: str, db: Any, data_dir: Path) -> Scene:
    return standing(data_dir)


@pytest.fixture
def waiting(scene: Scene) -> Deployment:
    return sent(scene.users)


def text(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def page(deployment: Deployment, act: str = "") -> str:
    return f"/deployments/{deployment.address_name}/decide/{act}"


def bound(deployment: Deployment, **changes: Any) -> dict[str, Any]:
    return {"version": deployment.version, "content_hash": deployment.content_hash, "words": WORDS} | changes


class TestDifferences:
    def test_words_are_compared_whole(self) -> None:
        told = differences.words(
            "extra patrols not possible; guards", "extra patrols doubled on 26 April; guards"
        )
        assert [piece.kind for piece in told] == [SAME, REMOVED, ADDED, SAME]
        assert told[1].text.strip() == "not possible;"
        assert told[2].text.strip() == "doubled on 26 April;"

    def test_the_pieces_give_back_both_texts(self) -> None:
        before, after = "a b  c\nd é", "a x c\nd e f"
        told = differences.words(before, after)
        assert "".join(piece.text for piece in told if piece.kind != REMOVED) == after
        assert "".join(piece.text.strip() for piece in told if piece.kind == REMOVED) == "bé"

    def test_lists_by_name(self) -> None:
        assert differences.named(["a", "b"], ["b", "c"]) == [
            Piece(SAME, "b"), Piece(ADDED, "c"), Piece(REMOVED, "a"),
        ]  # fmt: skip
        assert differences.named(None, ["b"]) == [Piece(SAME, "b")]

    def test_nothing_before_is_no_difference(self) -> None:
        assert differences.words(None, "x") == [Piece(SAME, "x")]
        assert differences.whole("x", "x") == [Piece(SAME, "x")]
        assert differences.words("x", "") == [Piece(REMOVED, "x")]


def test_every_part_of_the_content_is_on_the_page(scene: Scene, waiting: Deployment) -> None:
    content = waiting.content()
    answer = sign_in(scene.users["supervisor"]).get(page(waiting))
    shown = text(answer)
    assert answer.status_code == 200
    for words in (
        content["incident"]["cad"], content["need"]["aim"], content["need"]["alternatives"],
        *content["need"]["justifications"].values(), content["privacy"]["signage"],
        content["privacy"]["notice"], "Demonstration Owner", waiting.content_hash[:4], "Gunshot detector on",
    ):  # fmt: skip
        assert words in shown, words
    for factor in content["risk"]["factors"].values():
        assert factor["why"] in shown
    assert "Recording off." in shown


def test_the_risk_reads_as_its_matrix_says(waiting: Deployment) -> None:
    """Labels and their order are the matrix's, whatever order the content was kept in."""
    content = waiting.content()
    matrix = RiskMatrix.objects.get(pk=content["risk"]["matrix"])
    explained = explain(matrix, content["risk"]["factors"])
    turned = dict(reversed(content["risk"]["factors"].items()))
    risk = as_read.read(content | {"risk": content["risk"] | {"factors": turned}})[1]
    headline = "".join(piece.text for piece in risk.lines[0].pieces)
    assert risk.lines[0].pieces[0] == Piece(SAME, f"{explained.total} of {matrix.highest}", strong=True)
    assert f", threshold {matrix.threshold}. {explained.firmness[0]} Valid until" in headline
    assert [line.label for line in risk.lines[1:]] == [factor["label"] for factor in matrix.factors]
    first = explained.factors[0]
    assert risk.lines[1].pieces[0].text == f"{first.level}, {first.word}: {first.why}"


def test_a_factor_of_an_earlier_matrix_is_told_as_removed(waiting: Deployment) -> None:
    content = waiting.content()
    gone = content["risk"]["factors"] | {"dogs_near": {"level": 2, "why": "Two."}}
    before = content | {"risk": content["risk"] | {"matrix": None, "factors": gone}}
    risk = as_read.read(content, before)[1]
    assert next(line for line in risk.lines if line.label == "Dogs near").pieces == [
        Piece(REMOVED, "2: Two.")
    ]


def test_an_empty_draft_states_no_facts(scene: Scene) -> None:
    users = scene.users
    with acting(users["applicant"]):
        made = services.create_deployment(actor=users["applicant"], trailer=scene.trailer, site="Yard")
    told = {part.key: [line.label for line in part.lines] for part in as_read.read(made.content())}
    assert told["risk"] == told["consent"] == told["incident"] == told["need"] == []
    assert told["place"] == ["Address"]


def test_a_change_of_anything_hashed_is_a_difference_that_is_seen(waiting: Deployment) -> None:
    """Whatever leaf of the content is different, some section says "changed"."""
    whole = waiting.content()
    unseen = []
    for section in ("incident", "risk", "need", "place", "consent", "privacy"):
        for key, value in whole[section].items():
            other = _different(key, value)
            if other is None:
                continue
            before = whole | {section: whole[section] | {key: other}}
            if not any(part.changed for part in as_read.read(whole, before)):
                unseen.append(f"{section}.{key}")
    # Ids of rows whose own content stands beside them.
    assert set(unseen) <= {"risk.assessment", "risk.matrix", "consent.consent"}


def _different(key: str, value: Any) -> Any:
    match value:
        case bool():
            return None
        case str() if value[:4].isdigit() and "T" in value:
            return "2020-01-01T00:00:00.000Z"
        case str():
            return "beforehand"
        case int():
            return value + 1
        case list() if key == "forbidden_sectors":
            return [*value, {"from_deg": 1, "to_deg": 2, "why": ""}]
        case list() if key == "sensitive_places":
            return [*value, {"kind": "school", "name": "x", "distance_m": 1}]
        case list() if key == "modules":
            return value[1:]
        case list():
            return [*value, "stolen_plate_2"]
        case dict() if key == "factors":
            return {one: {"level": 0, "why": "y"} for one in value}
        case dict():
            return dict.fromkeys(value, "y")
    return "12:34" if key.startswith("quiet") else None


def test_the_difference_to_the_version_before(scene: Scene, waiting: Deployment) -> None:
    back = returned(scene.users, waiting)
    again = sent_again(
        scene.users,
        back,
        need={"alternatives": "Patrols were doubled on 26 April; a fixed camera sees one door."},
    )
    answer = sign_in(scene.users["supervisor"]).get(page(again))
    body, shown = answer.content.decode(), text(answer)
    assert f"since version {waiting.version}, which {scene.users['supervisor'].person.name} returned" in shown
    assert "<ins>doubled on 26 April;" in body and "<del>" in body
    assert body.count('class="dd-changed"') >= 1
    assert f"Authorise version {again.version}" in shown


def test_authorised_with_its_reason(scene: Scene, waiting: Deployment) -> None:
    dana = sign_in(scene.users["supervisor"])
    answer = dana.post(page(waiting, "authorise/"), bound(waiting))
    assert answer.status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == "authorised"
    assert WORDS in text(dana.get(page(waiting)))


@pytest.mark.parametrize(("act", "state"), [("return/", "returned"), ("refuse/", "refused")])
def test_returned_and_refused(scene: Scene, waiting: Deployment, act: str, state: str) -> None:
    assert sign_in(scene.users["supervisor"]).post(page(waiting, act), bound(waiting)).status_code == 302
    waiting.refresh_from_db()
    assert waiting.state == state


@pytest.mark.parametrize("act", ["authorise/", "return/", "refuse/"])
def test_a_reason_is_required(scene: Scene, waiting: Deployment, act: str) -> None:
    answer = sign_in(scene.users["supervisor"]).post(page(waiting, act), bound(waiting, words=" "))
    assert answer.status_code == 422
    assert "Give a reason" in text(answer)
    waiting.refresh_from_db()
    assert waiting.state == "submitted"


def test_a_stale_decision_shows_what_changed_and_keeps_the_reason(scene: Scene, waiting: Deployment) -> None:
    read = bound(waiting, words="I read the first one")
    who = scene.users["applicant"]
    with acting(who):
        back = services.reopen_deployment(actor=who, deployment_id=waiting.pk, version=waiting.version)
    again = sent_again(scene.users, back, need={"aim": "Something entirely else is wanted now."})
    answer = sign_in(scene.users["supervisor"]).post(page(waiting, "authorise/"), read)
    assert answer.status_code == 409
    shown = text(answer)
    assert "It changed after you read it" in shown and "What changed since you read it" in shown
    assert "Something entirely else" in shown and "I read the first one" in shown
    assert f'name="version" value="{again.version}"' in answer.content.decode()
    again.refresh_from_db()
    assert again.state == "submitted"


def test_taken_back_meanwhile(scene: Scene, waiting: Deployment) -> None:
    who = scene.users["applicant"]
    with acting(who):
        services.reopen_deployment(actor=who, deployment_id=waiting.pk, version=waiting.version)
    answer = sign_in(scene.users["supervisor"]).post(page(waiting, "authorise/"), bound(waiting))
    assert answer.status_code == 409
    assert "not waiting for a decision" in text(answer)


def test_the_applicant_has_no_buttons_under_any_sign_in(scene: Scene, waiting: Deployment) -> None:
    administrator, ines = scene.users["administrator"], scene.users["applicant"]
    other = second_sign_in(administrator, ines, "supervisor").user
    for user in (ines, other):
        browser = sign_in(user)
        answer = browser.get(page(waiting))
        assert answer.status_code == 200
        assert "/decide/authorise/" not in answer.content.decode()
        assert "another person decides" in text(answer)
        assert scene.users["supervisor"].person.name in text(answer)
        refused = browser.post(page(waiting, "authorise/"), bound(waiting))
        assert refused.status_code == 403
    waiting.refresh_from_db()
    assert waiting.state == "submitted"


def test_a_contributor_has_none_either(scene: Scene, waiting: Deployment) -> None:
    dana, administrator = scene.users["supervisor"], scene.users["administrator"]
    with acting(administrator):
        people.set_roles(user=dana, roles=["applicant", "supervisor"], actor=administrator)
    dana = type(dana).objects.get(pk=dana.pk)
    waiting.contributions.create(person=dana.person, at=waiting.submitted_at)
    answer = sign_in(dana).get(page(waiting))
    assert "/decide/authorise/" not in answer.content.decode()
    assert "You wrote a part of it" in text(answer)
    assert dana.person.name not in ", ".join(deciding.officers(waiting))
    assert sign_in(dana).post(page(waiting, "authorise/"), bound(waiting)).status_code == 403


def test_hostile_words_are_text(scene: Scene) -> None:
    deployment = sent(scene.users, label=HOSTILE)
    body = sign_in(scene.users["supervisor"]).get(page(deployment)).content.decode()
    assert "<script>alert" not in body and "&lt;script&gt;alert" in body


def test_who_may_not_read_it(scene: Scene, waiting: Deployment) -> None:
    assert Client().get(page(waiting)).status_code == 302
    assert sign_in(scene.users["dispatcher"]).get(page(waiting)).status_code == 403
    assert sign_in(scene.users["supervisor"]).get("/deployments/DEP-2026-9999/decide/").status_code in (
        403,
        404,
    )
