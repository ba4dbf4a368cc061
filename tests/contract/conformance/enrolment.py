"""Enrolment and rotation, as far as they can be tried without a token: nothing here changes a key."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.signing import b64url, enrolment_proof, public_bytes
from tests.contract.conformance.kit import ENROL, KEYS, Kit, check, refused


def request(token: str, **changes: Any) -> dict[str, Any]:
    """A whole enrolment for a new key."""
    key = Ed25519PrivateKey.generate()
    return {
        "token": token, "public_key": b64url(public_bytes(key)), "serial": "SN-CONFORMANCE",
        "agent_version": "1", "capabilities": ["acoustic", "alpr", "ptz", "speaker", "power"],
        "audio": {"rate_hz": 16000}, "proof": enrolment_proof(key, token), **changes,
    }  # fmt: skip


@check("e.token", "e.shape")
def nobody_enrols_without_a_token(kit: Kit) -> None:
    """A well-formed request with a token that nobody made is 410."""
    refused(kit.http.post(ENROL, json=request("y" * 43)), 410, "token-unknown")


@check("e.proof")
def possession_is_proven_before_anything_else(kit: Kit) -> None:
    """A proof by another key, over another token, or no proof at all."""
    other = Ed25519PrivateKey.generate()
    for changes in ({"proof": "A" * 86}, {"proof": enrolment_proof(other, "y" * 43)}, {"token": "z" * 43}):
        refused(kit.http.post(ENROL, json=request("y" * 43) | changes), 401, "bad-proof")


@check("e.shape")
def an_enrolment_is_closed_and_bounded(kit: Kit) -> None:
    """Unknown capabilities, other rates, surplus keys, sizes, media types."""
    for changes in (
        {"capabilities": ["face_recognition"]}, {"audio": {"rate_hz": 8000}}, {"surplus": 1},
        {"public_key": "A" * 20}, {"serial": ""}, {"token": ""},
    ):  # fmt: skip
        refused(kit.http.post(ENROL, json=request("y" * 43) | changes), 422, "schema")
    for name in request("y" * 43):
        less = {key: value for key, value in request("y" * 43).items() if key != name}
        refused(kit.http.post(ENROL, json=less), 422, "schema")
    plain = {"Content-Type": "application/json"}
    refused(kit.http.post(ENROL, content=b" " * 4097, headers=plain), 413, "too-large")
    refused(kit.http.post(ENROL, content=b"{}", headers={"Content-Type": "text/plain"}), 415, "media-type")
    refused(kit.http.post(ENROL, content=b'{"token":1,"token":1}', headers=plain), 400, "bad-json")
    refused(kit.http.get(ENROL), 405, "method-not-allowed")


@check("e.rotate")
def a_rotation_must_be_signed_and_carry_a_key(kit: Kit) -> None:
    """Unsigned, without a key, or with something that is none: the key in use stays."""
    raw = json.dumps({"public_key": b64url(public_bytes(Ed25519PrivateKey.generate()))}).encode()
    plain = {"Content-Type": "application/json"}
    refused(kit.http.post(KEYS, content=raw, headers=plain), 401, "bad-signature")
    for value in ({}, {"public_key": ""}, {"public_key": "A" * 42}, {"public_key": 7}, [], "x"):
        refused(kit.post(value, KEYS), 422, "schema")
    good = {"public_key": b64url(public_bytes(Ed25519PrivateKey.generate()))}
    refused(kit.post(good | {"surplus": 1}, KEYS), 422, "schema")
    refused(kit.post(good | {"proof": "A" * 86}, KEYS), 401, "bad-proof")
