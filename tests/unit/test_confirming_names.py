"""The name that is typed before something is destroyed is the one that the documented command lines show."""

from __future__ import annotations

import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from hotops.commands import confirming
from hotops.commands.catalogue import COMMANDS
from hotops.commands.command import OperationCommand
from hotops.commands.confirming import NotConfirmed, confirm
from hotops.commands.operations import Call
from hotops.registry import operation

DESTROYING = [
    (command, line)
    for command in COMMANDS
    if isinstance(command, OperationCommand) and operation(command.operation).effect == "destroy"
    for line in command.examples
    if "--confirm" in line
]


def test_each_command_that_destroys_shows_how_it_is_confirmed() -> None:
    shown = {command.operation for command, _ in DESTROYING}
    assert shown >= {"backup_prune", "restore_moment", "dr_drill"}


@pytest.mark.parametrize(("command", "line"), DESTROYING, ids=[line for _, line in DESTROYING])
def test_the_documented_name_is_the_one_that_is_asked_for(command: OperationCommand, line: str) -> None:
    words = shlex.split(line)[1 + len(command.words) :]
    flags = [word for word in words if word.startswith("--")]
    given: dict[str, Any] = {flag[2:].replace("-", "_"): words[words.index(flag) + 1] for flag in flags}
    typed = given.pop("confirm")
    environment: Any = SimpleNamespace(name=words[0], supabase_project="shop", databases={})
    place: Any = SimpleNamespace(environment=environment, apps=("shop-web", "shop-worker"))
    name = Call(command, operation(command.operation), place, given)._name(given)
    assert confirm("Carry it out?", destroys=True, name=name, yes=False, typed=typed) == typed
    with pytest.raises(NotConfirmed):
        confirm("Carry it out?", destroys=True, name=name, yes=True, typed=f"{typed}x")


def test_a_name_typed_beforehand_is_a_yes_where_nobody_is_there_and_no_other_silence_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As documented: `hotops restore ENV --overwrite NAME --confirm NAME` works in a script."""
    monkeypatch.setattr(confirming, "_is_terminal", lambda: False)
    assert confirm("Carry it out?", destroys=False, name="shop", yes=False, typed="shop") == "shop"
    with pytest.raises(NotConfirmed, match="Nobody is there"):
        confirm("Carry it out?", destroys=False, name="shop", yes=False, typed=None)
    # Whoever is there is asked all the same: only now the plan stands on the screen.
    monkeypatch.setattr(confirming, "_is_terminal", lambda: True)
    monkeypatch.setattr(confirming, "_ask", lambda _question: "n")
    with pytest.raises(NotConfirmed, match="Nothing was changed"):
        confirm("Carry it out?", destroys=False, name="shop", yes=False, typed="shop")
