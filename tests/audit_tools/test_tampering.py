"""Ways to tamper with the log, each done to a log and to exports that the console really wrote.

docs/audit-tampering.md is the same list for readers; ``test_the_page_lists_what_is_tested`` keeps them equal.
"""

# ruff: noqa: E501  (tables of cases: one case a line)

import functools
import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.notes import Checkpoint
from tests.audit_tools import reallog
from tests.audit_tools.exportmaker import canonical, zipped
from tests.audit_tools.logmaker import Key, Log
from tests.audit_tools.reallog import Scene
from tests.servers import TestServers
from tools import verify_audit, witness

PAGE = Path(__file__).parents[2] / "docs" / "audit-tampering.md"
Members = dict[str, bytes]
FLIPS = 10_000


@pytest.fixture(scope="module")
def scene(
    servers: TestServers, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with django_db_blocker.unblock():
        for name in reallog.database(servers, "tamper"):
            yield from reallog.standing(servers, name, tmp_path_factory.mktemp("real"))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("verify", "usable"):
        monkeypatch.setattr(verify_audit, name, functools.cache(getattr(verify_audit, name)))


def verifier(scene: Scene, path: Path, *more: str) -> tuple[int, str]:
    """Exports are looked at with the log's first key, from before the rotation; proofs need the newest."""
    key = scene.keys.vkey.text if path.suffix == ".tlog-proof" else scene.first_vkey
    keys = ["--log-key", key, "--witness-key", scene.witness.text]
    status, words = verify_audit.run([str(path), *keys, *more])
    return status, "\n".join(words)


# In the database, by a superuser with every trigger switched off. Line 200 is behind the rotation.

WORD = "UPDATE audit_log SET line = replace(line, '\"allowed\"', '\"denied\"') WHERE idx = 200"
LEAF = "UPDATE audit_log SET leaf = sha256('\\x00'::bytea || convert_to(line, 'UTF8')) WHERE idx = 200"
TAIL = "DELETE FROM audit_log WHERE idx >= {size}; DELETE FROM audit_node WHERE (n + 1) << level > {size}"
NOTES = "DELETE FROM audit_checkpoint WHERE size > {size}; DELETE FROM audit_cosignature WHERE size > {size}"

#: what is done -> SQL, the code that the self-check (`manage.py audit_verify`) finds
DATABASE: dict[str, tuple[str, str]] = {
    "a word of a line": (WORD, "line"),
    "a word of a line, and its hash": (f"{WORD}; {LEAF}", "line"),
    "the hash of a line": ("UPDATE audit_log SET leaf = sha256('x') WHERE idx = 200", "line"),
    "a line deleted": ("DELETE FROM audit_log WHERE idx = 200", "missing"),
    "the first line deleted": ("DELETE FROM audit_log WHERE idx = 0", "missing"),
    "two lines exchanged": ("UPDATE audit_log a SET line = b.line, leaf = b.leaf, uid = b.uid FROM audit_log b WHERE (a.idx, b.idx) IN ((200, 201), (201, 200))", "line"),
    "an entry's id given to another": ("UPDATE audit_log SET uid = (SELECT uid FROM audit_log WHERE idx = 199) WHERE idx = 200", "line"),
    "a node of the tree": ("UPDATE audit_node SET hash = sha256('x') WHERE level = 4 AND n = 3", "node"),
    "a node of the tree deleted": ("DELETE FROM audit_node WHERE level = 4 AND n = 3", "node"),
    "a detail deleted without its entry": ("DELETE FROM audit_detail", "detail"),
    "a detail sealed anew under other words": ("UPDATE audit_detail SET commitment = sha256(commitment)", "detail"),
    "the list of the log's keys emptied": ("DELETE FROM audit_log_key", "missing-key"),
    "a cosignature under another checkpoint": ("UPDATE audit_cosignature c SET line = (SELECT line FROM audit_cosignature WHERE size <> c.size ORDER BY size LIMIT 1) WHERE size = (SELECT max(size) FROM audit_cosignature)", "wrong-key"),
}  # fmt: skip

#: what is done -> what changes the database before the tree is made anew without signing, the code
STORED: dict[str, tuple[str, str]] = {
    "a line, its hash and the whole tree above it": (WORD, "fork"),
    "a checkpoint's root": ("UPDATE audit_checkpoint SET root = sha256('x') WHERE size = (SELECT max(size) FROM audit_checkpoint)", "note"),
    "a checkpoint under another's signature": ("UPDATE audit_checkpoint SET note = split_part(note, E'\\n\\n', 1) || E'\\n\\n' || split_part((SELECT note FROM audit_checkpoint ORDER BY size LIMIT 1), E'\\n\\n', 2) WHERE size = (SELECT max(size) FROM audit_checkpoint)", "wrong-key"),
    "the newest lines and their tree deleted": (TAIL, "rollback"),
}  # fmt: skip


def _run(scene: Scene, statements: str) -> None:
    for statement in statements.format(size=scene.backup).split("; "):
        scene.db.execute(statement)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", DATABASE)
def test_database(scene: Scene, case: str) -> None:
    statements, code = DATABASE[case]
    assert scene.self_check() == set()
    with scene.tampering():
        _run(scene, statements)
        assert code in scene.self_check()


@pytest.mark.parametrize("case", STORED)
def test_stored_checkpoint(scene: Scene, case: str) -> None:
    statements, code = STORED[case]
    with scene.tampering():
        _run(scene, statements)
        if code == "fork":
            scene.reseal(above=10**9)
        assert code in scene.self_check()


def _truncated(scene: Scene) -> None:
    _run(scene, f"{TAIL}; {NOTES}")


def _rewritten(scene: Scene) -> None:
    _run(scene, WORD)
    scene.reseal(above=200)


#: what is done -> how, the code the head file gives
HEAD: dict[str, tuple[Callable[[Scene], None], str]] = {
    "the newest lines, tree and checkpoints deleted": (_truncated, "rollback"),
    "a line, everything above it, signed with the log's own key": (_rewritten, "fork"),
}


@pytest.mark.parametrize("case", HEAD)
def test_head_file(scene: Scene, case: str) -> None:
    tamper, code = HEAD[case]
    assert scene.against_head() == set()
    with scene.tampering():
        tamper(scene)
        assert scene.self_check() == set()
        assert scene.against_head() == {code}


# With the log's own key and the head file as well: inside, everything fits


def _swapped(scene: Scene) -> None:
    """Two entries of one person change places; each line keeps its index, its links and its time."""
    query = "SELECT idx, line FROM audit_log WHERE idx IN (200, 201)"
    first, second = (json.loads(line) for _, line in sorted(scene.db.execute(query).fetchall()))
    first["e"], second["e"] = second["e"], first["e"]
    # Ids are unique: one of the two makes room first.
    scene.db.execute("UPDATE audit_log SET uid = gen_random_uuid() WHERE idx = 201")
    for row in (first, second):
        query = "UPDATE audit_log SET line = %s, uid = %s WHERE idx = %s"
        scene.db.execute(query, [canonical(row), row["e"]["uid"], row["i"]])
    scene.reseal(above=200)


def _renamed(scene: Scene) -> None:
    """Another name under an act."""
    _run(scene, "UPDATE audit_log SET line = replace(line, 'Avery Singh', 'Robin Ito') WHERE idx = 200")
    scene.reseal(above=200)


def _dated(scene: Scene) -> None:
    """A line dated a moment later."""
    [(text,)] = scene.db.execute("SELECT line FROM audit_log WHERE idx = 200").fetchall()
    line = json.loads(text)
    line["t"] = line["t"][:-2] + str((int(line["t"][-2]) + 1) % 10) + "Z"
    scene.db.execute("UPDATE audit_log SET line = %s WHERE idx = 200", [canonical(line)])
    scene.reseal(above=200)


def _replaced(scene: Scene) -> None:
    """The newest lines are gone, and others took their places."""
    words = "replace(line, '\"allowed\"', '\"partial\"')"
    scene.db.execute(f"UPDATE audit_log SET line = {words} WHERE idx >= %s", [scene.backup])  # type: ignore[arg-type]
    scene.reseal(above=scene.backup)


#: what is done -> how, what the witness answers, what its note says of the log
OUTSIDE: dict[str, tuple[Callable[[Scene], None], int, str]] = {
    "one line rewritten": (_rewritten, 13, "fork"),
    "another name under an act": (_renamed, 13, "fork"),
    "two entries exchanged": (_swapped, 13, "fork"),
    "a line dated anew": (_dated, 13, "fork"),
    "the newest lines replaced by others": (_replaced, 13, "fork"),
    "the newest lines cut off": (_truncated, 12, "rollback"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_only_the_witness(scene: Scene, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tamper, status, code = OUTSIDE[case]
    assert scene.against_note(scene.newest) == set()
    with scene.tampering():
        tamper(scene)
        # The head file is the forger's, too.
        (tmp_path / "head").mkdir()
        note = scene.db.execute("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        assert note
        monkeypatch.setattr(scene.head, "path", tmp_path / "head" / "note")
        scene.head.path.write_text(note[0])
        assert scene.self_check() == set()
        assert scene.against_head() == set()
        assert scene.against_note(scene.newest) == {code}
        assert scene.ask_witness(tmp_path / "witness") == status
        assert len(list((tmp_path / "witness" / "evidence").iterdir())) == (status == 13)


def test_split_view(scene: Scene, tmp_path: Path) -> None:
    """Two readers are shown two logs of one size, both signed: one witness cosigns only one of them."""
    log = Log("csoc-test.invalid/split")
    own = witness.Witness.create(tmp_path / "witness", "witness.example/split")
    own.trust(log.key.vkey, "")
    own.add_checkpoint(log.request(0, 9).encode())
    with pytest.raises(witness.Refusal, match="Fork") as refusal:
        own.add_checkpoint(Log(log.origin, "other ").request(0, 9).encode())
    assert refusal.value.status == 13
    with scene.tampering():
        _rewritten(scene)
        row = scene.db.execute("SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1").fetchone()
        assert row
        (tmp_path / "other.txt").write_text(row[0])
    mine = Checkpoint.parse(scene.newest.partition("\n\n")[0] + "\n")
    assert Checkpoint.parse(row[0].partition("\n\n")[0] + "\n").size == mine.size
    with pytest.raises(witness.Refusal, match="Fork"):
        copy = tmp_path / "copy"
        assert scene.ask_witness(copy) == 0
        witness.Witness(copy).add_checkpoint(f"old {mine.size}\n\n{row[0]}".encode())


def test_receipt(scene: Scene, tmp_path: Path) -> None:
    """Who kept the proof of a line has its checkpoint: a later export of a rewritten log does not fit it."""
    path = tmp_path / "kept.tlog-proof"
    path.write_text(scene.proof)
    status, words = verifier(scene, path)
    assert (status, "Line 5 is in the log" in words) == (0, True), words
    (tmp_path / "note.txt").write_text(scene.proof.partition("\n\n")[2])
    with scene.tampering():
        _rewritten(scene)
        assert scene.against_note((tmp_path / "note.txt").read_text()) == {"fork"}


# In an export, by whoever handed it on


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Scene, Members], Members]:
    def apply(scene: Scene, members: Members) -> Members:
        assert change(members[name]) != members[name], name
        return {**members, name: change(members[name])}

    return apply


def _drop(name: str) -> Callable[[Scene, Members], Members]:
    return lambda scene, members: {one: data for one, data in members.items() if one != name}


def _rows(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    return lambda data: b"".join(change(data.splitlines(keepends=True)))


def _recosigned(seconds: int) -> Callable[[Scene, Members], Members]:
    """The witness itself signs, with a clock that is wrong."""

    def apply(scene: Scene, members: Members) -> Members:
        note = members["checkpoint.txt"].decode()
        text = note.partition("\n\n")[0] + "\n"
        at = int(verify_audit.seconds(json.loads(members["seal.jsonl"])["t"])) + seconds
        kept = [line for line in note.partition("\n\n")[2].splitlines(keepends=True) if "witness" not in line]
        return {
            **members,
            "checkpoint.txt": f"{text}\n{''.join(kept)}{scene.witness_key.line(text, at)}".encode(),
        }

    return apply


def _other_seal(scene: Scene, members: Members) -> Members:
    return {**members, "seal.jsonl": scene.members("range")["seal.jsonl"]}


def _first_tile(members: Members) -> str:
    return next(name for name in members if name.startswith("tile/0/"))


#: what is done -> the export's kind, how, the verifier's status, words it says
EXPORT: dict[str, tuple[str, Callable[[Scene, Members], Members], int, str]] = {
    "one of a person's 500 entries taken out": ("actor", _edit("lines.jsonl", _rows(lambda r: r[:250] + r[251:])), 17, "Missing: number 251 of 500"),
    "a person's newest entry taken out": ("actor", _edit("lines.jsonl", _rows(lambda r: r[:-1])), 17, "Missing: numbers 500 to 500 of 500"),
    "a line of a range taken out": ("range", _edit("lines.jsonl", _rows(lambda r: r[:40] + r[41:])), 17, "Missing: line 43"),
    "an object's entry taken out": ("object", _edit("lines.jsonl", _rows(lambda r: r[:7] + r[8:])), 17, "Missing: number 8 of"),
    "a word of a line": ("question", _edit("lines.jsonl", lambda b: b.replace(b'"allowed"', b'"denied"', 1)), 16, "was changed"),
    "a line written otherwise, with the same meaning": ("question", _edit("lines.jsonl", lambda b: b.replace(b",", b", ", 1)), 16, "not canonical"),
    "lines in another order": ("question", _edit("lines.jsonl", _rows(lambda r: [r[1], r[0], *r[2:]])), 16, "out of its place"),
    "the words of a detail": ("actor", _edit("details.jsonl", lambda b: b.replace(b"words", b"sworn", 1)), 19, "was changed"),
    "a detail taken out": ("actor", _edit("details.jsonl", _rows(lambda r: r[1:])), 19, "no line says that it was erased"),
    "the line of an erasure taken out": ("actor", _edit("support.jsonl", _rows(lambda r: [x for x in r if b"detail.erase" not in x])), 19, "no line says that it was erased"),
    "a count in the census proof": ("actor", _edit("census.json", lambda b: b.replace(b",500]", b",499]")), 18, "census"),
    "a hash of a tile": ("actor", lambda s, m: {**m, _first_tile(m): b"x" + m[_first_tile(m)][1:]}, 15, "damaged"),
    "a tile taken out": ("actor", lambda s, m: _drop(_first_tile(m))(s, m), 15, "is missing"),
    "the recipient in the manifest": ("range", _edit("manifest.json", lambda b: b.replace(b"B. Li", b"B. Lo")), 20, "manifest.json"),
    "the words of the readme": ("range", _edit("README.txt", lambda b: b + b"All is well.\n"), 20, "README.txt"),
    "a verifier that always agrees": ("range", _edit("verify_audit.py", lambda b: b"print('IT HOLDS.')\n"), 20, "verify_audit.py"),
    "the seal of another export": ("actor", _other_seal, 20, "manifest.json"),
    "the log's name at its signature": ("range", _edit("checkpoint.txt", lambda b: b.replace("— csoc".encode(), "— ccos".encode())), 11, "nobody knows"),
    "the witness's name at its signature": ("range", _edit("checkpoint.txt", lambda b: b.replace("— witness".encode(), "— wetness".encode())), 11, "nobody knows"),
    "the size in the checkpoint": ("range", _edit("checkpoint.txt", lambda b: re.sub(rb"\n(\d+)\n", lambda m: b"\n%d\n" % (int(m[1]) + 1), b, count=1)), 11, "does not verify"),
    "the cosignature taken out": ("range", _edit("checkpoint.txt", _rows(lambda r: [x for x in r if b"witness" not in x])), 21, "0 of the witnesses"),
    "a cosignature dated before the lines": ("range", _recosigned(-3600), 14, "cosigned it on"),
    "the key's rotation taken out": ("range", _drop("rotations/1.txt"), 10, "rotation"),
    "a key added to the list": ("range", _edit("keys.txt", lambda b: b + Key("forger.example/w", 4).vkey.encode() + b"\n"), 20, "keys.txt"),
    "a note in place of the proof": ("range", _edit("checkpoint.txt", lambda b: b"Trust us.\n"), 22, "not a signed checkpoint"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXPORT)
def test_export(scene: Scene, tmp_path: Path, case: str) -> None:
    kind, tamper, status, words = EXPORT[case]
    members, path = scene.members(kind), tmp_path / "export.zip"
    path.write_bytes(zipped(members))
    assert path.read_bytes() == scene.exports[kind].read_bytes()
    assert verifier(scene, path)[0] == 0
    path.write_bytes(zipped(tamper(scene, members)))
    found, said = verifier(scene, path)
    assert (found, words in said) == (status, True), said


def test_wrong_log_key(scene: Scene) -> None:
    """A forger makes a whole export under a key of their own with the log's name; the reader brings the true key."""
    forged = Key(scene.keys.origin, seed=b"f" * 32)
    assert (
        verify_audit.run(
            [str(scene.exports["range"]), "--log-key", forged.vkey, "--witness-key", scene.witness.text]
        )[0]
        == 10
    )


def test_older_than_seen(scene: Scene, tmp_path: Path) -> None:
    """An export of the log as it was, for somebody who has seen it longer."""
    (tmp_path / "newest.txt").write_text(scene.newest)
    status, words = verifier(scene, scene.exports["range"], "--seen", str(tmp_path / "newest.txt"))
    assert (status, "Rollback" in words) == (12, True), words


def test_not_what_was_seen(scene: Scene, tmp_path: Path) -> None:
    """A reader kept an early note; the export has another history. The true note fits."""
    (tmp_path / "seen.txt").write_text(scene.seen)
    assert verifier(scene, scene.exports["question"], "--seen", str(tmp_path / "seen.txt"))[0] == 0
    size = Checkpoint.parse(scene.seen.partition("\n\n")[0] + "\n").size
    key = Key(scene.keys.origin, seed=scene.keys._load("current.key").private_bytes_raw())
    text = f"{scene.keys.origin}\n{size}\n{'A' * 43}=\n"
    (tmp_path / "forged.txt").write_text(f"{text}\n{key.line(text)}")
    status, words = verifier(scene, scene.exports["question"], "--seen", str(tmp_path / "forged.txt"))
    assert (status, "Fork" in words) == (13, True), words


def test_another_line_under_a_proof(scene: Scene, tmp_path: Path) -> None:
    """The proof of line 5 with the words of another."""
    lines = scene.proof.split("\n")
    raw = verify_audit.unbase64(lines[1].removeprefix("extra "))
    lines[1] = "extra " + verify_audit.base64.b64encode(raw.replace(b'"allowed"', b'"denied"')).decode()
    (tmp_path / "p.tlog-proof").write_text("\n".join(lines))
    assert verifier(scene, tmp_path / "p.tlog-proof")[0] == 16


def test_bits(scene: Scene, tmp_path: Path) -> None:
    """One bit of a real export flipped, at 10,000 places, one after the other: each a whole run."""
    rng, path, accepted = random.Random(3), tmp_path / "export.zip", []
    whole = {kind: zip_.read_bytes() for kind, zip_ in scene.exports.items()}
    for number in range(FLIPS):
        kind = list(whole)[number % len(whole)]
        bit, flipped = rng.randrange(8 * len(whole[kind])), bytearray(whole[kind])
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        if verifier(scene, path, "--jobs", "1")[0] == 0:
            accepted.append((kind, bit))
    assert accepted == []


SINGLE = (
    "test_bits",
    "test_split_view",
    "test_receipt",
    "test_wrong_log_key",
    "test_older_than_seen",
    "test_not_what_was_seen",
    "test_another_line_under_a_proof",
)


def test_the_page_lists_what_is_tested() -> None:
    """docs/audit-tampering.md: the same classes, in tables whose last column is the test."""
    tested = [f"test_database[{case}]" for case in DATABASE]
    tested += [f"test_stored_checkpoint[{case}]" for case in STORED]
    tested += [f"test_head_file[{case}]" for case in HEAD]
    tested += [f"test_only_the_witness[{case}]" for case in OUTSIDE]
    tested += [f"test_export[{case}]" for case in EXPORT]
    listed = re.findall(r"^\|.*\| `(test_[^`]+)` \|$", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted([*tested, *SINGLE])
    assert len(listed) >= 36
