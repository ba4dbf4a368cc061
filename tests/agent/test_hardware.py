"""The file that says what hardware a trailer has: read whole, or refused with a sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agent import hardware
from agent.__main__ import main
from agent.player import Player
from agent.signing import b64url
from tests.agent.parts import write_key


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hardware.toml"
    path.write_text(text.replace("PRESETS", str(tmp_path)))
    return path


GOOD = '[speaker]\npresets = "PRESETS"\nplay = ["aplay", "{file}"]\n'


def test_a_loudspeaker_and_its_ceiling(tmp_path):
    found = hardware.read(written(tmp_path, GOOD + 'speak = ["say"]\nvolume_ceiling_pct = 70\n'))
    assert found == {"speaker": Player(tmp_path, ["aplay", "{file}"], ["say"]), "volume_ceiling_pct": 70}
    assert hardware.read(written(tmp_path, GOOD))["volume_ceiling_pct"] == 100
    assert hardware.read(written(tmp_path, "")) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[speaker", "can't be read"), ("[microphone]", "no such part: microphone"),
        ("speaker = 1", "nothing else"),
        (GOOD + "volume = 1", "nothing else"), (GOOD + "volume_ceiling_pct = 101", "0 to 100"),
        (GOOD + "volume_ceiling_pct = true", "0 to 100"),
        (GOOD.replace("PRESETS", "/nowhere/at/all"), "a folder"),
        (GOOD.replace('["aplay", "{file}"]', '"aplay {file}"'), "play: a program"),
        (GOOD + "speak = []", "speak: a program"), (GOOD + "speak = [1]", "speak: a program"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_with_a_sentence(tmp_path, text, says):
    with pytest.raises(ValueError, match=says):
        hardware.read(written(tmp_path, text))


def test_the_command_line_says_what_is_wrong_with_it(tmp_path, monkeypatch, capsys):
    write_key(tmp_path / "device.key")
    identity = {
        "trailer": "TRL-0007", "keyid": "TRL-0007:1", "console_url": "http://127.0.0.1:9", "authority": "x",
        "console_keys": [{"kid": "console:1", "public_key": b64url(bytes(range(32)))}],
    }  # fmt: skip
    (tmp_path / "identity.json").write_text(json.dumps(identity))
    words = ["csrp-agent", "--state", str(tmp_path), "run", "--hardware", str(tmp_path / "missing.toml")]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 2
    assert "The hardware file is wrong" in capsys.readouterr().err
