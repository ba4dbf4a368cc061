"""Ask a running console's log what a privacy officer asks, as they do: pages and API over HTTP, timed."""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench.driving import Person
from bench.table import Goal, Table

TIMES = 7
PAGE = Goal(2000, 1000, 300)
QUESTIONS = (
    ("newest page", ""),
    (
        "who watched trailer 07 since yesterday 22:00",
        'verb:video.live.* object:TRL-0007 since:"yesterday 22:00"',
    ),
    ("who watched trailer 07, ever", "verb:video.live.* object:TRL-0007"),
    ("the same in plain words", "Who watched trailer 07 yesterday after 22:00, and why?"),
    ("a person by name", 'actor:"avery singh"'),
    ("a surname", "singh"),
    ("a CAD number", "cad:26-118204"),
    ("everything denied", "outcome:denied"),
    ("live view without CAD number", "verb:video.live.open cad:none outcome:allowed"),
    ("a rare verb", "verb:log.genesis"),
    ("a name that nobody has", 'actor:"nobody of that name"'),
    ("all but the usual", "-verb:alert.* -verb:video.* -verb:ptz.* -verb:auth.* -verb:shift.* -verb:audit.*"),
    ("one sign-in, without its person", "session:00000000aa"),
    ("until three weeks ago", 'until:"21 days ago" verb:video.live.open'),
    ("a rare thing of a busy trailer", "object:TRL-0002 outcome:denied verb:ptz.*"),
    ("everything of one type", "object:epoch:*"),
)


def ask(run_json: Path) -> int:
    """Print p50 and worst of each question, page and API; 1 when one is over its goal."""
    info = json.loads(run_json.read_text("utf-8"))
    officer, table = Person(info, "privacy_officer"), Table()
    for words, text in QUESTIONS:
        for kind, path in (("page", "/audit/"), ("API", "/api/v1/audit/entries/")):
            taken, found = [], ""
            for _ in range(TIMES):
                began = time.perf_counter()
                answer = officer.http.get(path, params={"q": text})
                taken.append(time.perf_counter() - began)
                table.check(answer.status_code == 200, f"{words}: {answer.status_code}")
                if kind == "API":
                    body = answer.json()
                    found = f", {len(body['entries'])} rows of {body['count']}"
                    found += f", looked back to {body['searched_to']}" if body["searched_to"] else ""
            table.times(f"{kind}: {words}{found}", taken, PAGE)
    print(f"\n{table}\n", *(f"FAIL {failure}\n" for failure in table.failures))
    return int(bool(table.failures))
