"""A workflow file as GitHub reads it: its name, what it may be dispatched with, its jobs and their environments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hotops.sandbox.github.replies import invalid

MOST_INPUTS = 25
_EXPRESSION = re.compile(r"\$\{\{\s*(?:github\.event\.)?inputs\.(\w+)\s*\}\}")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads `on` as true; GitHub reads a word."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first not in "oOyYnN"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class JobSpec:
    """One job: its key, what it waits for, and the environment it names."""

    key: str
    needs: tuple[str, ...]
    environment: str | None


@dataclass(frozen=True)
class WorkflowFile:
    """What the twin needs of a file; `inputs` None: it can't be dispatched."""

    name: str
    run_name: str | None
    inputs: Mapping[str, Mapping[str, Any]] | None
    jobs: tuple[JobSpec, ...]

    @classmethod
    def parse(cls, path: str, text: str) -> WorkflowFile:
        """Raises ValueError for what is no workflow."""
        try:
            document = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("jobs"), dict):
            raise ValueError(f"{path}: no jobs")
        triggers = document.get("on")
        if isinstance(triggers, str):
            triggers = {triggers: None}
        elif isinstance(triggers, list):
            triggers = dict.fromkeys(triggers)
        dispatch = (triggers or {}).get("workflow_dispatch") or {}
        return cls(
            name=str(document.get("name") or path),
            run_name=document.get("run-name"),
            inputs=dispatch.get("inputs") or {} if "workflow_dispatch" in (triggers or {}) else None,
            jobs=tuple(_job(key, job or {}) for key, job in document["jobs"].items()),
        )

    def checked(self, given: Mapping[str, Any]) -> dict[str, str]:
        """The inputs of a dispatch with their defaults. Raises 422 as GitHub words it."""
        if self.inputs is None:
            raise invalid("Workflow does not have 'workflow_dispatch' trigger")
        if len(given) > MOST_INPUTS:
            raise invalid("you may only define up to 25 `inputs` for a `workflow_dispatch` event")
        unknown = [name for name in given if name not in self.inputs]
        if unknown:
            raise invalid(f"Unexpected inputs provided: {unknown}")
        values: dict[str, str] = {}
        for name, declared in self.inputs.items():
            rule = declared or {}
            value = given.get(name, rule.get("default"))
            if value in (None, "") and rule.get("required"):
                raise invalid(f"Required input '{name}' not provided")
            options = rule.get("options")
            if options and value is not None and value not in options:
                raise invalid(f"Provided value '{value}' for input '{name}' not in the list of allowed values")
            values[name] = str(value).lower() if isinstance(value, bool) else str(value if value is not None else "")
        return values


def filled(text: str, inputs: Mapping[str, str]) -> str:
    """A text with its `${{ inputs.x }}` replaced."""
    return _EXPRESSION.sub(lambda found: inputs.get(found[1], ""), text)


def _job(key: str, job: Mapping[str, Any]) -> JobSpec:
    needs = job.get("needs") or ()
    environment = job.get("environment")
    if isinstance(environment, dict):
        environment = environment.get("name")
    return JobSpec(key, (needs,) if isinstance(needs, str) else tuple(needs), environment)
