"""Changes of a machine that are made once, whatever becomes of the answer."""

from __future__ import annotations

from typing import Any

from hotops.core.errors import ApiError, Conflict, LeaseHeld, PreconditionFailed, ServerError, WireError
from hotops.fly.comparison import differences
from hotops.fly.config import MachineConfig
from hotops.fly.errors import SecretsNotThere, VersionChanged
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

    Only with `current_version` in the body is it sent again: a first one that arrives late then refuses the second.
    """
    expected = body.get("current_version")
    for last_try in (False, True):
        try:
            answer = surfaces.call(
                "machines.update", machine_id, "POST", path("apps", app, "machines", machine_id), body=body, nonce=nonce
            )
            return Machine.model_validate(answer.data)
        except (Conflict, PreconditionFailed) as error:
            if isinstance(error, (LeaseHeld, SecretsNotThere)) or not expected:
                raise
            now = read(surfaces, app, machine_id)
            if now.instance_id == expected:
                raise
            if last_try and _has(now, body):
                return now
            raise _changed(app, machine_id, expected, now.instance_id, error) from error
        except (ServerError, WireError) as error:
            if isinstance(error, WireError) and error.applied is False:
                raise
            surfaces.clock.sleep(_SETTLE_S)
            now = read(surfaces, app, machine_id)
            if now.instance_id != expected and _has(now, body):
                return now
            if last_try or not expected or now.instance_id != expected:
                raise
    raise AssertionError("unreachable")


def act(
    surfaces: Surfaces,
    app: str,
    machine_id: str,
    action: str,
    *,
    done: set[str],
    nonce: str | None,
    body: dict[str, Any] | None = None,
) -> None:
    """POST an action that ends in one of the states `done`; where refused or unclear, a machine in one is fine."""
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
            if isinstance(error, WireError) and error.applied is False:
                raise
            surfaces.clock.sleep(_SETTLE_S)
            if read(surfaces, app, machine_id).state in done:
                return
            if last_try or isinstance(error, PreconditionFailed):
                raise


def patch_metadata(surfaces: Surfaces, app: str, machine_id: str, body: dict[str, Any]) -> None:
    """PATCH the metadata (Machines API, bulk metadata: 412 when `machine_version` is stale)."""
    try:
        surfaces.call(
            "machines.metadata_patch",
            machine_id,
            "PATCH",
            path("apps", app, "machines", machine_id, "metadata"),
            body=body,
            idempotent=True,
        )
    except PreconditionFailed as error:
        raise _changed(app, machine_id, str(body.get("machine_version")), "another", error) from error


def _has(machine: Machine, body: dict[str, Any]) -> bool:
    return machine.config is not None and not differences(machine.config, MachineConfig(body["config"]))


def _changed(app: str, machine_id: str, expected: str, now: str, error: ApiError) -> VersionChanged:
    return VersionChanged(
        f"Machine {machine_id} of {app} is in version {now}, not {expected} as planned: somebody else changed it.",
        status=error.status,
        request_id=error.request_id,
        remedy="Run again: it plans anew from what is there now.",
    )
