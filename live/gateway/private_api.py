"""Every touch of aiortc's and aioice's private API, in one place.

aiortc decodes what it receives and encodes what it sends; forwarding needs neither, and has no public
door. So aiortc is pinned, this module is the only one that knows its inside, and
`tests/live_gateway/test_aiortc_contract.py` fails first when a new version moves something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import aioice.ice
from aiortc import MediaStreamTrack, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver, clock
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

AIORTC_TESTED = "1.16.0"

# A dead peer is noticed by STUN consent (RFC 7675): about 8 s instead of aioice's 30 s, because "who is
# watching" is shown on the board and a vanished browser must not stay in that list.
aioice.ice.CONSENT_INTERVAL = 2
aioice.ice.CONSENT_FAILURES = 4


class PacketSink(Protocol):
    """What stands in place of the receiver's jitter buffer, after RTX unwrapping and NACK."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]: ...


class SilentTrack(MediaStreamTrack):
    """A video track that never yields: the sender's own loop sleeps while we send in its place."""

    kind = "video"

    async def recv(self) -> Any:
        await asyncio.Event().wait()


def use_addresses(transceiver: RTCRtpTransceiver, addresses: Sequence[str]) -> None:
    """Gather candidates on these addresses only (aioice would take every one except loopback)."""
    connection: Any = transceiver.receiver.transport.transport.iceGatherer._connection
    gather = connection.get_component_candidates

    async def limited(component: int, addresses: Any = (), timeout: int = 5) -> Any:
        return await gather(component=component, addresses=list(chosen), timeout=timeout)

    chosen = tuple(addresses)
    connection.get_component_candidates = limited


def put_in_place_of_jitter_buffer(receiver: RTCRtpReceiver, sink: PacketSink) -> None:
    inner: Any = receiver
    inner._RTCRtpReceiver__jitter_buffer = sink


def on_key_frame_request(sender: RTCRtpSender, handler: Callable[[], None]) -> None:
    """Call `handler` for each PLI or FIR the viewer sends."""
    inner: Any = sender
    inner._send_keyframe = handler


def send_key_frame_request(receiver: RTCRtpReceiver, media_ssrc: int) -> None:
    run_now(receiver._send_rtcp_pli(media_ssrc))


def negotiated_payload_type(transceiver: RTCRtpTransceiver) -> int:
    number = transceiver._codecs[0].payloadType
    assert number is not None
    return number


def ssrc_of(sender: RTCRtpSender) -> int:
    return int(sender._ssrc)


def dtls_of(transceiver: RTCRtpTransceiver) -> RTCDtlsTransport:
    return transceiver.sender.transport


def send_rtp(transport: RTCDtlsTransport, data: bytes) -> None:
    """Encrypt and send one packet now. Raises ConnectionError when the transport is gone."""
    run_now(transport._send_rtp(data))


def remember_sent(sender: RTCRtpSender, packet: RtpPacket) -> None:
    """Enter a packet into the sender's history (it answers NACKs from there) and its report counters."""
    inner: Any = sender
    inner._RTCRtpSender__rtp_history[packet.sequence_number % RTP_HISTORY_SIZE] = packet
    inner._RTCRtpSender__ntp_timestamp = clock.current_ntp_time()
    inner._RTCRtpSender__rtp_timestamp = packet.timestamp
    inner._RTCRtpSender__octet_count += len(packet.payload)
    inner._RTCRtpSender__packet_count += 1


def forget_sent(sender: RTCRtpSender) -> None:
    """Empty the history, so that a NACK after the end brings nothing back."""
    inner: Any = sender
    inner._RTCRtpSender__rtp_history.clear()


def run_now(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Drive a coroutine that never really waits to its end, without a task for each packet."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("this aiortc call now waits; forwarding has to be rewritten")
