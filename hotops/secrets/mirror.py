"""Mirror: what the map says of the vault is at Fly and GitHub, and the machines run with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.options import nearest
from hotops.deploy.refresh import Refresh, ordered
from hotops.fly import Fly
from hotops.github.client import GitHub
from hotops.inventory.schema import App, Environment
from hotops.promote.holding import hold, let_go
from hotops.promote.pairs import environment_of
from hotops.secrets.challenging import answers_of
from hotops.secrets.fly_writes import note_proven, prove_app, remove_from_app, write_app
from hotops.secrets.github_writes import remove_from_scope, repo_of, scopes_hold, write_scope
from hotops.secrets.judgement import Judgement, judge
from hotops.secrets.ledger import Ledger, Mark
from hotops.secrets.map_file import load_map
from hotops.secrets.mirror_plan import apps_of, needs, remove_step, why_anew, write_steps
from hotops.secrets.mirror_told import RETURNS, row_lines, told_partial
from hotops.secrets.places import Held, apps_hold, left_out
from hotops.secrets.secret_map import SecretMap, Target, fly_destination
from hotops.secrets.wanted import Problem, Wanted, refuse, vault_of, want_of
from hotops.vault.vault import Vault


class MirrorWant(Spec):
    """Options of a mirror."""

    adopt: Literal["no", "write"] = Field(
        "no",
        description="What becomes of a value that hotops did not write, or that was touched since: no leaves and lists"
        " it, write overwrites it with the vault's.",
    )
    deploy: bool = Field(
        default=True, description="Whether machines are made anew, some at a time, so that they get what is staged."
    )
    remove: tuple[str, ...] = Field(
        (),
        description="Extra names to remove, in the form APP/NAME or github:ENVIRONMENT/NAME; only what the map does not"
        " name can be removed.",
    )
    places: tuple[Literal["fly", "github"], ...] = Field(
        ("fly", "github"), min_length=1, description="Where to: fly, github, or both. A run of some apps only is Fly's."
    )
    challenge: bool = Field(
        default=True,
        description="Whether machines of apps with `challenge_secrets` are asked what they hold, where it is unknown.",
    )
    strict: bool = Field(
        default=True, description="Whether it ends red when something stays unknown, or as somebody else left it."
    )


class Unproven(HotopsError):
    """Everything that may be written is; what else there is, nobody knows or somebody else wrote."""

    code = "secrets_unproven"
    exit_code = ExitCode.FINDINGS


class MirrorIncomplete(HotopsError):
    """Some of it is written, some not; the message says which, and a re-run does the rest."""

    code = "mirror_incomplete"


@dataclass(frozen=True)
class MirrorSeen:
    """What is wanted and what is there."""

    found: SecretMap
    wanted: Mapping[Target, Wanted]
    problems: tuple[Problem, ...]
    held: Held
    judgement: Judgement


class MirrorSecrets(Operation[MirrorWant, MirrorSeen]):
    """Write to each target what the vault has for it, and nothing where it is equal already; then prove it.

    Fly: one bulk write an app; equal by the digests that it answered the last time. What is staged is deployed by
    making the machines anew, the first alone. A required secret that the vault can't give refuses everything.
    GitHub: one key a scope, one put a secret, equal by the time that it told after the last write.
    Calls: an app 3 reads, 1 write, 1 read to prove, and those of its machines; a scope 2 reads, 1 key, a put each.
    Where all is equal: the 3 reads an app and the 1 a scope.
    Raises: SourceIncomplete, Unfit, MapError, PlaceUnreadable, MirrorIncomplete, Unproven, LockHeld.
    """

    name: ClassVar[str] = "secrets_mirror"
    Want: ClassVar[type[Spec]] = MirrorWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Mirror the vault's secrets to Fly.io and GitHub, as the secret map says",
        description=(
            "Writes what the map names, in as few calls as there can be, and nothing that is equal already.",
            "Equal is what the store shows as it did after the last write, which the vault's ledger notes.",
            "A value that hotops did not write, or that was touched since, is listed and left, unless O(adopt=write).",
            "What is written or staged is then deployed: machines are made anew with what they run, some at a time.",
            "Names that the map does not have are listed, and removed only where O(remove) names them.",
            "A vault that lacks a required secret, or has a placeholder for it, refuses it all: nothing is written.",
        ),
        returns=RETURNS,
        examples="""
- name: Every app has the vault's secrets, and runs with them
  hotops.core.secrets_mirror:
  run_once: true

- name: The first time, after looking at the list, the vault's values win
  hotops.core.secrets_mirror:
    adopt: write
    deploy: false
  run_once: true
""",
        notes=("In check mode no command is run inside a machine, so what only a machine can tell stays unknown.",),
        see_also=("fly_secret_info",),
    )

    _judgement: Judgement | None = None
    _vault: Vault | None = None

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    @property
    def github(self) -> GitHub:
        return self.context.client(GitHub)

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    @property
    def vault(self) -> Vault:
        """The environment's vault, opened once; in check mode for reading only."""
        if self._vault is None:
            self._vault = vault_of(self.environment, may_write=not self.context.check)
        return self._vault

    def mapped(self) -> SecretMap:
        """What is mirrored: the whole map; a rotation has its own secret's part of it."""
        return load_map(self.environment)

    def observe(self) -> MirrorSeen:
        found = self.mapped()
        wanted, problems = want_of(found, self.vault)
        refuse(problems, self.vault.store.place)
        held_apps = apps_hold(self.fly, self._apps(found)) if "fly" in self.want.places else {}
        remotes = {fly_destination(app): item.remotes() for app, item in held_apps.items()}
        scopes = self._scopes(found)
        if scopes:
            remotes |= scopes_hold(self.github, repo_of(self.environment), scopes)
        held = Held(remotes, held_apps)
        marks = Ledger(self.vault).marks
        adopt = self.want.adopt == "write"
        removed = self._removed(found, held, marks)
        judged = judge(found, wanted, held, marks, adopt=adopt, removed=removed, problems=tuple(problems))
        if self.want.challenge and not self.context.check:
            answers = answers_of(self.fly, self._challenged(), judged, held)
            if answers:
                judged = judge(
                    found, wanted, held, marks,
                    adopt=adopt, removed=removed, problems=tuple(problems), answers=answers,
                )  # fmt: skip
        self._judgement = judged
        return MirrorSeen(found, wanted, tuple(problems), held, judged)

    def plan(self, state: MirrorSeen) -> Plan:
        judged = state.judgement
        steps: list[Step] = []
        refreshed: list[Step] = []
        for app, holds in state.held.apps.items():
            mine = judged.at(fly_destination(app))
            written = {name: item for name, item in mine.items() if item.write}
            proven = {name: item for name, item in mine.items() if item.proven}
            steps += write_steps(app, written, proven)
            gone = [target for target in judged.removed if target.destination == fly_destination(app)]
            steps += [remove_step(f"{app}/remove/{target.name}", target, needs(app, written)) for target in gone]
            if self.want.deploy:
                stale = set(mine) & set(judged.stale.get(app, ()))
                only = None if written else holds.lacking(stale) | left_out(holds)
                refreshed += self.refresh_of(app).steps(holds.machines, only, why=why_anew(written, stale))
        for scope in (place for place in state.held.remotes if place.startswith("github:")):
            steps += write_steps(scope, {name: item for name, item in judged.at(scope).items() if item.write}, {})
            gone = [target for target in judged.removed if target.destination == scope]
            steps += [remove_step(f"{scope}/remove/{target.name}", target, ()) for target in gone]
        changing = {str(target): item.wanted.fingerprint for target, item in judged.targets.items() if item.write}
        decides = {
            "secrets": changing,
            "remove": [str(target) for target in judged.removed],
            "deploy": sorted({step.name.split("/")[0] for step in refreshed}),
        }
        title = f"Mirror the secrets of {self.environment.name}"
        return Plan(
            (*steps, *ordered(refreshed)), title, decides, "every target has the vault's value, as far as is known"
        )

    def prepare(self, plan: Plan) -> Fact:
        """Take the environment's lock: a promotion and a mirror never replace the same machines. Raises LockHeld."""
        taken = hold(self.context, self.environment)
        self.vault.key()
        return {"lock": str(taken.holder)}

    def apply(self, step: Step, done: Done) -> Fact:
        if step.name.startswith("github:"):
            return self._apply_github(step)
        app = step.name.split("/")[0]
        refresh = self.refresh_of(app)
        if refresh.owns(step):
            version = done.get(f"{app}/secrets", {}).get("version")
            learnt = version or done.get(refresh.release_step, {}).get("min_secrets_version")
            if step.name != refresh.release_step:
                return refresh.apply(step, done, min_secrets_version=int(str(learnt)) if learnt else None)
            # Without a write of this run the newest version is learnt by one that changes nothing.
            newest = int(str(learnt)) if learnt else self.fly.secrets.learn_version(app)
            recorded = refresh.apply(step, done, min_secrets_version=newest)
            return {**recorded, "min_secrets_version": newest}
        ledger = Ledger(self.vault)
        if "/remove/" in step.name:
            return remove_from_app(self.fly, app, step.name.rpartition("/")[2], ledger)
        judged = self._judged.at(fly_destination(app))
        if step.name.endswith("/proven"):
            return note_proven(self.context, self.fly, app, {n: i for n, i in judged.items() if i.proven}, ledger)
        values = {name: item.wanted for name, item in judged.items() if item.write}
        return write_app(self.context, self.fly, app, values, ledger)

    def verify(self, plan: Plan, done: Done) -> None:
        try:
            ledger = Ledger(self.vault)
            for app in apps_of(plan):
                version = done.get(f"{app}/secrets", {}).get("version")
                names = [name for name, item in self._judged.at(fly_destination(app)).items() if item.write]
                deployed = any(self.refresh_of(app).owns(step) for step in plan.steps)
                gone = [step.name.rpartition("/")[2] for step in plan.steps if step.name.startswith(f"{app}/remove/")]
                prove_app(
                    self.context, self.fly, app, names, ledger,
                    version=int(str(version)) if version else None, deployed=deployed, gone=gone,
                )  # fmt: skip
        finally:
            let_go(self.context, self.environment)

    def after_failure(self, error: Exception, plan: Plan, done: Done) -> Exception:
        for app in apps_of(plan):
            self.refresh_of(app).failed(done)
        let_go(self.context, self.environment)
        if not isinstance(error, HotopsError):
            return error
        return MirrorIncomplete(
            f"{error.message.rstrip('.')}. {told_partial(plan, done)}",
            remedy=error.remedy or "Run it again: it does the rest.",
            request_id=error.request_id,
            details={"cause": error.as_failure(), "done": sorted(set(done) - {"prepare"})},
        )

    def report(self, state: MirrorSeen, plan: Plan, done: Done) -> dict[str, Any]:
        judged = state.judgement
        warnings = [str(fact["warning"]) for fact in done.values() if fact.get("warning")]
        warnings += [str(problem) for problem in judged.problems]
        staged = [] if self.want.deploy else sorted(
            str(target)
            for target, item in judged.targets.items()
            if item.write or target.name in judged.stale.get(target.destination.partition(":")[2], ())
        )  # fmt: skip
        result = {
            "targets": judged.rows(),
            "written": sorted(str(target) for target, item in judged.targets.items() if item.write),
            "unknown": sorted(str(target) for target, item in judged.open.items()),
            "extra": [str(target) for target in judged.extra if target not in judged.removed],
            "staged": staged,
            "skipped": [problem.secret for problem in judged.problems],
            "warnings": warnings,
            "hotops_screen": row_lines(judged, plan, staged=staged, warnings=warnings, written=bool(done)),
        }
        if judged.open and self.want.strict and not self.context.check:
            names = ", ".join(str(target) for target in list(judged.open)[:4])
            more = f" and {len(judged.open) - 4} more" if len(judged.open) > 4 else ""
            raise Unproven(
                f"{len(judged.open)} targets may not have the vault's value, and were left as they are: {names}{more}.",
                remedy="Look at the list; -e adopt=write lets the vault's values win.",
                details=result,
            )
        return result

    # --- inside ------------------------------------------------------------------------------------------------------

    @property
    def _judged(self) -> Judgement:
        if self._judgement is None:
            raise HotopsError("The mirror was not observed before it was applied.")
        return self._judgement

    def _apps(self, found: SecretMap) -> list[str]:
        """The map's apps among the selected ones."""
        chosen = {self.environment.apps[host].app for host in self.context.selection or self.environment.apps}
        mapped = dict.fromkeys(app for secret in found.secrets.values() for app in secret.fly)
        return [app for app in mapped if app in chosen]

    def _scopes(self, found: SecretMap) -> list[str]:
        """The map's scopes of GitHub. They are the environment's: a run about some of its apps leaves them alone."""
        if "github" not in self.want.places or set(self.context.selection or ()) ^ set(self.environment.apps):
            return []
        return [place for place in found.destinations() if place.startswith("github:")]

    def _apply_github(self, step: Step) -> Fact:
        ledger, repo = Ledger(self.vault), repo_of(self.environment)
        destination, _, name = step.name.rpartition("/")
        if destination.endswith("/remove"):
            return remove_from_scope(self.github, repo, destination.removesuffix("/remove"), name, ledger)
        values = {name: item.wanted for name, item in self._judged.at(destination).items() if item.write}
        return write_scope(self.context, repo, destination, values, ledger)

    def _declared(self, app: str) -> App | None:
        return next((item for item in self.environment.apps.values() if item.app == app), None)

    def _challenged(self) -> list[str]:
        return [item.app for item in self.environment.apps.values() if item.challenge_secrets]

    def refresh_of(self, app: str) -> Refresh:
        """How an app's machines are made anew: as the inventory says."""
        declared = self._declared(app)
        plain = Refresh(self.context, app)
        if declared is None:
            return plain
        return replace(
            plain,
            max_unavailable=declared.max_unavailable,
            drain_s=declared.drain_s,
            wait_timeout_s=declared.wait_timeout_s,
        )

    def _removed(self, found: SecretMap, held: Held, marks: Mapping[str, Mark]) -> tuple[Target, ...]:
        """The extra names that are to be removed; one that hotops removed is gone already, and no mistake.

        Raises UsageError for one that is mapped, or of which nobody knows that it was ever there.
        """
        mapped = {target for target, _ in found.placements()}
        removed = []
        for named in self.want.remove:
            place, _, name = named.removeprefix("fly:").rpartition("/")
            target = Target(place if place.startswith("github:") else fly_destination(place), name)
            there = held.remotes.get(target.destination)
            if target in mapped:
                raise UsageError(
                    f"{named} is in the map, so it is not removed.", remedy="Take it out of the map first."
                )
            if there is None:
                near = nearest(place, [*held.apps, *held.remotes])
                raise UsageError(
                    f"{named} names no place of this run.",
                    remedy=f"Did you mean {near}?" if near else "Write it as APP/NAME; secrets_audit.yml lists them.",
                )
            if name in there:
                removed.append(target)
            elif not (mark := marks.get(str(target))) or not mark.removing:
                near = nearest(name, sorted({each for each in there if Target(target.destination, each) not in mapped}))
                raise UsageError(
                    f"There is no secret {name!r} at {place}, so there is nothing to remove. Nothing was written.",
                    remedy=f"Did you mean {place}/{near}?" if near else "Without `remove`, the names there are listed.",
                )
        return tuple(removed)
