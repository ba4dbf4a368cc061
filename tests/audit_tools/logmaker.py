"""A log made by hand, from docs/audit-format.md and RFC 6962 alone: it imports neither `audit` nor the tools.

Signatures come from OpenSSL (through ``cryptography``), so the tools' own Ed25519 is tested against it.
"""

import base64
import hashlib
import time
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOG, COSIGNATURE = 1, 4


def leaf(line: str) -> bytes:
    return hashlib.sha256(b"\0" + line.encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _split(n: int) -> int:
    """The largest power of two smaller than n."""
    return 1 << (n - 1).bit_length() - 1


def root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1: PATH(m, D[n])."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion(index, leaves[:k]), root(leaves[k:])]
    return [*inclusion(index - k, leaves[k:]), root(leaves[:k])]


def consistency(old: int, leaves: Sequence[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962 section 2.1.2: SUBPROOF(m, D[n], b)."""
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    k = _split(len(leaves))
    if old <= k:
        return [*consistency(old, leaves[:k], whole), root(leaves[k:])]
    return [*consistency(old - k, leaves[k:], False), root(leaves[:k])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Key:
    """A signing key with its name: ``.vkey``, ``.line(text)``, and with a time for cosignatures."""

    def __init__(self, name: str, algorithm: int = LOG, seed: bytes = b"") -> None:
        self.name, self.algorithm = name, algorithm
        self.private = Ed25519PrivateKey.from_private_bytes(seed or hashlib.sha256(name.encode()).digest())
        self.public = self.private.public_key().public_bytes_raw()
        material = bytes([algorithm]) + self.public
        self.id = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{b64(material)}"

    def line(self, text: str, at: int | None = None) -> str:
        if self.algorithm == LOG:
            return f"— {self.name} {b64(self.id + self.private.sign(text.encode()))}\n"
        at = int(time.time()) if at is None else at
        signature = self.private.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        return f"— {self.name} {b64(self.id + at.to_bytes(8, 'big') + signature)}\n"


def body(origin: str, size: int, tree_root: bytes) -> str:
    return f"{origin}\n{size}\n{b64(tree_root)}\n"


def note(text: str, *keys: Key, at: int | None = None) -> str:
    return text + "\n" + "".join(key.line(text, at) for key in keys)


class Log:
    """A growing log of short lines: ``.note(size)``, ``.request(old, new)``."""

    def __init__(self, origin: str = "log.example/audit", start: str = "") -> None:
        self.origin, self.start, self.key = origin, start, Key(origin)
        self.leaves: list[bytes] = []

    def grow(self, size: int) -> None:
        self.leaves += [leaf(f"{self.start}{n}") for n in range(len(self.leaves), size)]

    def text(self, size: int) -> str:
        self.grow(size)
        return body(self.origin, size, root(self.leaves[:size]))

    def note(self, size: int, *more: Key, at: int | None = None) -> str:
        return note(self.text(size), self.key, *more, at=at)

    def request(self, old: int, new: int, text: str | None = None) -> str:
        signed = self.note(new) if text is None else text
        proof = consistency(old, self.leaves[:new]) if 0 < old <= new else []
        return f"old {old}\n" + "".join(b64(one) + "\n" for one in proof) + "\n" + signed
