"""The proof of a connection string from where it will run: a command in one of the app's own machines."""

from __future__ import annotations

import json
from importlib.resources import files

from hotops.core.errors import ApiError, WireError
from hotops.core.secret import scrub
from hotops.dsn.connection import Dsn
from hotops.dsn.explaining import cause_of
from hotops.dsn.proof import STAGES, Proof, Stage
from hotops.fly import Fly
from hotops.fly.models import Machine

_TIMEOUT_S = 30
#: What an exec answers for a program that is not there or can't be run.
_NOT_THERE = (126, 127)


def prove_inside(fly: Fly, app: str, machine: Machine, dsn: Dsn) -> Proof | None:
    """Log in from a machine, by its image's own Python; None where that can't be asked (no Python, exec refused).

    The string goes in on stdin: it is in no argument, no environment and no file there. Nothing is written.
    """
    program = files("hotops.dsn").joinpath("inside_program.py").read_text(encoding="utf-8")
    asked = {
        "host": dsn.host,
        "port": str(dsn.port),
        "user": dsn.user,
        "password": dsn.password.reveal() if dsn.password else "",
        "database": dsn.database or dsn.user,
    }
    try:
        ran = fly.machines.exec(
            app, machine.id, ["python3", "-c", program], timeout_s=_TIMEOUT_S, stdin=json.dumps(asked)
        )
    except (ApiError, WireError):
        return None
    if ran.exit_code in _NOT_THERE or "not found" in ran.stderr:
        return None
    stages = []
    for line in ran.stdout.splitlines():
        try:
            name, good, said = json.loads(line)
        except (ValueError, TypeError):
            return None
        text = scrub(str(said), [dsn.password] if dsn.password else [])
        stages.append(Stage(str(name), "ok" if good else "failed", text, None if good else cause_of(text)))
    if not stages:
        return None
    reached = {stage.name for stage in stages}
    return Proof((*stages, *(Stage(name, "not_asked", "") for name in STAGES if name not in reached)))
