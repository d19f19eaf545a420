"""The same over TLS."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portvakt.server.request_head import Limits
from raw_http import Echo, connect, read_all, read_reply, refused, served, status

if TYPE_CHECKING:
    from pathlib import Path

GET = b"GET / HTTP/1.1\r\nHost: id.example\r\n\r\n"


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context and that of a client who trusts it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "both.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


def test_a_request_over_tls_is_https(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    echo = Echo()
    with (
        served(echo, tls=contexts[0]) as server,
        connect(server.port) as plain,
        contexts[1].wrap_socket(plain, server_hostname="127.0.0.1") as peer,
    ):
        for _ in range(2):
            peer.sendall(GET)
            assert status(read_reply(peer)) == 200
        peer.sendall(b"GET evil HTTP/1.1\r\nHost: a\r\n\r\n")
        assert refused(read_all(peer))

    assert echo.scopes[0]["scheme"] == "https"


def test_a_stop_does_not_wait_for_the_goodbye_of_whoever_is_idle(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    with contextlib.ExitStack() as kept:
        with served(Echo(), Limits(drain=20, farewell=0.1), tls=contexts[0]) as server:
            plain = kept.enter_context(connect(server.port))
            peer = kept.enter_context(contexts[1].wrap_socket(plain, server_hostname="127.0.0.1"))
            peer.sendall(GET)
            assert status(read_reply(peer)) == 200
            began = time.monotonic()

        assert time.monotonic() - began < 10
