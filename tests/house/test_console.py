"""console.py itself: its messages, its exit codes, and stages that are skipped when nothing changed."""

import ast
import fcntl
import importlib.util
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tools import stages

ROOT = Path(__file__).resolve().parents[2]
#: What has to run on any Python, before anything is installed.
BARE = ("console.py", "tools/bench_options.py", "tools/browser.py", "tools/stages.py")


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """console.py as a module that works in an empty folder."""
    spec = importlib.util.spec_from_file_location("console_script", ROOT / "console.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "CACHE", tmp_path / ".cache")
    return module


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def call(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "console.py", *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("path", BARE)
def test_needs_the_standard_library_only(path: str) -> None:
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else name.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names | {"tools"}


def test_an_old_python_can_read_it_and_is_told_what_to_do(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in BARE:
        ast.parse((ROOT / path).read_text(), feature_version=(3, 6))
    version = namedtuple("version", "major minor micro releaselevel serial")
    monkeypatch.setattr(script.sys, "version_info", version(3, 10, 13, "final", 0))
    assert script.main(["run"]) == script.WRONG_PYTHON
    said = capsys.readouterr().err
    assert "This is Python 3.10" in said
    assert "python3.11 console.py run" in said


def test_a_taken_port_is_named_with_the_way_out(taken_port: int, tmp_path: Path) -> None:
    done = call("run", "--port", str(taken_port), "--data", str(tmp_path / "data"))
    assert done.returncode == 3
    assert f"Port {taken_port} on 127.0.0.1 is taken" in done.stderr
    assert f"--port {taken_port + 1}" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_full_disk_is_refused_before_anything_is_made(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(stages.shutil, "disk_usage", lambda path: usage(10**12, 10**12, 5 * 10**6))
    monkeypatch.setattr(script, "port_is_free", lambda port: True)
    assert script.main(["run", "--data", str(tmp_path / "data")]) == stages.DISK_FULL
    assert "Only 5 MB are free" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_cannot_be_installed_is_quoted(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pip = tmp_path / "python"
    pip.write_text("#!/bin/sh\necho 'ERROR: Could not find a version of django'\nexit 1\n")
    pip.chmod(0o755)
    lock = tmp_path / "base.txt"
    lock.write_text("django==5.2\n")
    monkeypatch.setattr(stages, "PYTHON", pip)
    with pytest.raises(stages.Trouble, match="Could not find a version of django") as caught:
        stages.install_libraries([lock])
    assert caught.value.code == stages.LIBRARY_MISSING
    assert "package index" in caught.value.todo


def test_a_stage_runs_again_only_when_its_input_or_its_product_changed(
    script: ModuleType, tmp_path: Path
) -> None:
    product, runs = tmp_path / "product", []

    def work() -> None:
        runs.append(1)
        product.write_text("made")

    for key, expected in (("one", 1), ("one", 1), ("two", 2)):
        stages.stage("thing", "A thing", key, work, product)
        assert len(runs) == expected
    product.unlink()
    stages.stage("thing", "A thing", "two", work, product)
    assert len(runs) == 3
    stages.stage("thing", "A thing", "smaller", work, product, also="two")
    assert len(runs) == 3


def test_a_stage_that_failed_is_tried_again(script: ModuleType, tmp_path: Path) -> None:
    def fails() -> None:
        raise stages.Trouble(stages.LIBRARY_MISSING, "no")

    done: list[int] = []
    stages.stage("thing", "A thing", "one", lambda: None, tmp_path)
    with pytest.raises(stages.Trouble):
        stages.stage("thing", "A thing", "two", fails, tmp_path)
    stages.stage("thing", "A thing", "one", lambda: done.append(1), tmp_path)
    assert done == [1]


def test_a_new_environment_gets_its_libraries_again(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed: list[int] = []
    python = tmp_path / "python"

    def install() -> None:
        installed.append(1)

    monkeypatch.setattr(stages, "follow", lambda *words: (0, python.write_text("") and ""))
    for _ in range(2):
        stages.stage("venv", "An environment", "same", stages.make_venv, python)
        stages.stage("libraries", "Libraries", "same", install, python)
        python.unlink()
    assert installed == [1, 1]


@pytest.mark.parametrize("words", [[], ["runn"], ["run", "--port", "0"], ["run", "--port", "eight"]])
def test_a_wrong_command_line_shows_how_it_is_used(words: list[str]) -> None:
    done = call(*words)
    assert done.returncode == 2
    assert "run" in done.stderr


def test_a_data_directory_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    done = call("run", "--port", port, "--data", str(tmp_path / "file" / "data"))
    assert done.returncode == 2
    assert "not a folder this user can write to" in done.stderr


@pytest.mark.parametrize("words", [["bench", "--n", "3"], ["bench", "nothing"]])
def test_a_wrong_measurement_is_refused_before_anything_is_installed(words: list[str]) -> None:
    done = call(*words)
    assert done.returncode == 2
    assert done.stdout == ""


def test_help_names_every_command() -> None:
    done = call("help")
    assert done.returncode == 0
    for command in ("run", "test", "bench", "doctor", "manage", "help"):
        assert f"console.py {command}" in done.stdout


def test_doctor_says_what_is_wrong_and_what_to_do(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "port_is_free", lambda port: False)
    monkeypatch.setattr(script.browser, "missing_libraries", lambda: ["libnss3"])
    assert script.main(["doctor"]) == script.FAILED
    said = capsys.readouterr().out
    assert "apt install libnss3" in said
    assert "run --port 8001" in said
    assert "trusts every program that runs as this user" in said


def test_an_operators_command_needs_a_demonstration_that_runs(tmp_path: Path) -> None:
    done = call("manage", "--data", str(tmp_path), "audit_verify")
    assert done.returncode == 2
    assert f"No console runs on {tmp_path}" in done.stderr
    assert "console.py run" in done.stderr
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = call("manage", "--data", str(tmp_path), "audit_verify")
    assert done.returncode == 2
    assert "is not a demonstration" in done.stderr
    assert call("manage", "--as", "postgres", "audit_verify").returncode == 2
    assert "which command?" in call("manage").stderr


def test_the_closing_line_counts_errors_as_failures(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("run_tests", ROOT / "tools" / "run_tests.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    report = tmp_path / "report.xml"
    report.write_text('<testsuites><testsuite tests="10" failures="2" errors="1" skipped="3"/></testsuites>')
    assert module.counts(report) == (4, 3)
