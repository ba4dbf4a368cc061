"""The tools' own Ed25519: keys of RFC 8032 section 7.1, OpenSSL as a second opinion, odd encodings."""

import hashlib
import random
import time
from types import ModuleType

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tools import verify_audit, witness

ORDER = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
# RFC 8032 section 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
        "3dca179c138ac17ad9bef1177331a704",
    ),
]
# Points of order 1, 2, 4 and 8, and encodings of y that are not below the field's prime.
SMALL = ["01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 32, "00" * 31 + "80"]
SMALL += ["26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"]
SMALL += ["c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"]
UNCANONICAL = ["ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f", "01" + "00" * 30 + "80", "ff" * 32]

both = pytest.mark.parametrize("tool", [witness, verify_audit], ids=["witness", "verifier"])


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_the_published_keys_sign_and_verify(secret: str, public: str, message: str, signature: str) -> None:
    mine = witness.expand(bytes.fromhex(secret))
    assert mine[2].hex() == public
    assert witness.sign(mine, bytes.fromhex(message)).hex() == signature
    for tool in (witness, verify_audit):
        assert tool.verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))
        assert not tool.verify(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message) + b"x")


@both
def test_openssl_agrees(tool: ModuleType) -> None:
    rng = random.Random(8032)
    for length in range(0, 40, 4):
        private, message = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)), rng.randbytes(length)
        public, signature = private.public_key().public_bytes_raw(), private.sign(message)
        assert tool.verify(public, signature, message)
        assert tool.usable(public)
        assert witness.sign(witness.expand(private.private_bytes_raw()), message) == signature
        broken = bytearray(signature)
        broken[rng.randrange(64)] ^= 1 << rng.randrange(8)
        assert not tool.verify(public, bytes(broken), message)


@both
def test_a_signature_has_one_form(tool: ModuleType) -> None:
    _, public, message, signature = (bytes.fromhex(one) for one in VECTORS[1])
    s = int.from_bytes(signature[32:], "little")
    assert not tool.verify(public, signature[:32] + (s + ORDER).to_bytes(32, "little"), message)
    assert not tool.verify(public, signature + b"\0", message)
    assert not tool.verify(public, signature[:63], message)


@both
@pytest.mark.parametrize("key", SMALL + UNCANONICAL)
def test_keys_of_small_order_and_odd_encodings_are_refused(tool: ModuleType, key: str) -> None:
    assert not tool.usable(bytes.fromhex(key))


@both
def test_a_key_outside_the_prime_order_group_is_refused(tool: ModuleType) -> None:
    """A true key plus a point of order 8: what it signs could verify in one program and fail in another."""
    mixed = tool._encode(
        tool._add(tool._decode(bytes.fromhex(VECTORS[0][1])), tool._decode(bytes.fromhex(SMALL[4])))
    )
    assert tool._decode(mixed) is not None
    assert not tool.usable(mixed)


@both
def test_what_is_no_point_is_no_key(tool: ModuleType) -> None:
    assert not tool.usable((2).to_bytes(32, "little"))
    assert not tool.usable(b"short")
    assert not tool.verify((2).to_bytes(32, "little"), bytes.fromhex(VECTORS[0][3]), b"")


def test_a_signature_takes_less_than_ten_milliseconds() -> None:
    secret, times = witness.expand(bytes(32)), []
    for _ in range(10):
        before = time.process_time()
        witness.sign(secret, b"message")
        times.append(time.process_time() - before)
    assert min(times) < 0.010
