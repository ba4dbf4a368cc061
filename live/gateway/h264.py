"""Seeing where a key frame begins in H.264 RTP (RFC 6184), without decoding anything."""

from __future__ import annotations

NAL_SPS = 7
NAL_STAP_A = 24
NAL_FU_A = 28


def starts_key_frame(payload: bytes) -> bool:
    """True when this packet carries a sequence parameter set, alone, aggregated or fragmented.

    Encoders for live use repeat SPS and PPS before each IDR picture. An IDR slice without them in
    front is not a beginning: a decoder that has seen nothing can't use it.
    """
    if len(payload) < 2:
        return False
    kind = payload[0] & 0x1F
    if kind == NAL_SPS:
        return True
    if kind == NAL_FU_A:
        return bool(payload[1] & 0x80) and payload[1] & 0x1F == NAL_SPS
    return kind == NAL_STAP_A and NAL_SPS in aggregated_kinds(payload)


def aggregated_kinds(payload: bytes) -> list[int]:
    """NAL unit types inside a STAP-A packet; stops quietly where the lengths stop making sense."""
    kinds = []
    at = 1
    while at + 2 < len(payload):
        length = int.from_bytes(payload[at : at + 2], "big")
        if length == 0 or at + 2 + length > len(payload):
            break
        kinds.append(payload[at + 2] & 0x1F)
        at += 2 + length
    return kinds
