"""hotops' models against real replies: every reading made once, by reads only, and the shapes of the replies kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hotops import __version__
from hotops.core.clock import basic_stamp, rfc3339
from hotops.core.context import Context
from hotops.core.errors import HotopsError
from hotops.core.state import write_atomically
from hotops.fly import Fly
from hotops.inventory.schema import Environment
from hotops.look.checkup import Checked, bad, ok, unknown
from hotops.look.reading import read_all
from hotops.look.served import answers_of, times_of
from hotops.look.shapes import Recording
from hotops.supabase.client import Supabase

FOLDER = "artifacts/shapes"
#: A reply that our models can't read; anything else is a refusal, or a network that is away.
UNREAD = frozenset({"unknown_reply", "not_json"})


@dataclass(frozen=True)
class LiveCheck:
    """`read`, `refused` and `unread` are names of readings; `file` has the shapes, without a value."""

    read: tuple[str, ...]
    refused: dict[str, str]
    unread: dict[str, str]
    file: Path
    checked: tuple[Checked, ...]

    def as_row(self) -> dict[str, Any]:
        """The check as plain data."""
        return {"read": list(self.read), "refused": self.refused, "unread": self.unread, "file": str(self.file)}


def check_live(context: Context, environment: Environment) -> LiveCheck:
    """Make every reading of the first app once, and of the account. Writes one file below the project, values none."""
    recording = Recording(context.make_transport())
    with Context(
        world=context.world, clock=context.clock, transport=recording, limiter_of=context.limiter_of, check=True
    ) as inner:
        readings = readings_of(inner, environment)
        found = read_all(list(readings.values()))
    told = dict(zip(readings, found, strict=True))
    errors = {name: reading.error for name, reading in told.items() if reading.error is not None}
    unread = {name: error.message for name, error in errors.items() if error.failure_code in UNREAD}
    refused = {name: error.message for name, error in errors.items() if name not in unread}
    file = environment.project_dir / FOLDER / f"{basic_stamp(context.clock.now())}-{environment.name}.json"
    if not context.check:
        _write(file, recording, context, environment)
    read_well = tuple(name for name in told if name not in errors)
    checked = [
        ok("live", f"{len(read_well)} of {len(told)} kinds of replies are as hotops reads them; shapes in {file.name}")
    ]
    checked += [bad("live", f"{name}: {why}", f"report it with {file}") for name, why in unread.items()]
    checked += [unknown("live", f"{name} could not be asked: {why}") for name, why in refused.items()]
    return LiveCheck(read_well, refused, unread, file, tuple(checked))


def readings_of(context: Context, environment: Environment) -> dict[str, Callable[[], Any]]:
    """Each kind of reading that hotops makes, once."""
    fly = context.client(Fly)
    app = next(iter(environment.apps.values()))
    name, org = app.app, app.fly_org
    readings: dict[str, Callable[[], Any]] = {
        "fly tokens": fly.tokens.current,
        "fly regions": fly.regions.list,
        "fly app": partial(fly.apps.get, name),
        "fly apps of the organisation": partial(fly.apps.list, org),
        "fly machines": partial(fly.machines.list, name),
        "fly releases": partial(fly.releases.list, name),
        "fly newest release": lambda: fly.releases.current(name) or "none",
        "fly release definition (GraphQL)": partial(fly.releases.definition, name),
        "fly secrets": partial(fly.secrets.list, name),
        "fly logs": partial(fly.logs.newest, name),
        "fly certificates": partial(fly.certificates.list, name),
        "fly volumes": partial(fly.volumes.list, name),
        "fly metrics, answers": partial(answers_of, fly, org),
        "fly metrics, times": partial(times_of, fly, org),
        "fly machine, versions, events, lease": partial(_one_machine, fly, name),
        "fly registry": partial(_image, fly, name),
    }
    if environment.supabase_project and context.world.has_credential("supabase"):
        readings["supabase projects, backups"] = partial(_supabase, context, environment.supabase_project)
    return readings


def _one_machine(fly: Fly, app: str) -> Any:
    first = next(iter(fly.machines.list(app)), None)
    if first is None:
        return "no machine"
    return [
        fly.machines.get(app, first.id),
        fly.machines.versions(app, first.id),
        fly.machines.events(app, first.id, limit=5),
        fly.machines.lease_of(app, first.id),
    ]


def _image(fly: Fly, app: str) -> Any:
    image = next((machine.image_ref for machine in fly.machines.list(app) if machine.image_ref), None)
    if image is None or image.registry != "registry.fly.io":
        return "no image of Fly's registry"
    return [fly.registry.manifest(image), fly.registry.resolve(image)]


def _supabase(context: Context, project: str) -> Any:
    supabase = context.client(Supabase)
    found = supabase.find(project)
    if found is None:
        raise HotopsError(f"The token sees no project {project}.", code="unknown_project")
    return [found, supabase.backups(found.ref)]


def _write(file: Path, recording: Recording, context: Context, environment: Environment) -> None:
    document = {
        "schema": 1,
        "hotops": __version__,
        "at": rfc3339(context.clock.now()),
        "env_kind": environment.env_kind,
        "routes": {
            route: {"statuses": sorted(statuses), "shape": recording.shapes.get(route)}
            for route, statuses in sorted(recording.statuses.items())
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
