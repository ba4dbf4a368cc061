"""One path: at most one publisher, any number of viewers, packets copied across and never decoded."""

from __future__ import annotations

import asyncio
import logging
import random
from struct import pack

from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.rtp import RtpPacket

from live.gateway import private_api
from live.gateway.h264 import starts_key_frame

log = logging.getLogger("gateway.relay")

KEY_FRAME_EVERY_S = 0.3
# One frame at 25 fps in the 90 kHz clock: the step over a change of publisher.
FRAME_TICKS = 3600
# Only near its beginning can a viewer meet packets older than the key frame it began with.
EARLY_PACKETS = 512


class Leg:
    """The way to one viewer: own SSRC, payload type, sequence numbers and timestamps."""

    def __init__(self, transceiver: RTCRtpTransceiver) -> None:
        self.sender = transceiver.sender
        self.transport = private_api.dtls_of(transceiver)
        self.payload_type = private_api.negotiated_payload_type(transceiver)
        self.ssrc = private_api.ssrc_of(self.sender)
        self.waiting = True
        self.open = True
        self.packets_sent = 0
        self.bytes_sent = 0
        # Low half, so that a late first packet can't wrap below zero (SRTP would lose its index).
        self._next_sequence = random.randrange(1, 1 << 15)
        self._last_timestamp = random.randrange(1 << 32)
        self._sequence_offset = 0
        self._timestamp_offset = 0
        self._base = 0
        self._since_base = 0

    def cut(self) -> None:
        """No packet leaves after this call, not even as a repair."""
        self.open = False
        private_api.forget_sent(self.sender)

    def hold(self) -> None:
        """Wait for the next key frame: at the start, and when the publisher changes."""
        self.waiting = True

    def forward(self, packet: RtpPacket, begins: bool) -> None:
        """Send one packet on; dropped while no key frame has begun."""
        if not self.open:
            return
        if self.waiting:
            if not begins:
                return
            self._rebase(packet)
        elif self._since_base < EARLY_PACKETS and (packet.sequence_number - self._base) & 0xFFFF > 0x8000:
            return
        self._since_base += 1
        self._send(packet)

    def _rebase(self, packet: RtpPacket) -> None:
        self.waiting = False
        self._base = packet.sequence_number
        self._since_base = 0
        self._sequence_offset = self._next_sequence - packet.sequence_number
        self._timestamp_offset = self._last_timestamp + FRAME_TICKS - packet.timestamp

    def _send(self, packet: RtpPacket) -> None:
        sequence = (packet.sequence_number + self._sequence_offset) & 0xFFFF
        timestamp = (packet.timestamp + self._timestamp_offset) & 0xFFFFFFFF
        out = RtpPacket(self.payload_type, packet.marker, sequence, timestamp, self.ssrc, packet.payload)
        head = pack("!BBHLL", 0x80, packet.marker << 7 | self.payload_type, sequence, timestamp, self.ssrc)
        try:
            private_api.send_rtp(self.transport, head + packet.payload)
        except ConnectionError:
            self.open = False
            return
        private_api.remember_sent(self.sender, out)
        self._next_sequence = (sequence + 1) & 0xFFFF
        self._last_timestamp = timestamp
        self.packets_sent += 1
        self.bytes_sent += len(packet.payload) + 12


class Source:
    """The publisher's end, standing where aiortc would collect packets into frames."""

    def __init__(self, relay: Relay, receiver: RTCRtpReceiver) -> None:
        self.relay = relay
        self.receiver = receiver
        self.ssrc: int | None = None
        self.packets_received = 0
        self.bytes_received = 0
        self.last_packet_at = 0.0
        self.open = True
        private_api.put_in_place_of_jitter_buffer(receiver, self)

    def cut(self) -> None:
        """No packet passes after this call, also not one already received."""
        self.open = False

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """aiortc hands over each packet here, after repair; never a frame, never a request for one."""
        if self.open:
            self.ssrc = packet.ssrc
            self.packets_received += 1
            self.bytes_received += len(packet.payload) + 12
            self.last_packet_at = asyncio.get_running_loop().time()
            if packet.payload:
                self.relay.forward(self, packet)
        return False, None


class Relay:
    """All of one path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.source: Source | None = None
        self.legs: list[Leg] = []
        self.key_frame_requests = 0
        self._requested_at = -1.0
        self._request_due: asyncio.TimerHandle | None = None

    def set_source(self, source: Source | None) -> None:
        """Begin with (another) publisher; every viewer waits for its first key frame."""
        self.source = source
        for leg in self.legs:
            leg.hold()

    def add_leg(self, leg: Leg) -> None:
        self.legs.append(leg)
        private_api.on_key_frame_request(leg.sender, self.request_key_frame)
        self.request_key_frame()

    def remove_leg(self, leg: Leg) -> None:
        leg.cut()
        if leg in self.legs:
            self.legs.remove(leg)

    def forward(self, source: Source, packet: RtpPacket) -> None:
        if source is not self.source:
            return
        begins = starts_key_frame(packet.payload)
        for leg in self.legs:
            leg.forward(packet, begins)

    def request_key_frame(self) -> None:
        """Ask the publisher for a key frame, at most every 300 ms; an early wish is kept, not lost."""
        loop = asyncio.get_running_loop()
        wait = self._requested_at + KEY_FRAME_EVERY_S - loop.time()
        if self._requested_at >= 0 and wait > 0:
            if self._request_due is None:
                self._request_due = loop.call_later(wait, self._request_now)
            return
        self._request_now()

    def _request_now(self) -> None:
        self._request_due = None
        source = self.source
        if source is None or source.ssrc is None or not source.open:
            return
        self._requested_at = asyncio.get_running_loop().time()
        self.key_frame_requests += 1
        private_api.send_key_frame_request(source.receiver, source.ssrc)

    def close(self) -> None:
        if self._request_due is not None:
            self._request_due.cancel()
            self._request_due = None
