"""What the agent asks of the trailer's hardware, and what the hardware's side hands to the agent.

A port is a small protocol; `onvif.py`, `player.py` and `simptz.py` are implementations, and an integrator
writes others. Angles are in degrees: azimuths true, pan clockwise from the trailer's heading, tilt up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable


class Cannot(Exception):
    """A command that does not run, or ended badly: ``code`` is the ack's, ``status`` its kind."""

    def __init__(self, code: str, status: str = "refused") -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Pose:
    """Where a camera looks: pan -180 to 180, tilt -90 to 90, horizontal field of view (None: unknown)."""

    pan_deg: float
    tilt_deg: float
    hfov_deg: float | None = None


class Ptz(Protocol):
    """A pan-tilt-zoom camera. Every call may raise; the caller bounds its time."""

    async def move(self, pan: float, tilt: float, zoom: float, timeout_s: float) -> None:
        """Begin to move, each speed -1 to 1; the camera should end it by itself after ``timeout_s``."""

    async def stop(self) -> None:
        """Stop every movement at once; harmless when there is none."""

    async def preset(self, number: int) -> None:
        """Go to a place stored in the camera."""

    async def aim(self, pose: Pose) -> None:
        """Go to a direction; an unknown field of view leaves the zoom as it is."""

    async def home(self) -> None:
        """Go to the resting place."""

    async def pose(self) -> Pose | None:
        """Return where it looks now, None when it can't tell."""


@runtime_checkable
class Kept(Protocol):
    """A port that has something to keep up, a connection for one: the agent runs it beside itself."""

    async def run(self) -> None:
        """Keep it up until cancelled. It must not end or raise by itself: the agent would end with it."""


@dataclass(frozen=True)
class Spoken:
    """One message for the loudspeaker: exactly one of ``preset`` and ``text``; ``volume_pct`` 0 to 100."""

    preset: str | None
    text: str | None
    language: str
    volume_pct: int


class Speaker(Protocol):
    """A loudspeaker. It never listens."""

    async def play(self, spoken: Spoken) -> None:
        """Play once and return at the end of it; cancelling this call silences at once.

        Raises ``Cannot`` (``unknown-preset``, ``unsupported``) before any sound, anything else for a fault.
        """

    async def silence(self) -> None:
        """Make no sound from now on; harmless when there is none."""


@dataclass(frozen=True)
class PlateRead:
    """One plate as a vendor's reader read it, for matching against the list and for nothing else.

    It is never written anywhere: of a read that does not hit, nothing remains. ``plate`` is the key (A-Z,
    0-9, 2 to 8 signs), ``jurisdiction`` ISO 3166-2 or "unknown", ``confidence`` and ``char_confidence``
    0 to 1, ``vehicle`` at most ``color``, ``make`` and ``type``, ``crop`` the JPEG of the plate alone.
    """

    plate: str
    jurisdiction: str
    confidence: float
    read_at: datetime | None = None
    camera: str | None = None
    direction: str | None = None
    vehicle: Mapping[str, str] = field(default_factory=dict)
    char_confidence: tuple[float, ...] = ()
    crop: bytes | None = field(default=None, repr=False)


#: Who takes the reads of the vendors' readers.
OnRead = Callable[[PlateRead], Awaitable[None]]
