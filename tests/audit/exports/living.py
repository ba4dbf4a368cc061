"""A log that lives while a test runs: a sequencer that signs and a witness that cosigns, in one thread."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.rows import tuple_row

from audit import notes
from audit.head import Head
from audit.logkeys import LogKeys
from audit.notes import Checkpoint, VerifierKey
from audit.sequencer import Sequencer

WITNESS = "witness.test.invalid/partner"
EVERY_S = 0.01


class Living:
    """``with Living(…) as log``: what is written is sealed and cosigned until the block ends.

    ``witnessing`` False: nobody cosigns. ``keys``: the log's. ``witness``: its verifier key.
    """

    def __init__(
        self, connect: Callable[[str], psycopg.Connection[Any]], keys: LogKeys, head: Head, listed: Path
    ) -> None:
        self._writer, self._publisher = connect("csoc_sequencer"), connect("csoc_publisher")
        self._writer.autocommit = False
        self._publisher.row_factory = tuple_row
        self.keys, self.witnessing = keys, True
        self._sequencer = Sequencer(self._writer, keys, head)
        self._private = Ed25519PrivateKey.generate()
        self.witness: VerifierKey = notes.vkey_of(WITNESS, self._private.public_key(), notes.WITNESS)
        listed.write_text(f"{self.witness.text} # Partner agency\n")
        self._stop = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.signed = 0

    def __enter__(self) -> Living:
        assert self._sequencer.take_office()
        self._thread.start()
        self.settle()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._failed, self._failed

    def settle(self) -> int:
        """Wait until everything written so far is sealed and, with a witness, cosigned; return the size."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not self._failed:
            waiting = self._publisher.execute("SELECT waiting FROM audit_waiting()").fetchone()
            newest = self._newest()
            done = not self.witnessing or (newest and newest[0] == self.signed)
            if waiting == (0,) and newest and newest[0] == self._sequencer.size and done:
                return int(newest[0])
            time.sleep(EVERY_S)
        raise AssertionError(f"the log did not settle: {self._failed}")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._sequencer.step()
                if self.witnessing:
                    self._cosign()
                time.sleep(EVERY_S)
        except BaseException as error:  # told to the test's own thread
            self._failed.append(error)

    def _newest(self) -> tuple[int, str] | None:
        query = "SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1"
        return self._publisher.execute(query).fetchone()

    def _cosign(self) -> None:
        newest = self._newest()
        if newest is None or newest[0] == self.signed:
            return
        text = newest[1].partition("\n\n")[0] + "\n"
        Checkpoint.parse(text)
        at = int(time.time())
        signature = at.to_bytes(8, "big") + self._private.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        line = f"— {WITNESS} {base64.b64encode(self.witness.key_id + signature).decode()}"
        self._publisher.execute(
            "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s)",
            [newest[0], WITNESS, line],
        )
        self.signed = newest[0]
