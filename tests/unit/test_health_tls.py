"""Certificates: read under the real name, with days computed and not typed."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hotops.core.context import Context
from hotops.core.world import Address, World
from hotops.health.tls import PeerCertificate, inspect, inspect_all
from tests.unit.health_samples import TestClock

HOST = "shop.example.com"


class Shows(httpx.MockTransport):
    """A transport that also says which certificate a name would show."""

    def __init__(self, shown: dict[str, Any]) -> None:
        super().__init__(lambda request: httpx.Response(200))
        self.shown = shown

    def peer_certificate(self, host: str, port: int) -> PeerCertificate:
        if host not in self.shown:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        answer = self.shown[host]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)


def certificate(not_after: str = "Dec 18 10:00:00 2026 GMT", *names: str) -> dict[str, Any]:
    return {
        "notAfter": not_after,
        "issuer": ((("organizationName", "Let's Encrypt"),), (("commonName", "R11"),)),
        "subjectAltName": tuple(("DNS", name) for name in names or (HOST,)),
    }


def context_at(moment: str, **shown: Any) -> Context:
    clock = TestClock(datetime.fromisoformat(moment).timestamp())
    by_host = {name.replace("_", "."): value for name, value in shown.items()}
    return Context(World("sandbox", {}, {}), clock, transport=Shows(by_host))


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("2026-11-20T10:00:00+00:00", 28),
        ("2026-11-20T10:00:01+00:00", 27),
        ("2026-12-18T09:59:59+00:00", 0),
    ],
)
def test_days_left_are_computed_and_rounded_down(now: str, days: int) -> None:
    """I-20: a checklist said 88 days; there were 28."""
    info = inspect(context_at(now, shop_example_com=certificate()), HOST)
    assert (info.days_left, info.verified, info.error_code, info.issuer) == (days, True, None, "Let's Encrypt")
    assert info.as_row()["not_after"] == "2026-12-18T10:00:00Z"


def test_a_certificate_that_is_over_is_not_verified() -> None:
    info = inspect(context_at("2026-12-20T10:00:00+00:00", shop_example_com=certificate()), HOST)
    assert (info.days_left, info.verified, info.error_code) == (-2, False, "expired")


@pytest.mark.parametrize(
    ("name", "covers"),
    [
        ("shop.example.com", True),
        ("SHOP.example.com", True),
        ("*.example.com", True),
        ("*.shop.example.com", False),
        ("example.com", False),
        ("*.com", False),
    ],
)
def test_a_wildcard_covers_one_label(name: str, covers: bool) -> None:
    info = inspect(
        context_at("2026-11-20T10:00:00+00:00", shop_example_com=certificate("Dec 18 10:00:00 2026 GMT", name)), HOST
    )
    assert (info.covers_host, info.error_code) == (covers, None if covers else "wrong_name")


def test_a_name_that_does_not_resolve_is_told_apart_from_one_that_does_not_answer() -> None:
    """I-1: nobody saw that the smoke host never existed."""
    context = context_at(
        "2026-11-20T10:00:00+00:00", shop_example_com=ConnectionRefusedError(111, "Connection refused")
    )
    refused, missing = inspect_all(context, [HOST, "staging.shop.example"])
    assert (refused.resolves, refused.error_code) == (True, "unreachable")
    assert (missing.resolves, missing.error_code) == (False, "unresolved")
    assert "staging.shop.example does not resolve" in missing.says


def test_where_nothing_can_be_connected_to_nothing_is_claimed() -> None:
    context = Context(
        World("sandbox", {}, {}), TestClock(), transport=httpx.MockTransport(lambda _: httpx.Response(200))
    )
    info = inspect(context, HOST)
    assert (info.resolves, info.verified, info.days_left, info.error_code) == (None, None, None, "not_asked")


# --- real handshakes ------------------------------------------------------------------------------------------------


class Server:
    """A TLS server on loopback whose certificate is made for some names and days."""

    def __init__(self, folder: Path, names: list[str], days: int) -> None:
        now = datetime.now(UTC)
        self.ca_key = ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test CA")])
        ca = self._signed(ca_name, self.ca_key.public_key(), ca_name, now + timedelta(days=3650), [], ca=True)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        key = ec.generate_private_key(ec.SECP256R1())
        leaf_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        leaf = self._signed(leaf_name, key.public_key(), ca_name, now + timedelta(days=days, hours=1), names)
        chain = folder / "leaf.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain.write_bytes(secret + leaf.public_bytes(serialization.Encoding.PEM))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self.names_asked: list[str | None] = []
        self._context.sni_callback = lambda sock, name, context: self.names_asked.append(name)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _signed(
        self, subject: x509.Name, key: Any, issuer: x509.Name, until: datetime, names: list[str], ca: bool = False
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - timedelta(days=4000))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
            )
        return builder.sign(self.ca_key, hashes.SHA256())

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with plain:
                try:
                    self._context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    continue

    def context(self, trusted: Path | None = None) -> Context:
        address = Address("127.0.0.1", self._socket.getsockname()[1], tls=True)
        return Context(World("sandbox", {}, {f"{HOST}:443": address}, trusted or self.ca_file))

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Any]:
    servers: list[Server] = []

    def start(names: list[str], days: int) -> Server:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server(folder, names, days))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_the_mapped_address_is_asked_under_the_real_name(serving: Any) -> None:
    server = serving([HOST, "www.example.com"], 60)
    info = inspect(server.context(), HOST)
    assert (info.verified, info.days_left, info.error_code) == (True, 60, None)
    assert info.subject_names == (HOST, "www.example.com")
    assert server.names_asked == [HOST]


def test_an_expired_certificate_says_so(serving: Any) -> None:
    info = inspect(serving([HOST], -2).context(), HOST)
    assert (info.resolves, info.verified, info.error_code) == (True, False, "expired")


def test_a_certificate_for_another_name_is_read_to_say_for_which(serving: Any) -> None:
    info = inspect(serving(["other.example.com"], 60).context(), HOST)
    assert (info.verified, info.covers_host, info.error_code) == (False, False, "wrong_name")
    assert "other.example.com" in info.says
    assert info.days_left == 60


def test_a_certificate_of_an_unknown_authority_is_untrusted(serving: Any) -> None:
    server, stranger = serving([HOST], 60), serving([HOST], 60)
    info = inspect(server.context(trusted=stranger.ca_file), HOST)
    assert (info.verified, info.error_code) == (False, "untrusted")


def test_a_name_outside_the_sandbox_is_never_looked_up_in_real_dns(serving: Any) -> None:
    info = inspect(serving([HOST], 60).context(), "example.com")
    assert (info.resolves, info.error_code) == (False, "unresolved")


def test_a_port_without_tls_is_broken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            connection, _ = plain.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = Address("127.0.0.1", plain.getsockname()[1], tls=False)
        info = inspect(Context(World("sandbox", {}, {f"{HOST}:443": address})), HOST)
        thread.join(5)
    assert (info.verified, info.error_code) == (False, "broken")
