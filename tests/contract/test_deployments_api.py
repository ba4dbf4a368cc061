"""The whole story of a deployment over HTTP, and each refusal on its way, in the contract's words."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from agent.signing import Signer, load_private_key
from csoc.lib import clock as clock_module
from tests.contract.place import Browser, Device, Place, verdict

API = "/api/v1/deployments/"
DEPOT = 11


class Story:
    """An applicant, a supervisor, a technician at the console, and the trailer from the depot."""

    def __init__(self, place: Place) -> None:
        from csoc import seed

        self.place = place
        self.applicant, self.supervisor, self.technician = (
            place.person(role) for role in ("applicant", "supervisor", "technician")
        )
        with place.inside():
            row = seed._trailer_row(
                next(plan for plan in seed.PLANS if plan.number == DEPOT), place.scene.users
            )
        signer = Signer(load_private_key(Path(row["private_key_file"])), row["keyid"], place.authority)
        self.device, self.trailer = Device(place, signer), row["trailer"]

    def again(self, role: str, *roles: str) -> Browser:
        """Another sign-in of the same person, with a session of its own."""
        from tests.accounts.people import second_sign_in, sign_in

        users = self.place.scene.users
        with self.place.inside():
            user = second_sign_in(users["administrator"], users[role], *roles, username=f"{role}.z").user
            session = sign_in(user).cookies[settings.SESSION_COOKIE_NAME].value
        browser = Browser(self.place.url, None)
        browser.http.cookies.set(settings.SESSION_COOKIE_NAME, session)
        assert browser.get("/account/").status_code == 200
        return browser

    def sections(self) -> dict[str, Any]:
        """What the API takes of every section but the consent, which has ways of its own."""
        now = clock_module.now()
        with self.place.inside():
            from deployments.models import RiskMatrix

            matrix = RiskMatrix.objects.filter(published_at__isnull=False).latest("version")
        return {
            "incident": {
                "cad": f"P26-{now:%H%M%S%f}"[:20], "kind": "firearms", "place": "The depot",
                "reported_at": clock_module.wire(now - timedelta(hours=5)),
            },
            "risk": {
                "factors": {
                    factor["key"]: {"level": 3, "why": "Recorded by the officers who attended."}
                    for factor in matrix.factors
                }
            },
            "need": {
                "aim": "Protect the people who were threatened.",
                "alternatives": "Patrols were tried for a week and did not see the yard.",
                "justifications": {"acoustic": "Says within seconds where shots come from."},
                "starts_at": clock_module.wire(now), "review_every_days": 7,
                "ends_at": clock_module.wire(now + timedelta(days=7)),
            },
            "place": {
                "site": "Depot", "address": "", "lat": 43.65, "lon": -79.65, "heading_deg": 0,
                "forbidden_sectors": [], "speaker_ceiling_pct": 0, "quiet_from": "22:00",
                "quiet_to": "07:00", "quiet_ceiling_pct": 0,
            },
            "privacy": {
                "signage": "Signs at both entrances.", "notice": "A letter to the tenants.",
                "retention_class": "deployment-record",
            },
        }  # fmt: skip

    def patch(self, name: str, body: Any, version: Any = None, who: Browser | None = None) -> Any:
        """PATCH with ``If-Match``."""
        browser = who or self.applicant
        headers = browser.token | ({} if version is None else {"If-Match": f'"{version}"'})
        return browser.http.patch(f"{API}{name}/", json=body, headers=headers)

    def act(self, who: Browser, name: str, act: str, body: Any = None) -> Any:
        """POST one act."""
        return who.post(f"{API}{name}/{act}/", body)

    def consented(self, name: str) -> None:
        """The owner's paper, as the applicant records it."""
        from accounts.services import acting
        from csoc import seed
        from deployments import services
        from deployments.selectors import visible_by_name

        user = self.place.scene.users["applicant"]
        with self.place.inside(), acting(user):
            row = visible_by_name(user, name)
            paper = {
                "capacity": "owner", "owner_name": "Robin Vale", "owner_email": "", "conditions": "",
                "expires_at": row.ends_at, "document": seed.consent_paper(),
            }  # fmt: skip
            services.edit_sections(
                actor=user, deployment_id=row.pk, sections={"consent": paper}, version=row.version
            )

    def installed(self, name: str) -> None:
        """The technician goes through the checklist beside the trailer."""
        from csoc import seed
        from deployments.selectors import visible_by_name

        user = self.place.scene.users["technician"]
        with self.place.inside():
            seed.install(visible_by_name(user, name), user)

    def draft(self) -> dict[str, Any]:
        """A new draft."""
        answer = self.applicant.post(API, {"trailer": self.trailer, "site": "Depot"})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def submitted(self) -> dict[str, Any]:
        """An application that waits for a decision."""
        made = self.draft()
        filled = self.patch(made["id"], self.sections(), made["version"])
        assert filled.status_code == 200, filled.text
        self.consented(made["id"])
        read = self.applicant.get(f"{API}{made['id']}/").json()
        sent = self.act(self.applicant, made["id"], "submit", {"version": read["version"]})
        assert sent.status_code == 200, sent.text
        return dict(sent.json())

    def gunshot(self, name: str) -> dict[str, Any]:
        """An alert of the depot's trailer that names this deployment."""
        body = self.place.gunshot(trailer=self.trailer, deployment=name)
        body["position"] = {"lat": 43.65, "lon": -79.65, "accuracy_m": 4}
        body["gunshot"]["location"] |= {"lat": 43.6505, "lon": -79.65}
        return body


@pytest.fixture
def story(place: Place) -> Story:
    return Story(place)


def decision(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"version": row["version"], "content_hash": row["content_hash"], "reason": "Current."} | changes


def test_from_a_draft_to_the_end(story: Story) -> None:
    made = story.draft()
    name, sections = made["id"], story.sections()
    assert made["state"] == "draft"
    assert verdict(story.patch(name, sections)) == (428, "version-missing")
    assert verdict(story.patch(name, sections, made["version"] + 7)) == (409, "stale-version")
    backwards = sections["need"] | {"ends_at": sections["need"]["starts_at"]}
    assert verdict(story.patch(name, {"need": backwards}, made["version"]))[0] == 422
    assert verdict(story.patch(name, {"need": {"aim": 7}}, made["version"])) == (422, "schema")
    early = story.act(story.applicant, name, "submit", {"version": made["version"]})
    assert verdict(early) == (422, "incident-missing")

    filled = story.patch(name, sections, made["version"])
    assert filled.status_code == 200, filled.text
    assert filled.headers["etag"] == f'"{filled.json()["version"]}"'
    version = filled.json()["version"]
    unasked = story.act(story.applicant, name, "submit", {"version": version})
    assert verdict(unasked) == (422, "consent-missing")
    story.consented(name)
    stale = story.act(story.applicant, name, "submit", {"version": version})
    assert verdict(stale) == (409, "stale-version")
    version = story.applicant.get(f"{API}{name}/").json()["version"]
    sent = story.act(story.applicant, name, "submit", {"version": version}).json()
    assert sent["state"] == "submitted" and len(sent["content_hash"]) == 64
    assert verdict(story.patch(name, sections, sent["version"])) == (409, "wrong-state")

    assert verdict(story.act(story.applicant, name, "authorise", decision(sent))) == (403, "not-permitted")
    own = story.again("applicant", "supervisor")
    assert verdict(story.act(own, name, "authorise", decision(sent))) == (403, "own-request")
    own.http.close()
    for wrong in ({"content_hash": "0" * 64}, {"version": sent["version"] - 1}):
        answer = story.act(story.supervisor, name, "authorise", decision(sent, **wrong))
        assert verdict(answer) == (409, "stale-content")
    assert verdict(story.act(story.supervisor, name, "authorise", {"version": 1})) == (422, "schema")
    assert verdict(story.act(story.technician, name, "activate")) in (
        (404, "not-found"),
        (409, "wrong-state"),
    )
    given = story.act(story.supervisor, name, "authorise", decision(sent))
    assert (given.status_code, given.json()["state"]) == (200, "authorised"), given.text
    assert verdict(story.act(story.supervisor, name, "authorise", decision(sent))) == (409, "wrong-state")

    assert verdict(story.device.post(story.gunshot(name))) == (403, "not-deployed")
    assert verdict(story.act(story.technician, name, "activate")) == (422, "not-installed")
    story.installed(name)
    on = story.act(story.technician, name, "activate")
    assert (on.status_code, on.json()["state"]) == (200, "active"), on.text
    assert story.device.post(story.gunshot(name)).status_code == 201
    assert verdict(story.act(story.supervisor, name, "tighten", {"modules": ["acoustic", "ptz"]})) == (
        422, "not-tighter")  # fmt: skip
    off = story.act(story.supervisor, name, "deactivate", {"reason": "need_ended"})
    assert (off.json()["state"], off.json()["deactivation_reason"]) == ("deactivated", "need_ended")
    assert verdict(story.device.post(story.gunshot(name))) == (403, "not-deployed")
    assert verdict(story.act(story.supervisor, name, "deactivate", {})) == (409, "wrong-state")
    assert verdict(story.act(story.technician, name, "activate"))[0] in (404, 409)


def test_taking_back_refusing_and_returning(story: Story) -> None:
    sent = story.submitted()
    back = story.act(story.applicant, sent["id"], "reopen", {"version": sent["version"]})
    assert back.json()["state"] == "returned"
    again = story.act(story.applicant, sent["id"], "submit", {"version": back.json()["version"]}).json()
    returned = story.act(story.supervisor, sent["id"], "return", decision(again)).json()
    assert returned["state"] == "returned"
    once_more = story.act(story.applicant, sent["id"], "submit", {"version": returned["version"]}).json()
    assert story.act(story.supervisor, sent["id"], "refuse", decision(once_more)).json()["state"] == "refused"
    given_up = story.draft()
    gone = story.act(story.applicant, given_up["id"], "withdraw", {"version": given_up["version"]})
    assert gone.json()["deactivation_reason"] == "withdrawn"


HOSTILE: tuple[Any, ...] = (
    {"need": {"aim": "nothing\x00here"}}, {"need": {"aim": "half \ud800 a pair"}},
    {"need": {"aim": "x" * 100_000}},
    {"need": {"aim": ["a"] * 10}}, {"need": {"justifications": [1]}}, {"need": {"starts_at": "yesterday"}},
    {"need": {"ends_at": "9999-99-99T00:00:00Z"}}, {"place": {"lat": "NaN", "lon": 1e400}},
    {"place": {"lat": True, "lon": None}}, {"place": {"forbidden_sectors": {"a": 1}}},
    {"place": {"forbidden_sectors": [[1], 2, None]}}, {"risk": {"factors": {"": {"level": 10**30}}}},
    {"risk": {"factors": {"a": "b"}}}, {"risk": {"factors": []}}, {"consent": {"owner_name": "x"}},
    {"incident": {"cad": "<script>alert(1)</script>"}}, {"incident": None}, {"nothing": {}}, {}, [], 7,
    None, "text",
)  # fmt: skip


def test_hostile_bodies_are_refused_and_never_break_it(story: Story) -> None:
    made = story.draft()
    paths = [
        API,
        *(
            f"{API}{made['id']}/{act}/"
            for act in (
                "submit",
                "authorise",
                "refuse",
                "return",
                "reopen",
                "withdraw",
                "review",
                "tighten",
                "deactivate",
            )
        ),
    ]
    headers = {"Content-Type": "application/json", "If-Match": '"1"'}
    raw = [json.dumps(body).encode() for body in HOSTILE]
    raw += [b"\xff\xfe", b"{", b"[" * 50_000, b'{"a":' * 5_000,
            b'{"need":{"aim":"' + b"x" * 1_000_000 + b'"}}',
            b'{"version":1,"version":2}', b'{"version": 1e999}']  # fmt: skip
    for body in raw:
        answer = story.applicant.http.patch(
            f"{API}{made['id']}/", content=body, headers=story.applicant.token | headers
        )
        assert 400 <= answer.status_code < 500, (answer.status_code, body[:80])
        for path in paths:
            for who in (story.applicant, story.supervisor):
                answer = who.http.post(path, content=body, headers=who.token | headers)
                assert 400 <= answer.status_code < 500, (answer.status_code, path, body[:80])
    assert story.applicant.get(f"{API}{made['id']}/").json()["version"] == made["version"]
