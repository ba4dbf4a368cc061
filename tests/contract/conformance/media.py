"""`PUT …/clip` and `…/crop`: bytes that were announced, once, in one canonical form."""

from __future__ import annotations

import hashlib
import math
import random
import struct
from typing import Any

import httpx

from tests.contract.conformance.kit import Kit, check, refused

RATE_HZ = 16_000


def shot_wav(seconds: float = 3.0, rate_hz: int = RATE_HZ, at_s: float = 1.9, seed: int = 1) -> bytes:
    """A synthetic shot in noise: canonical RIFF, PCM 16, mono."""
    rng = random.Random(seed)
    samples = []
    for n in range(int(seconds * rate_hz)):
        since = n / rate_hz - at_s
        loud = 24_000 * math.exp(-since / 0.05) * rng.uniform(-1, 1) if since >= 0 else 0.0
        samples.append(int(max(-32_767, min(32_767, rng.gauss(0, 20) + loud))))
    return wav(struct.pack(f"<{len(samples)}h", *samples), rate_hz)


def wav(data: bytes, rate_hz: int = RATE_HZ) -> bytes:
    """The canonical form around PCM data."""
    fmt = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * 2, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
    return head + b"data" + struct.pack("<I", len(data)) + data


def announced(kit: Kit, clip: bytes, **changes: Any) -> str:
    """Post a gunshot that announces a clip; its id."""
    body = kit.gunshot()
    body["gunshot"]["clip"] = {"sha256": hashlib.sha256(clip).hexdigest(), "bytes": len(clip)} | changes
    said = kit.taken(body)
    assert said["upload"]["clip"] == f"/api/v1/alerts/{said['id']}/clip"
    assert said["upload"]["until"].endswith("Z")
    return str(said["id"])


def put(
    kit: Kit, alert: str, clip: bytes, kind: str = "clip", media_type: str = "audio/wav"
) -> httpx.Response:
    """PUT bytes, signed."""
    return kit.send(f"/api/v1/alerts/{alert}/{kind}", clip, "PUT", content_type=media_type)


@check("k.clip", "k.repeat")
def an_announced_clip_is_taken_once(kit: Kit) -> None:
    """201, the same again 200, other bytes refused, no way to read it back."""
    clip = shot_wav()
    alert = announced(kit, clip)
    assert put(kit, alert, clip).status_code == 201
    assert put(kit, alert, clip).status_code == 200
    refused(put(kit, alert, shot_wav(seed=2)), 409, "id-conflict")
    refused(kit.get(f"/api/v1/alerts/{alert}/clip"), 405, "method-not-allowed")


@check("k.announced")
def nothing_is_taken_that_was_not_announced(kit: Kit) -> None:
    """No clip announced, another alert, a crop of a gunshot, another media type."""
    clip = shot_wav()
    refused(put(kit, str(kit.taken()["id"]), clip), 404, "not-found")
    refused(put(kit, "00000000-0000-4000-8000-000000000000", clip), 404, "not-found")
    alert = announced(kit, clip)
    refused(put(kit, alert, clip, media_type="audio/flac"), 415, "media-type")
    refused(put(kit, alert, clip, media_type="multipart/form-data; boundary=x"), 415, "media-type")
