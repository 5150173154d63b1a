"""Machines: every action of the Machines API on them that hotops uses."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hotops.core.clock import rfc3339
from hotops.core.errors import NotFound
from hotops.fly import creation, leases, updates, waits
from hotops.fly.config import MachineConfig
from hotops.fly.durations import go_duration
from hotops.fly.leases import LeaseHold
from hotops.fly.models import ConfigVersion, Event, ExecResult, Lease, Machine, Waited
from hotops.fly.surfaces import Surfaces, path


class Machines:
    """Machines of an app. `nonce` is a lease's: without it a leased machine answers LeaseHeld to every change.

    All methods raise Unauthorized, Forbidden, NotFound, RateLimited, ServerError and WireError.
    """

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(
        self,
        app: str,
        *,
        region: str | None = None,
        states: Iterable[str] = (),
        metadata: Mapping[str, str] | None = None,
        include_deleted: bool = False,
    ) -> builtins.list[Machine]:
        """All machines of an app, also those that no deploy manages (`states.is_managed` tells them apart).

        `metadata` keeps machines with these entries: asked of the API (Fly docs, list machines), and made sure here.
        """
        params: dict[str, Any] = {f"metadata.{key}": value for key, value in (metadata or {}).items()}
        if region:
            params["region"] = region
        if wanted := ",".join(states):
            params["state"] = wanted
        if include_deleted:
            params["include_deleted"] = "true"
        answer = self._surfaces.call("machines.list", app, "GET", path("apps", app, "machines"), params=params or None)
        found = [Machine.model_validate(item) for item in answer.items()]
        return [m for m in found if all(m.metadata.get(key) == value for key, value in (metadata or {}).items())]

    def get(self, app: str, machine_id: str) -> Machine:
        """One machine with its events (newest first) and checks; a destroyed one stays readable for a while."""
        return updates.read(self._surfaces, app, machine_id)

    def create(
        self,
        app: str,
        config: MachineConfig,
        *,
        key: str,
        name: str | None = None,
        region: str | None = None,
        skip_launch: bool = False,
        skip_service_registration: bool = False,
        min_secrets_version: int | None = None,
        lease_ttl_s: int | None = None,
    ) -> Machine:
        """Create a machine, once, whatever becomes of the answer.

        The API knows no idempotency key (Machines API, create machine). So `key` (unique to this step of this run; the
        same again when the run is resumed) is stamped in the metadata as `hotops_create`, the name is unique per app
        (made from the key if not given), and an unclear answer is settled by looking before anything is repeated.
        With `lease_ttl_s` (seconds) the new machine is born leased: `nonce` is in the answer, and nowhere else.
        Raises NoCapacity and NameTaken (the name belongs to a machine with another key).
        """
        body: dict[str, Any] = {"name": name or creation.name_for(key)}
        if region:
            body["region"] = region
        if skip_launch:
            body["skip_launch"] = True
        if skip_service_registration:
            body["skip_service_registration"] = True
        if min_secrets_version is not None:
            body["min_secrets_version"] = min_secrets_version
        if lease_ttl_s:
            body["lease_ttl"] = lease_ttl_s
        return creation.create(self._surfaces, app, config, body, key)

    def update(
        self,
        app: str,
        machine_id: str,
        config: MachineConfig,
        *,
        current_version: str | None = None,
        min_secrets_version: int | None = None,
        skip_launch: bool = False,
        skip_service_registration: bool = False,
        nonce: str | None = None,
    ) -> Machine:
        """Replace a machine's whole config: a new VM with the same id, a new `instance_id` and an empty rootfs.

        `current_version` is the instance id that `config` was made from. `skip_launch` keeps a stopped machine stopped
        (an update starts it otherwise). An unclear answer is settled by looking at what the machine has now.
        Raises VersionChanged, LeaseHeld, NoCapacity, SecretsNotThere.
        """
        body: dict[str, Any] = {"config": config.raw}
        if current_version:
            body["current_version"] = current_version
        if min_secrets_version is not None:
            body["min_secrets_version"] = min_secrets_version
        if skip_launch:
            body["skip_launch"] = True
        if skip_service_registration:
            body["skip_service_registration"] = True
        return updates.update(self._surfaces, app, machine_id, body, nonce)

    def start(self, app: str, machine_id: str, *, nonce: str | None = None, ends_itself: bool = False) -> None:
        """Start a stopped or suspended machine; one that already starts or runs is left alone.

        One that never ran and `ends_itself` may have ended before an unclear answer is looked into: its events tell.
        """

        def is_done(seen: Machine) -> bool:
            has_run = ends_itself and any(event.type in ("start", "exit") for event in seen.events)
            return has_run or seen.state in ("starting", "started")

        updates.act(self._surfaces, app, machine_id, "start", is_done=is_done, nonce=nonce)

    def stop(
        self,
        app: str,
        machine_id: str,
        *,
        signal: str | None = None,
        timeout_s: float | None = None,
        nonce: str | None = None,
    ) -> None:
        """Stop a machine with `signal` (its config's if not given), by force after `timeout_s`. Safe to repeat."""
        body: dict[str, Any] = {}
        if signal:
            body["signal"] = signal
        if timeout_s is not None:
            body["timeout"] = go_duration(timeout_s)
        updates.act(
            self._surfaces,
            app,
            machine_id,
            "stop",
            is_done=updates.in_state("stopping", "stopped"),
            nonce=nonce,
            body=body or None,
        )

    def suspend(self, app: str, machine_id: str, *, nonce: str | None = None) -> None:
        """Suspend a machine to disk (at most 2 GB of memory, no swap, no schedule: Fly docs, suspend)."""
        updates.act(
            self._surfaces, app, machine_id, "suspend", is_done=updates.in_state("suspending", "suspended"), nonce=nonce
        )

    def restart(self, app: str, machine_id: str, *, signal: str | None = None, nonce: str | None = None) -> None:
        """Stop and start a machine. It keeps its version: staged secrets do not reach it."""
        self._surfaces.call(
            "machines.restart",
            machine_id,
            "POST",
            path("apps", app, "machines", machine_id, "restart"),
            params={"signal": signal} if signal else None,
            nonce=nonce,
        )

    def cordon(self, app: str, machine_id: str, *, nonce: str | None = None) -> None:
        """Take a machine out of rotation; the proxy learns of it within some seconds, requests under way finish."""
        self._act_again("cordon", app, machine_id, nonce)

    def uncordon(self, app: str, machine_id: str, *, nonce: str | None = None) -> None:
        """Put a machine back into rotation."""
        self._act_again("uncordon", app, machine_id, nonce)

    def destroy(self, app: str, machine_id: str, *, force: bool = False, nonce: str | None = None) -> None:
        """Destroy a machine (`force`: also one that runs). One that is gone already is fine."""
        try:
            self._surfaces.call(
                "machines.destroy",
                machine_id,
                "DELETE",
                path("apps", app, "machines", machine_id),
                params={"force": "true"} if force else None,
                nonce=nonce,
            )
        except NotFound:
            return

    def wait(
        self,
        app: str,
        machine_id: str,
        state: str | Sequence[str] = "started",
        *,
        timeout_s: float = 300.0,
        version: str | None = None,
    ) -> Waited:
        """Wait until a machine is in one of these states, or `settled` (any that lasts).

        `version` (an instance id) ties the wait to one version, so that an update's old VM can't answer it.
        Raises WaitTimeout after `timeout_s` seconds, MachineGone if it was destroyed instead.
        """
        return waits.wait(self._surfaces, app, machine_id, state, timeout_s=timeout_s, version=version)

    def lease(self, app: str, machine_id: str, *, ttl_s: int = 15, description: str = "") -> LeaseHold:
        """Take a machine's lease, to be used in a `with`: kept alive while the block runs, dropped when it ends.

        Pass `lease.nonce` to every change. Raises LeaseHeld where another holds it.
        """
        return leases.take(self._surfaces, app, machine_id, ttl_s=ttl_s, description=description)

    def wait_for_lease(
        self, app: str, machine_id: str, *, patience_s: float, ttl_s: int = 15, description: str = ""
    ) -> LeaseHold:
        """As `lease`, waiting up to `patience_s` seconds for a holder to finish, or for a dead one's lease to expire.

        Raises LeaseHeld (the last one seen) when patience ends.
        """
        return leases.take_patiently(
            self._surfaces, app, machine_id, patience_s=patience_s, ttl_s=ttl_s, description=description
        )

    def lease_of(self, app: str, machine_id: str) -> Lease | None:
        """The lease that somebody holds now, None if nobody does."""
        return leases.read(self._surfaces, app, machine_id)

    def versions(self, app: str, machine_id: str) -> builtins.list[ConfigVersion]:
        """The configs a machine had, newest first as the API lists them (Machines API, machine versions)."""
        answer = self._surfaces.call(
            "machines.versions", machine_id, "GET", path("apps", app, "machines", machine_id, "versions")
        )
        return [ConfigVersion.model_validate(item) for item in answer.items()]

    def events(self, app: str, machine_id: str, *, limit: int | None = None) -> builtins.list[Event]:
        """What happened to a machine, newest first."""
        answer = self._surfaces.call(
            "machines.events",
            machine_id,
            "GET",
            path("apps", app, "machines", machine_id, "events"),
            params={"limit": limit} if limit else None,
        )
        return [Event.model_validate(item) for item in answer.items()]

    def exec(
        self,
        app: str,
        machine_id: str,
        command: Sequence[str],
        *,
        timeout_s: int = 30,
        stdin: str | None = None,
        nonce: str | None = None,
    ) -> ExecResult:
        """Run a command inside a machine, never twice. A leased machine refuses it (LeaseHeld) without the nonce."""
        body: dict[str, Any] = {"command": [*command], "timeout": timeout_s}
        if stdin is not None:
            body["stdin"] = stdin
        answer = self._surfaces.call(
            "machines.exec",
            machine_id,
            "POST",
            path("apps", app, "machines", machine_id, "exec"),
            body=body,
            nonce=nonce,
            timeout_s=timeout_s + 15.0,
        )
        return ExecResult.model_validate(answer.object)

    def metadata(self, app: str, machine_id: str) -> dict[str, str]:
        """A machine's metadata; its writes need no lease and replace no VM."""
        answer = self._surfaces.call(
            "machines.metadata", machine_id, "GET", path("apps", app, "machines", machine_id, "metadata")
        )
        return dict(answer.object)

    def set_metadata(self, app: str, machine_id: str, key: str, value: str | None) -> None:
        """Write one entry; None removes it."""
        target = path("apps", app, "machines", machine_id, "metadata", key)
        if value is None:
            try:
                self._surfaces.call("machines.metadata_write", machine_id, "DELETE", target)
            except NotFound:
                return
        else:
            self._surfaces.call(
                "machines.metadata_write", machine_id, "POST", target, body={"value": value}, idempotent=True
            )

    def patch_metadata(
        self, app: str, machine_id: str, entries: Mapping[str, str | None], *, machine_version: str | None = None
    ) -> None:
        """Write several entries at once; None removes one, others stay.

        With `machine_version` it is refused (VersionChanged) if the machine was updated meanwhile.
        """
        body: dict[str, Any] = {"metadata": dict(entries), "updated_at": rfc3339(self._surfaces.clock.now())}
        if machine_version:
            body["machine_version"] = machine_version
        updates.patch_metadata(self._surfaces, app, machine_id, body)

    def _act_again(self, action: str, app: str, machine_id: str, nonce: str | None) -> None:
        self._surfaces.call(
            f"machines.{action}",
            machine_id,
            "POST",
            path("apps", app, "machines", machine_id, action),
            nonce=nonce,
            idempotent=True,
        )
