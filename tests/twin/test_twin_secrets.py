"""Secrets: written but never read back, staged until a machine is made anew."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twin.asking import Asker, Make, app_seed

SECRETS = "/v1/apps/shop/secrets"


def given(sky: Asker, machine: dict[str, Any]) -> dict[str, str]:
    """What a machine was given at its launch, read from inside the twin."""
    return sky.twin.world.apps["shop"].machines[machine["id"]].current.given


def test_values_never_come_back(sky: Asker) -> None:
    listed = sky.ask("GET", SECRETS + "?show_secrets=true")
    assert {row["name"] for row in listed.json()["secrets"]} == {"DATABASE_URL", "APP_ENV"}
    assert b"postgresql://" not in listed.body
    assert set(listed.json()["secrets"][0]) == {"name", "digest", "created_at", "updated_at"}


def test_the_same_value_has_the_same_digest_in_every_app(make: Make) -> None:
    sky = make(app_seed("shop"), app_seed("mail", secrets={"OTHER_NAME": "staging"}))
    shop = {row["name"]: row["digest"] for row in sky.get(SECRETS)["secrets"]}
    mail = {row["name"]: row["digest"] for row in sky.get("/v1/apps/mail/secrets")["secrets"]}
    assert mail["OTHER_NAME"] == shop["APP_ENV"]
    assert shop["DATABASE_URL"] != shop["APP_ENV"]


def test_two_twins_give_different_digests_for_one_value(make: Make) -> None:
    first, second = (make().get(SECRETS)["secrets"][0]["digest"] for _ in range(2))
    assert first != second


def test_a_bulk_write_deletes_with_null_and_counts_up_even_for_an_unknown_name(sky: Asker) -> None:
    before = sky.post(SECRETS, {"values": {"A": "x"}})["version"]
    after = sky.post(SECRETS, {"values": {"A": None, "NEVER_WAS": None}})
    assert after["version"] == after["Version"] == before + 1
    assert "A" not in {row["name"] for row in after["secrets"]}


def test_a_secret_stays_staged_through_a_restart_and_reaches_the_machine_by_an_update(sky: Asker) -> None:
    machine = sky.machines()[0]
    version = sky.post(SECRETS, {"values": {"NEW_FLAG": "on"}})["version"]
    sky.post(f"/v1/apps/shop/machines/{machine['id']}/restart")
    sky.get(f"/v1/apps/shop/machines/{machine['id']}/wait?state=started")
    assert "NEW_FLAG" not in given(sky, machine)
    sky.update(machine, "v42", min_secrets_version=version)
    assert given(sky, machine)["NEW_FLAG"] == "on"
    assert "NEW_FLAG" not in str(sky.get(f"/v1/apps/shop/machines/{machine['id']}"))


def test_an_update_that_wants_newer_secrets_than_there_are_is_refused(sky: Asker) -> None:
    machine = sky.machines()[0]
    body = {"config": machine["config"], "min_secrets_version": 999}
    response = sky.ask("POST", f"/v1/apps/shop/machines/{machine['id']}", body)
    assert response.status == 412
    assert response.json()["error"].startswith("failed_precondition: ")


def test_seeded_secrets_look_deployed_and_staged_ones_staged_by_flyctls_rule(make: Make) -> None:
    sky = make(app_seed("shop", staged_secrets={"NEW_FLAG": "on"}))
    releases = sky.get("/api/v1/apps/shop/releases?limit=20", host="api.fly.io")["releases"]
    running = sky.machines()[0]["config"]["metadata"]["fly_release_version"]
    released_at = next(row["created_at"] for row in releases if str(row["version"]) == running)
    rows = {row["name"]: row["updated_at"] for row in sky.get(SECRETS)["secrets"]}
    assert rows["DATABASE_URL"] <= released_at
    assert rows["NEW_FLAG"] > released_at
    assert "NEW_FLAG" not in given(sky, sky.machines()[0])


@pytest.mark.parametrize("name", ["WITH-DASH", "with space", "ÄRGER"])
def test_a_name_with_other_signs_is_refused(sky: Asker, name: str) -> None:
    response = sky.ask("POST", SECRETS, {"values": {name: "x"}})
    assert response.status == 422
    assert "Name only allows letters, numbers, and underscores" in response.json()["error"]


def test_one_secret_can_be_set_read_and_deleted(sky: Asker) -> None:
    made = sky.ask("POST", SECRETS + "/TOKEN", {"value": "x"})
    assert made.status == 201
    assert made.json()["version"] == 2
    assert sky.get(SECRETS + "/TOKEN")["digest"] == made.json()["digest"]
    assert sky.ask("DELETE", SECRETS + "/TOKEN").json()["version"] == 3
    assert sky.ask("GET", SECRETS + "/TOKEN").status == 404
