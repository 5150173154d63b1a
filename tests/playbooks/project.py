"""A user's project in a temporary folder, and ansible-playbook run in it as the user would."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = ROOT / "collections/ansible_collections/hotops/core"
PLAY = "hosts: all:localhost\ngather_facts: false\nany_errors_fatal: true\n"

INVENTORY = """
all:
  vars:
    env_kind: sandbox
    fly_org: acme
apps:
  hosts:
    shop-production:
      promote_from: shop-staging
    shop-worker:
      promote_from: shop-staging
databases:
  hosts:
    shop-db:
"""


@dataclass(frozen=True)
class Ran:
    """What a run printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout + self.stderr

    @property
    def last_line(self) -> str:
        return self.stdout.strip().splitlines()[-1]

    def failure(self) -> dict[str, Any]:
        """The structured failure of the first failed task."""
        found = re.search(r"FAILED! => (\{.*\})", self.stdout)
        assert found, self.text
        failure: dict[str, Any] = json.loads(found[1])["failure"]
        return failure

    def registered(self, name: str) -> Any:
        """A variable that the play's last task printed with `debug`."""
        found = re.search(rf'=> (\{{\s*"{name}":.*?\n\}})', self.stdout, re.DOTALL)
        assert found, self.text
        return json.loads(found[1])[name]


@dataclass
class Project:
    """A folder with an inventory, a state directory of its own, and the collection at hand."""

    folder: Path
    collections: Path = ROOT / "collections"
    callbacks: str = "hotops.core.evidence"
    environ: dict[str, str] = field(default_factory=dict)
    inventory: str = "inventories/sandbox"

    def __post_init__(self) -> None:
        self.write("inventories/sandbox/hosts.yml", INVENTORY)
        self.state.mkdir(mode=0o700, exist_ok=True)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def write(self, path: str, text: str) -> Path:
        """A file of the project."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return file

    def pretend_sandbox(self) -> None:
        """A state file of a sandbox in which nobody listens: enough for operations that call nothing."""
        folder = self.state / "sandbox"
        folder.mkdir(mode=0o700)
        token = f"sandbox-{secrets.token_hex(12)}"
        state = {
            "schema": 1,
            "pid": os.getpid(),
            "hosts": {},
            "ca_file": str(folder / "ca.pem"),
            "tokens": {"fly": token},
        }
        (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")

    def play(self, tasks: str, *arguments: str, environ: dict[str, str] | None = None) -> Ran:
        """Run a play of these tasks."""
        play = {"name": "Test", **yaml.safe_load(PLAY), "tasks": yaml.safe_load(textwrap.dedent(tasks))}
        self.write("play.yml", yaml.safe_dump([play], sort_keys=False))
        return self.run("play.yml", *arguments, environ=environ)

    def run(self, playbook: str, *arguments: str, environ: dict[str, str] | None = None) -> Ran:
        """Run a playbook by path or name and wait for its end."""
        done = subprocess.run(
            self.command(playbook, *arguments),
            cwd=self.folder,
            env=self.environment(environ),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def command(self, playbook: str, *arguments: str) -> list[str]:
        program = Path(sys.executable).with_name("ansible-playbook")
        return [str(program), playbook, "-i", self.inventory, *arguments]

    def environment(self, more: dict[str, str] | None = None) -> dict[str, str]:
        """Nothing of the developer's own settings, tokens or runs."""
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "TMPDIR", "COVERAGE_RCFILE")}
        return {
            **kept,
            "HOME": str(self.folder),
            "NO_COLOR": "1",
            "PYTHONPATH": str(ROOT),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            **({"ANSIBLE_CALLBACKS_ENABLED": self.callbacks} if self.callbacks else {}),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "HOTOPS_STATE_DIR": str(self.state),
            **self.environ,
            **(more or {}),
        }

    def runs(self) -> list[Path]:
        """Evidence folders, oldest first."""
        return sorted((self.folder / "artifacts/deployment").glob("*"))

    def evidence(self) -> list[dict[str, Any]]:
        """The lines of the only run's journal."""
        (run,) = self.runs()
        return [json.loads(line) for line in (run / "evidence.jsonl").read_text(encoding="utf-8").splitlines()]


def with_stub(folder: Path, name: str, plugin: str) -> Path:
    """A collections path that holds this collection with one action plugin replaced; everything else are links."""
    core = folder / "collections/ansible_collections/hotops/core"
    (core / "plugins/action").mkdir(parents=True)
    for entry in COLLECTION.iterdir():
        if entry.name != "plugins":
            (core / entry.name).symlink_to(entry.resolve())
    for entry in (COLLECTION / "plugins").resolve().iterdir():
        if entry.name != "action":
            (core / "plugins" / entry.name).symlink_to(entry)
    for entry in (COLLECTION / "plugins/action").resolve().glob("*.py"):
        if entry.stem != name:
            (core / "plugins/action" / entry.name).symlink_to(entry)
    (core / f"plugins/action/{name}.py").write_text(plugin, encoding="utf-8")
    return folder / "collections"


def with_noted_phases(folder: Path) -> Project:
    """A project with a pretended sandbox in which the phases of a promotion are noted instead of run."""
    stub = Path(__file__).with_name("stub_phase.py").read_text(encoding="utf-8")
    made = Project(folder, collections=with_stub(folder, "promote_phase", stub))
    made.environ["STUB_FOLDER"] = str(folder)
    made.pretend_sandbox()
    return made
