"""A promotion killed in every phase: nobody works on, the evidence says where it stopped, one re-run ends it.

The same whoever started it: ansible-playbook, `hotops promote` or `hotops run`.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.world import World
from hotops.fly import Fly
from tests.playbooks.playing import SHOP, Playing, Seen, Visitors, commanded, lines_of, playing, shop
from tests.playbooks.project import Project, Ran
from tests.sandbox_fixture import RunningSandbox

APP = "shop-production"
OLD, NEW = "v42", "v43"
UPDATE = rf"/apps/{APP}/machines/[0-9a-f]+$"
CORDON = rf"/apps/{APP}/machines/[0-9a-f]+/cordon$"
UNCORDON = rf"/apps/{APP}/machines/[0-9a-f]+/uncordon$"
#: Runs well on staging; on production it crashes a while after its start.
BAD = "v44-prod-crash"
#: Each call to the Machines API takes long: a short phase lasts until it is killed.
SLOW = {"kind": "latency", "seconds": 2.0, "match": {"surface": "machines"}}
#: Visitors, verify and watch find the app down, whatever it runs.
DOWN = {"kind": "status", "status": 503, "match": {"surface": "proxy", "host": f"{APP}.fly.dev"}}


@dataclass(frozen=True)
class Moment:
    """When to kill: as soon as it is `reached`. The evidence then shows `phase`, and that it was `doing` something.

    `fault` is in force from the end of the phase `after` (at once: "start") until the kill.
    """

    name: str
    reached: Callable[[Seen], bool]
    phase: str
    doing: str = ""
    image: str = NEW
    after: str | None = None
    fault: Mapping[str, Any] = field(default_factory=lambda: SLOW)

    def __str__(self) -> str:
        return self.name

    @property
    def app_is_well(self) -> bool:
        """Whether nothing but the kill can lose a visitor's request."""
        return self.image == NEW and self.fault is SLOW


def phase(name: str, *, after: str) -> Moment:
    """While a phase looks; its looks are slowed down, so that the kill finds it at work."""
    return Moment(f"in {name}", lambda seen: seen.phase(name), name, after=after)


def deploying(what: str, reached: Callable[[Seen], bool], doing: str = "updating", **more: Any) -> Moment:
    return Moment(f"in deploy, {what}", reached, "deploy", doing, **more)


FIRST_LEFT = deploying("first machine cordoned", lambda seen: seen.count("POST", CORDON) == 1)
IN_GATES = phase("ask_gates", after="find_source")
IN_WATCH = Moment("in watch", lambda seen: seen.phase("watch") and seen.count("GET", "/logs") > 1, "watch")
LONG = [
    phase("check_ready", after="start"),
    phase("find_source", after="check_ready"),
    deploying("release recorded", lambda seen: seen.intents(f"creating {APP}") == 1, "", after="ask_gates"),
    deploying("first machine leased", lambda seen: seen.count("POST", "/lease$") == 1),
    deploying("first machine updated", lambda seen: seen.count("POST", UPDATE) == 1),
    deploying("between the machines", lambda seen: seen.count("POST", UNCORDON) == 1),
    deploying("second machine cordoned", lambda seen: seen.count("POST", CORDON) == 2),
    deploying("second machine updated", lambda seen: seen.count("POST", UPDATE) == 2),
    deploying("way back begun", lambda seen: seen.intents("bringing back") > 0, "bringing back", image=BAD),
    deploying(
        "first machine brought back",
        lambda seen: seen.intents("bringing back") > 0 and seen.count("POST", UPDATE) == 2,
        "bringing back",
        image=BAD,
    ),
    phase("verify", after="deploy"),
    Moment("in watch, accepting", lambda seen: seen.intents(f"updating {APP}") == 1, "watch"),
    Moment(
        "in watch, rolling back",
        lambda seen: seen.intents("updating") > 2,
        "watch",
        "updating",
        after="verify",
        fault=DOWN,
    ),
    Moment(
        "in compensate",
        lambda seen: seen.phase("compensate") and seen.intents("updating") > 2,
        "compensate",
        "updating",
        after="deploy",
        fault=DOWN,
    ),
    Moment("in notify", lambda seen: seen.intents("creating command") == 1, "notify", "creating"),
]
#: Who starts the run; `hotops` and its playbook end together, whoever of the two is killed.
PLAYBOOK, PROMOTE, RUN = "ansible-playbook", "hotops promote", "hotops run"
SHORT = [(FIRST_LEFT, PLAYBOOK), (IN_GATES, RUN)]
EVERY = [
    pytest.param(moment, via, marks=() if (moment, via) in SHORT else pytest.mark.soak)
    for moment in (IN_GATES, FIRST_LEFT, IN_WATCH, *LONG)
    for via in (PLAYBOOK, PROMOTE, RUN)
]
RESUMED = [
    pytest.param(moment, marks=() if moment is IN_WATCH else pytest.mark.soak)
    for moment in (IN_GATES, FIRST_LEFT, IN_WATCH, *LONG)
]


#: While this file is there, whoever is told does not come to an end.
HOLD = "hold"


@pytest.fixture
def project(tmp_path: Path, sandbox: RunningSandbox) -> Project:
    told = f'[sh, -c, "while [ -e {tmp_path / HOLD} ]; do sleep 0.05; done"]'
    return shop(tmp_path, sandbox, inventory=SHOP.replace('[sleep, "0.5"]', told))


@pytest.mark.parametrize(("moment", "via"), EVERY, ids=str)
def test_a_killed_promotion(
    moment: Moment, via: str, project: Project, sandbox: RunningSandbox, record_property: Callable[[str, str], None]
) -> None:
    """No worker lives on, visitors are served, the evidence names the place; one re-run promotes or restores."""
    if moment.image != NEW:
        sandbox.control.push("shop-staging", moment.image, age_s=7200)
    with Visitors(sandbox).visiting() as visitors:
        with commanded(project, sandbox, *words(project, via)) as run:
            with trouble(sandbox, run, moment):
                run.wait_until(moment.reached)
                workers = set(run.processes()) - {run.process.pid}
                run.kill()
                (project.folder / HOLD).unlink(missing_ok=True)
                gone_after_s = nobody_left(run)
            story = show(project, run.run_dir)
            # A step may end between the look and the kill: then it is the last that the evidence has.
            steps = [*story["open_intents"], *[line for line in lines_of(run.run_dir) if line["kind"] == "intent"][-1:]]
        rerun = once_more(project, via)
        ended = ending(rerun.text)
    expected_tag = {"promoted": moment.image, "restored": OLD}[ended]
    told = (
        f"{via} killed {moment}: {len(workers)} worker gone after {gone_after_s * 1000:.0f} ms; "
        f"shown in {story['phase']}{', ' + moment.doing if moment.doing else ''}; re-run {ended} (exit {rerun.code}); "
        f"{visitors.answers.total()} requests, {visitors.lost} lost {dict(visitors.answers)}"
    )
    record_property("told", told)
    assert (story["life"], story["phase"], story["phase_is_finished"]) == ("died", moment.phase, False)
    assert any(step["action"].startswith(moment.doing) for step in steps) or not moment.doing
    assert (ended == "promoted") == (rerun.code == 0)
    assert wrong_with(sandbox, expected_tag) == []
    assert visitors.lost == 0 or not moment.app_is_well


@pytest.mark.parametrize("moment", RESUMED, ids=str)
def test_a_command_resumes_the_run_whose_playbook_was_killed(
    moment: Moment, project: Project, sandbox: RunningSandbox, record_property: Callable[[str, str], None]
) -> None:
    """`hotops promote` says where the dead run stood, looks at what is there, and promotes or restores by itself."""
    if moment.image != NEW:
        sandbox.control.push("shop-staging", moment.image, age_s=7200)
    with Visitors(sandbox).visiting() as visitors, commanded(project, sandbox, *words(project, PROMOTE)) as run:
        with trouble(sandbox, run, moment):
            run.wait_until(moment.reached)
            run.kill_playbook()
            (project.folder / HOLD).unlink(missing_ok=True)
        ran = run.wait()
    ended = ending(ran.text)
    record_property(
        "told",
        f"playbook killed {moment}: resumed by its command, {ended} (exit {ran.code}); "
        f"{visitors.answers.total()} requests, {visitors.lost} lost {dict(visitors.answers)}",
    )
    assert f"{moment.phase} (begun)" in ran.text, "where it stood"
    assert "It is resumed: the next run looks at what is there" in ran.text
    assert len(project.runs()) == 2
    assert wrong_with(sandbox, {"promoted": moment.image, "restored": OLD}[ended]) == []
    assert visitors.lost == 0 or not moment.app_is_well


def words(project: Project, via: str) -> list[str]:
    """The command line of a promotion."""
    if via == PLAYBOOK:
        return project.command("hotops.core.promote")
    return [
        str(Path(sys.executable).with_name("hotops")),
        *via.split()[1:],
        *(["promote"] if via == RUN else []),
        "sandbox",
        "--yes",
    ]


def once_more(project: Project, via: str) -> Ran:
    """The same command again, to its end."""
    done = subprocess.run(
        words(project, via), cwd=project.folder, env=project.environment(), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=150,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.soak
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 99), (signal.SIGTERM, -signal.SIGTERM)])
def test_an_interrupted_promotion(
    number: signal.Signals,
    code: int,
    project: Project,
    sandbox: RunningSandbox,
    record_property: Callable[[str, str], None],
) -> None:
    """Ctrl-C or a polite end: the same as a kill, for neither `rescue` nor `always` runs."""
    with Visitors(sandbox).visiting() as visitors, playing(project, sandbox, "hotops.core.promote") as run:
        run.wait_until(FIRST_LEFT.reached)
        assert run.signal(number) == code, run.output
        nobody_left(run)
        story = show(project, run.run_dir)
        rerun = project.run("hotops.core.promote")
    told = (
        f"{number.name} in {story['phase']}: exit {code}; re-run {ending(rerun.text)} (exit {rerun.code}); "
        f"{visitors.answers.total()} requests, {visitors.lost} lost"
    )
    record_property("told", told)
    assert story["phase"] == "deploy"
    assert rerun.code == 0, rerun.text
    assert wrong_with(sandbox, NEW) == []
    assert visitors.lost == 0


@contextmanager
def trouble(sandbox: RunningSandbox, run: Playing, moment: Moment) -> Iterator[None]:
    """The moment's fault, from the end of its phase on."""
    if moment.phase == "notify":
        (run.project.folder / HOLD).touch()
    if moment.after is not None:
        run.wait_until(lambda seen: moment.after == "start" or seen.phase(str(moment.after), "phase_finished"))
        sandbox.control.add_fault(moment.fault)
    try:
        yield
    finally:
        sandbox.control.clear_faults()


def nobody_left(run: Playing, within_s: float = 3.0) -> float:
    """Seconds until the last process of the run was gone."""
    began = time.monotonic()
    while left := run.processes():
        assert time.monotonic() - began < within_s, f"still there: {left}"
        time.sleep(0.002)
    return time.monotonic() - began


def show(project: Project, run_dir: Path) -> dict[str, Any]:
    """What `hotops evidence show` tells of a dead run, which `hotops evidence verify` calls unsealed, not altered."""
    verified = hotops(project, "evidence", "verify", str(run_dir))
    assert (verified.returncode, verified.stdout.split()[0]) == (8, "UNSEALED"), verified.stdout + verified.stderr
    shown = hotops(project, "evidence", "show", "--json", str(run_dir))
    story: dict[str, Any] = json.loads(shown.stdout)
    return story


def hotops(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as an operator types it in the project."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("hotops")), *arguments],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def ending(output: str) -> str:
    """How the re-run ended: promoted, or restored with the exit code that says so."""
    said = re.search(r"^hotops: .*\(exit code (\d)\)", output, re.MULTILINE)
    assert said, output
    assert said[1] in "036", output
    return "promoted" if said[1] == "0" else "restored"


def wrong_with(sandbox: RunningSandbox, tag: str) -> list[str]:
    """All that is not as it should be of an app that is wholly on one image, in rotation, and held by nobody."""
    with Context(World.of("sandbox", {})) as context:
        fly = context.client(Fly)
        machines = fly.machines.list(APP)
        leased = [machine.id for machine in machines if fly.machines.lease_of(APP, machine.id) is not None]
    tags = {machine.image_ref.tag for machine in machines if machine.image_ref}
    locks = [path.name for path in (sandbox.state_dir / "locks").glob("*.json")]
    found = {
        f"there are {len(machines)} machines": len(machines) == 2,
        f"they run {tags}, not {tag}": tags == {tag},
        f"they are {[machine.state for machine in machines]}": {machine.state for machine in machines} == {"started"},
        "a machine is cordoned": not any(machine.cordoned for machine in machines),
        "a check does not pass": all(check.is_passing for machine in machines for check in machine.checks),
        "a verdict is pending": "pending" not in {machine.metadata.get("hotops_verdict") for machine in machines},
        f"leases are held on {leased}": not leased,
        f"locks are held: {locks}": not locks,
    }
    return [what for what, is_right in found.items() if not is_right]
