"""`hotops run`: any playbook of the user's, with the progress, the evidence and the second look of hotops' own."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer
import yaml

from hotops.commands.confirming import confirm
from hotops.commands.flags import parameter, place_parameters, with_parameters, words_of
from hotops.commands.place import locate
from hotops.commands.workflows import How, carry_out_and_tell, how_parameters, place_in_words, returns
from hotops.core.driver import is_readonly, refuse_if_readonly
from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.invocation import credentials_in
from hotops.running.job import Job
from hotops.running.playbooks import find_playbook, is_all_of_hotops

__all__ = ["command", "extra_vars", "returns"]  # it prints what any playbook's command does


def _run(**given: Any) -> None:
    how = How.of(given)
    place = locate(words_of(given), given["inventory"])
    environment = place.environment
    playbook = find_playbook(given["playbook"], environment.project_dir)
    extra = extra_vars(given.get("extra") or ())
    if place.named:
        extra["apps"] = ",".join(place.hosts)
    # What hotops' own playbooks would write, they refuse themselves: they may look.
    looks_only = how.check or (is_readonly() and is_all_of_hotops(playbook))
    if not looks_only:
        refuse_if_readonly(f"hotops run {given['playbook']}")
        question = f"Run {given['playbook']} on {place_in_words(place)}?"
        confirm(question, destroys=False, name=environment.name, yes=how.yes, typed=None)
    job = Job(
        playbook=playbook,
        inventory=place.inventory,
        project=environment.project_dir,
        extra=extra,
        limit=tuple(given.get("limit") or ()),
        check=how.check,
        diff=how.diff,
        records_all=True,
    )
    code = carry_out_and_tell(job, place, how)
    if code:
        raise typer.Exit(code)


def extra_vars(given: Iterable[str]) -> dict[str, Any]:
    """Variables as they are given with -e: NAME=VALUE (blanks belong to the value), a JSON object, or @FILE.

    Raises UsageError, also for a credential: a runner keeps its variables in a file.
    """
    found: dict[str, Any] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if item.startswith("@"):
            found.update(_mapping(_read(Path(item[1:]).expanduser()), item))
        elif item.lstrip().startswith("{"):
            found.update(_mapping(item, "-e"))
        elif equals and name.strip().isidentifier():
            found[name.strip()] = _unquoted(value)
        else:
            raise UsageError(f"-e {item!r} is no variable.", remedy="Give NAME=VALUE, a JSON object, or @FILE.")
    _refuse_credentials(found, credentials_in(os.environ))
    return found


def _refuse_credentials(variables: Mapping[str, Any], known: Iterable[Secret]) -> None:
    values = [secret.reveal() for secret in known]
    for name, value in variables.items():
        said = json.dumps(value, ensure_ascii=False, default=str)
        if any(secret in said for secret in values):
            raise UsageError(
                f"-e {name} holds a credential: what a run is given as a variable, its runner keeps in a file.",
                remedy="Leave it in the environment, where hotops and the playbook find it.",
            )


def _mapping(text_given: str, where: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text_given)
    except yaml.YAMLError as error:
        raise UsageError(f"{where} can't be read: {' '.join(str(error).split())}.", remedy="Mend it.") from None
    if not isinstance(found, dict):
        raise UsageError(f"{where} holds no variables.", remedy="It is a mapping of names to values.")
    return {str(name): value for name, value in found.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"-e @{path} can't be read: {error}.", remedy="Name a file of variables.") from None


def _unquoted(value: str) -> str:
    """Without the second pair of quotes that Ansible's own -e needs around blanks."""
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _parameters() -> list[inspect.Parameter]:
    what = typer.Argument(metavar="PLAYBOOK", help="A file, or the name of one of hotops' own.", show_default=False)
    extra = typer.Option("--extra-vars", "-e", metavar="NAME=VALUE", help="A variable of the run, JSON, or @FILE.")
    limit = typer.Option("--limit", "-l", metavar="HOSTS", help="Only these hosts or groups of the inventory.")
    return [
        parameter("playbook", str, what, default=inspect.Parameter.empty),
        *place_parameters(takes_apps=True),
        parameter("extra", list[str] | None, extra),
        parameter("limit", list[str] | None, limit),
        *how_parameters(),
    ]


command = with_parameters(_run, _parameters())
