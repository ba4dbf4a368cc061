"""Signed notes, checkpoints, cosignatures and proofs as texts, in the formats of C2SP.

signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof, with Ed25519 only. Pure functions: nothing
is read or written, nobody's clock is asked. A note counts for nothing until ``open_note`` has found the
log's own signature on it.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

#: The signature types of C2SP that we know: a log's own, and a witness's with its time.
LOG = 0x01
WITNESS = 0x04

DASH = "— "
KEY_BYTES = 32
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
TIME_BYTES = 8
#: Far above any note of ours; a reader may not be made to work without end.
MAX_NOTE_BYTES = 262_144
MAX_SIGNATURES = 100
MAX_SIZE = 2**63 - 1


class BadNote(ValueError):
    """The text is not a note, checkpoint or verifier key of the documented form."""


class MissingKey(ValueError):
    """None of the keys given is the log's that signed the note."""


class WrongKey(ValueError):
    """A signature under a known key's name and id does not verify."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: ``algorithm`` is LOG or WITNESS, ``public`` its 32 bytes."""

    name: str
    algorithm: int
    public: bytes

    def __post_init__(self) -> None:
        """Refuse what could not stand in a note. Errors: BadNote."""
        if not _is_name(self.name):
            raise BadNote("a key's name is not empty and has no spaces, plus signs or control characters")
        if self.algorithm not in (LOG, WITNESS) or len(self.public) != KEY_BYTES:
            raise BadNote(f"the key {self.name} is not an Ed25519 key of a log or a witness")

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Return the key written as ``name+id+base64``. Errors: BadNote."""
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise BadNote("a verifier key has three parts, joined by plus signs: name, id and key")
        material = _decoded(parts[2])
        key = cls(parts[0], material[0] if material else 0, material[1:])
        if key.key_id.hex() != parts[1]:
            raise BadNote(f"the key {key.name} has the id {key.key_id.hex()}, not {parts[1]}")
        return key

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that stand before this key's signatures."""
        hashed = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(hashed).digest()[:KEY_ID_BYTES]

    @property
    def text(self) -> str:
        """Return the key as it is written in files: ``name+id+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{_encoded(bytes([self.algorithm]) + self.public)}"

    def __str__(self) -> str:
        return self.text


def vkey_of(name: str, public_key: Ed25519PublicKey | bytes, algorithm: int = LOG) -> VerifierKey:
    """Return the verifier key of a public key (the object, or its 32 bytes). Errors: BadNote."""
    raw = public_key if isinstance(public_key, bytes) else public_key.public_bytes_raw()
    return VerifierKey(name, algorithm, raw)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says it is: its origin, how many lines it has, and their root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Return the checkpoint in a note's text: three lines, no extensions. Errors: BadNote."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise BadNote("a checkpoint has three lines: origin, size and root")
        origin, size, root, _end = lines
        if not _is_name(origin):
            raise BadNote("a checkpoint's origin is not empty and has no spaces or plus signs")
        if not (size.isascii() and size.isdigit()) or str(int(size[:20])) != size or int(size) > MAX_SIZE:
            raise BadNote("a checkpoint's size is a decimal number without leading zeroes")
        hashed = _decoded(root)
        if len(hashed) != 32:
            raise BadNote("a checkpoint's root is 32 bytes of base64")
        return cls(origin, int(size), hashed)


@dataclass(frozen=True, slots=True)
class Opened:
    """A note whose signatures were checked.

    ``log_keys``: the log's keys that signed it, at least one. ``cosignatures``: (key, seconds since
    1970, the signature line) of every known witness on it.
    """

    checkpoint: Checkpoint
    log_keys: list[VerifierKey]
    cosignatures: list[tuple[VerifierKey, int, str]]


def sign(checkpoint: Checkpoint, name: str, private_key: Ed25519PrivateKey) -> str:
    """Return the log's signature line, without a line feed."""
    key = vkey_of(name, private_key.public_key(), LOG)
    return _line(key, private_key.sign(checkpoint.text().encode()))


def note(checkpoint: Checkpoint, lines: Iterable[str]) -> str:
    """Return the note with these signature lines."""
    return checkpoint.text() + "\n" + "".join(f"{line}\n" for line in lines)


def open_note(text: str, keys: Iterable[VerifierKey], strict: bool = False) -> Opened:
    """Return the checkpoint of a note and who signed it, after checking every signature of a known key.

    The log's keys are those of type LOG named like the origin. Signatures under unknown names and ids
    are ignored, or with ``strict`` refused, as is a second one by the same key.
    Errors: BadNote, WrongKey, MissingKey (no signature by the log).
    """
    checkpoint = Checkpoint.parse(_parse(text)[0])
    may_sign = [key for key in keys if key.algorithm == WITNESS or key.name == checkpoint.origin]
    opened = Opened(checkpoint, [], [])
    for key, at, line in verified(text, may_sign, strict):
        if at is None:
            opened.log_keys.append(key)
        else:
            opened.cosignatures.append((key, at, line))
    if not opened.log_keys:
        raise MissingKey(f"none of the keys given has signed for the log {checkpoint.origin}")
    return opened


def verified(
    text: str, keys: Iterable[VerifierKey], strict: bool = False
) -> list[tuple[VerifierKey, int | None, str]]:
    """Return (key, a witness's seconds since 1970 or None, line) of each known signature on any note.

    Errors: BadNote, WrongKey.
    """
    body, signatures = _parse(text)
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[tuple[str, bytes], tuple[VerifierKey, int | None, str]] = {}
    for line, name, signature in signatures:
        signer = (name, signature[:KEY_ID_BYTES])
        if strict and (signer not in known or signer in found):
            raise BadNote(f"the note has a signature by {name} that does not belong there")
        if signer in known and signer not in found:
            at = _verify(known[signer], body.encode(), signature[KEY_ID_BYTES:])
            found[signer] = (known[signer], at, line)
    return list(found.values())


def signature_lines(text: str) -> list[str]:
    """Return a note's signature lines as they stand, unchecked. Errors: BadNote."""
    return [line for line, _name, _signature in _parse(text)[1]]


def proof_text(*, index: int, proof: Iterable[bytes], note: str, extra: bytes | None = None) -> str:
    """Return a ``.tlog-proof``: that line ``index`` is under the checkpoint in ``note``."""
    head = ["c2sp.org/tlog-proof@v1"]
    if extra is not None:
        head.append(f"extra {_encoded(extra)}")
    head.append(f"index {index}")
    return "\n".join([*head, *(_encoded(value) for value in proof), "", note])


def _parse(text: str) -> tuple[str, list[tuple[str, str, bytes]]]:
    """Return what is signed and each signature as (line, name, id and signature). Errors: BadNote."""
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise BadNote("the note is not UTF-8") from None
    if len(raw) > MAX_NOTE_BYTES:
        raise BadNote(f"the note is longer than {MAX_NOTE_BYTES} bytes")
    if any(byte < 0x20 and byte != 0x0A for byte in raw):
        raise BadNote("the note has control characters")
    body, blank, signed = text.rpartition("\n\n")
    if not blank or not signed.endswith("\n"):
        raise BadNote("a note is a text, an empty line and signature lines")
    lines = signed[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote(f"the note has more than {MAX_SIGNATURES} signatures")
    return body + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, str, bytes]:
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space or not _is_name(name):
        raise BadNote("a signature line is a dash, the key's name and base64, with single spaces between")
    signature = _decoded(encoded)
    if len(signature) <= KEY_ID_BYTES:
        raise BadNote(f"the signature by {name} is too short")
    return line, name, signature


def _verify(key: VerifierKey, message: bytes, signature: bytes) -> int | None:
    """Check one signature; return a witness's time, None for the log's own. Errors: WrongKey."""
    at = None
    if key.algorithm == WITNESS:
        at = int.from_bytes(signature[:TIME_BYTES], "big")
        signature = signature[TIME_BYTES:]
        message = b"cosignature/v1\ntime %d\n" % at + message
    wrong = WrongKey(f"the signature by {key.name} ({key.key_id.hex()}) does not verify")
    if len(signature) != SIGNATURE_BYTES or (at or 0) > MAX_SIZE:
        raise wrong
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise wrong from None
    return at


def _line(key: VerifierKey, signature: bytes) -> str:
    return f"{DASH}{key.name} {_encoded(key.key_id + signature)}"


def _is_name(name: str) -> bool:
    return bool(name) and not any(char.isspace() or char == "+" or char < " " for char in name)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    """Return base64 that is padded and canonical: one text per value. Errors: BadNote."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadNote("not base64") from None
    if _encoded(data) != text:
        raise BadNote("base64 with loose bits at its end")
    return data
