"""References to images, as Fly's registry and machine configs write them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

FLY_REGISTRY = "registry.fly.io"
_DOCKER_HUB = "docker.io"
#: Labels that name the commit: flyctl stamps the first in GitHub Actions only; the second is the OCI's own.
_COMMIT_LABELS = ("GH_SHA", "org.opencontainers.image.revision")


class ImageRef(BaseModel):
    """`registry/repository:tag@digest` in parts, with the labels that a machine's `image_ref` carries.

    Source: Machines API, ImageRef; the grammar is the OCI distribution specification's. Keep tag *and* digest where
    both are known: the digest says which bytes, and flyctl's bluegreen wants the tag.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    registry: str = FLY_REGISTRY
    repository: str
    tag: str = ""
    digest: str = ""
    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("tag", "digest", "labels", mode="before")
    @classmethod
    def _null_is_absent(cls, value: object, info: object) -> object:
        if value is None:
            return {} if getattr(info, "field_name", "") == "labels" else ""
        return value

    @classmethod
    def parse(cls, reference: str) -> ImageRef:
        """Take a reference apart. A name without a registry is Docker Hub's, as everywhere.

        Raises ValueError for an empty name, an empty tag or a digest that is not `algorithm:hex`.
        """
        name, at, digest = reference.strip().partition("@")
        if at and not (digest.startswith("sha256:") and len(digest) > len("sha256:")):
            raise ValueError(f"{reference!r}: the digest must look like sha256:…")
        first, slash, rest = name.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, path = first, rest
        else:
            registry, path = _DOCKER_HUB, name
        repository, colon, tag = path.partition(":")
        if registry == _DOCKER_HUB and "/" not in repository and repository:
            repository = f"library/{repository}"
        if not repository or (colon and not tag):
            raise ValueError(f"{reference!r} is no image reference; it looks like registry.fly.io/app:tag@sha256:…")
        return cls(registry=registry, repository=repository, tag=tag, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"

    @property
    def reference(self) -> str:
        """What a manifest is asked for by: the digest where it is known, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"

    @property
    def is_pinned(self) -> bool:
        """Whether the digest is known: only then is it sure which bytes run."""
        return bool(self.digest)

    @property
    def commit(self) -> str:
        """The commit that the labels claim, "" where they claim none."""
        return next((self.labels[name] for name in _COMMIT_LABELS if self.labels.get(name)), "")

    def is_same_image_as(self, other: ImageRef) -> bool:
        """Whether both name the same bytes (equal digests, in whatever repository); False where a digest is unknown."""
        return self.is_pinned and self.digest == other.digest

    def pinned(self, digest: str) -> ImageRef:
        """The same reference with this digest."""
        return self.model_copy(update={"digest": digest})

    def in_repository(self, repository: str) -> ImageRef:
        """The same tag and digest in another repository of the same registry."""
        return self.model_copy(update={"repository": repository})
