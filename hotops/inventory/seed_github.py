"""The repositories of a pretended world: what the sandbox's GitHub starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotops.github import approval_workflow as workflow
from hotops.inventory.sandbox_spec import SandboxEnvironment, SandboxRepository, SandboxWorld, Secrets
from hotops.inventory.schema import Environment
from hotops.inventory.seed_values import PretendedProject, secret_values


def repositories_of(
    environment: Environment, world: SandboxWorld, project: PretendedProject | None, apps: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Every declared repository, and a usual one for the environment's own where that is not declared.

    The environment's own has a commit for each image of the seed that names one.
    """
    declared = dict(world.repositories)
    if environment.github_repo is not None:
        declared.setdefault(environment.github_repo, _usual(environment.github_environment or environment.name))
    return [
        {
            **spec.model_dump(mode="json", exclude={"secrets", "environments"}),
            "name": name,
            "secrets": _values(spec.secrets, project),
            "environments": {
                each: {**rule.model_dump(mode="json", exclude={"secrets"}), "secrets": _values(rule.secrets, project)}
                for each, rule in spec.environments.items()
            },
            "commits": _commits(apps) if name == environment.github_repo else [],
        }
        for name, spec in declared.items()
    ]


def _usual(environment: str) -> SandboxRepository:
    """A public repository with the approval workflow, and an environment of this name that `reviewer` guards."""
    usual = SandboxRepository()
    guarded = {**usual.environments, environment: SandboxEnvironment(reviewers=("reviewer",))}
    return usual.model_copy(update={"environments": guarded, "workflows": {workflow.FILE: workflow.text()}})


def _values(secrets: Secrets, project: PretendedProject | None) -> dict[str, str]:
    return secret_values(secrets, app_url="https://github.com", project=project)


def _commits(apps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Commits by the labels of images, oldest first; two apps may run one."""
    found: dict[str, float] = {}
    for app in apps:
        for release in app["releases"]:
            sha = release["labels"].get("GH_SHA")
            if sha:
                found[sha] = max(found.get(sha, 0.0), float(release["age_s"]))
    return [{"sha": sha, "age_s": age_s} for sha, age_s in sorted(found.items(), key=lambda item: -item[1])]
