"""The registry: which digest a tag means, and whether this token may pull it."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import urlsplit

from hotops.core.answer import Answer
from hotops.core.errors import Unauthorized, UsageError, WireError
from hotops.fly.errors import refused
from hotops.fly.image import ImageRef
from hotops.fly.surfaces import Surfaces

#: Without these a registry may translate an index to an old form, which has another digest (OCI distribution spec).
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Registry:
    """registry.fly.io. Access is per organisation; no call lists tags; images that no release uses may be pruned."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def resolve(self, image: ImageRef | str, *, timeout_s: float | None = None) -> ImageRef:
        """The same reference with its digest, proven to be there now. With a timeout it is asked once, for so long.

        Raises ImageUnknown (404: never pushed, or pruned), ImageRefused (401 and 403), UsageError (another registry).
        """
        ref = self._own(image)
        answer = self._manifest("HEAD", ref, timeout_s=timeout_s)
        digest = answer.headers.get("docker-content-digest", "")
        if not digest:
            # The header is optional; the digest is the manifest's own.
            digest = "sha256:" + hashlib.sha256(self._manifest("GET", ref, timeout_s=timeout_s).body).hexdigest()
        if ref.digest and digest != ref.digest:
            raise WireError(
                f"The registry has something else under {ref}: {digest[:80]}.",
                remedy="Something stands between hotops and the registry. Try again.",
                code="unknown_reply",
            )
        return ref.pinned(digest)

    def manifest(self, image: ImageRef | str) -> dict[str, Any]:
        """The manifest or index behind a reference. Raises as `resolve`."""
        return dict(self._manifest("GET", self._own(image)).object)

    def labels(self, image: ImageRef | str) -> dict[str, str]:
        """The image's labels, the commit among them, from its config blob (an index: its first platform's)."""
        ref = self._own(image)
        manifest = self.manifest(ref)
        if manifest.get("manifests"):
            ref = ref.pinned(str(manifest["manifests"][0]["digest"]))
            manifest = self.manifest(ref)
        digest = str((manifest.get("config") or {}).get("digest") or "")
        if not digest:
            return {}
        answer = self._get("GET", f"/v2/{ref.repository}/blobs/{digest}", {})
        labels = (answer.object.get("config") or {}).get("Labels") or {}
        return {str(key): str(value) for key, value in labels.items()}

    def _own(self, image: ImageRef | str) -> ImageRef:
        ref = image if isinstance(image, ImageRef) else ImageRef.parse(image)
        if ref.registry != self._surfaces.registry_name:
            raise UsageError(
                f"{ref} is not in {self._surfaces.registry_name}, so hotops can't read its manifest.",
                remedy="Promote images of Fly's registry, or name the digest.",
            )
        return ref

    def _manifest(self, method: str, ref: ImageRef, *, timeout_s: float | None = None) -> Answer:
        target = f"/v2/{ref.repository}/manifests/{ref.reference}"
        return self._get(method, target, {"accept": _ACCEPT}, timeout_s=timeout_s)

    def _get(self, method: str, target: str, headers: dict[str, str], *, timeout_s: float | None = None) -> Answer:
        """The answer to Basic authentication; a registry that wants a token of its own first is given one, once."""
        answer = self._surfaces.registry.request(
            method,
            target,
            headers=headers,
            accept=frozenset({401}),
            follow=True,
            timeout_s=timeout_s,
            idempotent=None if timeout_s is None else False,
        )
        if answer.status != 401:
            return answer
        token = self._bearer(answer.headers.get("www-authenticate", ""))
        if not token:
            raise refused(f"{method} {target} answered 401: the registry does not accept this token.", answer)
        return self._surfaces.registry.request(
            method, target, headers={**headers, "authorization": f"Bearer {token}"}, follow=True
        )

    def _bearer(self, challenge: str) -> str:
        """A token from the realm of a `Bearer` challenge (Docker registry token authentication), "" if there is none.

        The credential goes nowhere but to Fly: a realm on any other host is not asked.
        """
        if not challenge.lower().startswith("bearer "):
            return ""
        told = dict(_CHALLENGE.findall(challenge))
        realm = told.get("realm", "")
        host = urlsplit(realm).hostname or ""
        if urlsplit(realm).scheme != "https" or not (host == "fly.io" or host.endswith(".fly.io")):
            return ""
        params = {key: told[key] for key in ("service", "scope") if key in told}
        try:
            data = self._surfaces.registry.request("GET", realm, params=params).data or {}
        except Unauthorized:
            return ""
        return str(data.get("token") or data.get("access_token") or "")
