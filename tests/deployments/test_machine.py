"""No state that people can reach breaks H1 to H3: Hypothesis drives the services, SQL looks after each step.

``CSOC_MACHINE_N=200 pytest tests/deployments/test_machine.py -s`` runs 200 ways of 30 steps with a random
seed and prints what was reached; the suite runs a few fixed ways.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import audit
from csoc.lib import clock as clock_module
from csoc.lib.errors import Refused
from deployments import services, tasks
from deployments.models import Deployment
from deployments.selectors import active_deployment
from tests.deployments import holding
from tests.deployments.office import PEOPLE, Office, answers, code, done, fresh

N = int(os.environ.get("CSOC_MACHINE_N", "0"))
STEPS = 30
WALK = 14
WAYS = settings(
    max_examples=N or 20,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=not N,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
#: Each act, as the log names it. An act that two verbs may tell of has both.
VERBS = {
    "create": {"deployment.create"}, "keep": {"deployment.draft"}, "submit": {"deployment.submit"},
    "edit": {"incident.report", "risk.assess", "need.state", "deployment.place", "consent.give",
             "deployment.update"},
    "authorise": {"deployment.authorise"}, "refuse": {"deployment.refuse"}, "return": {"deployment.return"},
    "reopen": {"deployment.reopen"}, "withdraw": {"deployment.deactivate"},
    "activate": {"deployment.activate"}, "end": {"deployment.deactivate"}, "renew": {"deployment.create"},
    "tighten": {"deployment.tighten"}, "review": {"deployment.review"},
    "withdraw consent": {"consent.withdraw"}, "ask owner": {"consent.request"},
    "owner gives": {"consent.give"}, "owner declines": {"consent.decline"}, "share": {"deployment.share"},
    "install": {"installation.complete"},
}  # fmt: skip
#: What a search has to have reached, or it has proved nothing; the walks reach all that follows.
OFTEN = {"submit done", "authorise done", "activate done", "renew done", "took over", "end done"}
REACHED = OFTEN | {
    "create done", "edit done", "keep done", "return done", "reopen done", "withdraw done", "review done",
    "withdraw consent done", "ask owner done", "share done", "install done", "moved",
    "authorise own-request", "activate not-installed", "edit stale-version", "submit below-threshold",
}  # fmt: skip


def mostly(*right: str) -> Any:
    """Often somebody who may, and all the others as well."""
    return st.sampled_from(right * (8 // len(right)) + PEOPLE)


applicants = mostly("applicant", "helper")
supervisors = mostly("supervisor", "supervisor-2")
officers = mostly("supervisor", "supervisor-2", "helper", "applicant-b")
fitters = mostly("technician")
FIELDS = ("modules", "hotlist_categories", "ends_at", "forbidden_sectors", "speaker_ceiling_pct",
          "quiet_ceiling_pct", "aim")  # fmt: skip
which = st.integers(0, 7)
yes = st.booleans()
sections = st.sampled_from(("incident", "risk", "need", "place", "consent", "privacy"))


RIGHT = ("applicant", "supervisor", "supervisor-2", "technician", "helper", "applicant-b")
EVENLY: dict[str, dict[str, Any]] = {
    "edit": {"which": range(8), "who": ("applicant", "helper"), "part": ("risk", "need", "consent"),
             "manner": ("valid", "low", "too long", "moved", "stale", "other base")},
    "fill": {"which": range(8), "who": ("applicant", "helper"), "days": (2, 9, 14), "early": (0, 0, 2)},
    "keep": {"which": range(8), "who": ("applicant", "helper"), "part": ("need",), "old": (False, True)},
    "submit": {"which": range(8), "who": ("applicant", "helper"), "old": (False, False, True)},
    "decide": {"which": range(8), "who": ("supervisor", "supervisor-2", "helper", "applicant-b"),
               "verdict": ("authorise", "authorise", "refuse", "return"),
               "seen": ("right", "right", "old version", "old hash", "no words")},
    "reopen": {"which": range(8), "who": ("applicant", "helper")},
    "withdraw": {"which": range(8), "who": ("applicant", "helper")},
    "share": {"which": range(8), "who": ("applicant", "supervisor"), "whom": ("helper",)},
    "ask_owner": {"which": range(8), "who": ("applicant", "helper")},
    "owner_answers": {"which": range(8), "agrees": (True, False)},
    "activate": {"which": range(8), "who": ("technician", "supervisor")},
    "tighten": {"which": range(8), "who": RIGHT, "field": FIELDS, "wider": (False, True), "step": (1, 2)},
    "review": {"which": range(8), "who": ("supervisor", "supervisor-2"), "yes": (True, False)},
    "renew": {"which": range(8), "who": ("applicant", "helper")},
    "end": {"which": range(8), "who": RIGHT, "reason": ("need_ended", "fault", "revoked")},
    "withdraw_consent": {"which": range(8), "who": ("owner", "technician")},
    "move_away": {"second": (False, True)}, "time_goes_on": {"hours": (1, 30, 200)}, "job": {},
    "create": {"who": ("applicant", "applicant-2"), "second": (False, True)},
    "go_on": {"which": range(8), "far": (1, 2, 3, 4)},
}  # fmt: skip


class Deployments(RuleBasedStateMachine):
    """One office, two trailers, everything that anybody may try, in any order."""

    office: Office
    seen: Counter[str]
    noted: list[str]

    def __init__(self) -> None:
        super().__init__()
        # All of it is undone at the end of this way: the next one begins with the same office.
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.offset_s = 0.0
        clock_module.shift(0)
        self.trailers = sorted(self.office.trailers)

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)
        clock_module.shift(0)

    # -- helpers -----------------------------------------------------------------------------------

    def row(self, which: int) -> Deployment:
        """One of the newest deployments; half the time the newest, so that ways become long."""
        ids = list(Deployment.objects.order_by("-pk").values_list("pk", flat=True)[:4])
        return fresh(Deployment.objects.get(pk=ids[max(0, which - 4) % len(ids)]))

    def act(self, what: str, answer: Callable[[], Any]) -> Any:
        """One act: a refusal leaves no entry of its own, a success leaves the one that names it."""
        before, noted = waiting(), len(self.noted)
        self.mark = noted
        result = answer()
        written, told = waiting() - before, self.noted[noted:]
        assert written == len(told), f"{what}: {told} were written down, the log has {written}"
        if isinstance(result, Refused):
            assert not told, f"{what} was refused ({result.code}) and left {told}"
        else:
            assert VERBS[what] & set(told), f"{what} left {told}"
        self.seen[f"{what} {code(result)}"] += 1
        return result

    @initialize(far=st.sampled_from((4, 3, 2, 5, 1, 0)), renewed=st.sampled_from((3, 0, 2, 3, 1)))
    def begin(self, far: int, renewed: int) -> None:
        """Ways begin at different places: one application so far, and the standing one so far renewed."""
        row = self.office.create()
        for _step in range(far):
            self.forward(fresh(row))
        if renewed:
            renewal = self.act("renew", lambda: self.office.renew("applicant", self.office.scene.deployment))
            for _step in range(renewed):
                self.forward(fresh(renewal))

    # -- the applicant -----------------------------------------------------------------------------

    @rule(who=applicants, second=yes)
    def create(self, who: str, second: bool) -> None:
        if Deployment.objects.filter(state="draft").count() < 3:
            self.act("create", lambda: self.office.create(who, self.trailers[second]))

    @rule(which=which, who=applicants, part=sections, manner=st.sampled_from(
        ("valid", "valid", "low", "too long", "backwards", "moved", "outside", "unjustified", "stale",
         "other base", "short consent")))  # fmt: skip
    def edit(self, which: int, who: str, part: str, manner: str) -> None:
        row = self.row(which)
        said = {part: answers(row)[part]}
        seen: dict[str, Any] = {"version": row.version}
        match manner:
            case "low":
                said = {"risk": {"factors": {
                    key: {"level": 0, "why": ""} for key in answers(row)["risk"]["factors"]}}}  # fmt: skip
            case "too long" | "backwards":
                days = 15 if manner == "too long" else -1
                said = {"need": answers(row)["need"]}
                said["need"]["ends_at"] = said["need"]["starts_at"] + timedelta(days=days)
            case "moved" | "outside":
                said = {"place": answers(row)["place"]}
                said["place"]["lat"] += 0.002 if manner == "moved" else 20
            case "unjustified":
                said = {"need": answers(row)["need"]}
                said["need"]["justifications"] = {"acoustic": "It hears shots.", "ptz": " "}
            case "short consent":
                said = {"consent": answers(row)["consent"]}
                said["consent"]["expires_at"] = clock_module.now() + timedelta(days=3)
            case "stale":
                seen = {"version": row.version - 1}
            case "other base":
                seen = {"bases": {part: "0" * 16}}
        self.act("edit", lambda: self.office.edit(who, row, said, **seen))

    @rule(which=which, who=st.sampled_from(("applicant", "applicant", "helper", "applicant-2")),
          days=st.integers(1, 14), early=st.integers(-1, 3))  # fmt: skip
    def fill(self, which: int, who: str, days: int, early: int) -> None:
        row = self.row(which)
        starts = clock_module.now() + timedelta(days=max(0, early))
        self.act("edit", lambda: self.office.fill(who, row, starts_at=starts, term=timedelta(days=days)))

    @rule(which=which, who=applicants, part=sections, old=yes)
    def keep(self, which: int, who: str, part: str, old: bool) -> None:
        row = self.row(which)
        self.act("keep", lambda: self.office.keep(who, row, part, "f" * 16 if old else None))

    @rule(which=which, who=applicants, old=yes)
    def submit(self, which: int, who: str, old: bool) -> None:
        row = self.row(which)
        self.act("submit", lambda: self.office.submit(who, row, version=row.version - old))

    @rule(which=which, who=applicants)
    def reopen(self, which: int, who: str) -> None:
        self.act("reopen", lambda: self.office.reopen(who, self.row(which)))

    @rule(which=which, who=applicants)
    def withdraw(self, which: int, who: str) -> None:
        self.act("withdraw", lambda: self.office.withdraw(who, self.row(which)))

    @rule(which=which, who=applicants, whom=st.sampled_from(("helper", "applicant-2", "supervisor-2")))
    def share(self, which: int, who: str, whom: str) -> None:
        self.act("share", lambda: self.office.share(self.row(which), whom, who=who))

    @rule(which=which, who=applicants)
    def ask_owner(self, which: int, who: str) -> None:
        self.act("ask owner", lambda: self.office.ask_owner(who, self.row(which)))

    @rule(which=which, who=applicants)
    def renew(self, which: int, who: str) -> None:
        self.act("renew", lambda: self.office.renew(who, self.row(which)))

    # -- the supervisors ---------------------------------------------------------------------------

    @rule(which=which, who=officers, verdict=st.sampled_from(("authorise", "authorise", "refuse", "return")),
          seen=st.sampled_from(("right", "right", "old version", "old hash", "no words")))  # fmt: skip
    def decide(self, which: int, who: str, verdict: str, seen: str) -> None:
        row = self.row(which)
        changes: dict[str, Any] = {
            "right": {},
            "old version": {"version": row.version - 1},
            "old hash": {"content_hash": "0" * 64},
            "no words": {"words": " "},
        }[seen]
        self.act(verdict, lambda: self.decided(who, row, verdict, changes))

    def decided(self, who: str, row: Deployment, verdict: str, changes: dict[str, Any]) -> Any:
        """A decision; one that takes over is noted, with whom it took over from."""
        answer = self.office.decide(who, row, verdict, **changes)
        if not isinstance(answer, Refused) and answer.renews_id and answer.state == "active":
            assert fresh(Deployment.objects.get(pk=answer.renews_id)).deactivation_reason == "renewed"
            self.seen["took over"] += 1
        return answer

    @rule(which=which, who=supervisors, yes=yes)
    def review(self, which: int, who: str, yes: bool) -> None:
        self.act("review", lambda: self.office.review(who, self.row(which), yes))

    # -- the technician, and whoever narrows or ends -----------------------------------------------

    @rule(which=which)
    def install(self, which: int) -> None:
        self.act("install", lambda: self.installed(self.row(which)))

    def installed(self, row: Deployment) -> Any:
        """Set it up as far as it goes; a refused point leaves the ones before it."""
        with transaction.atomic():
            answer = self.office.install(row)
            transaction.set_rollback(isinstance(answer, Refused))
        if isinstance(answer, Refused):
            del self.noted[self.mark :]
        return answer

    @rule(which=which, who=fitters)
    def activate(self, which: int, who: str) -> None:
        self.act("activate", lambda: self.office.activate(who, self.row(which)))

    @rule(which=which, who=supervisors, field=st.sampled_from(FIELDS), wider=yes, step=st.integers(1, 3))
    def tighten(self, which: int, who: str, field: str, wider: bool, step: int) -> None:
        row = self.row(which)
        value = changed(row, field, wider, step)
        self.act("tighten", lambda: self.office.tighten(who, row, {field: value}))

    @rule(which=which, who=supervisors, reason=st.sampled_from(("need_ended", "fault", "revoked")))
    def end(self, which: int, who: str, reason: str) -> None:
        self.act("end", lambda: self.office.end(who, self.row(which), reason))

    # -- the owner, the trailer, the time ----------------------------------------------------------

    @rule(which=which, who=st.sampled_from((*PEOPLE, "owner", "owner")))
    def withdraw_consent(self, which: int, who: str) -> None:
        row = self.row(which)
        if row.consent is None or row.consent.withdrawn_at is not None:
            return
        by_link = who == "owner"
        self.act("withdraw consent", lambda: self.office.owner_withdraws(row) if by_link
                 else self.office.withdraw_consent(who, row))  # fmt: skip

    @rule(which=which, agrees=yes)
    def owner_answers(self, which: int, agrees: bool) -> None:
        row = self.row(which)
        if row.consent_requests.exists():
            what = "owner gives" if agrees else "owner declines"
            self.act(what, lambda: self.office.owner_answers(row, agrees))

    @rule(second=yes)
    def move_away(self, second: bool) -> None:
        trailer = self.office.trailers[self.trailers[second]]
        stood = Deployment.objects.filter(trailer=trailer, state="active").exists()
        with audit.acting_as(audit.system("geofence")) as actor:
            services.end_moved(actor=actor, trailer=trailer)
        assert not Deployment.objects.filter(trailer=trailer, state="active").exists()
        self.seen["moved"] += stood

    @rule(hours=st.sampled_from((1, 6, 30, 100, 200)))
    def time_goes_on(self, hours: int) -> None:
        self.offset_s += hours * 3600
        clock_module.shift(self.offset_s)

    @rule()
    def job(self) -> None:
        self.seen["expired by the job"] += tasks.end_due_deployments()
        assert tasks.end_due_deployments() == 0

    # -- anything, evenly --------------------------------------------------------------------------

    @rule(seed=st.integers(0, 2**32))
    def anything(self, seed: int) -> None:
        """Five acts, each as likely as the others: a search prefers what it knows."""
        chance = random.Random(seed)
        for _act in range(5):
            name = chance.choice(sorted(EVENLY))
            values = {key: chance.choice(choices) for key, choices in EVENLY[name].items()}
            getattr(self, name)(**values)
            self.h1_to_h3_hold()
            self.the_door_says_the_same()

    # -- as it should go, so that ways get far -----------------------------------------------------

    @rule(which=which, far=st.integers(1, 6))
    def go_on(self, which: int, far: int) -> None:
        row = self.row(which)
        for _step in range(far):
            self.forward(fresh(row))

    def forward(self, row: Deployment) -> None:
        """The next right step of this deployment, by somebody who may."""
        office = self.office
        match row.state:
            case "draft" | "returned":
                sent = self.act("submit", lambda: office.submit("applicant", row))
                if isinstance(sent, Refused):
                    self.act("edit", lambda: office.fill("applicant", row))
            case "submitted":
                self.act("authorise", lambda: self.decided("supervisor", row, "authorise", {}))
            case "authorised":
                self.act("install", lambda: self.installed(row))
                self.act("activate", lambda: office.activate("technician", row))
            case "active":
                self.act("renew", lambda: office.renew("applicant", row))

    # -- what holds always -------------------------------------------------------------------------

    @invariant()
    def h1_to_h3_hold(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert holding.broken() == []

    @invariant()
    def the_door_says_the_same(self) -> None:
        now = clock_module.now()
        for number, trailer in self.office.trailers.items():
            door = active_deployment(trailer, now)
            assert (door and door.pk) == holding.in_force(number, now)


def changed(row: Deployment, field: str, wider: bool, step: int) -> Any:
    """A value of ``field`` that is less than what stands, or more."""
    now: Any = getattr(row, field)
    match field:
        case "modules":
            return ["acoustic", "alpr", "ptz", "speaker"][: step + 1] if wider else list(now)[:-1]
        case "hotlist_categories":
            return ["other_authorised"] if wider else list(now)[:-1]
        case "ends_at":
            return now and now + timedelta(hours=step if wider else -step)
        case "forbidden_sectors":
            more = {"from_deg": 10.0 * step, "to_deg": 10.0 * step + 5, "why": "a home"}
            return [] if wider else [*now, more]
        case "speaker_ceiling_pct":
            return 100 if wider else max(row.quiet_ceiling_pct, now - step)
        case "quiet_ceiling_pct":
            return 100 if wider else max(0, now - step)
    return "Something else"


def waiting() -> int:
    """How many entries the log has taken and not sealed yet; nothing seals them here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting FROM audit_waiting()")
        return int(cursor.fetchone()[0])


@contextmanager
def noting(noted: list[str]) -> Iterator[None]:
    """Note the verb of each entry on its way to the log, which the app itself may not read back."""
    real = audit.record

    def record(verb: str, *values: Any, **more: Any) -> Any:
        receipt = real(verb, *values, **more)
        noted.append(verb)
        return receipt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "record", record)
        yield


def test_no_way_through_the_services_breaks_h1_to_h3(
    scene_template: str, db: Any, data_dir: Path, clock: Any
) -> None:
    seen: Counter[str] = Counter()
    noted: list[str] = []
    office = Office(data_dir)
    machine = type("Ways", (Deployments,), {"office": office, "seen": seen, "noted": noted})
    with noting(noted):
        run_state_machine_as_test(machine, settings=WAYS)
    print(f"\n{WAYS.max_examples} ways of {STEPS} steps, {sum(seen.values())} acts, {len(noted)} entries")
    print("\n".join(f"{count:6d} {what}" for what, count in sorted(seen.items())))
    assert set(+seen) >= OFTEN, OFTEN - set(+seen)


def test_even_walks_reach_everything_and_break_nothing(
    scene_template: str, db: Any, data_dir: Path, clock: Any
) -> None:
    """Where the search prefers what it knows, a die does not: every act and its refusals are reached."""
    seen: Counter[str] = Counter()
    noted: list[str] = []
    machine = type("Walk", (Deployments,), {"office": Office(data_dir), "seen": seen, "noted": noted})
    with noting(noted):
        for seed in range(N or 12):
            walk = machine()
            try:
                walk.begin(far=seed % 6, renewed=seed % 4)
                for step in range(WALK):
                    walk.anything(seed=seed * WALK + step)
            finally:
                walk.teardown()
    print(f"\n{N or 12} walks of {5 * WALK} acts and more, {sum(seen.values())} acts, {len(noted)} entries")
    print("\n".join(f"{count:6d} {what}" for what, count in sorted(seen.items())))
    assert set(+seen) >= REACHED, REACHED - set(+seen)


def test_every_edge_is_walked_and_holds(scene_template: str, db: Any, data_dir: Path, clock: Any) -> None:
    office, walked = Office(data_dir), set()

    def step(row: Deployment, act: Callable[[], Any]) -> Deployment:
        before = fresh(row).state
        done(act())
        after = fresh(row)
        walked.add((before, after.state))
        assert holding.broken() == []
        return after

    def new(far: str) -> Deployment:
        row = office.create()
        ways: list[tuple[str, Callable[[Deployment], Any]]] = [
            ("draft", lambda row: office.fill("applicant", row)),
            ("submitted", lambda row: office.submit("applicant", row)),
            ("authorised", lambda row: office.decide("supervisor", row)),
            ("installed", lambda row: office.install(row) or row),
            ("active", lambda row: office.activate("technician", row)),
        ]
        for name, way in ways:
            row = step(row, lambda way=way, row=row: way(row))
            if name == far:
                break
        return row

    for verdict in ("refuse", "return"):
        row = new("submitted")
        row = step(row, lambda row=row, verdict=verdict: office.decide("supervisor", row, verdict))
    row = step(row, lambda: office.submit("applicant", row))
    for far in ("draft", "submitted", "authorised"):
        given_up = new(far)
        step(given_up, lambda row=given_up: office.withdraw("applicant", row))
    back = step(row, lambda: office.reopen("applicant", row))
    step(back, lambda: office.withdraw("applicant", back))
    opened = new("authorised")
    opened = step(opened, lambda: office.reopen("applicant", opened))
    step(opened, lambda: office.withdraw("applicant", opened))
    linked = new("draft")
    done(office.ask_owner("applicant", linked))
    linked = step(linked, lambda: office.owner_answers(linked, yes=True))
    linked = step(linked, lambda: office.submit("applicant", linked))
    step(linked, lambda: office.decide("supervisor", linked, "refuse"))
    standing = new("active")
    standing = step(standing, lambda: office.tighten("supervisor", standing, {"modules": ["acoustic"]}))
    step(standing, lambda: office.end("technician", standing))
    assert {edge for edge in walked if edge[0] != edge[1]} == set(Deployment.EDGES)
