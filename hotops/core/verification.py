"""Whether the evidence of a run is what the run wrote: nothing changed, cut, reordered, inserted, added or lost.

What it can prove: a folder with a manifest is byte for byte what was signed. What it can't: a folder without a manifest
can have been rewritten as a whole, and one signed by an unknown key made up as a whole. Against the first two things
help that do not lie in the folder: the hash of the last line kept by a witness (`expected_head`) and the list of known
keys.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hotops.core.chain import NO_LINE_BEFORE, EvidenceUnwritable, Line, split_lines
from hotops.core.errors import UsageError
from hotops.core.evidence import JOURNAL_FILE, MANIFEST_FILE, STAGED_MANIFEST_FILE
from hotops.core.manifest import digest_of_files, read_manifest
from hotops.core.signing import SignatureInvalid, Signed

State = Literal["sealed", "unsealed", "altered"]


@dataclass(frozen=True)
class Verification:
    """What was found. `lines` and `head` are those of the journal as it lies there; `problems` are sentences."""

    state: State
    problems: list[str]
    lines: int
    head: str
    signed_by: str | None = None
    known_key: bool = False
    run: str | None = None
    env_kind: str | None = None
    outcome: str | None = None

    @property
    def is_proven(self) -> bool:
        """Sealed, by a key that this machine knows."""
        return self.state == "sealed" and self.known_key


@dataclass
class _Findings:
    altered: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(folder: Path, *, expected_head: str | None = None, trusted_keys: Collection[str] = ()) -> Verification:
    """Check the evidence in `folder`.

    `expected_head` is the hash of a line that a witness kept, the last one of its moment: all up to it was there then.
    `trusted_keys` are ids (`ed25519:…`) that count as known beside those that this machine knows. Raises UsageError if
    the folder holds no evidence at all.
    """
    journal, manifest = _read(folder / JOURNAL_FILE), _read(folder / MANIFEST_FILE)
    if journal is None and manifest is None:
        raise UsageError(
            f"{folder} holds no evidence: there is no {JOURNAL_FILE}.",
            remedy="Name the folder of a run, such as the newest one in artifacts/deployment.",
        )
    findings = _Findings()
    lines = split_lines(journal or b"")
    head = lines[-1].hash if lines else NO_LINE_BEFORE
    signed = _signed(manifest, findings) if manifest is not None else None
    if journal is None:
        findings.altered.append(f"{JOURNAL_FILE} is missing: it was removed.")
    else:
        _check_chain(lines, sealed=manifest is not None, findings=findings)
    if signed is not None:
        _check_statement(folder, signed.body, lines, findings)
        _check_signer(signed, lines, trusted_keys, findings)
    if manifest is None:
        _check_unsealed(folder, lines, findings)
    if expected_head is not None and expected_head.lower() not in {line.hash for line in lines}:
        findings.altered.append(
            f"No line has the hash {expected_head} that the witness kept (the last one's is {head}): lines were cut or "
            "all was rewritten."
        )
    first = next((line.fields for line in lines if line.fields), {})
    predicate = _predicate(signed)
    return Verification(
        state="altered" if findings.altered else "unsealed" if manifest is None else "sealed",
        problems=findings.altered + findings.notes,
        lines=len(lines),
        head=head,
        signed_by=signed.key_id if signed else None,
        known_key=signed is not None and (signed.known or signed.key_id in trusted_keys),
        run=_word(predicate.get("run") or first.get("run")),
        env_kind=_word(predicate.get("env_kind") or first.get("env_kind")),
        outcome=_word(predicate.get("outcome")),
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.", remedy="Give access to it.") from error


def _signed(manifest: bytes, findings: _Findings) -> Signed | None:
    try:
        return read_manifest(manifest)
    except SignatureInvalid as error:
        findings.altered.append(f"{MANIFEST_FILE} was changed or replaced: {error}")
        return None


# --- the chain --------------------------------------------------------------------------------------------------------


def _check_chain(lines: Sequence[Line], *, sealed: bool, findings: _Findings) -> None:
    """Each line carries its number and the hash of the one before; what breaks is named by its kind."""
    if not lines:
        findings.altered.append(f"{JOURNAL_FILE} is empty: its lines were cut.")
        return
    numbers = [_number(line, lines) for line in lines]
    if lines[-1].cut_off:
        told = f"The last line ({len(lines)}) has no end"
        if sealed:
            findings.altered.append(f"{told}: it was cut after it was written.")
        else:
            findings.notes.append(f"{told}: its writer was killed while it was written.")
    before = NO_LINE_BEFORE
    for position, (line, number) in enumerate(zip(lines, numbers, strict=True), 1):
        if number != position:
            findings.altered.append(_misplaced(position, number, numbers))
            return  # all that follows is off by the same
        if line.fields is not None and line.fields.get("prev") != before and not line.cut_off:
            findings.altered.append(
                f"Line {position} carries the hash of another line before it: line {position - 1} was changed."
                if position > 1
                else "Line 1 says that a line came before it: it was changed, or lines were cut before it."
            )
        before = line.hash


def _number(line: Line, lines: Sequence[Line]) -> int | None:
    """The number that a line gives itself; a fragment has the place that the line behind it tells of."""
    if line.cut_off:
        return line.number
    if line.fields is None:
        return line.number if _is_told_fragment(line, lines) else None
    number = line.fields.get("n")
    return number if isinstance(number, int) else None


def _is_told_fragment(line: Line, lines: Sequence[Line]) -> bool:
    """Whether a later line says that this one was cut off, or will (the writer of that line was killed, too)."""
    for after in lines[line.number :]:
        if after.fields is not None:
            return after.fields.get("kind") == "note" and after.fields.get("cut_off") == after.number - 1
    return lines[-1].cut_off


def _misplaced(position: int, number: int | None, numbers: Sequence[int | None]) -> str:
    if number is None:
        return f"Line {position} can't be read: it was changed."
    if numbers.count(number) > 1 or number < position:
        return f"Line {position} bears the number {number}, which another line has: a line was inserted or reordered."
    if position in numbers:
        return f"Line {position} bears the number {number}: lines were reordered."
    missing = f"line {position} is" if number == position + 1 else f"lines {position} to {number - 1} are"
    return f"Line {position} bears the number {number}: {missing} missing, cut out (or its number was changed)."


# --- the manifest -----------------------------------------------------------------------------------------------------


def _check_statement(folder: Path, statement: dict[str, Any], lines: Sequence[Line], findings: _Findings) -> None:
    """Files and lines against what was signed. Paths come from the folder, never from the statement."""
    predicate = _predicate_of(statement)
    count, head = predicate.get("lines"), predicate.get("head")
    if lines and count != len(lines):
        what = "lines were cut off" if isinstance(count, int) and len(lines) < count else "lines were added"
        findings.altered.append(f"{JOURNAL_FILE} has {len(lines)} lines, {count} were signed: {what}.")
    elif lines and head != lines[-1].hash:
        findings.altered.append(f"The last line of {JOURNAL_FILE} is not the one that was signed: it was changed.")
    try:
        found = digest_of_files(folder, leave_out={MANIFEST_FILE})
    except EvidenceUnwritable as error:
        findings.altered.append(f"{error.message} It was put there after the run was sealed.")
        return
    except OSError as error:
        findings.altered.append(f"{error.filename} can't be read: {error.strerror}.")
        return
    signed = _signed_digests(statement)
    changed = sorted(name for name in signed.keys() & found.keys() if found[name] != signed[name])
    findings.altered += [f"{name} was changed." for name in changed]
    findings.altered += [f"{name} is missing." for name in sorted(signed.keys() - found.keys())]
    findings.altered += [f"{name} was added." for name in sorted(found.keys() - signed.keys())]


def _signed_digests(statement: dict[str, Any]) -> dict[str, str]:
    """SHA-256 by file name. A foreign key can sign anything, so what is no subject is left out."""
    digests = {}
    for subject in statement.get("subject") or []:
        match subject:
            case {"name": str(name), "digest": {"sha256": str(digest)}}:
                digests[name] = digest
    return digests


def _check_signer(signed: Signed, lines: Sequence[Line], trusted: Collection[str], findings: _Findings) -> None:
    opened = next((line.fields for line in lines if line.fields and line.fields.get("kind") == "run_opened"), {})
    announced = opened.get("key")
    if announced and announced != signed.key_id:
        findings.altered.append(
            f"{MANIFEST_FILE} is signed by {signed.key_id}, the run announced {announced}: the manifest was replaced."
        )
    if not signed.known and signed.key_id not in trusted:
        findings.notes.append(
            f"This machine does not know the key {signed.key_id}: ask the team whose it is, then add it to keys/"
            "evidence.pub in the state folder or pass it as --key."
        )


def _check_unsealed(folder: Path, lines: Sequence[Line], findings: _Findings) -> None:
    """A run seals in three steps: manifest under another name, last line, rename. So a removed manifest shows."""
    last = lines[-1].fields if lines else None
    if last is None or last.get("kind") != "run_sealed":
        findings.notes.append("The run was not sealed: it goes on, or it died. Nothing is signed.")
    elif (folder / STAGED_MANIFEST_FILE).exists():
        findings.notes.append("The run died in the moment in which it was sealed.")
    else:
        findings.altered.append(f"The run was sealed and {MANIFEST_FILE} is missing: it was removed.")


def _predicate(signed: Signed | None) -> dict[str, Any]:
    return _predicate_of(signed.body) if signed else {}


def _predicate_of(statement: dict[str, Any]) -> dict[str, Any]:
    predicate = statement.get("predicate")
    return predicate if isinstance(predicate, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
