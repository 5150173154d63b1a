"""Signed notes that a backup was restored and compared row by row: what 'restore proven' rests on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hotops.backup.manifest import Found
from hotops.backup.store import Store
from hotops.core.signing import SignatureInvalid, sign, verify_envelope

PROVEN_TYPE = "application/vnd.hotops.backup-proven+json"


def keep_proof(store: Store, found: Found, *, at: float, seconds: float, rows: int) -> None:
    """Write down that this backup came back whole."""
    manifest = found.manifest
    body = {
        "backup": manifest.id,
        "environment": manifest.environment,
        "env_kind": manifest.env_kind,
        "database": manifest.database,
        "proven_at": at,
        "seconds": seconds,
        "rows": rows,
    }
    store.put(_name(manifest.environment, manifest.database, manifest.id), json.dumps(sign(PROVEN_TYPE, body)).encode())


def proofs(store: Store, environment: str, database: str) -> dict[str, dict[str, float]]:
    """When each backup was proven last and how long it took, by its id. Notes of unknown keys do not count."""
    return {
        str(body["backup"]): {"proven_at": float(body["proven_at"]), "seconds": float(body["seconds"])}
        for body in _notes(store, environment, database)
    }


def newest_proof(store: Store, environment: str, database: str, env_kind: str) -> Mapping[str, Any] | None:
    """The newest note of this world: what a sandbox's backup proved says nothing about a live one's."""
    mine = [body for body in _notes(store, environment, database) if body.get("env_kind") == env_kind]
    return max(mine, key=lambda body: float(body["proven_at"]), default=None)


def _notes(store: Store, environment: str, database: str) -> Iterator[Mapping[str, Any]]:
    """The notes that a known key signed."""
    for name in store.sizes(f"{environment}/.proven/{database}"):
        try:
            signed = verify_envelope(json.loads(store.get(name)), payload_type=PROVEN_TYPE)
        except (ValueError, SignatureInvalid):
            continue
        if signed.known and (signed.body.get("environment"), signed.body.get("database")) == (environment, database):
            yield signed.body


def _name(environment: str, database: str, backup: str) -> str:
    return f"{environment}/.proven/{database}/{backup}.json"
