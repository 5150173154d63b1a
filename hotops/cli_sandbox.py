"""`hotops sandbox`: start, look at, break and stop the twin of the clouds on this computer."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.sandbox_clients import as_shell, client_environment
from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import (
    SandboxFailed,
    Started,
    is_sandbox_up,
    running_sandbox,
    sandbox_folder,
    start_sandbox,
    stop_sandbox,
)

DEFAULT_INVENTORY = Path("inventories/sandbox")
FOLLOW_EVERY_S = 0.3

app = typer.Typer(help="The twin of the clouds on this computer.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command()
def up(
    *,
    inventory: Annotated[
        Path, typer.Option("--inventory", "-i", help="Sandbox inventory that the twin is made of.")
    ] = DEFAULT_INVENTORY,
    seed: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A seed as JSON instead of an inventory; - is standard input.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is ready; end it with `down`.")] = False,
    speed: Annotated[
        float, typer.Option(min=0.1, help="Divides the platform's own durations, never its limits or lease times.")
    ] = 1.0,
    as_json: _Json = False,
) -> None:
    """Start the sandbox: one process and PostgreSQL, on this computer only.

    Without --detach it stays in the foreground, shows each call and ends with Ctrl-C. One that is up with the same seed
    is left as it is.
    """
    document = _seed_from_file(seed) if seed is not None else _seed_from_inventory(inventory)
    _progress("Starting the sandbox …")
    started = start_sandbox(document, speed=speed, detached=detach)
    if started.is_new and seed is None:
        _make_vault(inventory, document)
    _show_started(started, as_json)
    if detach or not started.is_new:
        return
    _follow(started)


@app.command()
def status(*, as_json: _Json = False) -> None:
    """Show whether the sandbox is up and what it holds. Exit code 1: it is not up."""
    if not is_sandbox_up():
        _show({"state": "down", "folder": str(sandbox_folder())}, "The sandbox is down.", as_json)
        raise typer.Exit(ExitCode.ERROR)
    state = running_sandbox()
    twin = ControlClient(state).status()
    document = {**_outline(state), "twin": twin}
    _show(document, "\n".join(_lines_of(state, twin)), as_json)


@app.command()
def env(*, as_json: _Json = False) -> None:
    """Print the lines that point flyctl and the Supabase client at the sandbox: eval "$(hotops sandbox env)".

    The tokens in them are the sandbox's own, made at its start, and open nothing else.
    """
    groups = client_environment(running_sandbox())
    variables = {name: value for group in groups for name, value in group.variables.items()}
    unset = [name for group in groups for name in group.unset]
    _show({"environment": variables, "unset": unset}, as_shell(groups), as_json)


@app.command()
def down(*, as_json: _Json = False) -> None:
    """End the sandbox and its databases, also what a killed one left behind. Safe to repeat."""
    was_up = stop_sandbox()
    text = "The sandbox is down." if was_up else "No sandbox was up."
    _show({"state": "down", "changed": was_up}, text, as_json)


@app.command()
def reset(*, as_json: _Json = False) -> None:
    """Bring the clouds and the databases back to the seed; empties the call log and ends the faults."""
    began = time.monotonic()
    _control().reset()
    seconds = round(time.monotonic() - began, 3)
    _show({"state": "up", "changed": True, "seconds": seconds}, f"Back at the seed after {seconds:.2f} s.", as_json)


@app.command()
def faults(
    action: Annotated[Literal["list", "add", "clear"], typer.Argument(help="list, add JSON, or clear.")] = "list",
    fault: Annotated[
        str | None,
        typer.Argument(
            metavar="JSON", help='Such as {"kind": "status", "status": 500, "match": {"path": "/v1/*"}, "nth": [2]}.'
        ),
    ] = None,
    *,
    as_json: _Json = False,
) -> None:
    """List, add or end faults.

    Kinds: latency, status, reset_before, reset_after, truncate, lease_conflict, no_capacity, late.
    """
    if (action == "add") != (fault is not None):
        raise UsageError("`add` takes a fault as JSON, `list` and `clear` take nothing.")
    wanted = _json_object(fault, "fault") if fault is not None else None
    control = _control()
    if wanted is not None:
        added = control.add_fault(wanted)
        _show({"fault": added, "changed": True}, f"Fault {added['id']} is in force: {added['kind']}.", as_json)
        return
    if action == "clear":
        had = len(control.faults())
        control.clear_faults()
        _show({"removed": had, "changed": had > 0}, f"Faults ended: {had}.", as_json)
        return
    known = control.faults()
    text = "\n".join(_fault_line(item) for item in known) or "No faults are in force."
    _show({"faults": known}, text, as_json)


@app.command()
def log(
    *,
    writes: Annotated[
        bool, typer.Option("--writes", help="Only calls that write or run something in a machine.")
    ] = False,
    since: Annotated[int, typer.Option(min=0, help="Only calls after this number.")] = 0,
    as_json: _Json = False,
) -> None:
    """Show the calls that the sandbox answered, each with its effect: none, exec or write."""
    entries = [entry for entry in _control().entries(since) if not writes or entry["effect"] != "none"]
    _show({"entries": entries}, "\n".join(map(_entry_line, entries)) or "No calls.", as_json)


@app.command()
def push(
    app_name: Annotated[str, typer.Argument(metavar="APP", help="App whose repository gets the image.")],
    tag: Annotated[str, typer.Argument(help="Image tag; words such as slow, crash or oom make the image behave so.")],
    *,
    age: Annotated[float, typer.Option(min=0, help="How long ago it was released, in seconds.")] = 3600.0,
    deploy: Annotated[bool, typer.Option(help="Have the app's machines run it.")] = True,
    as_json: _Json = False,
) -> None:
    """Push an image to an app and have its machines run it, as somebody's `fly deploy` would have done."""
    pushed = _control().push(app_name, tag, age_s=age, deploy=deploy)
    text = f"{app_name} runs {tag}." if deploy else f"{app_name}:{tag} is in the registry."
    _show({"app": app_name, "tag": tag, "changed": True, "pushed": pushed}, text, as_json)


@app.command("lose-database")
def lose_database(
    ref: Annotated[str, typer.Argument(metavar="REF", help="Ref of the Supabase project.")], *, as_json: _Json = False
) -> None:
    """Let a project lose its server and disk, as a disaster would. Its archive of backups stays; `reset` undoes it."""
    _control().lose_database(ref)
    _show({"ref": ref, "changed": True}, f"The database of {ref} is gone.", as_json)


def returns() -> dict[str, Any]:
    """What the subcommands print with --json, in the form of Ansible's RETURN."""
    up = {
        "state": _told("str", "up or down."),
        "pid": _told("int", "Its process."),
        "started_at": _told("str", "Since when."),
        "speed": _told("float", "What the platform's durations are divided by."),
        "control_url": _told("str", "Where it is controlled."),
        "folder": _told("str", "Where it keeps its state."),
        "ca_file": _told("str", "The certificate that its names are signed with."),
        "apps": _told("list", "Its apps.", elements="str"),
        "hosts": _told("dict", "Address behind each name and port."),
        "postgres": _told("raw", "PostgreSQL behind it: version, source and what it lacks; null for none."),
    }
    down = {"state": up["state"], "folder": _told("str", "Where it would keep its state.", returned="when it is down")}
    some = {name: {**about, "returned": "when it is up"} for name, about in up.items() if name not in down}
    ref = _told("str", "The project.")
    faults = {"faults": _told("list", "Faults in force.", "by list", elements="dict")}
    return {
        "up": up,
        "status": {**some, **down, "twin": _told("dict", "What it holds.", "when it is up")},
        "env": {
            "environment": _told("dict", "Variables to set."),
            "unset": _told("list", "Variables to unset.", elements="str"),
        },
        "down": {"state": up["state"]},
        "reset": {"state": up["state"], "seconds": _told("float", "How long it took.")},
        "faults": {
            **faults,
            "fault": _told("dict", "The fault that was added.", "by add"),
            "removed": _told("int", "How many ended.", "by clear"),
        },
        "log": {"entries": _told("list", "The calls, each with its effect.", elements="dict")},
        "push": {
            "app": _told("str", "The app."),
            "tag": _told("str", "The image's tag."),
            "pushed": _told("dict", "The image, its release and the machines."),
        },
        "lose-database": {"ref": ref},
    }


def _told(kind: str, description: str, returned: str = "success", **more: str) -> dict[str, Any]:
    return {"description": description, "returned": returned, "type": kind, **more}


# --- where the seed comes from ---------------------------------------------------------------------------------------


def _seed_from_inventory(inventory: Path) -> dict[str, Any]:
    from hotops.inventory.listing import load_environment
    from hotops.inventory.seed import seed_of
    from hotops.secrets.pretended_vault import give_what_rotates

    if not inventory.exists():
        raise UsageError(f"There is no inventory {inventory} (seen from {Path.cwd()}).", remedy="Name one with -i.")
    environment = load_environment(inventory)
    document = seed_of(environment)
    give_what_rotates(environment, document)
    return document


def _make_vault(inventory: Path, document: dict[str, Any]) -> None:
    """The sandbox's own vault, where the inventory has a secret map and declares no vault of its own."""
    from hotops.inventory.listing import load_environment
    from hotops.secrets.pretended_vault import make_pretended_vault

    make_pretended_vault(load_environment(inventory), document)


def _seed_from_file(path: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The seed {path} cannot be read: {error.strerror}.") from error
    return _json_object(text, f"seed {path}")


_JSON_FORM = 'Write it as {"key": "value"}, in single quotes for the shell; docs/sandbox.md shows some.'


def _json_object(text: str, what: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"The {what} is not JSON: {error}.", remedy=_JSON_FORM) from error
    if not isinstance(document, dict):
        raise UsageError(f"The {what} is not a JSON object.", remedy=_JSON_FORM)
    return document


# --- what is shown ---------------------------------------------------------------------------------------------------


def _control() -> ControlClient:
    return ControlClient(running_sandbox())


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _show(document: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps({"schema": 1, **document}, ensure_ascii=False, indent=2) if as_json else text)


def _show_started(started: Started, as_json: bool) -> None:
    outline = _outline(started.state)
    verb = "is up" if started.is_new else "is already up"
    lines = [f"The sandbox {verb} (process {started.pid}).", *_postgres_lines(started.state)]
    lines.append(f"Apps: {', '.join(outline['apps']) or 'none'}")
    lines.append("Next: hotops sandbox status, log, push; end it with: hotops sandbox down")
    _show({**outline, "changed": started.is_new}, "\n".join(lines), as_json)


def _outline(state: Any) -> dict[str, Any]:
    """The state file's content without tokens."""
    hosts = [name.removesuffix(":443") for name in state["hosts"] if name.endswith(":443")]
    return {
        "state": "up",
        "pid": state["pid"],
        "started_at": state["started_at"],
        "speed": state["speed"],
        "control_url": state["control"]["url"],
        "folder": str(sandbox_folder()),
        "ca_file": state["ca_file"],
        "apps": [host.removesuffix(".fly.dev") for host in hosts if host.endswith(".fly.dev")],
        "hosts": state["hosts"],
        "postgres": state["postgres"],
    }


def _lines_of(state: Any, twin: dict[str, Any]) -> list[str]:
    lines = [f"The sandbox is up: process {state['pid']}, since {state['started_at']}, speed {state['speed']:g}."]
    lines += _postgres_lines(state)
    lines.append(f"Calls: {twin.get('calls', 0)}, faults in force: {twin.get('faults', 0)}")
    lines += [_app_line(item) for item in twin.get("apps", [])]
    return lines


def _postgres_lines(state: Any) -> list[str]:
    postgres = state["postgres"]
    if postgres is None:
        return ["PostgreSQL: none, the seed has no Supabase project."]
    lines = [f"PostgreSQL {postgres['version']} ({postgres['source']})"]
    missing = [name for name, word in (("tls", "TLS"), ("contrib", "contrib")) if not postgres[name] for name in [word]]
    if missing:
        lines.append(f"  without {' and '.join(missing)}: what needs it is skipped by name")
    lines.append(f"  shared pooler: {postgres['pooler']}")
    return lines


def _app_line(item: dict[str, Any]) -> str:
    machines = item["machines"]
    tags = "/".join(sorted({str(machine["tag"]) for machine in machines})) or "nothing"
    states = "/".join(sorted({str(machine["state"]) for machine in machines}))
    return f"  {item['name']}: release {item['release']} runs {tags} on {len(machines)} machines {states}".rstrip()


def _fault_line(fault: dict[str, Any]) -> str:
    match = " ".join(f"{key}={value}" for key, value in (fault.get("match") or {}).items()) or "every call"
    return f"{fault['id']}: {fault['kind']} on {match}, fired {fault.get('fired', 0)} of {fault.get('matched', 0)}"


def _entry_line(entry: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(entry["at"], UTC).strftime("%H:%M:%S")
    status = entry["status"] or "reset"
    return f"{entry['n']:>6} {at} {entry['effect']:<5} {status:<5} {entry['method']:<6} {entry['host']}{entry['path']}"


def _follow(started: Started) -> None:
    """Print calls as they come until Ctrl-C, then end the sandbox."""
    control = ControlClient(started.state)
    seen = 0
    try:
        while is_sandbox_up():
            for entry in control.entries(seen):
                seen = entry["n"]
                typer.echo(_entry_line(entry))
            time.sleep(FOLLOW_EVERY_S)
    except KeyboardInterrupt:
        _progress("Ending the sandbox …")
        stop_sandbox()
        _progress("The sandbox is down.")
        return
    except HotopsError:
        if is_sandbox_up():
            raise
    if (sandbox_folder() / "state.json").exists():
        stop_sandbox()
        raise SandboxFailed("The sandbox ended by itself.", remedy=f"Read {sandbox_folder() / 'sandbox.log'}.")
    _progress("The sandbox is down.")
