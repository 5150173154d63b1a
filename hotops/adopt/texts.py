"""The files of a new project as text: what is written into a team's own repository. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import yaml

PLAYBOOKS: Mapping[str, str] = {
    "promote": "What staging runs goes to production",
    "rollback": "What ran before runs again",
    "deploy": "One image goes straight to an environment",
    "health": "How every app is",
}
ANSIBLE_CFG = """\
[defaults]
inventory = inventories/production
callbacks_enabled = hotops.core.evidence
localhost_warning = false
retry_files_enabled = false
"""
IGNORED = ("artifacts/", "vault/", "*.env", ".ansible/")


@dataclass(frozen=True)
class Softened:
    """A gate that fails today, on which apps and why; it is asked for again after `until`."""

    gate: str
    reason: str
    until: date


@dataclass(frozen=True)
class Project:
    """What the files say."""

    fly_org: str
    env_kind: str
    production: Sequence[str]
    staging: Sequence[str]
    pairs: Mapping[str, str]
    github_repo: str | None = None
    supabase_project: str | None = None
    softened: Sequence[Softened] = field(default=())
    #: How an app uses its database, as far as the names of its secrets tell it.
    databases: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    #: Supabase projects of which it is not known which is behind the apps: name and ref.
    candidates: Sequence[tuple[str, str]] = ()


def files_of(project: Project) -> dict[str, str]:
    """Every file by its path."""
    files = {"ansible.cfg": ANSIBLE_CFG, ".gitignore": "".join(f"{line}\n" for line in IGNORED)}
    for name, title in PLAYBOOKS.items():
        files[f"{name}.yml"] = f"---\n- name: {title}\n  ansible.builtin.import_playbook: hotops.core.{name}\n"
    if project.production:
        files |= _inventory("production", project, project.production)
    if project.staging:
        files |= _inventory("staging", project, project.staging)
    return files


def common_of(project: Project, *, softened: bool) -> dict[str, object]:
    """The keys of the environment."""
    found: dict[str, object] = {"env_kind": project.env_kind, "fly_org": project.fly_org}
    if project.github_repo:
        found["github_repo"] = project.github_repo
    if project.supabase_project:
        found["supabase_project"] = project.supabase_project
    if project.env_kind == "sandbox":
        # A demonstration takes seconds, and the twin is as fast as its clock.
        found |= {"watch_s": 8, "watch": {"interval_s": 1}, "drain_s": 1, "samples": 20}
    if softened and project.softened:
        found["gates"] = {
            item.gate: {"level": "warn", "reason": item.reason, "until": item.until.isoformat()}
            for item in project.softened
        }
    return found


def _inventory(name: str, project: Project, apps: Sequence[str]) -> dict[str, str]:
    hosts = {app: _host(project, app) or None for app in apps}
    folder = f"inventories/{name}"
    common = _yaml(common_of(project, softened=name == "production"))
    lines = ["---", f"# Tokens come from the shell and never stand here: `hotops doctor {name}` names the least."]
    if name == "production" and project.softened:
        lines.append("# Gates that say no today; required again after their day. Mend, then remove them.")
    head = "---\n# A host is a Fly app. One with `promote_from` is promoted, the others are watched.\n"
    return {
        f"{folder}/hosts.yml": f"{head}{_yaml({'apps': {'hosts': hosts}})}",
        f"{folder}/group_vars/all.yml": "\n".join([*lines, common]) + _undeclared(project, name),
    }


def _host(project: Project, app: str) -> dict[str, object]:
    source: dict[str, object] = {"promote_from": project.pairs[app]} if app in project.pairs else {}
    return source | ({"database": dict(project.databases[app])} if app in project.databases else {})


def _undeclared(project: Project, name: str) -> str:
    """What reading the clouds can't tell, as lines to take the sign away from."""
    lines = []
    if project.candidates:
        lines += ["# Which of these Supabase projects is behind the apps?"]
        lines += [f"# supabase_project: {called or ref}    # {ref}" for called, ref in project.candidates]
    vault = "a sandbox has a vault of its own" if project.env_kind == "sandbox" else "mode 700, never committed"
    lines += [
        f"# The vault, from which secrets are mirrored, rotated, put right: a folder of env files ({vault}).",
        "# vault: vault/occ",
    ]
    if project.databases and project.env_kind == "live":
        secret = sorted({str(use["secret"]) for use in project.databases.values()})[0]
        lines.append(f"# It has a line {secret}=… in vault/occ/{secret.lower()}_{name}.env (mode 600), for example.")
    return "".join(f"{line}\n" for line in lines)


def _yaml(data: object) -> str:
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)
    return text.replace(": null\n", ":\n")
