"""Machines REST: running a command inside a machine, and listing its processes (Machines API, exec and ps)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from hotops.sandbox.fly import interpreters, process
from hotops.sandbox.fly.errors import invalid, json_reply, unmet
from hotops.sandbox.fly.interpreters import Ran
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.machines import MACHINE
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

routes = Routes()
LOCAL = {"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1"}  # noqa: S104  # names a client may ask, nothing is bound
CURL_WITH_VALUE = {"-o", "--output", "-w", "--write-out", "-m", "--max-time", "-H", "--header", "-X", "-A", "--request"}
CURL_WITH_VALUE |= {"--connect-timeout", "--user-agent", "--retry"}
WGET_WITH_VALUE = {"-O", "-T", "-t", "--header", "-U"}


@dataclass
class Asked:
    """A parsed command line: the address, the options with a value, and the flags."""

    url: str = ""
    options: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)


@routes.on("POST", MACHINE + "/exec", action="exec")
def run_command(call: Call) -> Response:
    """Run a command in a running machine: curl and wget of its own ports, printenv NAME, programs of interpreters that
    its image has and that look at environment or network only. All else is missing (127)."""
    machine = call.gated_machine()
    if machine.state != "started" or machine.run is None:
        raise unmet(f"unable to exec in machine in current state: '{machine.state}'")
    command = call.payload.get("command") or shlex.split(str(call.payload.get("cmd") or ""))
    if not command:
        raise invalid("command is required")
    ran = _run(call, machine, [str(word) for word in command], str(call.payload.get("stdin") or ""))
    return json_reply({"exit_code": ran.exit_code, "exit_signal": 0, "stdout": ran.stdout, "stderr": ran.stderr})


def _run(call: Call, machine: Machine, command: list[str], stdin: str = "") -> Ran:
    program = command[0].rpartition("/")[2]
    if machine.current.image.content.behaviour.distroless:
        return Ran(127, stderr=f"exec: {program}: not found\n")
    really = interpreters.run(machine, command, stdin, call.world.connect)
    if really is not None:
        return really
    if program in {"sh", "bash"} and len(command) > 2 and command[1] in {"-c", "-lc"}:
        return _run(call, machine, shlex.split(command[2]), stdin)
    if program == "true":
        return Ran(0)
    if program == "printenv" and len(command) == 2:
        value = machine.run.incarnation.env.get(command[1]) if machine.run else None
        return Ran(1) if value is None else Ran(0, f"{value}\n")
    if program == "curl":
        return _curl(call, machine, _parse(command[1:], CURL_WITH_VALUE))
    if program == "wget":
        return _wget(call, machine, _parse(command[1:], WGET_WITH_VALUE))
    return Ran(127, stderr=f"{program}: not found\n")


def _parse(words: list[str], with_value: set[str]) -> Asked:
    asked = Asked()
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word in with_value:
            asked.options[word] = next(rest, "")
        elif word.startswith("--") and equals:
            asked.options[name] = value
        elif word.startswith("--"):
            asked.flags.add(word)
        elif word.startswith("-") and len(word) > 1:
            _short(word, with_value, asked, rest)
        else:
            asked.url = word
    return asked


def _short(word: str, with_value: set[str], asked: Asked, rest: object) -> None:
    """Short options may be bundled, the last one with its value: -sSo /dev/null."""
    for position, letter in enumerate(word[1:], start=1):
        if f"-{letter}" in with_value:
            value = word[position + 1 :]
            asked.options[f"-{letter}"] = value or (next(rest, "") if hasattr(rest, "__next__") else "")
            return
        asked.flags.add(f"-{letter}")


def _fetch(call: Call, machine: Machine, url: str) -> process.Answer | None:
    """Ask the process on the port of the address; None where nothing listens there."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    ports = {service.get("internal_port") for service in machine.config.get("services") or []}
    ports |= {check.get("port") for check in (machine.config.get("checks") or {}).values()}
    if parts.hostname not in LOCAL or (parts.port or 80) not in ports:
        return None
    return process.answer(call.world, machine, parts.path or "/", call.now)


def _curl(call: Call, machine: Machine, asked: Asked) -> Ran:
    answer = _fetch(call, machine, asked.url)
    shape = asked.options.get("-w") or asked.options.get("--write-out") or ""
    if answer is None:
        return Ran(7, _written(shape, None), f"curl: (7) Failed to connect to {asked.url}: Connection refused\n")
    limit = asked.options.get("-m") or asked.options.get("--max-time")
    if limit and answer.seconds > float(limit):
        return Ran(28, _written(shape, None), "curl: (28) Operation timed out\n")
    body = answer.body.decode(errors="replace")
    if {"-o", "--output"} & set(asked.options):
        body = ""
    if {"-I", "--head"} & asked.flags:
        body = f"HTTP/1.1 {answer.status}\r\ncontent-type: {answer.content_type}\r\n\r\n"
    if {"-f", "--fail"} & asked.flags and answer.status >= 400:
        text = f"curl: (22) The requested URL returned error: {answer.status}\n"
        return Ran(22, _written(shape, answer), text)
    return Ran(0, body + _written(shape, answer))


def _written(shape: str, answer: process.Answer | None) -> str:
    status = f"{answer.status:03d}" if answer else "000"
    seconds = f"{answer.seconds if answer else 0.0:.6f}"
    text = shape.replace("%{http_code}", status).replace("%{response_code}", status)
    return text.replace("%{time_total}", seconds).replace("\\n", "\n")


def _wget(call: Call, machine: Machine, asked: Asked) -> Ran:
    answer = _fetch(call, machine, asked.url)
    if answer is None:
        return Ran(4, stderr="wget: can't connect to remote host: Connection refused\n")
    line = f"  HTTP/1.1 {answer.status}\n" if {"-S", "--server-response"} & asked.flags else ""
    if answer.status >= 400:
        return Ran(8, stderr=f"{line}wget: server returned error: HTTP/1.1 {answer.status}\n")
    shows = asked.options.get("-O") == "-" and "--spider" not in asked.flags
    return Ran(0, answer.body.decode(errors="replace") if shows else "", line)


@routes.on("GET", MACHINE + "/ps", action="ps")
def list_processes(call: Call) -> Response:
    """Processes of a running machine with the sockets they listen on."""
    machine = call.machine
    if machine.run is None:
        raise unmet(f"unable to list processes in current state: '{machine.state}'")
    ports = [service.get("internal_port") for service in machine.config.get("services") or []]
    memory_mb = int(machine.config["guest"]["memory_mb"])
    return json_reply(
        [
            {
                "pid": 640,
                "command": "server",
                "directory": "/app",
                "cpu": 2,
                "rss": memory_mb * 2**20 // 4,
                "rtime": 0,
                "stime": 1,
                "listen_sockets": [{"proto": "tcp", "address": f"0.0.0.0:{port}"} for port in ports],
            }
        ]
    )
