"""The retention page: hours and counts for those who watch over them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import audit
import vault
from tests.folders import empty
from vault.services import purge_due

HOUR = 3600


@pytest.fixture
def cast(own_database: str, data_dir: Path) -> Iterator[dict[str, Any]]:
    """The demonstration's people and a key store of this test only."""
    from accounts.cast import create_cast

    with empty(data_dir / "keys" / "epoch"):
        yield create_cast(audit.system("seed"))


def page(cast: dict[str, Any], role: str) -> Any:
    """The page as this role gets it."""
    client = Client()
    username = cast[role]["username"]
    assert (
        client.post("/demo/sign-in/", {"username": username}, content_type="application/json").status_code
        == 204
    )
    return client.get("/retention/")


def test_it_says_what_is_kept_and_for_how_long(cast: dict[str, Any], clock: Any) -> None:
    vault.seal(b"ABCD123", clock.now(), b"")
    purge_due(actor=audit.system("purge"))
    for role in ("privacy_officer", "supervisor", "administrator"):
        text = page(cast, role).content.decode()
        assert "No detail of an alert outlives 47 hours" in text and " h " in text and "ABCD123" not in text


def test_it_lists_the_classes_with_their_authority_and_says_which_may_be_used(
    cast: dict[str, Any],
) -> None:
    text = page(cast, "privacy_officer").content.decode()
    for key in ("deployment-record", "consent-record", "transitory"):
        assert key in text
    assert text.count("example: in a demonstration only") == 3
    assert "Records destroyed" not in text, "no run yet"
    purge_due(actor=audit.system("purge"))
    assert "Records destroyed" in page(cast, "privacy_officer").content.decode()


def test_others_are_refused(cast: dict[str, Any]) -> None:
    for role in ("dispatcher", "technician", "investigator", "bail_officer", "applicant"):
        assert page(cast, role).status_code == 403, role


def test_before_the_first_run_it_says_so(cast: dict[str, Any]) -> None:
    text = page(cast, "privacy_officer").content.decode()
    assert "The purge has not run yet" in text and "No detail is kept at all." in text


def test_a_dead_purge_is_said_loudly(cast: dict[str, Any], clock: Any) -> None:
    vault.seal(b"x", clock.now(), b"")
    purge_due(actor=audit.system("purge"))
    clock.shift(49 * HOUR)
    text = page(cast, "privacy_officer").content.decode()
    assert "The purge is overdue" in text and "retention-overdue" in text
    assert "−1 h" in text or "−2 h" in text
