"""Every kind of tampering with a run's evidence is found and named."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotops.core.chain import NO_LINE_BEFORE, line_hash
from hotops.core.errors import UsageError
from hotops.core.evidence import STAGED_MANIFEST_FILE
from hotops.core.signing import canonical_json, known_keys, own_key_id, sign
from hotops.core.verification import Verification, verify
from tests.unit.evidence_samples import promotion, sealed


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    folder = sealed(tmp_path / "runs").run_dir
    assert verify(folder).is_proven
    return folder


# --- ways to lie ------------------------------------------------------------------------------------------------------


def edit_lines(folder: Path, edit: Callable[[list[bytes]], list[bytes]]) -> None:
    path = folder / "evidence.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in edit(path.read_bytes().splitlines())))


def relinked(lines: list[bytes]) -> list[bytes]:
    """The lines with numbers and hashes made right again, as a liar with care would."""
    before, result = NO_LINE_BEFORE, []
    for number, line in enumerate(lines, 1):
        fields = json.loads(line) | {"n": number, "prev": before}
        result.append(json.dumps(fields, ensure_ascii=False).encode())
        before = line_hash(result[-1])
    return result


def replaced(lines: list[bytes], number: int, old: bytes, new: bytes) -> list[bytes]:
    assert old in lines[number - 1]
    return [line.replace(old, new) if n == number else line for n, line in enumerate(lines, 1)]


def in_lines(edit: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return lambda folder: edit_lines(folder, edit)


def cut_the_end_off(folder: Path) -> None:
    path = folder / "evidence.jsonl"
    path.write_bytes(path.read_bytes()[:-1])


def append_to(name: str, data: bytes) -> Callable[[Path], None]:
    def lie(folder: Path) -> None:
        path = folder / name
        path.write_bytes((path.read_bytes() if path.exists() else b"") + data)

    return lie


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def link_out(folder: Path) -> None:
    (folder / "summary.md").rename(folder.parent / "elsewhere.md")
    (folder / "summary.md").symlink_to(folder.parent / "elsewhere.md")


def with_envelope(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def lie(folder: Path) -> None:
        path = folder / "manifest.json"
        envelope = json.loads(path.read_bytes())
        edit(envelope)
        path.write_bytes(canonical_json(envelope) + b"\n")

    return lie


def with_statement(edit: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """The content changed, the signature left."""

    def edit_payload(envelope: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        edit(statement)
        envelope["payload"] = base64.b64encode(canonical_json(statement)).decode()

    return with_envelope(edit_payload)


def swap_manifest_of_another_run(folder: Path) -> None:
    other = promotion(folder.parent / "others")
    other.seal("promoted", 0)
    shutil.copy(other.run_dir / "manifest.json", folder / "manifest.json")


LIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a word in a line": (in_lines(lambda ls: replaced(ls, 3, b"200 in", b"500 in")), "line 3 was changed"),
    "a word in the last line": (in_lines(lambda ls: replaced(ls, 12, b"promoted", b"no_go")), "last line"),
    "a line's number": (in_lines(lambda ls: replaced(ls, 5, b'"n": 5', b'"n": 50')), "Line 5 bears the number 50"),
    "a line made unreadable": (in_lines(lambda ls: [*ls[:3], b"xx", *ls[4:]]), "Line 4 can't be read"),
    "a line made no object": (in_lines(lambda ls: [*ls[:3], b"[1]", *ls[4:]]), "Line 4 can't be read"),
    "a line changed, all hashes made right": (
        in_lines(lambda ls: relinked(replaced(ls, 3, b"200 in", b"201 in"))),
        "last line of evidence.jsonl is not the one that was signed",
    ),
    "a line cut out": (in_lines(lambda ls: ls[:4] + ls[5:]), "line 5 is missing"),
    "lines cut out": (in_lines(lambda ls: ls[:4] + ls[7:]), "lines 5 to 7 are missing"),
    "the first line cut": (in_lines(lambda ls: ls[1:]), "line 1 is missing"),
    "a line cut out, all made right": (in_lines(lambda ls: relinked(ls[:4] + ls[5:])), "11 lines, 12 were signed"),
    "the last line cut": (in_lines(lambda ls: ls[:-1]), "lines were cut off"),
    "all lines cut": (in_lines(lambda ls: []), "is empty"),
    "the last newline cut": (cut_the_end_off, "has no end"),
    "lines reordered": (in_lines(lambda ls: [*ls[:3], ls[4], ls[3], *ls[5:]]), "reordered"),
    "lines reordered, all made right": (
        in_lines(lambda ls: relinked([*ls[:3], ls[4], ls[3], *ls[5:]])),
        "evidence.jsonl was changed",
    ),
    "a line doubled": (in_lines(lambda ls: [*ls[:4], ls[3], *ls[4:]]), "inserted"),
    "a line inserted, all made right": (
        in_lines(lambda ls: relinked([*ls[:4], b'{"kind": "gate"}', *ls[4:]])),
        "lines were added",
    ),
    "a line appended": (append_to("evidence.jsonl", b'{"n": 13}\n'), "lines were added"),
    "the journal removed": (remove("evidence.jsonl"), "evidence.jsonl is missing"),
    "the summary changed": (append_to("summary.md", b"."), "summary.md was changed"),
    "the summary removed": (remove("summary.md"), "summary.md is missing"),
    "the summary made a link": (link_out, "not an ordinary file"),
    "a file in a folder changed": (append_to("reports/latency.json", b" "), "reports/latency.json was changed"),
    "a file added": (append_to("approval.txt", b"yes"), "approval.txt was added"),
    "a hidden file added": (append_to(".x", b""), ".x was added"),
    "a staged manifest added": (append_to(STAGED_MANIFEST_FILE, b"{}"), f"{STAGED_MANIFEST_FILE} was added"),
    "the manifest removed": (remove("manifest.json"), "manifest.json is missing: it was removed"),
    "the manifest emptied": (with_envelope(lambda e: e.clear()), "changed or replaced"),
    "the manifest made no JSON": (append_to("manifest.json", b"}"), "changed or replaced"),
    "the manifest with a blank more": (append_to("manifest.json", b" "), "not in the form"),
    "a digest in the manifest": (
        with_statement(lambda s: s["subject"][0]["digest"].update(sha256="0" * 64)),
        "changed after it was signed",
    ),
    "a file left out of the manifest": (with_statement(lambda s: s["subject"].pop()), "changed after it was signed"),
    "the outcome in the manifest": (
        with_statement(lambda s: s["predicate"].update(outcome="rolled_back")),
        "changed after it was signed",
    ),
    "another type": (with_envelope(lambda e: e.update(payloadType="text/plain")), "wanted is a"),
    "no signature": (with_envelope(lambda e: e.update(signatures=[])), "not an envelope"),
    "a second signature": (with_envelope(lambda e: e["signatures"].append(e["signatures"][0])), "not an envelope"),
    "a field more": (with_envelope(lambda e: e.update(more=1)), "not an envelope"),
    "another key's name": (
        with_envelope(lambda e: e["signatures"][0].update(keyid="ed25519:" + "1" * 64)),
        "signature",
    ),
    "the manifest of another run": (swap_manifest_of_another_run, "was changed"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_and_named(run_dir: Path, name: str) -> None:
    lie, named = LIES[name]
    lie(run_dir)
    found = verify(run_dir)
    assert found.state == "altered"
    assert not found.is_proven
    assert any(named in problem for problem in found.problems), found.problems


# --- keys -------------------------------------------------------------------------------------------------------------


def resealed_by_a_stranger(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone with another key signs a statement that fits the files."""
    statement = json.loads(base64.b64decode(json.loads((folder / "manifest.json").read_bytes())["payload"]))
    with monkeypatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "stranger"))
        envelope = sign("application/vnd.in-toto+json", statement)
    (folder / "manifest.json").write_bytes(canonical_json(envelope) + b"\n")


def test_a_manifest_replaced_by_a_strangers_is_found(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resealed_by_a_stranger(run_dir, tmp_path, monkeypatch)
    found = verify(run_dir)
    assert found.state == "altered"
    assert any("the manifest was replaced" in problem for problem in found.problems)


def test_a_run_made_up_as_a_whole_by_a_stranger_is_not_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "stranger"))
        folder = sealed(tmp_path / "runs").run_dir
        stranger = own_key_id()
    own_key_id()
    found = verify(folder)
    assert (found.state, found.known_key, found.is_proven) == ("sealed", False, False)
    assert found.signed_by == stranger
    assert any("does not know the key" in problem for problem in found.problems)
    assert verify(folder, trusted_keys=[stranger]).is_proven

    with (tmp_path / "state" / "keys" / "evidence.pub").open("a") as file:
        file.write(f"{stranger} a colleague, told by phone\n")
    assert verify(folder).is_proven


def test_evidence_stays_checkable_when_the_private_key_is_lost(run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / "keys" / "evidence.key").unlink()
    assert verify(run_dir).is_proven
    own_key_id()
    assert len(known_keys()) == 2
    assert verify(run_dir).is_proven


def test_a_strangers_nonsense_is_an_answer_and_no_traceback(run_dir: Path) -> None:
    kinds = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "urn:hotops:run-evidence:v1"}
    for statement in ({}, {**kinds}, {**kinds, "subject": [1, {"name": 2}], "predicate": "x"}):
        envelope = sign("application/vnd.in-toto+json", statement)
        (run_dir / "manifest.json").write_bytes(canonical_json(envelope) + b"\n")
        assert verify(run_dir).state == "altered"


# --- what is no lie ---------------------------------------------------------------------------------------------------


def test_a_run_that_died_is_unsealed_and_not_altered(tmp_path: Path) -> None:
    found = verify(promotion(tmp_path).run_dir)
    assert (found.state, found.lines, found.signed_by, found.env_kind) == ("unsealed", 9, None, "live")
    assert found.problems == ["The run was not sealed: it goes on, or it died. Nothing is signed."]


def test_a_run_that_died_while_it_was_sealed_is_unsealed(run_dir: Path) -> None:
    (run_dir / "manifest.json").rename(run_dir / STAGED_MANIFEST_FILE)
    found = verify(run_dir)
    assert found.state == "unsealed"
    assert found.problems == ["The run died in the moment in which it was sealed."]


def test_an_edited_line_of_a_dead_run_is_found(tmp_path: Path) -> None:
    folder = promotion(tmp_path).run_dir
    edit_lines(folder, lambda lines: replaced(lines, 3, b"pass", b"fail"))
    found = verify(folder)
    assert found.state == "altered"
    assert "line 3 was changed" in found.problems[0]


def test_a_dead_run_rewritten_as_a_whole_is_found_by_its_witness_only(tmp_path: Path) -> None:
    folder = promotion(tmp_path).run_dir
    witnessed = verify(folder).head
    assert verify(folder, expected_head=witnessed).state == "unsealed"
    edit_lines(folder, lambda lines: relinked(lines[:-1]))
    assert verify(folder).state == "unsealed"
    assert verify(folder, expected_head=witnessed).state == "altered"


def test_a_copied_and_renamed_folder_is_still_proven(run_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "for the auditor"
    shutil.copytree(run_dir, copy)
    found = verify(copy)
    assert found.is_proven
    assert found.run == run_dir.name
    assert found.outcome == "promoted"


def test_a_folder_without_evidence_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no evidence"):
        verify(tmp_path)
    with pytest.raises(UsageError):
        verify(tmp_path / "nothing" / "here")


# --- any byte ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sealed run for all examples, with the state folder that knows its key."""
    root = tmp_path_factory.mktemp("pristine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(root / "state"))
        return sealed(root / "runs").run_dir


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_found(
    pristine: Path, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(pristine.parents[1] / "state"))
    files = sorted(path for path in pristine.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files), label="file")
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1), label="place")
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != content[place]), label="byte")
    path.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
    try:
        found: Verification = verify(pristine)
    finally:
        path.write_bytes(content)
    assert found.state == "altered"
    assert found.problems


def test_every_byte_of_the_manifest_counts(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is the one file that nothing else vouches for: no byte of it may have two ways to be right."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(pristine.parents[1] / "state"))
    path = pristine / "manifest.json"
    content = path.read_bytes()
    unnoticed = []
    try:
        for place in range(len(content)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            if verify(pristine).state != "altered":
                unnoticed.append(place)
    finally:
        path.write_bytes(content)
    assert not unnoticed
