"""`bench hostile`: the storm of the tests at any length, by its seed, against a console of its own.

Bodies are made one by one and only the first faults are kept in words, so a long storm takes no more memory
than a short one. In the end the alerts that were taken must be rows and entries, and nothing else new.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from agent.signing import Signer
from bench import driving
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
    report, before, begun = storm.Report(), _kept(info), time.monotonic()
    _storm(info, n, seed, report)
    took = time.monotonic() - begun
    rows, entries = (now - then for now, then in zip(_kept(info), before, strict=True))
    if not rows == entries == report.taken:
        report.fault(f"{report.taken} were taken, there are {rows} new rows and {entries} new entries")
    if report.sent < n * 0.98:
        report.fault(f"only {report.sent} of {n} were answered")
    print(f"seed {seed}: {report}")
    print(f"  {took:.0f} s, {report.sent / took:.0f} a second; bugs found: {report.found}")
    print("\n".join(f"FAIL {fault}" for fault in report.faults))
    return int(report.found > 0)


def _storm(info: Info, n: int, seed: int, report: storm.Report) -> None:
    """Door after door, each on ``CONNECTIONS`` connections at once."""
    where = urlsplit(info["url"])
    with Person(info, "dispatcher") as dana, ThreadPoolExecutor(CONNECTIONS) as pool:
        for door in doors(info, Speaker(info), dana):
            count, answered = n * SHARES[door.name] // 100 // CONNECTIONS, report.statuses.copy()
            halves = [
                pool.submit(
                    _attack, where.hostname or "", where.port or 80,
                    (door, seed * CONNECTIONS + number, count), report,
                )
                for number in range(CONNECTIONS)
            ]  # fmt: skip
            for half in halves:
                half.result()
            told = ", ".join(f"{code}: {much}" for code, much in sorted((report.statuses - answered).items()))
            print(f"  {report.sent} sent, {report.found} faults; {door.name} answered {told}", flush=True)


def _kept(info: Info) -> tuple[int, int]:
    """How many alerts there are, and entries of them in the log, once nothing waits."""
    driving.settled(info)
    entries = "SELECT count(*) FROM audit_log WHERE verb = 'alert.receive' AND outcome = 'allowed'"
    return driving.count(info, "SELECT count(*) FROM alerts_alert"), driving.count(info, entries)


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
