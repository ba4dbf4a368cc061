"""Exports of each kind, and what the outsider's program says of them; neither shares code with the other."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

import audit
from audit.head import Head
from audit.logkeys import LogKeys
from tests.audit.conftest import PERSON
from tests.audit.exporting import Desk, act, people
from tests.audit.living import Living

TRAILER = audit.Ref("trailer", "TRL-0007", "DEMO-PS")


@pytest.fixture
def desk(
    own_database: str,
    connect_as: Callable[[str], psycopg.Connection[Any]],
    log_keys: LogKeys,
    log_head: Head,
    data_dir: Path,
) -> Iterator[Desk]:
    """A living log with some history."""
    with Living(connect_as, log_keys, log_head, Path(settings.AUDIT_WITNESSES)) as log:
        users = people()
        act(PERSON, "video.live.open", TRAILER, 3, reason=audit.Reason("gunshot", cad="26-118204"))
        act(audit.system("purge"), "purge.run", audit.Ref("epoch", "20261121T210000Z"), 4)
        log.settle()
        yield Desk(log, users)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def lines(raw: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in raw.splitlines()]


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "actor", "subject": "u-1042"},
        {"kind": "object", "subject": "trailer:TRL-0007"},
        {"kind": "range", "first": 3, "last": 30},
        {"kind": "question", "question": "verb:video.live.*"},
        {"kind": "question", "question": "verb:video.live.* outcome:denied"},
    ],
    ids=["actor", "object", "range", "question", "nothing"],
)
def test_the_outsiders_program_accepts_each_kind(desk: Desk, wanted: dict[str, Any]) -> None:
    path = desk.export(**wanted)
    done = desk.verify(path)
    assert done.returncode == 0, done.stdout + done.stderr
