"""Whether two machine configs mean the same, although they are written differently."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from hotops.fly.config import MachineConfig, autostop_word
from hotops.fly.durations import seconds_of

#: Metadata that each deploy stamps anew: a difference in it is no change of the config.
STAMPS = (
    "metadata.fly_release_id",
    "metadata.fly_release_version",
    "metadata.fly_flyctl_version",
    "metadata.hotops_create",
    "metadata.hotops_run",
    "metadata.hotops_step",
)
#: Objects whose values are the user's own texts: an empty one is a value here, everywhere else it means "not set".
_TEXTS = frozenset({"env", "metadata"})
_DURATIONS = frozenset({"interval", "timeout", "grace_period"})
#: What a key means when it is not there (Machines API, MachineConfig). `autostart` is left out: the documents disagree.
_DEFAULTS: dict[str, object] = {
    "auto_destroy": False,
    "guest.gpus": 0,
    "guest.cpu_kind": "shared",
    "guest.cpus": 1,
    "init.tty": False,
    "restart.policy": "on-failure",
    "restart.max_retries": 0,
    "services.min_machines_running": 0,
    "services.autostop": "off",
    "services.ports.force_https": False,
    "services.checks.tls_skip_verify": False,
    "checks.tls_skip_verify": False,
    "mounts.encrypted": False,
    "metrics.https": False,
    "disable_machine_autostart": False,
}


def normalised(config: MachineConfig) -> dict[str, Any]:
    """The config in one way of writing: no empty or default entries, durations in seconds, autostop as a word.

    Replies say `false`, `true` and `"suspend"` where requests may say off, stop and suspend; durations are `"15s"` or
    nanoseconds; Go clients always send `init: {}` and `force_instance_key: null` (fly-go, machine types).
    """
    shaped = _shape(config.raw, "")
    return shaped if isinstance(shaped, dict) else {}


def differences(
    before: MachineConfig, after: MachineConfig, *, ignore: Collection[str] = STAMPS
) -> dict[str, tuple[object, object]]:
    """Dotted path -> (before, after) for each entry that means something else; empty when both mean the same.

    `ignore` holds dotted paths that don't count (an entry leaves out what is below it too). Values of `env` are
    returned as they are: mask them before they are shown where secrets may have been put there.
    """
    found = dict(_compare("", normalised(before), normalised(after)))
    return {
        at: pair
        for at, pair in found.items()
        if not any(at == left or at.startswith((f"{left}.", f"{left}[")) for left in ignore)
    }


def _shape(value: Any, at: str) -> Any:
    """`value` normalised; None where it means nothing. `at` is its path without indexes and names of checks."""
    if isinstance(value, dict):
        shaped = {key: _shape(item, _below(at, key)) for key, item in value.items()}
        kept = {key: item for key, item in shaped.items() if item is not None}
        return kept or None
    if isinstance(value, list):
        return [item for item in (_shape(item, at) for item in value) if item is not None] or None
    if at.partition(".")[0] in _TEXTS:
        return value
    key = at.rpartition(".")[2]
    if key == "autostop":
        value = autostop_word(value)
    elif key in _DURATIONS and at.partition(".")[0] in ("checks", "services", "stop_config") and value is not None:
        value = seconds_of(value)
    if value == "" or (at in _DEFAULTS and value == _DEFAULTS[at]):
        return None
    return value


def _below(at: str, key: str) -> str:
    # Checks at the top are named by the user: `checks.alive.interval` is looked up as `checks.interval`.
    if at == "checks":
        return "checks.*"
    base = "checks" if at == "checks.*" else at
    return f"{base}.{key}" if base else key


def _compare(at: str, before: Any, after: Any) -> Iterator[tuple[str, tuple[object, object]]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from _compare(f"{at}.{key}" if at else key, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _compare(f"{at}[{index}]", old, new)
    elif before != after:
        yield at, (before, after)
