"""Sending the camera to the console's media gateway by WHIP (RFC 9725), only between start and stop.

A trailer's picture leaves it for one reason: the console commanded `stream.start` with an address and
a token. So nothing here opens a socket, and the camera takes no picture, before `start()`.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import aioice.ice
import httpx
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from agent.camera import FPS, Camera

log = logging.getLogger("agent.publisher")
# httpx logs every address it calls; the one that ends a session is a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

# A gateway that is gone is noticed by STUN consent in about 8 s instead of 30 s: a trailer must not go on
# sending into nothing.
aioice.ice.CONSENT_INTERVAL = 2
aioice.ice.CONSENT_FAILURES = 4

LOOPBACK = ("127.0.0.1", "localhost", "::1")
REQUEST_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 10.0


def warm_up() -> None:
    """Draw the scene and load the encoder once, in the calling thread; opens nothing, sends nothing."""
    Camera("").prepare()


class PublishRefused(Exception):
    """The gateway said no, or was not there. `status` is its HTTP status, None without an answer."""

    def __init__(self, status: int | None, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Stats:
    """What has left this publisher since it was made; survives `stop()`."""

    bytes_sent: int
    packets_sent: int
    frames: int


class CameraTrack(MediaStreamTrack):
    """The camera as an aiortc track of encoded packets; pictures are paced, late ones are skipped."""

    kind = "video"

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self._camera = camera
        self._pending: list[Any] = []
        self._due = 0.0
        # One thread: the encoder keeps state, and the event loop must stay free for the channel.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="camera")

    async def recv(self) -> Any:
        while not self._pending:
            if self.readyState != "live":
                raise MediaStreamError
            await self._pace()
            if self.readyState != "live":
                raise MediaStreamError  # stopped while it waited for its moment: the worker is gone
            loop = asyncio.get_running_loop()
            self._pending = await loop.run_in_executor(self._worker, self._camera.encode)
        return self._pending.pop(0)

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due + 1 / self._camera.fps, now - 0.5 / self._camera.fps)
        if self._due > now:
            await asyncio.sleep(self._due - now)

    def stop(self) -> None:
        super().stop()
        self._worker.shutdown(wait=False, cancel_futures=True)


class Publisher:
    """One WHIP session at a time. `start` and `stop` are idempotent in effect and safe in any order."""

    def __init__(self, *, fps: int = FPS, verify: Any = True) -> None:
        """`fps`: pictures a second; `verify`: TLS verification as httpx takes it, for https addresses."""
        self._fps = fps
        self._verify = verify
        self._pc: RTCPeerConnection | None = None
        self._sender: RTCRtpSender | None = None
        self._camera: Camera | None = None
        self._masked = False
        self._resource: tuple[str, str] | None = None
        self._before = Stats(0, 0, 0)
        self._ended = asyncio.Event()
        self._ended.set()

    @property
    def active(self) -> bool:
        """True between a successful `start` and the end, whoever ended it."""
        return not self._ended.is_set()

    @property
    def stats(self) -> Stats:
        """Media bytes and packets handed to the network, and pictures taken, over all sessions."""
        if self._sender is None or self._camera is None:
            return self._before
        octets, packets = _sent(self._sender)
        return Stats(
            self._before.bytes_sent + octets,
            self._before.packets_sent + packets,
            self._before.frames + self._camera.counter,
        )

    async def wait_ended(self) -> None:
        """Wait until nothing is being sent: after `stop()`, or when the gateway cut the session."""
        await self._ended.wait()

    async def start(self, whip_url: str, token: str, trailer_label: str) -> None:
        """Publish until stopped. Returns when the gateway has accepted the offer.

        Raises PublishRefused when it has not (401 token, 503 no port, None no answer).
        """
        await self.stop()
        self._camera = Camera(trailer_label, fps=self._fps)
        self._camera.masked = self._masked
        preparing = asyncio.create_task(asyncio.to_thread(self._camera.prepare))
        self._pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._ended.clear()
        try:
            await self._negotiate(pc, self._camera, whip_url, token)
            await preparing
        except BaseException:
            preparing.cancel()
            await self.stop()
            raise

    async def _negotiate(self, pc: RTCPeerConnection, camera: Camera, whip_url: str, token: str) -> None:
        transceiver = pc.addTransceiver(CameraTrack(camera), direction="sendonly")
        self._sender = transceiver.sender
        transceiver.setCodecPreferences(_h264())
        # PLI reaches an encoder that aiortc doesn't own (contract-tested, aiortc is pinned).
        sender: Any = transceiver.sender
        sender._send_keyframe = camera.force_key_frame
        if urlsplit(whip_url).hostname in LOOPBACK:
            _use_loopback(transceiver)
        pc.on("connectionstatechange", lambda: self._state_changed(pc))
        await pc.setLocalDescription(await pc.createOffer())
        answer = await self._post(whip_url, token, pc.localDescription.sdp)
        try:
            await pc.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        except Exception as error:
            raise PublishRefused(201, "the gateway's answer could not be used") from error
        asyncio.get_running_loop().call_later(CONNECT_TIMEOUT_S, self._give_up, pc)

    async def _post(self, whip_url: str, token: str, offer: str) -> str:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        try:
            async with self._client() as client:
                answer = await client.post(whip_url, content=offer, headers=headers)
        except httpx.HTTPError as error:
            raise PublishRefused(None, f"the gateway gave no answer: {type(error).__name__}") from error
        if answer.status_code != 201:
            raise PublishRefused(answer.status_code, f"the gateway answered {answer.status_code}")
        if location := answer.headers.get("Location"):
            self._resource = (urljoin(whip_url, location), token)
        return answer.text

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=REQUEST_TIMEOUT_S, verify=self._verify, trust_env=False)

    def _state_changed(self, pc: RTCPeerConnection) -> None:
        if pc is self._pc and pc.connectionState in ("failed", "closed"):
            self._end(pc)

    def _give_up(self, pc: RTCPeerConnection) -> None:
        if pc is self._pc and pc.connectionState not in ("connected", "closed"):
            log.warning("the media connection did not come up")
            self._end(pc)

    def _end(self, pc: RTCPeerConnection) -> None:
        """Book what was sent and let go of the connection; nothing is sent after this."""
        self._before = self.stats
        track = self._sender.track if self._sender else None
        self._pc = self._sender = self._camera = self._resource = None
        if track is not None:
            track.stop()
        self._ended.set()
        self._closing = asyncio.ensure_future(pc.close())

    def mask(self, on: bool) -> None:
        """Take dark pictures while `on`, from the very next one."""
        self._masked = on
        if self._camera is not None:
            self._camera.masked = on

    async def stop(self) -> None:
        """Stop sending, at once; then tell the gateway. Never raises for a network fault."""
        pc, resource = self._pc, self._resource
        if pc is None:
            return
        self._end(pc)
        await self._closing
        if resource is None:
            return
        try:
            async with self._client() as client:
                await client.delete(
                    resource[0], headers={"Authorization": f"Bearer {resource[1]}"}, timeout=1.0
                )
        except httpx.HTTPError:
            log.info("the gateway could not be told that the stream ended")


def _h264() -> list[Any]:
    capabilities = RTCRtpSender.getCapabilities("video").codecs
    h264 = [c for c in capabilities if c.parameters.get("profile-level-id") == "42e01f"]
    return h264 + [c for c in capabilities if c.mimeType.lower() == "video/rtx"]


def _use_loopback(transceiver: RTCRtpTransceiver) -> None:
    """aioice never offers 127.0.0.1, so a machine without a network could not stream to itself."""
    connection: Any = transceiver.sender.transport.transport.iceGatherer._connection
    gather = connection.get_component_candidates

    async def limited(component: int, addresses: Any = (), timeout: int = 5) -> Any:
        return await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)

    connection.get_component_candidates = limited


def _sent(sender: RTCRtpSender) -> tuple[int, int]:
    return sender._RTCRtpSender__octet_count, sender._RTCRtpSender__packet_count  # type: ignore[attr-defined]
