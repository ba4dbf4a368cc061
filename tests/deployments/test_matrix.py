"""The risk matrix: proposed by one, published by another, kept as it was; scores add up in both places."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, ProgrammingError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audit
from accounts import cast
from accounts.models import User
from accounts.services import acting
from csoc import seed_facts
from csoc.lib import clock as clock_module
from csoc.lib.errors import Refused
from deployments import matrices
from deployments.models import Incident, RiskAssessment, RiskMatrix
from deployments.selectors import current_matrix, in_service_area, sensitive_within
from deployments.selectors.facts import differences, versions
from deployments.selectors.risk import explain
from deployments.services import facts
from tests.accounts.people import second_sign_in, sign_in

pytestmark = pytest.mark.django_db
PAGE = "/deployments/matrix/"
#: The scores of picture 07: 14 of 24.
PICTURE = {
    "firearm_involved": 4, "how_recent": 4, "repeated_here": 3, "credible_threat": 2, "people_exposed": 1,
    "other_measures": 0,
}  # fmt: skip


@pytest.fixture
def users() -> dict[str, User]:
    return {role: entry["user"] for role, entry in cast.create_cast(audit.system("test")).items()}


def propose(user: User, **changes: Any) -> RiskMatrix:
    with acting(user):
        return facts.propose_matrix(actor=user, **{**matrices.example(), **changes})


def publish(user: User, matrix: RiskMatrix) -> RiskMatrix:
    with acting(user):
        return facts.publish_matrix(actor=user, matrix_id=matrix.pk)


def in_force(users: Mapping[str, User], **changes: Any) -> RiskMatrix:
    return publish(users["supervisor-2"], propose(users["supervisor"], **changes))


def scored(levels: Mapping[str, int]) -> dict[str, Any]:
    return {key: {"level": level, "why": "recorded"} for key, level in levels.items()}


def factor(key: str, weight: int = 1) -> dict[str, Any]:
    return {"key": key, "label": key, "weight": weight, "levels": ["a", "b", "c", "d", "e"]}


# --- two persons ----------------------------------------------------------------------------------


def test_the_demonstration_s_facts_are_made_once(users: Mapping[str, User], data_dir: Path) -> None:
    from csoc.seed import PLANS

    seed_facts.make(users)
    seed_facts.make(users)
    agency = users["supervisor"].person.agency_id
    matrix = current_matrix(agency)
    assert matrix is not None and (matrix.version, matrix.threshold, matrix.highest) == (1, 12, 24)
    assert matrix.example and len(matrix.factors) == 6
    assert all(in_service_area(agency, plan.lat, plan.lon) for plan in PLANS)
    assert in_service_area(agency, 44.2, -79.6) is False
    near = [plan.label for plan in PLANS if sensitive_within(agency, plan.lat, plan.lon)]
    assert len(near) >= 4


def test_nobody_publishes_their_own(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    proposed = propose(dana)
    assert current_matrix(proposed.agency_id) is None
    with pytest.raises(Refused) as caught:
        publish(dana, proposed)
    assert (caught.value.code, caught.value.status) == ("own-request", 403)
    page = sign_in(dana).get(PAGE).content.decode()
    assert "publish/" not in page and "another supervisor publishes it" in page
    answer = sign_in(dana).post(f"{PAGE}1/publish/", HTTP_ACCEPT="application/json")
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/own-request")
    ines = sign_in(users["supervisor-2"])
    assert f"{PAGE}1/publish/" in ines.get(PAGE).content.decode()
    assert ines.post(f"{PAGE}1/publish/").status_code == 302
    assert current_matrix(proposed.agency_id) == proposed


def test_nor_with_a_second_sign_in_of_theirs(users: Mapping[str, User]) -> None:
    dana = users["supervisor"]
    proposed = propose(dana)
    other = second_sign_in(users["administrator"], dana, "supervisor").user
    with pytest.raises(Refused) as caught:
        publish(other, proposed)
    assert caught.value.code == "own-request"
    client = sign_in(other)
    assert "publish/" not in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}1/publish/").status_code == 403
    assert current_matrix(proposed.agency_id) is None


def test_one_proposal_at_a_time_and_a_withdrawn_one_stays_readable(users: Mapping[str, User]) -> None:
    proposed = propose(users["supervisor"])
    with pytest.raises(Refused) as caught:
        propose(users["supervisor-2"])
    assert caught.value.code == "proposal-waits"
    assert sign_in(users["supervisor"]).post(f"{PAGE}1/withdraw/").status_code == 302
    with pytest.raises(Refused) as caught:
        publish(users["supervisor-2"], proposed)
    assert caught.value.code == "wrong-state"
    assert propose(users["supervisor"]).version == 2, "a number is not given again"
    assert [one.state for one in versions(proposed.agency_id)] == ["proposed", "withdrawn"]


def test_a_version_says_what_it_changes(users: Mapping[str, User]) -> None:
    first = in_force(users)
    changed = [dict(one) for one in first.factors if one["key"] != "people_exposed"] + [factor("new")]
    changed[0]["weight"] = 2
    second = in_force(users, factors=changed, threshold=10, valid_days=7, example=False)
    said = differences(first, second)
    assert "Threshold: 12 → 10" in said and "Valid for days: 14 → 7" in said
    assert "Factor left out: People exposed" in said and "New factor: new" in said
    assert "Firearm involved, weight: 1 → 2" in said
    page = sign_in(users["applicant"]).get(PAGE).content.decode()
    assert "Version 2 is in force" in page and "Threshold: 12 → 10" in page and "propose/" not in page
    with pytest.raises(Refused):
        publish(users["supervisor-2"], first)


@pytest.mark.parametrize("role", ["applicant", "privacy_officer"])
def test_others_read_and_change_nothing(users: Mapping[str, User], role: str) -> None:
    proposed = propose(users["supervisor"])
    client = sign_in(users[role])
    assert client.get(PAGE).status_code == 200
    for path in ("propose/", "file/", "1/publish/", "1/withdraw/"):
        assert client.post(PAGE + path).status_code == 403
    proposed.refresh_from_db()
    assert proposed.published_at is None and proposed.withdrawn_at is None


def test_no_such_version(users: Mapping[str, User]) -> None:
    client = sign_in(users["supervisor"])
    for number in ("1", "99999999999999999999"):
        assert client.post(f"{PAGE}{number}/publish/").status_code == 404


# --- what a matrix may be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"name": "a\u202eb"},
        {"threshold": 0},
        {"threshold": 25},
        {"threshold": True},
        {"threshold": 12.0},
        {"valid_days": 0},
        {"valid_days": 91},
        {"factors": []},
        {"factors": {}},
        {"factors": [factor(f"f{n}") for n in range(21)]},
        {"factors": [factor("a"), factor("a")]},
        {"factors": [factor("a") | {"label": "x"}, factor("b") | {"label": "x"}], "threshold": 1},
        {"factors": [factor("A")]},
        {"factors": [factor("a", 0)]},
        {"factors": [factor("a", 11)]},
        {"factors": [factor("a") | {"weight": 1.5}]},
        {"factors": [factor("a") | {"weight": True}]},
        {"factors": [factor("a") | {"levels": ["a", "b", "c", "d"]}]},
        {"factors": [factor("a") | {"levels": ["a", "b", "c", "d", ""]}]},
        {"factors": [factor("a") | {"levels": "abcde"}]},
        {"factors": [factor("a") | {"label": "x\x00y"}]},
        {"factors": [factor("a") | {"gait": "x"}]},
        {"factors": ["a"]},
    ],
)
def test_a_broken_matrix_is_refused_whole(users: Mapping[str, User], changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as caught:
        propose(users["supervisor"], **changes)
    assert (caught.value.code, caught.value.status) == ("matrix-broken", 422)
    assert not RiskMatrix.objects.exists()


GOOD = matrices.EXAMPLE.read_bytes()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"x" * 40_001, "40 kB"),
        (b"name = ", "not TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a = " + b"[" * 5_000, "too deeply"),
        (b"a" + b".a" * 19_000 + b" = 1", "too deeply"),
        (b'name = "x"', "it needs name"),
        (GOOD + b'\n[biometrics]\nx = "y"\n', "it needs name"),
        (GOOD.replace(b"threshold = 12", b"threshold = nan"), "threshold"),
        (GOOD.replace(b"threshold = 12", b"threshold = 99999999999999999999"), "threshold"),
        (GOOD.replace(b"weight = 1", b"weight = inf", 1), "weight"),
        (GOOD.replace(b'name = "Example matrix"', b"name = 1979-05-27"), "the name"),
        (GOOD.replace(b'"firearm_involved"', b'"how_recent"'), "same key"),
    ],
)
def test_a_hostile_file_is_told_what_is_wrong(users: Mapping[str, User], raw: bytes, words: str) -> None:
    file = SimpleUploadedFile("matrix.toml", raw)
    answer = sign_in(users["supervisor"]).post(f"{PAGE}file/", {"file": file})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not RiskMatrix.objects.exists()


def test_a_file_is_a_proposal_too(users: Mapping[str, User]) -> None:
    file = SimpleUploadedFile("matrix.toml", GOOD)
    assert sign_in(users["supervisor"]).post(f"{PAGE}file/", {"file": file}).status_code == 302
    proposed = RiskMatrix.objects.get()
    assert (
        proposed.published_at is None and proposed.example and proposed.factors[2]["key"] == "repeated_here"
    )


def _filled_in(client: Any) -> dict[str, Any]:
    """What a browser sends when nothing of the form is touched."""
    form = client.get(f"{PAGE}propose/").context["form"]
    fields = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in fields.items() if value not in (None, False, "")}


def test_the_form_adds_and_leaves_out_factors_without_script(users: Mapping[str, User]) -> None:
    in_force(users)
    client = sign_in(users["supervisor"])
    sent = _filled_in(client) | {
        "name": "Ours", "threshold": "10", "drop-1": "on", "label-4": "", "label-6": "Kids’ routes",
        "levels-6": "None, Few, Some, Many, All",
    }  # fmt: skip
    answer = client.post(f"{PAGE}propose/", sent)
    assert answer.status_code == 302, answer.context["form"].errors
    proposed = RiskMatrix.objects.get(version=2)
    keys = [one["key"] for one in proposed.factors]
    assert keys == ["firearm_involved", "repeated_here", "credible_threat", "other_measures", "kids_routes"]
    assert not proposed.example and proposed.proposed_by == users["supervisor"].person
    assert proposed.factors[-1]["levels"] == ["None", "Few", "Some", "Many", "All"]


def test_what_is_wrong_stands_beside_its_row_and_nothing_typed_is_lost(users: Mapping[str, User]) -> None:
    client = sign_in(users["supervisor"])
    sent = _filled_in(client) | {"drop-0": "on", "levels-2": "only, three, words", "hint-5": "<script>typed"}
    answer = client.post(f"{PAGE}propose/", sent)
    assert answer.status_code == 422 and "levels-2" in answer.context["form"].errors
    page = answer.content.decode()
    assert "only, three, words" in page and "&lt;script&gt;typed" in page and "<script>typed" not in page
    answer = client.post(f"{PAGE}propose/", _filled_in(client) | {"threshold": "99"})
    assert "threshold" in answer.context["form"].errors
    assert client.post(f"{PAGE}propose/", {"label-99": "x", "label-0": "y" * 90}).status_code == 422
    assert not RiskMatrix.objects.exists()


# --- how firm a score is --------------------------------------------------------------------------


def test_the_score_of_the_picture(users: Mapping[str, User]) -> None:
    told = explain(in_force(users), scored(PICTURE))
    assert (told.total, told.highest, told.threshold, told.meets) == (14, 24, 12, True)
    assert [one.points for one in told.factors] == [4, 4, 3, 2, 1, 0]
    assert [one.word for one in told.factors][:4] == ["Severe", "Severe", "High", "Some"]
    assert (
        told.firmness[0]
        == "If this were a first incident here, the score would be 11 and the flow would stop."
    )
    assert [one.key for one in told.factors if one.carries] == [
        "firearm_involved", "how_recent", "repeated_here",
    ]  # fmt: skip
    assert told.verdict == "Meets it" and json.dumps(told.wire())


def test_a_score_that_stands_by_itself_and_one_that_falls_short(users: Mapping[str, User]) -> None:
    matrix = in_force(users)
    firm = explain(matrix, scored(dict.fromkeys(PICTURE, 4)))
    assert firm.firmness == ("The score meets the threshold without any one of its factors.",)
    assert firm.smallest is None
    short = explain(matrix, scored(PICTURE | {"repeated_here": 0}))
    assert (short.meets, short.verdict) == (False, "Does not meet it")
    assert short.smallest is not None and short.smallest.score == 12
    assert short.firmness[0] == "The score is 1 below the threshold of 12, and the flow stops here."
    nothing = explain(matrix, scored(dict.fromkeys(PICTURE, 0)))
    assert "No single factor makes the difference." in nothing.firmness


@pytest.mark.parametrize(
    "broken", [{}, {"how_recent": {"level": 9}}, {"how_recent": {"level": "3"}}, {"how_recent": 3}]
)
def test_a_half_filled_form_is_explained_too(users: Mapping[str, User], broken: dict[str, Any]) -> None:
    told = explain(in_force(users), broken)
    assert (told.total, told.complete, told.firmness) == (0, False, ())


# --- the database ---------------------------------------------------------------------------------


def refused(statement: str, *values: Any) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except IntegrityError:
        return True
    except ProgrammingError as error:
        # The application's role has no right to it at all.
        return "permission denied" in str(error)
    return False


def test_sql_changes_no_matrix_and_publishes_nobody_s_own(users: Mapping[str, User]) -> None:
    dana, ines = users["supervisor"].person, users["supervisor-2"].person
    matrix = in_force(users)
    for change in (
        "threshold = 1", "factors = '[]'", "valid_days = 90", "name = 'x'", "example = false", "version = 9",
        "published_at = now()", "published_by_id = NULL, published_at = NULL", "withdrawn_at = now()",
    ):  # fmt: skip
        assert refused(f"UPDATE deployments_riskmatrix SET {change} WHERE id = %s", matrix.pk), change
    assert refused("DELETE FROM deployments_riskmatrix WHERE id = %s", matrix.pk)
    waiting = propose(users["supervisor"])
    own = "UPDATE deployments_riskmatrix SET published_at = now(), published_by_id = %s WHERE id = %s"
    assert refused(own, dana.pk, waiting.pk)
    assert refused(own.replace("now()", "now(), proposed_by_id = %s"), ines.pk, dana.pk, waiting.pk)
    assert refused(own.replace("now()", "now(), threshold = 1"), ines.pk, waiting.pk)
    assert refused("DELETE FROM deployments_riskmatrix WHERE id = %s", waiting.pk)
    whole = (
        "INSERT INTO deployments_riskmatrix (agency_id, version, name, factors, threshold, valid_days, "
        "example, proposed_by_id, proposed_at, published_by_id, published_at) "
        "SELECT agency_id, version + 9, name, factors, 1, 14, false, proposed_by_id, proposed_at, {} "
        "FROM deployments_riskmatrix WHERE id = %s"
    )
    assert refused(whole.format("published_by_id, published_at"), matrix.pk), "published from its beginning"
    assert refused(whole.format("NULL::bigint, NULL::timestamptz"), matrix.pk), "a second proposal"
    assert not refused(own, ines.pk, waiting.pk)


@pytest.mark.parametrize(
    "factors",
    [
        [], {}, "x", [factor("a") | {"weight": 0}], [factor("a") | {"weight": "1"}],
        [factor("a"), factor("a")], [factor("a") | {"levels": []}],
        [{"key": "a"}], [factor("a") | {"weight": 1.5}], [None],
    ],
)  # fmt: skip
def test_sql_proposes_nothing_that_does_not_add_up(users: Mapping[str, User], factors: Any) -> None:
    person = users["supervisor"].person
    assert refused(
        "INSERT INTO deployments_riskmatrix (agency_id, version, name, factors, threshold, valid_days, "
        "example, proposed_by_id, proposed_at) VALUES (%s, 1, 'x', %s, 1, 14, false, %s, now())",
        person.agency_id, json.dumps(factors), person.pk,
    )  # fmt: skip


def assess(
    users: Mapping[str, User], matrix: RiskMatrix, levels: Mapping[str, Any], score: int, **more: Any
) -> Any:
    person = users["applicant"].person
    now = clock_module.now()
    incident, _new = Incident.objects.get_or_create(
        agency=person.agency, cad="26-1", defaults={
            "unit": person.unit, "kind": "firearms", "reported_at": now, "recorded_by": person,
        },
    )  # fmt: skip
    told = {
        "matrix_id": matrix.pk, "incident": incident, "assessor": person, "factors": scored(levels),
        "score": score, "threshold": matrix.threshold, "assessed_at": now,
        "valid_until": now + timedelta(days=1), **more,
    }  # fmt: skip
    with transaction.atomic():
        return RiskAssessment.objects.create(**told)


def test_sql_writes_no_assessment_that_does_not_add_up(users: Mapping[str, User]) -> None:
    matrix = in_force(users)
    kept = assess(users, matrix, PICTURE, 14)
    some = dict(list(PICTURE.items())[:5])
    for levels, score, more in (
        (PICTURE, 15, {}),
        (PICTURE | {"how_recent": 9}, 19, {}),
        (PICTURE | {"how_recent": -1}, 9, {}),
        (PICTURE | {"how_recent": "4"}, 14, {}),
        (PICTURE | {"how_recent": None}, 10, {}),
        (PICTURE | {"how_recent": 1.5}, 11, {}),
        (PICTURE | {"extra": 4}, 14, {}),
        (some, 14, {}),
        ({}, 0, {}),
        (PICTURE, 14, {"threshold": 1}),
        (PICTURE, 14, {"valid_until": clock_module.now() + timedelta(days=15)}),
        (PICTURE, 14, {"factors": []}),
        (PICTURE, 14, {"factors": "x"}),
        (PICTURE, 14, {"factors": {"a": 1}}),
    ):
        with pytest.raises(IntegrityError):
            assess(users, matrix, levels, score, **more)
    with pytest.raises(IntegrityError):
        assess(users, matrix, PICTURE, 14, matrix_id=None)
    assert refused("UPDATE deployments_riskassessment SET score = 24 WHERE id = %s", kept.pk)
    assert refused("DELETE FROM deployments_riskassessment WHERE id = %s", kept.pk)


def test_neither_a_proposal_nor_a_replaced_version_scores(users: Mapping[str, User], clock: Any) -> None:
    first = in_force(users)
    lenient = propose(users["supervisor"], threshold=1)
    with pytest.raises(IntegrityError):
        assess(users, lenient, PICTURE, 14)
    publish(users["supervisor-2"], lenient)
    assert assess(users, first, PICTURE, 14).pk, "whoever was scoring when it was published finishes"
    clock.shift(61)
    with pytest.raises(IntegrityError):
        assess(users, first, PICTURE, 14)
    assert assess(users, lenient, PICTURE, 14).pk


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_service_and_database_add_up_alike(users: Mapping[str, User], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 10), min_size=1, max_size=20))
    highest = 4 * sum(weights)
    factors = [factor(f"f{number}", weight) for number, weight in enumerate(weights)]
    threshold = data.draw(st.integers(1, highest))
    levels = {one["key"]: data.draw(st.integers(0, 4)) for one in factors}
    with transaction.atomic():
        matrix = in_force(users, factors=factors, threshold=threshold)
        told = explain(matrix, scored(levels))
        assert told.total == sum(w * levels[f"f{n}"] for n, w in enumerate(weights))
        assert assess(users, matrix, levels, told.total).meets_threshold_at(clock_module.now()) is told.meets
        with pytest.raises(IntegrityError):
            assess(users, matrix, levels, told.total + data.draw(st.integers(1, 5)))
        _firm(matrix, levels, told)
        transaction.set_rollback(True)


def _firm(matrix: RiskMatrix, levels: Mapping[str, int], told: Any) -> None:
    """What is said about firmness is what scoring anew would give."""
    for one in told.factors:
        without = explain(matrix, scored({**levels, one.key: 0}))
        assert one.without == without.total
        assert one.carries is (told.meets and not without.meets)
    if told.smallest is None:
        changes = [{**levels, key: level} for key in levels for level in range(5)]
        assert all(explain(matrix, scored(change)).meets is told.meets for change in changes)
    else:
        change = explain(matrix, scored({**levels, told.smallest.key: told.smallest.to_level}))
        assert change.meets is not told.meets and change.total == told.smallest.score
