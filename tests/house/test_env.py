"""The settings of the audit log: required in production, with a default that nobody mistakes in the demo."""

from pathlib import Path

import pytest

from csoc import env

COMPLETE = {
    "CSOC_SECRET_KEY": "s" * 60,
    "CSOC_GATEWAY_SECRET": "g" * 40,
    "CSOC_DATABASE_URL": "postgresql://csoc_app@db/csoc",
    "CSOC_REDIS_URL": "redis://valkey",
    "CSOC_PUBLIC_URL": "https://csoc.example.org",
    "CSOC_AUDIT_ORIGIN": "csoc.example.org/audit",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("CSOC_ENV", "CSOC_SIMULATOR_URL", "CSOC_AUDIT_WITNESS_EVERY_S"):
        monkeypatch.delenv(name, raising=False)
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_production_has_the_origin_it_was_given(production: pytest.MonkeyPatch) -> None:
    loaded = env.load()
    assert loaded.audit_origin == "csoc.example.org/audit"
    assert loaded.audit_witness_every_s == 30


@pytest.mark.parametrize(
    "origin", ["", "https://csoc.example.org", "two words", "a+b", "csoc/", "/csoc", "é"]
)
def test_production_refuses_an_origin_that_no_key_could_be_named_after(
    production: pytest.MonkeyPatch, origin: str
) -> None:
    production.setenv("CSOC_AUDIT_ORIGIN", origin)
    with pytest.raises(SystemExit, match="CSOC_AUDIT_ORIGIN"):
        env.load()


@pytest.mark.parametrize("seconds", ["0", "61", "soon"])
def test_witnesses_are_asked_at_least_once_a_minute(production: pytest.MonkeyPatch, seconds: str) -> None:
    production.setenv("CSOC_AUDIT_WITNESS_EVERY_S", seconds)
    with pytest.raises(SystemExit):
        env.load()


def test_the_demo_has_an_origin_that_can_exist_nowhere(production: pytest.MonkeyPatch) -> None:
    production.setenv("CSOC_ENV", "demo")
    production.delenv("CSOC_AUDIT_ORIGIN")
    loaded = env.load()
    assert loaded.audit_origin.split("/")[0].endswith(".invalid")
    assert loaded.audit_witness_every_s == 10
    production.setenv("CSOC_AUDIT_WITNESS_EVERY_S", "20")
    assert env.load().audit_witness_every_s == 20


def test_folders_are_beside_the_data_unless_named(production: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert env.load().audit_head_dir is None
    production.setenv("CSOC_AUDIT_HEAD_DIR", str(tmp_path))
    production.setenv("CSOC_AUDIT_WITNESSES", str(tmp_path / "w.txt"))
    assert (env.load().audit_head_dir, env.load().audit_witnesses) == (tmp_path, tmp_path / "w.txt")
