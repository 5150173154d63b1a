"""Gates about the target: would the image live there, and is there a way back?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from hotops.core.errors import NotFound
from hotops.deploy import marks
from hotops.deploy.groups import groups_of
from hotops.deploy.release_command import ReleaseCommandInvalid, release_command_in
from hotops.deploy.way_back import NoWayBack
from hotops.fly.models import AppSecret, Machine
from hotops.fly.secrets import deployed_state
from hotops.health.foreign import safe
from hotops.health.machines import service_checks
from hotops.promote.facts import Facts
from hotops.promote.gates import Found, go, no, unknown
from hotops.promote.gates_of_source import NAMED

#: A release command that changes the schema makes an image rollback impossible to reason about.
_MIGRATES = re.compile(r"migrat|db:push|db push|schema|alembic|flyway|liquibase|knex", re.IGNORECASE)


def target(facts: Facts) -> Found:
    wanted = facts.pair.app.fly_org
    try:
        app = facts.target_app()
    except NotFound:
        return no(f"there is no Fly app {facts.pair.target} (for this token)", "Fly apps")
    machines = facts.machines()
    if app.organization.slug and app.organization.slug != wanted:
        return no(f"belongs to {app.organization.slug}, not to {wanted}", "Fly apps")
    if not machines:
        return no("has no machines to deploy to", "Fly machines")
    return go(f"{len(machines)} machines in {app.organization.slug or wanted}", "Fly apps, machines")


def target_identity(facts: Facts) -> Found:
    """The stored configuration names the app it will go to; machines keep their own, so only the image changes."""
    named = facts.definition().get("app")
    if named and named != facts.pair.target:
        return no(f"its configuration names the app {named}", "release definition", facts.pair.target)
    said = "its configuration names it" if named else "machines keep their own configuration"
    return go(said, "release definition")


def image_by_digest(facts: Facts) -> Found:
    image = facts.source.image
    return go(image.digest[:19], "machines") if image.is_pinned else no(f"{image} has no digest", "machines")


def image_readable(facts: Facts) -> Found:
    try:
        found = facts.manifest()
    except NotFound:
        return no(f"{facts.source.image} is not in the registry (never pushed, or pruned)", "registry")
    if found.digest != facts.source.image.digest:
        return no(f"the registry has {found.digest[:19]} under that name", "registry", facts.source.image.digest)
    return go(f"manifest of {facts.source.image.repository} read", "registry")


def required_secrets(facts: Facts) -> Found:
    wanted = facts.pair.app.required_secrets
    missing = sorted(set(wanted) - {secret.name for secret in facts.secrets()})
    source = f"{facts.pair.target} secrets"
    if missing:
        return no(f"missing: {', '.join(missing)}", source)
    return go(f"{len(wanted)} declared, all there" if wanted else "none is declared", source)


def secrets_deployed(facts: Facts) -> Found:
    states = deployed_state(facts.secrets(), facts.machines(), facts.releases())
    source = f"{facts.pair.target} secrets"
    staged = sorted(name for name, state in states.items() if state in ("staged", "partial"))
    if staged:
        return no(f"staged, not deployed: {', '.join(staged)} (a restart does not apply them)", source)
    unclear = sorted(name for name, state in states.items() if state == "unknown")
    if unclear:
        return unknown(f"not told for {', '.join(unclear)}", source)
    return go(f"{len(states)} deployed", source)


def parity_groups(facts: Facts) -> Found:
    if facts.source.app is None:
        return go("not asked", NAMED)
    ours, theirs = groups_of(facts.machines()), groups_of(facts.source.machines)
    source = f"{facts.source.app}, {facts.pair.target}"
    if set(ours) != set(theirs):
        return no(f"source runs {', '.join(theirs)}; target runs {', '.join(ours)}", source)
    return go(", ".join(f"{group} {len(theirs[group])}→{len(ours[group])}" for group in ours), source)


def parity_memory(facts: Facts) -> Found:
    if facts.source.app is None:
        return go("not asked", NAMED)
    ours, theirs = groups_of(facts.machines()), groups_of(facts.source.machines)
    source = f"{facts.source.app}, {facts.pair.target}"
    short = [
        f"{group} has {_memory(ours[group])} MB, the source {_memory(theirs[group])} MB"
        for group in ours
        if group in theirs and _memory(ours[group]) < _memory(theirs[group])
    ]
    return no("; ".join(short), source) if short else go("target has at least the source's", source)


def parity_checks(facts: Facts) -> Found:
    if facts.source.app is None:
        return go("not asked", NAMED)
    ours, theirs = _checks(facts.machines()), _checks(facts.source.machines)
    source = f"{facts.source.app}, {facts.pair.target}"
    if ours != theirs:
        return no(f"source is checked on {_listed(theirs)}; target on {_listed(ours)}", source)
    return go(_listed(ours), source)


def parity_secrets(facts: Facts) -> Found:
    if facts.source.app is None:
        return go("not asked", NAMED)
    ours, theirs = _digests(facts.secrets()), _digests(facts.source_secrets())
    source = f"{facts.source.app}, {facts.pair.target}"
    missing = sorted(set(theirs) - set(ours))
    if missing:
        return no(f"the source has {', '.join(missing)}, the target has not", source)
    allowed = facts.pair.app.shared_secrets_ok
    shared = sorted(name for name in theirs if theirs[name] and theirs[name] == ours[name] and name not in allowed)
    extra = sorted(set(ours) - set(theirs))
    said = f"{len(theirs)} names on both" + (f", {', '.join(extra)} only at the target" if extra else "")
    if shared:
        return Found("warn", f"same value on both: {', '.join(shared)}", "shared_secrets_ok names them", source)
    return go(said, source)


def memory_floor(facts: Facts) -> Found:
    source = f"{facts.pair.target} machines"
    app = facts.pair.app
    low = [
        f"{group} has {_memory(members)} MB, wanted {floor} MB"
        for group, members in groups_of(facts.machines()).items()
        if (floor := _floor(group, app.memory_floor_mb, {n: g.memory_mb for n, g in app.process_groups.items()}))
        and _memory(members) < floor
    ]
    return no("; ".join(low), source) if low else go(f"floor {app.memory_floor_mb or 'not declared'}", source)


def release_command(facts: Facts) -> Found:
    command = (facts.definition().get("deploy") or {}).get("release_command")
    if not command:
        return go("none", "release definition")
    if _MIGRATES.search(str(command)):
        return no(
            f"`{command}` changes the schema on its own: a rollback of the image does not undo it", "release definition"
        )
    try:
        release_command_in(facts.pair.target, facts.definition())
    except ReleaseCommandInvalid as error:
        return no(error.message, "release definition")
    return go(f"`{safe(str(command))}` runs first, on a machine of its own", "release definition")


def way_back(facts: Facts) -> Found:
    source = f"{facts.pair.target} releases, registry, machine versions"
    try:
        back = facts.way_back()
    except NoWayBack as error:
        return no(error.message, source)
    running = {marks.digest_of(machine) for machine in facts.machines()}
    if running - {back.digest} - {facts.source.image.digest}:
        return no(
            f"machines run {', '.join(sorted(d[:19] for d in running))}, the newest good release is "
            f"v{back.release.version} with {str(back.digest)[:19]}: what runs now could not be brought back",
            source,
        )
    if not facts.configs_kept():
        return no("the machines' present configuration is not in their history", source)
    return go(f"v{back.release.version} {back.image.tag or ''}, image there, configuration kept", source)


def _memory(machines: Sequence[Machine]) -> int:
    return min(machine.known_config.guest.memory_mb for machine in machines)


def _floor(group: str, floor_mb: int | None, declared: Mapping[str, int | None]) -> int | None:
    return declared.get(group) or floor_mb


def _checks(machines: Sequence[Machine]) -> set[tuple[str, int | None, str]]:
    found: set[tuple[str, int | None, str]] = set()
    for machine in machines:
        config = machine.known_config
        for check in [*service_checks(config), *config.checks.values()]:
            found.add((machine.process_group, check.port, f"{check.type} {check.path or ''}".strip()))
    return found


def _listed(checks: set[tuple[str, int | None, str]]) -> str:
    return ", ".join(f"{group} {what}:{port}" for group, port, what in sorted(checks, key=str)) or "nothing"


def _digests(secrets: Sequence[AppSecret]) -> dict[str, str]:
    return {secret.name: secret.digest for secret in secrets}
