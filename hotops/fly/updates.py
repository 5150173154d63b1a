"""Changes of a machine that are made once, whatever becomes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotops.core.errors import ApiError, Conflict, HotopsError, LeaseHeld, PreconditionFailed, ServerError, WireError
from hotops.fly.comparison import differences
from hotops.fly.config import MachineConfig
from hotops.fly.errors import SecretsNotThere, VersionChanged, is_unsent
from hotops.fly.models import Machine
from hotops.fly.surfaces import GET_MACHINE, Surfaces, path

_SETTLE_S = 0.5


def read(surfaces: Surfaces, app: str, machine_id: str) -> Machine:
    """One machine as it is now."""
    answer = surfaces.call(
        "machines.get", machine_id, "GET", path("apps", app, "machines", machine_id), rate=GET_MACHINE
    )
    return Machine.model_validate(answer.data)


def update(surfaces: Surfaces, app: str, machine_id: str, body: dict[str, Any], nonce: str | None) -> Machine:
    """POST the new config; an unclear answer is settled by comparing what the machine has with what was sent.

    That, and sending it again, is sound with `current_version` only: it tells our change from another's, and a first
    one that arrives late is refused. Without it the unclear answer is raised.
    """
    expected = body.get("current_version")
    for last_try in (False, True):
        try:
            answer = surfaces.call(
                "machines.update", machine_id, "POST", path("apps", app, "machines", machine_id), body=body, nonce=nonce
            )
            return Machine.model_validate(answer.data)
        except (Conflict, PreconditionFailed, ServerError, WireError) as error:
            if not expected or isinstance(error, (LeaseHeld, SecretsNotThere)) or is_unsent(error):
                raise
            unclear = isinstance(error, (ServerError, WireError))
            if unclear:
                surfaces.clock.sleep(_SETTLE_S)
            now = read(surfaces, app, machine_id)
            if now.instance_id != expected:
                if (unclear or last_try) and _has(now, body):
                    return now
                raise _changed(app, machine_id, expected, now.instance_id, error) from error
            if last_try or not unclear:
                raise
    raise AssertionError("unreachable")


def act(
    surfaces: Surfaces,
    app: str,
    machine_id: str,
    action: str,
    *,
    is_done: Callable[[Machine], bool],
    nonce: str | None,
    body: dict[str, Any] | None = None,
) -> None:
    """POST an action; where it is refused or its answer unclear, a machine of which it `is_done` is fine."""
    for last_try in (False, True):
        try:
            surfaces.call(
                f"machines.{action}",
                machine_id,
                "POST",
                path("apps", app, "machines", machine_id, action),
                body=body,
                nonce=nonce,
            )
            return
        except (ServerError, WireError, PreconditionFailed) as error:
            if is_unsent(error):
                raise
            surfaces.clock.sleep(_SETTLE_S)
            if is_done(read(surfaces, app, machine_id)):
                return
            if last_try or isinstance(error, PreconditionFailed):
                raise


def in_state(*states: str) -> Callable[[Machine], bool]:
    """A claim of a machine: it is in one of these states."""
    return lambda machine: machine.state in states


def patch_metadata(surfaces: Surfaces, app: str, machine_id: str, body: dict[str, Any]) -> None:
    """PATCH the metadata (Machines API, bulk metadata: 412 when `machine_version` is stale)."""
    try:
        surfaces.call(
            "machines.metadata_write",
            machine_id,
            "PATCH",
            path("apps", app, "machines", machine_id, "metadata"),
            body=body,
            idempotent=True,
        )
    except PreconditionFailed as error:
        raise _changed(app, machine_id, str(body.get("machine_version")), "another", error) from error


def _has(machine: Machine, body: dict[str, Any]) -> bool:
    """Whether the machine has all that was sent; the platform may have added to it."""
    if machine.config is None:
        return False
    # Stamps count here: a deploy of secrets alone changes nothing else.
    found = differences(MachineConfig(body["config"]), machine.config, ignore=())
    return all(sent is None for sent, _ in found.values())


def _changed(app: str, machine_id: str, expected: str, now: str, error: HotopsError) -> VersionChanged:
    return VersionChanged(
        f"Machine {machine_id} of {app} is in version {now}, not {expected} as planned: somebody else changed it.",
        status=error.status if isinstance(error, ApiError) else 412,
        request_id=error.request_id,
        remedy="Run again: it plans anew from what is there now.",
    )
