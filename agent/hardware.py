"""What hardware this trailer has, from one TOML file that whoever builds the trailer writes.

    [speaker]
    presets = "/opt/csrp-agent/presets"          # <presets>/<language>/<preset>.wav
    play = ["aplay", "-q", "{file}"]
    speak = ["espeak-ng", "-v", "{language}", "-a", "{volume}", "--stdin"]      # optional
    volume_ceiling_pct = 70                      # optional, 100

Without the file, or without a part of it, the verbs of that part are refused as ``unsupported``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from agent.player import Player

SPEAKER = frozenset({"presets", "play", "speak", "volume_ceiling_pct"})


def read(path: Path) -> dict[str, Any]:
    """Return the members of ``trailer.Config`` that the file decides; raises ``ValueError``."""
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path} can't be read: {error}") from error
    if unknown := set(told) - {"speaker"}:
        raise ValueError(f"{path}: no such part: {', '.join(sorted(unknown))}")
    return _speaker(told["speaker"]) if "speaker" in told else {}


def _speaker(part: Any) -> dict[str, Any]:
    if not isinstance(part, dict) or set(part) - SPEAKER:
        raise ValueError(f"[speaker] takes {', '.join(sorted(SPEAKER))} and nothing else")
    presets, ceiling = part.get("presets"), part.get("volume_ceiling_pct", 100)
    if not isinstance(presets, str) or not Path(presets).is_dir():
        raise ValueError("[speaker] presets: a folder that is there")
    if isinstance(ceiling, bool) or not isinstance(ceiling, int) or not 0 <= ceiling <= 100:
        raise ValueError("[speaker] volume_ceiling_pct: a whole number from 0 to 100")
    play, speak = _words(part, "play"), _words(part, "speak") if "speak" in part else []
    return {"speaker": Player(Path(presets), play, speak), "volume_ceiling_pct": ceiling}


def _words(part: dict[str, Any], name: str) -> list[str]:
    words = part.get(name)
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
        raise ValueError(f"[speaker] {name}: a program and its arguments, as a list of texts")
    return words
