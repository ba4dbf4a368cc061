"""Refused bodies with a marker in them, and a search for that marker wherever a console could have kept it.

Searched: every row of every table and every relation file of the database beneath (dead rows, indexes, the
write-ahead log), every key of Valkey, every log, every file of the data directory, and every temporary file
made since. A value of several kilobytes that PostgreSQL compressed would be missed in the files; in the rows
it would not.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis

from agent.signing import Signer
from bench.driving import ALERTS, Info, Person, Speaker
from tests.contract import storm

MARKER = "TRACEQ7"
BULK = "/api/v1/alerts/bulk/"
ENROL = "/api/v1/enrolment/"
NO_ALERT = f"{ALERTS}00000000-0000-4000-8000-000000000000/"
_TABLES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""
#: Pieces of a file are read with this much of the piece before.
_PIECE = 4_000_000


def marked(rng: random.Random, speaker: Speaker) -> tuple[str, bytes, str]:
    """One refusable body with markers: what is wrong with it, its bytes, its media type."""
    body = speaker.gunshot()
    body["gunshot"]["detector"] = {"make": MARKER, "model": MARKER, "event_id": MARKER}
    json_type = "application/json"
    match rng.randrange(12):
        case 0:
            body[rng.choice(("surplus", MARKER, "x" + MARKER))] = MARKER
            return "unknown key", json.dumps(body).encode(), json_type
        case 1:
            body[rng.choice(("face", "speakerId", "video", "transcript"))] = {MARKER: [MARKER]}
            return "forbidden key", json.dumps(body).encode(), json_type
        case 2:
            body["gunshot"]["detector"]["make"] = f"https://{MARKER}.example/{MARKER}"
            return "forbidden value", json.dumps(body).encode(), json_type
        case 3:
            body["gunshot"]["class"] = rng.choice(("scream", MARKER))
            return "forbidden class", json.dumps(body).encode(), json_type
        case 4:
            return "bad json", json.dumps(body).encode()[: rng.randrange(300, 500)], json_type
        case 5:
            return "too large", json.dumps(body | {"x": MARKER * 4000}).encode(), json_type
        case 6:
            return "media type", json.dumps(body).encode(), "text/plain"
        case 7:
            return "not deployed", json.dumps(body | {"deployment": "DEP-2020-0001"}).encode(), json_type
        case 8:
            return "another trailer", json.dumps(body | {"trailer": "TRL-9998"}).encode(), json_type
        case 9:
            return "wrong type", json.dumps(body | {"id": MARKER, "seq": MARKER}).encode(), json_type
        case 10:
            head = f'--e\r\nContent-Disposition: form-data; name="f"; filename="{MARKER}.wav"\r\n\r\n'
            part = f"{head}{MARKER * 3000}\r\n--e--\r\n"
            return "multipart", part.encode(), "multipart/form-data; boundary=e"
        case _:
            plate = f"{MARKER}"[:7]
            hit = {name: value for name, value in body.items() if name != "gunshot"} | {"kind": "alpr_hit"}
            reference = {"list_id": "mto-on", "version": 1, "entry_id": "e-1000"}
            hit["alpr_hit"] = {
                "plate": plate, "jurisdiction": "CA-ON", "confidence": 0.9, "match": "exact",
                "hotlist": reference, "vehicle": {"make": MARKER}, "camera": MARKER,
            }  # fmt: skip
            return "off the list", json.dumps(hit).encode(), json_type


def send(info: Info, n: int, seed: int) -> storm.Report:
    """Send ``n`` marked bodies to the trailers' and the people's doors; what was answered, and every fault.

    A fault: a body that is taken, an answer with its marker in it, a 5xx, no answer.
    """
    rng, speaker, dana = random.Random(seed), Speaker(info), Person(info, "dispatcher")
    where = urlsplit(info["url"])
    wire = storm.Wire(where.hostname or "", where.port or 80)
    session = {"Cookie": dana.cookie, "X-CSRFToken": dana.http.cookies["csrftoken"], "Referer": info["url"]}
    report = storm.Report()
    for number in range(n):
        what, path, headers, raw = _request(number, rng, info, speaker, session)
        try:
            answer = wire.ask(path, headers, raw)
        except OSError as error:
            report.fault(f"body {number}, {what}, {path}: {error}")
            continue
        report.count(what, answer)
        wrong = _wrong(path, answer)
        if wrong:
            report.fault(f"body {number}, {what}, {path}: {wrong}")
    wire.close()
    dana.leave()
    return report


def _request(
    number: int, rng: random.Random, info: Info, speaker: Speaker, session: dict[str, str]
) -> tuple[str, str, dict[str, str], bytes]:
    """What is wrong with body ``number``, its door, its headers and its bytes."""
    what, raw, media = marked(rng, speaker)
    headers = {"Content-Type": media}
    if number % 10 == 7:
        path = rng.choice((f"{NO_ALERT}close/", f"{NO_ALERT}note/", "/demo/sign-in/"))
        return what, path, headers | session, raw
    if number % 10 == 8:
        return what, ENROL, headers, raw
    path = ALERTS
    if number % 10 == 9 and what != "bad json" and media.endswith("json"):
        path, raw = BULK, b"[" + raw + b"]"
    signer: Signer = speaker._signer
    headers = signer.headers(
        "POST", info["url"] + path, body=raw, created=int(time.time()), content_type=media
    )
    if number % 50 == 3:
        headers["Signature"] = "sig1=:" + "A" * 86 + "==:"
    return what, path, headers, raw


def _wrong(path: str, answer: storm.Answer) -> str:
    """What is wrong with the answer to a body that must be refused, or nothing."""
    if MARKER.encode() in answer.body or any(MARKER in value for value in answer.headers.values()):
        return "the answer holds the marker"
    statuses = [answer.status]
    if path == BULK and answer.status == 200:
        statuses = [row["status"] for row in json.loads(answer.body)]
    wrong = [status for status in statuses if not 400 <= status < 500]
    return f"was answered {wrong[0]}" if wrong else ""


# -- searching -----------------------------------------------------------------------------------------


def search(info: Info, data: Path, since: float, word: str = MARKER) -> tuple[list[str], dict[str, int]]:
    """Where ``word`` stands, and how much of each kind of place was looked at.

    ``data`` is the console's data directory; of temporary files those changed after ``since`` (Unix time).
    """
    looked = {
        "tables": 0,
        "files of the database": 0,
        "keys of Valkey": 0,
        "other files": 0,
        "temporary files": 0,
    }
    found = [
        *_rows(info, word, looked), *_valkey(info, word, looked), *_files(data, word, looked),
        *_temporary(data, since, word, looked),
    ]  # fmt: skip
    return found, looked


def superuser(info: Info) -> psycopg.Connection[Any]:
    """A connection that sees every table of the embedded database."""
    parts = urlsplit(info["database_url"])
    url = parts._replace(netloc=parts.netloc.replace("csoc_app", "postgres")).geturl()
    return psycopg.connect(url, autocommit=True)


def _rows(info: Info, word: str, looked: dict[str, int]) -> Iterator[str]:
    with superuser(info) as connection:
        connection.execute("SET statement_timeout = 0")
        for (table,) in connection.execute(_TABLES).fetchall():
            looked["tables"] += 1
            query = f"SELECT 1 FROM {table} AS t WHERE strpos(t::text, %s) > 0 LIMIT 1"
            if connection.execute(query, [word]).fetchone():
                yield f"table {table}"
        # What is only in memory goes to the files that are read next.
        connection.execute("CHECKPOINT")


_READ: dict[bytes, Callable[[Any, bytes], Any]] = {
    b"string": lambda valkey, key: valkey.get(key),
    b"list": lambda valkey, key: valkey.lrange(key, 0, -1),
    b"hash": lambda valkey, key: valkey.hgetall(key),
    b"set": lambda valkey, key: valkey.smembers(key),
    b"zset": lambda valkey, key: valkey.zrange(key, 0, -1, withscores=True),
    b"stream": lambda valkey, key: valkey.xrange(key),
}


def _valkey(info: Info, word: str, looked: dict[str, int]) -> Iterator[str]:
    with redis.Redis.from_url(info["redis_url"]) as valkey:
        for key in valkey.scan_iter(count=1000):
            looked["keys of Valkey"] += 1
            kind = valkey.type(key)
            if word in repr(key) or word in repr(_READ[kind](valkey, key)):
                yield f"Valkey {key!r}"
        if word in repr(valkey.slowlog_get(1000)):
            yield "Valkey's slow log"


def holds(path: Path, word: bytes) -> bool:
    """Whether a file holds these bytes; what vanished meanwhile holds nothing."""
    try:
        with path.open("rb") as file:
            before = b""
            while piece := file.read(_PIECE):
                if word in before + piece:
                    return True
                before = piece[-len(word) :]
    except (FileNotFoundError, PermissionError, OSError):
        return False
    return False


def _files(data: Path, word: str, looked: dict[str, int]) -> Iterator[str]:
    out = data.with_suffix(".out")
    for path in [*data.rglob("*"), out]:
        if path.is_file() and not path.is_symlink():
            inside = path.is_relative_to(data / "pg")
            looked["files of the database" if inside else "other files"] += 1
            if holds(path, word.encode()):
                yield f"file {path.relative_to(data.parent)}"


def _temporary(data: Path, since: float, word: str, looked: dict[str, int]) -> Iterator[str]:
    """Temporary folders outside the data directory: files that changed since."""
    mine = os.getpid()
    for folder in {Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")}:
        for path in _recent(folder, since):
            if path.is_relative_to(data.parent) or str(mine) in path.name:
                continue
            looked["temporary files"] += 1
            if holds(path, word.encode()):
                yield f"temporary file {path}"


def _recent(folder: Path, since: float) -> Iterator[Path]:
    """Files directly in a temporary folder (where a spooled body would lie) that changed after ``since``."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime >= since:
                yield Path(entry.path)
        except OSError:
            continue


def planted(info: Info, word: str) -> Callable[[], None]:
    """Let ``word`` stand in a dead row, as proof that the search would find one; returns what removes it."""
    with superuser(info) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS csoc_planted")
        connection.execute("CREATE TABLE csoc_planted.words (word text) WITH (autovacuum_enabled = false)")
        connection.execute("INSERT INTO csoc_planted.words VALUES (%s)", [word])
        connection.execute("DELETE FROM csoc_planted.words")

    def remove() -> None:
        with superuser(info) as connection:
            connection.execute("DROP SCHEMA csoc_planted CASCADE")

    return remove
