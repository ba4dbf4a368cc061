"""`python -m live.gateway --port N [--host H] [--udp-from A --udp-to B]`"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys

from aiohttp import web

from live.gateway.hooks import Console
from live.gateway.ports import PortRange
from live.gateway.sessions import Registry
from live.gateway.settings import BadSettings, Settings, from_environment
from live.gateway.web import make_app

log = logging.getLogger("gateway")


def read_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="live.gateway", description="Forwards live video, WHIP to WHEP.")
    parser.add_argument("--host", default="127.0.0.1", help="HTTP address (default: loopback only)")
    parser.add_argument("--port", type=int, required=True, help="HTTP port")
    parser.add_argument("--udp-from", type=int, default=0, help="first UDP port for media")
    parser.add_argument("--udp-to", type=int, default=0, help="last UDP port for media")
    return parser.parse_args(argv)


async def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM. Raises OSError when the HTTP port is taken."""
    loop = asyncio.get_running_loop()
    if settings.udp_from:
        PortRange(settings.udp_from, settings.udp_to).install(loop)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    # No access log: it would hold addresses that end a session.
    runner = web.AppRunner(make_app(Registry(settings, Console(settings))), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        log.info("ready on http://%s:%d", settings.host, settings.port)
        await stop.wait()
    finally:
        await runner.cleanup()


def main(argv: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    for noisy in ("aioice", "aiortc", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    arguments = read_arguments(argv)
    try:
        settings = from_environment(
            os.environ,
            port=arguments.port,
            host=arguments.host,
            udp_from=arguments.udp_from,
            udp_to=arguments.udp_to,
        )
        asyncio.run(serve(settings))
    except (BadSettings, OSError) as error:
        print(f"media gateway: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
