"""What each verb of the contract does on this trailer, once the gate has let it through.

One table: a verb that is not in it does not exist. Every entry ends in ``done``, or raises ``Cannot`` with
the ack's status and code.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.commands import Ack, Command
from agent.ports import Cannot
from agent.speaker import Loudspeaker
from agent.streams import CannotStream, Streams
from agent.turret import Turret

log = logging.getLogger("agent.verbs")

Verb = Callable[[Command], Awaitable[None]]


class Verbs:
    """The table, over the parts of one trailer.

    ``module_off``, ``deactivate`` and ``self_test`` are the trailer's own; the last returns why it failed.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        turret: Turret,
        loudspeaker: Loudspeaker,
        may_watch: Callable[[], bool],
        module_off: Callable[[str], Awaitable[None]],
        deactivate: Callable[[Mapping[str, Any]], Awaitable[None]],
        self_test: Callable[[Mapping[str, Any]], Awaitable[str | None]],
    ) -> None:
        self.streams = streams
        self.turret = turret
        self.may_watch = may_watch
        self.self_test = self_test
        self.table: dict[str, Verb] = {
            "ping": _nothing,
            "stream.start": self._stream_start,
            "stream.renew": self._stream_renew,
            "stream.stop": lambda command: streams.stop("stopped"),
            "ptz.move": lambda command: turret.move(command.args),
            "ptz.stop": lambda command: turret.stop(),
            "ptz.preset": lambda command: turret.preset(command.args),
            "ptz.slew": lambda command: turret.slew(command.args),
            "speaker.play": lambda command: loudspeaker.play(command.args),
            "speaker.stop": lambda command: loudspeaker.stop(),
            "module.off": lambda command: module_off(_module(command.args)),
            "deactivate": lambda command: deactivate(command.args),
            "self.test": self._self_test,
        }

    async def run(self, command: Command) -> Ack:
        """Run a judged command and say how it ended; never raises."""
        try:
            await self.table[command.name](command)
        except Cannot as why:
            return Ack(command.id, why.status, why.code)
        except CannotStream as why:
            code = str(why.args[0])
            return Ack(command.id, "failed" if code in ("publish-failed", "stopped") else "refused", code)
        except Exception:
            log.exception("command %s failed", command.name)
            return Ack(command.id, "failed", "error")
        return Ack(command.id, "done")

    async def _stream_start(self, command: Command) -> None:
        if not self.may_watch():
            raise Cannot("not-deployed")
        # The first picture already knows whether it must be dark.
        await self.turret.look()
        await self.streams.start(command.alert or "", command.args)

    async def _stream_renew(self, command: Command) -> None:
        self.streams.renew(command.alert or "", command.args)

    async def _self_test(self, command: Command) -> None:
        if code := await self.self_test(command.args):
            raise Cannot(code, "failed")


async def _nothing(command: Command) -> None:
    """Being answered is the answer."""


def _module(args: Mapping[str, Any]) -> str:
    module = args.get("module")
    if not isinstance(module, str):
        raise Cannot("bad-args")
    return module
