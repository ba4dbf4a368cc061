"""``python -m agent --state DIR [--console URL] enrol``, ``… fingerprint`` and ``… run``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

from agent import VERSION, hardware
from agent.client import Refusal
from agent.identity import enrol_trailer, fingerprint_groups, load_config, own_key
from agent.streams import preload
from agent.trailer import TrailerAgent

EXIT_REFUSED = 2
EXIT_REVOKED = 3


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="csrp-agent", description="The agent of one trailer.")
    top.add_argument("--version", action="version", version=f"csrp-agent {VERSION}")
    top.add_argument(
        "--state", type=Path, required=True, help="directory for the key, the buffer and the numbers"
    )
    top.add_argument("--console", default="", help="the console's URL; needed to enrol, kept afterwards")
    top.add_argument(
        "--authority", default="", help="public host[:port] of the console, if it is not the URL's"
    )
    verbs = top.add_subparsers(dest="verb", required=True)
    first = verbs.add_parser("enrol", help="bring a fresh key with a one-use token")
    first.add_argument(
        "--token", default="", help="the code of the enrolment sheet; asked for when it is not given here"
    )
    first.add_argument("--serial", default="unknown", help="serial number of the trailer's computer")
    verbs.add_parser("fingerprint", help="show whose key this is, for the second person to compare")
    last = verbs.add_parser("run", help="sense, report and obey until stopped")
    last.add_argument("--hardware", type=Path, help="TOML file: what this trailer has beside its sensors")
    return top


async def enrol(arguments: argparse.Namespace) -> int:
    """Enrol and print the fingerprint that a second person compares before the key becomes active."""
    if not arguments.console:
        print("--console is needed to enrol.", file=sys.stderr)
        return EXIT_REFUSED
    # Asked for, it stands in no history of commands and in no list of processes.
    token = arguments.token or input("Enrolment code, as on the sheet: ")
    try:
        await enrol_trailer(arguments.state, arguments.console, token, arguments.serial, arguments.authority)
    except (Refusal, ValueError) as error:
        print(f"Not enrolled: {error}", file=sys.stderr)
        return EXIT_REFUSED
    return show_fingerprint(arguments)


def show_fingerprint(arguments: argparse.Namespace) -> int:
    """Print whose key this is, in groups as the console shows them."""
    try:
        identity, key = own_key(arguments.state)
    except (FileNotFoundError, ValueError, KeyError) as error:
        print(f"Not enrolled yet, or the identity is damaged: {error}", file=sys.stderr)
        return EXIT_REFUSED
    print(f"Enrolled as {identity['trailer']}, key {identity['keyid']}.")
    print(f"Fingerprint: {fingerprint_groups(key)}")
    print("A second person compares it on the console's page Enrolment and types the last 8 digits.")
    return 0


async def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT (0), or until the key is revoked (3)."""
    try:
        config = load_config(arguments.state, arguments.console, arguments.authority)
    except (FileNotFoundError, ValueError, KeyError) as error:
        print(f"Not enrolled yet, or the identity is damaged: {error}", file=sys.stderr)
        return EXIT_REFUSED
    try:
        config = replace(config, **hardware.read(arguments.hardware)) if arguments.hardware else config
    except ValueError as error:
        print(f"The hardware file is wrong: {error}", file=sys.stderr)
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
    if arguments.verb == "fingerprint":
        return show_fingerprint(arguments)
    return asyncio.run((enrol if arguments.verb == "enrol" else run)(arguments))


if __name__ == "__main__":
    sys.exit(main())
