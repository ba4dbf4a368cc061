"""Acts whose entries say more than that something happened: who joined, how a command ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from tests.contract.place import ALERTS, Place

REASON = {"reason": {"code": "gunshot"}}


def verbs(place: Place, since: int) -> list[tuple[str, str, dict[str, Any]]]:
    """(verb, actor, outcome) of the entries after the first ``since``."""
    return [(row["verb"], row["actor"]["id"], row["outcome"]) for row in place.entries()[since:]]


def test_a_second_person_joins_a_view(place: Place) -> None:
    alert = place.acknowledged()
    before = len(place.entries())
    for role in ("dispatcher", "dispatcher-2", "dispatcher"):
        answer = place.person(role).post(f"{ALERTS}{alert}/live-view/", REASON)
        assert answer.status_code == 201, answer.text
    found = [verb for verb, _actor, _outcome in verbs(place, before) if verb.startswith("video.")]
    assert found == ["video.live.open", "video.live.join", "video.live.join"]
    told = place.person("dispatcher").get(f"{ALERTS}{alert}/timeline/").text
    assert "opened video: gunshot response" in told and "joined video: gunshot response" in told


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        ("done", None, {"result": "allowed"}),
        ("refused", "not-deployed", {"result": "denied", "code": "not-deployed"}),
        ("failed", "-", {"result": "failed"}),
        ("expired", "", {"result": "failed"}),
    ],
)
def test_how_a_command_ended_is_an_entry_of_its_trailer(
    place: Place, status: str, code: str | None, outcome: dict[str, str]
) -> None:
    from trailers import services
    from trailers.schemas import AckMessage

    trailer = place.scene.trailer
    by: Any = SimpleNamespace(trailer=trailer, key=place.scene.key)
    with place.inside():
        with transaction.atomic():
            command = services.send_command(
                trailer=trailer, name="ping", operator="u-1", ttl_s=60, actor=place.scene.users["technician"]
            )
        command.state = "sent"
        command.save()
        before = len(place.entries())
        for told in ("received", status, "done"):
            ack = AckMessage(cmd=str(command.pk), status=told, code=code if told == status else None)  # type: ignore[arg-type]
            services.record_ack(trailer=trailer, ack=ack, actor=by)
    assert verbs(place, before) == [("trailer.command_ack", trailer.name, outcome)]
