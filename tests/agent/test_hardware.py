"""The file that says what hardware a trailer has: read whole, or refused with a sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from agent import hardware
from agent.__main__ import main
from agent.adapters.receiver import Listening
from agent.player import Player
from agent.signing import b64url
from tests.agent.parts import write_key


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "hardware.toml"
    path.write_text(text.replace("PRESETS", str(tmp_path)))
    return path


def secret(tmp_path: Path, text: str = "0123456789abcdef\n", mode: int = 0o600) -> Path:
    path = tmp_path / "rekor.secret"
    path.write_text(text)
    path.chmod(mode)
    return path


GOOD = '[speaker]\npresets = "PRESETS"\nplay = ["aplay", "{file}"]\n'


def test_a_loudspeaker_and_its_ceiling(tmp_path):
    found = hardware.read(written(tmp_path, GOOD + 'speak = ["say"]\nvolume_ceiling_pct = 70\n'))
    assert found == {"speaker": Player(tmp_path, ["aplay", "{file}"], ["say"]), "volume_ceiling_pct": 70}
    assert hardware.read(written(tmp_path, GOOD))["volume_ceiling_pct"] == 100
    assert hardware.read(written(tmp_path, "")) == {}


READERS = '[readers]\nport = 8471\nsecrets = { rekor = "PRESETS/rekor.secret" }\n'


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640])
def test_the_readers_their_place_and_the_secret_from_its_file(tmp_path, mode):
    secret(tmp_path, mode=mode)
    found = hardware.read(written(tmp_path, READERS))["readers"]
    assert found == Listening("127.0.0.1", 8471, {"rekor": "0123456789abcdef"})
    assert "0123456789abcdef" not in repr(found)
    for address in ("192.168.20.1", "10.0.0.1", "172.31.255.1", "169.254.1.1", "::1", "fd00::1"):
        text = READERS.replace("[readers]", f'[readers]\naddress = "{address}"')
        assert hardware.read(written(tmp_path, text))["readers"].address == address


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('address = "0.0.0.0"', "address: an address of"), ('address = "::"', "address: an address of"),
        ('address = "8.8.8.8"', "address: an address of"), ('address = "172.32.0.1"', "address: an address"),
        ('address = "localhost"', "address: an address of"), ("address = 7", "address: an address of"),
        ("port = 80", "1024 to 65535"), ("port = 65536", "1024 to 65535"), ('port = "8471"', "1024 to 65535"),
        ("port = true", "1024 to 65535"), ("", "1024 to 65535"), ("tls = true", "nothing else"),
        ("secrets = {}", "one or more of axis, flock"), ('secrets = "x"', "one or more of axis, flock"),
        ('secrets = { nobody = "x" }', "no adapter for nobody"),
        ("secrets = { rekor = 7 }", "rekor: the"),
        ('secrets = { rekor = "PRESETS/none" }', "none can't be read: No such file"),
        ('secrets = { rekor = "PRESETS" }', "can't be read|is no file"),
        ('secrets = { rekor = "/dev/null" }', "is no file"),
    ],
)  # fmt: skip
def test_readers_that_are_set_up_wrongly_are_refused_with_a_sentence(tmp_path, line, says):
    secret(tmp_path)
    named = (line or "port").partition(" ")[0]
    kept = [one for one in READERS.splitlines() if one.partition(" ")[0] != named]
    with pytest.raises(ValueError, match=says):
        hardware.read(written(tmp_path, "\n".join([*kept, line])))


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ("0123456789abcdef", 0o604, r"open to others \(mode 0604\): chmod 0600"),
        ("0123456789abcdef", 0o620, "open to others"), ("0123456789abcdef", 0o610, "open to others"),
        ("0123456789abcde\n", 0o600, "holds less than 16 signs"), (" \n", 0o600, "holds no secret"),
        ("0123456789\nabcdef", 0o600, "holds no secret"), ("é" * 20, 0o600, "holds no secret"),
        ("a" * 257, 0o600, "holds no secret"),
    ],
)  # fmt: skip
def test_a_secret_that_others_can_read_or_that_is_none_is_refused_and_not_told(tmp_path, text, mode, says):
    secret(tmp_path, text, mode)
    with pytest.raises(ValueError, match=says) as why:
        hardware.read(written(tmp_path, READERS))
    assert "0123456789" not in str(why.value)


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


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "can't be read"), (READERS.replace("8471", "80"), "port: a whole number from 1024 to 65535")],
)
def test_the_command_line_says_what_is_wrong_with_it(tmp_path, monkeypatch, capsys, text, says):
    write_key(tmp_path / "device.key")
    identity = {
        "trailer": "TRL-0007", "keyid": "TRL-0007:1", "console_url": "http://127.0.0.1:9", "authority": "x",
        "console_keys": [{"kid": "console:1", "public_key": b64url(bytes(range(32)))}],
    }  # fmt: skip
    (tmp_path / "identity.json").write_text(json.dumps(identity))
    path = tmp_path / "missing.toml" if text is None else written(tmp_path, text)
    words = ["csrp-agent", "--state", str(tmp_path), "run", "--hardware", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 2
    told = capsys.readouterr().err
    assert told.startswith("The hardware file is wrong: ") and says in told and "Traceback" not in told
