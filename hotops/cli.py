"""The `hotops` command: builds the command that is used, and tells errors. The commands are in hotops/commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from hotops.commands.catalogue import COMMANDS, NOUNS, SHORTER, below, find
from hotops.commands.command import Command, ModuleCommand, OperationCommand, PlaybookCommand

if TYPE_CHECKING:
    import typer

    from hotops.core.errors import HotopsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `hotops` with arguments (those of the process if None); returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        print(_version())
        return 0
    if given[:2] == ["completion", "words"]:
        from hotops.commands.completing import candidates

        print("\n".join(candidates(given[3:] if given[2:3] == ["--"] else given[2:], build)))
        return 0
    from hotops.core.errors import ExitCode, HotopsError

    given = written_out(["--help"] if given == ["help"] else [*given[1:], "--help"] if given[:1] == ["help"] else given)
    try:
        _refuse_unknown([argument for argument in given if not argument.startswith("-")])
        code = build(given)(args=given, prog_name="hotops", standalone_mode=False)
        return code if isinstance(code, int) else int(ExitCode.DONE)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(ExitCode.ERROR)
    except HotopsError as error:
        _tell(error, as_json="--json" in given)
        return int(error.failure_exit)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\nNext: the same command again; it first looks at what is there.\n")
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        mistyped = _as_usage(error, given)
        if mistyped is not None:
            _tell(mistyped, as_json="--json" in given)
            return int(mistyped.failure_exit)
        if hasattr(error, "show"):
            error.show()  # a noun without its verb: its help
            return int(ExitCode.USAGE)
        if os.environ.get("HOTOPS_DEBUG"):
            raise
        unexpected = HotopsError(
            f"Unexpected {type(error).__name__}: {error}",
            remedy="This is a defect of hotops; HOTOPS_DEBUG=1 shows where it happened.",
            code="unexpected",
        )
        _tell(unexpected, as_json="--json" in given)
        return int(ExitCode.ERROR)


def _as_usage(error: Exception, given: Sequence[str]) -> HotopsError | None:
    """What Typer refuses (an unknown option, a missing one, a value that is none), in the words of all errors."""
    import typer

    from hotops.core.errors import UsageError
    from hotops.core.options import nearest

    refused: type[Exception] = typer.BadParameter.__bases__[0]  # of all that is mistyped; Typer exports no more
    if not isinstance(error, refused) or type(error).__name__ == "NoArgsIsHelpError":
        return None
    command = find(tuple(argument for argument in given if not argument.startswith("-")))
    name = f"hotops {command.name}" if command else "hotops"
    wrong = getattr(error, "option_name", None)
    said: str = error.format_message() if hasattr(error, "format_message") else str(error)
    remedy = f"{name} --help lists the options."
    if type(error).__name__ == "NoSuchOption" and wrong:
        parameters = getattr(error, "ctx").command.params  # noqa: B009 (Typer's own, of no public type)
        known = [option for one in parameters for option in (*one.opts, *one.secondary_opts)]
        meant = nearest(wrong, known)
        said = f"{name} has no option {wrong}."
        remedy = f"Did you mean {meant}? {remedy}" if meant else remedy
    elif command and command.examples:
        remedy = f"For example: {command.examples[0]}    ({remedy.rstrip('.')})"
    return UsageError(said, remedy=remedy, code="usage")


def written_out(given: list[str]) -> list[str]:
    """The arguments with the command in full that a flag stands for: `restore ENV --switch X`, say."""
    command = find(tuple(argument for argument in given if not argument.startswith("-")))
    flags = {argument.partition("=")[0]: place for place, argument in enumerate(given) if argument.startswith("--")}
    for (name, flag), meant in SHORTER.items():
        if command is None or command.name != name or flag not in flags:
            continue
        place = flags[flag]
        if meant is None:
            named = "=" in given[place] or (len(given) > place + 1 and not given[place + 1].startswith("-"))
            return given if named else [*given[:place], *given[place + 1 :]]
        full, option = meant
        rest = [*given[:place], given[place].replace(flag, option, 1), *given[place + 1 :]]
        first = rest.index(command.words[0])
        return [*rest[:first], *full.split(), *rest[first + len(command.words) :]]
    return given


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command tree for these arguments: whole in names and help, loaded only where they lead."""
    import typer

    root = typer.Typer(
        name="hotops",
        help="Run production on Fly.io, Supabase and GitHub: promote with gates, roll back, and prove it.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )

    @root.callback()
    def options(
        version: bool = typer.Option(False, "--version", help="Show the version and exit."),  # noqa: FBT003 typer's way
    ) -> None:
        if version:
            print(_version())
            raise typer.Exit

    words = tuple(argument for argument in arguments if not argument.startswith("-"))
    used = find(words)
    nouns: dict[str, typer.Typer] = {}
    for command in COMMANDS:
        if _gives_way(command, used):
            continue
        home = root
        for length in range(1, len(command.words)):
            noun = " ".join(command.words[:length])
            if noun not in nouns:
                nouns[noun] = typer.Typer(no_args_is_help=True)
                home.add_typer(nouns[noun], name=command.words[length - 1], help=NOUNS[noun])
            home = nouns[noun]
        _add(home, command, whole=command is used)
    return root


def _gives_way(command: Command, used: Command | None) -> bool:
    """A command and those whose noun it is have one place in the tree: theirs where one of them is used."""
    if below(command):
        return used in below(command)
    above = find(command.words[:-1])
    return above is not None and below(above) != [] and used not in below(above)


def _add(home: typer.Typer, command: Command, *, whole: bool) -> None:
    """Add a command: whole if it is the one that is used, else its name and help only."""
    import typer

    name = command.words[-1]
    # A backspace on a line of its own keeps what follows as it is.
    epilog = "\n".join(["\b", "Examples:", *(f"  {example}" for example in command.examples)])
    for each in below(command):
        epilog += f"\n\nhotops {each.name}: {each.help}"
    shown: dict[str, Any] = {"help": command.help, "epilog": epilog if command.examples else None}
    if not whole:
        home.command(name, **shown)(_placeholder)
        return
    if isinstance(command, OperationCommand):
        from hotops.commands.operations import function_of

        home.command(name, **shown)(function_of(command))
        return
    if isinstance(command, PlaybookCommand):
        from hotops.commands.workflows import function_of as function_of_playbook

        home.command(name, **shown)(function_of_playbook(command))
        return
    module = import_module(cast("ModuleCommand", command).module)
    if isinstance(getattr(module, "app", None), typer.Typer):
        home.add_typer(module.app, name=name, **shown)
    else:
        home.command(name, **shown)(module.command)


def _placeholder() -> None:
    """Stands for a command that is not the one that is used: it is only listed."""


#: How alike a single word has to be to be taken for a command before the words behind it are looked at.
_SURE = 0.8


def _refuse_unknown(words: Sequence[str]) -> None:
    """A command that does not exist, answered with the nearest one. Raises UsageError."""
    from hotops.core.errors import UsageError
    from hotops.core.options import nearest

    found = find(tuple(words)) if words else None
    if not words or found is not None:
        _refuse_misspelt(found, words)
        return
    nouns = {command.words[0] for command in COMMANDS if len(command.words) > 1}
    if any(len(command.words) > len(words) and command.words[: len(words)] == tuple(words) for command in COMMANDS):
        return  # a noun: its help is shown
    known = [command.name for command in COMMANDS]
    alone = [name for name in known if " " not in name]
    same_verb = [command.name for command in COMMANDS if len(words) > 1 and command.words[1:] == (words[1],)]
    verbs = [command.name for command in COMMANDS if words[0] not in nouns and command.words[1:] == (words[0],)]
    meant = (
        " or hotops ".join(verbs)
        or (same_verb[0] if len(same_verb) == 1 else None)
        # Said before the words behind it: in `promot sandbox` the second word is an environment, not half of a command.
        or (None if words[0] in {*nouns, *known} else nearest(words[0], alone, cutoff=_SURE))
        or nearest(" ".join(words[:3]), known)
        or nearest(" ".join(words[:2]), known)
        or nearest(words[0], [*known, *nouns])
    )
    raise UsageError(
        f"There is no command {' '.join(words[: 2 if words[0] in nouns else 1])!r}.",
        remedy=f"Did you mean hotops {meant}?" if meant else "hotops --help lists the commands.",
        code="unknown_command",
    )


def _refuse_misspelt(command: Command | None, words: Sequence[str]) -> None:
    """`hotops restore pionts ENV` is no restore of an environment. Raises UsageError."""
    from hotops.commands.place import is_there
    from hotops.core.errors import UsageError
    from hotops.core.options import nearest

    rest = words[len(command.words) :] if command else ()
    if command is None or not rest or is_there(rest[0]):
        return
    meant = nearest(rest[0], [each.words[-1] for each in below(command)])
    if meant:
        raise UsageError(
            f"There is neither an environment {rest[0]!r} nor a command 'hotops {command.name} {rest[0]}'.",
            remedy=f"Did you mean hotops {command.name} {meant}?",
            code="unknown_command",
        )


def _version() -> str:
    from hotops import __version__

    return f"hotops {__version__}"


def _tell(error: HotopsError, *, as_json: bool) -> None:
    """An error in words on stderr; with --json as a document on stdout."""
    import json

    if as_json:
        failed = {"changed": False, "failed": True, "msg": " ".join(str(error).split())}
        print(json.dumps({"schema": 1, **failed, "failure": error.as_failure()}, ensure_ascii=False))
        return
    from hotops.commands.telling import tell_failure

    tell_failure(error.as_failure())


if __name__ == "__main__":
    sys.exit(main())
