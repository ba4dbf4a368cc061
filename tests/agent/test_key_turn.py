"""The trailer's next key: when, how, and after whatever went wrong on the way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.__main__ import main
from agent.client import Client
from agent.clock import wire
from agent.identity import enrol_trailer, load_config, own_key
from agent.keyturn import KeyTurn
from agent.signing import Signer, b64url, load_private_key, public_bytes, unb64url
from agent.trailer import TrailerAgent
from tests.agent.console import Console, problem
from tests.agent.parts import Camera, MovedClock, until
from tests.agent.parts import running as running_agent

YEAR = timedelta(days=365)


class Bench:
    """An enrolled trailer's state directory, its console, and what turns its key."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.console = Console("TRL-0007", "TRL-0007:1", Ed25519PrivateKey.generate().public_key())
        self.clock = MovedClock()
        self.clock.at = datetime.now(UTC)
        self.turned = 0
        self.sends = False

    async def up(self) -> Bench:
        await self.console.up()
        await enrol_trailer(self.state, self.console.url, "one-use-token-0001", "serial-1", "")
        self.console.device = own_key(self.state)[1].public_key()
        self.console.undeploy(1)
        return self

    def turn(self) -> KeyTurn:
        """As after a restart."""
        identity, key = own_key(self.state)
        signer = Signer(key, identity["keyid"], identity["authority"])

        async def turned() -> None:
            self.turned += 1

        return KeyTurn(self.state, Client(self.console.url, signer, self.clock), lambda: self.sends, turned)

    def answers(self, keyid: str = "TRL-0007:2") -> None:
        """The console takes the next key."""
        keys = [{"kid": self.console.kid, "public_key": b64url(public_bytes(self.console.key))}]
        self.console.script.append(
            (201, {"trailer": "TRL-0007", "keyid": keyid, "console_keys": keys, "time": ""})
        )

    def offered(self) -> list[bytes]:
        """Which public keys were offered."""
        return [unb64url(body["public_key"]) for _, path, _, body in self.console.requests if "keys" in path]

    def takes(self, raw: bytes, keyid: str) -> None:
        """From now on this is the key that the console knows."""
        self.console.device, self.console.keyid = Ed25519PublicKey.from_public_bytes(raw), keyid


@pytest.fixture
async def bench(tmp_path: Path) -> Any:
    made = await Bench(tmp_path / "state").up()
    yield made
    await made.console.down()


def span(begin: datetime) -> dict[str, Any]:
    return {"from": wire(begin), "until": wire(begin + YEAR)}


async def test_it_is_due_when_two_thirds_of_the_time_are_over(bench: Bench) -> None:
    turn = bench.turn()
    assert not turn.due(), "nothing is known of the key yet"
    turn.learn(span(bench.clock.at))
    for days, due in ((0, False), (243, False), (244, True), (400, True)):
        bench.clock.offset = timedelta(days=days)
        assert turn.due() is due, days
    assert bench.turn().due(), "it is remembered over a restart"
    for nonsense in (None, {}, {"from": "x", "until": "y"}, {"from": 1, "until": 2}, [], "key"):
        turn.learn(nonsense)
        assert turn.due()


async def test_the_next_key_takes_the_place_of_the_present_one(bench: Bench) -> None:
    bench.answers()
    turn = bench.turn()
    turn.learn(span(bench.clock.at - YEAR))
    assert await turn.turn() and bench.turned == 1
    identity, key = own_key(bench.state)
    assert (identity["keyid"], identity["key_file"]) == ("TRL-0007:2", "device-2.key")
    assert bench.offered() == [public_bytes(key)]
    assert sorted(path.name for path in bench.state.glob("device*")) == ["device-2.key"]
    assert {path.stat().st_mode & 0o077 for path in bench.state.iterdir()} == {0}
    assert turn.client.signer.keyid == "TRL-0007:2" and not turn.due(), "the new key's time is not known yet"
    config = load_config(bench.state)
    assert config.keyid == "TRL-0007:2" and load_private_key(config.private_key_file)


async def test_a_lost_answer_offers_the_same_key_again(bench: Bench) -> None:
    bench.console.script.append(problem("unavailable", 503))
    assert not await bench.turn().turn()
    again = bench.turn()
    assert again.due(), "a try that has not come to its end is due at once"
    bench.answers()
    assert await again.turn()
    first, second = bench.offered()
    assert first == second == public_bytes(own_key(bench.state)[1])


async def test_an_answer_lost_for_longer_than_the_old_key_lived_is_found_again(bench: Bench) -> None:
    bench.console.script.append(problem("unavailable", 503))
    assert not await bench.turn().turn()
    [offered] = bench.offered()
    # The console took it as number 3, and the old key has ended meanwhile.
    turn = bench.turn()
    asked = []
    first = turn.client.post_key

    async def refused(body: Any) -> Any:
        asked.append(await first(body))
        bench.takes(offered, "TRL-0007:3")
        return asked[-1]

    turn.client.post_key = refused  # type: ignore[method-assign]
    bench.console.script.extend([problem("bad-signature", 401)] * 4)
    assert await turn.turn()
    assert own_key(bench.state)[0]["keyid"] == "TRL-0007:3" and asked[0].code == "bad-signature"


@pytest.mark.parametrize("code", ["key-rotated", "schema", "bad-proof"])
async def test_what_the_console_refuses_changes_nothing(bench: Bench, code: str) -> None:
    before = own_key(bench.state)[0]
    bench.console.script.extend([problem(code, 409)] * 4)
    turn = bench.turn()
    assert not await turn.turn() and bench.turned == 0
    assert own_key(bench.state)[0] == before and turn.refused == code


async def test_a_key_of_another_trailer_is_not_taken(bench: Bench) -> None:
    bench.answers("TRL-0008:2")
    assert not await bench.turn().turn()
    assert own_key(bench.state)[0]["keyid"] == "TRL-0007:1"


async def test_a_power_cut_between_the_files_leaves_a_key_that_works(bench: Bench) -> None:
    bench.answers()
    assert await bench.turn().turn()
    # As if the power had gone before the last step: the offered key still lies there.
    (bench.state / "device.key.next").write_bytes((bench.state / "device-2.key").read_bytes())
    turn = bench.turn()
    bench.takes(public_bytes(own_key(bench.state)[1]), "TRL-0007:2")
    bench.answers("TRL-0007:3")
    assert await turn.turn()
    offered = bench.offered()
    assert offered[0] != offered[1], "the key that signs is never offered as its own successor"


async def test_a_running_agent_renews_and_opens_its_channel_with_the_new_key(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(bench.state)
    config.publisher, config.channel_url = Camera, bench.console.channel_url
    agent = TrailerAgent(config)
    assert agent.key_turn is not None
    adopt = agent.key_turn._adopt

    async def adopted(key: Ed25519PrivateKey, answer: Any) -> bool:
        bench.takes(public_bytes(key), "TRL-0007:2")
        return await adopt(key, answer)

    monkeypatch.setattr(agent.key_turn, "_adopt", adopted)
    async with running_agent(agent):
        await until(lambda: agent.connected)
        first = bench.console.socket
        bench.answers()
        assert first is not None
        await first.send(json.dumps({"t": "welcome", "key": span(datetime.now(UTC) - YEAR)}))
        await until(lambda: agent.client.signer.keyid == "TRL-0007:2")
        await until(lambda: agent.connected and bench.console.socket is not first)
        assert agent.halted is None


def test_the_command_shows_the_fingerprint_in_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["agent", "--state", str(tmp_path), "fingerprint"])
    assert main() == 2 and "Not enrolled yet" in capsys.readouterr().err
