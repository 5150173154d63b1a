"""Leases as the twin keeps them."""

from __future__ import annotations

import pytest

from tests.twin.asking import START, Asker

MACHINES = "/v1/apps/shop/machines"
GATED = [
    ("POST", ""),
    ("POST", "/start"),
    ("POST", "/stop"),
    ("POST", "/restart"),
    ("POST", "/suspend"),
    ("POST", "/cordon"),
    ("POST", "/uncordon"),
    ("POST", "/exec"),
    ("DELETE", ""),
]


def test_a_lease_is_created_in_an_envelope_and_never_shown_with_the_machine(sky: Asker) -> None:
    machine = sky.machines()[0]
    response = sky.ask("POST", f"{MACHINES}/{machine['id']}/lease?ttl=13")
    assert response.status == 201
    envelope = response.json()
    assert envelope["status"] == "success"
    assert envelope["data"]["version"] == machine["instance_id"]
    assert envelope["data"]["expires_at"] == int(START + 13)
    assert "nonce" not in sky.get(f"{MACHINES}/{machine['id']}")
    assert all("nonce" not in listed for listed in sky.machines())
    assert "nonce" not in sky.get(f"{MACHINES}/{machine['id']}/lease")["data"]


def test_a_refresh_keeps_the_nonce_and_moves_the_expiry(sky: Asker) -> None:
    place = f"{MACHINES}/{sky.machines()[0]['id']}/lease"
    first = sky.post(place + "?ttl=13")["data"]
    sky.sleep(10)
    second = sky.post(place, {"ttl": 13, "description": "again"}, nonce=first["nonce"])["data"]
    assert second["nonce"] == first["nonce"]
    assert second["expires_at"] == first["expires_at"] + 10


@pytest.mark.parametrize(("method", "verb"), GATED)
def test_a_lease_refuses_others_with_holder_and_expiry(sky: Asker, method: str, verb: str) -> None:
    machine = sky.machines()[0]
    sky.post(f"{MACHINES}/{machine['id']}/lease?ttl=30")
    response = sky.ask(method, f"{MACHINES}/{machine['id']}{verb}", {"config": machine["config"]})
    assert response.status == 409
    text = f"aborted: machine ID {machine['id']} lease currently held by operator@tokens.fly.io, expires at "
    assert response.json()["error"].startswith(text)
    assert response.json()["error"].endswith("Z")


def test_the_holder_may_change_the_machine(sky: Asker) -> None:
    machine = sky.machines()[0]
    lease = sky.post(f"{MACHINES}/{machine['id']}/lease?ttl=30")["data"]
    done = sky.ask("POST", f"{MACHINES}/{machine['id']}/cordon", nonce=lease["nonce"])
    assert done.json() == {"ok": True}


def test_a_second_lease_is_refused_until_the_first_expires(sky: Asker) -> None:
    place = f"{MACHINES}/{sky.machines()[0]['id']}/lease"
    sky.post(place + "?ttl=13")
    assert sky.ask("POST", place + "?ttl=13").status == 409
    sky.sleep(14)
    assert sky.ask("POST", place + "?ttl=13").status == 201


def test_a_dropped_lease_is_not_found(sky: Asker) -> None:
    place = f"{MACHINES}/{sky.machines()[0]['id']}/lease"
    lease = sky.post(place + "?ttl=13")["data"]
    assert sky.ask("DELETE", place).status == 409
    assert sky.ask("DELETE", place, nonce=lease["nonce"]).status == 200
    missing = sky.ask("GET", place)
    assert (missing.status, missing.json()) == (404, {"error": "lease not found"})


def test_a_create_with_a_lease_answers_with_its_nonce(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    made = sky.post(MACHINES, {"config": config, "lease_ttl": 60})
    assert sky.ask("POST", f"{MACHINES}/{made['id']}/stop").status == 409
    assert sky.ask("POST", f"{MACHINES}/{made['id']}/stop", nonce=made["nonce"]).status == 200
