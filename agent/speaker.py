"""The rules around the loudspeaker: short, few, not too loud, and silent when nobody is there to stop it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from agent.ports import Cannot, Speaker, Spoken
from agent.streams import DeadMan

log = logging.getLogger("agent.speaker")

LONGEST_S = 30.0
REPEATS = 3
TEXT_MAX = 400
FAULT_S = 5.0
PRESET = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")


class Loudspeaker:
    """Plays one message at a time: 30 s in all, three times at most, never over the ceiling.

    It ends with a ``speaker.stop``, 30 s without a word from the console, or the end of the deployment.
    """

    def __init__(
        self, port: Speaker | None, permitted: Callable[[], bool], dead_man: DeadMan, ceiling_pct: int = 100
    ) -> None:
        self.port = port
        self.permitted = permitted
        self.dead_man = dead_man
        self.ceiling_pct = ceiling_pct
        self._playing: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Tell whether something is being said."""
        return self._playing is not None

    async def play(self, args: Mapping[str, Any]) -> None:
        """Say a message and return when it has been said; raises ``Cannot``, also when it was cut off."""
        repeat = args.get("repeat", 1)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= REPEATS:
            raise Cannot("bad-args")
        spoken = self._read(args)
        if self.port is None:
            raise Cannot("unsupported")
        if not self.permitted():
            raise Cannot("not-deployed")
        if self.live:
            raise Cannot("busy")
        task = self._playing = asyncio.ensure_future(self._say(self.port, spoken, repeat))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                await self.stop()
                raise
            raise Cannot("stopped", "failed") from None
        except Cannot:
            raise
        except TimeoutError:
            raise Cannot("too-long", "failed") from None
        except Exception as error:
            log.error("the loudspeaker failed: %s", type(error).__name__)
            raise Cannot("speaker-fault", "failed") from error
        finally:
            if self._playing is task:
                self._playing = None

    async def stop(self) -> None:
        """Be silent, at once; harmless when nothing is said."""
        task, self._playing = self._playing, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if self.port is not None:
            try:
                async with asyncio.timeout(FAULT_S):
                    await self.port.silence()
            except Exception as error:
                raise Cannot("speaker-fault", "failed") from error

    async def tick(self) -> None:
        """End what nobody could stop any more, or what is no longer allowed."""
        if self.live and (self.dead_man.silent() or not self.permitted()):
            log.warning("the loudspeaker stopped by itself")
            with contextlib.suppress(Cannot):
                await self.stop()

    async def _say(self, port: Speaker, spoken: Spoken, repeat: int) -> None:
        async with asyncio.timeout(LONGEST_S):
            for _ in range(repeat):
                await port.play(spoken)

    def _read(self, args: Mapping[str, Any]) -> Spoken:
        preset, text, language = args.get("preset"), args.get("text"), args.get("language")
        volume = args.get("volume")
        if (preset is None) == (text is None):
            raise Cannot("bad-args")
        if preset is not None and not (isinstance(preset, str) and PRESET.fullmatch(preset)):
            raise Cannot("bad-args")
        if text is not None and not (isinstance(text, str) and text.strip() and _plain(text)):
            raise Cannot("bad-args")
        if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
            raise Cannot("bad-args")
        if isinstance(volume, bool) or not isinstance(volume, int | float) or not 0 <= volume <= 100:
            raise Cannot("bad-args")
        # Lower than asked is still heard; refusing a warning for its volume would help nobody.
        return Spoken(preset, text, language, min(round(volume), self.ceiling_pct))


def _plain(text: str) -> bool:
    return len(text) <= TEXT_MAX and all(sign.isprintable() or sign == "\n" for sign in text)
