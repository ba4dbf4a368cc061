"""What aiortc gives by default, for comparison: decode each stream, encode it again for each viewer.

`python -m bench.transcoding_relay PORT`. Same addresses as the gateway, no approval, loopback only.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from live.gateway import private_api
from live.gateway.offers import h264_preferences


class TranscodingRelay:
    """One path; the first publisher's track is relayed frame by frame."""

    def __init__(self) -> None:
        self.relay = MediaRelay()
        self.track: Any = None
        self.connections: list[RTCPeerConnection] = []

    async def publish(self, request: web.Request) -> web.Response:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = pc.addTransceiver("video", direction="recvonly")

        def keep(track: Any) -> None:
            self.track = track

        pc.on("track", keep)
        return await self._answer(pc, transceiver, request)

    async def view(self, request: web.Request) -> web.Response:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = pc.addTransceiver(
            self.relay.subscribe(self.track, buffered=False), direction="sendonly"
        )
        return await self._answer(pc, transceiver, request)

    async def _answer(self, pc: RTCPeerConnection, transceiver: Any, request: web.Request) -> web.Response:
        self.connections.append(pc)
        transceiver.setCodecPreferences(h264_preferences())
        private_api.use_addresses(transceiver, ["127.0.0.1"])
        await pc.setRemoteDescription(RTCSessionDescription(sdp=await request.text(), type="offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        return web.Response(status=201, text=pc.localDescription.sdp, headers={"Location": "whep/x"})


async def serve(port: int) -> None:
    relay = TranscodingRelay()
    app = web.Application()
    app.router.add_post("/{path}/whip", relay.publish)
    app.router.add_post("/{path}/whep", relay.view)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
