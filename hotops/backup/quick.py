"""Is a backup whole and unchanged: its parts against its signed manifest, without a database."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from hotops.backup.errors import BackupDamaged, KeysUnusable, StoreFailed
from hotops.backup.keys import Opener
from hotops.backup.manifest import MANIFEST, Found, Part
from hotops.backup.pipeline import compression, opened
from hotops.backup.store import Store


def check_parts(store: Store, found: Found, opener: Opener | None = None, *, workers: int = 3) -> list[str]:
    """What is wrong with each part, in words that name it; empty if nothing is. With an opener each is opened too."""
    parts = found.manifest.parts()

    def check(part: Part) -> str:
        try:
            sealed = store.get(f"{found.prefix}/{part.name}")
        except StoreFailed as error:
            return f"{part.name} is missing" if error.details.get("missing") else error.message
        wrong = check_part(part, sealed)
        return wrong or (_opens(part, sealed, opener) if opener and part.name.endswith(".age") else "")

    with ThreadPoolExecutor(workers, thread_name_prefix="hotops-check") as pool:
        wrong = [said for said in pool.map(check, parts) if said]
    known = {f"{found.prefix}/{part.name}" for part in parts} | {f"{found.prefix}/{MANIFEST}"}
    strays = sorted(name for name in store.sizes(found.prefix) if name not in known and "/notes/" not in name)
    return wrong + [f"{name.removeprefix(found.prefix + '/')} is no part of this backup" for name in strays]


def check_part(part: Part, sealed: bytes) -> str:
    """What is wrong with an object, empty if it is the one that was written."""
    if len(sealed) != part.bytes:
        return f"{part.name} has {len(sealed)} bytes, {part.bytes} were written: it is truncated or another's"
    if hashlib.sha256(sealed).hexdigest() != part.sha256:
        return f"{part.name} was changed: its SHA-256 is not the manifest's"
    return ""


def _opens(part: Part, sealed: bytes, opener: Opener) -> str:
    try:
        size = sum(len(block) for block in opened(sealed, lambda content: opener.open(content, part.name)))
    except (BackupDamaged, KeysUnusable) as error:
        return error.message
    except compression().ZstdError as error:
        return f"{part.name} can't be decompressed: {error}"
    return "" if size == part.plain_bytes else f"{part.name} holds {size} bytes, {part.plain_bytes} were written"
