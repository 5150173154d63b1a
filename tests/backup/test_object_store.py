"""Backups in an object store that speaks S3: made, listed, restored, pruned; refused, full, and locked."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping

import httpx
import pytest

from hotops.backup import manifest as manifests
from hotops.backup.compare import compare
from hotops.backup.errors import StoreFailed
from hotops.backup.quick import check_parts
from hotops.backup.store import Store
from tests.backup import stage
from tests.backup.s3 import bucket_server
from tests.backup.stage import Server
from tests.peers import find_peer

BUCKET = "hotops-test-bucket"


def environ(url: str) -> Mapping[str, str]:
    return {"AWS_ENDPOINT_URL_S3": url}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendors' own variables; the region is one, since none is asked for."""
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test-word", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


def goes_round(server: Server, store: Store) -> None:
    """A backup into it, checked, listed and restored from it."""
    made = server.back_up(store)
    found, wrong = manifests.listed(store, "test", "shop")
    assert ([item.manifest.id for item in found], wrong) == ([made.id], {})
    assert check_parts(store, stage.found(store), server.keys.opener) == []
    load = server.restore(store)
    assert compare(load).findings == []
    server.drop(load.connection.database)


def test_a_backup_goes_into_a_bucket_and_comes_back(server: Server) -> None:
    with bucket_server() as (url, bucket):
        store = Store.of(f"s3://{BUCKET}/backups", environ=environ(url))
        goes_round(server, store)
        assert all(name.startswith("backups/test/shop/") for name in bucket.objects)
        assert not [name for name, content in bucket.objects.items() if b"u1@example.com" in content]


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [(403, "AccessDenied", "credentials do not allow"), pytest.param(404, "NoSuchBucket", "no such bucket", marks=pytest.mark.soak), pytest.param(507, "InsufficientStorage", "takes no more", marks=pytest.mark.soak)],
)  # fmt: skip
def test_a_bucket_that_refuses_lists_no_partial_backup_and_keeps_what_it_has(
    server: Server, status: int, code: str, said: str
) -> None:
    with bucket_server() as (url, bucket):
        store = Store.of(f"s3://{BUCKET}", environ=environ(url))
        first = server.back_up(store, prints=False)
        before = dict(bucket.objects)
        bucket.refuse = (bucket.writes + 25, status, code)
        with pytest.raises(StoreFailed) as failed:
            server.back_up(store, prints=False)
        assert said in str(failed.value).lower() + str(failed.value.remedy).lower()
        assert [item.manifest.id for item in manifests.listed(store, "test", "shop")[0]] == [first.id]
        assert {name: bucket.objects[name] for name in before} == before


@pytest.fixture
def moto() -> Iterator[str]:
    program = find_peer("moto_server")
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [str(program), "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"{url}/moto-api/", timeout=5)
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline, "the server never came up"
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


@pytest.mark.peer("moto_server")
def test_a_whole_s3_server_takes_a_backup_and_gives_it_back(server: Server, moto: str) -> None:
    httpx.put(f"{moto}/{BUCKET}", headers={"x-amz-bucket-object-lock-enabled": "true"}).raise_for_status()
    store = Store.of(f"s3://{BUCKET}/backups", environ=environ(moto))
    goes_round(server, store)
    names = list(store.sizes("test/shop"))
    store.delete(names)
    assert store.sizes("test/shop") == {}
    versions = httpx.get(f"{moto}/{BUCKET}?versions").text
    assert all(f"<Key>backups/{name}</Key>" in versions for name in names)  # hidden, and there


def test_a_locked_bucket_takes_a_backup_and_keeps_what_is_pruned(server: Server) -> None:
    """The lock is the bucket's own, a default retention: whoever has the store's credentials can hide a backup, no more."""
    with bucket_server() as (url, bucket):
        bucket.locked = True
        store = Store.of(f"s3://{BUCKET}", environ=environ(url))
        server.back_up(store, prints=False)
        there = dict(bucket.objects)
        store.delete(list(there))
        assert store.sizes("") == {}
        assert there.items() <= bucket.hidden.items()
