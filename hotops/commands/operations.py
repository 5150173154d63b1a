"""A command that calls an operation of the registry: options in, confirmation where it writes, result out."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from hotops.commands.bar import Bar
from hotops.commands.command import OperationCommand
from hotops.commands.confirming import confirm
from hotops.commands.flags import (
    flags_of,
    place_parameters,
    switch,
    text,
    values_of,
    with_parameters,
    word_parameter,
    words_of,
)
from hotops.commands.place import Place, locate
from hotops.commands.spoken import spoken_failure
from hotops.commands.telling import OUTCOME, exit_code_of, progress, tell
from hotops.core.context import Context
from hotops.core.driver import refuse_if_readonly
from hotops.core.errors import UsageError
from hotops.core.evidence import RUN_DIR_VARIABLE, EvidenceFolder
from hotops.core.operation import Operation, Spec
from hotops.core.options import validated
from hotops.core.runs import RunOpening
from hotops.invocation import Answer, invoke
from hotops.registry import operation
from hotops.surroundings import surroundings


def function_of(command: OperationCommand) -> Callable[..., None]:
    """The function behind the command, with a flag for each option of its operation."""
    kind = operation(command.operation)
    writes = kind.effect != "read" and not command.reads

    def run(**given: Any) -> None:
        words = words_of(given)
        options = values_of(kind.Want, given)
        if command.word:
            options[command.word] = given.get(command.word)
        call = Call(
            command,
            kind,
            _located(command, words, given["inventory"]),
            options,
            reason=given.get("reason") or "",
            check=bool(given.get("check")),
            diff=bool(given.get("diff")),
        )
        if writes and not call.check:
            answer = call.after_confirmation(yes=bool(given.get("yes")), typed=given.get("confirm"))
        else:
            answer = call.answer()
        code = tell(answer, as_json=given["as_json"], next_step=command.next.format(env=call.place.inventory.name))
        if code:
            raise typer.Exit(code)

    parameters = place_parameters(takes_apps=_takes_apps(kind) and not command.word)
    if command.word:
        parameters.insert(1, word_parameter(command.word, kind.Want.model_fields[command.word].description or ""))
    parameters += flags_of(kind.Want, without=[*command.fixed, "reason", "confirm", command.word])
    if writes or "reason" in kind.Want.model_fields:
        parameters.append(text("reason", "Why it is done; stands in the evidence."))
    if writes:
        parameters.append(switch("check", "--check", "Show the plan and write nothing."))
        parameters.append(switch("diff", "--diff", "Add what changes in each place, before and after, to --json."))
        parameters.append(switch("yes", "--yes", "Don't ask; for what can be taken back."))
    if kind.effect == "destroy" or "confirm" in kind.Want.model_fields:
        parameters.append(text("confirm", "Name to confirm something that can't be taken back.", "NAME"))
    parameters.append(switch("as_json", "--json", "One JSON document on stdout, with the keys of the module."))
    return with_parameters(run, parameters)


@dataclass
class Call:
    """One call of an operation from the command line."""

    command: OperationCommand
    kind: type[Operation[Any, Any]]
    place: Place
    given: dict[str, Any]
    reason: str = ""
    check: bool = False
    diff: bool = False
    _folder: EvidenceFolder | None = field(default=None, init=False)
    _bar: Bar = field(default_factory=Bar, init=False)

    def answer(self, *, expected_plan: str | None = None) -> Answer:
        """Call it, and seal its evidence where it leaves some."""
        answer = invoke(
            self.kind,
            self._options(),
            lambda want: self._context(want, check=self.check),
            check=self.check,
            diff=self.diff,
            expected_plan=expected_plan,
        )
        self._bar.end()
        self._seal(answer.result)
        return self._in_own_words(answer)

    def after_confirmation(self, *, yes: bool, typed: str | None) -> Answer:
        """Look first; where something would change, show it, have it confirmed, and carry out just that."""
        refuse_if_readonly(f"hotops {self.command.name}")
        options = self._options()
        if typed is not None and "confirm" in self.kind.Want.model_fields:
            options["confirm"] = typed
        looked = invoke(self.kind, options, lambda want: self._context(want, check=True), check=True)
        if looked.failed or not looked.result["changed"]:
            return self._in_own_words(looked)
        progress(f"{self._heading()}\n{looked.result['plan']}")
        question = f"Carry this out in {self._heading()}?"
        name = self._name(options)
        typed = confirm(question, destroys=self.kind.effect == "destroy", name=name, yes=yes, typed=typed)
        if typed is not None and "confirm" in self.kind.Want.model_fields:
            self.given["confirm"] = typed
        return self.answer(expected_plan=looked.result["plan_id"])

    def _in_own_words(self, answer: Answer) -> Answer:
        failure = answer.result.get("failure")
        if not failure:
            return answer
        told = spoken_failure(failure, self.command.name, self.place.inventory.name)
        request = f" (request {told['request_id']})" if told.get("request_id") else ""
        msg = " ".join(f"{told['message']} {told.get('remedy') or ''}{request}".split())
        return Answer({**answer.result, "failure": told, "msg": msg}, answer.screen)

    def _options(self) -> dict[str, Any]:
        options = {**self.command.default, **self.given, **self.command.fixed}
        fields = self.kind.Want.model_fields
        if "reason" in fields and self.reason:
            options["reason"] = self.reason
        # An operation that can do without an app is about all of them, or about what another option names.
        if "app" in fields and "app" not in options and (self.place.named or fields["app"].is_required()):
            options["app"] = self._one_app()
        if "apps" in fields and (self.place.named or not self.kind.needs_environment):
            options["apps"] = list(self.place.apps)
        return options

    def _one_app(self) -> str:
        if len(self.place.apps) == 1:
            return self.place.apps[0]
        raise UsageError(
            f"Which app? {self.place.environment.name} has {', '.join(self.place.hosts)}.",
            remedy=f"hotops {self.command.name} {self.place.inventory.name} {self.place.hosts[0]}",
        )

    def _context(self, want: Spec, *, check: bool) -> Context:
        environment = self.place.environment
        context = surroundings(
            self.kind,
            want,
            env_kind=environment.env_kind,
            opening=RunOpening(
                evidence_dir=environment.evidence_path,
                playbook=self.command.name.replace(" ", "_"),
                environment=environment.name,
                env_kind=environment.env_kind,
                reason=self.reason,
                command=shlex.join(["hotops", *sys.argv[1:]]),
            ),
            environment=environment,
            selection=self.place.hosts,
            holder_pid=os.getpid(),
            check=check,
            recorded=not check and self.command.leaves_evidence(writes=self.kind.effect != "read"),
        )
        context.tell_far = self._bar
        if isinstance(context.journal, EvidenceFolder) and not os.environ.get(RUN_DIR_VARIABLE):
            self._folder = context.journal
        return context

    def _seal(self, result: Mapping[str, Any]) -> None:
        folder = self._folder
        if folder is None or folder.is_sealed:
            return
        failure, ending = result.get("failure"), result.get(OUTCOME) or {}
        if failure:
            outcome, code, after = failure["code"], failure["exit_code"], failure["remedy"]
        else:
            code = exit_code_of(result, ending)
            outcome = ending.get("outcome") or ("findings" if code else "done" if result["changed"] else "looked")
            after = ending.get("next") or ""
        folder.seal(outcome, int(code), next_step=after, changed=int(bool(result.get("changed"))))
        progress(f"Evidence: {_shown(folder.run_dir)}")

    def _heading(self) -> str:
        environment = self.place.environment
        return f"{environment.name} ({environment.env_kind}, organisation {environment.fly_org})"

    def _name(self, options: Mapping[str, Any]) -> str:
        """What is typed to confirm: what the operation says, else its one app, else the environment."""
        want = validated(self.kind.Want, options, of=self.kind.name)
        if own := self.kind.name_to_confirm(want, self.place.environment):
            return own
        one = "app" in self.kind.Want.model_fields and len(self.place.apps) == 1
        return self.place.apps[0] if one else self.place.environment.name


def _located(command: OperationCommand, words: Sequence[str], inventory: Path | None) -> Place:
    """The environment that is named; where none is, the command's own example says how. Raises UsageError."""
    if not words and inventory is None and command.examples:
        try:
            return locate(words, inventory)
        except UsageError as error:
            remedy = f"{error.remedy} For example: {command.examples[0]}"
            raise UsageError(error.message, remedy=remedy, code=error.failure_code) from None
    return locate(words, inventory)


def _takes_apps(kind: type[Operation[Any, Any]]) -> bool:
    return kind.needs_environment or bool({"app", "apps"} & kind.Want.model_fields.keys())


def _shown(folder: Path) -> str:
    try:
        return str(folder.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
