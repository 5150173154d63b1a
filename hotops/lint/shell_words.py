"""A shell script as its simple commands: words, redirections, line, what follows. Enough of it to judge idioms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

#: Words before a command that are not the command.
_BEFORE = frozenset(
    {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "exec", "command", "builtin"}
)
_CONDITION = frozenset({"if", "elif", "while", "until", "!"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*(\[[^\]]*\])?\+?=")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(\\?)(['\"]?)([A-Za-z_]\w*)\3")
#: Programs that run another one, and the options of theirs that take a value.
_RUNNERS = {"sudo": "-u -g -E", "env": "-u", "nohup": "", "xargs": "-I -n -P -d -a", "timeout": "-k -s", "nice": "-n"}


@dataclass(frozen=True)
class Word:
    """`text` is unquoted, expansions as they stand; `quote` is the first quote in it."""

    text: str
    raw: str
    quote: str = ""


@dataclass(frozen=True)
class Command:
    """`after` is the operator that follows; `inside` says that its output is taken by `$(…)` or backquotes."""

    words: tuple[Word, ...]
    line: int
    after: str = ""
    inside: bool = False
    redirects: tuple[tuple[str, str], ...] = ()

    @property
    def is_condition(self) -> bool:
        """Whether its failure is looked at, so that `set -e` does not end the script."""
        return bool(self.words and self.words[0].text in _CONDITION) or self.after in ("||", "&&")

    @property
    def called(self) -> tuple[Word, ...]:
        """The words of the command itself: without assignments, reserved words, sudo and its like."""
        words = list(self.words)
        while words:
            first = words[0]
            if (not first.quote and (first.text in _BEFORE or first.text == "$")) or _ASSIGNMENT.match(first.raw):
                words.pop(0)
            elif first.text in _RUNNERS:
                takes = _RUNNERS[words.pop(0).text].split()
                while words and words[0].text.startswith("-"):
                    option = words.pop(0).text
                    if option in takes and words:
                        words.pop(0)
                if first.text == "timeout" and words:
                    words.pop(0)
            else:
                break
        return tuple(words)


@dataclass
class Script:
    """A script's commands in order. `broken`: it is no shell, or more of one than is understood here."""

    commands: list[Command] = field(default_factory=list)
    broken: bool = False
    stops_on_error: bool = False

    def pipelines(self) -> Iterator[list[Command]]:
        """Commands that are joined by pipes, in groups."""
        group: list[Command] = []
        for command in self.commands:
            group.append(command)
            if command.after not in ("|", "|&"):
                yield group
                group = []
        if group:
            yield group


def read_script(text: str, *, first_line: int = 1, stops_on_error: bool = False) -> Script:
    """The commands of a script."""
    reader = _Reader(text, first_line)
    commands = reader.until("", inside=False)
    script = Script(commands, reader.broken, stops_on_error or bool(re.match(r"#!.*\bsh\s+-\w*e", text)))
    for command in commands:
        words = [word.text for word in command.called]
        if words[:1] == ["set"] and (
            any(re.fullmatch(r"-[a-zA-Z]*e[a-zA-Z]*", word) for word in words[1:])
            or ("-o", "errexit") in pairwise(words)
        ):
            script.stops_on_error = True
    return script


class _Reader:
    def __init__(self, text: str, line: int) -> None:
        self.text, self.line, self.at, self.broken = text, line, 0, False
        self.heredocs: list[tuple[str, bool]] = []

    # --- commands -----------------------------------------------------------------------------------------------------

    def until(self, stop: str, *, inside: bool) -> list[Command]:  # noqa: C901 (a reader has a case a character)
        """Commands up to the closing character; those within `$(…)` come before the one that takes their output."""
        found: list[Command] = []
        words: list[Word] = []
        redirects: list[tuple[str, str]] = []
        began = self.line

        def end(operator: str) -> None:
            if words or redirects:
                found.append(Command(tuple(words), began, operator, inside, tuple(redirects)))
            elif operator in ("|", "||", "&&") and found and not found[-1].after:
                # `) | …`: what follows a group follows its last command.
                last = found[-1]
                found[-1] = Command(last.words, last.line, operator, last.inside, last.redirects)
            words.clear()
            redirects.clear()

        while self.at < len(self.text) and not self.broken:
            here = self.text[self.at]
            if here in " \t\r":
                self.at += 1
            elif here == "\n":
                end("\n")
                self._newline()
            elif self.text.startswith("\\\n", self.at):
                self.at, self.line = self.at + 2, self.line + 1
            elif here == "#":
                self.at = (self.text.find("\n", self.at) + len(self.text) + 1) % (len(self.text) + 1)
            elif here == stop:
                end("")
                self.at += 1
                return found
            elif operator := re.match(r"&&|\|\||\|&|;;&?|[;|]|&(?!>)", self.text[self.at :]):
                end(operator[0])
                self.at += len(operator[0])
            elif here in "()" and not self.text.startswith("((", self.at):
                end("")
                self.at += 1
            elif here in "<>" or self.text.startswith("&>", self.at):
                self._redirect(found, redirects)
            else:
                if not words:
                    began = self.line
                word = self._word(found, stop)
                if re.match(r"\d+$", word.raw) and self.text[self.at : self.at + 1] in ("<", ">"):
                    continue
                words.append(word)
        end("")
        self.broken = self.broken or bool(stop)
        return found

    def _newline(self) -> None:
        self.at, self.line = self.at + 1, self.line + 1
        for mark, dashed in self.heredocs:
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                stop = len(self.text) if stop < 0 else stop
                line = self.text[self.at : stop]
                self.at, self.line = stop + 1, self.line + 1
                if (line.lstrip("\t") if dashed else line).rstrip("\r") == mark:
                    break
        self.heredocs.clear()

    def _redirect(self, found: list[Command], redirects: list[tuple[str, str]]) -> None:
        rest = self.text[self.at :]
        if heredoc := _HEREDOC.match(rest):
            self.heredocs.append((heredoc[4], bool(heredoc[1])))
            self.at += heredoc.end()
            return
        operator = re.match(r"&?(<<<|>>|>\||>&|<&|<>|[<>])", rest)
        assert operator is not None  # noqa: S101 (called at < or >)
        if operator[0] in "<>" and rest[1:2] == "(":
            self.at += 2
            found += self.until(")", inside=True)
            return
        self.at += len(operator[0])
        while self.text[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        if self.text[self.at : self.at + 1] not in ("", "\n"):
            redirects.append((operator[0], self._word(found, "").text))

    # --- words --------------------------------------------------------------------------------------------------------

    def _word(self, found: list[Command], stop: str) -> Word:
        begin, text, quote = self.at, "", ""
        while self.at < len(self.text) and not self.broken:
            here = self.text[self.at]
            if here in " \t\r\n;&|<>" or (here == ")" and not text.startswith("((")) or (here == stop and stop == "`"):
                break
            if here == "(":
                if text.endswith(("=", "+=")):  # an array
                    self.at += 1
                    found += self.until(")", inside=True)
                    text += "()"
                elif self.text.startswith("((", self.at) and not text:
                    text = self._balanced("((", "))")
                else:
                    break
            elif here == "'":
                text, quote = text + self._single(), quote or "'"
            elif here == '"':
                text, quote = text + self._double(found), quote or '"'
            elif here == "\\":
                if self.text[self.at + 1 : self.at + 2] == "\n":
                    self.line += 1
                else:
                    text += self.text[self.at + 1 : self.at + 2]
                self.at += 2
            else:
                text += self._plain(found)
        return Word(text, self.text[begin : self.at], quote)

    def _plain(self, found: list[Command]) -> str:
        """One character, or an expansion as it stands."""
        rest = self.text[self.at : self.at + 3]
        if rest.startswith("$(("):
            return self._balanced("$((", "))")
        if rest.startswith("${{"):  # GitHub's, which is filled in before any shell reads it
            return self._balanced("${{", "}}")
        if rest.startswith("${"):
            return self._balanced("${", "}")
        if rest.startswith(("$(", "`")):
            begin = self.at
            self.at += 2 if rest[0] == "$" else 1
            found += self.until(")" if rest[0] == "$" else "`", inside=True)
            return self.text[begin : self.at]
        self.at += 1
        return rest[0]

    def _single(self) -> str:
        stop = self.text.find("'", self.at + 1)
        if stop < 0:
            self.broken = True
            return ""
        inner = self.text[self.at + 1 : stop]
        self.line += inner.count("\n")
        self.at = stop + 1
        return inner

    def _double(self, found: list[Command]) -> str:
        self.at += 1
        text = ""
        while self.at < len(self.text) and not self.broken:
            here = self.text[self.at]
            if here == '"':
                self.at += 1
                return text
            if here == "\n":
                self.line += 1
            if here == "\\":
                text += self.text[self.at + 1 : self.at + 2]
                self.at += 2
            else:
                text += self._plain(found)
        self.broken = True
        return text

    def _balanced(self, opening: str, closing: str) -> str:
        """From an opening to its closing, quotes within left alone."""
        depth, at = 0, self.at
        one, other = opening[-1], closing[0]
        while at < len(self.text):
            if self.text[at] == one:
                depth += 1
            elif self.text[at] == other:
                depth -= 1
                if depth == 0:
                    found = self.text[self.at : at + 1]
                    self.line += found.count("\n")
                    self.at = at + 1
                    return found
            at += 1
        self.broken = True
        return ""
