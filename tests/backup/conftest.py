"""One PostgreSQL server with a shop for all tests of a worker, one backup of it, and one restored copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hotops.backup.load import Load
from hotops.backup.store import Store
from hotops.sandbox.__main__ import _cache_dir
from hotops.sandbox.ca import Authority
from hotops.sandbox.postgres import Cluster, Toolkit
from tests.backup import stage
from tests.backup.stage import Server


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    toolkit = Toolkit.gather(_cache_dir())
    if not toolkit.programs.contrib:
        pytest.skip("this PostgreSQL has no contrib, which the shop needs")
    folder = tmp_path_factory.mktemp("server")
    cluster = Cluster(toolkit, Authority(), folder, "a" * 20, (), "pass:word \\ 'quoted'")
    with stage.server(folder, cluster) as made:
        yield made


@pytest.fixture(scope="session")
def kept(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one whole backup of the shop, which tests leave as it is."""
    store = Store.of(str(tmp_path_factory.mktemp("kept")))
    server.back_up(store)
    return store


@pytest.fixture(scope="session")
def restored(server: Server, kept: Store) -> Load:
    """The shop, restored from that backup; tests copy it before they touch it."""
    return server.restore(kept, "restored")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.of(str(tmp_path / "store"))
