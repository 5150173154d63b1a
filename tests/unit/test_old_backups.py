"""A backup that an older hotops made stays readable: its manifest, and what it recorded of the database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotops.backup import manifest as manifests
from hotops.backup.catalogue import Difference, compare_catalogues, queries
from hotops.backup.errors import BackupDamaged
from hotops.backup.store import Store
from hotops.core.signing import sign

#: The payload of a manifest of format 1. It is never changed: what is written now may hold more.
FIRST = json.loads(
    (Path(__file__).resolve().parents[1] / "fixtures/backup/manifest_1.json").read_text(encoding="utf-8")
)
#: Kinds that its catalogue held. Under another name nothing of it would be compared any more.
KINDS = {
    "role", "membership", "setting", "schema", "extension", "enum", "domain", "range type", "table", "column",
    "constraint", "index", "sequence", "view", "function", "trigger", "rule", "policy", "grant", "default grant",
    "publication", "published table", "event trigger", "statistics", "foreign server", "comment",
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))
    return Store.of(str(tmp_path / "store"))


def read(store: Store, payload: dict[str, Any]) -> manifests.Manifest:
    prefix = f"production/shop/{payload['id']}"
    store.put(f"{prefix}/{manifests.MANIFEST}", json.dumps(sign(manifests.PAYLOAD_TYPE, payload)).encode())
    return manifests.read(store, prefix).manifest


def without_what_has_a_default(payload: dict[str, Any]) -> None:
    for key in ("format", "left_out", "resumed"):
        del payload[key]
    (table,) = payload["tables"]
    del table["where"], table["fingerprint"], table["ranges"][0]["parts"][0]["rows"]


def with_what_a_newer_one_adds(payload: dict[str, Any]) -> None:
    payload["planet"] = payload["tables"][0]["moon"] = {"of": 3}


@pytest.mark.parametrize("change", [lambda _payload: None, without_what_has_a_default, with_what_a_newer_one_adds])
def test_the_first_form_is_read_and_what_is_not_known_is_passed_over(
    store: Store, change: Callable[[dict[str, Any]], None]
) -> None:
    payload = json.loads(json.dumps(FIRST))
    change(payload)
    found = read(store, payload)
    assert (found.id, found.rows, found.stored_bytes, found.server_major) == (FIRST["id"], 3, 600, 15)
    table = found.table("public.orders")
    assert table is not None
    assert [part.name for part in table.parts] == ["data/public.orders/0000000000.000001.copy.zst.age"]


def test_what_is_written_now_holds_all_that_the_first_form_did(store: Store) -> None:
    written = read(store, FIRST).model_dump(mode="json", by_alias=True)

    def held(first: Any, now: Any, at: str = "") -> None:
        if isinstance(first, dict):
            for key, value in first.items():
                assert key in now, f"{at}/{key}: an older hotops could not read what is written now"
                held(value, now[key], f"{at}/{key}")
        elif isinstance(first, list):
            assert len(first) == len(now), at
            for number, (one, other) in enumerate(zip(first, now, strict=True)):
                held(one, other, f"{at}/{number}")
        else:
            assert first == now, at

    held(FIRST, written)


def test_a_form_that_is_not_known_is_refused_as_such(store: Store) -> None:
    with pytest.raises(BackupDamaged, match="is of format 2, and this hotops reads 1") as refused:
        read(store, {**FIRST, "format": 2})
    assert "newer" in str(refused.value.remedy)


def test_what_the_first_form_recorded_is_still_compared_and_only_that() -> None:
    assert set(queries()) >= KINDS
    older, now = {"table": {"public.a": "table"}}, {"table": {}, "cast": {"x": "y"}}
    assert compare_catalogues(older, now) == [Difference("table", "public.a", "table", None)]
    assert compare_catalogues(now, older) == [Difference("table", "public.a", None, "table")]
