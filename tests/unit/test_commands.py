"""The frame of the commands: ENV and apps, flags from options, confirmation, output, exit codes."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from hotops import cli, registry
from hotops.commands import catalogue, confirming
from hotops.commands.command import OperationCommand, PlaybookCommand
from hotops.commands.place import locate
from hotops.commands.spoken import spoken
from hotops.commands.telling import fitted
from hotops.commands.workflows import How, run_playbook
from hotops.core.errors import HotopsError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from tests.playbooks.project import Project


class NoteWant(Spec):
    app: str = Field(description="App that the note is about.")
    text: str = Field("new", description="What the note says.")
    tags: tuple[str, ...] = Field((), description="Words.")
    more: dict[str, int] = Field(default_factory=dict, description="Numbers by word.")


class Note(Operation[NoteWant, str]):
    """Write a note beside the inventory."""

    name = "note"
    Want = NoteWant
    after_look: Any = staticmethod(lambda: None)

    @property
    def file(self) -> Path:
        return Path("note.txt")

    def observe(self) -> str:
        return self.file.read_text(encoding="utf-8") if self.file.exists() else ""

    def plan(self, state: str) -> Plan:
        if state == self.want.text:
            return Plan()
        return Plan(
            (Step(f"note of {self.want.app}", "note.txt", before={"text": state}, after={"text": self.want.text}),)
        )

    def apply(self, step: Step, done: Done) -> Fact:
        if self.want.text == "broken":
            raise HotopsError("The pen is broken.", remedy="Take another.", code="pen")
        self.file.write_text(self.want.text, encoding="utf-8")
        return {}

    def report(self, state: str, plan: Plan, done: Done) -> dict[str, Any]:
        return {"was": state, "tags": list(self.want.tags), "more": self.want.more}


class Burn(Note):
    """The same, for ever."""

    name = "burn"
    effect = "destroy"


class Look(Note):
    """Read it."""

    name = "look"
    effect = "read"

    def plan(self, state: str) -> Plan:
        return Plan()

    def report(self, state: str, plan: Plan, done: Done) -> dict[str, Any]:
        return {"text": state, "failed_findings": ["blank"] if not state else []}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.pretend_sandbox()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(made.state))
    monkeypatch.setattr(
        registry, "OPERATIONS", {kind.name: f"{__name__}:{kind.__name__}" for kind in (Note, Burn, Look)}
    )
    monkeypatch.setattr("hotops.registry.import_module", lambda _name: __import__("types").SimpleNamespace(**globals()))
    commands = (
        OperationCommand("note", "Write a note.", operation="note", next="hotops look {env}"),
        OperationCommand("book burn", "Burn it.", operation="burn", fixed={"text": "ashes"}),
        OperationCommand("look", "Read it.", ("hotops look sandbox shop-worker",), operation="look"),
    )
    for module in (cli, catalogue):
        monkeypatch.setattr(module, "COMMANDS", commands)
    monkeypatch.setitem(catalogue.NOUNS, "book", "Books.")
    return made


@pytest.fixture
def hotops(project: Project, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("words", "says", "next_step"),
    [
        (("note",), "Which environment?", "Name one: sandbox"),
        (("look",), "Which environment?", "Name one: sandbox. For example: hotops look sandbox shop-worker"),
        (("burn", "sandbox"), "no command 'burn'", "Did you mean hotops book burn?"),
        (("note", "sandbx"), "no environment 'sandbx'", "Did you mean sandbox?"),
        (("note", "../sandbox"), "no environment '../sandbox'", "Did you mean sandbox?"),
        (("note", ""), "Which environment? Its name is empty.", "Name one: sandbox"),
        (("note", "x" * 5000), "There is no environment 'xxx", "Known are sandbox."),
        (("note", "sandbox", ""), "The name of an app is empty.", "Is a variable of the shell not set?"),
        (
            ("note", "sandbox", "shop-worker", " "),
            "The name of an app is empty.",
            "Is a variable of the shell not set?",
        ),
        (("note", "sandbox", "shop-prodution"), "no app 'shop-prodution'", "Did you mean shop-production?"),
        (("note", "sandbox"), "Which app?", "hotops note sandbox shop-production"),
        (("notes", "sandbox"), "no command 'notes'", "Did you mean hotops note?"),
        (("book", "brun", "sandbox"), "no command 'book brun'", "Did you mean hotops book burn?"),
        (("note", "sandbox", "shop-worker", "--more", "{"), "--more takes JSON", "Quote it"),
    ],
)
def test_a_wrong_word_is_answered_with_what_was_meant(
    hotops: Any, words: tuple[str, ...], says: str, next_step: str
) -> None:
    code, out, err = hotops(*words)
    assert code == 2
    assert out == ""
    assert says in err
    assert f"Next: {next_step}" in err
    assert not Path("note.txt").exists()


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("note", "sandbox", "shop-worker", "--text", ""), "--text"),
        (("note", "sandbox", "shop-worker", "--tags", ""), "--tags"),
        (("note", "sandbox", "shop-worker", "--tags", "a", "--tags", " , "), "--tags"),
    ],
)
def test_a_variable_of_the_shell_that_is_not_set_means_neither_all_nor_any(
    hotops: Any, words: tuple[str, ...], flag: str
) -> None:
    code, _, err = hotops(*words, "--yes")
    assert code == 2
    assert f"{flag} is empty." in err
    assert not Path("note.txt").exists()


def test_an_empty_version_is_not_any_version(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    command = PlaybookCommand("promote", "Promote.", playbook="promote", variables=("reason", "version"))
    with pytest.raises(HotopsError, match="--version is empty"):
        run_playbook(command, locate(["sandbox"], None), {"reason": "", "version": ""}, How(yes=True))


@pytest.mark.parametrize(
    ("words", "says", "next_step"),
    [
        (("note", "sandbox", "--txet", "x"), "hotops note has no option --txet.", "Did you mean --text?"),
        (("note", "sandbox", "--text"), "requires an argument", "hotops note --help lists the options."),
        (("init",), "Missing option '--fly-org'", "For example: hotops init --fly-org personal"),
        (("note", "sandb"), "no environment 'sandb'", "Did you mean sandbox?"),
    ],
)
def test_what_typer_refuses_is_told_as_all_errors_are_also_to_a_program(
    hotops: Any, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str, next_step: str
) -> None:
    if words[0] == "init":
        monkeypatch.undo()  # the true catalogue
    code, out, err = hotops(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert f"Next: {next_step}" in err
    code, out, _ = hotops(words[0], "--json", *words[1:])
    failure = json.loads(out)["failure"]
    assert (code, failure["exit_code"]) == (2, 2)
    assert says in failure["message"]


def test_out_of_a_project_the_way_into_one_is_named(
    hotops: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for words in (("note",), ("note", "production")):
        code, _, err = hotops(*words)
        assert code == 2
        assert "hotops init --fly-org ORG" in err


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("Name a release with -e version=N.", "Name a release with --version N."),
        ("Name the app: -l HOST", "Name the app: hotops dsn fix production HOST"),
        ("dsn_fix.yml -l shop -e undo=true puts it back.", "hotops dsn fix production shop --undo puts it back."),
        ("ansible-playbook rollback.yml -l shop", "hotops rollback production shop"),
        ("run with -e prove=false.", "run with --no-prove."),
        ("ansible-doc hotops.core.dsn_fix lists the options.", "hotops dsn fix --help lists the options."),
        ("Drill it without -l and apps.", "Drill it without -l and apps."),
        ("ls -l vault", "ls -l vault"),
    ],
)
def test_a_remedy_is_said_in_the_words_of_the_command_that_was_typed(said: str, typed: str) -> None:
    assert spoken(said, "dsn fix", "production") == typed


@pytest.mark.parametrize(
    ("command", "said", "typed"),
    [
        (
            "restore rewind",
            "restore_moment: the option to is required.",
            "hotops restore rewind: the option --to is required.",
        ),
        (
            "restore switch",
            "to_database=NAME, as hotops restore told it.",
            "--to-database NAME, as hotops restore told it.",
        ),
        ("lock break", "Say it: reason='its runner was shut down'.", "Say it: --reason 'its runner was shut down'."),
        ("secrets scan", "Name the repository's folder with `path`.", "Name the repository's folder with --path."),
        ("rollback", "Name the apps: hotops rollback ENV web", "Name the apps: hotops rollback production web"),
        ("rollback", "deploy an image with deploy.yml.", "deploy an image with hotops deploy production."),
        (
            "restore rewind",
            "(backup.yml); without_backup=true goes on",
            "(hotops backup create production); --without-backup goes on",
        ),
        ("lint", "See .github/workflows/deploy.yml.", "See .github/workflows/deploy.yml."),
        ("status", "postgres://h/db?since_s=3", "postgres://h/db?since_s=3"),
    ],
)
def test_a_remedy_names_the_command_the_environment_and_its_options_as_they_are_typed(
    command: str, said: str, typed: str
) -> None:
    assert spoken(said, command, "production") == typed


@pytest.mark.parametrize(("words", "same"), [(("help",), ("--help",)), (("help", "status"), ("status", "--help"))])
def test_help_is_a_word_too(words: tuple[str, ...], same: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(same) == 0
    shown = capsys.readouterr().out
    assert cli.main(words) == 0
    assert capsys.readouterr().out == shown


def test_a_write_is_shown_confirmed_carried_out_and_leaves_evidence(hotops: Any, project: Project) -> None:
    code, out, err = hotops(
        "note", "sandbox", "shop-worker", "--text", "hi", "--tags", "a,b", "--more", '{"x": 1}', "--yes"
    )
    assert code == 0, err
    assert "note of shop-worker (note.txt): text  → hi" in err.replace('""', "")
    assert "1 to change, 0 to add, 0 to destroy." in out
    assert out.splitlines()[-1] == "Next: hotops look sandbox"
    assert Path("note.txt").read_text(encoding="utf-8") == "hi"
    kinds = [line["kind"] for line in project.evidence()]
    assert kinds == ["run_opened", "intent", "outcome", "run_sealed"]
    assert project.evidence()[-1]["outcome"] == "done"
    code, out, err = hotops("note", "sandbox", "shop-worker", "--text", "hi")
    assert code == 0, "nothing to do needs no yes"
    assert "Nothing to do" in out
    assert len(project.runs()) == 1


def test_json_has_the_keys_of_the_module(hotops: Any) -> None:
    words = (
        "note",
        "sandbox",
        "shop-worker",
        "--json",
        "--check",
        "--diff",
        "--tags",
        "a",
        "--tags",
        "b",
        "--more",
        '{"x": 1}',
    )
    code, out, _ = hotops(*words)
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == 1
    assert (document["changed"], document["tags"], document["more"]) == (True, ["a", "b"], {"x": 1})
    assert document["diff"][0]["after"] == "text: new\n"
    assert not Path("note.txt").exists()


def test_without_a_terminal_a_write_fails_at_once_and_says_how(hotops: Any) -> None:
    code, _, err = hotops("note", "sandbox", "shop-worker")
    assert code == 5
    assert "Nobody is there to ask" in err
    assert "Next: Say yes beforehand: --yes" in err
    assert not Path("note.txt").exists()


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("", 5), ("n", 5)])
def test_on_a_terminal_it_asks(hotops: Any, monkeypatch: pytest.MonkeyPatch, typed: str, code: int) -> None:
    monkeypatch.setattr(confirming, "_is_terminal", lambda: True)
    monkeypatch.setattr(confirming.sys, "stdin", __import__("io").StringIO(f"{typed}\n"))
    ended, _, err = hotops("note", "sandbox", "shop-worker")
    assert ended == code
    assert "Carry this out in sandbox (sandbox, organisation acme)? [y/N]" in err
    assert Path("note.txt").exists() == (code == 0)


@pytest.mark.parametrize(
    ("words", "code"), [((), 5), (("--yes",), 5), (("--confirm", "sandbox"), 5), (("--confirm", "shop-worker"), 0)]
)
def test_what_destroys_is_confirmed_by_its_name_and_never_by_yes(
    hotops: Any, words: tuple[str, ...], code: int
) -> None:
    ended, _, err = hotops("book", "burn", "sandbox", "shop-worker", *words)
    assert ended == code, err
    assert Path("note.txt").exists() == (code == 0)


def test_what_changed_while_one_thought_about_it_is_not_overwritten(
    hotops: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def think(*_question: object, **_more: object) -> None:
        Path("note.txt").write_text("somebody else's", encoding="utf-8")

    monkeypatch.setattr("hotops.commands.operations.confirm", think)
    code, _, err = hotops("note", "sandbox", "shop-worker", "--yes")
    assert code == 5
    assert "no longer as it was" in err
    assert Path("note.txt").read_text(encoding="utf-8") == "somebody else's"


def test_readonly_refuses_a_write_and_not_a_look(hotops: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    assert hotops("note", "sandbox", "shop-worker", "--yes")[0] == 5
    assert hotops("note", "sandbox", "shop-worker", "--check")[0] == 0
    assert not Path("note.txt").exists()
    assert hotops("look", "sandbox", "shop-worker")[0] == 8


def test_a_failure_says_what_and_what_next_and_is_sealed_so(hotops: Any, project: Project) -> None:
    code, out, err = hotops("note", "sandbox", "shop-worker", "--text", "broken", "--yes")
    assert (code, out) == (1, "")
    assert "Error: The pen is broken.\nNext: Take another." in err
    assert (project.evidence()[-1]["outcome"], project.evidence()[-1]["exit_code"]) == ("pen", 1)
    code, out, _ = hotops("note", "sandbox", "shop-worker", "--text", "broken", "--yes", "--json")
    failure = json.loads(out)["failure"]
    assert (code, failure["code"], failure["remedy"]) == (1, "pen", "Take another.")


def test_an_inventory_by_path_stands_for_env(hotops: Any) -> None:
    code, out, _ = hotops("look", "-i", "inventories/sandbox", "shop-worker", "--json")
    assert code == 8
    assert json.loads(out)["text"] == ""
    assert hotops("look", "-i", "inventories/sandbox", "sandbox", "shop-worker")[0] == 8


def test_help_shows_flags_and_no_command_is_loaded_for_the_list(hotops: Any) -> None:
    code, out, _ = hotops("note", "--help")
    assert code == 0
    for flag in ("--text", "--tags", "--more", "--reason", "--check", "--yes", "--json", "-i, --inventory"):
        assert flag in out
    assert "--confirm" not in out
    assert "--text" not in hotops("book", "burn", "-h")[1], "what is fixed has no flag"
    assert hotops("--help")[0] == 0


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_breaks_no_word_and_a_pipe_gets_the_line_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((40, 24)))
    line = "  smoke: GET https://shop.example/health answered 503 instead of 2xx in 48 ms, and so did every other route"
    lines = fitted(line, Terminal()).split("\n")
    assert max(map(len, lines)) <= 40
    assert all(each.startswith("    ") for each in lines[1:])
    assert " ".join(lines).split() == line.split()
    assert fitted(f"short\n{line}", io.StringIO()) == f"short\n{line}"
    command = "Next: hotops restore production --to 20300131T101500Z-3f9a2c --tables public.orders"
    assert fitted(command, Terminal()) == command, "a shell would run the first half of a broken command"
    assert fitted("/a/path/of/more/than/forty/columns/is/copied/whole", Terminal()).count("\n") == 0


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("restore shop web --switch x --confirm x", "restore switch shop web --to-database x --confirm x"),
        ("restore -i here --switch=shop_x", "restore switch -i here --to-database=shop_x"),
        ("restore shop --beside --check", "restore shop --check"),
        ("restore shop --beside shop_x", "restore shop --beside shop_x"),
        ("restore compare shop --keep", "restore compare shop --keep"),
        ("health shop --switch x", "health shop --switch x"),
    ],
)  # fmt: skip
def test_a_flag_that_stands_for_a_command_is_written_out(given: str, meant: str) -> None:
    assert cli.written_out(given.split()) == meant.split()


def test_a_command_that_is_a_noun_too_is_both_and_names_what_is_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["restore", "--help"]) == 0
    told = capsys.readouterr().out
    assert "--overwrite" in told
    assert "hotops restore points: " in told
    assert cli.main(["restore", "points", "--help"]) == 0
    assert "Usage: hotops restore points" in capsys.readouterr().out
    for words, meant in {
        ("restore", "pionts", "sandbox"): "restore points",
        ("backup", "points"): "restore points",
        ("promot", "sandbox"): "promote",
        ("statsu", "production", "shop"): "status",
    }.items():
        assert cli.main(list(words)) == 2
        assert f"Did you mean hotops {meant}?" in capsys.readouterr().err


def test_a_folder_of_secret_maps_is_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in ("secret_maps/stage.yml", "stage/hosts.yml"):
        (tmp_path / "inventories" / file).parent.mkdir(parents=True)
        (tmp_path / "inventories" / file).write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["status"]) == 2
    assert "Name one: stage." in capsys.readouterr().err
