"""The import contracts of pyproject.toml really refuse what they should; `test` checks the tree itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "audit", "vault", "trailers", "deployments", "alerts", "live", "agent")
MODULES = (
    "urls", "asgi", "celery", "settings", "embedded", "launcher", "supervisor", "demo_witness", "health",
    "operate", "ports", "run_file",
)  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Empty packages with our names under our contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in (*PACKAGES, "csoc", "csoc/lib"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for module in MODULES:
        (tmp_path / "csoc" / f"{module}.py").touch()
    (tmp_path / "alerts/media").mkdir()
    for module in ("sealed", "policies", "media/__init__", "media/refusing"):
        (tmp_path / "alerts" / f"{module}.py").touch()
    return tmp_path


def lint(tree: Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name("lint-imports")
    env = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.run([program, "--no-cache"], cwd=tree, env=env, capture_output=True, text=True)


def test_empty_packages_keep_every_contract(tree: Path) -> None:
    done = lint(tree)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("alerts/api.py", "import live"),
        ("audit/models.py", "import accounts"),
        ("csoc/lib/clock.py", "import audit"),
        ("live/views.py", "import csoc.settings"),
        ("agent/client.py", "import trailers"),
        ("csoc/embedded.py", "import django"),
        ("csoc/launcher.py", "import csoc.settings"),
        ("alerts/sealed.py", "import alerts.policies"),
        ("alerts/media/refusing.py", "import alerts.policies"),
    ],
)
def test_an_import_the_wrong_way_is_refused(tree: Path, where: str, what: str) -> None:
    (tree / where).write_text(what + "\n")
    done = lint(tree)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout
