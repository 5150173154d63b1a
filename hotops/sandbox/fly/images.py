"""The images of registry.fly.io: repositories, tags, manifests, and what a machine's image reference resolves to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from hotops.sandbox.fly import behaviours

REGISTRY = "registry.fly.io"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(content: bytes) -> str:
    """The content address a registry gives to bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Content:
    """An image's content, the same wherever it is pushed. `tag` is the text its behaviour is read from."""

    tag: str
    labels: dict[str, str]
    manifest: bytes
    blobs: dict[str, bytes]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def behaviour(self) -> behaviours.Behaviour:
        return behaviours.of_tag(self.tag)


@dataclass
class Repository:
    """One repository: tags, the digests that can still be pulled, and uploads under way."""

    tags: dict[str, str] = field(default_factory=dict)
    digests: dict[str, float] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Resolved:
    """What an image reference means: where it is, its tag ("" where only a digest was given) and its content."""

    repository: str
    tag: str
    content: Content

    def ref(self) -> dict[str, Any]:
        """The machine's `image_ref` (Machines API, ImageRef)."""
        return {
            "registry": REGISTRY,
            "repository": self.repository,
            "tag": self.tag,
            "digest": self.content.digest,
            "labels": dict(self.content.labels),
        }


class Images:
    """All repositories, and every content by its digest."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.contents: dict[str, Content] = {}
        self._by_tag: dict[str, Content] = {}

    def content(self, tag: str, labels: dict[str, str] | None = None) -> Content:
        """The content that belongs to a tag; its labels are those of the first time it was named.

        Without labels given, an image carries the commit label that flyctl stamps in GitHub Actions (flyctl, deploy).
        """
        known = self._by_tag.get(tag)
        if known is not None:
            return known
        chosen = labels if labels is not None else {"GH_SHA": commit_of(tag)}
        made = build_content(tag, chosen)
        self._by_tag[tag] = made
        self.contents[made.digest] = made
        return made

    def push(self, repository: str, tag: str, at: float, labels: dict[str, str] | None = None) -> Content:
        """Put an image under a tag of a repository, which is made if it does not exist."""
        content = self.content(tag, labels)
        home = self.repositories.setdefault(repository, Repository())
        home.tags[tag] = content.digest
        home.digests[content.digest] = at
        home.blobs.update(content.blobs)
        return content

    def prune(self, repository: str, tag: str) -> bool:
        """Remove a tag and its content from one repository, as Fly may do with undeployed images."""
        home = self.repositories.get(repository)
        if home is None or tag not in home.tags:
            return False
        digest = home.tags.pop(tag)
        home.digests.pop(digest, None)
        return True

    def find(self, repository: str, reference: str) -> Content | None:
        """The content behind a tag or digest of one repository, or None."""
        home = self.repositories.get(repository)
        if home is None:
            return None
        digest = reference if reference.startswith("sha256:") else home.tags.get(reference, "")
        return self.contents.get(digest) if digest in home.digests else None

    def tag_of(self, repository: str, digest: str) -> str:
        """A tag of the repository that names this digest, else ""."""
        home = self.repositories.get(repository, Repository())
        return next((tag for tag, known in home.tags.items() if known == digest), "")

    def resolve(self, reference: str) -> Resolved | None:
        """Resolve `registry.fly.io/app:tag@sha256:…`, `…:tag` or `…@sha256:…`; None if the registry has it not."""
        repository, tag, digest = split_reference(reference)
        if repository is None:
            return None
        content = self.find(repository, digest or tag or "latest")
        return None if content is None else Resolved(repository, tag, content)


def split_reference(reference: str) -> tuple[str | None, str, str]:
    """Split an image reference into repository, tag and digest; the repository is None for another registry."""
    name, _, digest = reference.partition("@")
    if not name.startswith(REGISTRY + "/"):
        return None, "", digest
    rest = name.removeprefix(REGISTRY + "/")
    repository, _, tag = rest.partition(":")
    return repository, tag, digest


def build_content(tag: str, labels: dict[str, str]) -> Content:
    """Make the OCI manifest, config and one layer of an image; the digest is the manifest's, as everywhere."""
    config = canonical({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}, "content": tag})
    layer = f"layer of {tag}\n".encode()
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": LAYER_TYPE, "digest": digest_of(layer), "size": len(layer)}],
        }
    )
    return Content(tag, dict(labels), manifest, {digest_of(config): config, digest_of(layer): layer})


def commit_of(tag: str) -> str:
    """A commit hash for an image nobody declared one for."""
    return hashlib.sha256(f"commit of {tag}".encode()).hexdigest()[:40]


def canonical(payload: Any) -> bytes:
    """JSON bytes that are the same for the same payload."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
