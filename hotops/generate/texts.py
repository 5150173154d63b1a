"""Workflow files as text, from environments: which secrets, rights and programs each needs. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from hotops.github import approval_workflow
from hotops.inventory.schema import App, Environment
from hotops.secrets.secret_map import SecretMap, github_destination

FOLDER = ".github/workflows"
#: Newest major that Supabase runs (2026-11): its programs dump an older server too, older programs no newer one.
POSTGRESQL = 17
#: What a store asks the environment for, by the scheme of its address (docs/backup-format.md).
_STORE_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"),
    "gs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"),
}
#: Beside the watch: gates, the deploy itself, and the way back.
_MINUTES_BESIDE_THE_WATCH = 60


@dataclass(frozen=True)
class Handed:
    """An environment variable of a step, and the expression that it comes from."""

    variable: str
    source: str


@dataclass(frozen=True)
class Job:
    """What a job needs: the environment it has to name for that, its rights, the secrets of its steps."""

    id: str
    name: str
    secrets: tuple[Handed, ...]
    permissions: Mapping[str, str]
    environment: str | None = None
    store_secrets: tuple[Handed, ...] = ()


@dataclass(frozen=True)
class Build:
    """An app that is built: its host in the inventory and the fly.toml it is built by."""

    app: str
    host: str
    config: str


@dataclass(frozen=True)
class Surroundings:
    """The environments, the secret map of each that has one, and what the team said beside them."""

    environments: Mapping[str, Environment]
    maps: Mapping[str, SecretMap] = field(default_factory=dict)
    #: The only fly.toml of the project, for an environment of one app that declares none.
    only_toml: str | None = None
    branch: str = "main"
    package: str = "hotops"


def workflows_of(around: Surroundings) -> tuple[dict[str, str], list[str]]:
    """The files by path, and why a file that one may expect is not among them."""
    found, left_out = {}, []
    for env, environment in around.environments.items():
        if any(app.promote_from for app in environment.apps.values()):
            found[f"deploy-{env}.yml"] = _promote(around, env, environment)
            continue
        builds = _builds(around, environment)
        if builds:
            found[f"deploy-{env}.yml"] = _build(around, env, environment, builds)
        else:
            left_out.append(f"deploy-{env}.yml: no app of {env} declares its fly_toml: what is to be built?")
    found["rollback.yml"] = _rollback(around)
    found["health.yml"] = _render(around, "health", jobs=[_health_job(around, env) for env in around.environments])
    kept = [env for env, environment in around.environments.items() if _store(environment)]
    if kept:
        jobs = [_backup_job(around, env) for env in kept]
        found["backup.yml"] = _render(around, "backup", jobs=jobs)
        register = around.environments[kept[0]].dr.register_file
        found["drill.yml"] = _render(around, "drill", register=register, jobs=[_drill_job(around, env) for env in kept])
    else:
        left_out.append("backup.yml, drill.yml: no environment declares a store (backup.store) that a runner reaches")
    found[approval_workflow.FILE] = approval_workflow.text()
    return {f"{FOLDER}/{name}": text for name, text in found.items()}, left_out


# --- one file each ----------------------------------------------------------------------------------------------------


def _promote(around: Surroundings, env: str, environment: Environment) -> str:
    sources = _sources(around, environment)
    watch_s = max((app.watch_s for app in environment.promotable()), default=0.0)
    waits_s = environment.approval_wait_s if environment.approval == "github" else 0.0
    wanted = [*_fly(environment), *_own(environment)]
    scoped = environment.approval != "github"
    job = _job(around, env, "promote", wanted, _rights(environment, deploys=True), scoped=scoped)
    return _render(
        around,
        "promote",
        env=env,
        sources=sources,
        approval=environment.approval,
        extras=("backup",) if _store(environment) else (),
        minutes=int((watch_s + waits_s) // 60) + _MINUTES_BESIDE_THE_WATCH,
        job=job,
        source_secrets={name: _handed(around, name, _fly(around.environments[name])) for name in sources},
    )


def _build(around: Surroundings, env: str, environment: Environment, builds: Sequence[Build]) -> str:
    wanted = [*_fly(environment), *_own(environment)]
    job = _job(around, env, "deploy", wanted, _rights(environment, deploys=True), scoped=True)
    fly = _handed(around, env, _fly(environment))[0]
    return _render(around, "build", env=env, branch=around.branch, builds=builds, job=job, fly=fly)


def _rollback(around: Surroundings) -> str:
    """All environments are offered, so the step gets what each of them needs; no reviewer stands in the way."""
    secrets: dict[str, Handed] = {}
    rights: dict[str, str] = {}
    for env, environment in around.environments.items():
        secrets |= {item.variable: item for item in _handed(around, env, [*_fly(environment), *_github(environment)])}
        rights |= _rights(environment) if environment.github_repo is None else {"contents": "write"}
    job = Job("rollback", "rollback", tuple(secrets.values()), rights)
    return _render(around, "rollback", environments=list(around.environments), job=job)


def _health_job(around: Surroundings, env: str) -> Job:
    return _job(around, env, env, _fly(around.environments[env]), {"contents": "read"})


def _backup_job(around: Surroundings, env: str) -> Job:
    environment = around.environments[env]
    store = _store(environment)
    dsn = environment.backup.dsn_env if environment.backup else ""
    job = _job(around, env, env, [dsn, *store], {"contents": "read"})
    return Job(job.id, job.name, job.secrets, job.permissions, job.environment, _handed(around, env, store))


def _drill_job(around: Surroundings, env: str) -> Job:
    environment = around.environments[env]
    identity = environment.backup.identity_env if environment.backup else ""
    wanted = [*_fly(environment), "RESTORE_URL", identity, *_store(environment), *_github(environment)]
    rights = {"contents": "read"}
    if environment.github_repo is not None:
        rights["issues"] = "write"  # what is left to do
        if (environment.dr.approval or environment.approval) == "github":
            rights["actions"] = "write"  # starts the approval, and reads who approved
    return _job(around, env, env, wanted, rights)


# --- what a job needs -------------------------------------------------------------------------------------------------


def _job(
    around: Surroundings, env: str, name: str, wanted: Sequence[str], rights: Mapping[str, str], *, scoped: bool = False
) -> Job:
    """`scoped`: it names its environment anyhow, for its reviewers; else only where a secret stands nowhere else."""
    environment = around.environments[env]
    scope = environment.github_environment or env
    held = around.maps.get(env)
    only_there = held is not None and any(
        _mapped(held, variable, github_destination(scope)) and not _mapped(held, variable, github_destination(None))
        for variable in wanted
    )
    ident = name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"
    return Job(ident, name, _handed(around, env, wanted), rights, scope if scoped or only_there else None)


def _handed(around: Surroundings, env: str, wanted: Sequence[str]) -> tuple[Handed, ...]:
    """Each variable with the secret that the map says holds it; without a map, of its own name."""
    environment, held = around.environments[env], around.maps.get(env)
    scope = environment.github_environment or env
    found = []
    for variable in dict.fromkeys(name for name in wanted if name):
        if variable == "GITHUB_TOKEN":
            found.append(Handed(variable, "github.token"))
            continue
        secret = None
        if held is not None:
            secret = _mapped(held, variable, github_destination(scope)) or _mapped(
                held, variable, github_destination(None)
            )
        found.append(Handed(variable, f"secrets.{secret or variable}"))
    return tuple(found)


def _mapped(held: SecretMap, variable: str, destination: str) -> str | None:
    """The name under which the whole value of the map's secret `variable` stands at a scope of GitHub."""
    placed = held.destinations().get(destination, {})
    return next((name for name, what in placed.items() if what.secret == variable and what.part == "value"), None)


def _fly(environment: Environment) -> list[str]:
    return [environment.deploy_token_env or "FLY_API_TOKEN"]


def _github(environment: Environment) -> list[str]:
    return ["GITHUB_TOKEN"] if environment.github_repo else []


def _own(environment: Environment) -> list[str]:
    """What a promotion may ask beside Fly: the database's platform, the repository, who is told."""
    wanted = ["SUPABASE_ACCESS_TOKEN"] if environment.supabase_project else []
    told = [*environment.notifications, *(item for app in environment.apps.values() for item in app.notifications)]
    return [
        *wanted,
        *_github(environment),
        *(item.url_env for item in told if item.kind == "webhook"),
        *_store(environment),
    ]


def _rights(environment: Environment, *, deploys: bool = False) -> dict[str, str]:
    """The rights of the job's own token, each for something that the inventory declares."""
    if environment.github_repo is None:
        return {"contents": "read"}
    rights = {"contents": "write"}  # the lock is a git reference
    if not deploys:
        return rights
    rights["deployments"] = "write"
    apps = environment.apps.values()
    if any(app.required_checks for app in apps):
        rights |= {"checks": "read", "statuses": "read"}
    if environment.approval == "github":
        rights["actions"] = "write"  # starts the approval, and reads who approved
    elif any(app.test_evidence for app in apps):
        rights["actions"] = "read"
    if environment.blocking_labels:
        rights["issues"] = "read"
    return rights


def _store(environment: Environment) -> list[str]:
    """Credentials of the backups' store; none where there is no store, or one that a runner does not have."""
    scheme = environment.backup.store.partition("://")[0] if environment.backup and environment.backup.store else ""
    return list(_STORE_CREDENTIALS.get(scheme, ()))


def _sources(around: Surroundings, environment: Environment) -> list[str]:
    """The environments that have an app from which this one is promoted."""
    wanted = {app.promote_from for app in environment.promotable()}
    return [
        name
        for name, other in around.environments.items()
        if other is not environment and wanted & {app.app for app in other.apps.values()}
    ]


def _builds(around: Surroundings, environment: Environment) -> list[Build]:
    def config(app: App) -> str | None:
        return app.fly_toml or (around.only_toml if len(environment.apps) == 1 else None)

    return [Build(app.app, app.host, toml) for app in environment.in_order() if (toml := config(app)) is not None]


# --- text -------------------------------------------------------------------------------------------------------------


def _render(around: Surroundings, name: str, **words: Any) -> str:
    from jinja2 import Environment as Templates
    from jinja2 import FunctionLoader, StrictUndefined

    def template(asked: str) -> str:
        return files("hotops.generate").joinpath("templates", asked).read_text(encoding="utf-8")

    def package(extras: Sequence[str]) -> str:
        """`hotops[backup]==1.0` of `hotops==1.0`: what pip is told, also of a URL or a file."""
        wanted = f"[{','.join(extras)}]" if extras else ""
        plain = around.package.removeprefix("hotops")
        return json.dumps(f"hotops{wanted}{plain}" if plain != around.package else f"{around.package}{wanted}")

    templates = Templates(
        # YAML, which no browser reads; GitHub's own expressions take the usual brackets.
        autoescape=False,  # noqa: S701
        block_start_string="<%", block_end_string="%>",
        variable_start_string="<<", variable_end_string=">>",
        comment_start_string="<#", comment_end_string="#>",
        loader=FunctionLoader(template), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    templates.filters["cut"] = lambda text: str(text).rstrip("\n")  # a macro ends as the line does that calls it
    evidence_dir = next(iter(around.environments.values())).evidence_dir
    templates.globals |= {
        "action": _action, "package": package, "postgresql": POSTGRESQL, "evidence_dir": evidence_dir,
    }  # fmt: skip
    return templates.get_template(f"{name}.yml.j2").render(words)


@cache
def _action(name: str) -> str:
    commit, release = json.loads((files("hotops.generate") / "actions.json").read_text(encoding="utf-8"))[name]
    return f"{name}@{commit} # {release}"
