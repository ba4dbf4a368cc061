"""Crafted clips: what no simulator sends and the contract must refuse. All of it is generated."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from agent import sounds

Samples = NDArray[np.float64]
RATE = 16_000


def with_head(
    data: bytes, *, rate: int = RATE, channels: int = 1, bits: int = 16, kind: int = 1,
    riff_size: int | None = None, data_size: int | None = None, between: bytes = b"", after: bytes = b"",
) -> bytes:  # fmt: skip
    """A WAV around these bytes, with whatever lies it is told to carry."""
    align = channels * bits // 8
    body = between + b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data + after
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * align, align, bits)
    size = 4 + len(fmt) + len(body) if riff_size is None else riff_size
    return b"RIFF" + struct.pack("<I", size) + b"WAVE" + fmt + body


def pcm(samples: Samples) -> bytes:
    """16 bit little endian."""
    return np.round(np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()


def shot_at(
    times_s: list[float], length_s: float, *, rate: int = RATE, seed: int = 5, loud: float = 0.8
) -> Samples:
    """Shots at these moments on a quiet street."""
    whole = sounds.street(seed, length_s, rate)
    noise = np.random.default_rng(seed)
    for at in times_s:
        sounds._add(whole, sounds.shot(noise, rate, loud), at, rate)
    return whole


def over(sound: Samples, other: Samples, level_db: float, at_s: float = 0.0, rate: int = RATE) -> Samples:
    """``other`` mixed in from ``at_s`` on, its loudest sample ``level_db`` under full scale."""
    whole = sound.copy()
    start = round(at_s * rate)
    room = min(len(other), len(whole) - start)
    whole[start : start + room] += other[:room] / np.abs(other).max() * 10 ** (level_db / 20)
    return whole


#: Formants of five vowels of a man, hertz, and how long each is held, in seconds. Textbook values.
_VOWELS = (((730, 1090, 2440), 0.22), ((270, 2290, 3010), 0.18), ((570, 840, 2410), 0.2),
           ((530, 1840, 2480), 0.16), ((300, 870, 2240), 0.24))  # fmt: skip


def speech(seconds: float, seed: int = 3, rate: int = RATE) -> Samples:
    """Formant-like babble: glottal pulses through three resonances a vowel, with hiss and pauses between."""
    noise = np.random.default_rng(seed)
    parts: list[Samples] = []
    count, index = 0, 0
    while count < seconds * rate:
        formants, held_s = _VOWELS[index % len(_VOWELS)]
        index += 1
        vowel = _vowel(formants, held_s * noise.uniform(0.8, 1.2), noise.uniform(95, 140), rate)
        hiss = _resonant(noise.normal(0, 0.05, round(0.06 * rate)), 3500, 900, rate)
        gap = np.zeros(round(noise.uniform(0.02, 0.09) * rate))
        for part in (hiss, vowel, gap):
            parts.append(part)
            count += len(part)
    return np.concatenate(parts)[: round(seconds * rate)]


def _vowel(formants: tuple[int, ...], held_s: float, pitch_hz: float, rate: int) -> Samples:
    count = round(held_s * rate)
    at = np.arange(count) / rate
    phase = np.cumsum(pitch_hz * (1 + 0.06 * np.sin(2 * np.pi * 3 * at) - 0.1 * at / held_s) / rate)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    voiced = sum((0.7**n) * _resonant(pulses, one, 60 + 30 * n, rate) for n, one in enumerate(formants))
    edge = np.minimum(1, np.minimum(at, held_s - at) / 0.02)
    found: Samples = voiced * np.maximum(edge, 0)
    return found / np.abs(found).max()


def _resonant(source: Samples, centre_hz: float, width_hz: float, rate: int) -> Samples:
    """A two-pole resonance, by its impulse response."""
    at = np.arange(round(0.05 * rate)) / rate
    response = np.exp(-np.pi * width_hz * at) * np.sin(2 * np.pi * centre_hz * at)
    return np.convolve(source, response)[: len(source)]


def noise(seconds: float, level: float = 0.1, seed: int = 9, rate: int = RATE) -> Samples:
    """White noise."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * rate))


def tone(seconds: float, hertz: float = 440.0, level: float = 0.3, rate: int = RATE) -> Samples:
    """A steady tone."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
