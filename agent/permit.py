"""Whether a sensor may be on at this moment, judged by the agent alone, with a link or without one.

Four things have to hold together: a deployment whose end is ahead by the agent's own clock, the place it was
authorised for, a key that is in force, and no command that switched the module off under this state.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.clock import AgentClock, Floor
from agent.desired import MODULES, Desired, DesiredFile, read
from agent.fence import Fence
from agent.ports import Cannot
from agent.store import Store

#: Which module senses a kind of alert.
MODULE = {"gunshot": "acoustic", "alpr_hit": "alpr"}


class SensorsOff(Exception):
    """The trailer may not sense now; the text says why."""


class Permit:
    """The desired state as known here, and what else has a say; ``halted`` is the code that ended it."""

    def __init__(self, trailer: str, store: Store, state_dir: Path, clock: AgentClock) -> None:
        self.trailer = trailer
        self.store = store
        self.halted: str | None = None
        self.fence = Fence()
        self._file = DesiredFile(state_dir)
        self.desired, self.etag = self._file.load()
        reached = store.counter(self.reached)
        self.floor = Floor(clock, datetime.fromtimestamp(reached, UTC) if reached else None)
        self._clock = clock
        #: Module -> the version under which a command switched it off, also when no disk keeps that.
        self._offs: dict[str, int] = {}
        #: Module -> the deployment under which it is on, and since when in monotonic seconds.
        self._since: dict[str, tuple[str | None, float]] = {}
        self.note()

    def deployed(self) -> bool:
        """Tell whether a deployment holds now, at the place it was authorised for."""
        return self.halted is None and not self.fence.left and self.desired.deployed(self.floor.now())

    def on(self, module: str) -> bool:
        """Tell whether a module may be on now."""
        wanted = self.deployed() and self.desired.sensing(module, self.floor.now())
        off = max(self._offs.get(module, 0), self.store.counter(self._off(module)))
        return wanted and self.desired.version > off

    def sensing(self, kind: str) -> bool:
        """Tell whether the sensor behind this kind of alert may be on."""
        return self.on(MODULE[kind])

    def demand(self, kind: str, at: datetime | None = None) -> None:
        """Raise ``SensorsOff`` unless this kind of alert may be sensed now, and might be at ``at`` (H4)."""
        self.note()
        since = self._since.get(MODULE[kind])
        if since is None:
            raise SensorsOff(self.halted or "not-deployed")
        if at is not None and at < self._clock.now() - timedelta(seconds=self._clock.monotonic() - since[1]):
            raise SensorsOff("not-deployed")

    def note(self) -> None:
        """Keep since when each module is on, by seconds that no correction of the clock moves.

        Looked at twice a second; one that was seen on a little late loses what was captured before.
        """
        for module in MODULES:
            if not self.on(module):
                self._since.pop(module, None)
            elif self._since.get(module, (None, 0.0))[0] != self.desired.deployment:
                self._since[module] = self.desired.deployment, self._clock.monotonic()

    def take(self, body: Any) -> bool:
        """Follow a desired state from now on, whether or not a disk keeps it; ``keep`` comes next.

        Tells whether it ends the deployment that was known; raises ``ValueError`` when its form is wrong.
        """
        desired = read(body)
        ends = self.desired.deployment not in (None, desired.deployment)
        self.desired, self.etag = desired, None
        self.note()
        return ends

    def keep(self, body: Any, etag: str | None) -> None:
        """Keep the state that was taken for a restart without a link. Errors: OSError.

        Then the one before, perhaps a wider one, is gone as well, and without an ETag it is fetched again.
        """
        try:
            self._file.save(body, etag)
        except OSError:
            self._file.forget()
            raise
        self.etag = etag

    def forget(self) -> None:
        """No deployment from now on; the version stays known, so that the console is told no lower one."""
        self.desired, self.etag = Desired(version=self.desired.version), None
        self.note()
        self._file.forget()

    def switch_off(self, module: str) -> None:
        """One module off until a newer desired state, also across a restart.

        Errors: Cannot; sqlite3.Error, then a restart finds no state at all and switches nothing on.
        """
        if module not in MODULES:
            raise Cannot("bad-args")
        self._offs[module] = self.desired.version
        self.note()
        try:
            self.store.set_counter(self._off(module), self.desired.version)
        except sqlite3.Error:
            self.etag = None
            self._file.forget()
            raise

    def keep_time(self) -> None:
        """Keep the latest time reached, for a computer that wakes up in the past."""
        self.store.set_counter(self.reached, int(self.floor.now().timestamp()))

    @property
    def reached(self) -> str:
        """Name the counter that holds the latest time reached, in Unix seconds."""
        return f"time:{self.trailer}"

    def _off(self, module: str) -> str:
        """Name the counter that holds the last desired version under which a command switched this off."""
        return f"off:{self.trailer}:{module}"
