"""Answers that were lost: settled by looking, with one machine, one change and one record in the end."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from hotops.core.errors import Conflict, NoCapacity, ServerError, WireError
from hotops.fly.client import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.errors import NameTaken, SecretsNotThere, VersionChanged
from hotops.fly.models import Machine
from tests.unit.fly_worlds import Sky, literal


@pytest.fixture
def sky() -> Sky:
    return Sky()


def web(sky: Sky) -> Machine:
    return next(m for m in sky.fly.machines.list("shop") if m.process_group == "app")


def config(sky: Sky) -> MachineConfig:
    found = web(sky).config
    assert found
    return found


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate", "late"])
def test_one_create_makes_one_machine_whatever_breaks(sky: Sky, kind: str) -> None:
    if kind == "late":
        sky.break_next("late", "POST", "*/machines", seconds=1.0)
    sky.break_next("reset_after" if kind == "late" else kind, "POST", "*/machines")
    made = sky.fly.machines.create("shop", config(sky), key="run-1/web/1")
    sky.clock.sleep(60)
    found = sky.fly.machines.list("shop", metadata={"hotops_create": "run-1/web/1"})
    assert [m.id for m in found] == [made.id]
    assert len(sky.fly.machines.list("shop")) == 4


@pytest.mark.parametrize("status", [408, 500, 504])
def test_a_create_that_ends_in_a_server_error_is_looked_for_and_sent_again(sky: Sky, status: int) -> None:
    sky.break_next("status", "POST", "*/machines", status=status)
    sky.fly.machines.create("shop", config(sky), key="k", name="web-9")
    assert len(sky.fly.machines.list("shop", metadata={"hotops_create": "k"})) == 1


def test_a_create_that_shows_up_later_than_we_look_is_found_by_its_name(sky: Sky) -> None:
    sky.break_next("late", "POST", "*/machines", seconds=5.0)
    sky.break_next("reset_after", "POST", "*/machines")
    made = sky.fly.machines.create("shop", config(sky), key="k")
    sky.clock.sleep(60)
    assert [m.id for m in sky.fly.machines.list("shop", metadata={"hotops_create": "k"})] == [made.id]


def test_the_same_key_again_is_the_same_machine(sky: Sky) -> None:
    first = sky.fly.machines.create("shop", config(sky), key="k", region="ord", skip_service_registration=True)
    assert sky.fly.machines.create("shop", config(sky), key="k").id == first.id


def test_another_machines_name_is_taken(sky: Sky) -> None:
    with pytest.raises(NameTaken):
        sky.fly.machines.create("shop", config(sky), key="k", name=web(sky).name)


def test_a_create_that_keeps_failing_is_raised(sky: Sky) -> None:
    sky.twin.faults.add({"kind": "status", "status": 500, "match": {"method": "POST", "path": "*/machines"}})
    with pytest.raises(ServerError):
        sky.fly.machines.create("shop", config(sky), key="k")
    assert sky.sent().count("POST /v1/apps/shop/machines") == 2


def test_no_room_is_told_from_everything_else(sky: Sky) -> None:
    sky.break_next("no_capacity", "POST", "*/machines")
    with pytest.raises(NoCapacity) as refused:
        sky.fly.machines.create("shop", config(sky), key="k")
    assert "region" in refused.value.remedy


def test_a_machine_may_be_born_with_a_lease(sky: Sky) -> None:
    made = sky.fly.machines.create("shop", config(sky), key="k", lease_ttl_s=60, min_secrets_version=1)
    assert made.nonce
    assert sky.fly.machines.lease_of("shop", made.id) is not None
    assert sky.fly.machines.get("shop", made.id).nonce == ""


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
def test_one_update_is_one_version_whatever_breaks(sky: Sky, kind: str) -> None:
    before = web(sky)
    versions = len(sky.fly.machines.versions("shop", before.id))
    wanted = config(sky).with_metadata({"fly_release_version": "43"})
    sky.break_next(kind, "POST", f"*/machines/{before.id}")
    after = sky.fly.machines.update("shop", before.id, wanted, current_version=before.instance_id)
    assert after.release_version == 43
    assert len(sky.fly.machines.versions("shop", before.id)) == versions + 1


def test_an_update_without_a_version_is_never_sent_twice(sky: Sky) -> None:
    before = web(sky)
    sky.break_next("reset_before", "POST", f"*/machines/{before.id}")
    with pytest.raises(WireError):
        sky.fly.machines.update("shop", before.id, config(sky).with_env({"A": "1"}))
    assert sky.sent().count(f"POST /v1/apps/shop/machines/{before.id}") == 1


def test_a_lost_answer_behind_which_another_changed_the_machine(sky: Sky) -> None:
    before, wanted = web(sky), config(sky).with_env({"OURS": "1"})
    sky.fly.machines.update("shop", before.id, config(sky).with_env({"THEIRS": "1"}))
    sky.break_next("reset_before", "POST", f"*/machines/{before.id}")
    with pytest.raises(VersionChanged):
        sky.fly.machines.update("shop", before.id, wanted, current_version=before.instance_id)
    assert sky.sent().count(f"POST /v1/apps/shop/machines/{before.id}") == 2
    assert "THEIRS" in sky.fly.machines.versions("shop", before.id)[0].user_config.env


def test_secrets_that_are_on_their_way_are_not_taken_for_another_change(sky: Sky) -> None:
    before = web(sky)
    late = {"error": "min_secrets_version 9 is not available yet"}
    sky.break_next("status", "POST", f"*/machines/{before.id}", status=412, body=late)
    with pytest.raises(SecretsNotThere):
        sky.fly.machines.update("shop", before.id, config(sky), current_version=before.instance_id)


def test_a_refusal_of_an_unchanged_machine_is_raised_as_it_is(sky: Sky) -> None:
    before = web(sky)
    sky.break_next("status", "POST", f"*/machines/{before.id}", status=409, body={"error": "aborted: busy"})
    with pytest.raises(Conflict, match="busy"):
        sky.fly.machines.update("shop", before.id, config(sky), current_version=before.instance_id)


@pytest.mark.parametrize(
    "change",
    [
        lambda fly: fly.machines.create("shop", MachineConfig({"image": "a/b"}), key="k"),
        lambda fly: fly.machines.update("shop", "m", MachineConfig({"image": "a/b"}), current_version="v"),
        lambda fly: fly.machines.stop("shop", "m"),
        lambda fly: fly.machines.lease("shop", "m"),
        lambda fly: fly.releases.create("shop", image="a/b"),
    ],
)
def test_what_never_left_is_not_looked_for(change: Callable[[Fly], object]) -> None:
    methods: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        methods.append(request.method)
        raise httpx.ConnectError("connection refused", request=request)

    with pytest.raises(WireError) as refused:
        change(literal(reply))
    assert refused.value.applied is False
    assert set(methods) == {"POST"}


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_a_stop_whose_answer_was_lost_stops(sky: Sky, kind: str) -> None:
    machine = web(sky)
    sky.break_next(kind, "POST", "*/stop")
    sky.fly.machines.stop("shop", machine.id)
    assert sky.fly.machines.wait("shop", machine.id, "stopped", timeout_s=30).state == "stopped"


def test_a_stop_that_keeps_failing_is_raised(sky: Sky) -> None:
    sky.twin.faults.add({"kind": "status", "status": 500, "match": {"method": "POST", "path": "*/stop"}})
    with pytest.raises(ServerError):
        sky.fly.machines.stop("shop", web(sky).id)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_one_release_is_one_record_whatever_breaks(sky: Sky, kind: str) -> None:
    sky.break_next(kind, "POST", "/api/v1/releases")
    if kind == "reset_before":
        with pytest.raises(WireError):
            sky.fly.releases.create("shop", image="registry.fly.io/shop:v43")
        return
    made = sky.fly.releases.create("shop", image="registry.fly.io/shop:v43")
    assert [r.version for r in sky.fly.releases.list("shop") if r.image_ref.endswith(":v43")] == [made.version]
