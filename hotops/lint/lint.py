"""Lint: an operation that reads the project's files and says what is wrong in them; it calls nobody."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.info.reported import Reported
from hotops.inventory.schema import App, Environment
from hotops.lint.finding import Finding
from hotops.lint.fly_toml import lint_fly_toml
from hotops.scale.toml_file import FlyToml, TomlUnreadable


class LintWanted(Spec):
    """Which files are read."""

    paths: tuple[str, ...] = Field(
        (), description="Files, or folders in which every fly*.toml is read; what the inventory declares if omitted."
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
    """Read fly.toml files and tell what is wrong in them. Calls no cloud. Raises UsageError, FileFindings."""

    name: ClassVar[str] = "lint"
    Want: ClassVar[type[Spec]] = LintWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Find what is wrong in the fly.toml files of a project",
        description=(
            "Reads the fly.toml of each app and says what a deploy would ignore, reset, publish or miss.",
            "Finds unknown and inert keys, missing and partial [[vm]], and sizes that do not exist.",
            "Finds public data ports, one port published twice, and services without checks.",
            "Finds release commands that migrate, machines that stop for ever, and unpinned images.",
            "Compares with the inventory where it declares the app's C(fly_toml), and calls no cloud.",
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
- name: See what is wrong in the declared fly.toml files
  hotops.core.lint:
  run_once: true

- name: No file of the repository lies about a deploy
  hotops.core.lint:
    paths: [apps]
    fail_on_findings: true
  run_once: true
""",
        see_also=("fly_scale",),
    )

    def observe(self) -> list[Finding]:
        environment = self.context.environment
        root = environment.project_dir if isinstance(environment, Environment) else Path.cwd()
        self._files = self._wanted(root, environment)
        return [found for path, app in self._files for found in _lint(path, root, app)]

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

    def _wanted(self, root: Path, environment: object) -> list[tuple[Path, App | None]]:
        apps: dict[Path, App] = {}
        if isinstance(environment, Environment):
            hosts = self.context.selection or tuple(environment.apps)
            declared = [environment.apps[host] for host in hosts]
            apps = {environment.path(app.fly_toml).resolve(): app for app in declared if app.fly_toml}
        if not self.want.paths:
            if not apps:
                raise UsageError(
                    "No app declares its fly_toml.", remedy="Declare fly_toml in the inventory, or name paths."
                )
            return list(apps.items())
        found: list[Path] = []
        for named in self.want.paths:
            path = root / named
            if not path.exists():
                raise UsageError(f"There is no {named} below {root.name}.", remedy="Correct paths.")
            found += sorted(path.rglob("fly*.toml")) if path.is_dir() else [path]
        return [(path, apps.get(path.resolve())) for path in found]


def _lint(path: Path, root: Path, app: App | None) -> list[Finding]:
    name = (
        str(path.resolve().relative_to(root.resolve())) if path.resolve().is_relative_to(root.resolve()) else path.name
    )
    try:
        file = FlyToml.read(path)
    except TomlUnreadable as error:
        return [Finding(name, 1, "unreadable", "error", error.message, error.remedy)]
    return lint_fly_toml(file, name, app)
