"""`hotops completion`: lines for a shell, by which it completes commands, environments, apps and options."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from hotops.core.errors import UsageError
from hotops.core.options import nearest

#: Each asks `hotops completion words`, which knows the catalogue and the inventories of the folder it is typed in.
SCRIPTS: dict[str, str] = {
    "bash": """\
# eval "$(hotops completion bash)" in ~/.bashrc
_hotops() {
    local IFS=$'\\n'
    COMPREPLY=($(hotops completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _hotops hotops
""",
    "zsh": """\
#compdef hotops
# eval "$(hotops completion zsh)" in ~/.zshrc, after compinit
_hotops() {
    local -a found
    found=("${(@f)$(hotops completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n "$found" ]] && compadd -a found || _files
}
compdef _hotops hotops
""",
    "fish": """\
# hotops completion fish > ~/.config/fish/completions/hotops.fish
function __hotops_words
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    hotops completion words -- $typed[2..-1] "$current" 2>/dev/null
end
complete -c hotops -f -a '(__hotops_words)'
""",
}


def command(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Print lines by which a shell completes commands, environments, apps and options."""
    if shell not in SCRIPTS:
        meant = nearest(shell, SCRIPTS)
        raise UsageError(
            f"There are no lines for {shell!r}.",
            remedy=f"Did you mean hotops completion {meant}?" if meant else f"There are some for {', '.join(SCRIPTS)}.",
        )
    print(json.dumps({"schema": 1, "shell": shell, "script": SCRIPTS[shell]}) if as_json else SCRIPTS[shell], end="")
    if as_json:
        print()


def returns() -> dict[str, Any]:
    """What it prints with --json, in the form of Ansible's RETURN."""
    return {
        "shell": {"description": "The shell.", "returned": "success", "type": "str"},
        "script": {"description": "The lines.", "returned": "success", "type": "str"},
    }
