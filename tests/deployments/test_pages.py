"""The applicant's pages: one story, what each mistake says, and that nothing typed is ever lost."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

import audit
from accounts import cast
from accounts.models import User
from csoc import seed, seed_facts
from csoc.lib import clock
from deployments.models import Deployment, Incident
from deployments.sections.base import typed_moment
from deployments.selectors import current_matrix
from tests.accounts.conftest import entries as entries
from tests.accounts.people import add_user, sign_in
from tests.deployments import papers
from trailers.models import Trailer

pytestmark = pytest.mark.django_db

HOSTILE = 'Yard <script>alert("1")</script> & \u05e9\u05dc\u05d5\u05dd'


class Desk:
    """Somebody at the pages of one application, as a browser without script fills them in."""

    def __init__(self, client: Client, name: str = "") -> None:
        self.client = client
        self.name = name

    @property
    def row(self) -> Deployment:
        year, serial = self.name.split("-")[1:]
        return Deployment.objects.get(year=int(year), serial=int(serial))

    def at(self, part: str = "") -> str:
        return f"/deployments/{self.name}/{part}{'/' if part else ''}"

    def get(self, part: str = "") -> str:
        answer = self.client.get(self.at(part))
        assert answer.status_code == 200, (part, answer.status_code)
        return answer.content.decode()

    def base(self, part: str) -> str:
        found = re.search(r'name="base" value="([0-9a-f]{16})"', self.get(part))
        assert found is not None
        return found[1]

    def post(self, part: str, values: dict[str, Any], base: str = "", to: str = "") -> Any:
        told = {key: value for key, value in values.items() if value is not None}
        return self.client.post(self.at(to or part), told | {"base": base or self.base(part)})

    def saved(self, part: str, values: dict[str, Any], to: str = "") -> str:
        answer = self.post(part, values, to=to)
        assert answer.status_code == 302, words(answer)
        return str(answer["Location"])

    def refused(self, part: str, values: dict[str, Any], sentence: str, to: str = "") -> str:
        answer = self.post(part, values, to=to)
        shown = words(answer)
        assert answer.status_code == 422 and shown.count(sentence) >= 1, shown
        return shown


def words(answer: Any) -> str:
    return html.unescape(answer.content.decode())


@pytest.fixture
def users() -> dict[str, User]:
    found = {role: entry["user"] for role, entry in cast.create_cast(audit.system("test")).items()}
    seed_facts.make(found)
    for number in (7, 11):
        seed._trailer_row(next(plan for plan in seed.PLANS if plan.number == number), found)
    return found


@pytest.fixture
def desk(users: dict[str, User]) -> Desk:
    """An application that has just begun."""
    client = sign_in(users["applicant"])
    answer = client.post(
        "/deployments/new/", {"trailer": "11", "site": "Derry East Plaza", "address": "180 E"}
    )
    assert answer.status_code == 302 and answer["Location"].endswith("/incident/")
    return Desk(client, answer["Location"].split("/")[2])


def incident(**changes: Any) -> dict[str, Any]:
    told = {"cad": "pr26-0148831", "kind": "firearms", "place": "180 Derry Rd E"}
    return told | typed_moment("reported", clock.now() - timedelta(days=2)) | changes


def risk(desk: Desk, levels: tuple[int, ...] = (4, 4, 3, 2, 1, 0)) -> dict[str, Any]:
    matrix = current_matrix(desk.row.agency_id)
    assert matrix is not None
    told: dict[str, Any] = {}
    for factor, level in zip(matrix.factors, levels, strict=True):
        told |= {f"level-{factor['key']}": str(level), f"why-{factor['key']}": "Recorded by the officers."}
    return told


def need(**changes: Any) -> dict[str, Any]:
    now = clock.now()
    told = {
        "aim": "Protect the tenants.", "alternatives": "Patrols for a week.", "review_every_days": "7",
        "on-acoustic": "on", "why-acoustic": "Seconds matter.",
    }  # fmt: skip
    return (
        told
        | typed_moment("starts", now + timedelta(hours=1))
        | typed_moment("ends", now + timedelta(days=10))
        | changes
    )


def place(**changes: Any) -> dict[str, Any]:
    told = {
        "site": "Derry East Plaza", "address": "180 Derry Rd E", "lat": "43.6595", "lon": "-79.6690",
        "heading_deg": "42", "sector-0-from": "200", "sector-0-to": "245", "sector-0-why": "School yard",
        "speaker_ceiling_pct": "70", "quiet_from": "22:00", "quiet_to": "07:00", "quiet_ceiling_pct": "40",
    }  # fmt: skip
    return told | changes


def consent(desk: Desk, content: bytes | None = None, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"capacity": "owner", "owner_name": "Marisol Castellanos"}
    told |= typed_moment("expires", desk.row.ends_at)
    told["document"] = SimpleUploadedFile("c.pdf", papers.pdf() if content is None else content)
    return told | changes


PRIVACY = {"signage": "At both doors.", "notice": "A letter.", "retention_class": "deployment-record"}
PAPER = "consent/document"


def filled(desk: Desk) -> None:
    """Everything, so that it can be sent."""
    desk.saved("incident", incident())
    desk.saved("risk", risk(desk))
    desk.saved("need", need())
    desk.saved("place", place())
    desk.saved("consent", consent(desk), to=PAPER)
    desk.saved("privacy", PRIVACY)


def send(desk: Desk, version: int | None = None) -> Any:
    return desk.client.post(desk.at("send"), {"version": version or desk.row.version})


def test_a_plate_reader_needs_a_list_to_compare_with(desk: Desk) -> None:
    desk.saved("incident", incident())
    desk.saved("risk", risk(desk))
    reader = need(**{"on-alpr": "on", "why-alpr": "Cars come back."})
    desk.refused("need", reader, "Choose at least one list, or switch the plate reader off.")


def test_what_is_usual_is_offered(desk: Desk) -> None:
    shown = desk.get("need")
    for name in ("starts_date", "starts_time", "ends_date", "ends_time"):
        assert re.search(rf'name="{name}" value="20\d\d-|name="{name}" value="\d\d:\d\d"', shown), name
    filled(desk)
    assert re.search(r'value="deployment-record"[^>]*checked', desk.get("privacy"))


def test_what_is_checked_leads_to_its_page_and_keeps_its_number(desk: Desk) -> None:
    filled(desk)
    shown = desk.get("check")
    for section in ("incident", "risk", "need", "place", "consent", "privacy"):
        assert f'class="change" href="{desk.at(section)}"' in shown, section
    number = desk.row.version + 1
    assert f"Send version {number}" in shown
    assert send(desk).status_code == 302
    assert f", version {number}" in desk.get()


def test_the_whole_story_in_nine_pages(desk: Desk) -> None:
    assert desk.saved("incident", incident()).endswith("/risk/")
    assert desk.saved("risk", risk(desk)).endswith("/need/")
    assert desk.saved("need", need()).endswith("/place/")
    assert desk.saved("place", place()).endswith("/consent/")
    assert desk.saved("consent", consent(desk), to=PAPER).endswith("/privacy/")
    assert desk.saved("privacy", PRIVACY).endswith("/check/")
    shown = desk.get("check")
    for said in (
        "PR26-0148831",
        ", threshold 12. If",
        "Seconds matter.",
        "School yard",
        "Marisol",
        "At both doors.",
    ):
        assert said in shown, said
    assert send(desk).status_code == 302
    row = desk.row
    assert row.state == "submitted" and row.modules == ["acoustic"] and len(row.sensitive_places) >= 1
    assert "It waits for a decision" in desk.get()


def test_the_task_list_says_how_far_it_is_and_who_could_decide(desk: Desk) -> None:
    first = desk.get()
    assert "0 of 6 completed" in first and first.count("Cannot start yet") == 4
    desk.saved("incident", incident())
    desk.saved("risk", risk(desk))
    shown = desk.get()
    assert "2 of 6 completed" in shown and "14 of 24, threshold 12" in shown
    assert "Continue with operational need" in shown and "Sensors are off" in shown
    assert "Not you. Dana Okafor" in shown and "14, needs 12 or more" in shown


def test_below_the_threshold_it_stops_and_says_why(desk: Desk) -> None:
    desk.saved("incident", incident())
    assert desk.saved("risk", risk(desk, (4, 3, 2, 1, 1, 0))).endswith("/risk/")
    shown = desk.get("risk")
    assert "The application stops here" in shown and "1 below the threshold of 12" in shown
    assert "Nobody can override it." in shown and "11" in shown
    tasks = desk.get()
    assert "needs 12: it stops here" in tasks and tasks.count("The risk is below the threshold") == 4
    assert "Cannot start yet" in desk.get("need")
    late = desk.post("need", need(), base="0" * 16)
    assert late.status_code == 409
    assert send(desk).status_code == 422 and desk.row.aim == ""
    assert send(desk).status_code == 422 and desk.row.state == "draft"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"cad": "x"}, "Use 3 to 24 letters, digits and hyphens"),
        ({"cad": "PR26\u202e0148831"}, "Use only letters, digits and signs that can be seen."),
        ({"kind": "feelings"}, "Select a valid choice"),
        ({"place": ""}, "Say where it happened."),
        ({"reported_date": "yesterday"}, "This is not a date. Write it like 2026-04-28."),
        ({"reported_date": "2099-01-01"}, "This moment has not come yet."),
        ({"reported_date": "2026-03-08", "reported_time": "02:30"}, "that time does not exist"),
    ],
)
def test_a_bad_incident(desk: Desk, changes: dict[str, Any], sentence: str) -> None:
    shown = desk.refused("incident", incident(**changes), sentence)
    assert "Not saved yet: look at these" in shown and 'href="#f-' in shown
    again = html.unescape(desk.get("incident"))
    for value in changes.values():
        assert value in again or value == "feelings", "what was typed is still there after a reload"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"aim": ""}, "Say what it is to achieve."),
        ({"alternatives": " "}, "Name the less intrusive means that were considered."),
        ({"on-acoustic": None}, "Switch at least one sensor on, and say why."),
        ({"why-acoustic": ""}, "Say why “Gunshot detector” is needed, or switch it off."),
        (
            {"on-list:stolen_vehicle": "on", "why-list:stolen_vehicle": "x"},
            "A list category needs the plate reader switched on.",
        ),
        ({"ends_time": "9 o'clock"}, "This is not a time of day. Write it like 09:30 or 22:00."),
        ({"review_every_days": "30"}, "Give a whole number of days from 1 to 14."),
        ({"aim": "x" * 2001}, "at most 2000 characters"),
    ],
)
def test_a_bad_need(desk: Desk, changes: dict[str, Any], sentence: str) -> None:
    desk.refused("need", need(**changes), sentence)


@pytest.mark.parametrize(
    ("starts", "ends", "sentence"),
    [
        (24, 23, "The end is before the start. Give a later end."),
        (-48, -24, "The end date has passed. Give a later one."),
        (1, 24 * 15 + 2, "A term is 14 days at most."),
        (24 * 70, 24 * 72, "The start is over 60 days away."),
    ],
)
def test_a_term_that_cannot_be(desk: Desk, starts: int, ends: int, sentence: str) -> None:
    now = clock.now()
    moments = typed_moment("starts", now + timedelta(hours=starts))
    moments |= typed_moment("ends", now + timedelta(hours=ends))
    shown = desk.refused("need", need(**moments), sentence)
    assert moments["ends_date"] in shown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lat": "45.4", "lon": "-75.7"}, "This place is outside the area of the service."),
        ({"lat": "north"}, "Set the point on the map, or type degrees"),
        ({"sector-0-to": ""}, "Give both ends of the sector, or empty the row."),
        ({"sector-0-to": "400"}, "Give degrees from 0 to 360, clockwise from north."),
        ({"sector-0-to": "200"}, "Both ends are the same."),
        ({"quiet_to": ""}, "Quiet hours have a beginning and an end."),
        ({"quiet_ceiling_pct": "90"}, "Quiet hours cannot be louder"),
        ({"speaker_ceiling_pct": "101"}, "less than or equal to 100"),
        ({"lat": "nan"}, "Set the point on the map"),
    ],
)
def test_a_bad_place(desk: Desk, changes: dict[str, Any], sentence: str) -> None:
    desk.refused("place", place(**changes), sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Choose the signed consent: a PDF, a JPEG or a PNG."),
        (b"MZ\x90\x00" + b"\0" * 400, "This is not a PDF, a JPEG or a PNG."),
        (papers.archive() + papers.pdf(), "a program, an archive or a web page"),
        (papers.pdf(200), "This PDF has 200 pages; a consent may have 20."),
    ],
)
def test_a_paper_that_is_none(desk: Desk, content: bytes, sentence: str) -> None:
    desk.saved("incident", incident())
    desk.saved("risk", risk(desk))
    desk.saved("need", need())
    desk.saved("place", place())
    shown = desk.refused("consent", consent(desk, content), sentence, to=PAPER)
    assert "Marisol Castellanos" in shown and desk.row.consent is None
    assert "Marisol Castellanos" in desk.get("consent"), "kept, but for the file"


def test_a_consent_that_ends_before_the_deployment(desk: Desk) -> None:
    desk.saved("need", need())
    desk.saved("place", place())
    soon = typed_moment("expires", clock.now() + timedelta(days=1))
    desk.refused("consent", consent(desk, **soon), "longer than this consent. Shorten it first.", to=PAPER)


def test_hostile_text_is_shown_as_text(desk: Desk) -> None:
    desk.saved("place", place(site=HOSTILE, address="<img src=x onerror=alert(1)>"))
    desk.saved("need", need(aim=HOSTILE))
    for part in ("", "place", "check", "need"):
        shown = desk.get(part)
        assert "<script>alert" not in shown and "<img src=x" not in shown, part
    assert "&lt;script&gt;" in desk.client.get("/deployments/").content.decode()
    on_map = desk.client.get("/deployments/map/").content.decode()
    assert "<script>alert" not in on_map and "\\u003Cscript" in on_map


def test_an_incident_that_somebody_else_recorded(desk: Desk, users: dict[str, User]) -> None:
    other = add_user(users["administrator"], "other.one", "applicant").user
    row = desk.row
    Incident.objects.create(
        agency=row.agency, unit=row.unit, cad="PR26-0148831", kind="extortion", place="Elsewhere",
        reported_at=clock.now() - timedelta(days=3), recorded_by=other.person,
    )  # fmt: skip
    desk.refused("incident", incident(), "PR26-0148831 is recorded already, as extortion")


def keep(desk: Desk, part: str, base: str, **values: Any) -> Any:
    return desk.client.post(
        desk.at(f"{part}/keep"), values | {"base": base}, headers={"Accept": "application/json"}
    )


def test_what_is_typed_is_kept_also_where_it_is_not_right(desk: Desk) -> None:
    base = desk.base("need")
    told = keep(desk, "need", base, aim="Half a sen", ends_date="2026-0", **{"on-alpr": "on"}).json()
    assert told["base"] != base and re.fullmatch(r"\d\d:\d\d:\d\d", told["clock"])
    shown = desk.get("need")
    assert "Half a sen" in shown and 'value="2026-0"' in shown
    assert re.search(r'name="on-alpr"[^>]*checked', shown) and not re.search(
        r'name="on-acoustic"[^>]*checked', shown
    )
    assert "typed and not saved yet" in shown and "Typed, not saved yet" in desk.get()
    assert keep(desk, "need", told["base"], aim="Half a sentence").status_code == 200


def test_the_panel_beside_the_scores_is_told_with_what_is_kept(desk: Desk) -> None:
    desk.saved("incident", incident())
    told = keep(desk, "risk", desk.base("risk"), **risk(desk)).json()
    assert told["explained"]["total"] == 14 and told["explained"]["meets"] is True
    assert "the score would be" in told["explained"]["firmness"][0]


def test_the_second_of_two_tabs_is_told_and_nothing_is_lost(desk: Desk) -> None:
    first = second = desk.base("need")
    assert keep(desk, "need", first, aim="Typed in the first tab", review_every_days="7").status_code == 200
    late = keep(desk, "need", second, aim="Typed in the second", review_every_days="7")
    assert late.status_code == 409
    label = "What is the trailer to achieve here?"
    assert late.json()["differs"] == [
        {"label": label, "saved": "Typed in the first tab", "typed": "Typed in the second"}
    ]
    assert "Typed in the first tab" in desk.get("need")
    assert keep(desk, "need", late.json()["base"], aim="Typed in the second").status_code == 200


def test_the_second_tab_without_script_sees_both_and_keeps_its_own(desk: Desk) -> None:
    first = second = desk.base("place")
    assert desk.post("place", place(site="As the first tab has it"), base=first).status_code == 302
    answer = desk.post("place", place(site="As the second has it"), base=second)
    shown = words(answer)
    assert answer.status_code == 409 and "Saved elsewhere meanwhile" in shown
    assert "As the first tab has it" in shown and "As the second has it" in shown
    assert desk.row.site == "As the first tab has it"
    new = re.search(r'name="base" value="([0-9a-f]{16})"', shown)
    assert new is not None
    assert desk.post("place", place(site="As the second has it"), base=new[1]).status_code == 302
    assert desk.row.site == "As the second has it"


def test_back_after_sending_changes_nothing_and_says_so(desk: Desk) -> None:
    base = desk.base("incident")
    filled(desk)
    version = desk.row.version
    assert send(desk).status_code == 302
    before = desk.row.content_hash
    for answer in (
        desk.post("incident", incident(place="Elsewhere"), base=base),
        desk.client.get(desk.at("need")),
        desk.client.get(desk.at("check")),
        send(desk, version),
    ):
        shown = words(answer)
        assert answer.status_code == 409 and "It was sent at" in shown and "Take it back to edit it" in shown
    assert keep(desk, "incident", base, place="Elsewhere").json()["detail"].startswith("It was sent")
    assert desk.row.content_hash == before and desk.row.version == version + 1


def test_taking_back_and_giving_up(desk: Desk) -> None:
    filled(desk)
    send(desk)
    stale = desk.client.post(desk.at("take-back"), {"version": 1})
    assert stale.status_code == 409 and "Look again" in words(stale)
    assert desk.client.post(desk.at("take-back"), {"version": desk.row.version}).status_code == 302
    assert desk.row.state == "returned" and "6 of 6 completed" in desk.get()
    assert "Withdraw this application?" in desk.get("withdraw")
    assert desk.client.post(desk.at("withdraw"), {"version": desk.row.version}).status_code == 302
    assert desk.row.deactivation_reason == "withdrawn"
    assert "can no longer be edited" in words(desk.client.get(desk.at("need")))


def test_a_trailer_that_stands_elsewhere_then(desk: Desk, users: dict[str, User]) -> None:
    plan = next(plan for plan in seed.PLANS if plan.number == 11)
    trailer = Trailer.objects.select_related("agency").get(number=11)
    other = seed.authorise(seed.prepared(plan, trailer, users["applicant"]), users["supervisor"])
    filled(desk)
    assert f"Trailer TRL-0011 stands under {other.name} until" in words(desk.client.get(desk.at("check")))
    answer = send(desk)
    assert answer.status_code == 409 and "Choose other dates or trailer." in words(answer)


def test_who_sees_it(desk: Desk, users: dict[str, User]) -> None:
    filled(desk)
    for role in ("dispatcher", "technician", "privacy_officer", "privacy-officer", "administrator"):
        if role in users:
            assert sign_in(users[role]).get(desk.at("need")).status_code in (403, 404), role
    dana = sign_in(users["supervisor"])
    assert dana.get(desk.at("need")).status_code in (403, 404)
    assert dana.get("/deployments/new/").status_code == 403
    send(desk)
    shown = dana.get(desk.at()).content.decode()
    assert "Read and decide" in shown and "Take it back" not in shown


def test_the_list_filters(desk: Desk, users: dict[str, User]) -> None:
    desk.saved("incident", incident())
    client = desk.client

    def shows(query: str) -> bool:
        answer = client.get(f"/deployments/?{query}")
        assert answer.status_code == 200
        return desk.name in answer.content.decode()

    yes = (
        "",
        "state=draft",
        "mine=on",
        "q=derry+plaza",
        "trailer=11",
        f"q={desk.name}",
        "q=0148831",
        "q=Priya",
    )
    assert [query for query in yes if not shows(query)] == []
    no = ("state=active", "q=nowhere", "trailer=7")
    assert [query for query in no if shows(query)] == []
    assert client.get("/").headers["Location"] == "/deployments/"
    assert shows("state=feelings") and shows("trailer=x")


def test_the_list_asks_the_same_for_many(desk: Desk) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert desk.client.get("/deployments/").status_code == 200
        return len(queries)

    asked()
    few = asked()
    for number in range(12):
        desk.client.post("/deployments/new/", {"trailer": "7", "site": f"Site {number}"})
    assert asked() == few


def test_every_sight_and_every_act_is_an_entry(desk: Desk, entries: Any) -> None:
    entries.clear()
    desk.get("incident")
    base = desk.base("incident")
    keep(desk, "incident", base, place="Typed")
    desk.saved("incident", incident())
    desk.post("need", {"aim": ""})
    verbs = [entry["verb"] for entry in entries]
    view, typed, told = "deployment.view", "deployment.draft", "incident.report"
    assert verbs == [view, view, typed, view, told, view, typed, "need.state"]
    assert entries[-1]["outcome"]["result"] == "failed"
    assert {entry["object"]["id"] for entry in entries} == {desk.name}


def test_the_log_never_has_the_owners_name(desk: Desk, entries: Any) -> None:
    filled(desk)
    desk.get("check")
    assert "Marisol" not in str(list(entries)) and "180 Derry" not in str(list(entries))


def test_the_api_fills_the_same_forms(desk: Desk) -> None:
    def patch(body: dict[str, Any]) -> Any:
        return desk.client.patch(
            f"/api/v1/deployments/{desk.name}/", body, content_type="application/json",
            headers={"If-Match": f'"{desk.row.version}"'},
        )  # fmt: skip

    moment = clock.wire(clock.now() - timedelta(days=1))
    told = {"cad": "PR26-0000001", "kind": "firearms", "place": "Here", "reported_at": moment}
    assert patch({"incident": told}).status_code == 200
    matrix = current_matrix(desk.row.agency_id)
    assert matrix is not None
    scores = {factor["key"]: {"level": 3, "why": "Recorded."} for factor in matrix.factors}
    assert patch({"risk": {"factors": scores}}).status_code == 200
    assert desk.row.risk is not None and desk.row.risk.score == 18
    wrong = patch({"need": {"aim": "x", "justifications": {"acoustic": ""}}, "place": {"colour": "red"}})
    assert wrong.status_code == 422
    pointers = {one["pointer"] for one in wrong.json()["errors"]}
    assert {"/need/justifications/acoustic", "/need/alternatives", "/place/colour"} <= pointers
