"""What a command prints: its result on stdout, progress and errors on stderr, and what to do next at the end."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from rich.cells import cell_len

from hotops.core.errors import ExitCode
from hotops.core.table import harmless
from hotops.invocation import Answer

#: In a result: how the call ends as far as the operation knows (`exit_code`, `next`); a program sees its parts.
OUTCOME = "hotops_outcome"
_COPIED = ("Next: ", "export ")


def progress(text: str) -> None:
    """A line for whoever looks on."""
    sys.stderr.write(f"{fitted(text, sys.stderr)}\n")
    sys.stderr.flush()


def fitted(text: str, stream: TextIO) -> str:
    """A text whose lines a terminal need not break: broken between words, and set in as their beginning is.

    What goes into a file or a pipe stays as it is. So does what is copied: a word that is wider than the terminal, such
    as a path, and a line that names a command, of which a shell would run the first half.
    """
    if not stream.isatty():
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(line for whole in text.split("\n") for line in _broken(whole, width))


def _broken(line: str, width: int) -> list[str]:
    if cell_len(line) <= width or line.lstrip().startswith(_COPIED):
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=margin + "  ",
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [line]


def tell(answer: Answer, *, as_json: bool, next_step: str = "") -> int:
    """Print an answer; returns the exit code. `next_step` is said where the answer itself names none."""
    result = dict(answer.result)
    ending = result.pop(OUTCOME, None) or {}
    failure = result.get("failure")
    if as_json:
        print(json.dumps({"schema": 1, **result}, ensure_ascii=False, indent=2))
    else:
        for line in answer.screen or (() if failure else _in_words(result)):
            print(fitted(line, sys.stdout))
    if failure:
        if not as_json:
            tell_failure(failure)
        return int(failure["exit_code"])
    said = ending.get("next") or result.get("next") or next_step
    if said and not as_json and not any(line.startswith("Next: ") for line in answer.screen):
        print(fitted(f"Next: {said}", sys.stdout))
    return exit_code_of(result, ending)


def tell_failure(failure: Mapping[str, Any]) -> None:
    """An error in words on stderr: what and where, the cloud's request, and what to do next."""
    told = {"Error": failure["message"], "Request": failure.get("request_id"), "Next": failure.get("remedy")}
    lines = [harmless(line) for word, text in told.items() if text for line in f"{word}: {text}".split("\n")]
    sys.stdout.flush()
    progress("\n".join(lines))


def exit_code_of(result: Mapping[str, Any], ending: Mapping[str, Any]) -> int:
    """0, what the operation says itself, or 8 where it found something to act on."""
    if ending.get("exit_code"):
        return int(ending["exit_code"])
    return int(ExitCode.FINDINGS if result.get("failed_findings") else ExitCode.DONE)


def _in_words(result: Mapping[str, Any]) -> Iterable[str]:
    """A result that brings no lines of its own: its plan, else its keys as YAML."""
    if "plan" in result:
        return str(result["plan"]).splitlines()
    import yaml

    shown = {key: value for key, value in result.items() if key != "changed"}
    return yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=110).splitlines()
