"""The demonstration's witness: what a partner agency would run elsewhere, with its own key and memory.

No Django here. It is `tools/witness.py` as it stands, in a folder of its own; this file only does what two
agencies do once: exchange their public keys. The log's key goes into the witness's folder, the witness's
key and address into our list. Idempotent; a crash anywhere is mended by the next start.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "partner-agency.invalid/witness"
WORDS = "Partner agency (demonstration)"
VKEY = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}")
WITHIN_S = 60


class WitnessFailed(Exception):
    """The witness, or the log's key for it, could not be made ready. ``str()`` says what was said last."""


def vkeys_in(text: str) -> list[str]:
    """Return the verifier keys in ``text``, each once, in order."""
    return list(dict.fromkeys(VKEY.findall(text)))


class DemoWitness:
    """One witness folder and the port it listens on during this run. Errors: WitnessFailed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.vkey = ""
        self.log_vkeys: list[str] = []

    @property
    def command(self) -> list[str]:
        """Return what runs it."""
        return [*self._tool("serve"), "--listen", self.url.removeprefix("http://")]

    def environment(self) -> dict[str, str]:
        """Return its environment: nothing of ours, as it would be on another agency's machine."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}

    def prepare(self, log_vkeys: list[str]) -> None:
        """Make its key on the first run, and let it trust the log's."""
        made = (self.folder / "key").exists()
        words = self._tool("show") if made else [*self._tool("init"), "--name", NAME]
        self.vkey = next(iter(vkeys_in(self._run(words))), "")
        if not self.vkey:
            raise WitnessFailed(f"the witness in {self.folder} names no key of its own")
        for vkey in log_vkeys:
            self._run([*self._tool("trust"), vkey])
        self.log_vkeys = log_vkeys

    def enlist(self, path: Path) -> None:
        """Write its key and today's address into our list; what people added there stays."""
        others = (
            path.read_text("utf-8").splitlines() if path.exists() else ["# Who may cosign the audit log."]
        )
        kept = [line for line in others if line.split()[:1] != [self.vkey] and not line.endswith(WORDS)]
        draft = path.with_suffix(".new")
        draft.write_text("\n".join([*kept, f"{self.vkey} {self.url} # {WORDS}", ""]), "utf-8")
        draft.replace(path)

    def _tool(self, word: str) -> list[str]:
        return [sys.executable, "tools/witness.py", word, "--state", str(self.folder)]

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, timeout=WITHIN_S
        )
        if done.returncode:
            raise WitnessFailed(f"`{' '.join(command[1:3])}` failed: {done.stderr.strip()[-400:]}")
        return done.stdout
