"""`bench hostile`: the storm of the tests at any length, by its seed, against a console of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from agent.signing import Signer
from bench.driving import ALERTS, Info, Person, Speaker
from tests.contract import storm

BULK = "/api/v1/alerts/bulk/"
ENROL = "/api/v1/enrolment/"
CONNECTIONS = 2
#: Of a hundred bodies, how many go to which door.
SHARES = {"gunshot": 40, "hit": 28, "bulk": 12, "enrolment": 8, "acts": 12}
ENROLMENT = {
    "token": "t" * 43, "public_key": "A" * 43, "serial": "s", "agent_version": "1", "capabilities": ["ptz"],
    "audio": {"rate_hz": 16000}, "proof": "A" * 86,
}  # fmt: skip


def measure(info: Info, n: int, seed: int) -> int:
    """Attack every door of a running console and print what it found; 0 when that is nothing."""
    speaker, dana = Speaker(info), Person(info, "dispatcher")
    where = urlsplit(info["url"])
    report = storm.Report()
    begun = time.monotonic()
    jobs = []
    for door in doors(info, speaker, dana):
        count = n * SHARES[door.name] // 100 // CONNECTIONS
        jobs += [(door, seed * CONNECTIONS + number, count) for number in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for number in range(0, len(jobs), CONNECTIONS):
            pair = jobs[number : number + CONNECTIONS]
            list(pool.map(lambda job: _attack(where.hostname or "", where.port or 80, job, report), pair))
            print(f"  {report.sent} sent, {len(report.faults)} faults ({pair[0][0].name})", flush=True)
    took = time.monotonic() - begun
    dana.leave()
    print(f"seed {seed}: {report}\n  {took:.0f} s, {report.sent / took:.0f} a second")
    print("\n".join(f"FAIL {fault}" for fault in report.faults[:50]))
    return int(bool(report.faults) or report.sent < n * 0.98)


def _attack(host: str, port: int, job: tuple[storm.Door, int, int], report: storm.Report) -> None:
    wire = storm.Wire(host, port)
    door, seed, count = job
    storm.attack(wire, door, seed, count, report)
    wire.close()


def doors(info: Info, speaker: Speaker, dana: Person) -> list[storm.Door]:
    """The doors of one running console."""
    signer: Signer = speaker._signer

    def signed(path: str) -> storm.Headers:
        return lambda body: signer.headers(
            "POST", info["url"] + path, body=body.raw, created=int(time.time()), content_type=body.media
        )

    def hit() -> dict[str, Any]:
        sample = info["hotlist"]["sample"]
        body = speaker.gunshot(kind="alpr_hit")
        del body["gunshot"]
        reference = {"list_id": info["hotlist"]["list_id"], "version": 1, "entry_id": sample["entry_id"]}
        body["alpr_hit"] = {
            "plate": sample["plate"], "jurisdiction": sample["jurisdiction"], "confidence": 0.9,
            "match": "exact", "hotlist": reference, "vehicle": {"make": "honda"},
        }  # fmt: skip
        return body

    def off_list() -> list[dict[str, Any]]:
        other = hit()
        other["alpr_hit"]["plate"] = "ZZNONE0"
        return [speaker.gunshot(), other]

    session = {
        "Cookie": dana.cookie, "X-CSRFToken": dana.http.cookies["csrftoken"], "Referer": info["url"]
    }  # fmt: skip
    nothing = f"{ALERTS}00000000-0000-4000-8000-000000000000/close/"
    return [
        storm.Door("gunshot", ALERTS, speaker.gunshot, signed(ALERTS)),
        storm.Door("hit", ALERTS, hit, signed(ALERTS)),
        storm.Door("bulk", BULK, off_list, signed(BULK), rows=True),
        storm.Door("enrolment", ENROL, lambda: dict(ENROLMENT), lambda body: {"Content-Type": body.media}),
        storm.Door(
            "acts", nothing, lambda: {"version": 9, "outcome": "test", "note": "n"},
            lambda body: session | {"Content-Type": body.media},
        ),
    ]  # fmt: skip
