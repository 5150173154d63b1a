"""The signing key is made once, kept to its owner, and what it signs is taken for nothing else."""

from __future__ import annotations

import base64
import multiprocessing
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from hotops.core.signing import SignatureInvalid, SigningKeyUnusable, known_keys, own_key_id, sign, verify_envelope

VERDICT = "application/vnd.hotops.verdict+json"


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / "keys"


def test_what_is_signed_comes_back_with_its_signer() -> None:
    signed = verify_envelope(sign(VERDICT, {"verdict": "go", "plan": "é"}), payload_type=VERDICT)
    assert signed == ({"verdict": "go", "plan": "é"}, own_key_id(), True)


def test_the_signature_is_dsse_over_type_and_body() -> None:
    """Pre-authentication encoding of DSSE 1.0.2, written out here by hand."""
    envelope = sign("t/x", {"a": 1})
    key = VerifyKey(bytes.fromhex(envelope["signatures"][0]["keyid"].removeprefix("ed25519:")))
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    assert key.verify(b'DSSEv1 3 t/x 7 {"a":1}', signature)


def test_a_statement_of_one_kind_is_not_taken_for_another() -> None:
    with pytest.raises(SignatureInvalid, match="wanted is"):
        verify_envelope(sign("application/vnd.in-toto+json", {"verdict": "go"}), payload_type=VERDICT)


@pytest.mark.parametrize(
    "envelope", [None, [], "x", {}, {"payloadType": VERDICT, "payload": "e30=", "signatures": [1]}]
)
def test_what_is_no_envelope_is_refused(envelope: object) -> None:
    with pytest.raises(SignatureInvalid):
        verify_envelope(envelope, payload_type=VERDICT)


def test_only_the_owner_can_read_the_key(keys: Path) -> None:
    own_key_id()
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == {
        "evidence.key": 0o600,
        "evidence.pub": 0o600,
    }
    assert keys.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_could_read_is_not_used(keys: Path) -> None:
    own_key_id()
    (keys / "evidence.key").chmod(0o644)
    with pytest.raises(SigningKeyUnusable, match="mode 644"):
        sign(VERDICT, {})


def test_a_damaged_key_is_named_and_not_shown(keys: Path) -> None:
    own_key_id()
    path = keys / "evidence.key"
    kept = path.read_text()[:40]
    path.write_text(kept)
    with pytest.raises(SigningKeyUnusable, match="does not hold a key") as caught:
        sign(VERDICT, {})
    assert kept not in str(caught.value)
    assert caught.value.__cause__ is None


def tell_key(queue: multiprocessing.Queue[str]) -> None:
    queue.put(own_key_id())


def test_processes_that_start_together_share_one_key(keys: Path) -> None:
    fork = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[str] = fork.Queue()
    workers = [fork.Process(target=tell_key, args=(queue,)) for _ in range(8)]
    for worker in workers:
        worker.start()
    seen = {queue.get(timeout=30) for _ in workers}
    for worker in workers:
        worker.join(30)
    assert seen == known_keys()
    assert len(seen) == 1
    assert sorted(path.name for path in keys.iterdir()) == ["evidence.key", "evidence.pub"]
