"""Calls of flyctl in scripts, documents and workflows against the commands and flags that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hotops.core.options import nearest
from hotops.lint.finding import Finding, finding, table
from hotops.lint.shell_words import Command, Word

_PROGRAM = re.compile(r"(?:.*/)?(?:fly|flyctl)$")
#: What a reader fills in: judged as a value, never as a name.
_OPEN = re.compile(r"[$`{}<>\[\]*…|]|\.\.\.")
#: What follows their first word is another program's.
_RUN_PROGRAMS = frozenset(
    {"machine run", "machine create", "machine exec", "console", "ssh console", "mcp launch", "mcp wrap"}
)
#: Commands that every program of this kind has.
_COBRA = frozenset({"help", "completion"})
_NEEDS_SHELL = re.compile(r"^\s*(cd|export|source|\.)\s|&&|\|\||[|;><]|\$\(")
_SHELL = re.compile(r"^\s*(\S*/)?(env\s+)?(ba|da|z|a)?sh\s+-\w*c\b")


@dataclass(frozen=True)
class Known:
    """A command of flyctl."""

    path: str
    flags: Mapping[str, bool]
    runs: bool
    open: bool
    args: int | None
    deprecated: str


@cache
def _tree() -> Mapping[str, tuple[Known, Mapping[str, str]]]:
    """Every command with the names of its subcommands, aliases too; the root is the empty path."""
    data = table("flyctl_commands")
    below: dict[str, dict[str, str]] = {"": {}}
    for path in data["commands"]:
        below.setdefault(path, {})
    for path, about in data["commands"].items():
        parent, _, name = path.rpartition(" ")
        for word in (name, *about.get("aliases", ())):
            below[parent].setdefault(word, path)
    found = {"": (Known("", data["global"], runs=False, open=False, args=None, deprecated=""), below[""])}
    for path, about in data["commands"].items():
        known = Known(
            path,
            {**data["global"], **about["flags"]},
            about["runs"],
            about.get("open", False),
            about.get("args"),
            about.get("deprecated", ""),
        )
        found[path] = known, below[path]
    return found


def is_flyctl(word: Word) -> bool:
    """Whether a command's first word is flyctl, by either name, with or without a folder."""
    return bool(_PROGRAM.match(word.text)) and "=" not in word.text


def judge_call(command: Command, file: str) -> Iterator[Finding]:
    """What flyctl would refuse in one call; nothing where a name is a variable, since it is not known then."""
    called = command.called
    if not called or not is_flyctl(called[0]):
        return
    known, words, flags = _resolve(called[1:])
    if known is None:
        return
    if not known.path and words and words[0].text in _COBRA:
        return
    if words and _is_name(words[0]) and not known.runs and _tree()[known.path][1]:
        yield _unknown_command(known, words[0], file, command.line)
        return
    if known.open or not known.path:
        return
    yield from _judge_flags(known, flags, file, command.line)
    if known.args is not None and len(words) > known.args and re.fullmatch(r"[\w.-]+", words[known.args].raw):
        most = "no words" if known.args == 0 else "1 word" if known.args == 1 else f"{known.args} words"
        word = words[known.args].text
        instead = _instead(f"{known.path} {word}") or _instead(known.path) or f"fly {known.path} --help"
        yield _found("no_words", file, command.line, command=known.path, most=most, word=word, instead=instead)
    if known.deprecated:
        why = known.deprecated[:1].lower() + known.deprecated[1:]
        instead = _instead(known.path) or "See fly --help."
        yield _found("old_command", file, command.line, command=known.path, why=why.rstrip("."), instead=instead)
    yield from _judge_shell(known, flags, file, command.line)


def _resolve(words: Sequence[Word]) -> tuple[Known | None, list[Word], list[tuple[Word, str]]]:
    """The command that words lead to, the words that are left, the flags with their values."""
    tree = _tree()
    known, below = tree[""]
    left: list[Word] = []
    flags: list[tuple[Word, str]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.text == "--":
            break
        if word.text.startswith("-") and len(word.text) > 1 and not word.quote:
            flags.append(_flag(word, known, below, rest))
        elif not left and word.text in below:
            known, below = tree[below[word.text]]
        elif not left and _is_open(word) and below and not known.runs:
            return None, [], []  # `fly $COMMAND`, `fly <command>`
        else:
            left.append(word)
            if known.path in _RUN_PROGRAMS:
                break
    return known, left, flags


def _flag(word: Word, known: Known, below: Mapping[str, str], rest: list[Word]) -> tuple[Word, str]:
    """A flag with its value, which is taken from the words that are left."""
    name, equals, value = word.text.partition("=")
    takes = known.flags.get(name)
    if takes is None and not name.startswith("--") and known.flags.get(name[:2]):
        return Word(name[:2], word.raw), name[2:]  # -aAPP
    # Of a flag that is not known it is not known whether the next word is its value.
    perhaps = takes is None and bool(rest) and not rest[0].text.startswith("-") and rest[0].text not in below
    if not equals and rest and (takes or perhaps):
        value = rest.pop(0).text
    return Word(name, word.raw), value


def _judge_flags(known: Known, flags: Sequence[tuple[Word, str]], file: str, line: int) -> Iterator[Finding]:
    for word, _ in flags:
        if _is_open(word) or word.text in known.flags or not re.fullmatch(r"--?[A-Za-z][\w-]*", word.text):
            continue
        if not word.text.startswith("--") and all(f"-{letter}" in known.flags for letter in word.text[1:]):
            continue  # -jq
        instead = _instead(f"{known.path} {word.text}")
        near = None if instead else nearest(word.text, [flag for flag in known.flags if flag.startswith("--")])
        meant = f"; did you mean {near}" if near else ""
        instead = instead or f"fly {known.path} --help lists its flags."
        yield _found("no_flag", file, line, command=known.path, flag=word.text, meant=meant, instead=instead)


def _unknown_command(known: Known, word: Word, file: str, line: int) -> Finding:
    path = f"{known.path} {word.text}".strip()
    below = [name for name in _tree()[known.path][1] if len(name) > 2]
    instead = _instead(path) or _instead(word.text)
    near = None if instead else nearest(word.text, below)
    meant = f"; did you mean {near}" if near else ""
    instead = instead or f"fly {known.path or 'help'} lists what there is."
    return _found("no_command", file, line, command=path, meant=meant, instead=instead)


def _judge_shell(known: Known, flags: Sequence[tuple[Word, str]], file: str, line: int) -> Iterator[Finding]:
    if known.path not in ("ssh console", "machine exec"):
        return
    for word, value in flags:
        if word.text in ("-C", "--command") and _NEEDS_SHELL.search(value) and not _SHELL.match(value):
            what = "cd" if value.lstrip().startswith("cd") else json.dumps(value[:40], ensure_ascii=False)
            yield _found("no_shell", file, line, what=what)


def _is_name(word: Word) -> bool:
    return not word.quote and bool(re.fullmatch(r"[a-z][a-z0-9-]+", word.text))


def _is_open(word: Word) -> bool:
    return bool(_OPEN.search(word.text))


def _instead(key: str) -> str:
    found: str = table("flyctl_instead").get(key, "")
    return found


def _found(rule: str, file: str, line: int, **words: Any) -> Finding:
    return finding("shell_rules", rule, file, line, **words)
