"""A quiet car park at night, drawn once. Invented: no real place, no person, no plate."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH = 1280
HEIGHT = 720
HORIZON = 262
GRAIN_VARIANTS = 6

Plane = NDArray[np.uint8]


class Scene(NamedTuple):
    """Video planes (YUV 4:2:0, limited range); `lumas` are the same picture with different grain."""

    lumas: tuple[Plane, ...]
    u: Plane
    v: Plane


@lru_cache(maxsize=1)
def night_car_park() -> Scene:
    """Draw the still part of the picture (some 0.3 s), kept for the life of the process."""
    image = _paint()
    y, cb, cr = image.convert("YCbCr").split()
    luma = 16 + np.asarray(y, dtype=np.float32) * (219 / 255)
    random = np.random.default_rng(7)
    grain = (random.normal(0, 1.1, luma.shape).astype(np.float32) for _ in range(GRAIN_VARIANTS))
    lumas = tuple(np.clip(luma + one, 16, 235).astype(np.uint8) for one in grain)
    half = (WIDTH // 2, HEIGHT // 2)
    u, v = (np.asarray(plane.resize(half, Image.Resampling.BOX), dtype=np.uint8) for plane in (cb, cr))
    return Scene(lumas, u.copy(), v.copy())


def _paint() -> Image.Image:
    image = _sky_and_ground()
    draw = ImageDraw.Draw(image)
    _buildings(draw)
    _shops(image)
    _kerb(draw)
    _bays(draw)
    for x, y, size, colour in _CARS:
        _car(draw, x, y, size, colour)
    return _lamp_light(image)


def _sky_and_ground() -> Image.Image:
    rows = np.zeros((HEIGHT, 1, 3), dtype=np.float32)
    for y in range(HEIGHT):
        if y < HORIZON:
            t = y / HORIZON
            rows[y, 0] = (10 + 26 * t, 13 + 22 * t, 26 + 24 * t)
        else:
            t = (y - HORIZON) / (HEIGHT - HORIZON)
            rows[y, 0] = (27 + 20 * t, 29 + 20 * t, 33 + 20 * t)
    picture = np.repeat(rows, WIDTH, axis=1)
    random = np.random.default_rng(3)
    speck = random.normal(0, 3.0, (HEIGHT, WIDTH, 1)).astype(np.float32)
    speck[:HORIZON] *= 0.2
    return Image.fromarray(np.clip(picture + speck, 0, 255).astype(np.uint8), "RGB")


_BLOCKS = ((0, 190, 128), (190, 330, 160), (560, 700, 92), (980, 1280, 112))


def _buildings(draw: ImageDraw.ImageDraw) -> None:
    """Dark blocks far behind, a few windows lit."""
    random = np.random.default_rng(11)
    for left, right, top in _BLOCKS:
        draw.rectangle((left, top, right, HORIZON), fill=(17, 19, 27))
        draw.line((left, top, right, top), fill=(32, 35, 44), width=2)
        for x in range(left + 14, right - 18, 28):
            for y in range(top + 16, HORIZON - 90, 24):
                warm = random.random()
                if warm > 0.78:
                    glow = (164, 136, 84) if warm > 0.9 else (86, 98, 118)
                    draw.rectangle((x, y, x + 12, y + 10), fill=glow)


# Invented names; (sign, window glow), None: closed for the night.
_SHOPS: tuple[tuple[str, tuple[int, int, int], tuple[int, int, int] | None], ...] = (
    ("GROCER", (214, 178, 92), (226, 178, 82)),
    ("LAUNDRY", (136, 196, 198), (140, 192, 190)),
    ("TAILOR", (46, 54, 54), None),
    ("BAKERY", (206, 128, 104), (212, 130, 96)),
    ("DENTAL", (52, 58, 72), None),
    ("PHARMACY", (120, 176, 132), (168, 190, 150)),
)
_PLAZA = (92, 1196)


def _shops(image: Image.Image) -> None:
    """A row of shop fronts on the far side, under one roof."""
    draw = ImageDraw.Draw(image)
    left, right = _PLAZA
    draw.rectangle((left, 168, right, HORIZON), fill=(23, 25, 30))
    draw.rectangle((left - 14, 160, right + 14, 170), fill=(44, 46, 52))
    width = (right - left) / len(_SHOPS)
    font = ImageFont.load_default(13)
    for index, (name, sign, glow) in enumerate(_SHOPS):
        x = left + index * width
        draw.rounded_rectangle((x + 38, 176, x + width - 38, 194), radius=3, fill=sign)
        ink = (30, 26, 20) if glow else (88, 92, 98)
        draw.text((x + width / 2, 185), name, fill=ink, font=font, anchor="mm")
        for pane in range(3):
            edge = x + 22 + pane * (width - 44) / 3
            box = (edge, 200, edge + (width - 44) / 3 - 3, HORIZON - 6)
            draw.rectangle(box, fill=glow or (15, 18, 22))
            if glow:
                _shelves(draw, box, glow)


def _shelves(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], glow: tuple[int, int, int]
) -> None:
    dim = tuple(int(one * 0.72) for one in glow)
    for y in range(int(box[1]) + 16, int(box[3]), 15):
        draw.line((box[0], y, box[2], y), fill=dim, width=2)
    bright = tuple(min(255, int(one * 1.12)) for one in glow)
    draw.rectangle((box[0], box[1], box[2], box[1] + 5), fill=bright)


def _shop_light() -> NDArray[np.float32]:
    """What the lit windows throw onto the asphalt in front of them, as RGB to add."""
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    light = np.zeros((HEIGHT, WIDTH, 3), dtype=np.float32)
    left, right = _PLAZA
    width = (right - left) / len(_SHOPS)
    fall = np.where(yy >= HORIZON, np.exp(-(yy - HORIZON) / 60), 0)
    for index, (_, _, glow) in enumerate(_SHOPS):
        if glow:
            across = np.exp(-(((xx - left - (index + 0.5) * width) / (width * 0.42)) ** 4))
            light += (0.34 * fall * across)[..., None] * np.array(glow, dtype=np.float32)
    return light


def _kerb(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, HORIZON - 3, WIDTH, HORIZON + 3), fill=(52, 54, 58))


def _bays(draw: ImageDraw.ImageDraw) -> None:
    """Painted bay lines, running to one vanishing point."""
    for base in range(-900, 2300, 190):
        top = 640 + (base - 640) * 0.42
        draw.line((top, 388, base, 720), fill=(112, 112, 106), width=4)
    draw.line((0, 388, WIDTH, 388), fill=(96, 96, 92), width=3)
    for base in range(-300, 1700, 118):
        x = 640 + (base - 640) * 0.94
        draw.line((x, 296, base, 338), fill=(84, 84, 82), width=2)


_CARS = (
    (150, 312, 0.56, (60, 66, 78)),
    (292, 311, 0.56, (88, 88, 90)),
    (742, 313, 0.56, (72, 48, 46)),
    (1076, 312, 0.56, (54, 62, 58)),
    (214, 470, 1.15, (58, 62, 70)),
    (1010, 476, 1.15, (40, 48, 66)),
)


def _car(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: tuple[int, int, int]) -> None:
    """A parked car from behind; the place of its plate is left blank on purpose."""
    w, h = 150 * size, 96 * size
    dark = tuple(int(c * 0.5) for c in colour)
    draw.ellipse((x - w * 0.56, y + h * 0.30, x + w * 0.56, y + h * 0.62), fill=(14, 15, 17))
    draw.rounded_rectangle((x - w / 2, y - h * 0.12, x + w / 2, y + h * 0.42), radius=h * 0.14, fill=colour)
    roof = [
        (x - w * 0.36, y - h * 0.1),
        (x - w * 0.27, y - h * 0.5),
        (x + w * 0.27, y - h * 0.5),
        (x + w * 0.36, y - h * 0.1),
    ]
    draw.polygon(roof, fill=dark)
    glass = [
        (x - w * 0.30, y - h * 0.12),
        (x - w * 0.23, y - h * 0.43),
        (x + w * 0.23, y - h * 0.43),
        (x + w * 0.30, y - h * 0.12),
    ]
    draw.polygon(glass, fill=(22, 27, 36))
    for side in (-1, 1):
        left = x + side * w * 0.40
        draw.rectangle((left - w * 0.06, y, left + w * 0.06, y + h * 0.12), fill=(96, 26, 24))
        wheel = x + side * w * 0.36
        draw.rectangle((wheel - w * 0.07, y + h * 0.40, wheel + w * 0.07, y + h * 0.54), fill=(10, 10, 12))


_LAMPS = ((330, 118, 470), (905, 104, 486), (1210, 150, 420))


def _lamp_light(image: Image.Image) -> Image.Image:
    """Lamp posts and the pools of sodium light beneath them."""
    light = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    for x, top, foot in _LAMPS:
        pool = np.exp(-(((xx - x) / 250) ** 2 + ((yy - foot) / 92) ** 2))
        halo = 0.9 * np.exp(-(((xx - x) ** 2 + (yy - top) ** 2) / 900))
        light += np.where(yy >= HORIZON, pool, 0) + halo
    corner = 1 - 0.35 * (((xx - 640) / 760) ** 2 + ((yy - 360) / 520) ** 2) / 2
    tint = np.array((1.0, 0.80, 0.52), dtype=np.float32)
    picture = np.asarray(image, dtype=np.float32)
    picture = picture * (1 + 1.1 * light[..., None] * tint) + 26 * light[..., None] * tint + _shop_light()
    picture *= corner[..., None]
    lit = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8), "RGB")
    lit = lit.filter(ImageFilter.GaussianBlur(0.7))
    draw = ImageDraw.Draw(lit)
    for x, top, foot in _LAMPS:
        draw.line((x, top, x, foot - 60), fill=(48, 49, 52), width=5)
        draw.rounded_rectangle((x - 22, top - 5, x + 22, top + 5), radius=5, fill=(255, 238, 196))
    return lit


class Text:
    """Pre-rendered glyphs, blitted as luma: drawing text costs microseconds, not a font engine."""

    CHARACTERS = "0123456789:.-/ ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz·#"

    def __init__(self, size: int) -> None:
        font = ImageFont.load_default(size)
        self.height = math.ceil(size * 1.3)
        self._glyphs = {c: self._render(c, font) for c in self.CHARACTERS}
        # Tabular figures: a running counter must not make its neighbours dance.
        widest = max(self._glyphs[c].shape[1] for c in "0123456789")
        for c in "0123456789":
            self._glyphs[c] = _pad(self._glyphs[c], widest)

    def _render(self, character: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Plane:
        width = max(2, math.ceil(font.getlength(character)))
        canvas = Image.new("L", (width, self.height), 0)
        ImageDraw.Draw(canvas).text((0, 0), character, fill=255, font=font)
        return np.asarray(canvas, dtype=np.uint8)

    def draw(self, luma: Plane, x: int, y: int, text: str) -> int:
        """Write white on what is there; returns the x after the last glyph. Unknown glyphs are blanks."""
        blank = self._glyphs[" "]
        row = np.concatenate([self._glyphs.get(c, blank) for c in text], axis=1)
        row = row[: luma.shape[0] - y, : luma.shape[1] - x]
        target = luma[y : y + row.shape[0], x : x + row.shape[1]]
        np.maximum(target, (16 + row * (219 / 255)).astype(np.uint8), out=target)
        return x + int(row.shape[1])


def _pad(glyph: Plane, width: int) -> Plane:
    missing = width - glyph.shape[1]
    return np.pad(glyph, ((0, 0), (missing // 2, missing - missing // 2)))
