"""The CAD of the settings: one https URL, one address; a demonstration stays on this machine."""

from pathlib import Path
from typing import Any

import pytest

from csoc.lib import cad

GOOD: dict[str, Any] = {
    "url": "https://cad.example.org/in", "address": "192.0.2.7", "token_file": None, "ca_file": None,
    "name": "CAD", "demo": False,
}  # fmt: skip


def faults(**changes: Any) -> list[str]:
    return cad.faults(**GOOD | changes)


def test_what_is_taken() -> None:
    assert faults() == []
    assert faults(address="2001:db8::7", url="https://cad.example.org:8443/in?box=1") == []
    assert faults(demo=True, url="http://127.0.0.1:8000/demo/cad/receive/", address="127.0.0.1") == []
    assert cad.address_in("https://192.0.2.7/x") == "192.0.2.7"
    assert cad.address_in("https://[2001:db8::7]/x") == "2001:db8::7"
    assert cad.address_in("https://cad.example.org/") == "" == cad.address_in("")


@pytest.mark.parametrize(
    "url",
    [
        "http://cad.example.org/", "ftp://cad.example.org/", "cad.example.org", "https://", "https:///x",
        "https://user:pass@cad.example.org/", "https://cad.example.org/#x", "https://cad.example.org/a b",
        "https://cad.example.org/\r\nX: y", "https://cäd.example/", "https://[::1", "https://h:99999/",
    ],
)  # fmt: skip
def test_a_url_that_is_not_one_https_address(url: str) -> None:
    assert len(faults(url=url)) == 1


@pytest.mark.parametrize(
    "address", ["", "cad.example.org", "127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "169.254.1.1"]
)
def test_an_address_that_is_not_one_machine_elsewhere(address: str) -> None:
    assert len(faults(address=address)) == 1


def test_a_demonstration_never_leaves_this_machine() -> None:
    assert faults(demo=True) != []
    assert faults(demo=True, url="http://127.0.0.1/x") != []
    assert faults(demo=True, url="http://cad.example.org/x", address="127.0.0.1") != []


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert "TOKEN" in faults(token_file=tmp_path / "none")[0]
    (tmp_path / "ca.pem").write_text("no certificate")
    assert "CA_FILE" in faults(ca_file=tmp_path / "ca.pem")[0]
    assert "NAME" in faults(name="C\x00AD")[0]
