"""Sessions: opened after the console's yes, kept by its lease, cut at once on its no."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpTransceiver, RTCSessionDescription

from live.gateway import private_api
from live.gateway.hooks import Console, Request
from live.gateway.offers import h264_preferences, offered_username
from live.gateway.relay import Leg, Relay, Source
from live.gateway.settings import Settings

log = logging.getLogger("gateway.sessions")

SWEEP_EVERY_S = 0.25


class Full(Exception):
    """No port or slot left: nothing was asked of the console, no token was spent."""


class Refused(Exception):
    """The console did not say yes."""


@dataclass(eq=False)
class Session:
    """One publisher or viewer. `secret` is the address to end it; `id` is what the console knows."""

    request: Request
    pc: RTCPeerConnection
    transceiver: RTCRtpTransceiver
    relay: Relay
    lease_until: float
    opened_at: float
    remote_ufrag: str | None
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    connected: bool = False
    closed: bool = False
    source: Source | None = None
    leg: Leg | None = None

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def publishes(self) -> bool:
        return self.request.action == "publish"

    def wire(self) -> dict[str, object]:
        """The item MediaMTX lists for a WebRTC session."""
        return {
            "id": self.id,
            "created": self.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "peerConnectionEstablished": self.connected,
            "remoteAddr": self.request.ip,
            "state": "publish" if self.publishes else "read",
            "path": self.request.path,
            "query": self.request.query,
            "user": "",
            "bytesReceived": self.source.bytes_received if self.source else 0,
            "bytesSent": self.leg.bytes_sent if self.leg else 0,
        }


class Registry:
    """All sessions of this process. Every change happens on the one event loop."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self.settings = settings
        self.console = console
        self.sessions: dict[str, Session] = {}
        self._relays: dict[str, Relay] = {}
        self._opening = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.console.start()
        self._tasks = [asyncio.create_task(self._sweep()), asyncio.create_task(self._renew_leases())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for session in list(self.sessions.values()):
            self.close(session, "gateway stops")
        if self._closing:
            await asyncio.wait(self._closing, timeout=3)
        await self.console.stop()

    async def open(self, request: Request, offer: RTCSessionDescription) -> tuple[Session, str]:
        """Ask the console, negotiate, register. Returns the session and the SDP answer.

        Raises Full before the question (so that a single-use token is not spent), Refused after it,
        ValueError when aiortc can't use the offer.
        """
        # A port is freed only when its session's close has run to the end, so those still count.
        if len(self.sessions) + self._opening + len(self._closing) >= self.settings.max_sessions:
            raise Full
        self._opening += 1
        try:
            if not await self.console.allows(request):
                raise Refused
            return await self._negotiate(request, offer)
        finally:
            self._opening -= 1

    async def _negotiate(self, request: Request, offer: RTCSessionDescription) -> tuple[Session, str]:
        # No ICE server: aiortc's default asks a public STUN server on the Internet.
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        publishes = request.action == "publish"
        if publishes:
            transceiver = pc.addTransceiver("video", direction="recvonly")
        else:
            transceiver = pc.addTransceiver(private_api.SilentTrack(), direction="sendonly")
        transceiver.setCodecPreferences(h264_preferences())
        private_api.use_addresses(transceiver, self.settings.addresses)
        now = asyncio.get_running_loop().time()
        session = Session(
            request=request,
            pc=pc,
            transceiver=transceiver,
            relay=self._relays.setdefault(request.path, Relay(request.path)),
            lease_until=now + self.settings.lease_life_s,
            opened_at=now,
            remote_ufrag=offered_username(offer.sdp),
        )
        self.sessions[session.id] = session
        pc.on("connectionstatechange", lambda: self._state_changed(session))
        try:
            await pc.setRemoteDescription(offer)
            if publishes:
                self._begin_publishing(session)
            await pc.setLocalDescription(await pc.createAnswer())
        except Exception as error:
            self.close(session, "negotiation failed")
            raise ValueError("the offer could not be answered") from error
        if session.closed:
            raise Refused
        if "a=candidate:" not in pc.localDescription.sdp:
            self.close(session, "no UDP port could be bound")
            raise Full
        log.info("session %s opened: %s %s", session.id, request.action, request.path[:8])
        return session, pc.localDescription.sdp

    def _begin_publishing(self, session: Session) -> None:
        # A new publisher that the console approved takes over from one whose link has died.
        for other in self._on_path(session.relay.path, publishing=True):
            if other is not session:
                self.close(other, "replaced by a new publisher", with_viewers=False)
        session.source = Source(session.relay, session.transceiver.receiver)
        session.relay.set_source(session.source)

    def _state_changed(self, session: Session) -> None:
        state = session.pc.connectionState
        if state == "connected" and not session.connected and not session.closed:
            session.connected = True
            if session.source is not None:
                session.source.last_packet_at = asyncio.get_running_loop().time()
            if not session.publishes:
                session.leg = Leg(session.transceiver)
                session.relay.add_leg(session.leg)
        elif state in ("failed", "closed") and not session.closed:
            self.close(session, f"peer connection {state}")

    def close(self, session: Session, reason: str, *, with_viewers: bool = True) -> None:
        """Cut now, tidy up after: when this returns no further packet is forwarded or repeated.

        The peer is told by DTLS close a moment later, so that a trailer stops sending by itself.
        """
        if session.closed:
            return
        session.closed = True
        self.sessions.pop(session.id, None)
        relay = session.relay
        if session.leg is not None:
            relay.remove_leg(session.leg)
        if session.source is not None:
            session.source.cut()
            if relay.source is session.source:
                relay.set_source(None)
        log.info("session %s closed: %s", session.id, reason)
        if session.publishes and with_viewers:
            for viewer in self._on_path(relay.path, publishing=False):
                self.close(viewer, "its publisher is gone")
        if not any(other.relay is relay for other in self.sessions.values()):
            relay.close()
            self._relays.pop(relay.path, None)
        task = asyncio.create_task(self._shut(session.pc))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _shut(self, pc: RTCPeerConnection) -> None:
        try:
            await asyncio.wait_for(pc.close(), timeout=5)
        except Exception as error:
            log.warning("a peer connection did not close cleanly: %s", type(error).__name__)

    def kick(self, session_id: str) -> bool:
        """End a session by its id, a publisher with its viewers. False when there is none."""
        session = self.sessions.get(session_id)
        if session is None:
            return False
        self.close(session, "kicked by the console")
        return True

    def by_secret(self, path: str, action: str, secret: str) -> Session | None:
        """The session a WHIP/WHEP resource address stands for."""
        for session in self.sessions.values():
            same = session.request.path == path and session.request.action == action
            if same and secrets.compare_digest(session.secret.encode(), secret.encode()):
                return session
        return None

    def _on_path(self, path: str, *, publishing: bool) -> list[Session]:
        return [s for s in self.sessions.values() if s.relay.path == path and s.publishes is publishing]

    async def _renew_leases(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            asked_at = loop.time()
            if self.sessions:
                await self._renew_once(asked_at)
            await asyncio.sleep(max(0.0, asked_at + self.settings.lease_every_s - loop.time()))

    async def _renew_once(self, asked_at: float) -> None:
        asked = list(self.sessions.values())
        keep = await self.console.renew(
            [{"id": s.id, "path": s.request.path, "action": s.request.action} for s in asked]
        )
        if keep is None:
            return
        for session in asked:
            if session.id in keep:
                session.lease_until = asked_at + self.settings.lease_life_s
            else:
                self.close(session, "lease not renewed")

    async def _sweep(self) -> None:
        """Lapsed leases, peers that never connect, publishers gone silent, viewers waiting in vain."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            for session in list(self.sessions.values()):
                reason = self._why_end(session, loop.time())
                if reason:
                    self.close(session, reason)
                elif session.leg is not None and session.leg.waiting:
                    session.relay.request_key_frame()

    def _why_end(self, session: Session, now: float) -> str | None:
        limits = self.settings
        if now >= session.lease_until:
            return "lease lapsed: no answer from the console"
        if not session.connected:
            return "never connected" if now > session.opened_at + limits.connect_timeout_s else None
        if session.source is not None and now > session.source.last_packet_at + limits.publisher_silence_s:
            return "publisher silent"
        no_source = session.leg is not None and session.relay.source is None
        if no_source and now > session.opened_at + limits.viewer_patience_s:
            return "no publisher came"
        return None
