"""Fix: the connection string that an app needs is in the vault, at Fly, in its machines, and the app answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.errors import ExitCode, HotopsError, VerifyFailed, WaitTimeout
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.secret import Secret
from hotops.core.waiting import wait_for
from hotops.database.fix_told import DOCS, fix_lines
from hotops.database.project import circumstances_of, declared_use, project_facts
from hotops.database.running import Answered, Runs, ask, equal_at_fly, proven_inside, values_of, what_runs
from hotops.database.told import judged_data, proof_data
from hotops.deploy.refresh import Refresh, ordered
from hotops.deploy.roll import MachineUnhealthy
from hotops.dsn.connection import Dsn
from hotops.dsn.judging import Judgement, judge
from hotops.dsn.proof import Proof, Prover
from hotops.fly import Fly
from hotops.inventory.database import DatabaseUse
from hotops.inventory.schema import App, Environment
from hotops.promote.holding import hold, let_go
from hotops.promote.pairs import environment_of
from hotops.secrets.fly_writes import prove_app, write_app
from hotops.secrets.ledger import Ledger
from hotops.secrets.places import AppHolds, app_holds, left_out
from hotops.secrets.secret_map import Target, fly_destination
from hotops.secrets.wanted import Wanted, vault_of
from hotops.vault.vault import Item, Vault

#: How long an app gets to answer well once its machines are made anew.
ANSWERS_WITHIN_S = 60.0


class FixWant(Spec):
    """Options of a fix."""

    app: str | None = Field(
        None, min_length=1, description="Host or app whose declared `database` is meant; the selected one if omitted."
    )
    undo: bool = Field(default=False, description="Whether the former string, kept as `.old`, is put back instead.")
    prove: bool = Field(default=True, description="Whether the string has to connect from here before it is written.")


class NotCorrectable(HotopsError):
    """What would be right can't be known from what is there: nothing was written."""

    code = "dsn_not_correctable"
    exit_code = ExitCode.NO_GO


class NotProven(HotopsError):
    """The string that would be written does not connect: nothing was written."""

    code = "dsn_not_proven"
    exit_code = ExitCode.NO_GO


class NothingKept(HotopsError):
    """There is no former string to put back."""

    code = "nothing_kept"
    exit_code = ExitCode.NO_GO


class SuccessorThere(HotopsError):
    """The vault's file has a successor beside it, so a way back could not be told from a rotation if it died."""

    code = "successor_there"
    exit_code = ExitCode.NO_GO


class CheckWithoutRoute(HotopsError):
    """The string is right, and a check asks a path that the app does not have: another fault, with the same 503."""

    code = "check_without_route"
    exit_code = ExitCode.FINDINGS


class FixIncomplete(HotopsError):
    """Some of it is done; the message says what, and a re-run does the rest."""

    code = "fix_incomplete"


@dataclass(frozen=True)
class FixSeen:
    """What there is and what is to be."""

    judged: Judgement
    item: Item
    now: Secret
    wanted: Dsn
    values: Mapping[str, Secret]
    held: AppHolds
    runs: Runs
    equal: frozenset[str]
    kept: Secret | None
    answered: Answered
    proof: Proof | None
    #: The same from where it will run.
    inside: Proof | None
    #: Whether a way back began and did not end: what it goes to is kept as `.new` until the app answers with it.
    under_way: bool = False


class FixDsn(Operation[FixWant, FixSeen]):
    """Judge the vault's connection string by the app's use; where it is wrong, put the right one everywhere.

    The former one is kept beside it as `.old`, since Fly shows none; a way back notes as `.new` where it goes, so that
    one that died goes on when it is asked for again, and not forth. The right one has to connect before it is written.
    Machines are made anew, the first alone; then the app has to answer on its health path. Calls: 3 of Supabase's; 3
    reads of Fly's, 1 write, and those of the machines.
    Raises: NotCorrectable, NotProven, NothingKept, SuccessorThere, CheckWithoutRoute, FixIncomplete, VerifyFailed,
    LockHeld.
    """

    name: ClassVar[str] = "dsn_fix"
    Want: ClassVar[type[Spec]] = FixWant
    effect = "write"
    needs_environment = True
    docs = DOCS
    #: Proves a connection string; tests without a database have their own.
    prover: Any = None

    _seen: FixSeen | None = None
    _vault: Vault | None = None

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    @property
    def vault(self) -> Vault:
        """The environment's vault, opened once; in check mode for reading only."""
        if self._vault is None:
            self._vault = vault_of(self.environment, may_write=not self.context.check)
        return self._vault

    def observe(self) -> FixSeen:
        app, use = self._app()
        item = self.vault.find(use.secret)
        now, kept, coming = self.vault.value(item), self.vault.sibling(item, "old"), self.vault.sibling(item, "new")
        # A rotation's successor is neither what is there nor what is kept.
        under_way = coming is not None and (_same(coming, now) or _same(coming, kept) or _same(kept, now))
        project = project_facts(self.context, use.project or self.environment.supabase_project, with_room=True)
        judged = judge(now, circumstances_of(use), project)
        wanted = (
            self._kept_one(item, coming if under_way else kept) if self.want.undo else self._right_one(item, judged)
        )
        values = values_of(wanted, use)
        held = app_holds(self.fly, app.app)
        marks = Ledger(self.vault).marks
        of_vault = values_of(judged.dsn, use) if judged.dsn and judged.dsn.hosts else values
        known = equal_at_fly(held, of_vault, self.vault, marks)
        inside = proven_inside(self.context, app, held.machines, wanted) if self.want.prove else None
        self._seen = FixSeen(
            judged,
            item,
            now,
            wanted,
            values,
            held,
            what_runs(self.context, app, held, of_vault, known),
            frozenset(equal_at_fly(held, values, self.vault, marks)),
            kept,
            ask(self.context, app, held),
            self._proof(wanted, inside),
            inside,
            under_way,
        )
        return self._seen

    def plan(self, state: FixSeen) -> Plan:
        app, _ = self._app()
        steps: list[Step] = []
        after = state.wanted.shown()
        if state.wanted.text() != state.now:
            name = f"{app.app}/vault"
            fingerprint = self._shown_before(state)
            if self.want.undo:
                self._refuse_a_rotations(state)
                steps.append(
                    Step(f"{name}/coming", f"{state.item}.new", "create", after={"kept": after}, phase="0-vault/00")
                )
            steps.append(
                Step(f"{name}/old", f"{state.item}.old", "create", after={"kept": fingerprint}, phase="0-vault/0")
            )
            steps.append(
                Step(name, str(state.item), before={"dsn": fingerprint}, after={"dsn": after},
                     needs=(f"{name}/old",), phase="0-vault/1")
            )  # fmt: skip
        written = sorted(set(state.values) - state.equal)
        if state.answered.no_route and not written and not steps:
            raise self._without_route(app, state.answered)  # making machines anew brings no route
        if written:
            there = state.held.remotes()
            steps.append(
                Step(f"{app.app}/secrets", fly_destination(app.app), "update" if there.keys() & written else "create",
                     before={name: "another" if name in there else "none" for name in written},
                     after=dict.fromkeys(written, after), phase="1-write")
            )  # fmt: skip
        only = None if written else state.held.lacking(state.values) | left_out(state.held)
        steps += ordered(self._refresh(app).steps(state.held.machines, only, why="connection string"))
        if state.under_way and not steps:
            steps.append(
                Step(f"{app.app}/settled", f"{state.item}.new", "destroy", before={"kept": after}, phase="5-end")
            )
        decides = {
            "app": app.app,
            "dsn": after,
            "secrets": {name: self.vault.fingerprint(state.values[name]) for name in written},
            "deploy": any(self._refresh(app).owns(step) for step in steps),
        }
        title = f"{'Put back' if self.want.undo else 'Fix'} the connection string of {app.app}"
        return Plan(tuple(steps), title, decides, "vault, Fly and machines have the right one")

    def prepare(self, plan: Plan) -> Fact:
        """Take the environment's lock: a promotion never replaces the same machines. Raises LockHeld."""
        return {"lock": str(hold(self.context, self.environment).holder)}

    def apply(self, step: Step, done: Done) -> Fact:
        state, (app, _) = self._observed, self._app()
        refresh = self._refresh(app)
        if refresh.owns(step):
            version = done.get(f"{app.app}/secrets", {}).get("version")
            learnt = version or done.get(refresh.release_step, {}).get("min_secrets_version")
            if step.name != refresh.release_step:
                return refresh.apply(step, done, min_secrets_version=int(str(learnt)) if learnt else None)
            newest = int(str(learnt)) if learnt else self.fly.secrets.learn_version(app.app)
            return {**refresh.apply(step, done, min_secrets_version=newest), "min_secrets_version": newest}
        if step.name.endswith("/settled"):
            return {}  # once it is proven
        if step.name.endswith("/coming"):
            self.vault.keep_sibling(state.item, "new", state.wanted.text())
            return {"kept": f"{state.item}.new"}
        if step.name.endswith("/old"):
            self.vault.keep_sibling(state.item, "old", state.now)
            return {"kept": f"{state.item}.old"}
        if step.name.endswith("/vault"):
            return {"reference": self.vault.reference(self.vault.write(state.item, state.wanted.text()))}
        wanted = {
            name: Wanted(Target(fly_destination(app.app), name), name, state.item, value, self.vault.fingerprint(value))
            for name, value in state.values.items()
            if name not in state.equal
        }
        return write_app(self.context, self.fly, app.app, wanted, Ledger(self.vault))

    def verify(self, plan: Plan, done: Done) -> None:
        """Digests are those written, every machine has them, and the app answers on the path that counts."""
        app, _ = self._app()
        state = self._observed
        try:
            version = done.get(f"{app.app}/secrets", {}).get("version")
            prove_app(
                self.context, self.fly, app.app, state.values, Ledger(self.vault),
                version=int(str(version)) if version else None,
                deployed=any(self._refresh(app).owns(step) for step in plan.steps),
            )  # fmt: skip
            self._seen = replace(state, answered=self._answers(app))
            if state.under_way or f"{app.app}/vault/coming" in done:
                self.vault.drop_sibling(state.item, "new")
        finally:
            let_go(self.context, self.environment)

    def after_failure(self, error: Exception, plan: Plan, done: Done) -> Exception:
        app, _ = self._app()
        self._refresh(app).failed(done)
        let_go(self.context, self.environment)
        if not isinstance(error, HotopsError) or isinstance(error, VerifyFailed | CheckWithoutRoute):
            return error
        if isinstance(error, MachineUnhealthy):
            answered = ask(self.context, app, app_holds(self.fly, app.app))
            if answered.no_route:
                return self._without_route(app, answered)
        steps = [step.name for step in plan.steps if step.name in done]
        back = "" if self.want.undo else f" dsn_fix.yml -l {app.host} -e undo=true puts the former one back."
        return FixIncomplete(
            f"{error.message.rstrip('.')}. Done: {', '.join(steps) or 'nothing'}; the rest is as it was.",
            remedy=f"{error.remedy or 'Run it again: it does the rest.'}{back}",
            request_id=error.request_id,
            details={"cause": error.as_failure(), "done": steps},
        )

    def report(self, state: FixSeen, plan: Plan, done: Done) -> dict[str, Any]:
        app, use = self._app()
        seen = self._observed if done else state
        result = {
            **judged_data(state.judged),
            "app": app.app,
            "wanted": state.wanted.shown(),
            "runs": state.runs,
            "names": sorted(state.values),
            "written": sorted(set(state.values) - state.equal),
            "proof": proof_data(state.proof),
            "inside": proof_data(state.inside),
            "status_before": state.answered.status,
            "status": seen.answered.status,
            "path": seen.answered.path,
            "check_without_route": seen.answered.no_route,
            "undo": f"-l {app.host} -e undo=true" if done and not self.want.undo else "",
            "warnings": [str(fact["warning"]) for fact in done.values() if fact.get("warning")],
        }
        return {**result, "hotops_screen": fix_lines(state.judged, (state.proof, state.inside), result, use)}

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _observed(self) -> FixSeen:
        if self._seen is None:
            raise HotopsError("The connection string was not looked at before it was to be changed.")
        return self._seen

    def _app(self) -> tuple[App, DatabaseUse]:
        name, use = declared_use(self.environment, self.want.app, self.context.selection)
        return next(app for app in self.environment.apps.values() if app.app == name), use

    def _refresh(self, app: App) -> Refresh:
        return Refresh(
            self.context,
            app.app,
            max_unavailable=app.max_unavailable,
            drain_s=app.drain_s,
            wait_timeout_s=app.wait_timeout_s,
        )

    def _right_one(self, item: Item, judged: Judgement) -> Dsn:
        if judged.verdict == "wrong":
            if judged.corrected is not None:
                return judged.corrected
            first = next(found for found in judged.findings if found.level == "wrong")
            raise NotCorrectable(
                f"{item.place}: {first.says} What would be right can't be known from it. Nothing was written.",
                remedy=first.do,
                details=judged_data(judged),
            )
        if judged.dsn is None:
            raise NotCorrectable(f"{item.place} holds no connection string.", remedy="Put it into the vault.")
        return judged.dsn

    def _kept_one(self, item: Item, kept: Secret | None) -> Dsn:
        from hotops.dsn.reading import read

        dsn = read(kept).dsn if kept else None
        if kept is None or dsn is None:
            raise NothingKept(
                f"The vault keeps no former connection string beside {item}.",
                remedy="Only a fix that hotops made can be put back.",
            )
        return dsn

    def _refuse_a_rotations(self, state: FixSeen) -> None:
        """A way back notes as `.new` where it goes. Raises SuccessorThere where a rotation's successor is there."""
        meanings = [item.meaning for item in self.vault.items()]
        if not state.under_way and any(one.sibling == "new" and one.base_path == state.item.path for one in meanings):
            raise SuccessorThere(
                f"A rotation of what is in {state.item.place} is under way: its successor is kept beside it."
                " Nothing was written.",
                remedy="End the rotation, or remove the .new file from the vault; then put the former string back.",
            )

    def _proof(self, wanted: Dsn, inside: Proof | None) -> Proof | None:
        """That the string connects, asked in check mode too; what a machine says outweighs this computer's network.

        Raises NotProven.
        """
        if not self.want.prove:
            return None
        prover = self.prover or Prover(self.context.world)
        proof: Proof = prover.prove(wanted)
        counts = inside or proof
        if counts.works:
            return proof
        failed, where = counts.failure, "a machine of the app" if inside else "here"
        said = f"{failed.name}: {failed.said}" if failed else "no answer"
        raise NotProven(
            f"{wanted.shown()} is to be written, and does not connect from {where} ({said}). Nothing was written.",
            remedy="See the cause; where only the machines reach it (IPv6), run with -e prove=false.",
            details={"proof": proof_data(proof), "inside": proof_data(inside)},
        )

    def _answers(self, app: App) -> Answered:
        """The app's answer once it is well. Raises CheckWithoutRoute, VerifyFailed."""
        last = Answered("", None)

        def look() -> Answered:
            nonlocal last
            last = ask(self.context, app, app_holds(self.fly, app.app))
            return last

        try:
            return wait_for(
                lambda seen: seen.is_well or bool(seen.no_route),
                look,
                clock=self.context.clock,
                timeout_s=ANSWERS_WITHIN_S,
                what=f"a good answer of {app.url}",
            )
        except WaitTimeout as error:
            raise VerifyFailed(
                f"{app.app} has the right connection string and answers {last.status or 'nothing'} on {last.path}.",
                remedy=f"fly logs -a {app.app}; hotops.core.supabase_dsn explains an error text.",
            ) from error
        finally:
            if last.no_route and not last.is_well:
                raise self._without_route(app, last)

    def _without_route(self, app: App, answered: Answered) -> CheckWithoutRoute:
        return CheckWithoutRoute(
            f"{app.app}: the connection string is right. A check asks {answered.no_route}, which is no route of the"
            " app: the proxy takes its machines out of rotation, and every path answers 503.",
            remedy="Correct the check's path in fly.toml and deploy it; the database is well.",
        )

    @staticmethod
    def _shown_before(state: FixSeen) -> str:
        return state.judged.dsn.shown() if state.judged.dsn else "no connection string"


def _same(one: Secret | None, other: Secret | None) -> bool:
    """Whether two strings lead to the same place, as the vault writes them."""
    from hotops.dsn.reading import read

    if one is None or other is None:
        return False
    first, second = read(one).dsn, read(other).dsn
    return one == other or (first is not None and second is not None and first.text() == second.text())
