"""The worked examples of docs/integrator.md, as they stand there, against a real console."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.place import Place, eventually

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "integrator.md").read_text("utf-8")


def block(language: str) -> str:
    """The one example in this language."""
    (found,) = re.findall(rf"(?ms)^```{language}\n(.*?)^```$", TEXT)
    return str(found)


@pytest.mark.parametrize(
    ("language", "command", "scene"),
    [("sh", ["sh"], "leaving"), ("python", [sys.executable], "other")],
)
def test_an_example_enrols_waits_signs_and_reports(
    place: Place, tmp_path: Path, language: str, command: list[str], scene: str
) -> None:
    from accounts.services import acting
    from trailers import services
    from trailers.models import TrailerKey

    at: Any = getattr(place, scene)
    tara, theo = at.users["technician"], at.users["technician-2"]
    with place.inside(), acting(tara):
        token = services.issue_enrolment_token(trailer=at.trailer, actor=tara)
    example = tmp_path / "example"
    example.write_text(block(language))
    process = subprocess.Popen(
        [*command, str(example)], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "CONSOLE": place.url, "TOKEN": token, "SEQ": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        told = re.fullmatch(r"key (TRL-\d{4}:\d+), fingerprint ([0-9a-f]{64})\n", said)
        assert told, said + process.stdout.read()
        with place.inside(), acting(theo):
            key = TrailerKey.objects.get(keyid=told[1])
            services.confirm_key(key=key, fingerprint=told[2], actor=theo)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    sent = re.fullmatch(r"status 201, id ([0-9a-f-]{36})\n", rest)
    assert sent, rest
    eventually(lambda: place.sql("SELECT seq FROM alerts_alert WHERE id = %s::uuid", [sent[1]]) == [(1,)])


def test_every_vendor_path_of_the_document_exists_and_is_told() -> None:
    from agent.adapters.receiver import VENDORS

    assert set(re.findall(r"(?m)^\| `/([a-z-]+)` \|", TEXT)) == set(VENDORS)
