"""What a drill can do and ask: the functions that experiments name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from hotops.core.driver import drive
from hotops.core.errors import ExitCode, HotopsError, UsageError, WaitTimeout
from hotops.core.sandbox_control import ControlClient
from hotops.core.waiting import Pace, wait_for
from hotops.deploy import marks
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.drill import machines as fleet
from hotops.drill import volumes
from hotops.drill.exercise import Exercise
from hotops.drill.heartbeat import Heartbeat
from hotops.drill.machines import Was
from hotops.drill.volumes import restored_from_snapshot, volume_of
from hotops.drill.worlds import sandbox_control
from hotops.fly import Fly
from hotops.fly.image import ImageRef
from hotops.fly.states import is_alive
from hotops.supabase.client import Project

#: Asking the data again costs two calls of an endpoint that is limited to 120 a minute, beats included.
DATA_PACE = Pace(first_s=1.0, factor=1.5, cap_s=3.0)
#: A hosted project's log is archived at least every two minutes; this and some patience.
ARCHIVED_WITHIN_S = 180.0
RECOVERED_WITHIN_S = 3600.0
WELL_WITHIN_S = 120.0
#: A database that answers holds what it holds: waiting longer makes nothing come back.
DATA_WITHIN_S = 60.0


class NoRecovery(HotopsError):
    """There is no backup that this drill could bring back."""

    code = "no_recovery"
    exit_code = ExitCode.NO_GO


# --- probes -----------------------------------------------------------------------------------------------------------


def apps_are_well(exercise: Exercise) -> bool:
    """Every app answers as its checks want, on as many machines as before."""
    return not exercise.unwell()


def data_are_right(exercise: Exercise) -> bool:
    """Every table holds what it held before."""
    return not exercise.wrong_data()


# --- before -----------------------------------------------------------------------------------------------------------


def remember(exercise: Exercise, *, data: bool = False) -> dict[str, Any]:
    """Keep what is true now: which machines run and, with `data`, known rows and what each table holds."""
    machines = exercise.remember_fleet()
    if not data:
        return {"machines": len(machines)}
    exercise.record.note(ref=exercise.project.ref)  # before anything is there: who tidies up goes by it
    exercise.data.plant()
    content = exercise.data.content()
    exercise.record.note(content=dict(content), planted_at=exercise.context.clock.now())
    return {"machines": len(machines), "tables": len(content), "rows": sum(rows for rows, _ in content.values())}


def start_heartbeat(exercise: Exercise, *, lead_s: float = 2.0, archived: bool = True) -> dict[str, Any]:
    """Write a row a second from now on; returns after `lead_s` seconds, with `archived` once the known rows are.

    Recovery is to whole seconds: after two, a whole one lies between the first row and any fault.

    What was written since the last archived log is lost with a database: known rows that are would prove nothing.
    """
    exercise.heartbeat = Heartbeat(exercise.data.beat, exercise.context.clock)
    exercise.heartbeat.start()
    clock, until = exercise.context.clock, exercise.heartbeat.beats[0].at + lead_s
    while (left := until - clock.now()) > 0:
        clock.sleep(left)
    planted_at = exercise.record.facts.get("planted_at")
    if archived and planted_at is not None and exercise.supabase.backups(exercise.project.ref).pitr_enabled:
        _wait_until_archived(exercise, math.ceil(planted_at))
    return {"beats": len(exercise.heartbeat.beats)}


# --- faults -----------------------------------------------------------------------------------------------------------


def lose_database(exercise: Exercise) -> dict[str, Any]:
    """The database's server and disk are gone. Only in the sandbox."""
    ref = exercise.project.ref
    control = sandbox_control(exercise, "lose a database")
    exercise.record.mark("fault")
    control.lose_database(ref)
    return {"ref": ref}


def damage_data(exercise: Exercise) -> dict[str, Any]:
    """A migration that destroys: known rows lose their content. It touches the drill's own schema alone."""
    sandbox_control(exercise, "damage data")
    exercise.record.mark("fault")
    exercise.data.damage()
    return {"ref": exercise.project.ref}


def lose_machine(exercise: Exercise) -> dict[str, Any]:
    """One machine of the app that has the most vanishes. Only in the sandbox."""
    control = sandbox_control(exercise, "lose a machine")
    before = exercise.fleet_before
    most = max(exercise.names, key=lambda app: sum(machine.app == app for machine in before))
    lost = next((machine for machine in before if machine.app == most), None)
    if lost is None:
        raise UsageError("No app of this drill has a running machine to lose.")
    exercise.record.mark("fault")
    control.call("POST", "machines", {"app": lost.app, "id": lost.id, "do": "lose"})
    return {"app": lost.app, "machine": lost.id, "region": lost.region}


def lose_region(exercise: Exercise) -> dict[str, Any]:
    """The hosts of the region where most machines run do not answer any more. Only in the sandbox."""
    control = sandbox_control(exercise, "lose a region")
    before = exercise.fleet_before
    if not before:
        raise UsageError("No app of this drill has a running machine to lose.")
    regions = [machine.region for machine in before]
    region = max(sorted(set(regions)), key=regions.count)
    exercise.record.mark("fault")
    lost = [machine for machine in before if machine.region == region]
    _hosts_are_down(exercise, control, lost)
    return {"region": region, "machines": len(lost)}


def lose_volume(exercise: Exercise) -> dict[str, Any]:
    """The host of a machine with a volume does not answer any more; its volume is there and nowhere else."""
    control = sandbox_control(exercise, "lose a volume")
    mounted = {key for key, config in exercise.configs_before.items() if config.mounts}
    lost = next((was for was in exercise.fleet_before if (was.app, was.group) in mounted), None)
    if lost is None:
        raise UsageError("No app of this drill has a machine with a volume.", remedy="Choose apps that have: -l APP")
    volume = volume_of(exercise, lost)
    exercise.record.mark("fault")
    exercise.record.note(lost_volume={"app": lost.app, "machine": lost.id, "volume": volume})
    _hosts_are_down(exercise, control, [lost])
    return {"app": lost.app, "machine": lost.id, "volume": volume}


def break_release(exercise: Exercise, *, tag: str = "drill-crash") -> dict[str, Any]:
    """Somebody deploys an image that crashes to the first app. Only in the sandbox."""
    control = sandbox_control(exercise, "break a release")
    app = exercise.names[0]
    exercise.record.mark("fault")
    exercise.record.note(broken=app, broken_tag=tag, before_version=_running_release(exercise, app))
    control.push(app, tag)
    return {"app": app, "tag": tag}


def _running_release(exercise: Exercise, app: str) -> int | None:
    """The release that the machines run. The newest complete one may be another: a dead way back recorded nothing."""
    fly = exercise.context.client(Fly)
    running = {marks.digest_of(machine) for machine in fly.machines.list(app) if is_alive(machine)}
    for release in sorted(fly.releases.list(app), key=lambda each: -each.version):
        if release.is_complete and release.image_ref and ImageRef.parse(release.image_ref).digest in running:
            return release.version
    return None


# --- the way back -----------------------------------------------------------------------------------------------------


def detect(exercise: Exercise, *, what: Literal["apps", "data"] = "apps", within_s: float = 120.0) -> dict[str, Any]:
    """Look until something is wrong, as a monitor would; a fault that shows nowhere within `within_s` is a finding."""
    seen = wait_for(
        bool,
        exercise.unwell if what == "apps" else exercise.wrong_data,
        clock=exercise.context.clock,
        timeout_s=within_s,
        what="A sign of the fault",
        pace=Pace(0.5, 1.2, 2.0) if what == "apps" else DATA_PACE,
        describe=lambda found: found or "all is well",
    )
    exercise.record.mark("detected")
    return {"seen": list(seen)[:5]}


def recover_database(exercise: Exercise, *, to: Literal["latest", "before_fault"] = "latest") -> dict[str, Any]:
    """Bring the project back in place: to the newest moment there is, or to the moment before the fault.

    Raises NoRecovery where it has no recovery to a point in time.
    """
    sandbox_control(exercise, "bring a living database back in time for a drill")
    supabase, ref = exercise.supabase, exercise.project.ref
    fault = exercise.record.at("fault")
    backups = supabase.backups(ref)
    if not backups.pitr_enabled or backups.latest_recoverable_at is None:
        raise NoRecovery(
            f"Project {ref} has no recovery to a point in time, and this scenario needs it.",
            remedy="Buy the add-on for the project, or restore a backup of your own: restore.yml.",
        )
    exercise.record.mark("decided")
    moment = math.floor(backups.latest_recoverable_at)
    if to == "before_fault" and fault is not None:
        # Moments are whole seconds, and recovery stops before the first change at or after it.
        moment = math.floor(fault)
        _wait_until_archived(exercise, moment)
        exercise.record.mark("archived")
    exercise.record.note(recovered_to=moment)
    supabase.recover_to(ref, moment)
    wait_for(
        lambda project: project is not None and project.status in ("ACTIVE_HEALTHY", "RESTORE_FAILED"),
        lambda: supabase.project(ref),
        clock=exercise.context.clock,
        timeout_s=RECOVERED_WITHIN_S,
        what=f"Recovery of project {ref}",
        pace=Pace(0.5, 1.3, 5.0),
        describe=lambda project: project.status if project else "gone",
        remedy="Look at the project's backups in the dashboard.",
    )
    exercise.record.mark("loaded")
    return {"ref": ref, "moment": moment}


def put_machines_back(exercise: Exercise, *, elsewhere: bool = False) -> dict[str, Any]:
    """Make an equal machine for each that is missing; with `elsewhere` in the declared second region."""
    lost = fleet.missing(exercise.fleet_before, fleet.all_started(exercise.context, exercise.names))
    region = exercise.environment.dr.second_region if elsewhere else None
    if elsewhere and region is None:
        raise UsageError("No second region is declared.", remedy="Set dr: {second_region: …} in the inventory.")
    with_volume = {was: volume for was in lost if (volume := _volume_of(exercise, was))}
    exercise.record.mark("decided")
    made = [restored_from_snapshot(exercise, was, volume, region=region).machine for was, volume in with_volume.items()]
    plain = [was for was in lost if was not in with_volume]
    copies = fleet.put_back(exercise.context, plain, exercise.configs_before, region=region)
    exercise.record.mark("loaded")
    return {"made": [*made, *copies], "region": region or "as before"}


def _volume_of(exercise: Exercise, was: Was) -> str | None:
    """The volume of a machine of before; asked only where its group has volumes."""
    config = exercise.configs_before.get((was.app, was.group))
    return volume_of(exercise, was) if config is not None and config.mounts else None


def restore_volume(exercise: Exercise) -> dict[str, Any]:
    """A new volume from the newest snapshot, and a machine that mounts it: a machine's volume can't be changed."""
    lost = exercise.record.facts["lost_volume"]
    was = next(each for each in exercise.fleet_before if each.id == lost["machine"])
    back = restored_from_snapshot(exercise, was, str(lost["volume"]))
    exercise.record.mark("loaded")
    return {"volume": back.volume, "machine": back.machine, "snapshot": back.snapshot}


def roll_release_back(exercise: Exercise) -> dict[str, Any]:
    """The fire exit: image and configuration of before, for the app that was broken."""
    app = exercise.record.facts.get("broken", exercise.names[0])
    exercise.record.mark("decided")
    outcome = drive(Rollback(RollbackWant(apps=(app,)), exercise.context))
    exercise.record.mark("loaded")
    return {"apps": sorted(outcome.result.get("apps", {}))}


def wait_until_served(exercise: Exercise, *, data: bool = False, within_s: float = 600.0) -> dict[str, Any]:
    """Wait for the first correct answer of every app; with `data` the tables are compared first."""
    if data:
        wait_for(
            lambda wrong: not wrong,
            exercise.wrong_data,
            clock=exercise.context.clock,
            timeout_s=min(within_s, DATA_WITHIN_S),
            what="The data of before",
            pace=DATA_PACE,
            describe=lambda wrong: "; ".join(wrong[:3]),
        )
        exercise.record.mark("verified")
    _wait_until_well(exercise, within_s)
    exercise.record.mark("served")
    return {"recovery_s": exercise.record.recovery_s()}


# --- after ------------------------------------------------------------------------------------------------------------


def stop_heartbeat(exercise: Exercise) -> dict[str, Any]:
    """Write no more rows."""
    if exercise.heartbeat is not None:
        exercise.heartbeat.stop()
    return {"beats": len(exercise.heartbeat.beats) if exercise.heartbeat else 0}


def tidy_up(exercise: Exercise) -> dict[str, Any]:
    """Whatever became of the drill: no beats, the database up, every machine there, the drill's schema gone."""
    stop_heartbeat(exercise)
    done: dict[str, Any] = {}
    if exercise.record.facts.get("ref"):
        project = _settled(exercise)
        if project is None or project.status != "ACTIVE_HEALTHY":
            done["recovered"] = recover_database(exercise)
        exercise.data.remove()
    if exercise.record.facts.get("broken") and (_runs_broken_image(exercise) or exercise.unwell()):
        # By its number: where a drill died in the middle of going back, both images run, and neither is "the other".
        facts = exercise.record.facts
        wanted = RollbackWant(apps=(facts["broken"],), version=facts.get("before_version"))
        done["rolled_back"] = sorted(drive(Rollback(wanted, exercise.context)).result.get("apps", {}))
    if exercise.record.facts.get("broken"):
        _call_failed(exercise)
    if exercise.record.facts.get("lost_hosts"):
        done["hosts"] = _hosts_are_back(exercise)
    lost = fleet.missing(exercise.fleet_before, fleet.all_started(exercise.context, exercise.names))
    if lost:
        done["made"] = fleet.put_back(exercise.context, lost, exercise.configs_before)
    exercise.forget_configs()
    _wait_until_well(exercise, WELL_WITHIN_S)  # checks look every few seconds: they say so a little later
    return done


def _settled(exercise: Exercise) -> Project | None:
    """The project once no recovery is under way: a drill that died may have begun one, and a second is refused."""
    return wait_for(
        lambda project: project is None or project.status not in ("RESTORING", "COMING_UP"),
        lambda: exercise.supabase.project(exercise.project.ref),
        clock=exercise.context.clock,
        timeout_s=RECOVERED_WITHIN_S,
        what=f"The end of a recovery of project {exercise.project.ref}",
        pace=Pace(0.5, 1.3, 5.0),
        describe=lambda project: project.status if project else "gone",
    )


def _runs_broken_image(exercise: Exercise) -> bool:
    """Whether a machine has the broken release: it looks well until it has crashed."""
    facts = exercise.record.facts
    machines = exercise.context.client(Fly).machines.list(facts["broken"])
    images = [machine.config.image_ref for machine in machines if machine.config is not None and is_alive(machine)]
    return any(image is not None and image.tag == facts.get("broken_tag") for image in images)


def _call_failed(exercise: Exercise) -> None:
    """The broken release is recorded as such, also where the way back died before it said so: else it seems good."""
    releases, facts = exercise.context.client(Fly).releases, exercise.record.facts
    for release in releases.list(facts["broken"]):
        if release.is_complete and release.image_ref and ImageRef.parse(release.image_ref).tag == facts["broken_tag"]:
            releases.try_update(release.id, "failed")


def _wait_until_well(exercise: Exercise, within_s: float) -> None:
    wait_for(
        lambda wrong: not wrong,
        exercise.unwell,
        clock=exercise.context.clock,
        timeout_s=within_s,
        what="Every app well again",
        describe=lambda wrong: "; ".join(wrong[:3]),
    )


def _hosts_are_down(exercise: Exercise, control: ControlClient, lost: Sequence[Was]) -> None:
    exercise.record.note(lost_hosts={was.id: was.app for was in lost})
    for was in lost:
        control.call("POST", "machines", {"app": was.app, "id": was.id, "do": "host_down"})


def _hosts_are_back(exercise: Exercise) -> list[str]:
    """The hosts answer again, and what stood in for them is not needed any more."""
    control = sandbox_control(exercise, "bring a host back")
    hosts: Mapping[str, str] = exercise.record.facts["lost_hosts"]
    for machine_id, app in hosts.items():
        control.call("POST", "machines", {"app": app, "id": machine_id, "do": "host_up"})
    fleet.take_away(exercise.context, fleet.made_for(exercise.context, hosts))
    volumes.take_away(exercise, hosts)
    return sorted(hosts)


def _wait_until_archived(exercise: Exercise, moment: int) -> None:
    def latest() -> float:
        return exercise.supabase.backups(exercise.project.ref).latest_recoverable_at or 0.0

    try:
        wait_for(
            lambda at: at >= moment,
            latest,
            clock=exercise.context.clock,
            timeout_s=ARCHIVED_WITHIN_S,
            what="The archive of the moment before the fault",
            pace=Pace(1.0, 1.2, 5.0),
        )
    except WaitTimeout as error:
        raise NoRecovery(
            f"The project's log is archived until {error.last}, not until the fault: {error.message}",
            remedy="Look at the project's backups; take the newest moment instead.",
        ) from error
