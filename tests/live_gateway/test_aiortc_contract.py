"""The private parts of aiortc and aioice that forwarding stands on. Fails first when a version moves them."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import RtpPacket

from live.gateway import private_api
from live.gateway.offers import h264_preferences
from tests.live_gateway.harness import Viewer

ROOT = Path(__file__).resolve().parents[2]


def connection(direction: str) -> tuple[RTCPeerConnection, Any]:
    pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    return pc, pc.addTransceiver("video", direction=direction)


def test_the_tested_version_is_the_pinned_and_installed_one() -> None:
    assert version("aiortc") == private_api.AIORTC_TESTED
    assert f"aiortc=={private_api.AIORTC_TESTED}" in (ROOT / "requirements/base.in").read_text()


async def test_the_receiver_has_a_jitter_buffer_with_add_after_repair() -> None:
    pc, transceiver = connection("recvonly")
    assert isinstance(transceiver.receiver._RTCRtpReceiver__jitter_buffer, JitterBuffer)
    assert list(inspect.signature(JitterBuffer.add).parameters) == ["self", "packet"]
    body = inspect.getsource(RTCRtpReceiver._handle_rtp_packet)
    order = ["unwrap_rtx", "__nack_generator.add", "depayload", "__jitter_buffer.add(packet)"]
    assert [body.index(one) for one in order] == sorted(body.index(one) for one in order)
    assert "pli_flag, encoded_frame = self.__jitter_buffer.add(packet)" in body
    await pc.close()


async def test_the_sender_has_a_history_and_counters_and_answers_nacks_from_it() -> None:
    pc, transceiver = connection("sendonly")
    sender = transceiver.sender
    packet = RtpPacket(payload_type=97, sequence_number=300, timestamp=5, ssrc=1, payload=b"abc")
    private_api.remember_sent(sender, packet)
    assert sender._RTCRtpSender__rtp_history[300 % 128] is packet
    assert (sender._RTCRtpSender__octet_count, sender._RTCRtpSender__packet_count) == (3, 1)
    assert "__rtp_history.get(" in inspect.getsource(RTCRtpSender._retransmit)
    assert "_send_keyframe()" in inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    private_api.forget_sent(sender)
    assert sender._RTCRtpSender__rtp_history == {}
    await pc.close()


async def test_a_silent_track_keeps_the_senders_own_loop_asleep() -> None:
    track = private_api.SilentTrack()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(track.recv(), 0.05)


async def test_sending_never_waits() -> None:
    pc, transceiver = connection("sendonly")
    transport = transceiver.sender.transport
    with pytest.raises(ConnectionError):
        private_api.send_rtp(transport, b"\x80" * 20)

    async def waits() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError):
        private_api.run_now(waits())
    assert "await" not in inspect.getsource(aioice.ice.StunProtocol.send_data)
    await pc.close()


async def test_candidates_come_only_from_the_addresses_given_and_from_no_server() -> None:
    pc, transceiver = connection("sendonly")
    private_api.use_addresses(transceiver, ["127.0.0.1"])
    inner = transceiver.receiver.transport.transport.iceGatherer._connection
    assert inner.stun_server is None
    assert inner.turn_server is None
    await pc.setLocalDescription(await pc.createOffer())
    lines = [line for line in pc.localDescription.sdp.splitlines() if line.startswith("a=candidate")]
    assert len(lines) == 1
    assert " 127.0.0.1 " in lines[0]
    await pc.close()


def test_a_vanished_peer_is_noticed_in_seconds() -> None:
    source = inspect.getsource(aioice.ice.Connection.query_consent)
    assert "CONSENT_INTERVAL" in source
    assert "CONSENT_FAILURES" in source
    assert aioice.ice.CONSENT_INTERVAL * aioice.ice.CONSENT_FAILURES <= 10


@pytest.mark.parametrize("before", [True, False])
async def test_codec_preference_only_counts_before_the_remote_description(before: bool) -> None:
    """Set after it, VP8 stays negotiated and H.264 packets arrive under a number that decodes nothing."""
    viewer = Viewer()
    viewer.transceiver.setCodecPreferences([])
    text = await viewer.offer()
    pc, transceiver = connection("sendonly")
    if before:
        transceiver.setCodecPreferences(h264_preferences())
    await pc.setRemoteDescription(RTCSessionDescription(sdp=text, type="offer"))
    if not before:
        transceiver.setCodecPreferences(h264_preferences())
    negotiated = transceiver._codecs[0]
    assert (negotiated.name == "H264") is before
    if before:
        assert private_api.negotiated_payload_type(transceiver) == negotiated.payloadType
        assert negotiated.parameters["profile-level-id"] == "42e01f"
        assert negotiated.parameters["packetization-mode"] == "1"
    await pc.close()
    await viewer.close()
