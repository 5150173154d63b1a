"""What happens on the twin's GitHub without any client asking, and looking at what no client may see."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from hotops.sandbox.github import seeding
from hotops.sandbox.github.replies import RefusalError
from hotops.sandbox.github.running import Review, Run, waiting
from hotops.sandbox.github.world import Artifact, Environment, Hub, Repository, Token

Payload = Mapping[str, Any]


def happen(hub: Hub, payload: Payload, now: float) -> Any:
    """Do what `do` names, to the repository `repo` (the first one if omitted).

    `token` makes one for `login` with `permissions`; `secrets` tells what arrived, base64, of the repository or of its
    `environment`; `renew_key` gives that scope another key pair. `file` puts the `text` of a `path` on a `branch` (null
    removes it); `review` lets `login` approve or reject (`state`) what a `run` waits for, `bypass` lets an
    administrator go past the reviewers; `check` lets CI say something (`sha`, `name`, `conclusion`), `outcome` decides
    how jobs of a `workflow` end, `protect` changes the rules of an environment, `artifact` adds one to a commit.
    """
    deed = DEEDS.get(str(payload.get("do")))
    if deed is None:
        raise ValueError(f"do: {payload.get('do')!r} is not one of {', '.join(DEEDS)}")
    try:
        return deed(hub, payload, now)
    except RefusalError as refusal:
        raise ValueError(refusal.message) from refusal


def built(hub: Hub, labels: Mapping[str, str], at: float) -> None:
    """An image was built of a commit: it is in the repository that its labels name, else in the first."""
    repo = hub.repository(labels.get("GH_REPO", "")) or next(hub.all_repositories(), None)
    if repo is not None and labels.get("GH_SHA"):
        repo.add_commit(labels["GH_SHA"], at)


def repository_of(hub: Hub, payload: Payload) -> Repository:
    """The repository that is meant. Raises ValueError."""
    name = payload.get("repo")
    found = hub.repository(str(name)) if name else next(hub.all_repositories(), None)
    if found is None:
        raise ValueError(f"repo: {name!r} is not one of {', '.join(r.full_name for r in hub.all_repositories())}")
    return found


def _environment(hub: Hub, payload: Payload) -> Environment | None:
    name = payload.get("environment")
    if name is None:
        return None
    found = repository_of(hub, payload).environments.get(str(name).lower())
    if found is None:
        raise ValueError(f"environment: there is no {name!r}")
    return found


def _token(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    login = hub.account(str(payload["login"])).login
    chosen = payload.get("repositories")
    value = f"sandbox-{secrets.token_hex(16)}"
    hub.tokens[value] = Token(
        login,
        permissions=payload.get("permissions"),
        repositories=tuple(chosen) if chosen is not None else None,
        of_actions=bool(payload.get("of_actions", False)),
    )
    return {"token": value}


def _secrets(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    scope = _environment(hub, payload) or repository_of(hub, payload)
    return {name: base64.b64encode(held.value).decode() for name, held in scope.keyring.values.items()}


def _renew_key(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    (_environment(hub, payload) or repository_of(hub, payload)).keyring.renew()
    return {"ok": True}


def _file(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    repo = repository_of(hub, payload)
    branch = str(payload.get("branch") or repo.default_branch)
    head = repo.refs[f"refs/heads/{repo.default_branch}"]
    repo.refs.setdefault(f"refs/heads/{branch}", head)
    files = repo.files.setdefault(branch, dict(repo.files[repo.default_branch]))
    if payload.get("text") is None:
        files.pop(str(payload["path"]), None)
    else:
        files[str(payload["path"])] = str(payload["text"])
    return {"ok": True}


def _run_of(hub: Hub, payload: Payload) -> Run:
    repo = repository_of(hub, payload)
    wanted = payload.get("run")
    found = repo.runs.get(int(wanted)) if wanted else next(reversed(repo.runs.values()), None)
    if found is None:
        raise ValueError(f"run: there is no {wanted!r}")
    return found


def _review(hub: Hub, payload: Payload, now: float) -> Any:
    run, user = _run_of(hub, payload), hub.account(str(payload["login"]))
    repo, state = repository_of(hub, payload), str(payload.get("state") or "approved")
    names = (
        [str(payload["environment"])] if payload.get("environment") else [e.name for e, _ in waiting(repo, run, now)]
    )
    for name in names:
        run.reviews.append(Review(name, state, user, str(payload.get("comment") or ""), now))
    return {"run": run.id, "environments": names}


def _bypass(hub: Hub, payload: Payload, now: float) -> Any:
    run, repo = _run_of(hub, payload), repository_of(hub, payload)
    names = [environment.name for environment, _ in waiting(repo, run, now) if environment.can_admins_bypass]
    run.bypassed |= dict.fromkeys(names, now)
    return {"run": run.id, "environments": names}


def _check(hub: Hub, payload: Payload, now: float) -> Any:
    repo = repository_of(hub, payload)
    kind = "statuses" if payload.get("kind") == "status" else "checks"
    chosen = [str(payload["sha"])] if payload.get("sha") else list(repo.commits)
    for sha in chosen:
        said: dict[str, str] = getattr(repo.add_commit(sha, now), kind)
        if payload.get("conclusion") is None:
            said.pop(str(payload["name"]), None)
        else:
            said[str(payload["name"])] = str(payload["conclusion"])
    return {"commits": chosen}


def _outcome(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    repository_of(hub, payload).outcomes[str(payload["workflow"])] = str(payload.get("conclusion") or "failure")
    return {"ok": True}


def _protect(hub: Hub, payload: Payload, now: float) -> Any:
    repo, name = repository_of(hub, payload), str(payload["environment"])
    repo.environments[name.lower()] = seeding.environment_of(hub, name, payload, now)
    return {"ok": True}


def _artifact(hub: Hub, payload: Payload, now: float) -> Any:
    repo = repository_of(hub, payload)
    sha = str(payload["sha"])
    run = next((each for each in repo.runs.values() if each.head_sha == sha), None)
    at = now - float(payload.get("age_s") or 0.0)
    made = Artifact(hub.number(), str(payload["name"]), run.id if run else 0, sha, at, payload.get("files") or {})
    repo.artifacts[made.id] = made
    return {"id": made.id}


def _older(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    hub.returns_run_details = not payload.get("older", True)
    return {"ok": True}


DEEDS: dict[str, Callable[[Hub, Payload, float], Any]] = {
    "token": _token,
    "secrets": _secrets,
    "renew_key": _renew_key,
    "file": _file,
    "review": _review,
    "bypass": _bypass,
    "check": _check,
    "outcome": _outcome,
    "protect": _protect,
    "artifact": _artifact,
    "older_server": _older,
}
