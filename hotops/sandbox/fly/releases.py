"""Release records over REST on api.fly.io: bookkeeping that rolls nothing out (flyctl, release client)."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.fly import access
from hotops.sandbox.fly.errors import invalid, json_reply, not_found
from hotops.sandbox.fly.ids import rfc3339
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import App, Org, Release
from hotops.sandbox.wire import Response

routes = Routes()
STRATEGIES = {"ROLLING", "IMMEDIATE", "CANARY", "BLUEGREEN", "SIMPLE"}
STATUSES = {"pending", "running", "complete", "failed", "interrupted"}


def shown(release: Release) -> dict[str, Any]:
    """A release as the REST interface lists it (flyctl, release client)."""
    return {
        "id": release.id,
        "version": release.version,
        "stable": release.status == "complete",
        "in_progress": release.status in {"pending", "running"},
        "status": release.status,
        "strategy": release.strategy,
        "user": release.user,
        "created_at": rfc3339(release.created_at),
        "image_ref": release.image_ref,
    }


@routes.on("POST", "/api/v1/releases")
def create_release(call: Call) -> Response:
    """Write a release record, numbered after the app's newest."""
    payload = call.payload
    app = access.app_named(call.world, call.grant, str(payload.get("app_name") or ""), writes=True)
    strategy = str(payload.get("strategy") or "ROLLING").upper()
    if strategy not in STRATEGIES:
        raise invalid(f"strategy: unknown strategy {strategy!r}")
    definition = payload.get("definition")
    release = Release(
        id=call.world.ids.short("rel_"),
        version=max((known.version for known in app.releases), default=0) + 1,
        status="pending",
        strategy=strategy,
        user=call.grant.tokens[0].user,
        created_at=call.now,
        image_ref=str(payload.get("image") or ""),
        definition=definition if isinstance(definition, dict) else None,
        description="Release",
    )
    app.releases.append(release)
    app.status = "deployed"
    return json_reply({"release": shown(release)}, 201)


@routes.on("PATCH", "/api/v1/releases/{release}")
def update_release(call: Call) -> Response:
    """Write a release's status and what its tool has to say afterwards."""
    release = _release(call)
    status = call.payload.get("status")
    if status is not None and status not in STATUSES:
        raise invalid(f"status: unknown status {status!r}")
    release.status = str(status or release.status)
    release.metadata.update(call.payload.get("metadata") or {})
    return json_reply(shown(release))


def _release(call: Call) -> Release:
    for app in call.world.apps.values():
        for release in app.releases:
            if release.id == call.params["release"]:
                call.grant.check(app, writes=True)
                return release
    raise not_found("release")


@routes.on("GET", "/api/v1/apps/{app}/releases")
def list_releases(call: Call) -> Response:
    """Releases of an app, newest first."""
    limit = call.request.value("limit")
    found = newest_first(call.app)[: int(limit) if limit.isdigit() else 25]
    return json_reply({"releases": [shown(release) for release in found]})


@routes.on("GET", "/api/v1/apps/{app}/releases/current")
def current_release(call: Call) -> Response:
    """The newest release, bare, without the envelope that creating one answers in (flyctl); 404 if there is none."""
    found = newest_first(call.app)
    if not found:
        raise not_found("release")
    return json_reply(shown(found[0]))


def newest_first(app: App) -> list[Release]:
    """An app's releases by falling version."""
    return sorted(app.releases, key=lambda release: release.version, reverse=True)


@routes.on("GET", "/api/v1/organizations")
def list_organizations(call: Call) -> Response:
    """Organisations the token covers."""
    covered = {app.org.slug for app in call.grant.apps_of(call.world)}
    found = [org_shown(org) for org in call.world.orgs.values() if org.slug in covered or _covers(call, org)]
    return json_reply({"organizations": found})


@routes.on("GET", "/api/v1/organizations/{org}")
def get_organization(call: Call) -> Response:
    """One organisation by its slug."""
    org = call.world.orgs.get(call.params["org"])
    if org is None:
        raise not_found("organization")
    return json_reply({"organization": org_shown(org)})


def _covers(call: Call, org: Org) -> bool:
    return any(token.apps is None and token.org in {None, org.slug} for token in call.grant.tokens)


def org_shown(org: Org) -> dict[str, Any]:
    """An organisation as the REST interface shows it (flyctl)."""
    return {
        "id": org.id,
        "internal_numeric_id": org.numeric_id,
        "slug": org.slug,
        "raw_slug": org.slug,
        "name": org.name,
        "paid_plan": True,
        "personal": org.slug == "personal",
        "billing_status": "CURRENT",
        "billable": True,
        "remote_builder_image": "",
    }


@routes.on("POST", "/api/v1/builds")
def create_build(call: Call) -> Response:
    """Record a build that was begun; nothing is built."""
    access.app_named(call.world, call.grant, str(call.payload.get("app_name") or ""), writes=True)
    return json_reply({"id": call.world.ids.numeric(), "status": "started"})


@routes.on("POST", "/api/v1/builds/finish")
def finish_build(call: Call) -> Response:
    """Record a build's end."""
    return json_reply({"id": call.payload.get("build_id") or 0, "status": call.payload.get("status") or "completed"})
