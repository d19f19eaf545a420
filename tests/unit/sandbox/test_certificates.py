"""The sandbox's certificates as the strictest clients read them, and the file that the authority is kept in."""

from __future__ import annotations

import base64
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from owners import belong_to_another
from portvakt.sandbox.certificates import (
    AUTHORITY_DAYS,
    SERVER_DAYS,
    Authority,
    NoAuthority,
    authority_in,
    make_authority,
    server_context,
)
from portvakt.server.private_files import NotOurs

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)  # OpenSSL asks no one else for the time
NAMES = ("127.0.0.1", "::1", "localhost")


def strict_client(ca_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # what Python 3.13 sets
    return context


def shake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Let the two shake hands in memory; return the client's side. Raises: ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    peers = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(peers)
    while waiting:
        for peer in list(waiting):
            try:
                peer.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(peer)
    return peers[0]


def certificate_of(server: ssl.SSLContext, ca_file: Path) -> x509.Certificate:
    octets = shake(server, strict_client(ca_file), "localhost").getpeercert(binary_form=True)
    assert octets is not None
    return x509.load_der_x509_certificate(octets)


def serving(folder: Path) -> ssl.SSLContext:
    return server_context(authority_in(folder, NOW), folder, NOW)


def certificate_for(names: list[x509.GeneralName], authority: Authority, folder: Path) -> ssl.SSLContext:
    """Return the context of a server elsewhere, for which the authority's key was misused."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, SHA256())
    )
    (folder / "misused.pem").write_bytes(pem_of(key, certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "misused.pem")
    return context


def pem_of(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, certificate: x509.Certificate | None = None
) -> bytes:
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return text if certificate is None else text + certificate.public_bytes(Encoding.PEM)


def private(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    path.chmod(0o600)
    return path


# The chain


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_client_that_trusts_the_ca_takes_the_server_by_each_of_its_names(tmp_path: Path, name: str) -> None:
    server = serving(tmp_path)

    client = shake(server, strict_client(tmp_path / "ca.pem"), name)

    assert client.version() == "TLSv1.3"
    assert client.selected_alpn_protocol() is None


def test_a_client_that_speaks_both_versions_of_http_is_told_which_it_is(tmp_path: Path) -> None:
    server = serving(tmp_path)
    client = strict_client(tmp_path / "ca.pem")
    client.set_alpn_protocols(["h2", "http/1.1"])

    assert shake(server, client, "127.0.0.1").selected_alpn_protocol() == "http/1.1"


def test_a_second_reader_of_rfc_5280_finds_the_same_chain_valid(tmp_path: Path) -> None:
    server = serving(tmp_path)
    authority = authority_in(tmp_path, NOW).certificate
    leaf = certificate_of(server, tmp_path / "ca.pem")

    verifying = PolicyBuilder().store(Store([authority])).time(NOW)
    subjects: tuple[x509.DNSName | x509.IPAddress, ...] = (
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(name)) for name in NAMES[:2]),
    )
    for subject in subjects:
        assert verifying.build_server_verifier(subject).verify(leaf, []) == [leaf, authority]
    with pytest.raises(VerificationError):
        verifying.build_server_verifier(x509.DNSName("example.com")).verify(leaf, [])


def test_without_the_ca_and_under_another_name_the_server_is_refused(tmp_path: Path) -> None:
    server = serving(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        shake(server, ssl.create_default_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake(server, strict_client(tmp_path / "ca.pem"), "example.com")


@pytest.mark.parametrize(
    ("name", "there"),
    [("example.com", x509.DNSName("example.com")), ("10.0.0.1", x509.IPAddress(ipaddress.ip_address("10.0.0.1")))],
)
def test_whoever_steals_the_ca_can_play_no_other_machine(tmp_path: Path, name: str, there: x509.GeneralName) -> None:
    server = certificate_for([there], authority_in(tmp_path, NOW), tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake(server, strict_client(tmp_path / "ca.pem"), name)


def test_the_ca_signs_servers_only_and_a_server_is_nothing_else(tmp_path: Path) -> None:
    leaf = certificate_of(serving(tmp_path), tmp_path / "ca.pem").extensions
    authority = authority_in(tmp_path, NOW).certificate.extensions

    assert authority.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert leaf.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(False, None)
    purposes = leaf.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert purposes == x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def test_versions_before_tls_1_2_are_not_spoken(tmp_path: Path) -> None:
    assert serving(tmp_path).minimum_version == ssl.TLSVersion.TLSv1_2


def test_each_start_has_a_key_of_its_own_which_no_file_keeps(tmp_path: Path) -> None:
    first, second = (certificate_of(serving(tmp_path), tmp_path / "ca.pem") for _ in range(2))

    assert first.public_key() != second.public_key()
    assert first.not_valid_after_utc - NOW <= timedelta(days=SERVER_DAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.key", "ca.pem"]


# The file


def test_K6_the_authority_is_made_once_and_its_key_is_its_owners(tmp_path: Path) -> None:
    first, second = authority_in(tmp_path, NOW), authority_in(tmp_path, NOW + timedelta(days=30))

    assert first.certificate == second.certificate
    assert first.key.private_numbers() == second.key.private_numbers()
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    assert x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes()) == first.certificate
    assert b"PRIVATE" not in (tmp_path / "ca.pem").read_bytes()
    assert "key" not in repr(first)


def test_two_folders_have_authorities_that_differ_in_name_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    subjects = {authority_in(tmp_path / name, NOW).certificate.subject.rfc4514_string() for name in "ab"}

    assert len(subjects) == 2


def test_an_authority_is_kept_as_long_as_it_outlives_a_server_and_then_made_anew(tmp_path: Path) -> None:
    made = authority_in(tmp_path, NOW).certificate
    last_day = NOW.replace(microsecond=0) + timedelta(days=AUTHORITY_DAYS - SERVER_DAYS)

    assert authority_in(tmp_path, last_day).certificate == made
    renewed = authority_in(tmp_path, last_day + timedelta(seconds=1)).certificate

    assert renewed != made
    assert x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes()) == renewed


def test_an_authority_of_a_time_to_come_is_made_anew(tmp_path: Path) -> None:
    made = authority_in(tmp_path, NOW + timedelta(days=2)).certificate

    assert authority_in(tmp_path, NOW).certificate != made


def test_a_ca_pem_that_is_lost_or_changed_or_a_link_is_written_again(tmp_path: Path) -> None:
    made = authority_in(tmp_path, NOW).certificate.public_bytes(Encoding.PEM)
    published = tmp_path / "ca.pem"
    theirs = private(tmp_path / "theirs", b"theirs")

    published.unlink()
    authority_in(tmp_path, NOW)
    assert published.read_bytes() == made
    published.write_text("changed")
    authority_in(tmp_path, NOW)
    assert published.read_bytes() == made
    published.unlink()
    published.symlink_to(theirs)
    authority_in(tmp_path, NOW)
    assert (published.read_bytes(), published.is_symlink(), theirs.read_bytes()) == (made, False, b"theirs")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_K6_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    authority_in(tmp_path, NOW)
    (tmp_path / "ca.key").chmod(mode)

    with pytest.raises(NotOurs, match=r"others may read .*ca.key, and could have signed with it; remove it"):
        authority_in(tmp_path, NOW)


def test_K6_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority_in(tmp_path, NOW)
    belong_to_another(tmp_path / "ca.key", monkeypatch)

    with pytest.raises(NotOurs, match=r"ca.key belongs to another user"):
        authority_in(tmp_path, NOW)


def test_a_file_that_is_broken_is_refused_and_left_alone(tmp_path: Path) -> None:
    ours = make_authority(NOW)
    own, certificate = pem_of(ours.key), ours.certificate.public_bytes(Encoding.PEM)
    loopback = ours.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    path = tmp_path / "ca.key"
    for broken in (
        b"",
        b"x",
        b"\xff" * 100,
        own,
        certificate,
        (own + certificate)[:-50],
        pem_of(make_authority(NOW).key) + certificate,
        pem_of(ed25519.Ed25519PrivateKey.generate()) + certificate,
        ours.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")) + certificate,
        own + b"x" * 20_000 + certificate,
        made_otherwise(ours.key, None),
        made_otherwise(ours.key, x509.NameConstraints([x509.DNSName("example.com")], None)),
        made_otherwise(ours.key, loopback, signer=make_authority(NOW).key),
        made_otherwise(ed25519.Ed25519PrivateKey.generate(), loopback),
        made_otherwise(ours.key, loopback),  # without the identifier that what it signs must name
        own + of_no_version(ours.certificate),
    ):
        private(path, broken)

        with pytest.raises(NoAuthority, match=r"ca.key is no CA that the sandbox made; remove it"):
            authority_in(tmp_path, NOW)
        assert path.read_bytes() == broken
        assert not (tmp_path / "ca.pem").exists()


def of_no_version(certificate: x509.Certificate) -> bytes:
    """Return a certificate whose version is none (RFC 5280 §4.1.2.1)."""
    octets = certificate.public_bytes(Encoding.DER)
    spoilt = octets.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    assert spoilt != octets
    body = base64.encodebytes(spoilt)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def made_otherwise(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    constraints: x509.NameConstraints | None,
    *,
    signer: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Return the key and the certificate of a CA that somebody else made."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Other")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(hours=1))
        .not_valid_after(NOW + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    if constraints is not None:
        builder = builder.add_extension(constraints, critical=True)
    signed = builder.sign(signer or key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())
    return pem_of(key, signed)
