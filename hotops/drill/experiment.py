"""Scenarios as data: experiments in the form of the Chaos Toolkit, which `chaos run` can carry out too."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hotops.core.errors import UsageError
from hotops.core.options import nearest

#: Where the functions are that experiments name; no other code is run by a drill of ours.
MODULE = "hotops.drill.chaos"
_FOLDER = "scenarios"


class _Form(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class Provider(_Form):
    """Which function an activity calls, with which arguments."""

    type: Literal["python"] = "python"
    module: str = MODULE
    func: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Activity(_Form):
    """A probe or an action (Chaos Toolkit, activity)."""

    type: Literal["probe", "action"]
    name: str
    provider: Provider
    tolerance: Any = None


class Hypothesis(_Form):
    """What is true of a healthy system, before and after."""

    title: str
    probes: tuple[Activity, ...] = ()


class Facts(_Form):
    """What hotops has to know of a scenario beside its activities (an extension of the experiment's form).

    `breaks` is what is lost; `needs_archive` says that only recovery to a point in time can bring it back. `isolated`
    means that nothing is broken: what is restored stands beside, so that it may be drilled on live clouds. `rotates` is
    a secret of the map that has to have a successor; `rebuilds` says that the whole project is made anew. `commands` is
    the way back as somebody types it, for the runbook.
    """

    name: Literal["hotops"] = "hotops"
    breaks: str
    needs_database: bool = False
    needs_archive: bool = False
    isolated: bool = False
    rotates: str | None = None
    rebuilds: bool = False
    commands: tuple[str, ...] = ()


class Experiment(_Form):
    """A scenario (Chaos Toolkit, experiment)."""

    version: str = "1.0.0"
    title: str
    description: str
    tags: tuple[str, ...] = ()
    hypothesis: Hypothesis = Field(alias="steady-state-hypothesis")
    method: tuple[Activity, ...] = Field(min_length=1)
    rollbacks: tuple[Activity, ...] = ()
    extensions: tuple[Facts, ...] = ()

    @property
    def facts(self) -> Facts:
        """What it breaks and needs."""
        return next(iter(self.extensions), Facts(breaks="something"))


def scenarios() -> list[str]:
    """Names of the scenarios that hotops brings, sorted."""
    folder = files("hotops.drill").joinpath(_FOLDER)
    return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))


def load(name: str) -> Experiment:
    """The scenario of this name, or of a file that ends in .json. Raises UsageError, which says what is wrong where."""
    if name.endswith(".json"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"The scenario {name} can't be read: {error.strerror}.", remedy="Check the path."
            ) from error
    elif name in scenarios():
        text = files("hotops.drill").joinpath(_FOLDER, f"{name}.json").read_text(encoding="utf-8")
    else:
        meant = nearest(name, scenarios())
        hint = f"Did you mean {meant}?" if meant else f"There are {', '.join(scenarios())}."
        raise UsageError(f"There is no scenario {name!r}.", remedy=hint, code="unknown_scenario")
    try:
        return Experiment.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise UsageError(f"{name}, line {error.lineno}: this is not JSON: {error.msg}.") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise UsageError(f"{name} is no experiment: {told}.") from error
