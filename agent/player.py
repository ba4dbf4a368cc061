"""A loudspeaker that runs a program of the trailer's: ``aplay``, ``paplay``, a horn's own client.

No shell is involved, and nothing that came over the network becomes an argument that could be read as an
option: a preset is the name of a file that is there, a typed text goes to the speaking program's input.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.ports import Cannot, Spoken

KILL_AFTER_S = 1.0


@dataclass
class Player:
    """Runs ``play`` for a preset and ``speak`` for a text, once each, one at a time.

    In both lists ``{file}``, ``{volume}`` (0-100) and ``{language}`` are replaced. Presets are
    ``<presets>/<language>/<preset>.wav``. Without ``speak`` a typed text is ``unsupported``.
    """

    presets: Path
    play_command: Sequence[str]
    speak_command: Sequence[str] = ()
    _running: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def play(self, spoken: Spoken) -> None:
        """See ``ports.Speaker``; a program that ends with another code than 0 raises ``RuntimeError``."""
        values = {"volume": str(spoken.volume_pct), "language": spoken.language, "file": ""}
        if spoken.preset is not None:
            path = self.presets / spoken.language / f"{spoken.preset}.wav"
            if not path.is_file():
                raise Cannot("unknown-preset")
            await self._run(self.play_command, values | {"file": str(path.resolve())}, None)
        elif self.speak_command:
            await self._run(self.speak_command, values, (spoken.text or "").encode())
        else:
            raise Cannot("unsupported")

    async def silence(self) -> None:
        """End the program that runs, if one does."""
        if (process := self._running) is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(KILL_AFTER_S):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _run(self, command: Sequence[str], values: dict[str, str], text: bytes | None) -> None:
        words = [_filled(word, values) for word in command]
        process = self._running = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL if text is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await process.communicate(text)
        finally:
            await self.silence()
        if process.returncode != 0:
            raise RuntimeError(f"the player ended with {process.returncode}")


def _filled(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace("{" + name + "}", value)
    return word
