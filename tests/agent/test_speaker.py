"""The loudspeaker: one message at a time, short, not too loud, silent when nobody could stop it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from agent.player import Player
from agent.ports import Cannot, Spoken
from agent.speaker import Loudspeaker
from agent.streams import DeadMan
from tests.agent.parts import MovedClock, until

ASK = {"preset": "leave-now", "language": "en", "volume": 60}


class Horn:
    """Remembers what it said; ``hold`` makes it go on until silenced."""

    def __init__(self) -> None:
        self.said: list[Spoken] = []
        self.silenced = 0
        self.hold = False
        self.broken = False

    async def play(self, spoken: Spoken) -> None:
        self.said.append(spoken)
        if self.broken:
            raise OSError("no sound card")
        if self.hold:
            await asyncio.Event().wait()

    async def silence(self) -> None:
        self.silenced += 1


class Rig:
    """A loudspeaker whose channel is up."""

    def __init__(self) -> None:
        self.clock = MovedClock()
        self.dead_man = DeadMan(self.clock)
        self.dead_man.channel_up()
        self.horn = Horn()
        self.permitted = True
        self.speaker = Loudspeaker(self.horn, lambda: self.permitted, self.dead_man, 70)

    async def speaking(self) -> asyncio.Task[None]:
        """Begin a message that does not end by itself."""
        self.horn.hold = True
        task = asyncio.create_task(self.speaker.play(ASK))
        await until(lambda: self.horn.said)
        return task


@pytest.fixture
def rig():
    return Rig()


async def test_a_message_is_said_as_often_as_asked(rig):
    await rig.speaker.play({**ASK, "repeat": 3})
    assert rig.horn.said == [Spoken("leave-now", None, "en", 60)] * 3 and not rig.speaker.live


async def test_never_over_the_ceiling(rig):
    await rig.speaker.play({**ASK, "volume": 100})
    assert rig.horn.said[0].volume_pct == 70


@pytest.mark.parametrize(
    "change",
    [
        {"repeat": 0}, {"repeat": 4}, {"repeat": True}, {"repeat": "2"}, {"preset": None},
        {"text": "and a text as well"}, {"preset": "../../etc/passwd"}, {"preset": "-x"}, {"preset": 7},
        {"preset": None, "text": ""}, {"preset": None, "text": "x" * 401}, {"preset": None, "text": "a\x07"},
        {"language": "english"}, {"language": None}, {"language": "--help"}, {"volume": 101}, {"volume": -1},
        {"volume": None}, {"volume": True}, {"volume": "60"},
    ],
)  # fmt: skip
async def test_messages_outside_the_contract_are_not_said(rig, change):
    with pytest.raises(Cannot, match="bad-args"):
        await rig.speaker.play({**ASK, **change})
    assert rig.horn.said == []


async def test_without_a_permit_or_a_loudspeaker_nothing_is_said(rig):
    rig.permitted = False
    with pytest.raises(Cannot, match="not-deployed"):
        await rig.speaker.play(ASK)
    rig.speaker.port = None
    with pytest.raises(Cannot, match="unsupported"):
        await rig.speaker.play(ASK)
    await rig.speaker.stop()
    assert rig.horn.said == []


async def test_one_at_a_time_and_a_stop_ends_it_at_once(rig):
    task = await rig.speaking()
    with pytest.raises(Cannot, match="busy"):
        await rig.speaker.play(ASK)
    await rig.speaker.stop()
    with pytest.raises(Cannot) as why:
        await task
    assert (why.value.code, why.value.status) == ("stopped", "failed")
    assert rig.horn.silenced == 1 and not rig.speaker.live
    rig.horn.hold = False
    await rig.speaker.play(ASK)


async def test_the_dead_man_ends_it_after_30_s_without_a_word(rig):
    task = await rig.speaking()
    rig.clock.move(29.9)
    await rig.speaker.tick()
    assert rig.speaker.live
    rig.clock.move(0.1)
    await rig.speaker.tick()
    with pytest.raises(Cannot, match="stopped"):
        await task
    assert rig.horn.silenced == 1


async def test_the_end_of_the_deployment_ends_it(rig):
    task = await rig.speaking()
    rig.permitted = False
    await rig.speaker.tick()
    with pytest.raises(Cannot, match="stopped"):
        await task


async def test_30_seconds_are_the_most(rig, monkeypatch):
    monkeypatch.setattr("agent.speaker.LONGEST_S", 0.05)
    rig.horn.hold = True
    with pytest.raises(Cannot, match="too-long"):
        await rig.speaker.play(ASK)
    assert not rig.speaker.live


async def test_a_broken_loudspeaker_says_so(rig):
    rig.horn.broken = True
    with pytest.raises(Cannot) as why:
        await rig.speaker.play(ASK)
    assert (why.value.code, why.value.status) == ("speaker-fault", "failed")


# --- the player: a program, no shell --------------------------------------------------------------

PROGRAM = "import sys; open(sys.argv[1], 'a').write(repr((sys.argv[2:], sys.stdin.read())) + chr(10))"


def player(tmp_path: Path, code: str = PROGRAM) -> Player:
    folder = tmp_path / "presets" / "en"
    folder.mkdir(parents=True)
    (folder / "leave-now.wav").write_bytes(b"RIFF")
    words = [sys.executable, "-c", code, str(tmp_path / "out"), "{volume}", "{language}", "{file}"]
    return Player(tmp_path / "presets", words, words)


async def test_a_preset_is_a_file_that_is_there(tmp_path):
    horn = player(tmp_path)
    await horn.play(Spoken("leave-now", None, "en", 55))
    where = str((tmp_path / "presets" / "en" / "leave-now.wav").resolve())
    assert (tmp_path / "out").read_text() == repr((["55", "en", where], "")) + "\n"
    with pytest.raises(Cannot, match="unknown-preset"):
        await horn.play(Spoken("other", None, "en", 55))


async def test_a_text_is_the_programs_input_and_never_a_word_of_its_command(tmp_path):
    horn = player(tmp_path)
    hostile = '--help; $(touch pwned) `id` "\n{file}'
    await horn.play(Spoken(None, hostile, "pa", 40))
    assert (tmp_path / "out").read_text() == repr((["40", "pa", ""], hostile)) + "\n"
    horn.speak_command = ()
    with pytest.raises(Cannot, match="unsupported"):
        await horn.play(Spoken(None, "text", "en", 40))


async def test_a_program_that_fails_or_is_not_there_is_a_fault(tmp_path):
    horn = player(tmp_path, "raise SystemExit(3)")
    with pytest.raises(RuntimeError):
        await horn.play(Spoken("leave-now", None, "en", 55))
    horn.play_command = [str(tmp_path / "missing")]
    with pytest.raises(OSError):
        await horn.play(Spoken("leave-now", None, "en", 55))


async def test_silence_ends_a_program_that_ignores_being_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.player.KILL_AFTER_S", 0.1)
    deaf = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "open(sys.argv[1], 'w').close(); time.sleep(60)"
    )
    horn = player(tmp_path, deaf)
    task = asyncio.create_task(horn.play(Spoken("leave-now", None, "en", 55)))
    await until(lambda: (tmp_path / "out").exists())
    process = horn._running
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert process.returncode == -9
