"""A connection string judged by what it is used for: verdict, reasons, and the one that would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hotops.core.secret import Secret
from hotops.dsn.budget import Budget, budget_findings
from hotops.dsn.catalogue import Finding, finding, table
from hotops.dsn.connection import CLIENT_OPTIONS, DEFAULT_PORT, LIBPQ_OPTIONS, Dsn, Host
from hotops.dsn.places import KINDS_IN_WORDS, TRANSACTION_PORT, Kind, Place, place_of
from hotops.dsn.reading import read

Use = Literal["migrations", "server", "serverless", "backup", "replication"]
Client = Literal["libpq", "prisma", "rails", "other"]
Mode = Literal["direct", "session", "transaction"]
Verdict = Literal["ok", "care", "wrong"]

#: Modes as an operator declares them, and the kind of connection that each is.
MODES: Mapping[Mode, Kind] = {
    "direct": "direct",
    "session": "session_pooler",
    "transaction": "transaction_pooler",
}
_SUPABASE: frozenset[Kind] = frozenset({"direct", "dedicated_pooler", "session_pooler", "transaction_pooler"})
_PLAIN_MODES = frozenset({"disable", "allow", "prefer"})
#: Faults after which user or password is somebody else's to know: nothing can be corrected.
_NO_PASSWORD = frozenset(
    {
        "no_user",
        "no_password",
        "masked_value",
        "unresolved_reference",
        "password_placeholder",
        "api_key_as_password",
        "password_with_line_end",
    }
)


@dataclass(frozen=True)
class ProjectFacts:
    """What the Management API says of a project. The pooler's host comes from there alone; it is never composed."""

    ref: str
    name: str = ""
    pooler_host: str | None = None
    pool_size: int | None = None
    max_clients: int | None = None
    max_connections: int | None = None

    @property
    def direct_host(self) -> str:
        """Host of the direct connection."""
        return f"db.{self.ref}.supabase.co"


@dataclass(frozen=True)
class Circumstances:
    """What a connection string is for, and where it is used."""

    use: Use = "server"
    client: Client = "other"
    #: Whether there is IPv6 where it is used: direct hosts have no other address.
    ipv6: bool = True
    #: Whether the client prepares statements.
    prepared_statements: bool = True
    #: The mode that is declared, None for whatever suits the use.
    mode: Mode | None = None
    budget: Budget | None = None


@dataclass(frozen=True)
class Judgement:
    """What came of it. `dsn` is what the text was taken for, `corrected` what it should be (None: not to be known)."""

    verdict: Verdict
    dsn: Dsn | None
    place: Place | None
    findings: tuple[Finding, ...] = ()
    corrected: Dsn | None = None
    text_is_right: bool = field(default=True)

    @property
    def codes(self) -> list[str]:
        """The faults by code."""
        return [found.code for found in self.findings]


def judge(text: Secret, circumstances: Circumstances, project: ProjectFacts | None = None) -> Judgement:
    """Judge a text as a connection string. Never raises for what it holds."""
    reading = read(text)
    dsn = reading.dsn
    place = place_of(dsn) if dsn else None
    project = project or (
        ProjectFacts(place.ref, pooler_host=_own_pooler(dsn, place)) if dsn and place and place.ref else None
    )
    facts = _facts(dsn, project)
    named = [finding(code, **facts) for code in reading.faults]
    if dsn is None or place is None:
        return Judgement("wrong", None, None, tuple(named), None, text_is_right=False)
    named += [
        finding(code, **facts) for code in (*place.faults, *_of_project(dsn, place, project), *_of_tls(dsn, place))
    ]
    reasons, target = _of_use(dsn, place, circumstances, project, facts)
    findings = tuple({found.code: found for found in (*named, *reasons)}.values())
    verdict = _worst(findings)
    corrected = _corrected(dsn, place, target, circumstances, project=project, findings=findings) if findings else None
    if corrected is None and verdict != "ok" and target in ("session_pooler", "transaction_pooler"):
        known = project and project.pooler_host
        findings = findings if known or place.kind not in _SUPABASE else (*findings, finding("pooler_host_unknown"))
    return Judgement(verdict, dsn, place, findings, corrected, text_is_right=not reading.faults)


def judge_pair(runtime: Judgement, direct: Judgement) -> tuple[Finding, ...]:
    """What is wrong with DATABASE_URL and DIRECT_URL together (Prisma)."""
    found: list[Finding] = []
    if direct.place and direct.place.kind in ("transaction_pooler", "dedicated_pooler"):
        found.append(finding("direct_url_on_transaction_port"))
    if runtime.dsn and direct.dsn and runtime.dsn.text() == direct.dsn.text():
        found.append(finding("both_urls_identical"))
    return tuple(found)


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _facts(dsn: Dsn | None, project: ProjectFacts | None) -> dict[str, object]:
    """What the texts of findings may say: nothing that could be a part of a password."""
    known: dict[str, object] = {}
    if dsn is not None:
        known |= {"port": dsn.port, "sslmode": dsn.option("sslmode") if dsn.option("sslmode") in _PLAIN_MODES else "…"}
        shown = dsn.shown().partition("@")[0]
        if not shown.startswith("("):
            known["role"] = dsn.role
    if project is not None:
        known |= {"ref": project.ref, "project": project.name or project.ref}
        known |= {"pooler_host": project.pooler_host} if project.pooler_host else {}
    return known


def _of_project(dsn: Dsn, place: Place, project: ProjectFacts | None) -> list[str]:
    """Whether it leads to the declared project, by the pooler that the API names."""
    if place.kind == "local":
        return ["local_in_production"]
    if place.kind == "address" and project and dsn.ref == project.ref:
        return ["pooler_address_fixed"]
    if place.kind == "address" and project:
        return ["direct_address_fixed"]
    if place.kind not in _SUPABASE:
        return ["not_supabase"] if project else []
    found = []
    if project and place.refs and project.ref not in place.refs:
        found.append("other_project")
    elif _pooler_differs(dsn, place, project):
        found.append("pooler_host_of_another_cluster")
    if dsn.database not in (None, "postgres"):
        found.append("database_not_postgres")
    if len(dsn.hosts) > 1:
        found.append("several_hosts")
    if dsn.option("options") and "reference=" in str(dsn.option("options")):
        found.append("reference_option")
    return found


def _pooler_differs(dsn: Dsn, place: Place, project: ProjectFacts | None) -> bool:
    if project is None or project.pooler_host is None or place.kind not in ("session_pooler", "transaction_pooler"):
        return False
    about_host = {"pooler_host_made_of_ref", "pooler_host_misspelt", "pooler_host_wrong_domain"}
    return dsn.host.lower() != project.pooler_host and not about_host.intersection(place.faults)


def _of_tls(dsn: Dsn, place: Place) -> list[str]:
    if place.kind in ("local", "fly_postgres"):
        return []
    mode = dsn.option("sslmode")
    if mode is None:
        return ["sslmode_missing"]
    return ["sslmode_disabled"] if mode in _PLAIN_MODES else []


def _of_use(
    dsn: Dsn, place: Place, circumstances: Circumstances, project: ProjectFacts | None, facts: Mapping[str, object]
) -> tuple[list[Finding], Kind]:
    """What the use says, and the kind of connection that would be right."""
    kind, use = place.kind, circumstances.use
    if kind not in _SUPABASE:
        return [], MODES[circumstances.mode] if circumstances.mode else _best(circumstances)
    found: list[Finding] = []
    row = kind if circumstances.ipv6 or kind not in ("direct", "dedicated_pooler") else f"{kind}_without_ipv6"
    entry: Mapping[str, Any] = table("decisions")[row][use]
    prepares = circumstances.prepared_statements and not (
        circumstances.client == "prisma" and dsn.option("pgbouncer") == "true"
    )
    target: Kind = kind
    if entry["verdict"] != "ok" and not (entry.get("unless_prepared_off") and not prepares):
        found.append(finding(entry["reason"], **facts))
        target = entry.get("target", kind)
    elif entry.get("needs_prepared_off") and prepares:
        found.append(
            finding("prisma_without_pgbouncer" if circumstances.client == "prisma" else "prepared_statements_on")
        )
    if circumstances.mode:
        wanted = MODES[circumstances.mode]
        if not found and kind != wanted:
            words = {"place": place.in_words, "wanted": KINDS_IN_WORDS[wanted]}
            found.append(finding("not_the_declared_mode", **facts, **words))
        target = wanted
    found += _of_options(dsn, target if target != kind else kind, circumstances)
    over, elsewhere = budget_findings(circumstances.budget, target, project)
    if over and circumstances.mode is None and elsewhere and (circumstances.ipv6 or elsewhere != "direct"):
        target = elsewhere
    return [*found, *over], target


def _best(circumstances: Circumstances) -> Kind:
    """The kind that suits a use best."""
    row = table("decisions")["direct" if circumstances.ipv6 else "direct_without_ipv6"][circumstances.use]
    best: Kind = row.get("target", "direct")
    return best


def _of_options(dsn: Dsn, kind: Kind, circumstances: Circumstances) -> list[Finding]:
    foreign = {key for key, _ in dsn.options} & (CLIENT_OPTIONS - LIBPQ_OPTIONS)
    if foreign and (circumstances.client == "libpq" or circumstances.use == "backup"):
        return [finding("client_option_for_libpq")]
    if dsn.option("pgbouncer") == "true" and kind in ("direct", "session_pooler"):
        return [finding("pgbouncer_option_on_session")]
    return []


def _worst(findings: tuple[Finding, ...]) -> Verdict:
    levels = {found.level for found in findings}
    return "wrong" if "wrong" in levels else "care" if "care" in levels else "ok"


# --- what would be right ----------------------------------------------------------------------------------------------


def _own_pooler(dsn: Dsn | None, place: Place | None) -> str | None:
    """The pooler's host that a string names itself, where no API was asked and nothing is wrong with it."""
    if dsn and place and place.kind in ("session_pooler", "transaction_pooler"):
        wrong = {"pooler_host_made_of_ref", "pooler_host_misspelt", "pooler_host_wrong_domain"}
        return None if wrong.intersection(place.faults) else dsn.host.lower()
    return None


def _corrected(
    dsn: Dsn,
    place: Place,
    target: Kind,
    circumstances: Circumstances,
    *,
    project: ProjectFacts | None,
    findings: tuple[Finding, ...],
) -> Dsn | None:
    codes = {found.code for found in findings}
    if codes & _NO_PASSWORD or not dsn.password or codes & {"other_project", "not_supabase", "local_in_production"}:
        return None
    if codes & {"replication_without_ipv6"}:
        return None
    if place.kind not in _SUPABASE and not codes & {"pooler_address_fixed", "direct_address_fixed"}:
        return replace(dsn, form="uri") if project is None and place.kind != "local" else None
    if project is None:
        return None
    host, port = _host_of(target, project)
    if host is None:
        return None
    role = dsn.role or "postgres"
    options = _options_for(dsn, target, circumstances)
    pooled = target in ("session_pooler", "transaction_pooler")
    return Dsn(
        (Host(host, port),),
        f"{role}.{project.ref}" if pooled else role,
        dsn.password,
        "postgres",
        options,
        "uri",
        dsn.scheme,
    )


def _host_of(kind: Kind, project: ProjectFacts) -> tuple[str | None, int]:
    if kind in ("session_pooler", "transaction_pooler"):
        return project.pooler_host, TRANSACTION_PORT if kind == "transaction_pooler" else DEFAULT_PORT
    return project.direct_host, TRANSACTION_PORT if kind == "dedicated_pooler" else DEFAULT_PORT


def _options_for(dsn: Dsn, target: Kind, circumstances: Circumstances) -> tuple[tuple[str, str], ...]:
    """The options that belong there: TLS asked for, another client's switches gone, Prisma's in their place."""
    known = (
        LIBPQ_OPTIONS
        if circumstances.client == "libpq" or circumstances.use == "backup"
        else LIBPQ_OPTIONS | CLIENT_OPTIONS
    )
    changes: dict[str, str | None] = {key: None for key, _ in dsn.options if key not in known}
    if target not in ("transaction_pooler", "dedicated_pooler"):
        changes["pgbouncer"] = None
    elif circumstances.client == "prisma":
        changes["pgbouncer"] = "true"
    if "reference=" in (dsn.option("options") or ""):
        changes["options"] = None
    if dsn.option("sslmode") not in ("require", "verify-ca", "verify-full"):
        changes["sslmode"] = "require"
    return dsn.with_options(changes).options
