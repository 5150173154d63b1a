"""The context of an operation that is called from outside: its world, its environment, its run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hotops.core.clock import SystemClock
from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.core.journal import Journal, NoJournal
from hotops.core.operation import Operation, Spec
from hotops.core.options import nearest
from hotops.core.runs import RunOpening, join_run
from hotops.core.state import process_started
from hotops.core.world import EnvKind, TokenMissing, World
from hotops.inventory.schema import Environment

#: Names the run to every process of it.
RUN_ID_VARIABLE = "HOTOPS_RUN_ID"


def keeps_evidence(kind: type[Operation[Any, Any]], *, check: bool) -> bool:
    """Whether a call belongs into a run's evidence: what writes, and what looks at a whole environment."""
    return not check and kind.keeps_evidence and (kind.effect != "read" or kind.needs_environment)


def surroundings(
    kind: type[Operation[Any, Any]],
    want: Spec,
    *,
    env_kind: object,
    opening: RunOpening,
    environment: Environment | None,
    selection: tuple[str, ...],
    holder_pid: int,
    check: bool,
    recorded: bool | None = None,
) -> Context:
    """The context in which `kind` runs with these options. `env_kind` is what the inventory says, of whatever type.

    `recorded` says whether the call belongs into a run's evidence, where `keeps_evidence` shall not decide it.

    Raises UsageError, WorldsMixed, SandboxDown, EvidenceUnwritable, and TokenMissing for a token variable that the
    inventory names and nobody set.
    """
    world = World.of(known_kind(env_kind), _environ(environment))
    clock = SystemClock()
    journal: Journal = NoJournal()
    run = os.environ.get(RUN_ID_VARIABLE, "")
    if keeps_evidence(kind, check=check) if recorded is None else recorded:
        folder = join_run(opening, holder_pid=holder_pid, clock=clock, tolerant=kind.goes_on_unrecorded(want))
        folder.redact(world.tokens.values())
        journal, run = folder, run or folder.run_id
    return Context(
        world=world,
        clock=clock,
        journal=journal,
        # Check mode has no folder to be named after, but its tasks are one run: deploy takes no other run's verdict.
        run=run or f"unrecorded-{holder_pid}-{process_started(holder_pid) or 0:.0f}",
        reason=opening.reason,
        holder_pid=holder_pid,
        environment=environment,
        selection=selection,
        check=check,
    )


def known_kind(env_kind: object) -> EnvKind:
    """`live` or `sandbox`. Raises UsageError for anything else."""
    if env_kind is None:
        raise UsageError(
            "env_kind is not set, so it is not known which world this is about.",
            remedy="Set env_kind: live or env_kind: sandbox for `all` in the inventory given with -i.",
        )
    if env_kind == "sandbox":
        return "sandbox"
    if env_kind == "live":
        return "live"
    meant = nearest(str(env_kind), ("live", "sandbox"))
    raise UsageError(
        f"env_kind is {str(env_kind)[:40]!r}; it is live or sandbox.", remedy=f"Did you mean {meant}?" if meant else ""
    )


def _environ(environment: Environment | None) -> Mapping[str, str]:
    """This process's environment, with Fly's token from the variable that the inventory names."""
    name = environment.deploy_token_env if environment else None
    if environment is None or name is None or environment.env_kind == "sandbox":
        return os.environ
    environ = {key: value for key, value in os.environ.items() if key not in ("FLY_ACCESS_TOKEN", "FLY_API_TOKEN")}
    token = os.environ.get(name, "").strip()
    if not token:
        raise TokenMissing(
            f"No fly token: {name}, which the inventory names as deploy_token_env, is not set.",
            remedy=f"export {name}=…",
        )
    return {**environ, "FLY_API_TOKEN": token}
