"""Invented shots for the simulator: real WAV files in the contract's form, the same for the same seed.

A shot here is the N-shaped pressure wave of a blast (Friedlander's form: a steep front, then a quick decay
through under-pressure), its echo off one wall, and a decaying diffuse rest. It stands on the hiss and hum of
a quiet street. Nobody ever recorded it, and it proves nothing about real shots.
"""

from __future__ import annotations

import random
import struct

import numpy as np
from numpy.typing import NDArray

PRE_ROLL_S = 2.0
TAIL_S = 1.0
LONGEST_SPAN_S = 7.0

Samples = NDArray[np.float64]


def wav(samples: Samples, rate_hz: int) -> bytes:
    """Return -1..1 samples as the canonical WAV: RIFF, 16 byte fmt, data, and nothing else."""
    data = np.round(np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, rate_hz, 2 * rate_hz, 2,
        16, b"data", len(data),
    )  # fmt: skip
    return head + data


def shots(seed: int, rounds: int, span_ms: int, rate_hz: int = 16_000) -> bytes:
    """Return a clip of so many shots within ``span_ms``: two seconds before the first, one after the last."""
    pick = random.Random(seed)
    span_s = min(span_ms / 1000, LONGEST_SPAN_S) if rounds > 1 else 0.0
    between = sorted(pick.uniform(0.08, 0.92) * span_s for _ in range(max(0, rounds - 2)))
    times = [0.0, *between, span_s][: max(1, rounds)]
    whole = street(seed, PRE_ROLL_S + span_s + TAIL_S, rate_hz)
    noise = np.random.default_rng(seed)
    for at_s in times:
        _add(whole, shot(noise, rate_hz, pick.uniform(0.55, 0.9)), PRE_ROLL_S + at_s, rate_hz)
    return wav(whole, rate_hz)


def street(seed: int, seconds: float, rate_hz: int) -> Samples:
    """Return a quiet street at night: hiss that falls with frequency, and a little mains hum."""
    noise = np.random.default_rng(seed + 1)
    count = round(seconds * rate_hz)
    spectrum = np.fft.rfft(noise.normal(0, 1, count))
    # Never all of the lowest: they would be a slow swell and not a hiss.
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 40.0))
    hiss = np.fft.irfft(spectrum, count)
    at = np.arange(count) / rate_hz
    hum = np.sin(2 * np.pi * 120 * at) + 0.4 * np.sin(2 * np.pi * 240 * at + 1)
    found: Samples = 0.004 * hiss / np.abs(hiss).std() + 0.0008 * hum
    return found


def shot(noise: np.random.Generator, rate_hz: int, loudness: float) -> Samples:
    """Return one shot of 0.7 s, peak ``loudness`` of 1."""
    at = np.arange(round(0.7 * rate_hz)) / rate_hz
    blast_s = noise.uniform(0.0012, 0.0022)
    blast = (1 - at / blast_s) * np.exp(-at / blast_s)
    # The air is let in over a few samples: no microphone follows a step.
    blast *= np.minimum(1, at * rate_hz / 2)
    rest = noise.normal(0, 1, len(at)) * np.exp(-at / noise.uniform(0.03, 0.06))
    echo = np.zeros_like(at)
    later = round(noise.uniform(0.03, 0.09) * rate_hz)
    echo[later:] = blast[: len(at) - later]
    whole: Samples = blast + 0.3 * echo + 0.12 * rest
    return whole * loudness / np.abs(whole).max()


def _add(whole: Samples, sound: Samples, at_s: float, rate_hz: int) -> None:
    start = round(at_s * rate_hz)
    room = min(len(sound), len(whole) - start)
    whole[start : start + room] += sound[:room]
