"""An environment for scripts: every module as a call, a promotion, and the evidence of both."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hotops.commands.place import Place, locate
from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.evidence import RUN_DIR_VARIABLE, EvidenceFolder
from hotops.core.operation import Operation, Spec
from hotops.core.options import validated
from hotops.core.plain import plain_data
from hotops.core.runs import RunOpening
from hotops.invocation import credentials_in, result_of
from hotops.promote.phase import PromotePhase
from hotops.promote.phases import PhaseWant
from hotops.promote.run import promote
from hotops.registry import operation
from hotops.surroundings import surroundings

#: What makes the context of a call: the operation, its options, whether it only looks.
ContextOf = Callable[[type[Operation[Any, Any]], Spec, bool], Context]


class Here:
    """An environment, to be used in `with`. Calls are synchronous, print nothing, and may come from several threads.

    Everything raised is a HotopsError, with `failure_code`, `failure_exit`, `message` and `remedy`. Nothing asks before
    it writes: `check=True` looks, `HOTOPS_READONLY=1` refuses every write. Within an event loop, call it in a thread.
    """

    def __init__(self, place: Place, *, reason: str = "", context_of: ContextOf | None = None) -> None:
        self.environment = place.environment
        self._place = place
        self._reason = reason
        self._context_of = context_of or self._surroundings
        self._folder: EvidenceFolder | None = None
        self._changed = 0
        self._failure: HotopsError | None = None

    def call(self, module: str, *, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        """What a task with this module and these options would answer: plain data, no secret in it.

        Raises HotopsError; UsageError for an unknown module or option, with the nearest name.
        """
        kind = operation(module)
        want = validated(kind.Want, options, of=kind.name)
        with self._noting_failure(), self._context_of(kind, want, check) as context:
            outcome = drive(kind(want, context), check=check)
            result, _screen = result_of(kind, outcome, check=check, diff=diff)
            return self._told(context, _of_the_module(result), changed=outcome.changed and not check)

    def promote(
        self, *, image: str | None = None, version: str | None = None, approve: str | None = None, check: bool = False
    ) -> dict[str, Any]:
        """A whole promotion, as promote.yml runs it: what each phase found or did, by phase.

        Raises NoGo (nothing was changed), RolledBack (the old state is proven back), NotRestored, other HotopsErrors.
        """
        anything = PhaseWant(phase="check_ready")
        with self._noting_failure(), self._context_of(PromotePhase, anything, check) as context:
            done = promote(context, image=image, version=version, approve=approve, check=check)
            told = {
                str(name): result_of(PromotePhase, found, check=check, diff=False)[0] for name, found in done.items()
            }
            changed = any(found.changed for found in done.values()) and not check
            return self._told(context, told, changed=changed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        folder = self._folder
        if folder is None or folder.is_sealed:
            return
        outcome, code, following = "done" if self._changed else "looked", int(ExitCode.DONE), ""
        failure = error if isinstance(error, HotopsError) else self._failure if error is None else None
        if failure is not None:  # also one that the script caught: the run did not end well
            outcome, code, following = failure.failure_code, int(failure.failure_exit), failure.remedy
        elif isinstance(error, KeyboardInterrupt):
            outcome, code = "interrupted", int(ExitCode.INTERRUPTED)
        elif error is not None:
            outcome, code = "failed", int(ExitCode.ERROR)
        folder.seal(outcome, code, next_step=following, changed=self._changed)

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except HotopsError as error:
            self._failure = error
            raise

    def _told(self, context: Context, result: Mapping[str, Any], *, changed: bool) -> dict[str, Any]:
        self._changed += changed
        known = [*context.world.tokens.values(), *credentials_in(context.world.environ)]
        told: dict[str, Any] = plain_data(result, known)
        return told

    def _surroundings(self, kind: type[Operation[Any, Any]], want: Spec, check: bool) -> Context:
        environment = self.environment
        context = surroundings(
            kind,
            want,
            env_kind=environment.env_kind,
            opening=RunOpening(
                evidence_dir=environment.evidence_path,
                playbook="script",
                environment=environment.name,
                env_kind=environment.env_kind,
                reason=self._reason,
                command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
            ),
            environment=environment,
            selection=self._place.hosts,
            holder_pid=os.getpid(),
            check=check,
        )
        if isinstance(context.journal, EvidenceFolder) and not os.environ.get(RUN_DIR_VARIABLE):
            self._folder = context.journal
        return context


def environment(name: str, *apps: str, reason: str = "", inventory: str | Path | None = None) -> Here:
    """The environment `inventories/NAME` of the working folder, or of `inventory`; only these apps, if any are named.

    Raises UsageError, InventoryError.
    """
    return Here(locate([name, *apps], Path(inventory) if inventory is not None else None), reason=reason)


def _of_the_module(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what only a command reads of it: how it ends, and what to type next."""
    return {key: value for key, value in result.items() if not key.startswith("hotops_")}
