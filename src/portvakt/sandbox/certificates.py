"""A certificate authority for one data folder, good for this machine's own addresses and nothing else.

`ca.key` holds its key and its certificate, so that the two cannot come apart; `ca.pem` is what clients trust.
"""

from __future__ import annotations

import ipaddress
import secrets
import ssl
import stat
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portvakt.server.private_files import NotOurs, require_own_file, write_over, write_whole

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

KEY_FILE = "ca.key"
CA_FILE = "ca.pem"

AUTHORITY_DAYS = 5 * 365
SERVER_DAYS = 397
"""What Apple's systems take at most from a server; it also is how long an authority must still live to be kept."""

SKEW = timedelta(hours=1)
"""How much a client's clock may be behind: another machine's, in a container."""

_KEY_FILE_OCTETS = 16_384
_NAME = "localhost"
_ADDRESSES = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))

# RFC 5280 §4.2.1.10: whoever trusts this authority trusts it for no other machine.
_LOOPBACK_ONLY = x509.NameConstraints(
    permitted_subtrees=[
        x509.DNSName(_NAME),
        x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
        x509.IPAddress(ipaddress.ip_network("::1/128")),
    ],
    excluded_subtrees=None,
)


_BROKEN = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
"""What reading a damaged key or certificate raises."""


class NoAuthority(Exception):
    """The folder's `ca.key` is none that a sandbox wrote. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its certificate, and the key to sign others with."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)


def authority_in(folder: Path, now: datetime) -> Authority:
    """Return the folder's authority; make another where there is none, or it ends before a server's certificate would.

    `ca.pem` is written anew. `now` is the real time: clients do not know of the sandbox's clock.

    Raises:
        NoAuthority: `ca.key` holds something else.
        NotOurs: it is another user's, or others can read or write it.
        OSError: it cannot be read or written.
    """
    path = folder / KEY_FILE
    kept = _read(path)
    if kept is None or not _lasts(kept.certificate, now):
        kept = make_authority(now)
        write_over(path, (_key_pem(kept.key) + _pem(kept.certificate)).decode())
    write_over(folder / CA_FILE, _pem(kept.certificate).decode())
    return kept


def make_authority(now: datetime) -> Authority:
    """Return a new authority, which may sign for loopback only (RFC 5280 §4.2.1)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named(f"portvakt sandbox {secrets.token_hex(4)}")  # a trust store with several tells them apart
    builder = (
        _certificate(key, now, AUTHORITY_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(_LOOPBACK_ONLY, critical=True)
    )
    return Authority(builder.sign(key, SHA256()), key)


def server_context(authority: Authority, folder: Path, now: datetime) -> ssl.SSLContext:
    """Return a server's context, TLS 1.2 or newer, with a new key and a certificate for 127.0.0.1, ::1 and localhost.

    Raises:
        OSError: the folder cannot be written: OpenSSL reads keys from files only.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    draft = write_whole(folder / "server.pem", (_key_pem(key) + _pem(_signed(authority, key, now))).decode())
    try:
        context.load_cert_chain(draft)
    finally:
        draft.unlink()
    return context


def _signed(authority: Authority, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    names = [x509.DNSName(_NAME), *map(x509.IPAddress, _ADDRESSES)]
    signer = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _certificate(key, now, SERVER_DAYS)
        .subject_name(_named(_NAME))
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), critical=False)
    )
    return builder.sign(authority.key, SHA256())


def _certificate(key: ec.EllipticCurvePrivateKey, now: datetime, days: int) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _named(common_name: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "portvakt sandbox")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _lasts(certificate: x509.Certificate, now: datetime) -> bool:
    end = now + timedelta(days=SERVER_DAYS)
    return certificate.not_valid_before_utc <= now and end <= certificate.not_valid_after_utc


def _read(path: Path) -> Authority | None:
    require_own_file(path)
    try:
        with path.open("rb") as file:
            mode, octets = stat.S_IMODE(path.lstat().st_mode), file.read(_KEY_FILE_OCTETS)
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise NotOurs(f"others may read {path}, and could have signed with it; remove it, and trust the next ca.pem")
    try:
        key = load_pem_private_key(octets, None)
        certificate = x509.load_pem_x509_certificate(octets)
        certificate.verify_directly_issued_by(certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)  # which what it signs will name
    except _BROKEN:
        raise _none(path) from None
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or certificate.public_key() != key.public_key()
        or constraints != _LOOPBACK_ONLY
    ):
        raise _none(path)
    return Authority(certificate, key)


def _none(path: Path) -> NoAuthority:
    return NoAuthority(f"{path} is no CA that the sandbox made; remove it, and trust the next ca.pem")


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
