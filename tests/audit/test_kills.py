"""The small form of `console.py bench audit --kills`: writers roll back, two sequencers are killed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

import audit
from bench import audit_kills
from bench.audit_kills import FAULTS, Outcome
from tests.audit.conftest import ALERT
from tests.servers import TestServers

ROOT = Path(__file__).resolve().parents[2]
COMMITS, KILLS, WRITERS = 800, 12, 4


def test_nothing_is_missing_doubled_or_out_of_order_while_sequencers_are_killed(
    servers: TestServers, own_database: str, tmp_path: Path
) -> None:
    words = ["--sequencer-url", servers.url("csoc_sequencer", own_database)]
    words += ["--admin-url", servers.url("postgres", own_database), "--seed", "7"]
    words += ["--commits", str(COMMITS), "--kills", str(KILLS), "--writers", str(WRITERS)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.audit_kills", *words],
        cwd=ROOT,
        env=os.environ
        | {
            "CSOC_ENV": "test",
            "CSOC_DATABASE_URL": servers.url("csoc_app", own_database),
            "CSOC_REDIS_URL": servers.redis_url(),
            "CSOC_DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "csoc.settings",
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert {name: outcome[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert (outcome["commits"], outcome["kills"]) == (COMMITS, KILLS)
    # Every committed entry and the log's own first line, and nothing of what was rolled back.
    assert outcome["lines"] == COMMITS + 1
    assert outcome["rollbacks"] > 0 and outcome["kills_in_office"] > 0 and outcome["checkpoints"] > 1


def test_the_judge_sees_what_was_planted(
    person: audit.Actor,
    sequence: Callable[[], int],
    connect_as: Callable[[str], psycopg.Connection[Any]],
    intruder: psycopg.Connection[Any],
) -> None:
    uids = [audit.commit("alert.view", ALERT).uid for _ in range(6)]
    sequence()

    def found(stood: list[Any], gone: list[Any]) -> dict[str, int]:
        outcome = Outcome()
        audit_kills._judge(outcome, [(stood, gone)], lambda: connect_as("postgres"))
        return {name: value for name, value in asdict(outcome).items() if name in FAULTS and value}

    assert found(uids, [uuid4()]) == {}
    assert found([*uids, uuid4()], []) == {"missing": 1}
    assert found([uids[1], uids[0], *uids[2:]], []) == {"out_of_order": 1}
    assert found(uids[:5], uids[5:]) == {"from_rollbacks": 1}
    intruder.execute("UPDATE audit_log SET uid = %s WHERE idx = 3", [uids[0]])
    assert found(uids, []) == {"missing": 1, "duplicated": 1}
    intruder.execute("UPDATE audit_log SET uid = %s WHERE idx = 3", [uids[2]])
    intruder.execute("UPDATE audit_log SET line = replace(line, '\"pa\":3', '\"pa\":2') WHERE idx = 4")
    assert found(uids, []) == {"broken_links": 1, "wrong_leaves": 1}
    intruder.execute("UPDATE audit_log SET leaf = sha256('x') WHERE idx = 4")
    assert set(found(uids, [])) == {"broken_links", "wrong_leaves", "wrong_roots"}
