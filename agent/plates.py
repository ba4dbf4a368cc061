"""Invented pictures of plates for the simulator: drawn, slightly turned and noisy, as a reader crops them.

The same for the same seed. The marks are drawn from the letters given; the plate is nobody's.
"""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH, HEIGHT = 328, 112
_TWICE = 2
_PLATE, _INK = (214, 217, 222), (38, 62, 128)
_QUALITY = 82


def crop(seed: int, plate: str, place: str = "ONTARIO") -> bytes:
    """Return a JPEG of ``WIDTH`` x ``HEIGHT`` pixels that shows this plate on a car's tail at dusk."""
    pick = random.Random(seed)
    image = _tail(pick)
    turned = _face(plate, place).rotate(
        pick.uniform(-2.5, 2.5), Image.Resampling.BICUBIC, expand=True, fillcolor=(0, 0, 0, 0)
    )
    at = ((image.width - turned.width) // 2, (image.height - turned.height) // 2)
    image.paste(turned, at, turned)
    small = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    small = small.filter(ImageFilter.GaussianBlur(pick.uniform(0.3, 0.7)))
    grain = np.random.default_rng(seed).normal(0, pick.uniform(2.5, 5.0), (HEIGHT, WIDTH, 1))
    light = np.linspace(pick.uniform(0.8, 0.95), pick.uniform(0.95, 1.05), WIDTH)[None, :, None]
    pixels = np.clip(np.asarray(small, dtype=np.float64) * light + grain, 0, 255).astype(np.uint8)
    kept = io.BytesIO()
    Image.fromarray(pixels, "RGB").save(kept, "JPEG", quality=_QUALITY)
    return kept.getvalue()


def _tail(pick: random.Random) -> Image.Image:
    """A dark tailgate with one edge of light."""
    width, height = WIDTH * _TWICE, HEIGHT * _TWICE
    shade = pick.randrange(30, 60)
    image = Image.new("RGB", (width, height), (shade, shade + 2, shade + 6))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 16), fill=(shade + 34, shade + 38, shade + 44))
    draw.rectangle((0, 16, width, 20), fill=(12, 12, 14))
    draw.rectangle((0, height - 26, width, height), fill=(16, 16, 18))
    return image


def _face(plate: str, place: str) -> Image.Image:
    width, height = 236 * _TWICE, 78 * _TWICE
    face = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(face)
    draw.rounded_rectangle(
        (0, 0, width - 1, height - 1), 14, fill=(*_PLATE, 255), outline=(120, 124, 130), width=3
    )
    for x in (28, width - 28):
        draw.ellipse((x - 6, 12, x + 6, 24), fill=(92, 94, 98))
    draw.text((width / 2, 18), place, fill=_INK, font=ImageFont.load_default(20), anchor="mm")
    _marks(draw, plate, width, height)
    return face


def _marks(draw: ImageDraw.ImageDraw, plate: str, width: int, height: int) -> None:
    """Each character in a place of its own width, as on a plate; bold by its own outline."""
    step = (width - 48) / max(len(plate), 6)
    font = ImageFont.load_default(min(96, step * 1.42))
    left = (width - step * len(plate)) / 2
    for index, mark in enumerate(plate):
        place = (left + step * (index + 0.5), height * 0.6)
        draw.text(place, mark, fill=_INK, font=font, anchor="mm", stroke_width=3, stroke_fill=_INK)
