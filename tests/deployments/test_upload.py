"""A consent document on its way in, through the real server: in memory, within a bound, never on a disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.driving import until
from csoc.launcher import free_ports
from csoc.server import MAX_BULK_BODY_BYTES, MAX_DOCUMENT_BODY_BYTES, MAX_DOCUMENTS_BYTES
from tests.deployments import papers
from tests.running import ROOT

PATH = "/deployments/DEP-2026-0042/consent/document/"
BULK = "/api/v1/alerts/bulk/"
WITHIN_S = 6
#: More than Django's own limit for memory, less than ours.
GREAT = papers.picture("PNG", (1100, 1100))
SMALLEST_FILE = 65_536


class Web:
    """The web process with the one door; it may write no file of more than 64 kB."""

    def __init__(self, scratch: Path, **env: str) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.temporary = scratch / "temporary"
        self.temporary.mkdir()
        self.log = scratch / "web.log"
        own = {
            "DJANGO_SETTINGS_MODULE": "tests.deployments.upload_settings",
            "CSOC_TEST_WITHIN_S": str(WITHIN_S),
            "CSOC_PUBLIC_URL": self.url,
            "TMPDIR": str(self.temporary),
        }
        program = [sys.executable, "-m", "tests.deployments.upload_server", "--port", str(self.port)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                program, env=os.environ | own | env, cwd=ROOT, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (SMALLEST_FILE, SMALLEST_FILE))

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/ready/", trust_env=False).status_code == 200
        return False

    def post(self, data: bytes, path: str = PATH, **more: Any) -> httpx.Response:
        """Upload a document as a page's form does."""
        files = {"document": ("Jane Sample's consent.png", data, "text/html")}
        return httpx.post(
            self.url + path, data={"typed": "kept"}, files=files, timeout=60, trust_env=False, **more
        )

    def begin(self, length: int, path: str = PATH, sent: int = 1) -> socket.socket:
        """Begin a body and stop after its first byte, or after so many."""
        line = socket.create_connection(("127.0.0.1", self.port), 10)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {length}\r\n\r\n"
        line.sendall(head.encode() + bytes(sent))
        return line

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    started = Web(tmp_path_factory.mktemp("upload"))
    yield started
    started.end()


def test_a_document_arrives_whole_and_touches_no_disk(web: Web) -> None:
    assert 2_700_000 < len(GREAT) < 5_000_000
    answer = web.post(GREAT)
    assert answer.status_code == 200, web.log.read_text()[-2000:]
    assert answer.json() == {
        "sha256": hashlib.sha256(GREAT).hexdigest(), "kind": "InMemoryUploadedFile", "typed": "kept",
    }  # fmt: skip
    assert list(web.temporary.iterdir()) == []
    assert "Sample" not in web.log.read_text()


def test_the_same_with_a_limit_of_djangos_own_would_have_been_seen(tmp_path: Path) -> None:
    spooling = Web(tmp_path, CSOC_TEST_SPOOL="1")
    try:
        with contextlib.suppress(httpx.HTTPError):
            assert spooling.post(GREAT).status_code == 500
        assert "File too large" in spooling.log.read_text()
    finally:
        spooling.end()


def test_a_length_that_nobody_told_is_bounded_as_well(web: Web) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        for _piece in range(count):
            yield b"x" * 100_000

    for count, status in ((54, 500), (56, 413)):  # 500: the door has no form to read in it
        answer = httpx.post(web.url + PATH, content=pieces(count), timeout=60, trust_env=False)
        assert answer.status_code == status


def test_too_much_is_said_in_words_to_a_browser_and_as_a_problem_to_a_program(web: Web) -> None:
    told = web.post(bytes(6_000_000), headers={"Accept": "text/html,*/*"})
    assert told.status_code == 413 and told.headers["content-type"].startswith("text/html")
    assert "more than 5 MB" in told.text and "Sample" not in told.text
    assert "dist/app.css" in told.text and f'href="{PATH.removesuffix("document/")}"' in told.text
    assert "default-src 'none'" in told.headers["content-security-policy"]
    assert 'class="dark"' in told.text
    light = web.post(bytes(6_000_000), headers={"Accept": "text/html", "Cookie": "a=b; theme=light"})
    assert 'class="light"' in light.text
    told = web.post(bytes(6_000_000))
    assert (told.status_code, told.json()["type"]) == (413, "/problems/too-large")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/deployments/DEP-2026-0042/consent/"),
        ("POST", "/deployments/a/b/consent/document/"),
        ("POST", "/deployments//consent/document/"),
        ("POST", "/deployments/" + "a" * 41 + "/consent/document/"),
        ("POST", "/deployments/%2e/consent/document/"),
        ("POST", PATH + "more/"),
        ("POST", "/x?" + PATH),
        ("PUT", PATH),
        ("GET", PATH),
    ],
)
def test_every_other_address_stays_at_its_limit(web: Web, method: str, path: str) -> None:
    answer = httpx.request(method, web.url + path, content=bytes(140_000), timeout=60, trust_env=False)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_all_together_have_a_bound_and_a_place_is_given_back(web: Web) -> None:
    places = MAX_DOCUMENTS_BYTES // MAX_DOCUMENT_BODY_BYTES
    whole = MAX_DOCUMENT_BODY_BYTES
    promised = [web.begin(whole) for _place in range(3 * places)]
    try:
        assert web.post(GREAT).status_code == 200, "what is merely promised takes no room"
    finally:
        for line in promised:
            line.close()
    begun = [web.begin(whole, sent=whole - 1) for _place in range(places)]
    try:
        until(lambda: web.post(GREAT).status_code == 503, 10, "a full house")
        told = web.post(GREAT)
        assert told.json()["type"] == "/problems/unavailable"
        told = web.post(GREAT, headers={"Accept": "text/html"})
        assert told.status_code == 503 and "Try again" in told.text
        assert web.post(papers.pdf()).status_code == 200, "what is within everybody's limit needs no room"
        begun.pop().close()
        until(lambda: web.post(GREAT).status_code == 200, 10, "a free place")
        for _again in range(3):
            assert web.post(GREAT).status_code == 200
    finally:
        for line in begun:
            line.close()
    until(lambda: web.post(GREAT).status_code == 200, 10, "a free place")
    assert [web.post(GREAT).status_code for _again in range(2 * places)] == [200] * 2 * places


@pytest.mark.parametrize(("path", "length"), [(PATH, MAX_DOCUMENT_BODY_BYTES), (BULK, MAX_BULK_BODY_BYTES)])
def test_whoever_sends_too_slowly_is_cut_off(web: Web, path: str, length: int) -> None:
    began = time.monotonic()
    with contextlib.closing(web.begin(length, path)) as line:
        line.settimeout(WITHIN_S + 10)
        for _second in range(WITHIN_S + 8):
            try:
                line.sendall(b"x")
                line.settimeout(1)
                assert line.recv(100) == b""
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert WITHIN_S - 1 < time.monotonic() - began < WITHIN_S + 5
