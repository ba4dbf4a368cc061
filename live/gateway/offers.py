"""Reading a peer's SDP offer: exactly one H.264 video stream, and no address taken from it."""

from __future__ import annotations

import re

from aiortc import RTCRtpCodecCapability, RTCRtpSender, RTCSessionDescription, sdp

PUBLISHES = ("sendonly", "sendrecv")
VIEWS = ("recvonly", "sendrecv")


class BadOffer(Exception):
    """The offer can't be used; the message is safe to send back."""


def read_offer(text: str, action: str) -> RTCSessionDescription:
    """Check an offer for `publish` or `read` and strip its candidates. Raises BadOffer.

    Candidates are dropped on purpose: the peer reaches the gateway's own address, and the gateway
    answers only where a correct STUN check came from. So an offer can't point it at anybody else.
    """
    try:
        parsed = sdp.SessionDescription.parse(text)
        media = [(one.kind, one.direction) for one in parsed.media]
        names = {codec.name.upper() for one in parsed.media for codec in one.rtp.codecs}
    except Exception as error:  # aiortc's parser raises whatever the broken line led to
        raise BadOffer("the offer is not valid SDP") from error
    if [kind for kind, _ in media] != ["video"]:
        raise BadOffer("the offer must have exactly one section, video; sound is never carried")
    if media[0][1] not in (PUBLISHES if action == "publish" else VIEWS):
        raise BadOffer("the offer's direction does not fit this address")
    if "H264" not in names:
        raise BadOffer("the offer has no H.264")
    lines = [line for line in text.splitlines() if not is_candidate(line)]
    return RTCSessionDescription(sdp="\r\n".join(lines) + "\r\n", type="offer")


def is_candidate(line: str) -> bool:
    return line.startswith(("a=candidate:", "a=end-of-candidates"))


def offered_username(text: str) -> str | None:
    """The ICE user name of an offer or of a trickle fragment; another one asks for a restart."""
    found = re.search(r"^a=ice-ufrag:(\S+)\s*$", text, re.MULTILINE)
    return found.group(1) if found else None


def h264_preferences() -> list[RTCRtpCodecCapability]:
    """Constrained baseline first, then baseline, with retransmission; nothing else is negotiated.

    Must be set before `setRemoteDescription`: set later, packets arrive and nothing decodes.
    """
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    h264 = [c for c in capabilities if c.mimeType.lower() == "video/h264"]
    h264.sort(key=lambda c: str(c.parameters.get("profile-level-id")) != "42e01f")
    return h264 + [c for c in capabilities if c.mimeType.lower() == "video/rtx"]
