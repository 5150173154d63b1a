"""Commands in documents: blocks of shell and the calls of flyctl within a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hotops.lint.finding import Finding
from hotops.lint.flyctl import judge_call
from hotops.lint.idioms import judge_script
from hotops.lint.shell_words import read_script

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<mark>```+|~~~+)\s*(?P<language>[\w+-]*)")
_SHELLS = frozenset({"sh", "bash", "shell", "zsh", "fish"})
_SESSIONS = frozenset({"console", "terminal", "shell-session", "shellsession"})
_CALL = re.compile(r"^\s*(?:[$%>#]\s+)?((?:[~/.\w]*/)?(?:fly|flyctl)\s+[a-z-].*)")
_SPAN = re.compile(r"`((?:[~/.\w]*/)?(?:fly|flyctl) [^`]+)`")
#: A line that speaks of what does not work is no instruction.
_TOLD = re.compile(
    r"\b(not|never|no|does(n't| not)|isn't|cannot|can't|wrong|invalid|unknown|instead|deprecated|removed|fails?|broken|"
    r"avoid|refus\w+)\b",
    re.IGNORECASE,
)
#: `<app>` and `[app]` stand for a value, `[--flag]` for what may be left out.
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w .:/|-]*>|\[[A-Za-z][^\]]*\]")


def lint_document(text: str, name: str) -> list[Finding]:
    """All findings of a Markdown document, by line."""
    found = list(_findings(text.splitlines(), name))
    return sorted(set(found))


def _findings(lines: list[str], name: str) -> Iterator[Finding]:
    block: list[str] = []
    fence, language, began = "", "", 0
    for number, line in enumerate(lines, start=1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark["mark"].startswith(fence) and not mark["language"]:
                yield from _block(block, language, began, name)
                fence = ""
            else:
                block.append(line)
        elif mark:
            fence, language, block, began = mark["mark"], mark["language"].lower(), [], number + 1
        elif line.startswith(("    ", "\t")):
            yield from _call(line, number, name)
        elif not _TOLD.search(line):
            for span in _SPAN.findall(line):
                yield from _call(span, number, name)


def _block(block: list[str], language: str, began: int, name: str) -> Iterator[Finding]:
    if language in _SHELLS:
        script = read_script(_PLACEHOLDER.sub("…", "\n".join(block)), first_line=began)
        if not script.broken:
            yield from judge_script(script, name)
            return
    if language in ("", "text", *_SHELLS, *_SESSIONS):
        for offset, line in enumerate(block):
            yield from _call(line, began + offset, name)


def _call(line: str, number: int, name: str) -> Iterator[Finding]:
    call = _CALL.match(line)
    if call is None:
        return
    script = read_script(re.sub(r"[\[\]]", "", _PLACEHOLDER.sub("…", call[1])), first_line=number)
    if not script.broken and script.commands:
        yield from judge_call(script.commands[0], name)
