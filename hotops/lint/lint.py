"""Lint: an operation that reads the project's files and says what is wrong in them; it calls nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.info.reported import Reported
from hotops.inventory.schema import App, Environment
from hotops.lint.document import lint_document
from hotops.lint.finding import Finding
from hotops.lint.fly_toml import lint_fly_toml
from hotops.lint.idioms import judge_script
from hotops.lint.shell_words import read_script
from hotops.lint.sources import files_below, is_no_text, kind_of, read
from hotops.lint.workflow import lint_workflows
from hotops.scale.toml_file import FlyToml, TomlUnreadable

#: On a line, or on the one before it: nothing of that line is told.
IGNORED = "hotops: ignore"


class LintWanted(Spec):
    """Which files are read."""

    paths: tuple[str, ...] = Field(
        (), description="Files or folders below the project's; all of the project if omitted."
    )
    fail_on_findings: bool = Field(default=False, description="Whether the task fails when there is an error.")


class LintFound(Reported):
    """A finding."""

    file: str = Field(description="The file, below the project's folder.")
    line: int = Field(description="The line.")
    rule: str = Field(description="Stable word, such as `unknown_key`.")
    severity: str = Field(description="`error` or `warn`.")
    says: str = Field(description="What is wrong.")
    remedy: str = Field(description="What to do.")


class FileFindings(HotopsError):
    """The files hold errors; each is listed with its line."""

    code = "file_findings"
    exit_code = ExitCode.FINDINGS


class Lint(Operation[LintWanted, list[Finding]]):
    """Read the project's files and tell what is wrong in them. Calls no cloud. Raises UsageError, FileFindings."""

    name: ClassVar[str] = "lint"
    Want: ClassVar[type[Spec]] = LintWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Find what is wrong in the fly.toml files, workflows, scripts and documents of a project",
        description=(
            "Reads fly.toml files, GitHub workflows, shell scripts and documents, and calls no cloud.",
            "In a fly.toml it finds what a deploy would ignore, reset, publish or miss.",
            "Such are unknown keys, missing sizes, public data ports, missing checks, release commands that migrate.",
            "In a workflow it finds what never starts, never ends red, lacks a right, or deploys another's file.",
            "In scripts and documents it finds idioms that lie, and commands and flags that flyctl does not have.",
            "A line that says C(hotops: ignore), or follows one that does, is left out.",
        ),
        returns={
            "files": {
                "description": "How many files were read.",
                "returned": "success",
                "type": "int",
                "sample": 3,
            },
            "findings": {
                "description": "The findings, by file and line.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": LintFound,
            },
            "failed_findings": {
                "description": "The errors among them; C(hotops lint) ends with 8 if there are any.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
        },
        examples="""
- name: See what is wrong in the project's files
  hotops.core.lint:
  run_once: true

- name: No workflow and no script lies about a deploy
  hotops.core.lint:
    paths: [.github/workflows, scripts]
    fail_on_findings: true
  run_once: true
""",
        see_also=("fly_scale",),
    )

    def observe(self) -> list[Finding]:
        environment = self.context.environment
        root = environment.project_dir if isinstance(environment, Environment) else Path.cwd()
        self._files = self._wanted(root, environment)
        return sorted(set(lint_files(self._files, root)))

    def report(self, state: list[Finding], plan: Plan, done: Done) -> dict[str, Any]:
        errors = [found for found in state if found.severity == "error"]
        count = Counter(found.severity for found in state)
        screen = [str(found) for found in state]
        screen.append(f"{len(self._files)} files: {count['error']} errors, {count['warn']} warnings.")
        if errors and self.want.fail_on_findings:
            raise FileFindings(
                f"{len(errors)} errors in {', '.join(sorted({found.file for found in errors}))}.",
                remedy="Correct the first one: " + errors[0].remedy,
                details={"hotops_screen": screen, "findings": [vars(found) for found in state]},
            )
        found = [LintFound(**vars(item)).model_dump() for item in state]
        return {
            "hotops_screen": screen,
            "files": len(self._files),
            "findings": found,
            "failed_findings": [item for item in found if item["severity"] == "error"],
        }

    def _wanted(self, root: Path, environment: object) -> dict[Path, App | None]:
        """The files to read, each with the app that it is declared to be of."""
        apps: dict[Path, App] = {}
        if isinstance(environment, Environment):
            hosts = self.context.selection or tuple(environment.apps)
            declared = [environment.apps[host] for host in hosts]
            apps = {environment.path(app.fly_toml).resolve(): app for app in declared if app.fly_toml}
        found: list[Path] = list(apps) if not self.want.paths else []
        for named in self.want.paths or (".",):
            path = (root / named).resolve()
            if not path.exists():
                raise UsageError(f"There is no {named} below {root.name}.", remedy="Correct paths.")
            if path.is_file() and is_no_text(path):
                raise UsageError(f"{named} is no text.", remedy="Name fly.toml files, workflows, scripts, documents.")
            found += files_below(path) if path.is_dir() else [path]
        if not found:
            raise UsageError(
                f"There is nothing to read in {root.name}: no fly.toml, workflow, script or document.",
                remedy="Declare fly_toml in the inventory, or name paths.",
            )
        return {path: apps.get(path) for path in found}


def lint_files(files: Mapping[Path, App | None], root: Path) -> Iterator[Finding]:
    """The findings of files, each read as what it is; what its own line tells to ignore is left out."""
    workflows: dict[str, str] = {}
    for path, app in files.items():
        name = _name(path, root)
        kind = "fly_toml" if app is not None or path.suffix == ".toml" else kind_of(path)
        if kind == "fly_toml":
            yield from _kept(_fly_toml(path, name, app), read(path) if path.is_file() else "")
        elif kind == "workflow":
            workflows[name] = read(path)
        elif kind == "document":
            yield from _kept(lint_document(text := read(path), name), text)
        else:
            script = read_script(text := read(path))
            yield from _kept(judge_script(script, name), text)
    for name, text in workflows.items():
        beside = {_name(path, root): path for path in sorted((root / name).parent.glob("*.y*ml"))}
        others = {other: read(path) for other, path in beside.items() if other not in workflows}
        wanted = {name: text}
        yield from _kept(lint_workflows(wanted, root, {**others, **workflows}), text)


def _kept(found: Iterable[Finding], text: str) -> Iterator[Finding]:
    lines = ["", *text.splitlines(), ""]
    for item in found:
        line = min(item.line, len(lines) - 1)
        if IGNORED not in lines[line] and IGNORED not in lines[line - 1]:
            yield item


def _name(path: Path, root: Path) -> str:
    inside = path.resolve().is_relative_to(root.resolve())
    return str(path.resolve().relative_to(root.resolve())) if inside else path.name


def _fly_toml(path: Path, name: str, app: App | None) -> list[Finding]:
    try:
        file = FlyToml.read(path)
    except TomlUnreadable as error:
        return [Finding(name, 1, "unreadable", "error", error.message, error.remedy)]
    try:
        return lint_fly_toml(file, name, app)
    except (TypeError, AttributeError, ValueError, RecursionError):
        # Something else stands there instead of a table, a list or a number: flyctl refuses the file.
        said = "A key has a value of another kind than fly.toml takes there, so the rest was not judged."
        return [Finding(name, 1, "unreadable", "error", said, "fly config validate names the key.")]
