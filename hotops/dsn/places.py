"""What a connection string leads to: told by host *and* user form *and* port, since no one of them is enough."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal

from hotops.dsn.connection import DEFAULT_PORT, Dsn

Kind = Literal[
    "direct",
    "dedicated_pooler",
    "session_pooler",
    "transaction_pooler",
    "local",
    "fly_postgres",
    "address",
    "elsewhere",
]
TRANSACTION_PORT = 6543
KINDS_IN_WORDS = {
    "direct": "direct connection",
    "dedicated_pooler": "dedicated pooler (PgBouncer)",
    "session_pooler": "shared pooler, session mode",
    "transaction_pooler": "shared pooler, transaction mode",
    "local": "a database on the same computer",
    "fly_postgres": "a PostgreSQL of Fly's own",
    "address": "a bare IP address",
    "elsewhere": "no host of Supabase's",
}

_DIRECT = re.compile(r"^db\.(?P<ref>[a-z]{20})\.supabase\.(?P<tld>[a-z]+)$")
_POOLER = re.compile(r"^(?P<cluster>[a-z0-9-]+)\.pooler\.supabase\.(?P<tld>[a-z]+)$")
_PROJECT = re.compile(r"^(?P<ref>[a-z]{20})\.supabase\.(?:co|com|red)$")


@dataclass(frozen=True)
class Place:
    """Where a connection string leads. `ref` is the project's as far as host, user or options say it."""

    kind: Kind
    ref: str | None = None
    #: Refs that were named: more than one contradict each other.
    refs: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """For eyes."""
        return KINDS_IN_WORDS[self.kind]


def place_of(dsn: Dsn) -> Place:
    """Tell what a connection string leads to, and what about its host and user contradicts that."""
    host = dsn.host.lower()
    named = [ref for ref in (dsn.ref, _reference(dsn)) if ref]
    if direct := _DIRECT.match(host):
        kind: Kind = "dedicated_pooler" if dsn.port == TRANSACTION_PORT else "direct"
        named.insert(0, direct["ref"])
        faults = _of_direct(dsn, direct["tld"])
    elif pooler := _POOLER.match(host):
        kind = "transaction_pooler" if dsn.port == TRANSACTION_PORT else "session_pooler"
        faults = _of_pooler(dsn, pooler["cluster"], pooler["tld"])
        if "pooler_host_made_of_ref" in faults:
            named.insert(0, pooler["cluster"])
    elif project := _PROJECT.match(host):
        kind, faults = "direct", ["api_host_as_database"]
        named.insert(0, project["ref"])
    else:
        kind, faults = _elsewhere(host), []
    refs = tuple(dict.fromkeys(named))
    if len(refs) > 1:
        faults.append("refs_contradict")
    return Place(kind, refs[0] if refs else None, refs, tuple(faults))


def _of_direct(dsn: Dsn, domain: str) -> list[str]:
    found = [] if domain in ("co", "red") else ["direct_host_wrong_domain"]
    return found + (["direct_user_with_ref"] if dsn.ref else []) + _of_port(dsn)


def _of_pooler(dsn: Dsn, cluster: str, domain: str) -> list[str]:
    found = ["pooler_host_wrong_domain"] if domain == "co" else []
    if re.fullmatch(r"[a-z]{20}", cluster):
        found.append("pooler_host_made_of_ref")
    elif not re.fullmatch(r"aws-\d+-[a-z]+-[a-z]+-\d", cluster):
        found.append("pooler_host_misspelt")
    if not dsn.ref and not _reference(dsn):
        found.append("pooler_user_without_ref")
    return found + _of_port(dsn)


def _of_port(dsn: Dsn) -> list[str]:
    return [] if dsn.port in (DEFAULT_PORT, TRANSACTION_PORT) else ["port_nobody_listens_on"]


def _elsewhere(host: str) -> Kind:
    if host in ("localhost", "::1", "host.docker.internal") or host.startswith(("127.", "/")):
        return "local"
    if host.endswith((".flycast", ".internal")):
        return "fly_postgres"
    return "address" if _is_address(host) else "elsewhere"


def _reference(dsn: Dsn) -> str | None:
    """The tenant in `options=reference=<ref>`, which Supavisor takes too."""
    found = re.search(r"(?:^|\s|-c\s*)reference=([a-z]{20})\b", dsn.option("options") or "")
    return found[1] if found else None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
