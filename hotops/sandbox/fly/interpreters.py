"""Programs in a language that a machine's image has, really run: with its environment and network and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hotops.sandbox.fly.machine import Machine

#: Longest run of a program inside a machine.
LONGEST_S = 10.0
#: How each is told a program, and a word by which one that reads the environment is known: no other is run.
_LANGUAGES: Mapping[str, tuple[str, str]] = {
    "python3": ("-c", "os.environ"),
    "node": ("-e", "process.env"),
    "ruby": ("-e", "ENV["),
    "sh": ("-c", "sha256sum"),
}
#: Names are found in the sandbox's map alone, never by real DNS: put before a program that opens connections.
_NETWORK = """\
def _only_the_sandbox():
    import json, os, socket
    names = json.loads(os.environ.pop("TWIN_NAMES"))
    def found(host, port, *_given, **_named):
        place = names.get(f"{host}:{port}")
        if place is None and any(name.startswith(f"{host}:") for name in names):
            raise ConnectionRefusedError(111, "Connection refused")
        if place is None:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place["address"], place["port"]))]
    socket.getaddrinfo = found
_only_the_sandbox()
"""


@dataclass
class Ran:
    """What a command left behind."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


def run(machine: Machine, command: list[str], stdin: str, connect: Any) -> Ran | None:
    """Run a program; None where the command is none, or one that looks at neither environment nor network."""
    language = command[0].rpartition("/")[2]
    if len(command) < 3 or language not in _LANGUAGES:
        return None
    flag, mark = _LANGUAGES[language]
    wants_network = language == "python3" and "import socket" in command[2]
    if command[1] != flag or not (mark in command[2] or wants_network):
        return None
    program = [sys.executable, "-I", "-S"] if language == "python3" else [shutil.which(language) or ""]
    if language not in machine.current.image.content.behaviour.languages or not program[0]:
        return Ran(127, stderr=f"{language}: not found\n")
    text = _NETWORK + command[2] if wants_network else command[2]
    done = subprocess.run(
        [*program, flag, text, *command[3:]],
        env={
            **machine.current.env,
            **(_seen_of(connect) if wants_network else {}),
            # A shell finds the system's own programs; nothing else finds any.
            "PATH": "/usr/bin:/bin" if language == "sh" else "/nowhere",
        },
        input=stdin.encode(),
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _seen_of(connect: Any) -> dict[str, str]:
    """What a machine's programs see of the network, as variables; nothing where the twin has none."""
    network = getattr(connect, "network", None)
    names, ca_file = network() if network else ({}, None)
    return {"TWIN_NAMES": json.dumps(names), **({"SSL_CERT_FILE": ca_file} if ca_file else {})}
