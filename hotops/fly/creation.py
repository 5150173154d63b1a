"""Creating a machine exactly once over an API that has no idempotency key."""

from __future__ import annotations

import hashlib
from typing import Any

from hotops.core.errors import ServerError, WireError
from hotops.fly.config import MachineConfig
from hotops.fly.errors import NameTaken, is_unsent
from hotops.fly.models import Machine
from hotops.fly.states import is_alive
from hotops.fly.surfaces import Surfaces, path

#: The metadata entry by which a machine is found again.
CREATE_KEY = "hotops_create"
#: When to look after an unclear answer, in seconds from the look before: lists may lag behind writes.
_LOOKS_S = (0.5, 1.0, 2.0)


def name_for(key: str) -> str:
    """A machine's name made from a key: the same key, the same name."""
    return f"hotops-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


def create(surfaces: Surfaces, app: str, config: MachineConfig, body: dict[str, Any], key: str) -> Machine:
    """POST once; where the answer is unclear look, and post again only when it is not there.

    The second post can't make a second machine: names are unique per app, so it would be refused, which means found.
    Raises what the API answered, NameTaken where the name belongs to a machine with another key.
    """
    marked = config.with_metadata({CREATE_KEY: key})
    sent = {**body, "config": marked.raw}
    for last_try in (False, True):
        try:
            answer = surfaces.call("machines.create", app, "POST", path("apps", app, "machines"), body=sent)
            return Machine.model_validate(answer.data)
        except NameTaken:
            if (found := _look(surfaces, app, key, _LOOKS_S if last_try else (0.0,))) is not None:
                return found
            raise
        except (ServerError, WireError) as error:
            if is_unsent(error):
                raise
            if (found := _look(surfaces, app, key, _LOOKS_S)) is not None:
                return found
            if last_try:
                raise
    raise AssertionError("unreachable")


def find(surfaces: Surfaces, app: str, key: str) -> Machine | None:
    """The living machine that was created with this key."""
    answer = surfaces.call(
        "machines.list", app, "GET", path("apps", app, "machines"), params={f"metadata.{CREATE_KEY}": key}
    )
    machines = [Machine.model_validate(item) for item in answer.items()]
    return next((m for m in machines if m.metadata.get(CREATE_KEY) == key and is_alive(m)), None)


def _look(surfaces: Surfaces, app: str, key: str, pauses_s: tuple[float, ...]) -> Machine | None:
    for pause_s in pauses_s:
        surfaces.clock.sleep(pause_s)
        if (found := find(surfaces, app, key)) is not None:
            return found
    return None
