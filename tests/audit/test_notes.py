"""Notes and keys against the published examples, and every way a note can be wrong."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import notes, tree
from audit.notes import BadNote, Checkpoint, MissingKey, VerifierKey, WrongKey

# C2SP signed-note, "Example".
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_TEXT = "This is an example message.\n"
EXAMPLE_LINE = (
    "— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
# C2SP tlog-cosignature, its example checkpoint.
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501

ORIGIN = "log.invalid/audit"
CHECKPOINT = Checkpoint(ORIGIN, 3, tree.leaf_hash("three"))
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
LOG_VKEY = notes.vkey_of(ORIGIN, LOG_KEY.public_key())
NEXT_VKEY = notes.vkey_of(ORIGIN, OTHER_KEY.public_key())
WITNESS_VKEY = notes.vkey_of("witness.invalid/w1", WITNESS_KEY.public_key(), notes.WITNESS)
AT = 1_795_000_000


def cosign(
    checkpoint: Checkpoint, at: int = AT, key: VerifierKey = WITNESS_VKEY, signed_as: int | None = None
) -> str:
    """Return a witness's line as tlog-cosignature describes it; ``signed_as`` signs another time."""
    message = f"cosignature/v1\ntime {signed_as or at}\n{checkpoint.text()}".encode()
    signature = at.to_bytes(8, "big") + WITNESS_KEY.sign(message)
    return f"— {key.name} {base64.b64encode(key.key_id + signature).decode()}"


def signed(*lines: str) -> str:
    return notes.note(CHECKPOINT, [notes.sign(CHECKPOINT, ORIGIN, LOG_KEY), *lines])


def test_the_published_key_verifies_the_published_note() -> None:
    key = VerifierKey.parse(EXAMPLE_KEY)
    assert (key.name, key.key_id.hex(), key.algorithm) == ("example.com/foo", "530d903a", notes.LOG)
    assert key.text == str(key) == EXAMPLE_KEY
    text = f"{EXAMPLE_TEXT}\n{EXAMPLE_LINE}\n"
    assert notes.verified(text, [key], strict=True) == [(key, None, EXAMPLE_LINE)]
    with pytest.raises(WrongKey, match=r"example\.com/foo"):
        notes.verified(text.replace("message.", "message!"), [key])


def test_the_published_checkpoint_reads_and_writes_the_same() -> None:
    text = COSIGNED.partition("\n\n")[0] + "\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == text
    assert notes.note(checkpoint, notes.signature_lines(COSIGNED)) == COSIGNED


def test_a_witnessed_note_opens() -> None:
    line = cosign(CHECKPOINT)
    opened = notes.open_note(signed(line), [LOG_VKEY, WITNESS_VKEY], strict=True)
    assert opened.checkpoint == CHECKPOINT
    assert opened.log_keys == [LOG_VKEY]
    assert opened.cosignatures == [(WITNESS_VKEY, AT, line)]


def test_both_keys_of_a_rotation_are_found() -> None:
    text = signed(notes.sign(CHECKPOINT, ORIGIN, OTHER_KEY))
    assert notes.open_note(text, [LOG_VKEY, NEXT_VKEY], strict=True).log_keys == [LOG_VKEY, NEXT_VKEY]


def test_signatures_of_strangers_are_ignored_and_strictly_refused() -> None:
    text = signed(cosign(CHECKPOINT))
    assert notes.open_note(text, [LOG_VKEY]).cosignatures == []
    with pytest.raises(BadNote, match=r"witness\.invalid/w1"):
        notes.open_note(text, [LOG_VKEY], strict=True)


def test_the_same_signature_twice_counts_once_and_is_strictly_refused() -> None:
    text = signed(cosign(CHECKPOINT), cosign(CHECKPOINT, AT + 1))
    keys = [LOG_VKEY, WITNESS_VKEY]
    assert [at for _key, at, _line in notes.open_note(text, keys).cosignatures] == [AT]
    with pytest.raises(BadNote, match="does not belong"):
        notes.open_note(text, keys, strict=True)


def test_a_note_without_the_logs_signature_misses_its_key() -> None:
    for keys in ([], [NEXT_VKEY], [WITNESS_VKEY]):
        with pytest.raises(MissingKey, match=ORIGIN):
            notes.open_note(signed(cosign(CHECKPOINT)), keys)
    only_witness = notes.note(CHECKPOINT, [cosign(CHECKPOINT)])
    with pytest.raises(MissingKey):
        notes.open_note(only_witness, [LOG_VKEY, WITNESS_VKEY])


def test_a_key_named_differently_is_not_the_logs() -> None:
    stranger = notes.vkey_of("elsewhere.invalid", LOG_KEY.public_key())
    text = notes.note(CHECKPOINT, [notes.sign(CHECKPOINT, "elsewhere.invalid", LOG_KEY)])
    with pytest.raises(MissingKey):
        notes.open_note(text, [stranger])


def test_a_changed_checkpoint_is_signed_by_nobody() -> None:
    text = signed(cosign(CHECKPOINT))
    keys = [LOG_VKEY, WITNESS_VKEY]
    with pytest.raises(WrongKey):
        notes.open_note(text.replace("\n3\n", "\n4\n"), keys)
    # A flipped origin: the log's signature is a stranger's then, the witness's does not verify.
    with pytest.raises(WrongKey):
        notes.open_note(text.replace(ORIGIN, "log.invalid/audix", 1), keys)


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    for line in (cosign(CHECKPOINT, signed_as=AT + 1), cosign(Checkpoint(ORIGIN, 4, CHECKPOINT.root))):
        with pytest.raises(WrongKey, match=r"witness\.invalid/w1"):
            notes.open_note(signed(line), [LOG_VKEY, WITNESS_VKEY])
    short = f"— {WITNESS_VKEY.name} {base64.b64encode(WITNESS_VKEY.key_id + bytes(71)).decode()}"
    with pytest.raises(WrongKey):
        notes.open_note(signed(short), [LOG_VKEY, WITNESS_VKEY])


def test_every_flipped_bit_of_a_witnessed_note_is_noticed() -> None:
    raw = signed(cosign(CHECKPOINT)).encode()
    keys = [LOG_VKEY, WITNESS_VKEY]
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue
            with pytest.raises((BadNote, WrongKey, MissingKey)):
                notes.open_note(text, keys, strict=True)


GOOD = signed()
BODY, LINE = GOOD.split("\n\n")
ROOT = BODY.split("\n")[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        BODY,
        BODY + "\n\n",
        GOOD[:-1],
        GOOD + "\n",
        GOOD + "words\n",
        GOOD.replace("— ", "- "),
        GOOD.replace("— ", "—  "),
        GOOD.replace("— ", "—"),
        f"{BODY}\n\n— {ORIGIN}\n",
        f"{BODY}\n\n— {ORIGIN} \n",
        f"{BODY}\n\n— {ORIGIN} AAAA\n",
        f"{BODY}\n\n— {ORIGIN} !!!!\n",
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n3\n", "\n3\t\n"),
        GOOD.replace("\n3\n", "\n03\n"),
        GOOD.replace("\n3\n", "\n+3\n"),
        GOOD.replace("\n3\n", "\n-3\n"),
        GOOD.replace("\n3\n", "\n3 \n"),
        GOOD.replace("\n3\n", "\n３\n"),
        GOOD.replace("\n3\n", "\n\n"),
        GOOD.replace("\n3\n", "\n" + "9" * 5000 + "\n"),
        GOOD.replace("\n3\n", f"\n{2**63}\n"),
        GOOD.replace(ROOT, ROOT[:-1]),
        GOOD.replace(ROOT, ROOT[:-2] + "9="),
        GOOD.replace(ROOT, "AAAA"),
        GOOD.replace(ROOT, ROOT + "\nan extension"),
        GOOD.replace(ROOT, ROOT + " "),
        GOOD.replace(ORIGIN, "two words", 1),
        GOOD.replace(ORIGIN, "a+b", 1),
        GOOD.replace(ORIGIN, "", 1),
        GOOD.replace(ORIGIN, "\ud800", 1),
        GOOD + LINE * notes.MAX_SIGNATURES,
        GOOD.replace(ORIGIN, "o" * notes.MAX_NOTE_BYTES, 1),
    ],
)
def test_what_is_not_a_note_is_refused(text: str) -> None:
    assert text != GOOD
    with pytest.raises(BadNote):
        notes.open_note(text, [LOG_VKEY])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+530d903a",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("530d903a", "530D903A"),
        EXAMPLE_KEY.replace("foo", "bar"),
        EXAMPLE_KEY.replace("example.com/foo", ""),
        EXAMPLE_KEY.replace("example.com/foo", "two words"),
        EXAMPLE_KEY[:-1],
        EXAMPLE_KEY[:-4],
        EXAMPLE_KEY + "\n",
        EXAMPLE_KEY.replace("+Aek", "+Auk"),
    ],
)
def test_what_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(text)


def test_the_same_key_has_another_id_as_a_witness() -> None:
    log = notes.vkey_of(ORIGIN, LOG_KEY.public_key().public_bytes_raw(), notes.LOG)
    witness = notes.vkey_of(ORIGIN, LOG_KEY.public_key(), notes.WITNESS)
    assert log == LOG_VKEY
    assert log.key_id != witness.key_id
    assert VerifierKey.parse(witness.text) == witness


def test_a_proof_is_written_as_tlog_proof_says() -> None:
    hashes = [tree.leaf_hash("a"), tree.leaf_hash("b")]
    wire = [base64.b64encode(value).decode() for value in hashes]
    text = notes.proof_text(index=1, proof=hashes, note=GOOD, extra=b"the line")
    assert text == f"c2sp.org/tlog-proof@v1\nextra dGhlIGxpbmU=\nindex 1\n{wire[0]}\n{wire[1]}\n\n{GOOD}"
    assert notes.proof_text(index=0, proof=[], note=GOOD) == f"c2sp.org/tlog-proof@v1\nindex 0\n\n{GOOD}"
