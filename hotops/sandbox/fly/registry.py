"""registry.fly.io: manifests and blobs, read, copied between repositories, and refused across organisations."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hotops.sandbox.fly.errors import RefusalError
from hotops.sandbox.fly.images import MANIFEST_TYPE, Content, Repository, digest_of
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

routes = Routes()
MANIFEST = "/v2/{repository}/manifests/{reference}"
BLOB = "/v2/{repository}/blobs/{digest}"
UPLOADS = "/v2/{repository}/blobs/uploads/"


def denied(status: int, code: str, text: str) -> RefusalError:
    """A refusal whose text is already the registry's own error envelope (OCI distribution specification, errors)."""
    return RefusalError(status, json.dumps({"errors": [{"code": code, "message": text}]}))


def reply_of(refusal: RefusalError) -> Response:
    """A refusal in the registry's envelope; 401 says how to sign in."""
    codes = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 405: "UNSUPPORTED"}
    body = refusal.text
    if not body.startswith('{"errors"'):
        code = codes.get(refusal.status, "UNKNOWN")
        body = json.dumps({"errors": [{"code": code, "message": refusal.text}]})
    headers = {"content-type": "application/json"}
    if refusal.status == 401:
        headers["www-authenticate"] = 'Basic realm="registry"'
    return Response(refusal.status, headers, body.encode())


@routes.on("GET", "/v2/")
def ping(call: Call) -> Response:
    """Whether the token is good."""
    del call
    return Response(200, {"content-type": "application/json"}, b"{}")


def _repository(call: Call) -> tuple[str, Repository]:
    """A repository the token may use: access is per organisation, so another organisation's is denied."""
    name = call.params["repository"]
    owner = call.world.apps.get(name)
    if owner is None and name not in call.world.images.repositories:
        raise denied(404, "NAME_UNKNOWN", "repository name not known to registry")
    if owner is not None and not _reaches(call, owner.org.slug):
        raise denied(403, "DENIED", "requested access to the resource is denied")
    if owner is not None and call.writes:
        call.grant.check(owner, writes=True)
    return name, call.world.images.repositories.setdefault(name, Repository())


def _reaches(call: Call, org_slug: str) -> bool:
    return any(app.org.slug == org_slug for app in call.grant.apps_of(call.world)) or any(
        token.apps is None and token.org in {None, org_slug} for token in call.grant.tokens
    )


@routes.on("HEAD", MANIFEST)
@routes.on("GET", MANIFEST)
def get_manifest(call: Call) -> Response:
    """The manifest of a tag or digest; 404 MANIFEST_UNKNOWN where it never was or was pruned."""
    name, _ = _repository(call)
    content = call.world.images.find(name, call.params["reference"])
    if content is None:
        raise denied(404, "MANIFEST_UNKNOWN", "manifest unknown")
    headers = {"content-type": MANIFEST_TYPE, "docker-content-digest": content.digest}
    if call.request.method == "HEAD":
        return Response(200, {**headers, "content-length": str(len(content.manifest))}, b"")
    return Response(200, headers, content.manifest)


@routes.on("PUT", MANIFEST)
def put_manifest(call: Call) -> Response:
    """Put a manifest whose blobs are there already; the same bytes keep their digest."""
    name, repository = _repository(call)
    digest = digest_of(call.request.body)
    content = call.world.images.contents.get(digest)
    if content is None:
        raise denied(400, "MANIFEST_INVALID", "the twin takes only manifests of images it already holds somewhere")
    if not set(content.blobs) <= repository.blobs:
        raise denied(400, "MANIFEST_BLOB_UNKNOWN", "manifest references a blob unknown to registry")
    repository.digests[digest] = call.now
    reference = call.params["reference"]
    if not reference.startswith("sha256:"):
        repository.tags[reference] = digest
    return Response(201, {"docker-content-digest": digest, "location": f"/v2/{name}/manifests/{digest}"}, b"")


@routes.on("HEAD", BLOB)
@routes.on("GET", BLOB)
def get_blob(call: Call) -> Response:
    """A blob of a repository."""
    _, repository = _repository(call)
    digest = call.params["digest"]
    if digest not in repository.blobs:
        raise denied(404, "BLOB_UNKNOWN", "blob unknown to registry")
    body = _blob(call.world.images.contents.values(), digest)
    headers = {"content-type": "application/octet-stream", "docker-content-digest": digest}
    if call.request.method == "HEAD":
        return Response(200, {**headers, "content-length": str(len(body))}, b"")
    return Response(200, headers, body)


def _blob(contents: Iterable[Content], digest: str) -> bytes:
    return next((content.blobs[digest] for content in contents if digest in content.blobs), b"")


@routes.on("POST", UPLOADS)
def begin_upload(call: Call) -> Response:
    """Mount a blob of another repository of the organisation (201), or begin an upload (202)."""
    name, repository = _repository(call)
    digest, source = call.request.value("mount"), call.request.value("from")
    origin = call.world.images.repositories.get(source)
    owner = call.world.apps.get(source)
    if digest and origin is not None and digest in origin.blobs and (owner is None or _reaches(call, owner.org.slug)):
        repository.blobs.add(digest)
        return Response(201, {"location": f"/v2/{name}/blobs/{digest}", "docker-content-digest": digest}, b"")
    return Response(202, {"location": f"/v2/{name}/blobs/uploads/{call.world.ids.short('up-')}"}, b"")


@routes.on("PUT", UPLOADS + "{upload}")
def finish_upload(call: Call) -> Response:
    """Upload a blob in one piece; its digest must be its content's."""
    name, repository = _repository(call)
    digest = call.request.value("digest")
    if digest_of(call.request.body) != digest:
        raise denied(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    repository.blobs.add(digest)
    return Response(201, {"location": f"/v2/{name}/blobs/{digest}", "docker-content-digest": digest}, b"")
