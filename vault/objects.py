"""Sealed objects: each under its own key, that key wrapped by the key of its hour of capture.

Format 1: one byte 1, the wrapped key (60 bytes), the sealed text. Wrapping apart lets an object be
retained later by re-wrapping its key under a case key, without touching the text.
"""

from datetime import datetime

from csoc.lib import clock, sealing
from vault import keystore
from vault.epochs import epoch_of

FORMAT = b"\x01"
WRAPPED_BYTES = sealing.NONCE_BYTES + sealing.KEY_BYTES + 16


class Sealer:
    """Seals what one act writes, at one moment: each hour's key is read once, and forgotten with the act.

    ``now``: the act's moment, aware. Never keep one for longer: a key that is remembered outlives its
    destruction (H10).
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._keys: dict[datetime, tuple[bytes, bytes]] = {}

    def seal(self, plaintext: bytes, captured_at: datetime, aad: bytes) -> tuple[datetime, bytes]:
        """Seal ``plaintext``; return the start of its epoch (UTC hour) and the sealed bytes.

        captured_at: aware. A capture in the future counts as now, so that a trailer's fast clock never
        keeps its detail longer. aad: what the bytes belong to, e.g. ``b"alert:<uuid>"``.
        Errors: EpochGone when its 47 h are over: then nothing of the detail may be written.
        """
        epoch = epoch_of(min(captured_at, self.now))
        if epoch not in self._keys:
            self._keys[epoch] = keystore.key_for_sealing(epoch, self.now), _wrap_context(epoch)
        epoch_key, context = self._keys[epoch]
        key = sealing.new_key()
        wrapped = sealing.seal(epoch_key, key, context + aad)
        return epoch, FORMAT + wrapped + sealing.seal(key, plaintext, aad)


def seal(plaintext: bytes, captured_at: datetime, aad: bytes) -> tuple[datetime, bytes]:
    """Seal one object now. As ``Sealer.seal``."""
    return Sealer(clock.now()).seal(plaintext, captured_at, aad)


def open(epoch: datetime, sealed: bytes, aad: bytes) -> bytes:
    """Return the plaintext.

    Errors: Gone when the key is destroyed or its time has come; sealing.SealBroken when bytes or
    ``aad`` are not the ones that were sealed.
    """
    sealed = bytes(sealed)
    if sealed[:1] != FORMAT:
        raise sealing.SealBroken("not a sealed object of format 1")
    epoch = epoch_of(epoch)
    epoch_key = keystore.key_for_opening(epoch)
    head = sealed[1 : 1 + WRAPPED_BYTES]
    key = sealing.unseal(epoch_key, head, _wrap_context(epoch) + aad)
    return sealing.unseal(key, sealed[1 + WRAPPED_BYTES :], aad)


def _wrap_context(epoch: datetime) -> bytes:
    """What a wrapped key belongs to, before the ``aad`` of its object."""
    return b"csoc/epoch-wrap/1\x00" + epoch.strftime(keystore.NAME).encode() + b"\x00"
