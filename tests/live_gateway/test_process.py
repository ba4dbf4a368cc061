"""The gateway as the process it is: start, refuse to start, stop, and leave nothing behind."""

from __future__ import annotations

import ast
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from tests.live_gateway.harness import Viewer

ROOT = Path(__file__).resolve().parents[2]
SECRET = "process-test-secret-value-long-enough"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def start(folder: Path, port: int, **env: str) -> asyncio.subprocess.Process:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CSOC_", "DJANGO_"))}
    clean |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **env}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "live.gateway", "--port", str(port),
        cwd=folder, env=clean, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def healthy(http: aiohttp.ClientSession, url: str) -> dict[str, object]:
    for _ in range(200):
        try:
            async with http.get(f"{url}/healthz") as answer:
                return dict(await answer.json())
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)
    raise AssertionError("the gateway did not come up")


async def test_it_runs_refuses_stops_and_writes_nothing(tmp_path: Path) -> None:
    port = free_port()
    env = {"CSOC_GATEWAY_SECRET": SECRET, "CSOC_PUBLIC_URL": "http://127.0.0.1:9"}
    process = await start(tmp_path, port, **env)
    url = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession() as http:
        assert await healthy(http, url) == {"status": "ok", "sessions": 0}
        viewer = Viewer()
        headers = {"Authorization": "Bearer very-private-token", "Content-Type": "application/sdp"}
        offer = await viewer.offer()
        async with http.post(f"{url}/some-path/whep", data=offer, headers=headers) as answer:
            assert answer.status == 401, "the console is not there: nobody may watch"
        await viewer.close()
        second = await start(tmp_path, port, **env)
        out, _ = await asyncio.wait_for(second.communicate(), 20)
        assert second.returncode == 1
        assert str(port) in out.decode()
        assert "Traceback" not in out.decode()
    process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert "very-private-token" not in out.decode()
    assert SECRET not in out.decode()
    assert list(tmp_path.iterdir()) == []


async def test_without_a_secret_it_does_not_start(tmp_path: Path) -> None:
    process = await start(tmp_path, free_port(), CSOC_PUBLIC_URL="http://127.0.0.1:9")
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert "CSOC_GATEWAY_SECRET" in out.decode()
    assert "Traceback" not in out.decode()


def test_the_gateway_knows_no_django_and_opens_no_file() -> None:
    """Whatever else changes here: nothing in this package can write a frame, a token or a row."""
    forbidden = {"django", "pathlib", "io", "tempfile", "sqlite3", "shutil", "av"}
    sources = list((ROOT / "live/gateway").glob("*.py"))
    assert len(sources) > 8
    for source in sources:
        tree = ast.parse(source.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                roots = {name.split(".")[0] for name in names}
                assert not roots & forbidden, source.name
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "open", source.name
