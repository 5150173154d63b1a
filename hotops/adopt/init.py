"""From an empty folder to a first promotion: what runs is read, and written down; the clouds are only read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from hotops.adopt.contradictions import Contradiction, contradictions
from hotops.adopt.organisation import Organisation, Running, pairs, read_organisation
from hotops.adopt.ratchet import Asked, ask_once
from hotops.adopt.texts import Project, files_of
from hotops.core.errors import UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.state import write_atomically
from hotops.look.screen import wrapped
from hotops.promote.gates import verdict_line


class InitWanted(Spec):
    """Of what, and where to."""

    fly_org: str = Field(min_length=1, description="The organisation's slug.")
    repo: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", description="The GitHub repository, OWNER/NAME.")
    apps: tuple[str, ...] = Field((), description="Only these apps; all of the organisation if omitted.")
    env_kind: Literal["live", "sandbox"] = Field("live", description="live: the real clouds; sandbox: their twin.")
    folder: Path = Field(Path(), description="The project's folder.")


@dataclass(frozen=True)
class InitSeen:
    """What the clouds have, what the files would say, and what already stands there."""

    organisation: Organisation
    project: Project
    contradictions: tuple[Contradiction, ...]
    asked: Asked
    wanted: Mapping[str, str]
    there: Mapping[str, str]

    @property
    def missing(self) -> dict[str, str]:
        """The files that are to be written."""
        return {path: text for path, text in self.wanted.items() if path not in self.there}

    @property
    def differing(self) -> dict[str, str]:
        """The files that say something else, which are left as they are."""
        return {path: text for path, text in self.wanted.items() if self.there.get(path, text) != text}


class Init(Operation[InitWanted, InitSeen]):
    """Write the inventory of what runs. Reads the clouds; writes files that are not there, and never over one.

    Raises UsageError (nothing to promote from or to, a list that is refused), TokenMissing.
    """

    name = "init"
    Want = InitWanted
    effect = "write"

    def observe(self) -> InitSeen:
        want, context = self.want, self.context
        found = read_organisation(context, want.fly_org, want.apps)
        unread = [app.name for app in found.apps if not app.machines.is_known]
        if len(unread) == len(found.apps):
            raise UsageError(
                f"None of the apps of {want.fly_org} can be read: {', '.join(unread) or 'it has none'}.",
                remedy="Check the organisation's slug and the token: fly orgs list",
                code="nothing_to_adopt",
            )
        names = [app.name for app in found.apps]
        paired = pairs(names)
        sources = set(paired.values())
        project = Project(
            fly_org=want.fly_org,
            env_kind=want.env_kind,
            production=[app.name for app in found.apps if app.name not in sources and not app.is_staging],
            staging=[app.name for app in found.apps if app.name in sources or app.is_staging],
            pairs=paired,
            github_repo=want.repo,
            supabase_project=_project(found),
            databases={app.name: use for app in found.apps if (use := _database(app))},
            candidates=_candidates(found),
        )
        told = contradictions(found, paired, want.folder, context.clock.now())
        asked = ask_once(context, project)
        project = Project(**{**vars(project), "softened": asked.softened})
        wanted = files_of(project)
        there = {path: text for path in wanted if (text := _text(want.folder / path)) is not None}
        return InitSeen(found, project, tuple(told), asked, wanted, there)

    def plan(self, state: InitSeen) -> Plan:
        steps = tuple(
            Step(path, path, "create", after={"lines": len(text.splitlines()), "text": text})
            for path, text in state.missing.items()
        )
        return Plan(steps, title=f"init {self.want.fly_org}", why_empty="every file is there already")

    def apply(self, step: Step, done: Done) -> Fact:
        file = self.want.folder / step.target
        if file.exists():
            return {"written": False}  # somebody made it meanwhile: theirs stays
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, str(step.after["text"]), mode=0o644)
        return {"written": True}

    def report(self, state: InitSeen, plan: Plan, done: Done) -> dict[str, Any]:
        return {
            "pairs": dict(state.project.pairs),
            "production": list(state.project.production),
            "staging": list(state.project.staging),
            "contradictions": [item.as_row() for item in state.contradictions],
            "unknown": unknowns(state),
            "softened": [vars(item) | {"until": item.until.isoformat()} for item in state.asked.softened],
            "hard": [gate.as_row() for gate in state.asked.hard],
            "written": [step.target for step in plan.steps if done.get(step.name, {}).get("written")],
            "differs": list(state.differing),
            "next": _next(state),
            "hotops_screen": page(state, plan, done),
        }


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _project(found: Organisation) -> str | None:
    """The Supabase project where it is plain which: the only one."""
    known = found.projects.value or []
    return known[0].name or known[0].ref if len(known) == 1 else None


def _candidates(found: Organisation) -> list[tuple[str, str]]:
    """Name and ref of each project, where there are several."""
    known = found.projects.value or []
    return [(project.name, project.ref) for project in known] if len(known) > 1 else []


def _database(app: Running) -> dict[str, object] | None:
    """How an app gets its connection string, by the names of its secrets: whole, or in parts."""
    names = {secret.name for secret in app.secrets.value or ()}
    if "DATABASE_URL" in names:
        return {"secret": "DATABASE_URL", "use": "server"}
    if "PG_URL" in names:
        return {"secret": "PG_URL", "names": ["PG_URL"], "use": "server"}
    if "POSTGRES_HOST" in names:
        return {"secret": "DATABASE_URL", "parts": "POSTGRES_", "use": "server"}
    return None


def unknowns(state: InitSeen) -> list[str]:
    """What could not be known, each with what would tell it."""
    found = state.organisation
    told = [
        f"{app.name}: its {what} can't be read: {part.why_not}"
        for app in found.apps
        for what, part in (("machines", app.machines), ("releases", app.releases), ("secrets", app.secrets))
        if not part.is_known
    ]
    if not found.projects.is_known:
        told.append(f"the database: {found.projects.why_not}")
    elif state.project.supabase_project is None:
        count = len(found.projects.value or [])
        told.append(
            f"which of {count} Supabase projects is behind production: supabase_project in group_vars/all.yml"
            if count
            else "a database: the token sees no Supabase project"
        )
    if state.project.github_repo is None:
        told.append("the repository: not named (--repo OWNER/NAME), so the lock is one of this computer only")
    told += [f"whether {item}" for item in state.asked.unasked]
    alone = [name for name in state.project.production if name not in state.project.pairs]
    if alone:
        told.append(f"where {', '.join(alone)} would be promoted from: no app is called so for staging; only watched")
    return [
        *told,
        "values of secrets: Fly tells digests only",
        "where the vault is: vault in group_vars/all.yml",
        "what backs up the database: set backup in the inventory",
    ]


def _next(state: InitSeen) -> str:
    if state.differing:
        return "look at the differences; hotops init never overwrites a file"
    if not state.project.pairs:
        return "set promote_from for an app in inventories/production/hosts.yml"
    if state.asked.hard:
        return f"mend {state.asked.hard[0].name} of {state.asked.hard[0].app}: no inventory can soften it"
    return "hotops promote production --reason 'the first one' --check"


def page(state: InitSeen, plan: Plan, done: Done) -> list[str]:
    """What was found, what contradicts itself, what is not known, what was written."""
    project = state.project
    lines = [f"{project.fly_org}: {len(state.organisation.apps)} apps", ""]
    lines += [f"  {target}  is promoted from  {source}" for target, source in project.pairs.items()]
    lines += [f"  {name}  is watched" for name in project.production if name not in project.pairs]
    lines += ["", f"Contradictions: {len(state.contradictions) or 'none found'}"]
    for item in state.contradictions:
        lines += wrapped(f"{item.app}: {item.says} ({item.kind})", first="  ! ", then="    ")
    lines += ["", "Not known:"]
    for text in unknowns(state):
        lines += wrapped(text, first="  ? ", then="    ")
    if state.asked.gates:
        lines += ["", *wrapped(f"Gates, asked once: {verdict_line(state.asked.gates)}")]
    for soft in state.asked.softened:
        lines += wrapped(f"{soft.gate} only warns until {soft.until}: {soft.reason}", first="  - ", then="    ")
    for gate in state.asked.hard:
        lines += wrapped(f"{gate.name} of {gate.app} can't be softened: {gate.found}", first="  ! ", then="    ")
    lines.append("")
    for step in plan.steps:
        lines.append(f"  {'+' if done else 'would write'} {step.target}")
    for path, text in state.differing.items():
        lines += [f"  {path} differs, and is left as it is:"]
        yours, found = state.there[path].splitlines(), text.splitlines()
        lines += [f"    {line}" for line in difflib.unified_diff(yours, found, "yours", "as found", lineterm="", n=1)]
    if not plan.steps and not state.differing:
        lines.append("  Every file is there already, and says the same.")
    return [*lines, "", f"Next: {_next(state)}"]
