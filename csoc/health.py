"""How the audit log's processes are, asked of the database and the disk. No Django here.

python -m csoc.health sequencer|publisher   exit 1 with a sentence when it does not work (compose asks)
python -m csoc.health doctor --data DIR     one line per thing looked at in a running console (doctor asks)
"""

from __future__ import annotations

import argparse
import json
import math
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

#: A pulse comes every second. Past this the sequencer hangs, or is gone.
SEQUENCER_SILENT_S = 15.0
#: Past this it is ended and started again. Generous: after a lost connection it first checks the log.
SEQUENCER_HANGS_S = 60.0
#: The publisher verifies and asks at least once a minute; a large round may take a while.
PUBLISHER_SILENT_S = 180.0
PUBLISHER_HANGS_S = 600.0
BEHIND_S = 5.0
#: The promise to outsiders: what is older than this is vouched for by somebody else.
WITNESSED_WITHIN_S = 60.0
PARTITIONS_LEFT = 2
#: To be known and weighed; everything else is to be mended now.
WARNINGS = ("unwitnessed", "unreached", "partitions", "same-disk")

PULSE = "SELECT extract(epoch FROM clock_timestamp() - at)::float8, state, fault FROM audit_pulse"
WAITING = "SELECT waiting, oldest_s FROM audit_waiting()"
PUBLISHED = """
SELECT extract(epoch FROM clock_timestamp() - max(at))::float8 FROM (
    SELECT max(at) AS at FROM audit_verification UNION ALL SELECT max(tried_at) FROM audit_witness_state
) AS work
"""
WITNESSED = """
SELECT c.size, extract(epoch FROM clock_timestamp() - (SELECT min(at) FROM audit_checkpoint
    WHERE size > coalesce(c.size, 0)))::float8
FROM (SELECT max(size) AS size FROM audit_cosignature) AS c
"""
#: The last that is known of each witness. One taken off the list is not tried any more, and nobody's fault.
FAULTS = """
SELECT vkey, name, fault, sentence, tried_at > clock_timestamp() - interval '10 min' FROM audit_witness_state
WHERE fault <> '' ORDER BY name
"""
#: It did not answer, which may pass by itself. Everything else is an answer, and a refusal.
NO_ANSWER = ("unreachable", "timeout")
SIGNED = """
SELECT coalesce((SELECT max(size) FROM audit_checkpoint), 0)::bigint,
    coalesce((SELECT max(idx) + 1 FROM audit_log), 0)::bigint
"""
#: Witnesses of a list whose newest cosignature leaves out nothing older than the promise.
COSIGNING = """
SELECT count(*) FROM unnest(%s::text[]) AS listed(name), LATERAL (
    SELECT max(size) AS size FROM audit_cosignature WHERE witness = listed.name) AS c
WHERE c.size IS NOT NULL AND NOT EXISTS (SELECT FROM audit_checkpoint
    WHERE audit_checkpoint.size > c.size AND at < clock_timestamp() - make_interval(secs => %s))
"""
LEFT = "SELECT audit_partitions_left()"


@dataclass(frozen=True)
class Finding:
    """Something wrong: a code for programs, what it is about, the fact, and what to do."""

    code: str
    about: str
    fact: str
    todo: str


def pulse(url: str) -> float:
    """Return the seconds since the sequencer's last sign of life, halted or not; inf before the first."""
    with connect(url) as connection:
        row = connection.execute(PULSE).fetchone()
    return row[0] if row else math.inf


def silence_of_publisher(url: str) -> float:
    """Return the seconds since the publisher last finished something; inf before the first."""
    with connect(url) as connection:
        row = connection.execute(PUBLISHED).fetchone()
    return row[0] if row and row[0] is not None else math.inf


def sequencer(connection: Any) -> Finding | None:
    """Say what is wrong with the sequencer, or None. ``connection``: psycopg's, or a cursor of Django's."""
    row = connection.execute(PULSE).fetchone()
    if row is None:
        return Finding(
            "never", "sequencer", "It has never run on this database.", "Start manage.py audit_sequence."
        )
    silent_s, state, fault = row
    if state == "halted":
        fact = f"It has halted: {fault}. Nothing is signed."
        return Finding("halted", "sequencer", fact, "docs/audit.md, The log has halted.")
    if silent_s > SEQUENCER_SILENT_S:
        return Finding(
            "silent",
            "sequencer",
            f"It has been silent for {silent_s:.0f} s.",
            "Start it again; look at its log.",
        )
    waiting, oldest_s = connection.execute(WAITING).fetchone() or (0, 0.0)
    if oldest_s > BEHIND_S:
        return Finding(
            "behind",
            "sequencer",
            f"{waiting} entries wait for their place, the oldest for {oldest_s:.0f} s.",
            "Look at its log and at the load of the machine.",
        )
    return None


def publisher(connection: Any) -> Finding | None:
    """Say what is wrong with the publisher, or None."""
    row = connection.execute(PUBLISHED).fetchone()
    if row is None or row[0] is None:
        return Finding(
            "never", "publisher", "It has not worked on this database yet.", "Start manage.py audit_publish."
        )
    if row[0] > PUBLISHER_SILENT_S:
        return Finding(
            "silent",
            "publisher",
            f"It has neither verified nor asked a witness for {row[0]:.0f} s.",
            "Start it again; look at its log.",
        )
    return None


def witnesses(connection: psycopg.Connection[Any], listed: frozenset[str] | None = None) -> Iterator[Finding]:
    """Yield what is wrong with the witnesses: too old a cosignature, one that refuses or is not reached.

    listed: the verifier keys of those who may cosign now; without it, whoever was tried lately counts.
    """
    size, since_s = connection.execute(WITNESSED).fetchone() or (None, None)
    todo = "Make sure that a witness of CSOC_AUDIT_WITNESSES runs and trusts the log's key."
    if size is None:
        yield Finding("unwitnessed", "witness", "Nobody has cosigned the log yet.", todo)
    elif since_s is not None and since_s > WITNESSED_WITHIN_S:
        yield Finding(
            "unwitnessed", "witness", f"What came in the last {since_s:.0f} s is cosigned by nobody.", todo
        )
    for vkey, name, fault, sentence, lately in connection.execute(FAULTS):
        if vkey in listed if listed is not None else lately:
            code = "unreached" if fault in NO_ANSWER else "refused"
            yield Finding(code, "witness", f"{name}: {sentence}", "See /audit/witnesses/.")


def listed_keys(path: Path) -> frozenset[str] | None:
    """Return the verifier keys on a list of witnesses, or None where there is none."""
    if not path.exists():
        return None
    lines = (line.partition("#")[0].split() for line in path.read_text("utf-8", "replace").splitlines())
    return frozenset(fields[0] for fields in lines if fields)


def looked_at(connection: psycopg.Connection[Any], listed: frozenset[str]) -> dict[str, str]:
    """Return what was looked at, in figures, for whatever is well: what it is about -> the fact."""
    signed, placed = connection.execute(SIGNED).fetchone() or (0, 0)
    waiting, _oldest = connection.execute(WAITING).fetchone() or (0, 0.0)
    done = connection.execute(PUBLISHED).fetchone()
    names = sorted(vkey.partition("+")[0] for vkey in listed)
    within = connection.execute(COSIGNING, [names, WITNESSED_WITHIN_S]).fetchone() or (0,)
    room = connection.execute(LEFT).fetchone() or (0,)
    return {
        "sequencer": f"signed {signed:,} of {max(signed, placed) + waiting:,}",
        "publisher": f"verified or asked a witness {(done and done[0]) or 0:.0f} s ago",
        "witness": f"{within[0]} of {len(listed)} within {WITNESSED_WITHIN_S:.0f} s",
        "audit log": f"{room[0]} unused partitions of a million lines",
    }


def partitions(connection: psycopg.Connection[Any]) -> Finding | None:
    """Say when the log's table is about to be full."""
    row = connection.execute(LEFT).fetchone()
    if row is None or row[0] > PARTITIONS_LEFT:
        return None
    fact = f"{row[0]} unused partitions of a million lines are left."
    return Finding("partitions", "audit log", fact, "Run manage.py audit_partition as csoc_owner.")


def head_disk(head: Path, database: Path) -> Finding | None:
    """Say when the head file would be lost, or turned back, together with the database."""
    if not head.exists() or not database.exists() or head.stat().st_dev != database.stat().st_dev:
        return None
    fact = "The head file is on the database's disk: one restored backup turns both back."
    return Finding(
        "same-disk", "head file", fact, "Set CSOC_AUDIT_HEAD_DIR to another disk; fine for a demonstration."
    )


def key_files(folder: Path) -> Finding | None:
    """Say when somebody else on this machine could sign as the log."""
    open_ones = [
        path.name
        for path in (sorted(folder.glob("*.key")) if folder.exists() else [])
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    if not open_ones:
        return None
    fact = f"{', '.join(open_ones)} in {folder} can be read by others on this machine."
    return Finding(
        "open-key", "log key", fact, f"chmod 600 {folder}/*.key, and rotate: manage.py audit_key rotate."
    )


def of_console(data: Path) -> tuple[list[Finding], dict[str, str]]:
    """Return everything wrong with the log of the console that runs on ``data``, and what is well."""
    info = json.loads((data / "run.json").read_text("utf-8"))
    head = Path(os.environ.get("CSOC_AUDIT_HEAD_DIR") or data / "head")
    listed = listed_keys(Path(info.get("audit", {}).get("witness_list") or data / "witnesses.txt"))
    with connect(info["database_url"]) as connection:
        looks = [sequencer(connection), publisher(connection), *witnesses(connection, listed)]
        looks += [
            partitions(connection),
            key_files(data / "keys" / "audit-log"),
            head_disk(head, data / "pg"),
        ]
        found = [finding for finding in looks if finding]
        wrong = {finding.about for finding in found}
        facts = looked_at(connection, listed or frozenset())
    return found, {about: fact for about, fact in facts.items() if about not in wrong}


def connect(url: str) -> psycopg.Connection[Any]:
    """Connect for a quick look."""
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=3,
        options="-c statement_timeout=3000",
        application_name="health",
    )


ONE: dict[str, Callable[[psycopg.Connection[Any]], Finding | None]] = {
    "sequencer": sequencer,
    "publisher": publisher,
}


def main(words: list[str] | None = None) -> int:
    """Ask; 0 when all is well."""
    parser = argparse.ArgumentParser(prog="csoc.health", description=__doc__)
    parser.add_argument("what", choices=[*ONE, "doctor"])
    parser.add_argument("--data", type=Path, default=Path(".local"))
    chosen = parser.parse_args(words)
    well: dict[str, str] = {}
    try:
        if chosen.what == "doctor":
            found, well = of_console(chosen.data)
        else:
            with connect(os.environ["CSOC_DATABASE_URL"]) as connection:
                found = [finding for finding in [ONE[chosen.what](connection)] if finding]
    except (psycopg.Error, OSError, KeyError, ValueError) as error:
        found = [
            Finding(
                "database", "database", f"It cannot be asked: {str(error).splitlines()[0]}", "Is it running?"
            )
        ]
    for about, fact in well.items():
        print("\t".join(("ok", about, fact, "")))
    for finding in found:
        weight = "warn" if finding.code in WARNINGS else "WRONG"
        print("\t".join((weight, finding.about, finding.fact, finding.todo)))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
