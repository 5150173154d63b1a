"""Waiting for a machine's state: many short waits of the API make one long one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hotops.core.errors import ApiError, NotFound, RateLimited, ServerError, WaitTimeout, WireError
from hotops.fly.errors import MachineGone
from hotops.fly.models import Waited
from hotops.fly.surfaces import Surfaces, path

#: The API takes 1 to 60 whole seconds and answers 400 to anything else (Machines API, wait; measured by others).
_SLICE_S = 60
#: The client must outwait the server, else every wait ends as a broken connection.
_GRACE_S = 15.0
_PAUSE_S = 1.0
#: Expiry is 408 by the documents; flyctl goes by the text, so another status with it counts too.
_EXPIRED = "machine failed to reach desired state"


def wait(
    surfaces: Surfaces,
    app: str,
    machine_id: str,
    state: str | Sequence[str],
    *,
    timeout_s: float,
    version: str | None,
) -> Waited:
    """Wait in slices of at most 60 s until the deadline; see `Machines.wait`."""
    wanted = state if isinstance(state, str) else ",".join(state)
    clock = surfaces.clock
    deadline = clock.now() + timeout_s
    trouble: ApiError | WireError | None = None
    seen = "unknown"
    while (left_s := deadline - clock.now()) > 0:
        asked_at = clock.now()
        slice_s = max(1, min(_SLICE_S, math.ceil(left_s)))
        try:
            return _wait_once(surfaces, app, machine_id, wanted, slice_s=slice_s, version=version)
        except (RateLimited, ServerError, WireError, _ExpiredError) as error:
            if isinstance(error, _ExpiredError):
                seen, trouble = error.state or seen, None
            else:
                trouble = error
        if trouble is not None or clock.now() - asked_at < _PAUSE_S:
            clock.sleep(min(_PAUSE_S, max(deadline - clock.now(), 0)))
    if trouble is not None:
        raise trouble
    raise WaitTimeout(
        f"Machine {machine_id} of {app} was not {wanted.replace(',', ' or ')} within {timeout_s:g} s; it is {seen}.",
        last=seen,
        remedy=f"Look at its events and logs: fly machine status {machine_id} -a {app}",
    )


class _ExpiredError(Exception):
    """One slice is over; `state` is where the machine is now, "" where the API does not tell."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        _, _, tail = message.partition("currently ")
        self.state = tail.split()[0].strip(".,;'\"") if tail.split() else ""


def _wait_once(
    surfaces: Surfaces, app: str, machine_id: str, wanted: str, *, slice_s: int, version: str | None
) -> Waited:
    try:
        answer = surfaces.call(
            "machines.wait",
            machine_id,
            "GET",
            path("apps", app, "machines", machine_id, "wait"),
            params={"state": wanted, "timeout": slice_s, **({"version": version} if version else {})},
            timeout_s=slice_s + _GRACE_S,
        )
    except NotFound as error:
        if "destroyed" in wanted.split(","):
            return Waited(state="destroyed", version=version or "")
        raise MachineGone(
            f"Machine {machine_id} of {app} is gone while it was waited to be {wanted}.",
            status=404,
            request_id=error.request_id,
            remedy="It was destroyed, or its host was lost: plan again.",
        ) from error
    except ApiError as error:
        if error.status == 408 or _EXPIRED in error.message:
            raise _ExpiredError(error.message) from error
        raise
    return Waited.model_validate(answer.data or {"state": wanted})
