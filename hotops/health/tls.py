"""What certificate a host shows, whether it is trusted, and for how long."""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.core.http import tls_context
from hotops.core.parallel import map_parallel
from hotops.core.table import one_line
from hotops.core.world import World

TIMEOUT_S = 10.0
#: Below so many days a certificate that renews itself should have been renewed (Let's Encrypt renews 30 days ahead).
WARN_DAYS = 21

TlsError = Literal[
    "unresolved", "unreachable", "timeout", "expired", "not_yet_valid", "wrong_name", "untrusted", "broken", "not_asked"
]
#: OpenSSL's verification codes (openssl-verification-options, X509_V_ERR).
_BY_VERIFY_CODE: Mapping[int, TlsError] = {9: "not_yet_valid", 10: "expired", 62: "wrong_name", 64: "wrong_name"}
#: The certificate as `ssl.SSLSocket.getpeercert` gives it.
PeerCertificate = Mapping[str, Any]


@runtime_checkable
class ShowsCertificates(Protocol):
    """An injected transport that can say which certificate a name would show; it raises what a socket raises."""

    def peer_certificate(self, host: str, port: int) -> PeerCertificate: ...


@dataclass(frozen=True)
class TlsInfo:
    """A host's certificate.

    `days_left` is whole days until `not_after` (unix seconds), rounded down, on the run's clock. None is not known: of
    a host that does not answer, and the date of a certificate that was refused. `error_code` not_asked: nothing was
    connected to.
    """

    host: str
    port: int
    resolves: bool | None = None
    verified: bool | None = None
    covers_host: bool | None = None
    days_left: int | None = None
    not_after: float | None = None
    issuer: str = ""
    subject_names: tuple[str, ...] = ()
    error_code: TlsError | None = None
    says: str = ""

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "host": self.host,
            "port": self.port,
            "resolves": self.resolves,
            "verified": self.verified,
            "covers_host": self.covers_host,
            "days_left": self.days_left,
            "not_after": None if self.not_after is None else rfc3339(self.not_after),
            "issuer": self.issuer,
            "subject_names": list(self.subject_names),
            "error_code": self.error_code,
            "says": self.says,
        }


def inspect(context: Context, host: str, port: int = 443) -> TlsInfo:
    """Shake hands with a host under its real name and read what it shows. Never raises for what the host does.

    In a sandbox the mapped address is connected to and the sandbox's own authority trusted. With an injected transport
    no socket is opened: the transport is asked (`ShowsCertificates`), or the answer is not_asked.
    """
    try:
        shown = _peer_certificate(context, host, port)
    except ssl.SSLCertVerificationError as error:
        return _refused(context, host, port, error)
    except (OSError, UnicodeError) as error:
        return _unanswered(host, port, error)
    if shown is None:
        return TlsInfo(host, port, error_code="not_asked", says=f"{host}: not asked (there is no network here).")
    return _read(host, port, shown, context.clock.now(), verified=True)


def inspect_all(context: Context, hosts: Iterable[str]) -> list[TlsInfo]:
    """Several hosts at once; results in their order."""
    return map_parallel(lambda host: inspect(context, host), hosts)


def _peer_certificate(context: Context, host: str, port: int, *, check_hostname: bool = True) -> PeerCertificate | None:
    if context.transport is None:
        return _shake_hands(context.world, host, port, check_hostname=check_hostname)
    if isinstance(context.transport, ShowsCertificates):
        return context.transport.peer_certificate(host, port)
    return None


def _shake_hands(world: World, host: str, port: int, *, check_hostname: bool) -> PeerCertificate | None:
    address: tuple[str, int] = (host, port)
    if world.hosts is not None:
        mapped = world.locate(host, port)
        if mapped is None:
            raise socket.gaierror(socket.EAI_NONAME, "the name does not resolve in this sandbox")
        address = (mapped.address, mapped.port)
    trusted = tls_context(str(world.ca_file) if world.ca_file else None)
    if not check_hostname:
        # A context of its own: the shared one must not lose its check.
        trusted = ssl.create_default_context(cafile=str(world.ca_file) if world.ca_file else None)
        trusted.check_hostname = False
    with (
        socket.create_connection(address, timeout=TIMEOUT_S) as plain,
        trusted.wrap_socket(plain, server_hostname=host) as secured,
    ):
        return secured.getpeercert()


def _refused(context: Context, host: str, port: int, error: ssl.SSLCertVerificationError) -> TlsInfo:
    """A certificate that is not trusted. One for other names is read all the same, to say for which."""
    code = _BY_VERIFY_CODE.get(error.verify_code, "untrusted")
    if code == "wrong_name" and context.transport is None:
        try:
            shown = _peer_certificate(context, host, port, check_hostname=False)
        except OSError:
            shown = None
        if shown:
            return _read(host, port, shown, context.clock.now(), verified=False)
    says = f"{host} shows a certificate that is {_REFUSED.get(code, 'not trusted')}: {one_line(error.verify_message)}."
    covers = False if code == "wrong_name" else None
    return TlsInfo(host, port, resolves=True, verified=False, covers_host=covers, error_code=code, says=says)


_REFUSED: Mapping[TlsError, str] = {
    "expired": "expired",
    "not_yet_valid": "not valid yet",
    "wrong_name": "for other names",
}


def _unanswered(host: str, port: int, error: OSError | UnicodeError) -> TlsInfo:
    if isinstance(error, (socket.gaierror, UnicodeError)):
        says = f"{host} does not resolve. Check the name and the DNS."
        return TlsInfo(host, port, resolves=False, error_code="unresolved", says=says)
    if isinstance(error, TimeoutError):
        says = f"{host}:{port} did not answer within {TIMEOUT_S:g} s."
        return TlsInfo(host, port, resolves=True, error_code="timeout", says=says)
    if isinstance(error, ssl.SSLError):
        says = f"{host}:{port} does not speak TLS: {one_line(error.reason or str(error))}."
        return TlsInfo(host, port, resolves=True, verified=False, error_code="broken", says=says)
    says = f"No connection to {host}:{port}: {error.strerror or type(error).__name__}."
    return TlsInfo(host, port, resolves=True, error_code="unreachable", says=says)


def _read(host: str, port: int, shown: PeerCertificate, now: float, *, verified: bool) -> TlsInfo:
    not_after = float(ssl.cert_time_to_seconds(str(shown["notAfter"])))
    days_left = math.floor((not_after - now) / 86_400)
    names = tuple(value for kind, value in shown.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    covers = any(_covers(name, host) for name in names)
    if not covers:
        verified = False
        says = f"{host} shows a certificate for other names: {', '.join(names) or 'none'}."
    elif days_left < 0:
        # The run's clock may be ahead of the one that verified it.
        verified = False
        says = f"{host}'s certificate expired {-days_left} days ago."
    else:
        says = f"{host}'s certificate is good for {days_left} days."
    code: TlsError | None = None if covers and days_left >= 0 else ("wrong_name" if not covers else "expired")
    return TlsInfo(
        host=host,
        port=port,
        resolves=True,
        verified=verified,
        covers_host=covers,
        days_left=days_left,
        not_after=not_after,
        issuer=_issuer(shown),
        subject_names=names,
        error_code=code,
        says=says,
    )


def _covers(name: str, host: str) -> bool:
    """RFC 6125: equal, or a `*` that stands for exactly the first label."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name.startswith("*."):
        return host.partition(".")[2] == name[2:] and host.partition(".")[0] != ""
    return name == host


def _issuer(shown: PeerCertificate) -> str:
    parts = {key: value for pairs in shown.get("issuer", ()) for key, value in pairs}
    return str(parts.get("organizationName") or parts.get("commonName") or "")
