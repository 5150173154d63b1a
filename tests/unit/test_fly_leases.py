"""Leases: taken, kept, lost, dropped."""

from __future__ import annotations

import threading
import time

import pytest

from hotops.core.clock import SystemClock
from hotops.core.errors import LeaseHeld, NotFound, ServerError, WireError
from hotops.core.limiter import NoLimiter
from hotops.core.world import World
from hotops.fly.client import Fly
from hotops.fly.errors import LeaseLost
from hotops.sandbox.inprocess import Transport
from hotops.sandbox.twin import Twin
from tests.twin.asking import fly_seed
from tests.unit.fly_worlds import Sky


@pytest.fixture
def sky() -> Sky:
    return Sky()


@pytest.fixture
def machine_id(sky: Sky) -> str:
    return sky.fly.machines.list("shop")[0].id


def test_a_lease_keeps_others_out_and_ends_with_the_block(sky: Sky, machine_id: str) -> None:
    machines = sky.fly.machines
    with machines.lease("shop", machine_id, ttl_s=15, description="run 1") as lease:
        assert lease.version == machines.get("shop", machine_id).instance_id
        held = machines.lease_of("shop", machine_id)
        assert held is not None
        assert held.description.startswith("run 1 #")
        with pytest.raises(LeaseHeld) as refused:
            machines.stop("shop", machine_id)
        assert refused.value.expires_at == pytest.approx(sky.clock.now() + 15, abs=1)
        assert refused.value.details["owner"]
        machines.stop("shop", machine_id, nonce=lease.nonce)
    assert machines.lease_of("shop", machine_id) is None
    machines.start("shop", machine_id)


def test_the_nonce_shows_in_no_repr(sky: Sky, machine_id: str) -> None:
    with sky.fly.machines.lease("shop", machine_id) as lease:
        assert lease.nonce
        assert lease.nonce not in f"{lease!r} {lease.lease!r}"


def test_using_a_lease_keeps_it_alive_on_a_clock_without_threads(sky: Sky, machine_id: str) -> None:
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15) as lease:
        first = lease.nonce
        for _ in range(10):
            sky.clock.sleep(6)
            assert lease.nonce == first
        assert sky.sent().count(f"POST /v1/apps/shop/machines/{machine_id}/lease") == 11
    assert threading.active_count() == 1 or not any(t.name.startswith("lease-") for t in threading.enumerate())


def test_a_lease_that_ended_unused_is_noticed_and_its_successor_dropped(sky: Sky, machine_id: str) -> None:
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15) as lease:
        sky.clock.sleep(16)
        with pytest.raises(LeaseLost, match="expired"):
            _ = lease.nonce
        assert lease.is_lost
        assert sky.fly.machines.lease_of("shop", machine_id) is None
        with pytest.raises(LeaseLost):
            lease.refresh()


def test_a_lease_that_another_took_meanwhile_is_noticed(sky: Sky, machine_id: str) -> None:
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15) as lease:
        sky.clock.sleep(16)
        other = sky.client()
        with other.machines.lease("shop", machine_id), pytest.raises(LeaseLost, match="currently held by"):
            _ = lease.nonce
        assert other.machines.lease_of("shop", machine_id) is None


def test_an_explicit_refresh_prolongs_it(sky: Sky, machine_id: str) -> None:
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15) as lease:
        before = lease.lease.expires_at
        sky.clock.sleep(4)
        lease.refresh()
        assert lease.lease.expires_at == pytest.approx(before + 4, abs=1)


def test_a_bad_moment_does_not_lose_a_lease(sky: Sky, machine_id: str) -> None:
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15) as lease:
        sky.clock.sleep(6)
        sky.break_next("status", "POST", "*/lease", status=500)
        assert lease.nonce
        assert not lease.is_lost
        assert lease.nonce, "the next use refreshes again"


def test_a_lease_whose_release_fails_ends_by_itself(sky: Sky, machine_id: str) -> None:
    sky.twin.faults.add({"kind": "status", "status": 500, "match": {"method": "DELETE", "path": "*/lease"}})
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15):
        pass
    assert sky.fly.machines.lease_of("shop", machine_id) is not None
    sky.clock.sleep(16)
    assert sky.fly.machines.lease_of("shop", machine_id) is None


def test_releasing_twice_and_releasing_what_is_gone_are_fine(sky: Sky, machine_id: str) -> None:
    lease = sky.fly.machines.lease("shop", machine_id, ttl_s=15)
    sky.clock.sleep(20)
    lease.release()
    lease.release()


def test_waiting_for_a_dead_runs_lease_takes_as_long_as_it_lasts(sky: Sky, machine_id: str) -> None:
    sky.client().machines.lease("shop", machine_id, ttl_s=15, description="a run that died")
    began = sky.clock.now()
    with sky.fly.machines.wait_for_lease("shop", machine_id, patience_s=60) as lease:
        assert lease.nonce
    assert 14 <= sky.clock.now() - began <= 17


def test_a_living_holder_is_not_waited_for_for_ever(sky: Sky, machine_id: str) -> None:
    sky.client().machines.lease("shop", machine_id, ttl_s=600)
    began = sky.clock.now()
    with pytest.raises(LeaseHeld) as refused:
        sky.fly.machines.wait_for_lease("shop", machine_id, patience_s=20)
    assert refused.value.expires_at == pytest.approx(began + 600, abs=1)
    assert 20 <= sky.clock.now() - began <= 22


def test_a_lease_whose_answer_was_lost_is_waited_out_and_taken_anew(sky: Sky, machine_id: str) -> None:
    sky.break_next("reset_after", "POST", "*/lease")
    began = sky.clock.now()
    with sky.fly.machines.lease("shop", machine_id, ttl_s=15) as lease:
        sky.fly.machines.stop("shop", machine_id, nonce=lease.nonce)
    assert 15 <= sky.clock.now() - began <= 17


def test_a_lease_that_was_never_taken_is_taken(sky: Sky, machine_id: str) -> None:
    sky.break_next("reset_before", "POST", "*/lease")
    with sky.fly.machines.lease("shop", machine_id) as lease:
        assert lease.nonce


def test_a_lost_answer_behind_which_another_holds_the_lease(sky: Sky, machine_id: str) -> None:
    sky.client().machines.lease("shop", machine_id, ttl_s=60, description="the other")
    sky.break_next("reset_before", "POST", "*/lease")
    with pytest.raises(LeaseHeld, match="the other"):
        sky.fly.machines.lease("shop", machine_id)


def test_an_api_that_stays_broken_is_raised(sky: Sky, machine_id: str) -> None:
    sky.twin.faults.add({"kind": "status", "status": 500, "match": {"method": "POST", "path": "*/lease"}})
    with pytest.raises(ServerError):
        sky.fly.machines.lease("shop", machine_id)
    with pytest.raises(NotFound):
        sky.fly.machines.lease_of("shop", "d0000000000000")


def test_on_the_system_clock_a_thread_keeps_the_lease() -> None:
    twin = Twin(fly_seed(), connect=lambda dsn: None, now=time.time())
    twin.limits = False
    calls: list[str] = []
    fly = Fly(
        twin.tokens["fly"],
        world=World("sandbox", {}, {}),
        transport=lambda: Transport(twin, SystemClock()),
        limiter=lambda cloud, identity: NoLimiter(),
        on_call=lambda call: calls.append(f"{call.method} {call.path}"),
    )
    machine_id = fly.machines.list("shop")[0].id
    with fly.machines.lease("shop", machine_id, ttl_s=1) as lease:
        time.sleep(1.4)
        assert lease.nonce, "held for longer than its time without being used"
    assert calls.count(f"POST /v1/apps/shop/machines/{machine_id}/lease") >= 4
    held = fly.machines.lease("shop", machine_id, ttl_s=1)
    fly.close()
    time.sleep(0.5)
    with pytest.raises(LeaseLost, match="closed"):
        _ = held.nonce
    held.release()
    assert not any(thread.name == f"lease-{machine_id}" and thread.is_alive() for thread in threading.enumerate())


def test_a_connection_that_never_was_is_raised_at_once(sky: Sky) -> None:
    sky.twin.faults.add({"kind": "reset_before", "match": {"path": "*/lease"}})
    with pytest.raises(WireError):
        sky.fly.machines.lease("shop", "d0000000000000")
