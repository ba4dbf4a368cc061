"""The agent installed alone, in an environment that has its libraries and nothing of this repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import agent

ROOT = Path(__file__).resolve().parents[2]
AGENT = ROOT / "agent"
#: What `csrp-agent run` loads, and the makers' adapters. The simulator and a camera's picture need more.
IMPORT = """
import sys, pathlib, agent.__main__, agent.adapters.receiver, agent.adapters.gunshot_guess
print(pathlib.Path(agent.__file__).parent, *sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the agent: its ``bin``."""
    base = tmp_path_factory.mktemp("installed")
    source = base / "source"
    shutil.copytree(AGENT, source, ignore=shutil.ignore_patterns("__pycache__"))
    environment = base / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = next((environment / "lib").glob("python3.*")) / "site-packages"
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = environment / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*install, "--no-build-isolation", source], check=True, cwd=base, env=clean())
    return environment / "bin"


def clean() -> dict[str, str]:
    """An environment that does not lead back here."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP", "CSOC"))
    }
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, env=clean(), capture_output=True, text=True, timeout=60
    )


def test_it_runs_from_anywhere_and_says_its_version(alone, tmp_path):
    told = run(alone / "csrp-agent", "--version", cwd=tmp_path)
    assert (told.returncode, told.stdout.strip()) == (0, f"csrp-agent {agent.VERSION}")
    told = run(alone / "csrp-agent", "--help", cwd=tmp_path)
    assert told.returncode == 0 and "enrol" in told.stdout and "run" in told.stdout
    told = run(alone / "csrp-agent", "--state", tmp_path / "none", "run", cwd=tmp_path)
    assert told.returncode == 2 and "Not enrolled yet" in told.stderr


def test_it_imports_nothing_of_the_console(alone, tmp_path):
    told = run(alone / "python", "-c", IMPORT, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    home, *modules = told.stdout.split()
    assert Path(home).is_relative_to(alone.parent)
    ours = {
        "csoc",
        "accounts",
        "audit",
        "vault",
        "trailers",
        "deployments",
        "alerts",
        "live",
        "bench",
        "tests",
    }
    assert not (ours | {"django"}) & set(modules)
    assert not {"av", "aiortc", "numpy", "PIL", "onvif", "zeep", "lxml"} & set(modules), "an extra's"


def test_every_module_is_in_the_package():
    listed = tomllib.loads((AGENT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {path.parent for path in AGENT.rglob("*.py")}
    assert {".".join(("agent", *path.relative_to(AGENT).parts)) for path in found} == set(listed)


LOCKS = ["requirements.txt", "requirements-media.txt", "requirements-onvif.txt"]


@pytest.mark.parametrize("name", LOCKS)
def test_the_locks_hold_hashes_no_hosts_and_the_consoles_versions(name):
    text = (AGENT / name).read_text()
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|https?://|file:/", text)
    pinned = dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}", text))
    wanted = re.findall(r"(?m)^[a-z][a-z0-9-]*", (AGENT / "requirements.in").read_text())
    assert wanted and set(wanted) <= set(pinned)
    console = "".join((ROOT / "requirements" / f"{name}.txt").read_text() for name in ("base", "dev"))
    known = dict(re.findall(r"(?m)^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)", console))
    assert {name: version for name, version in pinned.items() if known.get(name, version) != version} == {}


def test_the_small_lock_is_small():
    small = (AGENT / "requirements.txt").read_text()
    assert "cryptography==" in small and not re.search(r"(?m)^(av|aiortc|numpy|django)==", small)


def test_the_unit_gives_the_agent_nothing_but_its_state_directory():
    unit = (AGENT / "csrp-agent.service").read_text()
    for line in (
        "DynamicUser=yes", "StateDirectory=csrp-agent", "StateDirectoryMode=0700", "UMask=0077",
        "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "LimitCORE=0",
        "RestartPreventExitStatus=2 3", "MemorySwapMax=0",
    ):  # fmt: skip
        assert line in unit.splitlines(), line
