"""Somebody's yes before a write: y/N on a terminal, --yes elsewhere, a typed name where something is destroyed."""

from __future__ import annotations

import sys

from hotops.core.errors import ExitCode, HotopsError


class NotConfirmed(HotopsError):
    """Nobody said yes, or another name than the one asked for was typed; nothing was changed."""

    code = "not_confirmed"
    exit_code = ExitCode.APPROVAL


def confirm(question: str, *, destroys: bool, name: str, yes: bool, typed: str | None) -> str | None:
    """Return, with the typed name, if it is confirmed. `name` is what has to be typed where something is destroyed.

    A name that was typed beforehand is a yes where nobody is there to ask; the operation looks whether it is right.
    Raises NotConfirmed, at once where there is no terminal: a job that waits for an answer waits for ever.
    """
    if destroys:
        _confirm_by_name(question, name, typed)
        return name
    if yes or (typed is not None and not _is_terminal()):
        return typed
    if not _is_terminal():
        raise NotConfirmed(f"{question} Nobody is there to ask.", remedy="Say yes beforehand: --yes")
    if _ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
        raise NotConfirmed("Not confirmed. Nothing was changed.", remedy="Answer y, or give --yes.")
    return typed


def _confirm_by_name(question: str, name: str, typed: str | None) -> None:
    if typed is None:
        if not _is_terminal():
            raise NotConfirmed(f"{question} Nobody is there to ask.", remedy=f"Say so beforehand: --confirm {name}")
        typed = _ask(f"{question} Type {name} to confirm: ")
    if typed != name:
        raise NotConfirmed(
            f"{typed!r} is not the name to confirm. Nothing was changed.", remedy=f"--confirm {name}, if it is meant."
        )


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
