"""Who may use which door: a device's door takes a signature, a person's door a session."""

from __future__ import annotations

from tests.contract.conformance.kit import ALERTS, CHANNEL, DESIRED, KEYS, Kit, check, refused, verdict

PERSONS = ("/api/v1/live/snapshot/", "/api/v1/deployments/", "/api/v1/audit/entries/")


@check("d.apart")
def a_signature_opens_no_persons_door(kit: Kit) -> None:
    """A person's route looks at no signature: 401, or the 403 of a missing session."""
    for path in PERSONS:
        assert verdict(kit.get(path)) == (401, "signed-out"), path
    act = f"{ALERTS}{kit.taken()['id']}/acknowledge/"
    assert verdict(kit.post({"version": 1}, act))[0] in (401, 403)


@check("d.apart")
def a_session_opens_no_device_door(kit: Kit) -> None:
    """A cookie is not even looked at."""
    cookie = {"Cookie": "sessionid=0123456789abcdefghijklmnopqrstuv; csrftoken=x", "X-CSRFToken": "x"}
    for path in (ALERTS, KEYS):
        answer = kit.http.post(path, content=b"{}", headers=cookie | {"Content-Type": "application/json"})
        refused(answer, 401, "bad-signature")
        assert "set-cookie" not in answer.headers
    refused(kit.http.get(DESIRED, headers=cookie), 401, "bad-signature")
    assert CHANNEL.startswith("/api/")
