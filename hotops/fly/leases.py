"""Leases of machines: taken, kept alive, noticed when lost, dropped."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Self

from hotops.core.clock import SystemClock
from hotops.core.errors import (
    ApiError,
    Conflict,
    Forbidden,
    HotopsError,
    LeaseHeld,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    WireError,
)
from hotops.fly.errors import LeaseLost, is_unsent
from hotops.fly.models import Lease
from hotops.fly.surfaces import Surfaces, path

if TYPE_CHECKING:
    from types import TracebackType

#: Between two looks at a lease that another holds; the holder may drop it long before it expires.
_LOOK_S = 2.0
#: Pause before looking what became of a request whose answer was lost.
_SETTLE_S = 0.5


class LeaseHold:
    """A lease that we hold; leave the `with` block to drop it.

    On the system clock a daemon thread refreshes it every third of its time. On any other clock (tests, sweeps) using
    `nonce` does, when a refresh is due. Its end is counted from when *we* asked, by our clock: the cloud's may differ.
    """

    def __init__(
        self, surfaces: Surfaces, app: str, machine_id: str, lease: Lease, *, ttl_s: int, asked_at: float
    ) -> None:
        self.app = app
        self.machine_id = machine_id
        self.lease = lease
        self._surfaces = surfaces
        self._ttl_s = ttl_s
        self._asked_at = asked_at
        self._lost = ""
        self._guard = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if isinstance(surfaces.clock, SystemClock):
            self._thread = threading.Thread(target=self._keep, name=f"lease-{machine_id}", daemon=True)
            self._thread.start()

    @property
    def nonce(self) -> str:
        """What every change of the machine must carry. Raises LeaseLost if the lease has ended meanwhile."""
        with self._guard:
            self._check()
            if self._thread is None and self._surfaces.clock.now() >= self._asked_at + self._ttl_s / 3:
                self._refresh()
                self._check()
            return self.lease.nonce

    @property
    def version(self) -> str:
        """The machine's instance id when the lease was taken: what was read before must still have it."""
        return self.lease.version

    @property
    def is_lost(self) -> bool:
        """Whether the lease is known to have ended."""
        return bool(self._lost)

    def refresh(self) -> None:
        """Prolong the lease by its time, now. Raises LeaseLost."""
        with self._guard:
            self._check()
            self._refresh()
            self._check()

    def release(self) -> None:
        """Drop the lease. One that is gone already is fine; one that can't be dropped now expires by itself."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=self._ttl_s)
        with self._guard:
            if self._lost:
                return
            self._lost = "it was released"
            try:
                self._surfaces.call(
                    "machines.lease_release",
                    self.machine_id,
                    "DELETE",
                    path("apps", self.app, "machines", self.machine_id, "lease"),
                    nonce=self.lease.nonce,
                )
            except (NotFound, Conflict, RateLimited, ServerError, WireError):
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"LeaseHold({self.machine_id}, {self._lost or 'held'})"

    def _keep(self) -> None:
        while not self._ended.wait(self._ttl_s / 3):
            with self._guard:
                if self._ended.is_set() or self._lost:
                    return
                try:
                    self._refresh()
                except HotopsError as error:
                    # A thread has nobody to raise to: whoever uses the lease next is told.
                    self._lost = error.message

    def _check(self) -> None:
        if not self._lost and self._surfaces.clock.now() >= self._asked_at + self._ttl_s:
            self._refresh()
        if self._lost:
            raise LeaseLost(
                f"The lease on machine {self.machine_id} of {self.app} was lost: {self._lost}.",
                remedy="Somebody else may have changed the machine: run again, and look at the plan.",
            )

    def _refresh(self) -> None:
        """Ask for another `ttl_s`; a failure that may pass is tried again until the lease's own end."""
        asked_at = self._surfaces.clock.now()
        try:
            fresh = _post(
                self._surfaces,
                self.app,
                self.machine_id,
                ttl_s=self._ttl_s,
                description=self.lease.description,
                nonce=self.lease.nonce,
            )
        except (NotFound, Conflict, Unauthorized, Forbidden) as error:
            self._lost = error.message
        except (ServerError, RateLimited, WireError) as error:
            if asked_at >= self._asked_at + self._ttl_s:
                self._lost = f"it could not be refreshed in time ({error.message})"
        else:
            if fresh.nonce and fresh.nonce != self.lease.nonce:
                # The old one had ended, so the machine was free for anyone meanwhile. The new one serves nobody.
                self._lost = "it had expired before it was refreshed"
                _drop(self._surfaces, self.app, self.machine_id, fresh.nonce)
                return
            self._asked_at = asked_at
            self.lease = fresh.model_copy(update={"version": self.lease.version, "nonce": self.lease.nonce})


def take(surfaces: Surfaces, app: str, machine_id: str, *, ttl_s: int, description: str) -> LeaseHold:
    """Take the lease (Machines API, create lease: 201). A lost answer is settled by reading who holds it now."""
    told = f"{description or 'hotops'} #{secrets.token_hex(4)}"
    clock = surfaces.clock
    for last_try in (False, True):
        asked_at = clock.now()
        try:
            lease = _post(surfaces, app, machine_id, ttl_s=ttl_s, description=told)
            return LeaseHold(surfaces, app, machine_id, lease, ttl_s=ttl_s, asked_at=asked_at)
        except (ServerError, WireError) as error:
            if is_unsent(error):
                raise
            clock.sleep(_SETTLE_S)
            held = read(surfaces, app, machine_id)
            if held is not None and held.description != told:
                raise _held(machine_id, held) from error
            if held is not None and held.nonce:
                return LeaseHold(surfaces, app, machine_id, held, ttl_s=ttl_s, asked_at=asked_at)
            if last_try:
                raise
            if held is not None:
                # Ours, but its nonce was lost with the answer: nobody can use it, so its end is waited for.
                clock.sleep(max(0.0, asked_at + ttl_s + _SETTLE_S - clock.now()))
    raise AssertionError("unreachable")


def take_patiently(
    surfaces: Surfaces, app: str, machine_id: str, *, patience_s: float, ttl_s: int, description: str
) -> LeaseHold:
    """Take the lease when its holder drops it, or when it expires because the holder is dead."""
    clock = surfaces.clock
    deadline = clock.now() + patience_s
    while True:
        try:
            return take(surfaces, app, machine_id, ttl_s=ttl_s, description=description)
        except LeaseHeld as held:
            now = clock.now()
            if now >= deadline:
                raise
            until_expiry_s = held.expires_at - now + 0.1 if held.expires_at else _LOOK_S
            clock.sleep(min(max(until_expiry_s, 0.2), _LOOK_S, deadline - now))


def read(surfaces: Surfaces, app: str, machine_id: str) -> Lease | None:
    """The lease held now (Machines API, get lease), None for 404."""
    try:
        answer = surfaces.call(
            "machines.lease_get", machine_id, "GET", path("apps", app, "machines", machine_id, "lease")
        )
    except NotFound as error:
        if "machine not found" in error.message.lower():
            raise
        return None
    return _lease(answer.data)


def _post(
    surfaces: Surfaces, app: str, machine_id: str, *, ttl_s: int, description: str, nonce: str | None = None
) -> Lease:
    answer = surfaces.call(
        "machines.lease",
        machine_id,
        "POST",
        path("apps", app, "machines", machine_id, "lease"),
        body={"ttl": ttl_s, "description": description},
        nonce=nonce,
        # A refresh is safe to repeat: the same nonce, the same lease.
        idempotent=nonce is not None,
    )
    return _lease(answer.data)


def _drop(surfaces: Surfaces, app: str, machine_id: str, nonce: str) -> None:
    try:
        surfaces.call(
            "machines.lease_release",
            machine_id,
            "DELETE",
            path("apps", app, "machines", machine_id, "lease"),
            nonce=nonce,
        )
    except (ApiError, WireError):
        return


def _lease(data: object) -> Lease:
    """The lease out of its envelope `{"status", "data"}`; the OpenAPI document shows it bare, and that is read too."""
    if not isinstance(data, dict):
        raise HotopsError("The answer holds no lease.", remedy="Try again.")
    return Lease.model_validate(data["data"] if isinstance(data.get("data"), dict) else data)


def _held(machine_id: str, lease: Lease) -> LeaseHeld:
    return LeaseHeld(
        f"The lease of machine {machine_id} is held by {lease.owner or 'another'} ({lease.description or 'no word'}).",
        expires_at=lease.expires_at or None,
    )
