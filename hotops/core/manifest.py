"""The manifest of a run's evidence: a signed in-toto statement about every file of the folder.

in-toto Attestation Framework, Statement v1: subjects are the files with their SHA-256, the predicate tells of the run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from hotops.core.chain import EvidenceUnwritable
from hotops.core.signing import SignatureInvalid, Signed, canonical_json, sign, verify_envelope

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:hotops:run-evidence:v1"

#: Of the first line's fields, those that the manifest repeats: who reads only the manifest knows which run it is.
_FROM_FIRST_LINE = ("run", "playbook", "environment", "env_kind", "reason", "who", "versions")


def digest_of_files(folder: Path, *, leave_out: AbstractSet[str]) -> dict[str, str]:
    """SHA-256 of every file under `folder`, by path relative to it with `/`.

    Raises EvidenceUnwritable for a link, socket or the like: what it leads to could change without a trace.
    """
    digests = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name in leave_out or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise EvidenceUnwritable(f"{path} is not an ordinary file.", remedy="Put a copy of what it leads to there.")
        with path.open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def manifest_of(digests: Mapping[str, str], lines: Sequence[Mapping[str, Any]], *, head: str, count: int) -> str:
    """The text of `manifest.json`. `lines` are the journal's, with the last one; `count` counts fragments, too.

    Raises SigningKeyUnusable.
    """
    first = next((line for line in lines if line["kind"] == "run_opened"), lines[0])
    last = lines[-1]
    predicate = {name: first.get(name) for name in _FROM_FIRST_LINE} | {
        "outcome": last.get("outcome"),
        "exit_code": last.get("exit_code"),
        "started_at": first.get("at"),
        "finished_at": last.get("at"),
        "head": head,
        "lines": count,
    }
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return _text(sign(PAYLOAD_TYPE, statement))


def read_manifest(data: bytes) -> Signed:
    """The statement in the bytes of a `manifest.json`, byte for byte as hotops wrote it. Raises SignatureInvalid."""
    try:
        envelope = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SignatureInvalid(f"It is not JSON: {error}.") from error
    signed = verify_envelope(envelope, payload_type=PAYLOAD_TYPE)
    if _text(envelope).encode() != data:
        raise SignatureInvalid("It is not in the form in which hotops writes it: it was edited or rewritten.")
    statement = signed.body
    if statement.get("_type") != STATEMENT_TYPE or statement.get("predicateType") != PREDICATE_TYPE:
        raise SignatureInvalid("It is signed, but it is not a statement about the evidence of a run.")
    return signed


def _text(envelope: Mapping[str, Any]) -> str:
    return canonical_json(envelope).decode() + "\n"
