"""An export in a real browser, by two people, from the question to a file that an outsider verifies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.desk import Desk
from tests.browser.test_pages import complaints, fits

ROOT = Path(__file__).resolve().parents[2]
BUILT_WITHIN_MS = 90_000


def test_asked_approved_built_and_verified(desk: Callable[..., Desk], tmp_path: Path) -> None:
    """The page follows the build by itself; the file that comes of it holds, by an outsider's program."""
    ada = desk().sign_in("privacy_officer", "/audit/exports/ask/?actor=seed")
    assert ada.page.input_value("#id_person") == "seed"
    # With the keyboard alone, field by field.
    ada.page.focus("#id_person")
    for words in ("", "", "complaint", "OPC-2026-114", "Office of Police Complaints"):
        ada.page.keyboard.type(words)
        if not words.startswith("Office"):
            ada.page.keyboard.press("Tab")
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_url("**/EXP-*/")
    assert complaints(ada) == ""
    omar = desk(theme="light").sign_in("supervisor", "/audit/exports/")
    name = ada.page.url.rstrip("/").rpartition("/")[2]
    omar.page.get_by_role("link", name=name).click()
    omar.page.get_by_role("button", name="Approve").click()
    ada.page.reload()
    link = ada.page.get_by_role("link", name="Download")
    link.wait_for(timeout=BUILT_WITHIN_MS)
    with ada.page.expect_download() as taken:
        link.click()
    path = tmp_path / taken.value.suggested_filename
    taken.value.save_as(path)
    known = ada.info["audit"]
    words = [sys.executable, "-I", str(ROOT / "tools" / "verify_audit.py"), str(path)]
    words += ["--log-key", known["log_vkeys"][0], "--witness-key", known["witness"]["vkey"]]
    done = subprocess.run(words, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(
    ("role", "where"),
    [
        ("privacy_officer", "/audit/exports/"),
        ("supervisor", "/audit/exports/"),
        ("privacy_officer", "/audit/exports/ask/"),
        ("privacy_officer", "/audit/exports/ask/?kind=range"),
    ],
)
def test_the_pages_are_for_everybody(desk: Callable[..., Desk], role: str, where: str, theme: str) -> None:
    here = desk(theme=theme).sign_in(role, where)
    assert complaints(here) == ""
    here.page.set_viewport_size({"width": 400, "height": 720})
    assert fits(here)
