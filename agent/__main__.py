"""``python -m agent --state DIR [--console URL] enrol --token …`` and ``… run``."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import signal
import sys
from pathlib import Path

from agent.client import Refusal
from agent.identity import enrol_trailer, load_config
from agent.signing import load_private_key, public_bytes
from agent.trailer import TrailerAgent, preload

EXIT_REFUSED = 2
EXIT_REVOKED = 3


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m agent", description="The agent of one trailer.")
    top.add_argument(
        "--state", type=Path, required=True, help="directory for the key, the buffer and the numbers"
    )
    top.add_argument("--console", default="", help="the console's URL; needed to enrol, kept afterwards")
    top.add_argument(
        "--authority", default="", help="public host[:port] of the console, if it is not the URL's"
    )
    verbs = top.add_subparsers(dest="verb", required=True)
    first = verbs.add_parser("enrol", help="bring a fresh key with a one-use token")
    first.add_argument("--token", required=True, help="from a technician, valid for 30 minutes")
    first.add_argument("--serial", default="unknown", help="serial number of the trailer's computer")
    verbs.add_parser("run", help="sense, report and obey until stopped")
    return top


async def enrol(arguments: argparse.Namespace) -> int:
    """Enrol and print the fingerprint that a second person compares before the key becomes active."""
    if not arguments.console:
        print("--console is needed to enrol.", file=sys.stderr)
        return EXIT_REFUSED
    try:
        identity = await enrol_trailer(
            arguments.state, arguments.console, arguments.token, arguments.serial, arguments.authority
        )
    except (Refusal, ValueError) as error:
        print(f"Not enrolled: {error}", file=sys.stderr)
        return EXIT_REFUSED
    key = load_private_key(arguments.state / "device.key")
    print(f"Enrolled as {identity['trailer']}, key {identity['keyid']}.")
    print(f"Fingerprint (SHA-256) to confirm at the console: {hashlib.sha256(public_bytes(key)).hexdigest()}")
    return 0


async def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT (0), or until the key is revoked (3)."""
    try:
        config = load_config(arguments.state, arguments.console, arguments.authority)
    except (FileNotFoundError, ValueError, KeyError) as error:
        print(f"Not enrolled yet, or the identity is damaged: {error}", file=sys.stderr)
        return EXIT_REFUSED
    agent = TrailerAgent(config)
    loading = asyncio.ensure_future(preload())
    task = asyncio.ensure_future(agent.run())
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        await asyncio.gather(loading, task)
    except asyncio.CancelledError:
        return 0
    print("The key was revoked: sensors are off, the buffer is purged. Enrol again.", file=sys.stderr)
    return EXIT_REVOKED


def main() -> int:
    """Run the command line."""
    arguments = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("httpx", "aioice", "aiortc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return asyncio.run((enrol if arguments.verb == "enrol" else run)(arguments))


if __name__ == "__main__":
    sys.exit(main())
