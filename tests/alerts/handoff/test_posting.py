"""One POST to one pinned address, whatever the other side does with it."""

import datetime as dt
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alerts.handoff.posting import NotTaken, Receiver, post
from tests.alerts.handoff.receivers import (
    GOOD,
    Cad,
    Script,
    cad,
    continues,
    drips,
    floods,
    hangs,
    says,
    status,
)

#: Seconds: the deadline of these tests, and what a busy machine may add.
DEADLINE_S, GRACE_S = 0.4, 2.0


def send(one: Cad, url: str = "", **more: Any) -> int:
    receiver = Receiver(url or one.url(), "127.0.0.1", **more)
    return post(receiver, b"<alert/>", media_type="application/cap+xml", key="k-1", deadline_s=DEADLINE_S)


def not_taken(script: Script) -> NotTaken:
    begun = time.monotonic()
    with cad(script) as one, pytest.raises(NotTaken) as caught:
        send(one)
    assert time.monotonic() - begun < DEADLINE_S + GRACE_S
    return caught.value


def test_what_is_posted() -> None:
    with cad(says(GOOD)) as one:
        assert send(one, token="secret") == 201
        [request] = one.asked
    head = request.decode().splitlines()
    assert head[0] == "POST /in?box=1 HTTP/1.1"
    assert {
        f"Host: 127.0.0.1:{one.port}", "Content-Type: application/cap+xml", "Content-Length: 8",
        "Idempotency-Key: k-1", "Authorization: Bearer secret", "Connection: close",
    } <= set(head)  # fmt: skip
    assert one.bodies() == [b"<alert/>"]


@pytest.mark.parametrize(
    ("script", "code", "left", "final"),
    [
        (hangs, "no-answer", True, False),
        (drips, "no-answer", True, False),
        (continues, "no-answer", True, False),
        (says(b""), "bad-answer", True, False),
        (says(b"\x00\xff nonsense\r\n\r\n"), "bad-answer", True, False),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n"), "bad-answer", True, False),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"), "bad-answer", True, False),
        (status(500), "http-500", False, False),
        (status(503, "Retry-After: 3600"), "http-503", False, False),
        (status(429), "http-429", False, False),
        (status(400), "refused-400", False, True),
        (status(403), "refused-403", False, True),
        (status(301, "Location: http://127.0.0.1:1/"), "redirected", False, True),
        (status(307, "Location: https://elsewhere.example/"), "redirected", False, True),
    ],
)
def test_what_the_other_side_may_do(script: Script, code: str, left: bool, final: bool) -> None:
    told = not_taken(script)
    assert (told.code, told.left, told.final) == (code, left, final)


def test_an_answer_without_end_is_not_read() -> None:
    with cad(floods) as one:
        begun = time.monotonic()
        assert send(one) == 200
        assert time.monotonic() - begun < GRACE_S


def test_nobody_there() -> None:
    with cad(says(GOOD)) as one:
        one.close()
        with pytest.raises(NotTaken) as caught:
            send(one)
    assert (caught.value.code, caught.value.left, caught.value.final) == ("no-connection", False, False)


def test_no_name_is_asked_so_a_changed_name_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def noted(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with cad(says(GOOD)) as one:
        assert send(one, one.url("cad.example")) == 201
        assert one.header("Host") == [f"cad.example:{one.port}"]
    assert asked == ["127.0.0.1"]


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[ssl.SSLContext, Path]]:
    """A server's context and its own certificate as the authority, for a name."""

    def make(name: str) -> tuple[ssl.SSLContext, Path]:
        folder = tmp_path_factory.mktemp("tls")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        at = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(1).not_valid_before(at - dt.timedelta(days=1))
            .not_valid_after(at + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        public, private = folder / "cert.pem", folder / "key.pem"
        public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        return context, public

    return make


def test_tls_asks_for_the_urls_name_at_the_pinned_address(certified: Any) -> None:
    context, authority = certified("cad.example")
    assert ipaddress.ip_address("127.0.0.1").is_loopback
    with cad(says(GOOD), context) as one:
        assert send(one, one.url("cad.example"), ca_file=str(authority)) == 201
        for url, ca_file in ((one.url("other.example"), str(authority)), (one.url("cad.example"), "")):
            with pytest.raises(NotTaken) as caught:
                send(one, url, ca_file=ca_file)
            assert (caught.value.code, caught.value.left) == ("bad-certificate", False)
        assert len(one.asked) == 1, "nothing was said to a stranger"


def test_a_handshake_that_hangs_is_cut() -> None:
    with cad(hangs) as one:
        begun = time.monotonic()
        with pytest.raises(NotTaken) as caught:
            send(one, f"https://cad.example:{one.port}/")
        assert caught.value.code == "no-answer"
        assert time.monotonic() - begun < DEADLINE_S + GRACE_S
