"""`--json` of every command there is: one document on stdout, as its schema says, also where the command fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hotops import cli, cli_init
from hotops.commands import operations, workflows
from hotops.commands import run as run_command
from hotops.commands.catalogue import COMMANDS
from hotops.commands.command import Command, ModuleCommand, OperationCommand, PlaybookCommand
from hotops.commands.place import Place
from hotops.commands.schema import all_schemas
from hotops.commands.schemas import subcommands
from hotops.registry import operation
from hotops.running.attempts import Tried
from hotops.running.job import Ended
from tests.documented import document_of
from tests.playbooks.project import INVENTORY, Project
from tests.stage import Stage
from tests.twin.stages import APP
from tests.unit.evidence_samples import promotion

ROOT = Path(__file__).resolve().parents[2]
PLAN = "a" * 64

#: What is typed after the command and ENV in a world where it succeeds (exit code 0, or 8 with findings).
TYPED: Mapping[str, tuple[str, ...]] = {
    "status": (),
    "why": (APP,),
    "explain": (),
    "readiness": (),
    "doctor": ("--live",),
    "health": (),
    "plan": ("--as-commands",),
    "approve": (PLAN, "--yes"),
    "rollback": ("--check", "--diff"),
    "freeze": ("--reason", "holidays", "--until", "8h", "--yes"),
    "thaw": ("--reason", "everybody is back", "--yes"),
    "memory report": (),
    "conformance check": (),
    "memory scale": (APP, "--memory-mb", "2048", "--check", "--diff"),
    "lock show": (),
    "lock break": ("--reason", "its runner was shut down", "--yes"),
    "dsn explain": ("--error-text", "FATAL: Tenant or user not found"),
}
#: Commands whose operation needs another world: the test whose results are held against the same schema.
ELSEWHERE: Mapping[str, str] = {
    "backup create": "tests/backup/test_operations.py",
    "backup list": "tests/backup/test_operations.py",
    "backup show": "tests/backup/test_operations.py",
    "backup verify": "tests/backup/test_operations.py",
    "backup prune": "tests/backup/test_operations.py",
    "restore points": "tests/twin/test_check_mode.py",
    "restore": "tests/backup/test_operations.py",
    "dsn check": "tests/database/test_dsn_look.py",
    "dsn fix": "tests/database_stage.py",
    "secrets mirror": "tests/secrets_stage.py",
    "secrets audit": "tests/secrets_stage.py",
    "secrets scan": "tests/secrets/test_scan.py",
    "secrets rotate": "tests/rotation_stage.py",
    "secrets due": "tests/rotation/issuers.py",
    "dr drill": "tests/drill/test_drills.py",
    "dr due": "tests/drill/test_drills.py",
    "dr documents": "tests/drill/test_documents.py",
    "dr follow-ups": "tests/drill/test_follow_ups.py",
    "dr timer": "tests/drill/test_timer.py",
    "secrets trace": "tests/secrets/test_trace.py",
    "secrets map init": "tests/secrets/test_vault_by_command.py",
    "vault check": "tests/secrets/test_vault_by_command.py",
    "vault fix-modes": "tests/secrets/test_vault_by_command.py",
    "vault templates": "tests/secrets/test_vault_by_command.py",
    "lint": "tests/unit/test_lint_fly_toml.py",
    "sandbox": "tests/twin/test_cli_sandbox.py",
}
ENDS = (
    Ended(0, "promoted", "hotops: promoted (exit code 0)."),
    Ended(130, "died", died=True),
    Ended(
        7, "not_restored", "hotops: not_restored (exit code 7).",
        {"code": "not_restored", "exit_code": 7, "message": "It is not back.", "remedy": "Wake someone."},
    ),
)  # fmt: skip

Asked = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world that was promoted once, and a newer image on staging."""
    folder = tmp_path_factory.mktemp("json")
    before = os.environ.get("HOTOPS_STATE_DIR")
    os.environ["HOTOPS_STATE_DIR"] = str(folder / "state")
    made = Stage(folder, github_repo="acme/shop")
    made.promote("20251231T000000Z-promote-stage")
    made.push("v43")
    made.clock.sleep(5)
    made.environment = made.environment.model_copy(update={"approval": "github"})
    yield made
    if before is None:
        del os.environ["HOTOPS_STATE_DIR"]
    else:
        os.environ["HOTOPS_STATE_DIR"] = before


@pytest.fixture
def asked(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Asked:
    """The command as typed, in this world, with --json."""
    monkeypatch.chdir(tmp_path)

    def located(words: list[str], _inventory: object) -> Place:
        hosts = tuple(words[1:]) or tuple(stage.environment.apps)
        return Place(Path("inventories/stage"), stage.environment, hosts, bool(words[1:]))

    for module in (operations, workflows, run_command):
        monkeypatch.setattr(module, "locate", located)
    monkeypatch.setattr(
        operations, "surroundings", lambda *_given, check, **_more: stage.context("20260101T000000Z-asked", check=check)
    )

    def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = cli.main([*words, "--json"])
        said = capsys.readouterr()
        assert said.out, said.err
        return code, said.out

    return run


def named(kind: type[Command]) -> list[Any]:
    return [pytest.param(command, id=command.name) for command in COMMANDS if isinstance(command, kind)]


@pytest.mark.parametrize("command", named(OperationCommand))
def test_what_an_operation_s_command_prints_is_as_its_schema_says(command: OperationCommand, asked: Asked) -> None:
    if command.name in ELSEWHERE:
        text = (ROOT / ELSEWHERE[command.name]).read_text(encoding="utf-8")
        assert "as_documented(" in text, f"{ELSEWHERE[command.name]} holds no result against the schema"
        return
    writes = operation(command.operation).effect != "read" and not command.reads
    code, printed = asked(*command.words, "stage", *TYPED.get(command.name, ("--check",) if writes else ()))
    document = document_of(command.name, printed)
    # A command that nobody wrote down above is asked all the same; only those above have to succeed in this world.
    assert command.name not in TYPED or (code in (0, 8), "failure" in document) == (True, False), printed


@pytest.mark.parametrize("command", named(OperationCommand))
def test_a_failure_is_a_document_too(command: OperationCommand, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command.words, "nowhere", "--json"]) == 2
    assert document_of(command.name, capsys.readouterr().out)["failure"]["code"] == "unknown_environment"


@pytest.mark.parametrize("ended", ENDS, ids=lambda ended: ended.outcome)
@pytest.mark.parametrize("words", ["promote", "deploy", "run"])
def test_what_a_playbook_s_command_prints(
    words: str, ended: Ended, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {command.name for command in COMMANDS if isinstance(command, PlaybookCommand)} | {"run"}
    assert known == {"promote", "deploy", "run"}, "a new one: its words belong above"
    told = [{"to": "issue of acme/shop", "ok": True, "why": "", "url": "https://github.com/acme/shop/issues/1"}]
    tried = Tried(
        ended, Path("artifacts/deployment/x") if ended.last_line else None, told=told if ended.failure else []
    )
    monkeypatch.setattr(workflows, "run_until_ended", lambda *_given, **_more: tried)
    rest = ("health", "stage") if words == "run" else ("stage",)
    needs = ("--image", "registry.fly.io/shop:v42") if words == "deploy" else ()
    code, printed = asked(words, *rest, *needs, "--yes")
    assert (code, document_of(words, printed)["outcome"]) == (ended.exit_code, ended.outcome)


def test_what_the_other_commands_print(
    stage: Stage, asked: Asked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modules = {command.name for command in COMMANDS if isinstance(command, ModuleCommand)}
    seen = {"run", "schema", "sandbox"}
    assert "document_of(" in (ROOT / ELSEWHERE["sandbox"]).read_text(encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(cli_init, "Context", lambda *_given, **_more: stage.context())
        patched.setattr(cli_init.World, "of", lambda _kind: None)
        assert document_of("init", asked("init", "--fly-org", "personal", "--sandbox", "--check")[1])["pairs"]
        seen.add("init")
    assert document_of("completion", asked("completion", "bash")[1])["shell"] == "bash"
    seen.add("completion")
    Project(tmp_path).write("inventories/sandbox/hosts.yml", INVENTORY.replace("env_kind: sandbox", "env_kind: live"))
    assert document_of("generate workflows", asked("generate", "workflows", "--check")[1])["written"] == []
    seen.add("generate workflows")
    run = promotion(Path("artifacts/deployment"))
    run.seal("promoted", 0)
    for sub in ("verify", "show", "report"):
        assert document_of(f"evidence {sub}", asked("evidence", sub)[1])["dir"] == str(
            run.run_dir.relative_to(tmp_path)
        )
    for sub in ("figures", "after", "progress"):
        assert document_of(f"evidence {sub}", asked("evidence", sub, "production")[1])["dir"] == "artifacts/deployment"
    seen.add("evidence")
    assert seen == modules, "a new one: hold what it prints against its schema here"


def test_every_command_and_subcommand_has_a_schema_that_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads(json.dumps(all_schemas()))
    for command in COMMANDS:
        for sub in subcommands(command) or [""]:
            name = f"{command.name} {sub}".strip()
            assert shown[name]["title"] == f"hotops {name} --json"
            Draft202012Validator.check_schema(shown[name])
            if command.name != "evidence":  # made of classes, whose docstrings say what their fields are
                assert all(about.get("description") for about in shown[name]["properties"].values()), name
    assert cli.main(["schema", "lock", "shw"]) == 2
    assert "hotops schema lock show" in capsys.readouterr().err
