"""Where backups are kept: a folder, S3 and its friends, or memory (tests); objects are written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hotops.backup.errors import StoreFailed
from hotops.backup.memory import return_large_buffers
from hotops.core.errors import MissingExtra, UsageError
from hotops.core.state import state_dir

R = TypeVar("R")

#: Of a folder such an object is on the disk at once: bytes that wait in memory slow down every later write (Linux lets
#: a writer wait once enough of them have come together), and would all be waited for in the end.
_LARGE_BYTES = 1 << 20

_REMEDIES = {
    "no space left": "Free space there, or prune old backups; then run it again: it goes on where it stopped.",
    "forbidden": "The credentials do not allow it: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are of this bucket?",
    "permission": "The credentials or the file modes do not allow it.",
    "insufficientstorage": "The bucket takes no more: prune old backups, then run it again: it goes on where it stopped.",
    "nosuchbucket": "There is no such bucket.",
}


class Store:
    """Objects by name. Safe for use by several threads; every failure is a StoreFailed that says what to do."""

    def __init__(self, inner: Any, url: str, folder: Path | None = None) -> None:
        return_large_buffers()  # whatever goes to a store or comes from it is large
        self._inner = inner
        self.url = url
        self.folder = folder

    @classmethod
    def of(cls, url: str, *, below: Path | None = None, environ: Mapping[str, str] = os.environ) -> Store:
        """A store by its URL: a path or file:///path, s3://bucket/prefix, gs://…, az://…, memory:///.

        sandbox:NAME is a folder that is emptied with the sandbox. A relative path begins at `below`. Credentials and endpoint come from the vendors' own variables
        (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3 …). Raises UsageError, StoreFailed, MissingExtra.
        """
        stores = _library().store
        kind = urlsplit(url).scheme
        if kind == "sandbox":
            folder = state_dir() / "sandbox" / urlsplit(url).path.strip("/")
            return cls(_made(lambda: stores.LocalStore(_private(folder)), url), url, folder)
        if kind in ("", "file"):
            path = Path(urlsplit(url).path if kind else url).expanduser()
            folder = path if path.is_absolute() else (below or Path.cwd()) / path
            return cls(_made(lambda: stores.LocalStore(_private(folder)), url), url, folder)
        if kind not in ("s3", "s3a", "gs", "az", "adl", "abfs", "abfss", "memory"):
            raise UsageError(f"A store is a folder, s3://…, gs://… or az://…, not {url[:40]!r}.")
        if kind == "memory":
            return cls(stores.MemoryStore(), url)
        options: dict[str, Any] = {}
        endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
        if kind.startswith("s3"):
            # A bucket with object lock takes nothing without a checksum; the others check it (S3, Object Lock).
            options["config"] = {"checksum_algorithm": "sha256"}
        if kind.startswith("s3") and endpoint:
            options["config"]["endpoint"] = endpoint
            if endpoint.startswith("http://"):
                options["client_options"] = {"allow_http": True}
        return cls(_made(lambda: stores.from_url(url, **options), url), url)

    def put(self, name: str, content: bytes) -> None:
        """Write an object whole, in place of an older one of this name."""
        self._try(f"writing {name}", lambda: _library().put(self._inner, name, content))
        if self.folder is not None and len(content) >= _LARGE_BYTES:
            _fsync(self.folder / name)

    def get(self, name: str) -> bytes:
        """An object's content. Raises StoreFailed with `missing` in its details where there is none."""
        found: bytes = self._try(f"reading {name}", lambda: _library().get(self._inner, name).bytes().to_bytes())
        return found

    def find(self, name: str) -> bytes | None:
        """An object's content, None where there is none."""
        try:
            return self.get(name)
        except StoreFailed as error:
            if error.details.get("missing"):
                return None
            raise

    def sizes(self, prefix: str) -> dict[str, int]:
        """Names and sizes below a prefix."""
        listed = self._try(f"listing {prefix}", lambda: _library().list(self._inner, prefix=prefix or None).collect())
        return {item["path"]: int(item["size"]) for item in listed}

    def folders(self, prefix: str) -> list[str]:
        """The names one level below a prefix that have something below them."""
        listed = self._try(
            f"listing {prefix}", lambda: _library().list_with_delimiter(self._inner, prefix=prefix or None)
        )
        return sorted(path.rsplit("/", 1)[-1] for path in listed["common_prefixes"])

    def delete(self, names: list[str]) -> None:
        """Remove objects; one that is not there is no error."""
        for start in range(0, len(names), 500):
            part = names[start : start + 500]
            try:
                self._try(f"removing {len(part)} objects", lambda part=part: _library().delete(self._inner, part))  # type: ignore[misc]
            except StoreFailed as error:
                if not error.details.get("missing"):
                    raise
        for folder in {(self.folder / name).parent for name in names} if self.folder else ():
            _remove_empty(folder, self.folder)

    def settle(self, prefix: str) -> None:
        """Return when what is below a prefix would survive a power cut; object stores have seen to that already."""
        if self.folder is None:
            return
        for path in sorted((self.folder / prefix).rglob("*"), reverse=True):
            _fsync(path)
        _fsync(self.folder / prefix)

    def _try(self, doing: str, action: Callable[[], R]) -> R:
        try:
            return action()
        except (OSError, _library().exceptions.BaseError) as error:
            said = _said(str(error))
            low = str(error).lower()
            remedy = next(
                (text for word, text in _REMEDIES.items() if word in low), "Run it again: it goes on where it stopped."
            )
            details = {"kind": type(error).__name__, "missing": isinstance(error, FileNotFoundError)}
            raise StoreFailed(
                f"The store {self.url}: {doing} failed: {said}.", remedy=remedy, details=details
            ) from None


def _said(text: str) -> str:
    """The first line; of an S3 error its code and message, which stand further down."""
    first = text.partition("\n")[0]
    told = [found[1] for name in ("Code", "Message") if (found := re.search(f"<{name}>([^<]*)</{name}>", text))]
    return f"{first.partition('<')[0].strip().rstrip(':')}: {': '.join(dict.fromkeys(told))}" if told else first


def _library() -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError:
        raise MissingExtra("Backups need obstore.", remedy="pip install 'hotops[backup]'") from None
    return obstore


def _made(make: Callable[[], Any], url: str) -> Any:
    try:
        return make()
    except (OSError, ValueError, _library().exceptions.BaseError) as error:
        said = str(error).partition("\n")[0]
        raise StoreFailed(f"The store {url} can't be opened: {said}.") from None


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_empty(folder: Path, root: Path | None) -> None:
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
