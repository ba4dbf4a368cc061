"""Verification from inside: a whole log holds, each kind of damage has its finding, red stays red."""

import hashlib
import json
import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

import audit
from audit import census, notes, tree, verification
from audit.context import acting_as, system
from audit.head import Head
from audit.logkeys import LogKeys
from audit.models import Verification
from audit.notes import Checkpoint
from audit.orders import Orders, Resume
from audit.sequencer import Sequencer
from audit.verification import whole
from audit.verification.opening import judge_details
from audit.verification.rolling import Rolling
from audit.verification.signatures import Keyring
from csoc.lib import clock
from csoc.lib.ids import uuid7
from tests.audit.conftest import ALERT, PERSON
from tests.audit.test_notes import WITNESS_VKEY, cosign
from tests.audit.test_sequencer import write

Connect = Callable[[str], psycopg.Connection[Any]]
Sequence = Callable[[], int]
New = Callable[..., Sequencer]


@pytest.fixture
def filled(connect_as: Connect, sequence: Sequence) -> psycopg.Connection[Any]:
    """A signed log of some 150 lines in several checkpoints, with a detail and a census; as the publisher."""
    app = connect_as("csoc_app")
    for _batch in range(6):
        write(app, 20)
        sequence()
    with acting_as(PERSON):
        audit.commit("alert.note", ALERT, detail={"note": "said in confidence"})
    with acting_as(system("publisher")):
        census.take()
    sequence()
    write(app, 22)
    sequence()
    return connect_as("csoc_publisher")


def codes(report: verification.Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_a_whole_log_holds(filled: psycopg.Connection[Any], sequence: Sequence) -> None:
    report = verification.verify(filled)
    assert report.findings == [] and report.status == 0
    assert report.lines == report.size == sequence()
    assert (report.checkpoints, report.censuses) == (9, 1)
    assert report.root == tree.root(lambda c: _stored(filled, c), report.size)


def _stored(connection: psycopg.Connection[Any], wanted: list[tuple[int, int]]) -> list[bytes]:
    from audit.nodes import reader

    return reader(connection)(wanted)


def test_every_slice_of_a_whole_log_holds(filled: psycopg.Connection[Any]) -> None:
    size = verification.verify(filled).size
    for since in range(0, size, 13):
        for until in (since, since + 1, since + 40, None):
            report = verification.verify(filled, since, until)
            assert report.findings == [], (since, until)


def test_progress_is_told(filled: psycopg.Connection[Any]) -> None:
    told: list[tuple[int, int]] = []
    report = verification.verify(filled, 10, progress=lambda done, total: told.append((done, total)))
    assert told == [(report.size - 10, report.size - 10)]


def edited(text: str, where: str = "idx = 40") -> str:
    """Give a line another text. Its hash is of its bytes, so that only the tree speaks against it."""
    leaf = f"sha256('\\x00'::bytea || convert_to({text}, 'UTF8'))"
    return f"UPDATE audit_log SET line = {text}, leaf = {leaf} WHERE {where}"


PLAIN = (
    "ALTER TABLE audit_log ALTER at DROP EXPRESSION, ALTER actor DROP EXPRESSION, ALTER verb DROP EXPRESSION,"
    "ALTER object DROP EXPRESSION, ALTER agency DROP EXPRESSION, ALTER outcome DROP EXPRESSION,"
    "ALTER cad DROP EXPRESSION, ALTER actor_agency DROP EXPRESSION, ALTER name DROP EXPRESSION,"
    "ALTER reason DROP EXPRESSION;"
)
#: What one edited line may hold instead of what was sealed -> the statement.
MISSHAPEN = {
    "no pa": edited("regexp_replace(line, '\"pa\":[^,]+,', '')"),
    "no uid": edited('regexp_replace(line, \'"uid":"[^"]+",\', \'\')'),
    "a detail that is not hex": edited('replace(line, \'"object":\', \'"detail":"zz","object":\')'),
    "a detail that is a number": edited('replace(line, \'"object":\', \'"detail":5,"object":\')'),
    "a short detail": edited('replace(line, \'"object":\', \'"detail":"00","object":\')'),
    "an entry that is a number": edited('regexp_replace(line, \'^.*,"i":\', \'{"e":5,"i":\')'),
    "an index that is text": edited('replace(line, \'"i":40\', \'"i":"40"\')'),
    "an index that is no integer": edited("replace(line, '\"i\":40', '\"i\":40.0')"),
    "a count that is no integer": edited("regexp_replace(line, '\"na\":([0-9]+)', '\"na\":\\1.0')"),
    "a count that is true": edited("regexp_replace(line, '\"no\":[0-9]+', '\"no\":true')"),
    "a count beyond all numbers": edited(
        "regexp_replace(line, '\"na\":[0-9]+', '\"na\":1' || repeat('0', 99))"
    ),
    "a count that is null": edited("regexp_replace(line, '\"na\":[0-9]+', '\"na\":null')"),
    "a predecessor that is text": edited('regexp_replace(line, \'"pa":[^,]+,\', \'"pa":"x",\')'),
    "a time before Christ": edited('regexp_replace(line, \'"t":"....\', \'"t":"-001\')'),
    "a time without a zone": PLAIN + edited("regexp_replace(line, 'Z\"}$', '\"}')"),
    "a character that is none": PLAIN + edited('replace(line, \'"verb":"\', \'"verb":"\\u0000\')'),
    "half a line": PLAIN + edited("left(line, 99)"),
    "a list": PLAIN + edited("'[]'"),
    "a census that is text": edited(
        'regexp_replace(line, \'"census":[^}]+}\', \'"census":"x"\')', "verb = 'log.census'"
    ),
    "a census of text": edited(
        'regexp_replace(line, \'"size":\', \'"size":"","x":\')', "verb = 'log.census'"
    ),
}
#: What somebody with every right may do -> the findings' codes, the worst of which decides.
DAMAGE: dict[str, tuple[str, set[str]]] = {
    "a word of a line": (
        "UPDATE audit_log SET line = replace(line, 'allowed', 'denied') WHERE idx = 40",
        {"line"},
    ),
    "a line and its hash": (
        "UPDATE audit_log SET line = replace(line, 'allowed', 'denied'), leaf = sha256('\\x00'::bytea || "
        "convert_to(replace(line, 'allowed', 'denied'), 'UTF8')) WHERE idx = 40",
        {"line"},
    ),
    "a leaf": ("UPDATE audit_log SET leaf = sha256('x') WHERE idx = 40", {"line"}),
    "the newest leaf of an odd log": (
        "UPDATE audit_log SET leaf = sha256('x') WHERE idx = (SELECT max(idx) FROM audit_log)",
        {"line"},
    ),
    "the newest line of an odd log and its hash": (
        "UPDATE audit_log SET line = replace(line, 'allowed', 'denied'), leaf = sha256('\\x00'::bytea || "
        "convert_to(replace(line, 'allowed', 'denied'), 'UTF8')) "
        "WHERE idx = (SELECT max(idx) FROM audit_log)",
        {"fork"},
    ),
    "a line that is not JSON": (
        "ALTER TABLE audit_log ALTER at DROP EXPRESSION, ALTER actor DROP EXPRESSION,"
        "ALTER verb DROP EXPRESSION,"
        "ALTER object DROP EXPRESSION, ALTER agency DROP EXPRESSION, ALTER outcome DROP EXPRESSION,"
        "ALTER cad DROP EXPRESSION, ALTER actor_agency DROP EXPRESSION, ALTER name DROP EXPRESSION,"
        "ALTER reason DROP EXPRESSION; UPDATE audit_log SET line = 'nothing' WHERE idx = 40",
        {"line", "missing"},
    ),
    "a searched column": (
        "ALTER TABLE audit_log ALTER name DROP EXPRESSION; UPDATE audit_log SET name = 'x' WHERE idx = 40",
        {"line"},
    ),
    "the time pages show": (
        "ALTER TABLE audit_log ALTER at DROP EXPRESSION;"
        "UPDATE audit_log SET at = at - interval '1 second' WHERE idx = 40",
        {"line"},
    ),
    "a line deleted": ("DELETE FROM audit_log WHERE idx = 40", {"missing"}),
    "the newest lines deleted": (
        "DELETE FROM audit_log WHERE idx > (SELECT max(idx) FROM audit_log) - 3",
        {"rollback"},
    ),
    "the first line deleted": ("DELETE FROM audit_log WHERE idx = 0", {"missing"}),
    "two lines exchanged": (
        "UPDATE audit_log a SET line = b.line, leaf = b.leaf, uid = b.uid FROM audit_log b "
        "WHERE (a.idx, b.idx) IN ((40, 41), (41, 40))",
        {"line"},
    ),
    "an id twice": (
        "UPDATE audit_log SET uid = (SELECT uid FROM audit_log WHERE idx = 39) WHERE idx = 40",
        {"line"},
    ),
    "a low node": ("UPDATE audit_node SET hash = sha256('x') WHERE level = 2 AND n = 5", {"node"}),
    "a high node": ("UPDATE audit_node SET hash = sha256('x') WHERE level = 6 AND n = 1", {"node"}),
    "a node gone": ("DELETE FROM audit_node WHERE level = 3 AND n = 4", {"node"}),
    "a checkpoint's root": (
        "UPDATE audit_checkpoint SET root = sha256('x') WHERE size = 61",
        {"note"},
    ),
    "a checkpoint's size": ("UPDATE audit_checkpoint SET size = 60 WHERE size = 61", {"note"}),
    "a checkpoint's note": ("UPDATE audit_checkpoint SET note = 'nothing' WHERE size = 61", {"note"}),
    "a checkpoint's signature": (
        "UPDATE audit_checkpoint SET note = split_part(note, E'\\n\\n', 1) || E'\\n\\n' || split_part(("
        "SELECT note FROM audit_checkpoint WHERE size = 41), E'\\n\\n', 2) WHERE size = 61",
        {"wrong-key"},
    ),
    "the log's keys gone": ("DELETE FROM audit_log_key", {"missing-key"}),
    "a key nobody announced": (
        "INSERT INTO audit_log_key (generation, n, vkey, from_size) VALUES "
        "(1, 2, 'PEERIES/Test+00000000+none', 50)",
        {"missing-key"},
    ),
    "a detail gone": ("DELETE FROM audit_detail", {"detail"}),
    **{what: (statement, {"line"}) for what, statement in MISSHAPEN.items()},
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found(
    what: str,
    filled: psycopg.Connection[Any],
    intruder: psycopg.Connection[Any],
    log_head: Head,
) -> None:
    statement, wanted = DAMAGE[what]
    for part in statement.split(";"):
        intruder.execute(part)  # type: ignore[arg-type]
    if what == "a key nobody announced":
        rolling = Rolling(filled, log_head.path, tuple)
        list(rolling.round())
        assert {finding.code for finding in rolling.open} == wanted
        return
    report = verification.verify(filled)
    report.findings += whole.judge_head(filled, log_head.path, Keyring.of(filled))
    assert wanted <= codes(report), report.findings
    assert report.status == min(verification.STATUS[code] for code in codes(report))
    assert all(finding.sentence and "%(" not in finding.sentence for finding in report.findings)


@pytest.mark.parametrize("what", MISSHAPEN)
def test_a_line_that_is_none_ends_no_verification(
    what: str, filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], log_head: Head
) -> None:
    for part in MISSHAPEN[what].split(";"):
        intruder.execute(part)  # type: ignore[arg-type]
    size = whole.ends(filled)[1]
    for since in (0, 39, 40, 41, size - 20):
        verification.verify(filled, since)
    judge_details(intruder, 0, size)
    watch = Watch(filled, log_head)
    watch.round()
    watch.round()
    assert verification.state().word == "broken"


JUNK = [
    None,
    True,
    False,
    0,
    -1,
    7,
    1.0,
    1e300,
    10**30,
    "",
    "zz",
    "\u0000",
    "\ud800",
    "40",
    [],
    {},
    [5],
    {"e": 5},
]


def mutated(text: str, rng: random.Random) -> str:
    """Return a line with one member changed, gone or new, or with one character changed."""
    if rng.random() < 0.2:
        at = rng.randrange(len(text))
        return text[:at] + rng.choice(["", "{", "}", '"', "\\", "9", "x", ","]) + text[at + 1 :]
    line = json.loads(text)
    places = [line]
    for place in places:
        places += [value for value in place.values() if isinstance(value, dict)]
    place = rng.choice(places)
    name = rng.choice([*place, "detail", "old", "erased", "census"])
    if name in place and rng.random() < 0.3:
        del place[name]
    else:
        place[name] = rng.choice(JUNK)
    if rng.random() < 0.05:
        return json.dumps(rng.choice([place, [line], "x", 5, None]))
    return json.dumps(line, separators=(",", ":"), sort_keys=True, ensure_ascii=True)


@pytest.mark.parametrize("columns", ["computed", "as they were"])
def test_no_edit_of_a_line_ends_verification_and_each_is_found(
    columns: str, filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], sequence: Sequence
) -> None:
    with acting_as(system("purge")):
        audit.commit("detail.erase", audit.Ref("log", "audit"), extra={"erased": ["ab" * 32]})
    size = sequence()
    if columns == "as they were":
        intruder.execute(PLAIN.rstrip(";"))  # type: ignore[arg-type]
    rng = random.Random(20_261_122)
    rows = {
        idx: (line, leaf) for idx, line, leaf in intruder.execute("SELECT idx, line, leaf FROM audit_log")
    }
    special = [idx for idx, (line, _leaf) in rows.items() if '"detail' in line or "census" in line]
    tried = 0
    while tried < 150:
        idx = rng.choice([40, rng.randrange(size), rng.choice(special)])
        line, leaf = rows[idx]
        other = mutated(line, rng)
        if other == line:
            continue
        hashed = hashlib.sha256(b"\x00" + other.encode()).digest() if rng.random() < 0.5 else leaf
        update = "UPDATE audit_log SET line = %s, leaf = %s WHERE idx = %s"
        try:
            intruder.execute(update, [other, hashed, idx])
        except psycopg.Error:
            assert columns == "computed"
            continue
        tried += 1
        assert verification.verify(filled).findings, other
        verification.verify(filled, rng.randrange(size))
        judge_details(intruder, idx, idx + 1)
        intruder.execute(update, [line, leaf, idx])
    assert verification.verify(filled).findings == []


def test_what_was_damaged_is_named(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any]
) -> None:
    intruder.execute("DELETE FROM audit_log WHERE idx BETWEEN 40 AND 42")
    report = verification.verify(filled)
    assert "Entries 40 to 42 are missing." in {finding.sentence for finding in report.findings}
    assert len([f for f in report.findings if f.code == "missing"]) < 30


def test_damage_outside_the_slice_is_not_its_business(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any]
) -> None:
    intruder.execute("UPDATE audit_log SET line = replace(line, 'allowed', 'denied') WHERE idx = 40")
    assert verification.verify(filled, 41).findings == []
    assert verification.verify(filled, 0, 40).findings == []
    assert codes(verification.verify(filled, 40, 41)) == {"line"}


def test_an_erasure_in_the_log_explains_an_absent_detail(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], sequence: Sequence
) -> None:
    [(commitment,)] = intruder.execute("DELETE FROM audit_detail RETURNING commitment").fetchall()
    with acting_as(system("purge")):
        audit.commit("detail.erase", audit.Ref("log", "audit"), extra={"erased": [bytes(commitment).hex()]})
    sequence()
    assert verification.verify(filled).findings == []


def test_an_erasure_still_in_the_inbox_is_waited_for(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], sequence: Sequence
) -> None:
    from audit.verification.details import Details, Erased

    [(commitment,)] = intruder.execute("DELETE FROM audit_detail RETURNING commitment").fetchall()
    with acting_as(system("purge")):
        audit.commit("detail.erase", audit.Ref("log", "audit"), extra={"erased": [bytes(commitment).hex()]})
    details = Details(filled, Erased(filled))
    details.note(121, {"detail": bytes(commitment).hex()})
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        sequence()

    assert details.settle(sleep) == []
    assert len(naps) == 1


def test_a_census_that_counts_too_few_is_found(filled: psycopg.Connection[Any], sequence: Sequence) -> None:
    counted = census.count().member()
    with acting_as(system("publisher")):
        audit.commit("log.census", audit.Ref("log", "audit"), extra={"census": counted | {"root": "0" * 64}})
    size = sequence()
    for since in (0, 30):
        report = verification.verify(filled, since)
        assert codes(report) == {"census"} and report.status == 18
        assert report.findings[0].index == size - 1


@pytest.mark.parametrize(
    "lie", [{"size": 10_000}, {"size": 0}, {"root": "0" * 64}, {"actors": 4_000}, {"objects": 0}], ids=str
)
def test_a_census_that_lies_is_found(
    lie: dict[str, Any], filled: psycopg.Connection[Any], connect_as: Connect, sequence: Sequence
) -> None:
    counted = census.count().member()
    with acting_as(system("publisher")):
        audit.commit("log.census", audit.Ref("log", "audit"), extra={"census": counted | lie})
    at = sequence() - 1
    for grown in (0, 5):
        write(connect_as("csoc_app"), grown)
        sequence()
        for since in (0, 30, at):
            findings = verification.verify(filled, since).findings
            assert [(finding.code, finding.index) for finding in findings] == [("census", at)]


def test_the_clock_may_lag_300_seconds_and_no_more(
    connect_as: Connect, sequence: Sequence, intruder: psycopg.Connection[Any]
) -> None:
    """Written by somebody who can set the clock, with every hash right: only the clock is wrong."""
    write(connect_as("csoc_app"), 3)
    sequence()
    rows = intruder.execute("SELECT idx, line FROM audit_log ORDER BY idx").fetchall()
    late = json.loads(rows[3][1])
    from datetime import datetime

    newest = datetime.fromisoformat(json.loads(rows[2][1])["t"])
    for lag, wanted in ((299, set()), (301, {"clock"})):
        late["t"] = (newest - timedelta(seconds=lag)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = json.dumps(late, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        leaf = hashlib.sha256(b"\x00" + line.encode()).digest()
        intruder.execute("UPDATE audit_log SET line = %s, leaf = %s WHERE idx = 3", [line, leaf])
        found = codes(verification.verify(connect_as("csoc_publisher")))
        assert found & {"clock"} == wanted


def rewritten(intruder: psycopg.Connection[Any], keys: LogKeys) -> None:
    """Change line 40 and everything that follows from it, signed with the log's own key."""
    intruder.execute(
        "UPDATE audit_log SET line = replace(line, 'allowed', 'denied'), leaf = sha256('\\x00'::bytea || "
        "convert_to(replace(line, 'allowed', 'denied'), 'UTF8')) WHERE idx = 40"
    )
    frontier, roots = tree.Frontier(), {}
    sizes = {size for (size,) in intruder.execute("SELECT size FROM audit_checkpoint")}
    for (leaf,) in intruder.execute("SELECT leaf FROM audit_log ORDER BY idx").fetchall():
        for level, n, value in frontier.append(bytes(leaf)):
            query = "UPDATE audit_node SET hash = %s WHERE level = %s AND n = %s"
            intruder.execute(query, [value, level, n])
        roots[frontier.size] = frontier.root()
    for size in sizes:
        note = keys.note(Checkpoint(keys.origin, size, roots[size]))
        query = "UPDATE audit_checkpoint SET root = %s, note = %s WHERE size = %s"
        intruder.execute(query, [roots[size], note, size])


def witnessed(connection: psycopg.Connection[Any], size: int | None = None) -> str:
    """The note of ``size`` (None: the newest), cosigned by the test's witness."""
    query = "SELECT size, root, note FROM audit_checkpoint WHERE size = coalesce(%s, size) ORDER BY size DESC"
    found = connection.execute(query, [size]).fetchone()
    assert found
    origin = found[2].split("\n", 1)[0]
    return str(found[2]) + cosign(Checkpoint(origin, found[0], bytes(found[1])), 1_700_000_000) + "\n"


def seen_by_witness(connection: psycopg.Connection[Any], note: str) -> set[str]:
    """The codes of holding the log against a witness's note."""
    found, seen = whole.judge_seen(note, Keyring.of(connection).verifiers(), [WITNESS_VKEY], "the witness")
    if seen:
        compared = whole.compare(connection, seen, "The witness")
        found += [compared] if compared else []
    return {finding.code for finding in found}


def test_only_a_witness_sees_a_rewriting_with_the_logs_own_key(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], log_keys: LogKeys
) -> None:
    note = witnessed(filled)
    assert seen_by_witness(filled, note) == set()
    rewritten(intruder, log_keys)
    assert verification.verify(filled).findings == []
    assert seen_by_witness(filled, note) == {"fork"}


def test_only_a_witness_sees_a_truncation_of_everything(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any]
) -> None:
    note = witnessed(filled)
    intruder.execute("DELETE FROM audit_log WHERE idx >= 61")
    intruder.execute("DELETE FROM audit_node WHERE (n + 1) << level > 61")
    intruder.execute("DELETE FROM audit_checkpoint WHERE size > 61")
    assert verification.verify(filled).findings == []
    assert seen_by_witness(filled, note) == {"rollback"}


def test_a_witnesss_note_needs_both_signatures(filled: psycopg.Connection[Any]) -> None:
    note = witnessed(filled)
    lines = note.splitlines(keepends=True)
    assert seen_by_witness(filled, "".join(lines[:-1])) == {"witness"}
    assert seen_by_witness(filled, "".join(lines[:4] + lines[5:])) == {"missing-key"}
    assert seen_by_witness(filled, note.replace(lines[1], "3\n", 1)) == {"wrong-key"}
    assert seen_by_witness(filled, "nothing") == {"note"}


def test_cosignatures_are_judged_by_the_list(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any]
) -> None:
    line = witnessed(filled, 61).splitlines()[-1]
    query = "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s)"
    filled.execute(query, [61, WITNESS_VKEY.name, line])
    report = verification.verify(filled, witnesses=[WITNESS_VKEY])
    assert (report.findings, report.cosignatures, report.strangers) == ([], 1, 0)
    report = verification.verify(filled)
    assert (report.findings, report.cosignatures, report.strangers) == ([], 0, 1)
    filled.execute(query, [41, WITNESS_VKEY.name, line])
    report = verification.verify(filled, witnesses=[WITNESS_VKEY])
    assert codes(report) == {"wrong-key"} and report.findings[0].index == 40


# -- without end -----------------------------------------------------------------------------------


class Watch:
    """A rolling verification with what it told."""

    def __init__(self, connection: psycopg.Connection[Any], head: Head) -> None:
        self.changes: list[bool] = []
        self.rolling = Rolling(
            connection, head.path, tuple, told_change=lambda ok, findings: self.changes.append(ok)
        )

    def round(self) -> None:
        for _chunk in self.rolling.round():
            pass


EDIT = "UPDATE audit_log SET line = replace(line, 'allowed', 'denied') WHERE idx = 40"
MEND = "UPDATE audit_log SET line = replace(line, 'denied', 'allowed') WHERE idx = 40"


def test_an_edit_of_an_old_row_turns_the_state_red_in_the_next_round(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], log_head: Head
) -> None:
    assert verification.state().word == "never"
    watch = Watch(filled, log_head)
    watch.round()
    told = verification.state()
    assert (told.word, told.ok) == ("verified", True) and told.size == whole.ends(filled)[1]
    intruder.execute(EDIT)
    watch.round()
    told = verification.state()
    assert (told.word, told.ok) == ("broken", False)
    assert told.sentence == "Entry 40 is not what was sealed: its hash differs."
    assert told.findings[0]["code"] == "line" and told.findings[0]["index"] == 40
    watch.round()
    assert watch.changes == [False] and Verification.objects.count() == 2
    intruder.execute(MEND)
    watch.round()
    assert verification.state().word == "verified" and watch.changes == [False, True]


@pytest.mark.parametrize("forged", ["census", "id"])
def test_what_is_judged_once_stays_red(
    filled: psycopg.Connection[Any], sequence: Sequence, connect_as: Any, log_head: Head, forged: str
) -> None:
    watch = Watch(filled, log_head)
    watch.round()
    with audit.acting_as(audit.system("forger")):
        if forged == "census":
            false = census.count().member() | {"root": "0" * 64}
            audit.commit("log.census", audit.Ref("log", "audit"), extra={"census": false})
        else:
            body = audit.body("purge.run", audit.Ref("purge", "1"), uid=(uid := uuid7())).decode()
            for _twice in range(2):
                connect_as("csoc_app").execute(
                    "INSERT INTO audit_inbox (uid, body) VALUES (%s, %s)", [uid, body]
                )
            watch.rolling._daily_at -= 86_400
    sequence()
    for _round in range(3):
        watch.round()
    assert watch.changes == [False] and not verification.state().ok
    again = Watch(filled, log_head)
    for _round in range(3):
        again.round()
    assert not verification.state().ok


def test_a_restart_never_turns_red_to_green_unlooked(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], log_head: Head
) -> None:
    intruder.execute(EDIT)
    Watch(filled, log_head).round()
    again = Watch(filled, log_head)
    assert [finding.index for finding in again.rolling.open] == [40]
    again.round()
    assert verification.state().word == "broken" and again.changes == []


def test_it_remembers_over_a_restart_what_it_has_seen(
    filled: psycopg.Connection[Any], intruder: psycopg.Connection[Any], log_head: Head, log_keys: LogKeys
) -> None:
    Watch(filled, log_head).round()
    log_head.path.unlink()
    rewritten(intruder, log_keys)
    Watch(filled, log_head).round()
    told = verification.state()
    assert told.findings[0]["code"] == "fork" and "other entries" in told.sentence


def test_a_large_log_is_looked_at_again_slice_by_slice(
    filled: psycopg.Connection[Any],
    intruder: psycopg.Connection[Any],
    log_head: Head,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("audit.verification.rolling.OLD_LINES", 50)
    watch = Watch(filled, log_head)
    watch.round()
    intruder.execute(EDIT.replace("40", "70"))
    rounds = 0
    while verification.state().word != "broken":
        watch.round()
        rounds += 1
        assert rounds < 4
    assert rounds == 2
    for _round in range(6):
        watch.round()
        assert verification.state().word == "broken"


def test_what_is_new_is_verified_in_the_next_round(
    filled: psycopg.Connection[Any], connect_as: Connect, sequence: Sequence, log_head: Head
) -> None:
    watch = Watch(filled, log_head)
    watch.round()
    write(connect_as("csoc_app"), 30)
    size = sequence()
    watch.round()
    assert watch.rolling.done == size and not watch.rolling.open
    # Nothing changed but the size, and a minute is not over: no new row.
    assert Verification.objects.count() == 1


def test_silence_shows(filled: psycopg.Connection[Any], log_head: Head) -> None:
    Watch(filled, log_head).round()
    assert verification.state(clock.now() + timedelta(minutes=2)).word == "verified"
    told = verification.state(clock.now() + timedelta(minutes=4))
    assert told.word == "silent" and "publisher is not running" in told.sentence


def test_the_whole_of_a_log_is_verified_at_a_good_pace(filled: psycopg.Connection[Any]) -> None:
    """No benchmark: that is ``bench audit``. Only that nothing is quadratic."""
    began = time.monotonic()
    for _ in range(3):
        verification.verify(filled)
    assert time.monotonic() - began < 5


def test_the_app_may_not_say_that_all_is_well(connect_as: Connect) -> None:
    app = connect_as("csoc_app")
    for statement in (
        'INSERT INTO audit_verification (at, since, until, root, "full", ok, findings, took_ms) '
        "VALUES (now(), 0, 0, '', true, true, '[]', 0)",
        "UPDATE audit_verification SET ok = true",
        "DELETE FROM audit_verification",
        "UPDATE audit_witness_state SET fault = ''",
        "UPDATE audit_witness_file SET taken_at = now()",
        "DELETE FROM audit_witness_file",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


def test_a_note_of_the_head_that_is_not_ours_is_found(
    filled: psycopg.Connection[Any], log_head: Head, log_keys: LogKeys
) -> None:
    ring, size = Keyring.of(filled), whole.ends(filled)[1]
    assert whole.judge_head(filled, log_head.path, ring) == []
    log_head.write(log_keys.note(Checkpoint(log_keys.origin, size + 5, bytes(32))))
    assert [f.code for f in whole.judge_head(filled, log_head.path, ring)] == ["rollback"]
    log_head.write(log_keys.note(Checkpoint(log_keys.origin, size, bytes(32))))
    assert [f.code for f in whole.judge_head(filled, log_head.path, ring)] == ["fork"]
    log_head.write(notes.note(Checkpoint(log_keys.origin, size, bytes(32)), ["— nobody AAAAAAAA"]))
    assert [f.code for f in whole.judge_head(filled, log_head.path, ring)] == ["missing-key"]


# -- keys that follow one another ------------------------------------------------------------------


def test_a_rotation_holds_and_needs_both_signatures(
    connect_as: Connect,
    new_sequencer: New,
    log_keys: LogKeys,
    intruder: psycopg.Connection[Any],
) -> None:
    app, reader, sequencer = connect_as("csoc_app"), connect_as("csoc_publisher"), new_sequencer()
    assert sequencer.take_office()
    write(app, 5)
    sequencer.step()
    log_keys.prepare()
    Orders(log_keys.folder).ask_rotation()
    for _batch in range(3):
        write(app, 5)
        sequencer.step()
    report = verification.verify(reader)
    assert report.findings == [] and len(Keyring.of(reader).keys) == 2
    for since in range(report.size):
        assert verification.verify(reader, since).findings == []
    [(size, note)] = intruder.execute(
        "SELECT size, note FROM audit_checkpoint WHERE size = (SELECT max(from_size) FROM audit_log_key)"
    ).fetchall()
    lines = note.splitlines(keepends=True)
    for without in (4, 5):
        one = "".join(line for number, line in enumerate(lines) if number != without)
        intruder.execute("UPDATE audit_checkpoint SET note = %s WHERE size = %s", [one, size])
        assert codes(verification.verify(reader)) == {"wrong-key"}
    intruder.execute("UPDATE audit_checkpoint SET note = %s WHERE size = %s", [note, size])
    intruder.execute("DELETE FROM audit_log_key WHERE n = 2")
    assert "missing-key" in codes(verification.verify(reader))


def test_a_rotation_while_the_log_is_looked_at_is_no_finding(
    connect_as: Connect,
    new_sequencer: New,
    log_keys: LogKeys,
    log_head: Head,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, reader, sequencer = connect_as("csoc_app"), connect_as("csoc_publisher"), new_sequencer()
    assert sequencer.take_office()
    write(app, 5)
    sequencer.step()
    log_keys.prepare()
    ring, judge_end = Keyring.of(reader), whole.judge_end

    def meanwhile(connection: psycopg.Connection[Any]) -> list[verification.Finding]:
        Orders(log_keys.folder).ask_rotation()
        for _batch in range(2):
            write(app, 5)
            sequencer.step()
        return judge_end(connection)

    monkeypatch.setattr(whole, "judge_end", meanwhile)
    assert verification.verify(reader).findings == []
    assert len(Keyring.of(reader).keys) == len(ring.keys) + 1
    assert whole.judge_head(reader, log_head.path, ring) == []


def resumed_log(
    connect_as: Connect,
    new_sequencer: New,
    log_keys: LogKeys,
    intruder: psycopg.Connection[Any],
    watch: "Watch",
) -> Sequencer:
    """A log cut off at 21 lines (``watch`` saw all 41, and their loss), let go on by two people."""
    app, sequencer = connect_as("csoc_app"), new_sequencer()
    assert sequencer.take_office()
    for _batch in range(4):
        write(app, 10)
        sequencer.step()
    sequencer.connection.close()
    watch.round()
    intruder.execute("DELETE FROM audit_log WHERE idx >= 21")
    intruder.execute("DELETE FROM audit_node WHERE (n + 1) << level > 21")
    intruder.execute("DELETE FROM audit_checkpoint WHERE size > 21")
    watch.round()
    assert verification.state().findings[0]["code"] == "rollback"
    assert Orders(log_keys.folder).ask_resume(Resume("behind", "restored-backup", "u-1042", "u-2001", 2))
    successor = new_sequencer()
    assert successor.take_office()
    write(app, 30)
    successor.step()
    return successor


def test_what_an_older_generation_saw_is_told_by_its_number_not_by_the_clock(
    connect_as: Connect,
    new_sequencer: New,
    log_keys: LogKeys,
    log_head: Head,
    intruder: psycopg.Connection[Any],
) -> None:
    reader = connect_as("csoc_publisher")
    resumed_log(connect_as, new_sequencer, log_keys, intruder, Watch(reader, log_head))
    # The clock was a day ahead, and was put back before the log went on.
    intruder.execute("UPDATE audit_verification SET at = at + interval '1 day'")
    Watch(reader, log_head).round()
    assert verification.state().word == "verified", verification.state().findings
    # And what was seen since stays, be its time before that of the resumption.
    intruder.execute(EDIT)
    Watch(reader, log_head).round()
    intruder.execute("UPDATE audit_verification SET at = at - interval '2 days'")
    assert 40 in {finding.index for finding in Watch(reader, log_head).rolling.open}


def test_the_clock_before_a_halt_counts_no_more(
    connect_as: Connect,
    new_sequencer: New,
    log_keys: LogKeys,
    log_head: Head,
    intruder: psycopg.Connection[Any],
) -> None:
    reader = connect_as("csoc_publisher")
    resumed_log(connect_as, new_sequencer, log_keys, intruder, Watch(reader, log_head))
    intruder.execute("ALTER TABLE audit_log ALTER at DROP EXPRESSION")
    intruder.execute("UPDATE audit_log SET at = at + interval '1 day' WHERE idx < 21")
    [(halt,)] = intruder.execute("SELECT idx FROM audit_log WHERE verb = 'log.halt'").fetchall()
    for since in range(halt, whole.ends(reader)[1]):
        assert verification.verify(reader, since).findings == [], since


def test_a_log_that_two_people_let_go_on_is_green_again(
    connect_as: Connect,
    new_sequencer: New,
    log_keys: LogKeys,
    log_head: Head,
    intruder: psycopg.Connection[Any],
) -> None:
    app, reader, sequencer = connect_as("csoc_app"), connect_as("csoc_publisher"), new_sequencer()
    assert sequencer.take_office()
    for _batch in range(4):
        write(app, 10)
        sequencer.step()
    sequencer.connection.close()
    watch = Watch(reader, log_head)
    watch.round()
    intruder.execute("DELETE FROM audit_log WHERE idx >= 21")
    intruder.execute("DELETE FROM audit_node WHERE (n + 1) << level > 21")
    intruder.execute("DELETE FROM audit_checkpoint WHERE size > 21")
    watch.round()
    assert verification.state().findings[0]["code"] == "rollback"
    order = Resume("behind", "restored-backup", "u-1042", "u-2001", 2)
    assert Orders(log_keys.folder).ask_resume(order)
    successor = new_sequencer()
    assert successor.take_office()
    write(app, 30)
    successor.step()
    for someone in (watch, Watch(reader, log_head)):
        someone.round()
        assert verification.state().word == "verified", verification.state().findings
    assert verification.verify(reader).findings == []
    assert watch.changes == [False, True]
