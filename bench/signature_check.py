"""Times the console's signature check without a database.

Prints two numbers a line, in microseconds: the whole check, and the same Ed25519 verification by itself.
"""

from __future__ import annotations

import os
import time

COUNT = 2000


def main() -> None:
    """Sign ``COUNT`` requests, check each once."""
    os.environ |= {
        "CSOC_ENV": "test", "CSOC_SECRET_KEY": "x" * 64, "DJANGO_SETTINGS_MODULE": "csoc.settings",
        "CSOC_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "CSOC_REDIS_URL": "redis://127.0.0.1:1",
    }  # fmt: skip
    import django

    django.setup()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

    from agent.signing import Signer, public_bytes
    from trailers import keyring, signatures
    from trailers.models import Trailer, TrailerKey

    private = Ed25519PrivateKey.generate()
    key = TrailerKey(
        trailer=Trailer(number=7), n=1, keyid="TRL-0007:1", public_key=public_bytes(private), state="active"
    )
    keyring.find = lambda keyid: key  # type: ignore[assignment]
    signer, path, now = Signer(private, key.keyid, "console.example"), "/api/v1/alerts/", int(time.time())
    bare = b"x" * 400
    for _ in range(COUNT):
        headers = signer.headers("POST", path, created=now, body=b"{}")
        lower = {name.lower(): value for name, value in headers.items()}
        message = signatures.Message("POST", "console.example", path, "", lower)
        begun = time.perf_counter()
        signatures.check(message, has_body=True)
        whole = time.perf_counter() - begun
        signature = private.sign(bare)
        begun = time.perf_counter()
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature, bare)
        print(1e6 * whole, 1e6 * (time.perf_counter() - begun))


if __name__ == "__main__":
    main()
