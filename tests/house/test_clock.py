"""The console's clock: one offset for every process on a data directory, in demonstrations and tests only."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csoc.lib import clock
from csoc.lib.errors import Misuse

ASK = "import django; django.setup(); from csoc.lib import clock; print(clock.now().isoformat())"


@pytest.fixture(autouse=True)
def own_clock(tmp_path: Path, settings: Any) -> Path:
    """A data directory whose clock nobody else reads."""
    settings.DATA_DIR = tmp_path
    return tmp_path


def ahead(moment: datetime) -> timedelta:
    """How far it is from now, to the nearest minute."""
    return timedelta(minutes=round((moment - datetime.now(UTC)) / timedelta(minutes=1)))


def test_another_process_sees_the_clock_that_was_moved(
    own_clock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ahead(clock.now()) == timedelta()
    clock.shift(-3 * 3600)
    assert ahead(clock.now()) == timedelta(hours=-3)
    monkeypatch.setenv("CSOC_DATA_DIR", str(own_clock))
    told = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, timeout=60)
    assert ahead(datetime.fromisoformat(told.stdout.strip())) == timedelta(hours=-3)
    clock.shift(0)
    assert ahead(clock.now()) == timedelta()


def test_in_production_it_is_the_systems_and_cannot_be_moved(settings: Any) -> None:
    clock.shift(3600)
    settings.IS_DEMO = False
    assert ahead(clock.now()) == timedelta()
    with pytest.raises(Misuse):
        clock.shift(1)


def test_on_the_wire_it_has_milliseconds_that_are_cut_and_not_rounded() -> None:
    assert clock.wire(None) is None
    assert clock.wire(datetime(2026, 11, 21, 9, 5, 7, 999_999, UTC)) == "2026-11-21T09:05:07.999Z"
    assert clock.wire(datetime(2026, 11, 21, 9, 5, 7, 0, UTC)) == "2026-11-21T09:05:07.000Z"
