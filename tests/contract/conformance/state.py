"""`GET /api/v1/desired/`: what the trailer is to do."""

from __future__ import annotations

from tests.contract.conformance.kit import DESIRED, Kit, check, refused

KEYS_OF_STATE = {"version", "deployment", "modules", "forbidden_sectors", "presets", "hotlist_min_version"}


@check("w.shape", "g.time")
def the_desired_state_has_the_agreed_members(kit: Kit) -> None:
    """Version, deployment with its end and point, modules, sectors, presets, the list's least version."""
    answer = kit.get(DESIRED)
    assert answer.status_code == 200, answer.text[:300]
    said = answer.json()
    assert set(said) == KEYS_OF_STATE, said
    assert isinstance(said["version"], int)
    deployment = said["deployment"]
    assert deployment is not None, "the suite needs a trailer that is deployed"
    assert set(deployment) == {"id", "until", "point", "heading_deg", "geofence_m"}, deployment
    assert deployment["id"] == kit.deployment
    assert deployment["until"].endswith("Z")
    assert set(deployment["point"]) == {"lat", "lon"}
    assert deployment["geofence_m"] == 25
    assert all(isinstance(on, bool) for on in said["modules"].values())


@check("w.etag")
def what_is_known_is_not_sent_again(kit: Kit) -> None:
    """304 with the ETag, also among others and in its weak form; 200 with another."""
    etag = kit.get(DESIRED).headers["etag"]
    for known in (etag, f'"x", {etag}', f"W/{etag}"):
        answer = kit.get(DESIRED, If_None_Match=known)
        assert (answer.status_code, answer.content) == (304, b""), known
    assert kit.get(DESIRED, If_None_Match='"x"').status_code == 200
    refused(kit.http.post(DESIRED, content=b""), 405, "method-not-allowed")
