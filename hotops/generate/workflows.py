"""`hotops generate workflows`: GitHub workflows for the environments of a project, written into its repository."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hotops.core.errors import UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.state import write_atomically
from hotops.generate.texts import Surroundings, workflows_of
from hotops.inventory.listing import load_environment
from hotops.inventory.schema import Environment
from hotops.secrets.map_file import load_map
from hotops.secrets.secret_map import SecretMap

_SEAL = "# hotops generate workflows, sha256:"


class WorkflowsWanted(Spec):
    """For which environments, and where to."""

    envs: tuple[str, ...] = Field((), description="Environments, by their folder; all live ones if none.")
    branch: str = Field("main", pattern=r"^[\w./-]+$", description="The branch whose pushes are deployed first.")
    package: str = Field("", description="What pip is told to install; this version of hotops if omitted.")
    folder: Path = Field(Path(), description="The project's folder.")


@dataclass(frozen=True)
class File:
    """A workflow: what it should say, what stands there, and whether somebody changed that."""

    path: str
    wanted: str
    there: str | None

    @property
    def standing(self) -> Literal["missing", "same", "outdated", "changed"]:
        """`outdated`: written by an earlier call and not changed since; `changed`: by somebody, so it stays."""
        if self.there is None:
            return "missing"
        if self.there == self.wanted:
            return "same"
        return "outdated" if _is_untouched(self.there) else "changed"


@dataclass(frozen=True)
class WorkflowsSeen:
    """The files, and what is left out and why."""

    files: tuple[File, ...]
    left_out: tuple[str, ...]

    def those(self, *standing: str) -> list[File]:
        return [file for file in self.files if file.standing in standing]


class GenerateWorkflows(Operation[WorkflowsWanted, WorkflowsSeen]):
    """Write the workflows that are missing, renew those that nobody changed, show how the others differ.

    Calls no cloud. Raises UsageError (no live environment), InventoryError, MapError.
    """

    name = "generate_workflows"
    Want = WorkflowsWanted
    effect = "write"

    def observe(self) -> WorkflowsSeen:
        want = self.want
        environments = _environments(want)
        tomls = sorted(file.name for file in want.folder.glob("fly*.toml"))
        around = Surroundings(
            environments,
            {name: found for name, environment in environments.items() if (found := _map_of(environment))},
            tomls[0] if len(tomls) == 1 else "fly.toml" if "fly.toml" in tomls else None,
            want.branch,
            want.package or _this_version(),
        )
        texts, left_out = workflows_of(around)
        files = [File(path, _sealed(path, text), _text(want.folder / path)) for path, text in texts.items()]
        return WorkflowsSeen(tuple(files), tuple(left_out))

    def plan(self, state: WorkflowsSeen) -> Plan:
        steps = tuple(
            Step(
                file.path,
                file.path,
                "create" if file.there is None else "update",
                before={} if file.there is None else {"sha256": _digest(file.there)},
                after={"sha256": _digest(file.wanted), "text": file.wanted},
            )
            for file in state.those("missing", "outdated")
        )
        return Plan(steps, title="generate workflows", why_empty="every workflow is there already")

    def apply(self, step: Step, done: Done) -> Fact:
        file = self.want.folder / step.target
        there = _text(file)
        expected = step.before.get("sha256")
        if (there is None) != (expected is None) or (there is not None and _digest(there) != expected):
            return {"written": False}  # somebody wrote it meanwhile: theirs stays
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, str(step.after["text"]), mode=0o644)
        return {"written": True}

    def report(self, state: WorkflowsSeen, plan: Plan, done: Done) -> dict[str, Any]:
        return {
            "files": {file.path: file.standing for file in state.files},
            "written": [step.target for step in plan.steps if done.get(step.name, {}).get("written")],
            "differs": [file.path for file in state.those("changed")],
            "left_out": list(state.left_out),
            "next": _next(state),
            "hotops_screen": page(state, plan, done),
        }


def page(state: WorkflowsSeen, plan: Plan, done: Done) -> list[str]:
    """What was written, what stands there in another form, what is left out."""
    lines = []
    for step in plan.steps:
        verb = "~" if step.action == "update" else "+"
        lines.append(f"  {verb if done else f'would write {verb}'} {step.target}")
    lines += [f"    {file.path} is as it should be" for file in state.those("same")]
    for file in state.those("changed"):
        lines.append(f"  {file.path} was changed, and is left as it is:")
        yours, made = (file.there or "").splitlines(), file.wanted.splitlines()
        lines += [
            f"    {line}" for line in difflib.unified_diff(yours, made, "yours", "as generated", lineterm="", n=1)
        ]
    lines += [f"  ? {text}" for text in state.left_out]
    return [*lines, "", f"Next: {_next(state)}"]


def _next(state: WorkflowsSeen) -> str:
    if state.those("changed"):
        return "look at the differences; a workflow that somebody changed is never overwritten"
    return "give each secret that they name a value (hotops secrets mirror ENV), and commit them"


def _environments(want: WorkflowsWanted) -> dict[str, Environment]:
    folder = want.folder / "inventories"
    names = want.envs or tuple(sorted(item.name for item in folder.glob("*") if (item / "hosts.yml").is_file()))
    found = {name: load_environment(folder / name) for name in names}
    chosen = {name: env for name, env in found.items() if want.envs or env.env_kind == "live"}
    if not chosen:
        raise UsageError(
            "There is no live environment to write workflows for.",
            remedy="hotops init writes the inventories; or name one: hotops generate workflows --env staging",
            code="nothing_to_generate",
        )
    # What is promoted from comes first, as it is deployed first.
    return dict(sorted(chosen.items(), key=lambda item: any(app.promote_from for app in item[1].apps.values())))


def _map_of(environment: Environment) -> SecretMap | None:
    return load_map(environment) if environment.secret_map_path.is_file() else None


def _this_version() -> str:
    from hotops import __version__

    return f"hotops=={__version__}"


def _sealed(path: str, text: str) -> str:
    """With a first line that tells whether somebody changed the rest. The approval is recognised as it is shipped."""
    from hotops.github.approval_workflow import PLACE

    return text if path == PLACE else f"{_SEAL}{_digest(text)}\n{text}"


def _is_untouched(text: str) -> bool:
    first, _, rest = text.partition("\n")
    return first == f"{_SEAL}{_digest(rest)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
