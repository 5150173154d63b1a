"""A restore by a role that is no superuser: what it may not bring back, and what of a difference is the platform's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hotops.backup.catalogue import Catalogue, Difference
from hotops.backup.survey import PLATFORM_SCHEMAS

#: The platform fills these on its own in every project.
OWN_ROWS = frozenset({"auth.schema_migrations", "storage.migrations", "supabase_functions.migrations"})
#: Its schemas beside those whose rows are the user's too.
SCHEMAS = PLATFORM_SCHEMAS | {"auth", "storage", "extensions"}
#: Roles that each project has from the start (Supabase docs, "Postgres roles"; reserved roles of supautils).
_ROLES = re.compile(
    r"(postgres|anon|authenticated|authenticator|service_role|dashboard_user|pgbouncer|pgtle_admin|(supabase|pgsodium)_\w+)"
)
_OWNER = re.compile(r"\bowner (\S+)")
_SUPERUSERS_ONLY = re.compile(r"\b(superuser|replication|bypassrls) ?")
#: On what an object of these kinds lies, read from its name.
_ON_A_TABLE = frozenset(
    {"column", "constraint", "trigger", "rule", "policy", "state of rule", "statistics target", "materialized view"}
)
_RIGHTS = """
select current_user, (select rolsuper from pg_roles where rolname = current_user),
  array(select rolname::text from pg_roles r where not pg_has_role(current_user, r.oid, 'member')),
  array(select e.name::text from pg_available_extensions e where not exists (
    select from pg_available_extension_versions v where v.name = e.name and (v.trusted or not v.superuser))),
  array(select name::text from pg_available_extensions),
  array(select name from pg_settings where context like 'superuser%'
    and case when current_setting('server_version_num')::int >= 150000 then not has_parameter_privilege(name, 'set') else true end)
"""


@dataclass(frozen=True)
class Rights:
    """The role of a session, and what is kept from it. A superuser may do all."""

    role: str
    superuser: bool
    not_ours: frozenset[str] = frozenset()
    untrusted: frozenset[str] = frozenset()
    available: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()

    def may_not_make(self, extension: str) -> bool:
        """Whether an extension is not on the server, or only a superuser (on a hosted project: the dashboard) makes it."""
        return not self.superuser and (extension not in self.available or extension in self.untrusted)

    def may_not_set(self, setting: str) -> bool:
        """Whether a setting is a superuser's; one with a dot in its name is, until an extension says otherwise."""
        return "." in setting or setting in self.settings


def rights(session: Any) -> Rights:
    """Ask the server."""
    role, superuser, not_ours, untrusted, available, settings = session.execute(_RIGHTS).fetchone()
    return Rights(
        role, bool(superuser), frozenset(not_ours), frozenset(untrusted), frozenset(available), frozenset(settings)
    )


def sort_out(
    differences: Iterable[Difference], found: Catalogue, may: Rights
) -> tuple[list[Difference], dict[str, list[str]]]:
    """Differences that are findings; and those that this role could not have prevented: names by reason."""
    if may.superuser:
        return list(differences), {}
    differences = list(differences)
    moved, absent = _moved(differences, may), _absent(differences)
    left: list[Difference] = []
    named: dict[str, list[str]] = {}
    for difference in differences:
        reason = _reason(difference, found, may, moved) or _of_superusers(difference, absent)
        if reason is None:
            left.append(difference)
        else:
            named.setdefault(reason, []).append(f"{difference.kind} {difference.name}")
    return left, named


def spoken(named: Mapping[str, Collection[str]], *, most: int | None = None) -> list[str]:
    """Each reason with what it is the reason for."""
    lines = []
    for reason, names in named.items():
        shown = list(names)[: most or len(names)]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        lines.append(f"{reason}: {', '.join(shown)}{more}")
    return lines


# --- inside -----------------------------------------------------------------------------------------------------------


def _moved(differences: Iterable[Difference], may: Rights) -> dict[str, tuple[str, str]]:
    """Objects that belong to another role than before, to which this one may give nothing: owners before and now.

    Keyed as grants name them.
    """
    moved = {}
    for one in differences:
        was, now = _OWNER.search(one.wanted or ""), _OWNER.search(one.found or "")
        if was and now and was[1] in may.not_ours and was[1] != now[1]:
            moved[f"{'table' if one.kind in ('sequence', 'view') else one.kind} {one.name}"] = (was[1], now[1])
    return moved


def _absent(differences: Iterable[Difference]) -> frozenset[str]:
    """What only a superuser makes and is not there, and what hangs on that, as comments name it."""
    missing = [one for one in differences if one.found is None]
    wrappers = {one.name for one in missing if one.kind == "foreign data wrapper"}
    servers = {
        one.name for one in missing if one.kind == "foreign server" and str(one.wanted).partition(" ")[0] in wrappers
    }
    names = {f"event trigger {one.name}" for one in missing if one.kind == "event trigger"}
    for one in missing:
        if one.kind == "operator class":
            what, _, method = one.name.partition(" using ")
            names |= {f"operator {kind} {what} for access method {method}" for kind in ("class", "family")}
    return frozenset(
        names | {f"foreign-data wrapper {name}" for name in wrappers} | {f"server {name}" for name in servers}
    )


def _of_superusers(one: Difference, absent: Collection[str]) -> str | None:
    """Objects that no other role makes: these themselves, and what is said of them."""
    if one.found is not None:
        return None
    if one.kind in ("operator class", "foreign data wrapper", "published schema", "security label"):
        return "only a superuser makes it"
    if one.kind == "comment on" and one.name in absent:
        return "on what only a superuser makes"
    server = one.name.partition(":")[0] if one.kind == "foreign server option" else one.name
    if one.kind in ("foreign server", "foreign server option") and f"server {server}" in absent:
        return "of a foreign data wrapper, which only a superuser makes"
    return None


def _reason(
    one: Difference,
    found: Catalogue,
    may: Rights,
    moved: Mapping[str, tuple[str, str]],
) -> str | None:
    if one.wanted and one.found and _OWNER.sub("", one.wanted, 1) == _OWNER.sub("", one.found, 1):
        was = _OWNER.search(one.wanted)
        if was and was[1] in may.not_ours:
            return f"owned by another role here, since {may.role} may give nothing to {was[1]}"
    if one.kind in ("grant", "large object grant"):
        what, _, who = one.name.rpartition(": ")
        if who in moved.get(what, ()):
            return "an owner's own privileges, where the owner is another"
    if one.kind in ("default grant", "default grant option") and one.name.partition(" in ")[0] in may.not_ours:
        return f"what is given by default by another role than {may.role}"
    if one.kind == "extension":
        if one.found is None and may.may_not_make(one.name):
            return (
                f"not on this server, or not for {may.role} to make (a project's dashboard does: Database, Extensions)"
            )
        if one.found is not None and one.wanted is not None:
            return "in the version that this server installs"
    return _of_the_cluster(one, may) or _of_the_platform(one, found, may)


def _of_the_cluster(one: Difference, may: Rights) -> str | None:
    """Roles, settings, event triggers."""
    same = one.wanted and one.found and _SUPERUSERS_ONLY.sub("", one.wanted) == _SUPERUSERS_ONLY.sub("", one.found)
    if one.kind == "role" and same:
        return "attributes that only a superuser gives"
    if one.kind == "role" and _ROLES.fullmatch(one.name):
        return "the platform's own, as this project has them"
    if one.kind == "membership" and _ROLES.fullmatch(one.name.rpartition(" to ")[2]):
        return "the platform's own, as this project has them"
    if one.kind == "setting":
        whose, _, setting = one.name.rpartition(": ")
        if one.found is None and may.may_not_set(setting):
            return f"settings that {may.role} may not set"
        if one.wanted is None and whose == "all roles in this database":
            return "the platform's own, as this project has them"
        if _ROLES.fullmatch(whose.removesuffix(" in this database")):
            return "the platform's own, as this project has them"
    if one.found is None and (
        one.kind == "event trigger" or (one.kind == "publication" and "all tables" in str(one.wanted))
    ):
        return "only a superuser makes it"
    return None


def _of_the_platform(one: Difference, found: Catalogue, may: Rights) -> str | None:
    """What lies in the platform's schemas and is not the user's to change."""
    name = one.name.removeprefix("table ").removeprefix("function ").removeprefix("schema ").removeprefix("type ")
    schema = name.partition(".")[0].partition(":")[0].strip('"')
    if schema not in SCHEMAS:
        return None
    if one.wanted is None and one.kind not in ("trigger", "rule", "policy"):
        return "the platform's, newer or older here than where the backup is from"
    owner = _owner_of(one, found)
    if owner in may.not_ours:
        return f"on what belongs to {owner}"
    return None


def _owner_of(one: Difference, found: Catalogue) -> str:
    """Who owns, in the restored database, what a difference is about."""
    name = one.name.partition(" ")[0] if one.kind in _ON_A_TABLE - {"column", "statistics target"} else one.name
    if one.kind in ("column", "statistics target"):
        name = name.rpartition(".")[0]
    if one.kind == "grant":
        what, _, name = one.name.rpartition(": ")[0].partition(" ")
        kinds: tuple[str, ...] = (what, "sequence")
    else:
        kinds = ("table",) if one.kind in _ON_A_TABLE else (one.kind,)
    if one.kind == "index" and one.wanted:
        name, kinds = one.wanted.partition(" ON ")[2].partition(" ")[0], ("table",)
    for kind in kinds:
        owner = _OWNER.search(found.get(kind, {}).get(name, ""))
        if owner:
            return owner[1]
    return ""
