"""The environment in which other programs, flyctl, the Supabase client and gh, reach the running sandbox."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: A port of this computer on which nobody listens: what a program asks of the internet fails at once.
NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Group:
    """The variables of one program; `unset` are those that would outrank them."""

    title: str
    variables: Mapping[str, str]
    unset: tuple[str, ...] = ()


def client_environment(state: Mapping[str, Any]) -> list[Group]:
    """What to set, by program, from the state document of a sandbox that is up. Its tokens open nothing else."""
    url, clients = str(state["control"]["url"]), state["clients"]
    fly = {
        "FLY_API_BASE_URL": url,
        "FLY_FLAPS_BASE_URL": url,
        "FLY_UIEX_BASE_URL": url,
        "FLY_API_TOKEN": str(state["tokens"]["fly"]),
        "FLY_CONFIG_DIR": str(clients["flyctl_folder"]),
        # What flyctl would say of its runs to others (flyctl, environment variables).
        "FLY_SEND_METRICS": "0",
        "FLY_SYNTHETICS_AGENT": "0",
        "FLY_NO_UPDATE_CHECK": "1",
        "FLY_NO_INCIDENTS_CHECK": "1",
        "FLY_TRACE_COLLECTOR_URL": "127.0.0.1",
    }
    supabase = {
        "SUPABASE_PROFILE": str(clients["supabase_profile"]),
        "SUPABASE_ACCESS_TOKEN": str(clients["supabase_token"]),
        "SUPABASE_NO_KEYRING": "1",
    }
    github = {
        # Over a Unix socket, which this folder's configuration names: gh takes no address.
        "GH_CONFIG_DIR": str(clients["gh_folder"]),
        "GH_TOKEN": str(state["tokens"]["github"]),
        "GH_HOST": "github.com",
        "GH_PROMPT_DISABLED": "1",
        "GH_NO_UPDATE_NOTIFIER": "1",
    }
    both = {"HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1,localhost"}
    return [
        Group("flyctl", fly, unset=("FLY_ACCESS_TOKEN",)),
        Group("the Supabase client", supabase),
        Group("gh", github, unset=("GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN")),
        Group("nothing of this leaves the computer over HTTPS", both),
    ]


def as_shell(groups: list[Group]) -> str:
    """The variables as lines for a POSIX shell, to be read by `eval` or pasted."""
    lines = []
    for group in groups:
        lines.append(f"# {group.title}")
        lines += [f"unset {name}" for name in group.unset]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in group.variables.items()]
    return "\n".join(lines)
