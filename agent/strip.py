"""The machine-readable strip in the corner of the synthetic camera's picture.

Geometry (in a 1280x720 picture; scale for others): two rows, top-left corner, each 34 square blocks of
8 px. Row 0 (y 0..7) is the frame counter, row 1 (y 8..15) the low 32 bits of the capture time in
unix milliseconds. In each row blocks 0..31 are the number, most significant bit first, light = 1,
dark = 0; block 32 is always light and block 33 always dark, so that a dark or empty picture is not
read as a number. Light is a middle grey: made for a program, it should not catch an eye.
`frontend/player.ts` reads the same strip in a browser.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
BITS = 32
BLOCKS = BITS + 2
ROWS = 2
WIDTH = BLOCKS * BLOCK
HEIGHT = ROWS * BLOCK
DARK = 16
LIGHT = 120
# A block is judged by its middle: the codec smears edges.
MARGIN = 2
CONTRAST = 40

Luma = NDArray[np.uint8]


class Strip(NamedTuple):
    """What one picture says of itself."""

    counter: int
    unix_ms: int


def draw_strip(luma: Luma, counter: int, unix_ms: int) -> None:
    """Burn both numbers (their low 32 bits) into the top-left of a luma plane, in place."""
    for row, number in enumerate((counter, unix_ms)):
        blocks = np.array([*_bits(number), LIGHT, DARK], dtype=np.uint8)
        luma[row * BLOCK : (row + 1) * BLOCK, :WIDTH] = np.repeat(blocks, BLOCK)


def _bits(number: int) -> list[int]:
    return [LIGHT if number >> (BITS - 1 - i) & 1 else DARK for i in range(BITS)]


def read_strip(luma: NDArray[np.uint8]) -> Strip | None:
    """Read the strip from a 1280x720 luma (or grey) plane; None when it is not there."""
    if luma.shape[0] < HEIGHT or luma.shape[1] < WIDTH:
        return None
    corner = luma[:HEIGHT, :WIDTH].astype(np.float32).reshape(ROWS, BLOCK, BLOCKS, BLOCK)
    means = corner[:, MARGIN:-MARGIN, :, MARGIN:-MARGIN].mean(axis=(1, 3))
    numbers = []
    for row in means:
        light, dark = row[BITS], row[BITS + 1]
        if light - dark < CONTRAST:
            return None
        bits = row[:BITS] > (light + dark) / 2
        numbers.append(int("".join("1" if bit else "0" for bit in bits), 2))
    return Strip(*numbers)
