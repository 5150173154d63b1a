"""What the client sends, reads and is answered by the twin exists in GitHub's published document."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hotops.github import models
from hotops.sandbox.github.api import ROUTES
from tests.contract.github_calls import CALLS, Exchange, Stage
from tests.contract.github_document import (
    body_schema,
    missing_fields,
    needs_document,
    operation,
    properties,
    query_names,
    reply_schema,
    unknown_fields,
)

DEVIATIONS: dict[str, Any] = json.loads(Path(__file__).with_name("github_deviations.json").read_text())

READ: dict[type[BaseModel], str] = {
    models.PublicKey: "actions-public-key",
    models.SecretInfo: "actions-secret",
    models.Variable: "actions-variable",
    models.Account: "simple-user",
    models.Repository: "full-repository",
    models.Ref: "git-ref",
    models.Tag: "git-tag",
    models.CheckRun: "check-run",
    models.CommitStatus: "simple-commit-status",
    models.Workflow: "workflow",
    models.Run: "workflow-run",
    models.Job: "job",
    models.Team: "team",
    models.Review: "environment-approvals",
    models.PendingDeployment: "pending-deployment",
    models.Environment: "environment",
    models.Artifact: "artifact",
    models.Deployment: "deployment",
    models.DeploymentStatus: "deployment-status",
    models.Label: "label",
    models.Issue: "issue",
}
#: Parts of others, which have no name of their own in the document.
INNER = {
    models.GitObject, models.EnvironmentName, models.Reviewer, models.ProtectionRule, models.ArtifactRun,
}  # fmt: skip


@lru_cache
def exchanges_of(name: str) -> tuple[Exchange, ...]:
    """What one method sends, and is answered."""
    stage = Stage()
    CALLS[name](stage)
    assert stage.recorder.seen
    return tuple(stage.recorder.seen)


def test_every_public_method_is_called_here() -> None:
    github = Stage().github
    parts = {name: part for name, part in vars(github).items() if not name.startswith("_")}
    methods = {
        f"{name}.{method}": getattr(part, method)
        for name, part in parts.items()
        for method in dir(part)
        if not method.startswith("_") and callable(getattr(part, method))
    }
    assert set(methods) == set(CALLS)
    assert all(method.__doc__ for method in methods.values())


@needs_document
@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_sent_exists(name: str) -> None:
    for seen in exchanges_of(name):
        if excused("hosts", host=seen.host):
            continue
        found = operation(seen.method, seen.path)
        assert found, f"{seen.method} {seen.path} is not in the document"
        template, described = found
        assert {key for key, _ in seen.query} <= query_names(described), template
        if seen.body is not None:
            schema = body_schema(described)
            assert list(unknown_fields(seen.body, schema)) == [], template
            assert list(missing_fields(seen.body, schema)) == [], template


@needs_document
@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_the_twin_answers_exists_and_is_whole(name: str) -> None:
    for seen in exchanges_of(name):
        found = operation(seen.method, seen.path)
        if found is None or seen.status >= 400:
            continue
        template, described = found
        schema = reply_schema(described, seen.status)
        if seen.headers.get("accept") != "application/vnd.github+json":
            continue  # not the JSON that the document describes
        if schema is None or seen.answer is None:
            assert not seen.answer, f"{template} {seen.status} has no body in the document"
            continue
        lacking = [at for at in missing_fields(seen.answer, schema) if not is_partial(template, at)]
        unknown = [at for at in unknown_fields(seen.answer, schema) if not excused("fields", path=template, field=at)]
        assert (unknown, lacking) == ([], []), f"{seen.method} {template}"


@needs_document
@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
def test_what_is_read_exists(model: type[BaseModel]) -> None:
    known, _ = properties({"$ref": f"#/components/schemas/{READ[model]}"})
    for name, field in model.model_fields.items():
        assert (field.alias or name) in known, f"{READ[model]}.{field.alias or name}"


def test_every_model_is_read_from_the_document() -> None:
    found = {
        item
        for item in vars(models).values()
        if isinstance(item, type) and issubclass(item, BaseModel) and item.__module__ == models.__name__
    }
    assert found - {models.Reply, *INNER} == {*READ}


@needs_document
def test_every_route_of_the_twin_is_published() -> None:
    for route in ROUTES:
        path = route.template.replace("*", "")
        found = operation(route.method, path.replace("{", "").replace("}", ""))
        assert found or excused("routes", route=f"{route.method} {route.template}"), f"{route.method} {route.template}"


@needs_document
def test_no_deviation_is_without_its_source() -> None:
    assert all(item["source"] for rows in DEVIATIONS.values() if isinstance(rows, list) for item in rows)


def is_partial(template: str, at: str) -> bool:
    """Whether a field is lacking in something that the twin shows in part only."""
    return any(
        item.get("path") == template or (item.get("within") and item["within"] in at) for item in DEVIATIONS["partial"]
    )


def excused(kind: str, **wanted: str) -> bool:
    return any(all(item.get(key) == value for key, value in wanted.items()) for item in DEVIATIONS[kind])
