"""A synthetic 720p camera: a night scene, a burned-in UTC clock and frame counter, H.264 out.

It stands in for a trailer's real camera in the simulator and in tests. Every picture says that it is
simulated. Nothing is encoded until somebody asks for a frame, and nothing is ever written to disk.
"""

from __future__ import annotations

import math
import threading
import time
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import av
import numpy as np

from agent.scene import HEIGHT, WIDTH, Plane, Scene, Text, night_car_park
from agent.strip import DARK, draw_strip
from agent.strip import HEIGHT as STRIP_HEIGHT
from agent.strip import WIDTH as STRIP_WIDTH

CLOCK_RATE = 90_000
TIME_BASE = Fraction(1, CLOCK_RATE)
BITS_PER_SECOND = 1_500_000
FPS = 25


class Camera:
    """Draws and encodes one picture per `encode()` call. Not for use from two threads at once.

    `label` is burned in (a trailer's name); `fps` pictures a second; a key frame every second and
    whenever `force_key_frame()` was called before.
    """

    def __init__(self, label: str, *, fps: int = FPS, bits_per_second: int = BITS_PER_SECOND) -> None:
        self.label = label
        self.fps = fps
        self.counter = 0
        #: True while nothing of the scene may be seen.
        self.masked = False
        self._bits_per_second = bits_per_second
        self._scene: Scene | None = None
        self._encoder: av.VideoCodecContext | None = None
        self._started_ns = 0
        self._key_wanted = threading.Event()

    def prepare(self) -> None:
        """Draw the scene and open the encoder (some 0.4 s the first time), so that `encode` is quick."""
        if self._scene is None:
            self._big, self._small = _texts()
            self._scene = night_car_park()
        if self._encoder is None:
            self._encoder = self._open_encoder()

    def force_key_frame(self) -> None:
        """Make the next picture a key frame. Callable from any thread."""
        self._key_wanted.set()

    def encode(self) -> list[Any]:
        """Take one picture now: H.264 packets (Annex B), presentation time in the 90 kHz clock."""
        self.prepare()
        assert self._encoder is not None
        now_ns = time.time_ns()
        self._started_ns = self._started_ns or now_ns
        frame = self.draw(now_ns)
        frame.pts = (now_ns - self._started_ns) * CLOCK_RATE // 1_000_000_000
        frame.time_base = TIME_BASE
        if self._key_wanted.is_set() or self.counter % self.fps == 0:
            self._key_wanted.clear()
            frame.pict_type = av.video.frame.PictureType.I
        self.counter += 1
        return list(self._encoder.encode(frame))

    def draw(self, now_ns: int) -> av.VideoFrame:
        """The picture of this moment, unencoded."""
        self.prepare()
        scene = self._scene
        assert scene is not None
        luma = scene.lumas[self.counter % len(scene.lumas)].copy()
        u, v = scene.u.copy(), scene.v.copy()
        if self.masked:
            luma[:], u[:], v[:] = DARK, 128, 128
        else:
            self._moving_parts(luma, u, v, now_ns / 1e9)
        self._writing(luma, u, v, now_ns)
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, data in zip(frame.planes, (luma, u, v), strict=True):
            _fill(plane, data)
        return frame

    def _moving_parts(self, luma: Plane, u: Plane, v: Plane, seconds: float) -> None:
        """A car passing on the far road, and a red beacon on a roof."""
        way = (seconds % 18) / 18
        x = int(-200 + way * (WIDTH + 400))
        for ahead, level in ((0, 225), (26, 205)):
            _glow(luma, x + ahead, HEIGHT // 2 - 84, 9, level)
        _block(luma, x - 96, 268, 92, 16, 40)
        _block(luma, x - 78, 257, 54, 12, 32)
        _block(v, (x - 98) // 2, 136, 3, 3, 190)
        beat = 0.5 + 0.5 * math.sin(seconds * math.tau / 2)
        _glow(luma, 631, 87, 4, int(40 + 140 * beat))
        _block(v, 313, 41, 5, 5, int(130 + 90 * beat))
        _block(u, 313, 41, 5, 5, 110)

    def _writing(self, luma: Plane, u: Plane, v: Plane, now_ns: int) -> None:
        draw_strip(luma, self.counter, now_ns // 1_000_000)
        u[: STRIP_HEIGHT // 2, : STRIP_WIDTH // 2] = 128
        v[: STRIP_HEIGHT // 2, : STRIP_WIDTH // 2] = 128
        bar = luma[HEIGHT - 64 :]
        bar //= 3
        bar += 10
        now = datetime.fromtimestamp(now_ns // 1_000_000 / 1000, UTC)
        clock = f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d} UTC"
        self._big.draw(luma, 24, HEIGHT - 54, clock)
        self._big.draw(luma, WIDTH - 236, HEIGHT - 54, f"#{self.counter:08d}")
        kind = "FORBIDDEN SECTOR" if self.masked else "SIMULATED CAMERA"
        self._small.draw(luma, 520, HEIGHT - 46, f"{self.label}   {kind}")

    def _open_encoder(self) -> av.VideoCodecContext:
        """x264, as cheap as it gets: one reference, no B-frames, no look-ahead, constrained baseline."""
        encoder = av.CodecContext.create("libx264", "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height = WIDTH, HEIGHT
        encoder.pix_fmt = "yuv420p"
        encoder.framerate = Fraction(self.fps, 1)
        encoder.time_base = TIME_BASE
        encoder.bit_rate = self._bits_per_second
        encoder.gop_size = self.fps
        encoder.thread_count = 1
        encoder.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "level": "3.1",
            "forced-idr": "1",
            "maxrate": str(self._bits_per_second),
            "bufsize": str(self._bits_per_second // 3),
        }
        encoder.open()
        return encoder


_shared_texts: tuple[Text, Text] | None = None


def _texts() -> tuple[Text, Text]:
    global _shared_texts
    if _shared_texts is None:
        _shared_texts = (Text(34), Text(22))
    return _shared_texts


def _fill(plane: Any, data: Plane) -> None:
    view = np.frombuffer(plane, dtype=np.uint8).reshape(plane.height, plane.line_size)
    view[:, : data.shape[1]] = data


def _block(plane: Plane, x: int, y: int, w: int, h: int, level: int) -> None:
    left, right = max(0, x), max(0, min(plane.shape[1], x + w))
    plane[y : y + h, left:right] = level


def _glow(luma: Plane, x: int, y: int, radius: int, level: int) -> None:
    """A round light, brightest in the middle, clipped at the picture's edges."""
    reach = radius * 2
    left, right = max(0, x - reach), min(WIDTH, x + reach)
    if left >= right:
        return
    yy, xx = np.mgrid[y - reach : y + reach, left:right]
    fall = np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (radius * radius))
    target = luma[y - reach : y + reach, left:right]
    np.maximum(target, (fall * level).astype(np.uint8), out=target)
