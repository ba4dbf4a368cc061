"""A person's screen in a real Chromium: everything that leaves the page and everything it shows is noted."""

from __future__ import annotations

import base64
import hmac
import io
import os
import re
import shutil
import struct
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from agent.strip import HEIGHT, WIDTH, Strip, read_strip
from bench.driving import Person, until
from tests.running import RunningConsole

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
WAIT_MS = 10_000
MEDIA = re.compile(r"/gateway/|/whep|/whip")
CHOSEN = "#queue-scroll [aria-current=true]"
CHOSEN_CHANGED = f"before => (document.querySelector('{CHOSEN}')?.dataset.alert ?? null) !== before"
BLACK = 40  # luminance of 255; the stage's own ground is darker

# Before any script of the page: count peer connections, and keep a diary of keys, picture and link.
DIARY = """
window.__peers = 0;
window.__diary = [];
window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
  construct(target, words) { window.__peers += 1; return new target(...words); },
});
const note = (what) => window.__diary.push([performance.now(), what]);
addEventListener("keydown", (event) => note("key " + event.key), true);
let was = {};
setInterval(() => {
  const video = document.querySelector("#video-picture");
  const is = {
    source: video?.srcObject ? "on" : "off",
    picture: document.querySelector("#video")?.dataset.state ?? "none",
    link: document.body?.dataset.link ?? "none",
  };
  for (const [name, value] of Object.entries(is)) if (was[name] !== value) note(name + " " + value);
  was = is;
}, 4);
"""

PIXELS = """(([w, h]) => {
  const video = document.querySelector("#video-picture");
  if (!video?.srcObject || !video.videoWidth) return null;
  const context = new OffscreenCanvas(w, h).getContext("2d");
  const scale = video.videoWidth / 1280;
  context.drawImage(video, 0, 0, w * scale, h * scale, 0, 0, w, h);
  return Array.from(context.getImageData(0, 0, w, h).data).filter((_, i) => i % 4 === 1);
})"""


def chromium() -> str:
    """The path of the browser that `console.py test` found."""
    program = os.environ.get("CSOC_CHROMIUM") or shutil.which("chromium")
    assert program, "Chromium is needed; `console.py test` brings it"
    return program


def one_time_code(secret: str, at: float | None = None) -> str:
    """The six digits of RFC 6238 for a base32 secret."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int((at or time.time()) // 30)), "sha1")
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Desk:
    """One browser context with one page. Ends with ``leave``, which also judges what it noted."""

    def __init__(self, browser: Browser, console: RunningConsole, theme: str = "dark", **more: Any) -> None:
        self.url = console.url
        self.info = console.info
        more.setdefault("viewport", {"width": 1280, "height": 720})
        self.context = browser.new_context(**more)
        self.context.set_default_timeout(WAIT_MS)
        self.context.add_cookies([{"name": "theme", "value": theme, "url": self.url}])
        self.context.add_init_script(DIARY)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.forgiven: list[str] = []
        self.spent_token = ""
        self.context.on("request", self._asked)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page: Page = self.context.new_page()
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        if request.method == "POST" and MEDIA.search(request.url):
            self.spent_token = request.headers["authorization"].removeprefix("Bearer ")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def leave(self) -> None:
        """Close, and fail on any error in the page's console or any request to another host."""
        self.context.close()
        own = urlsplit(self.url).netloc
        strangers = [url for url in self.requests if urlsplit(url).netloc not in ("", own)]
        assert not strangers, f"requests to other hosts: {strangers}"
        bad = [error for error in self.errors if not any(words in error for words in self.forgiven)]
        assert not bad, f"errors in the page's console: {bad}"

    def forgive(self, *words: str) -> None:
        """Errors with these words are what this test provokes."""
        self.forgiven += words

    # -- signing in ----------------------------------------------------------------------------------

    def sign_in(self, role: str, where: str = "/") -> Desk:
        """A full session of one of the cast, then the page ``where``."""
        person = Person(self.info, role)
        self.context.add_cookies(
            [{"name": name, "value": value, "url": self.url} for name, value in person.http.cookies.items()]
        )
        person.http.close()
        self.page.goto(self.url + where)
        return self

    def board(self, role: str) -> Desk:
        """The live board of one of the cast, once its list is the server's."""
        self.sign_in(role, "/live/")
        self.until_link("live")
        return self

    # -- what the screen says ------------------------------------------------------------------------

    def wait(self, script: str, argument: Any = None, seconds: float = WAIT_MS / 1000) -> Any:
        """Wait until ``script`` is true in the page; returns its value."""
        found = self.page.wait_for_function(script, arg=argument, timeout=seconds * 1000, polling=20)
        return found.json_value()

    def until_link(self, state: str, seconds: float = WAIT_MS / 1000) -> None:
        """Wait until the board says that its line is in this state."""
        self.wait("state => document.body.dataset.link === state", state, seconds)

    def row(self, alert: str) -> Any:
        """The queue's row of an alert."""
        return self.page.locator(f'[data-alert="{alert}"]')

    def until_row(self, alert: str, state: str, seconds: float = WAIT_MS / 1000) -> None:
        """Wait until the queue shows the alert in this state."""
        self.page.locator(f'[data-alert="{alert}"][data-state="{state}"]').wait_for(timeout=seconds * 1000)

    @property
    def selected(self) -> str | None:
        """The id of the selected row."""
        row = self.page.locator(CHOSEN)
        return row.get_attribute("data-alert") if row.count() else None

    def walk_to(self, alert: str) -> None:
        """Press J from the top until the alert is selected: what the page chose by itself does not count."""
        self.page.keyboard.press("Escape")
        for _ in range(100):
            before = self.selected
            if before == alert:
                return
            self.page.keyboard.press("j")
            self.wait(CHOSEN_CHANGED, before)
        raise AssertionError("J never reached the alert")

    def tab_to(self, selector: str, most: int = 60) -> None:
        """Press Tab until the element has the focus, as a person without a pointer does."""
        for _ in range(most):
            if self.page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reached {selector}")

    # -- the picture ---------------------------------------------------------------------------------

    def open_video(self) -> None:
        """V and Enter on the selected, acknowledged alert; wait for a live picture."""
        self.page.keyboard.press("v")
        self.page.locator("#video-reason input:checked").wait_for(state="attached")
        self.wait("() => document.activeElement?.name === 'code'")
        self.page.keyboard.press("Enter")
        self.until_picture()

    def until_picture(self) -> None:
        """Wait until the page says live, and the pixels carry the camera's strip."""
        self.wait("() => document.querySelector('#video').dataset.state === 'live'")
        until(self.strip, 5, "a readable picture")

    def strip(self) -> Strip | None:
        """The numbers burned into the picture on the screen now, read from its pixels."""
        values = self.page.evaluate(PIXELS, [WIDTH, HEIGHT])
        return values and read_strip(np.array(values, dtype=np.uint8).reshape(HEIGHT, WIDTH))

    def darkness(self) -> float:
        """The share of the video stage, as painted, that is black: 1.0 is a black screen with no word."""
        picture = self.page.locator(".video-stage").screenshot()
        grey = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
        return float((grey < BLACK).mean())

    @property
    def has_source(self) -> bool:
        """Whether the page's video still has a stream."""
        return bool(self.page.evaluate("() => Boolean(document.querySelector('#video-picture')?.srcObject)"))

    @property
    def peers(self) -> int:
        """How many peer connections the page has made."""
        return int(self.page.evaluate("() => window.__peers"))

    @property
    def media_requests(self) -> list[str]:
        """What left the page for the gateway."""
        return [url for url in self.requests if MEDIA.search(url)]

    # -- the diary -----------------------------------------------------------------------------------

    def took_ms(self, begin: str, end: str) -> float:
        """Milliseconds from the last ``begin`` in the diary to the first ``end`` after it."""
        diary = self.page.evaluate("() => window.__diary")
        start = max(at for at, what in diary if what == begin)
        return float(min(at for at, what in diary if what == end and at >= start) - start)


class GatewayDoor:
    """The media gateway of a running console, asked directly, past the console."""

    def __init__(self, console: RunningConsole) -> None:
        words = Path(f"/proc/{console.info['pids']['gateway']}/cmdline").read_bytes().split(b"\0")
        port = int(words[words.index(b"--port") + 1])
        secret = (console.data / "keys" / "gateway-secret").read_text().strip()
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(headers={"X-Gateway-Secret": secret}, timeout=10)

    def sessions(self) -> list[dict[str, Any]]:
        """What the gateway carries now."""
        answer = self._http.get(f"{self.url}/v3/webrtcsessions/list")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    def until_empty(self, seconds: float) -> None:
        """Wait until it carries nothing."""
        until(lambda: not self.sessions(), seconds, "the gateway lists no session")

    def close(self) -> None:
        """Drop the connection."""
        self._http.close()


def knock(url: str, offer: str, token: str) -> int:
    """Offer media at an address with a token; the status."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    return httpx.post(url, content=offer, headers=headers, timeout=10).status_code
