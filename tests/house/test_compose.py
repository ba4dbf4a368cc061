"""docker-compose.yml: valid by the compose schema, complete, and without a secret."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from audit.checkpoints import read_witnesses
from csoc.env import Env

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def schema_check(path: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_it_is_valid_by_the_compose_schema(tmp_path: Path) -> None:
    done = schema_check(FILE)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(FILE.read_text().replace("healthcheck:", "helthcheck:"))
    assert schema_check(broken).returncode != 0


def test_every_process_is_there() -> None:
    services = compose()["services"]
    assert set(services) == {
        "postgres", "valkey", "prepare", "migrate", "guards", "web-1", "web-2", "worker", "exporter", "beat",
        "sequencer", "publisher", "gateway", "proxy",
    }  # fmt: skip
    for name in ("web-1", "web-2", "worker", "exporter", "beat", "sequencer", "publisher"):
        assert services[name]["environment"]["CSOC_ENV"] == "production"
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_each_process_has_the_database_role_it_needs_and_no_other() -> None:
    services = compose()["services"]
    roles = {
        name: re.findall(r"postgresql://(\w+):", service["environment"].get("CSOC_DATABASE_URL", ""))
        for name, service in services.items()
    }
    assert roles["migrate"] == ["csoc_owner"]
    assert roles["sequencer"] == ["csoc_sequencer"]
    assert roles["publisher"] == ["csoc_publisher"]
    assert all(roles[name] == ["csoc_app"] for name in ("web-1", "web-2", "worker", "exporter", "beat"))
    assert roles["gateway"] == []


def test_no_secret_is_written_down_and_none_has_a_default() -> None:
    for line in FILE.read_text().splitlines():
        for name, rest in re.findall(r"\$\{(\w+)([^}]*)\}", line):
            if name != "CSOC_VERSION":
                assert rest.startswith(":?"), line
        if re.search(r"PASSWORD|SECRET", line) and ": " in line:
            assert "${" in line or "$$" in line, line


OPTIONAL = {
    "CSOC_CAD_URL", "CSOC_CAD_ADDRESS", "CSOC_CAD_TOKEN_FILE", "CSOC_CAD_CA_FILE", "CSOC_CAD_FORMAT",
    "CSOC_CAD_NAME", "CSOC_FLEET_LIMITS", "CSOC_TRAILER_KEY_DAYS", "CSOC_EMAIL_URL", "CSOC_EMAIL_FROM",
    "CSOC_OWNER_PHONE", "CSOC_OWNER_LINK_H",
}  # fmt: skip
#: Everything that reads `csoc.env`, and so stops at a value that is wrong.
READERS = ("migrate", "web-1", "web-2", "worker", "exporter", "beat", "sequencer", "publisher")


def test_what_may_be_left_out_is_passed_on_without_a_value() -> None:
    """A default of nothing would be an empty text, and an empty text is a wrong limit and a wrong folder."""
    services = compose()["services"]
    for name in READERS:
        told = services[name]["environment"]
        assert {key for key, value in told.items() if value is None} == OPTIONAL, name
    assert not OPTIONAL & set(services["gateway"]["environment"])
    known = {f"CSOC_{field.upper()}" for field in Env.model_fields}
    assert known >= OPTIONAL, "a name that nobody reads"
    assert {name for name in known if name.startswith("CSOC_CAD_")} <= OPTIONAL


def test_whoever_is_told_of_the_cads_files_sees_them() -> None:
    for name, service in compose()["services"].items():
        told = "CSOC_CAD_TOKEN_FILE" in service.get("environment", {})
        assert ("./deploy/cad:/etc/csoc/cad:ro" in service.get("volumes", [])) == told, name
    assert (ROOT / "deploy" / "cad" / "README.md").is_file(), "a folder that is not there is made by root"
    ignored = (ROOT / "deploy" / "cad" / ".gitignore").read_text().split()
    assert "*" in ignored and "!token" not in ignored
    assert "deploy/cad" in (ROOT / ".dockerignore").read_text().split(), "a token in the image is everybody's"


def test_only_the_proxy_and_the_media_ports_are_published() -> None:
    published = {
        name: service["ports"] for name, service in compose()["services"].items() if "ports" in service
    }
    assert set(published) == {"proxy", "gateway"}
    assert all(port.endswith("/udp") for port in published["gateway"])


def test_the_guards_are_lifted_before_a_migration_and_stand_again_after_it() -> None:
    services = compose()["services"]
    order = {"prepare": "postgres", "migrate": "prepare", "guards": "migrate"}
    for name, before in order.items():
        assert set(services[name]["depends_on"]) == {before}
    assert "DROP SCHEMA IF EXISTS csoc_guard" in " ".join(services["prepare"]["command"])
    assert services["guards"]["command"][-1] == "/sql/guards.sql"


def test_the_logs_key_and_head_are_the_sequencers_alone() -> None:
    """Whoever holds the key could sign another history; whoever writes the head could hide an old backup."""
    holders: dict[str, set[str]] = {"log-keys": set(), "head": set()}
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            holders.get(volume.split(":")[0], set()).add(name)
    assert holders == {"log-keys": {"sequencer"}, "head": {"sequencer"}}
    assert compose()["services"]["sequencer"]["environment"]["CSOC_AUDIT_HEAD_DIR"] == "/head"


def test_the_logs_processes_are_asked_how_they_are() -> None:
    for name in ("sequencer", "publisher"):
        assert compose()["services"][name]["healthcheck"]["test"][-2:] == ["csoc.health", name]


def test_nobody_witnesses_themselves() -> None:
    assert not any("witness.py" in str(service.get("command")) for service in compose()["services"].values())
    listed, faults = read_witnesses(ROOT / "deploy" / "witnesses.txt")
    assert (listed, faults) == ([], [])
