"""One page with the real player, served from one origin with the gateway under `/gateway/`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from playwright.async_api import Page, async_playwright

from tests.live_gateway.harness import serve

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
HTML = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>player</title>
<style>body{margin:0;background:#123}video{width:960px;height:540px;background:#000}</style>
<video></video><script src="/player.js"></script><script>
const states = [], strips = [];
const video = document.querySelector("video");
const player = new csoc.Player(video, {
  state: (state, reason) => states.push([state, reason || "", Date.now()]),
  frame: () => { const strip = csoc.readStrip(video); if (strip) strips.push([strip.counter, strip.ageMs]); },
});
const watch = async (path, token) => {
  const from = performance.now();
  const first = new Promise((done) => video.requestVideoFrameCallback(() => done(performance.now() - from)));
  await player.open(`/gateway/${path}/whep`, token);
  return first;
};
</script>"""
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


async def bundle() -> str:
    """The player as the board gets it, bundled by the same esbuild."""
    node = os.environ.get("CSOC_NODE") or shutil.which("node")
    assert node, "node is needed; `console.py test` brings it"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "player.js"
        words = ["--bundle", "--format=iife", "--global-name=csoc", "--target=es2022"]
        words += ["--log-level=warning", f"--outfile={out}"]
        script = "node_modules/esbuild/bin/esbuild"
        process = await asyncio.create_subprocess_exec(node, script, "player.ts", *words, cwd=FRONTEND)
        assert await process.wait() == 0
        return out.read_text()


@contextlib.asynccontextmanager
async def page_server(gateway_url: str) -> AsyncIterator[str]:
    """Serve the page; forward `/gateway/...` as the console does, headers and all."""
    script = await bundle()
    async with aiohttp.ClientSession() as http:

        async def forward(request: web.Request) -> web.Response:
            url = f"{gateway_url}/{request.match_info['rest']}"
            wanted = ("Authorization", "Content-Type")
            headers = {name: request.headers[name] for name in wanted if name in request.headers}
            body = await request.read()
            async with http.request(request.method, url, data=body, headers=headers) as answer:
                back = ("Location", "Content-Type")
                kept = {name: answer.headers[name] for name in back if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        app = web.Application()
        app.router.add_get("/", lambda _: _text(HTML, "text/html"))
        app.router.add_get("/player.js", lambda _: _text(script, "text/javascript"))
        app.router.add_route("*", "/gateway/{rest:.*}", forward)
        runner, url = await serve(app)
        try:
            yield url
        finally:
            await runner.cleanup()


async def _text(text: str, kind: str) -> web.Response:
    return web.Response(text=text, content_type=kind)


@contextlib.asynccontextmanager
async def browser_page(url: str) -> AsyncIterator[Page]:
    """A headless Chromium on the page; the test fails on any error in its console."""
    program = os.environ.get("CSOC_CHROMIUM") or shutil.which("chromium")
    assert program, "Chromium is needed; `console.py test` brings it"
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=SWITCHES)
        page = await browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(url)
        try:
            yield page
        finally:
            await browser.close()
    assert not errors, errors


async def states(page: Page) -> list[list[Any]]:
    return list(await page.evaluate("states"))
