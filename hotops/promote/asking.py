"""All gates in the order of the table, each with the function that asks it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hotops.core.parallel import map_parallel
from hotops.promote import gates_of_policy, gates_of_repository, gates_of_source, gates_of_target
from hotops.promote.facts import Facts
from hotops.promote.gates import Ask, Gate, ask

#: Complete: a gate of the schema that nobody asks would be a promise that nobody keeps (a test compares the two).
ASKERS: Mapping[str, Ask] = MappingProxyType(
    {
        "token": gates_of_policy.token,
        "clock_skew": gates_of_policy.clock_skew,
        "lock": gates_of_policy.lock,
        "target": gates_of_target.target,
        "target_identity": gates_of_target.target_identity,
        "source_one_digest": gates_of_source.source_one_digest,
        "source_release_complete": gates_of_source.source_release_complete,
        "source_healthy": gates_of_source.source_healthy,
        "source_soaked": gates_of_source.source_soaked,
        "source_errors": gates_of_source.source_errors,
        "restarts": gates_of_source.restarts,
        "smoke": gates_of_source.smoke,
        "latency": gates_of_source.latency,
        "autostop_latency": gates_of_source.autostop_latency,
        "urls_resolve": gates_of_source.urls_resolve,
        "check_path_inside": gates_of_source.check_path_inside,
        "required_secrets": gates_of_target.required_secrets,
        "secrets_deployed": gates_of_target.secrets_deployed,
        "parity_groups": gates_of_target.parity_groups,
        "parity_memory": gates_of_target.parity_memory,
        "parity_checks": gates_of_target.parity_checks,
        "parity_secrets": gates_of_target.parity_secrets,
        "memory_floor": gates_of_target.memory_floor,
        "release_command": gates_of_target.release_command,
        "image_by_digest": gates_of_target.image_by_digest,
        "image_readable": gates_of_target.image_readable,
        "commit": gates_of_source.commit,
        "ci_checks": gates_of_repository.ci_checks,
        "test_evidence": gates_of_repository.test_evidence,
        "history": gates_of_repository.history,
        "no_blocker": gates_of_repository.no_blocker,
        "window": gates_of_policy.window,
        "freeze": gates_of_policy.freeze,
        "backup_fresh": gates_of_policy.backup_fresh,
        "restore_proven": gates_of_policy.restore_proven,
        "way_back": gates_of_target.way_back,
    }
)


def ask_all(facts: Facts) -> list[Gate]:
    """Read everything in parallel, then ask each gate."""
    facts.read_all()
    return map_parallel(lambda name: ask(name, ASKERS[name], facts), ASKERS)
