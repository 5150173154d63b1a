"""The certificate authority of the sandbox, made anew at each start and trusted by nobody else.

Its certificate is written for clients (``ca_file`` in state.json); its key never leaves the process.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEFAULT_LEAF_DAYS = 90.0
"""Validity of a leaf whose expiry the seed does not declare; what Let's Encrypt gives, whom Fly uses."""

_BACKDATED = timedelta(days=1)


@dataclass(frozen=True, repr=False)
class Leaf:
    """A server certificate with its key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes
    not_after: datetime


class Authority:
    """Issues server certificates for the names the sandbox answers for."""

    def __init__(self, common_name: str = "hotops sandbox CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = datetime.now(UTC)
        public_key = self._key.public_key()
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3650))  # older than any leaf, expired ones too
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate_pem(self) -> bytes:
        """The CA's own certificate, the one file a client needs."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, names: Iterable[str], expires_in_days: float = DEFAULT_LEAF_DAYS) -> Leaf:
        """Make a leaf for DNS names and IP addresses; a negative ``expires_in_days`` makes an expired one.

        Raises: ValueError when there is no name.
        """
        alternatives = [_general_name(name) for name in names]
        if not alternatives:
            raise ValueError("a certificate needs at least one name")
        key = ec.generate_private_key(ec.SECP256R1())
        not_after = datetime.now(UTC) + timedelta(days=expires_in_days)
        # A leaf that ends in the past still has to begin before it ends.
        not_before = min(datetime.now(UTC), not_after - timedelta(days=DEFAULT_LEAF_DAYS)) - _BACKDATED
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(alternatives[0].value)[:64])]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Leaf(
            certificate_pem=certificate.public_bytes(Encoding.PEM),
            key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            not_after=not_after,
        )


class ServerNames:
    """Picks the certificate of a TLS connection by the name the client asks for (SNI).

    ``expires_in_days`` holds the declared expiry of each hostname; a name absent from it is not served: the handshake
    ends with ``unrecognized_name``, as a proxy ends it that has no certificate for a host.
    """

    def __init__(self, authority: Authority, expires_in_days: Mapping[str, float], scratch_dir: Path) -> None:
        self._authority = authority
        self._expires_in_days = dict(expires_in_days)
        self._scratch_dir = scratch_dir
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = Lock()
        self.context = _server_context()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name is None or name.lower() not in self._expires_in_days:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = self._context_for(name.lower())
        return None

    def _context_for(self, name: str) -> ssl.SSLContext:
        with self._lock:
            if name not in self._contexts:
                self._contexts[name] = self._make_context(name)
            return self._contexts[name]

    def _make_context(self, name: str) -> ssl.SSLContext:
        return server_context_of(self._authority.issue([name], self._expires_in_days[name]), self._scratch_dir)


def server_context_of(leaf: Leaf, scratch_dir: Path) -> ssl.SSLContext:
    """A server's side of TLS with this certificate."""
    context = _server_context()
    # ssl loads a chain from a file only; the file lives for the length of this call.
    descriptor, chain = tempfile.mkstemp(dir=scratch_dir, prefix=".leaf-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(leaf.certificate_pem + leaf.key_pem)
        context.load_cert_chain(chain)
    finally:
        Path(chain).unlink()
    return context


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _general_name(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
