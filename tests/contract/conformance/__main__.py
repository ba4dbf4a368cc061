"""`console.py conformance`: hold a console to the trailer contract, line by line, from outside.

It speaks for one enrolled trailer in an active deployment and RAISES REAL ALERTS there: use a trailer and a
console that nobody watches. One line a check, exit code 1 when a line does not hold.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from agent.signing import Signer, load_private_key, unb64url
from tests.contract.conformance import CHECKS, Kit, Listed, authority


def console_key(text: str) -> tuple[str, bytes]:
    """Read ``kid:public_key``; a kid may hold colons (``console:1``). Errors: ValueError."""
    kid, _colon, key = text.rpartition(":")
    raw = unb64url(key)
    if not kid or len(raw) != 32:
        raise ValueError("not KID:KEY with the 32 bytes of a key in base64url")
    return kid, raw


def options(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="console.py conformance", description=__doc__)
    parser.add_argument("--url", required=True, help="the console's public address, https://console.example")
    parser.add_argument("--key", type=Path, required=True, help="the trailer's Ed25519 key, PKCS 8 PEM")
    parser.add_argument("--keyid", required=True, help="its name, for example TRL-0007:1")
    parser.add_argument("--deployment", required=True, help="the deployment it stands in, DEP-2026-0031")
    parser.add_argument(
        "--listed", type=Listed.from_text, metavar="LIST:VERSION:ENTRY:PLATE:JURISDICTION",
        help="an entry of the console's hotlist, for the checks of plate hits; without it those are left out",
    )  # fmt: skip
    parser.add_argument(
        "--console-key", action="append", default=[], type=console_key, metavar="KID:KEY",
        help="a key of the enrolment's answer, base64url; without one the list's signature is not checked",
    )  # fmt: skip
    parser.add_argument("--authority", help="the host[:port] that is signed, when it is not the URL's")
    parser.add_argument("--seq", type=int, default=0, help="continue the trailer's seq after this number")
    parser.add_argument("--insecure", action="store_true", help="take any certificate")
    parser.add_argument("--only", default="", metavar="WORD", help="only checks whose name holds this")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Run every check in order; 0 when every line holds."""
    chosen = options(words)
    signer = Signer(load_private_key(chosen.key), chosen.keyid, chosen.authority or authority(chosen.url))
    kit = Kit(
        chosen.url, signer, chosen.deployment, chosen.listed, not chosen.insecure, chosen.seq,
        dict(chosen.console_key),
    )  # fmt: skip
    failed = left_out = 0
    for entry in CHECKS:
        if chosen.only not in entry.name:
            continue
        if not entry.can(kit):
            left_out += 1
            print(f"left out  {entry.name}: needs --{entry.needs}")
            continue
        begun = time.monotonic()
        try:
            entry.run(kit)
        except Exception as error:  # a console that answers nonsense may break a check in any way
            failed += 1
            reason = " ".join(str(error).split())[:300]
            print(
                f"FAILED    {entry.name} ({', '.join(entry.lines)}): {type(error).__name__}: {reason}",
                flush=True,
            )
        else:
            print(f"ok        {entry.name} ({time.monotonic() - begun:.1f} s)", flush=True)
    kit.close()
    asked = sum(chosen.only in entry.name for entry in CHECKS)
    held = asked - failed - left_out
    print(f"{held} of {asked} checks hold, {failed} failed, {left_out} left out")
    return int(bool(failed) or not held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
