"""`bench deployments`: who comes first when two people act on one deployment, on two real connections.

Every race returns what happened in words and raises AssertionError where two won, or nobody was told. The
tests run a few rounds of each; `console.py bench deployments --n 500` runs all on a database of its own.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from bench import machine
from bench.audit_place import load_django, place
from bench.driving import together
from bench.table import Table

#: How far apart two acts begin at most, in seconds: about as long as one takes.
APART_S = 0.012
Act = Callable[[], Any]


def main(chosen: argparse.Namespace) -> int:
    """Run every race and print what came of it; 0 when none was lost."""
    table, begun = Table(), time.monotonic()
    n = max(10, chosen.n // (5 if chosen.quick else 1))
    with place() as made:
        load_django(made)
        _roomy()
        from tests.deployments.office import Office

        office = Office(made.data)
        head = machine.facts(made.servers.url("csoc_app"), made.data)
        for race in RACES:
            print(f"{race.__doc__} …", flush=True)
            rounds = n if race in FULL else max(10, n // 10)
            try:
                seen = run(race, office, rounds, chosen.seed)
                table.value(
                    str(race.__doc__), ", ".join(f"{k}: {v}" for k, v in sorted(seen.items())), rounds
                )
            except AssertionError as error:
                table.fail(f"{race.__doc__}: {error}")
    took = time.monotonic() - begun
    lines = [f"one run of {took:.0f} s; seed {chosen.seed}; at its end {machine.load()}"]
    lines += [f"FAIL {failure}" for failure in table.failures] or ["no round was lost"]
    print(f"\n{head}\n\n{table}\n\n" + "\n".join(lines), flush=True)
    return int(bool(table.failures))


def _roomy() -> None:
    """Two threads and this one hold two connections each."""
    from django.db import connections

    for alias in ("default", "audit"):
        connections.settings[alias]["OPTIONS"]["pool"]["max_size"] = 12


def run(race: Callable[..., str], office: Any, rounds: int, seed: int) -> Counter[str]:
    """``rounds`` of one race; afterwards H1 to H3 are asked of the whole database."""
    from tests.deployments import holding

    chance, seen = random.Random(f"{seed} {race.__name__}"), Counter[str]()
    keep: dict[str, Any] = {}
    office.clear()
    for _round in range(rounds):
        seen[race(office, chance, keep)] += 1
    found = holding.broken()
    assert not found, found
    return seen


def race_of(chance: random.Random, *acts: Act) -> list[Any]:
    """Let the acts go within a moment, each on a connection of its own."""
    from django.db import connection, connections

    gate = threading.Barrier(len(acts))
    waits = [chance.random() * APART_S if chance.random() < 0.6 else 0.0 for _act in acts]

    def on_its_own(act: Act, wait: float) -> Any:
        try:
            connection.ensure_connection()
            gate.wait(30)
            time.sleep(wait)
            return act()
        finally:
            connections.close_all()

    return together(
        [lambda act=act, wait=wait: on_its_own(act, wait) for act, wait in zip(acts, waits, strict=True)]
    )


def codes(answers: list[Any]) -> list[str]:
    """What became of each."""
    from tests.deployments.office import code

    return [code(answer) for answer in answers]


def sent_again(office: Any, keep: dict[str, Any]) -> Any:
    """One application that is taken back and sent again, round after round."""
    from tests.deployments.office import done, fresh

    if "row" not in keep:
        keep["row"] = office.submitted()
    row = fresh(keep["row"])
    if row.state in ("submitted", "authorised"):
        row = done(office.reopen("applicant", row))
    return done(office.submit("applicant", row))


# --- races --------------------------------------------------------------------------------------------------


def approve_while_editing(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """approve while the applicant takes it back, edits and sends it again"""
    from deployments.models import Authorisation, Submission
    from tests.deployments.office import answers, code, fresh

    row = sent_again(office, keep)
    read, before = row.content_hash, Authorisation.objects.filter(deployment=row).count()

    def edit() -> Any:
        answer = office.reopen("applicant", row)
        if code(answer) != "done":
            return answer
        need = answers(answer)["need"] | {"aim": f"Something else, {chance.random():.9f}"}
        answer = office.edit("applicant", answer, {"need": need | kept_term(answer)})
        return office.submit("applicant", answer) if code(answer) == "done" else answer

    approved, edited = codes(race_of(chance, lambda: office.decide("supervisor", row), edit))
    now, given = fresh(row), list(Authorisation.objects.filter(deployment=row).order_by("pk"))[before:]
    assert all(one.content_hash == read for one in given), "content that nobody had read was authorised"
    assert Submission.objects.filter(deployment=row, content_hash=read, version=row.version).exists()
    if approved == "done":
        assert (edited, now.state, now.content_hash, now.hash_content()) == (
            "stale-version", "authorised", read, read), (edited, now.state)  # fmt: skip
        return "approved first, the editor was told"
    assert approved in ("wrong-state", "stale-content") and edited == "done" and not given, (approved, edited)
    assert now.state == "submitted" and now.content_hash != read
    return f"edited first, the officer was told ({approved})"


def kept_term(row: Any) -> dict[str, Any]:
    """The term as it is: the consent covers no longer one."""
    return {"starts_at": row.starts_at, "ends_at": row.ends_at}


def double_approve(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """two supervisors approve one version"""
    from deployments.models import Authorisation, Decision

    row = sent_again(office, keep)
    before = Authorisation.objects.filter(deployment=row).count()
    people = ["supervisor", "supervisor-2"]
    chance.shuffle(people)
    told = codes(race_of(chance, *(lambda who=who: office.decide(who, row) for who in people)))
    assert sorted(told) == ["done", "wrong-state"], told
    assert Authorisation.objects.filter(deployment=row).count() == before + 1
    assert Decision.objects.filter(deployment=row, version=row.version).count() == 1
    return "one approved, one was told"


def two_applications(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """two applications for one trailer and time are approved"""
    from tests.deployments.office import done, fresh

    rows = [fresh(row) for row in keep.setdefault("rows", [])]
    rows = [done(office.reopen("applicant", row)) for row in rows]
    # One after the other is sent while neither is approved yet.
    rows = keep["rows"] = [done(office.submit("applicant", row)) for row in rows] or [
        office.submitted(),
        office.submitted(),
    ]
    first, second = rows
    told = codes(race_of(chance, lambda: office.decide("supervisor", first),
                         lambda: office.decide("supervisor-2", second)))  # fmt: skip
    assert sorted(told) == ["done", "overlap"], told
    assert sorted(fresh(row).state for row in rows) == ["authorised", "submitted"]
    return "one stands, one was told"


def withdraw_while_approving(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """the owner withdraws while it is approved"""
    from tests.deployments.office import fresh

    row = fresh(office.submitted())
    approved, withdrawn = codes(race_of(chance, lambda: office.decide("supervisor", row),
                                        lambda: office.owner_withdraws(row)))  # fmt: skip
    now = fresh(row)
    assert withdrawn == "done"
    if approved == "done":
        assert (now.state, now.deactivation_reason) == ("deactivated", "consent_withdrawn"), now.state
        return "approved, and ended by the withdrawal"
    assert (approved, now.state) == ("consent-missing", "submitted"), (approved, now.state)
    return "withdrawn first, not approved"


def withdraw_while_activating(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """the owner withdraws while it is switched on"""
    from tests.deployments.office import done, fresh

    row = office.authorised()
    done(office.install(row))
    row = fresh(row)
    active, withdrawn = codes(race_of(chance, lambda: office.activate("technician", row),
                                      lambda: office.owner_withdraws(row)))  # fmt: skip
    now = fresh(row)
    assert withdrawn == "done" and (now.state, now.deactivation_reason) == (
        "deactivated",
        "consent_withdrawn",
    )
    return "switched on and ended" if active == "done" else f"never switched on ({active})"


def withdraw_while_renewing(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """the owner withdraws while the next term takes over"""
    from tests.deployments.office import fresh

    before = office.active()
    renewal = fresh(office.renewal(before))
    taken, withdrawn = codes(race_of(chance, lambda: office.decide("supervisor", renewal),
                                     lambda: office.owner_withdraws(renewal)))  # fmt: skip
    now, old = fresh(renewal), fresh(before)
    assert withdrawn == "done" and now.state != "active", (taken, withdrawn, now.state)
    if taken == "done":
        assert (old.deactivation_reason, now.deactivation_reason) == ("renewed", "consent_withdrawn")
        return "took over, and ended by the withdrawal"
    office.clear()
    # An owner who says no means the property: the term before, on an older paper, has ended too.
    assert (taken, old.state, now.state) == ("wrong-state", "deactivated", "submitted") or (
        (taken, old.state, now.state) == ("consent-missing", "deactivated", "submitted")
    ), (taken, old.state, now.state)
    return "withdrawn first, the old term ended with it"


def withdraw_while_narrowing(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """the owner withdraws while a renewed term is narrowed"""
    from tests.deployments.office import done, fresh

    row = fresh(done(office.decide("supervisor", office.renewal(office.active()))))
    less = {"modules": ["acoustic"]}
    narrowed, withdrawn = codes(race_of(chance, lambda: office.tighten("supervisor", row, less),
                                        lambda: office.owner_withdraws(row)))  # fmt: skip
    assert withdrawn == "done" and fresh(row).state == "deactivated" and narrowed in ("done", "wrong-state")
    return f"narrowed: {narrowed}, ended"


def two_tabs(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """two tabs save one section"""
    from deployments.selectors import section_digest
    from tests.deployments.office import answers, fresh

    row = keep["row"] = fresh(keep["row"]) if "row" in keep else office.create()
    base = section_digest(row, "privacy")
    said = [answers(row)["privacy"] | {"notice": f"Tab {tab}, {chance.random():.9f}"} for tab in (1, 2)]

    def save(one: dict[str, Any]) -> Any:
        return office.edit("applicant", row, {"privacy": one}, bases={"privacy": base})

    told = codes(race_of(chance, lambda: save(said[0]), lambda: save(said[1])))
    assert sorted(told) == ["done", "stale-version"], told
    assert fresh(row).notice == said[told.index("done")]["notice"]
    return "one saved, one was told"


def end_twice(office: Any, chance: random.Random, keep: dict[str, Any]) -> str:
    """two people end it"""
    row = office.active()
    told = codes(
        race_of(chance, *(lambda who=who: office.end(who, row) for who in ("supervisor", "technician")))
    )
    assert sorted(told) == ["done", "wrong-state"], told
    return "one ended it, one was told"


#: These two run the full number of rounds; of the others, which make a deployment each, a tenth.
FULL = (approve_while_editing, double_approve)
RACES = (
    *FULL,
    two_applications,
    withdraw_while_approving,
    withdraw_while_activating,
    withdraw_while_renewing,
    withdraw_while_narrowing,
    two_tabs,
    end_twice,
)
__all__ = ["FULL", "RACES", "main", "run"]
