"""Running an app's release command once, on a machine of its own, and reading how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import ApiError, ExitCode, HotopsError, WaitTimeout, WireError
from hotops.core.operation import Done, Fact, Step
from hotops.core.waiting import Pace, wait_for
from hotops.deploy import marks
from hotops.deploy.release_command import GROUP, ReleaseCommand
from hotops.deploy.roll import spoken_exit
from hotops.deploy.strategy import Rollout
from hotops.fly import Fly
from hotops.fly.config import PROCESS_GROUP
from hotops.fly.creation import CREATE_KEY
from hotops.fly.models import Exit, LogLine, Machine
from hotops.fly.states import GONE, exits_since, is_alive
from hotops.health.foreign import safe

#: A machine may be read 5 times a second; most commands take seconds, some minutes.
PACE = Pace(first_s=0.5, factor=1.3, cap_s=2.0)
#: How long its last lines, and the event of its exit, are waited for: they come by another way than its end.
LATE_S = 5.0
#: How long a machine that removes itself may take for it.
REMOVED_S = 20.0
LAST_LINES = 12
#: Younger than this it may be another run's that has just made it; a dead run's lease takes as long to be over.
LEFT_AFTER_S = 15.0
UNTOUCHED = "Nothing was changed on the app's machines; what the command itself did is not undone."


class ReleaseCommandFailed(HotopsError):
    """The release command ended badly, or not in time, before any machine was touched."""

    code = "release_command_failed"
    exit_code = ExitCode.NO_GO


class ReleaseCommandUnknown(ReleaseCommandFailed):
    """Nobody can tell how the release command ended, so nothing is deployed on it."""

    code = "release_command_unknown"


@dataclass(frozen=True)
class CommandRun:
    """One app's release command in one run."""

    rollout: Rollout
    command: ReleaseCommand
    step: Step

    @property
    def fly(self) -> Fly:
        return self.rollout.fly

    @property
    def app(self) -> str:
        return self.rollout.app

    def carry_out(self, machines: Sequence[Machine], done: Done) -> Fact:
        """Create its machine, start it, wait for its end.

        It is created at rest and then started, so that an unclear answer to either is settled by a look: the command
        never runs twice. Raises ReleaseCommandFailed, ReleaseCommandUnknown, and what the API answers to the create.
        """
        context, model = self.rollout.context, self.command.model_of(machines)
        self._let_others_end()
        entries = {**self.rollout.release_marks(done), marks.RUN: context.run, marks.STEP: self.step.name}
        began = context.clock.now()
        made = self.fly.machines.create(
            self.app,
            self.command.config(model, self.rollout.image, entries),
            key=f"{context.run}/{self.step.name}",
            region=model.region,
            skip_launch=True,
            min_secrets_version=self.rollout.min_secrets_version(done),
        )
        try:
            self.fly.machines.wait(self.app, made.id, "stopped", timeout_s=self.rollout.target.wait_timeout_s)
            self.fly.machines.start(self.app, made.id, ends_itself=True)
            seen = self._end_of(made.id)
            found = exit_of(seen)
        except WaitTimeout as error:
            raise self._failed(made.id, began, f"did not end: {error.message}") from error
        except (ApiError, WireError) as error:
            raise self._unknown(made.id, began, f"it can't be looked at: {error.message}") from error
        if found is None or found.requested_stop:
            why = "somebody stopped it" if found else f"its machine is {seen.state}, and no exit was recorded"
            raise self._unknown(made.id, began, why)
        if found.is_crash:
            raise self._failed(made.id, began, f"ended with {spoken_exit(found)}")
        self._see_it_gone(made.id)
        return {"machine": made.id, "exit_code": found.exit_code, "seconds": round(context.clock.now() - began, 1)}

    def clear(self, done: Done) -> None:
        """Destroy its machine; where the command ended well that is done."""
        if self.step.name in done:
            return
        run = self.rollout.context.run
        for machine in commands_of(self._commands()):
            if machine.metadata[marks.RUN] == run:
                self.fly.machines.destroy(self.app, machine.id, force=True)

    def _commands(self) -> list[Machine]:
        return self.fly.machines.list(self.app, metadata={PROCESS_GROUP: GROUP})

    def _let_others_end(self) -> None:
        """What a dead run left: one that still runs ends first, since two migrations at once are worse than waiting."""
        for machine in commands_of(self._commands()):
            if machine.metadata[marks.RUN] == self.rollout.context.run:
                continue
            if is_running(machine):
                by = machine.metadata[marks.RUN]
                text = f"{self.app}: the release command of dead run {by} still runs; ours waits for its end."
                self.rollout.context.journal.event("note", text=text)
                with contextlib.suppress(WaitTimeout):  # it had the time that ours would have
                    self._end_of(machine.id)
            destroy_left(self.rollout.context, self.app, machine)

    def _end_of(self, machine_id: str) -> Machine:
        """The machine once its command has ended. Raises WaitTimeout, and what the API raises to a reading."""
        clock = self.rollout.context.clock

        def look() -> Machine:
            return self.fly.machines.get(self.app, machine_id)

        seen = wait_for(
            lambda machine: exit_of(machine) is not None or machine.state in {*GONE, "failed"},
            look,
            clock=clock,
            timeout_s=self.command.timeout_s,
            what=f"The end of machine {machine_id} of {self.app}",
            pace=PACE,
            describe=lambda machine: machine.state,
        )
        until = clock.now() + LATE_S
        while exit_of(seen) is None and clock.now() < until:
            clock.sleep(1.0)
            seen = look()
        return seen

    def _see_it_gone(self, machine_id: str) -> None:
        """It removes itself when it has ended; what does not is removed."""
        try:
            self.fly.machines.wait(self.app, machine_id, "destroyed", timeout_s=REMOVED_S)
        except (WaitTimeout, ApiError, WireError):
            self.fly.machines.destroy(self.app, machine_id, force=True)

    def _failed(self, machine_id: str, since: float, how: str) -> ReleaseCommandFailed:
        log = self._last_lines(machine_id, since)
        told = ": ".join([how.rstrip("."), *log[-1:]]).rstrip(".")
        return ReleaseCommandFailed(
            f"{self.app}: the release command `{self.command.shown}` {told}. {UNTOUCHED}",
            remedy=f"fly logs -a {self.app} -i {machine_id}; mend the command or the image, then run again.",
            details=self._details(machine_id, log),
        )

    def _unknown(self, machine_id: str, since: float, why: str) -> ReleaseCommandUnknown:
        return ReleaseCommandUnknown(
            f"{self.app}: how the release command `{self.command.shown}` ended is not known: {why}. {UNTOUCHED}",
            remedy=f"Look what it did: fly logs -a {self.app} -i {machine_id}; then run again: it runs once more.",
            details=self._details(machine_id, self._last_lines(machine_id, since)),
        )

    def _details(self, machine_id: str, log: list[str]) -> dict[str, object]:
        screen = [f"{self.app}: the last lines of the release command on machine {machine_id}:", *log] if log else []
        return {"app": self.app, "machine": machine_id, "log": log, **({"hotops_screen": screen} if screen else {})}

    def _last_lines(self, machine_id: str, since: float) -> list[str]:
        """What it wrote last, made safe to show; nothing where the log can't be read."""
        clock = self.rollout.context.clock
        until = clock.now() + LATE_S
        while True:
            try:
                lines = list(self.fly.logs.read(self.app, since=since, instance=machine_id))
            except (ApiError, WireError):
                return []
            if any(_is_the_end(line) for line in lines) or clock.now() >= until:
                own = [line for line in lines if line.provider in ("", "app") and not _is_the_end(line)]
                return [safe(line.message) for line in own[-LAST_LINES:]]
            clock.sleep(1.0)


def commands_of(machines: Iterable[Machine]) -> list[Machine]:
    """The living machines that hotops made for release commands; flyctl's own are not ours to end."""
    return [
        m
        for m in machines
        if m.process_group == GROUP and is_alive(m) and marks.RUN in m.metadata and CREATE_KEY in m.metadata
    ]


def left_commands(machines: Iterable[Machine], run: str, now: float) -> list[Machine]:
    """Those that a dead run left at rest. One that still runs ends by itself, and removes itself then."""
    return [
        m
        for m in commands_of(machines)
        if m.metadata[marks.RUN] != run and not is_running(m) and now - (m.created_at or 0.0) >= LEFT_AFTER_S
    ]


def destroy_left(context: Context, app: str, machine: Machine) -> None:
    """Destroy the machine of a dead run's release command, and say so."""
    context.client(Fly).machines.destroy(app, machine.id, force=True)
    by = machine.metadata[marks.RUN]
    context.journal.event("note", text=f"{app}: machine {machine.id}, of dead run {by}'s release command, is removed.")


def is_running(machine: Machine) -> bool:
    """Whether its command is at work, or is about to be."""
    return machine.state in ("starting", "started")


def exit_of(machine: Machine) -> Exit | None:
    """How its command ended: its newest exit, since it is started once. None before."""
    return next((found for _, found in exits_since(machine, 0)), None)


def _is_the_end(line: LogLine) -> bool:
    return "Main child exited" in line.message or "machine exited" in line.message
