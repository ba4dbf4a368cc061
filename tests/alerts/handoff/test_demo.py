"""The demonstration's CAD: takes once, knows a double, plays busy, and does not exist in production."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from csoc.lib.errors import Misuse


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from alerts.handoff import demo

    monkeypatch.setattr(demo, "desk", demo.Desk())
    yield


def arrive(key: str, text: str = "<alert/>", token: str = "s3cret") -> int:
    return Client().post(
        "/demo/cad/receive/", text, content_type="application/cap+xml",
        headers={"Idempotency-Key": key, "Authorization": f"Bearer {token}"},
    ).status_code  # fmt: skip


@pytest.mark.django_db
def test_what_arrived_is_shown_once(settings: Any, tmp_path: Path) -> None:
    settings.CAD_TOKEN_FILE = tmp_path / "token"
    settings.CAD_TOKEN_FILE.write_text("s3cret\n")
    assert arrive("k", token="guessed") == 401
    assert [arrive("k", "<b>&amp;</b>"), arrive("k", "<b>&amp;</b>"), arrive("l", "x" * 70_000)] == [
        201,
        200,
        413,
    ]
    shown = Client().get("/demo/cad/").content.decode()
    assert shown.count("<article") == 1 and "came 2 times, taken once" in shown
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in shown and "<b>&amp;" not in shown
    Client().post("/demo/cad/", {"busy": "on"})
    assert arrive("m") == 503
    Client().post("/demo/cad/", {})
    assert arrive("m") == 201


def test_there_is_no_such_cad_in_production(settings: Any, rf: Any) -> None:
    from alerts.handoff import demo

    settings.IS_DEMO = False
    for view, request in ((demo.cad, rf.get("/demo/cad/")), (demo.receive, rf.post("/demo/cad/receive/"))):
        with pytest.raises(Misuse):
            view(request)
