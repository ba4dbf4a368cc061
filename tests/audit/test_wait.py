"""Waiting for an entry: a place in the log is not a signature, and a row in a table is not a witness."""

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit
from audit import notes
from audit.sequencer import Sequencer
from tests.audit.conftest import ALERT, in_office
from tests.audit.logs import Crash, crash_after

Connect = Callable[[str], psycopg.Connection[Any]]
WITNESS = "witness.invalid/county"
SOON_S = 0.05
AT = 1_795_300_000


@pytest.fixture
def receipt(own_database: str, person: audit.Actor) -> audit.Receipt:
    """An entry that is committed."""
    return audit.commit("alert.close", ALERT)


@pytest.fixture
def witness(settings: Any, tmp_path: Path) -> Iterator[Ed25519PrivateKey]:
    """The key of the one witness that is listed."""
    key = Ed25519PrivateKey.generate()
    settings.AUDIT_WITNESSES = tmp_path / "witnesses.txt"
    vkey = notes.vkey_of(WITNESS, key.public_key(), notes.WITNESS)
    settings.AUDIT_WITNESSES.write_text(f"{vkey}\n")
    yield key


def cosigned(connect_as: Connect, key: Ed25519PrivateKey) -> None:
    """Put a cosignature by ``key`` under the newest checkpoint."""
    publisher = connect_as("csoc_publisher")
    newest = "SELECT size, note FROM audit_checkpoint ORDER BY size DESC LIMIT 1"
    size, note = publisher.execute(newest).fetchone() or (0, "")
    vkey = notes.vkey_of(WITNESS, key.public_key(), notes.WITNESS)
    told = note.partition("\n\n")[0]
    message = f"cosignature/v1\ntime {AT}\n{told}\n"
    signature = vkey.key_id + AT.to_bytes(8, "big") + key.sign(message.encode())
    line = f"— {WITNESS} {base64.b64encode(signature).decode()}"
    insert = "INSERT INTO audit_cosignature (size, witness, line) VALUES (%s, %s, %s)"
    publisher.execute(insert, [size, WITNESS, line])


def test_committed_is_not_sealed(receipt: audit.Receipt, sequence: Callable[[], int]) -> None:
    with pytest.raises(audit.NotSealed, match="written but not sealed"):
        audit.wait(receipt, "sealed", timeout_s=SOON_S)
    sequence()
    assert audit.wait(receipt, "sealed") == 1
    with pytest.raises(ValueError, match="the stages are"):
        audit.wait(receipt, "somehow")


def test_a_place_without_a_signature_is_not_sealed(
    receipt: audit.Receipt, new_sequencer: Callable[..., Sequencer]
) -> None:
    doomed = new_sequencer(crash_after("headed"))
    with pytest.raises(Crash):
        in_office(doomed)
    doomed = in_office(new_sequencer(crash_after("committed")))
    with pytest.raises(Crash):
        doomed.step()
    with pytest.raises(audit.NotSealed):
        audit.wait(receipt, "sealed", timeout_s=SOON_S)
    in_office(new_sequencer())
    assert audit.wait(receipt, "sealed") == 1


def test_only_a_listed_witness_whose_signature_verifies_counts(
    receipt: audit.Receipt, sequence: Callable[[], int], connect_as: Connect, witness: Ed25519PrivateKey
) -> None:
    sequence()
    with pytest.raises(audit.NotSealed, match="sealed but not witnessed"):
        audit.wait(receipt, "witnessed", timeout_s=SOON_S)
    cosigned(connect_as, Ed25519PrivateKey.generate())
    with pytest.raises(audit.NotSealed):
        audit.wait(receipt, "witnessed", timeout_s=SOON_S)
    audit.commit("alert.close", ALERT)
    sequence()
    cosigned(connect_as, witness)
    assert audit.wait(receipt, "witnessed") == 1


def test_a_witness_of_an_earlier_checkpoint_does_not_cover_a_later_entry(
    receipt: audit.Receipt, sequence: Callable[[], int], connect_as: Connect, witness: Ed25519PrivateKey
) -> None:
    sequence()
    cosigned(connect_as, witness)
    later = audit.commit("alert.close", ALERT)
    sequence()
    assert audit.wait(receipt, "witnessed") == 1
    with pytest.raises(audit.NotSealed):
        audit.wait(later, "witnessed", timeout_s=SOON_S)


def test_whoever_waits_for_a_witness_wakes_the_publisher(
    receipt: audit.Receipt, sequence: Callable[[], int], connect_as: Connect, witness: Ed25519PrivateKey
) -> None:
    sequence()
    publisher = connect_as("csoc_publisher")
    publisher.execute("LISTEN audit_witness")

    def publish() -> None:
        for _told in publisher.notifies(timeout=20, stop_after=1):
            cosigned(connect_as, witness)

    thread = threading.Thread(target=publish)
    thread.start()
    assert audit.wait(receipt, "witnessed", timeout_s=20) == 1
    thread.join()
