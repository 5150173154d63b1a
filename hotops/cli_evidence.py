"""`hotops evidence`: is what a run left behind genuine, and where did the run stop."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hotops.core.errors import ExitCode, UsageError
from hotops.core.table import one_line

if TYPE_CHECKING:
    from hotops.core.verification import Verification

#: Where runs keep their evidence, from the folder of the project.
DEFAULT_EVIDENCE_DIR = Path("artifacts/deployment")

app = typer.Typer(help="What a run left behind: is it genuine, and where did the run stop.", no_args_is_help=True)

_Folder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="Folder of the run; the newest one in artifacts/deployment if omitted."),
]
_Env = Annotated[str, typer.Argument(metavar="ENV", help="Environment whose runs are meant.", show_default=False)]
_Evidence = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Folder of all runs.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command()
def verify(
    folder: _Folder = None,
    *,
    head: Annotated[
        str | None, typer.Option(help="Hash of a line as a witness kept it, such as the deployment's status at GitHub.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Id of a key to trust, ed25519:…; can be given several times.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Prove that nothing was changed, cut, reordered or added since the run was sealed.

    Exit code 0: sealed by a known key; 8: not sealed (the run goes on or died) or sealed by an unknown key; 1: altered.
    """
    # Loaded by this command only: libsodium comes with it.
    from hotops.core.verification import verify as verify_evidence

    run_dir = folder or newest_run(DEFAULT_EVIDENCE_DIR)
    found = verify_evidence(run_dir, expected_head=head, trusted_keys=key or ())
    if as_json:
        _print_json({"dir": str(run_dir), **dataclasses.asdict(found), "is_proven": found.is_proven})
    else:
        typer.echo(_verdict(run_dir, found))
    if found.state == "altered":
        raise typer.Exit(ExitCode.ERROR)
    if not found.is_proven:
        raise typer.Exit(ExitCode.FINDINGS)


@app.command()
def show(folder: _Folder = None, *, as_json: _Json = False) -> None:
    """Tell where a run stands or stopped, which steps have an unknown end, and what to do next."""
    from hotops.core.story import show as show_run
    from hotops.core.story import told_in_words

    run_dir = folder or newest_run(DEFAULT_EVIDENCE_DIR)
    story = show_run(run_dir)
    if as_json:
        _print_json({"dir": str(run_dir), **dataclasses.asdict(story)})
    else:
        typer.echo(told_in_words(story))


@app.command()
def report(
    folder: _Folder = None,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page there instead of into the run's folder.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Make the run's page again, of its evidence alone; for a run that died it is made for the first time.

    A sealed folder is not changed: its report.html is signed, and is only put back as it was. Elsewhere: --out FILE.
    """
    from hotops.core.report.again import make_again

    run_dir = folder or newest_run(DEFAULT_EVIDENCE_DIR)
    made = make_again(run_dir, out)
    if as_json:
        _print_json({"dir": str(run_dir), "report": str(made.path), "written": made.written})
    else:
        typer.echo(f"{made.path}  {'written' if made.written else 'is there, as it was signed'}")


@app.command()
def figures(
    env: _Env,
    *,
    days: Annotated[float, typer.Option(metavar="NUMBER", help="How far back, in days.")] = 90.0,
    evidence: _Evidence = DEFAULT_EVIDENCE_DIR,
    as_json: _Json = False,
) -> None:
    """Figures over all deploys: how often, how long, how many failed, how soon it was well again."""
    from hotops.core.several import DAY_S, figures_in_words, figures_of, runs_in

    found = figures_of(runs_in(evidence, env), environment=env, now=time.time(), since_s=_positive(days) * DAY_S)
    if as_json:
        _print_json({"dir": str(evidence), **dataclasses.asdict(found)})
    else:
        typer.echo("\n".join(figures_in_words(found)))


@app.command()
def after(env: _Env, *, evidence: _Evidence = DEFAULT_EVIDENCE_DIR, as_json: _Json = False) -> None:
    """What to look at in the day after the last deploy, and what was looked at. Exit code 8: a look is due."""
    from hotops.core.several import follow_up_in_words, follow_up_of, runs_in

    found = follow_up_of(runs_in(evidence, env), environment=env, now=time.time())
    if as_json:
        _print_json({"dir": str(evidence), **dataclasses.asdict(found)})
    else:
        typer.echo("\n".join(follow_up_in_words(found)))
    if found.owed:
        raise typer.Exit(ExitCode.FINDINGS)


@app.command()
def progress(
    env: _Env,
    *,
    hours: Annotated[float, typer.Option(metavar="NUMBER", help="What was done in so many hours.")] = 2.0,
    append: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append it to this file, such as feedback/deployment.md.")
    ] = None,
    evidence: _Evidence = DEFAULT_EVIDENCE_DIR,
    as_json: _Json = False,
) -> None:
    """A report of what was done in the last hours, in the form of a feedback file."""
    from hotops.core.feedback import append_entry, render_entry
    from hotops.core.several import progress_of, runs_in

    entry = progress_of(runs_in(evidence, env), environment=env, now=time.time(), since_s=_positive(hours) * 3600)
    if append is not None:
        append_entry(append, entry, project=Path.cwd())
    if as_json:
        _print_json({"dir": str(evidence), "entry": render_entry(entry), "appended": str(append) if append else None})
    else:
        typer.echo(render_entry(entry).rstrip())


def _positive(number: float) -> float:
    if number <= 0:
        raise UsageError(f"{number:g} is no time back from now.", remedy="Give a number above 0.")
    return number


def returns() -> dict[str, Any]:
    """What the subcommands print with --json: a class and more, in the form of Ansible's RETURN."""
    from hotops.core.several import Figures, FollowUp
    from hotops.core.story import Story
    from hotops.core.verification import Verification as Verified

    folder = {"dir": {"description": "Folder of the run.", "returned": "success", "type": "str"}}
    proven = {"description": "Whether it is sealed by a key that is known here.", "returned": "success", "type": "bool"}
    all_of_them = {"dir": {"description": "Folder of all runs.", "returned": "success", "type": "str"}}
    entry = {
        "entry": {"description": "The report, as Markdown.", "returned": "success", "type": "str"},
        "appended": {"description": "File that it was appended to, or null.", "returned": "success", "type": "str"},
    }
    page = {
        "report": {"description": "The page.", "returned": "success", "type": "str"},
        "written": {"description": "Whether it was written.", "returned": "success", "type": "bool"},
    }
    return {
        "verify": (Verified, {**folder, "is_proven": proven}),
        "show": (Story, folder),
        "report": {**folder, **page},
        "figures": (Figures, all_of_them),
        "after": (FollowUp, all_of_them),
        "progress": {**all_of_them, **entry},
    }


def newest_run(evidence_dir: Path) -> Path:
    """The run begun last, by the time in the folders' names. Raises UsageError if there is none."""
    try:
        runs = [path for path in evidence_dir.iterdir() if re.match(r"\d{8}T\d{6}Z-", path.name) and path.is_dir()]
    except OSError:
        runs = []
    if not runs:
        raise UsageError(
            f"There is no run in {evidence_dir} (seen from {Path.cwd()}).",
            remedy="Name the folder of a run, or go to the folder of the project.",
        )
    return max(runs, key=lambda run: (run.name[:16], run.stat().st_ctime_ns))


def _verdict(run_dir: Path, found: Verification) -> str:
    problems = "".join(f"\n  - {one_line(problem)}" for problem in found.problems)
    state = "SEALED by an unknown key" if found.state == "sealed" and not found.known_key else found.state.upper()
    sandbox = "\nSANDBOX: not proof of anything in production." if found.env_kind == "sandbox" else ""
    signer = f"\nsigned by {found.signed_by}" if found.signed_by else ""
    lines = f"\n{found.lines} lines, last one {found.head}"
    return f"{state}  {run_dir}{problems}{lines}{signer}{sandbox}"


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps({"schema": 1, **document}, ensure_ascii=False, indent=2))
