"""Who may do what on the twin."""

from __future__ import annotations

import base64

import pytest

from hotops.sandbox.control import control
from tests.twin.asking import Asker, Make, app_seed


def token(sky: Asker, body: bytes) -> str:
    """A token made over the control interface."""
    made: str = control(sky.twin, "POST", "/_sandbox/tokens", body, sky.time).json()["token"]
    return made


@pytest.fixture
def two(make: Make) -> Asker:
    """Two apps of one organisation and one of another."""
    return make(app_seed("shop"), app_seed("mail"), app_seed("foreign", org="other"))


def test_no_token_and_a_wrong_one_are_401(sky: Asker) -> None:
    sky.token = None
    assert sky.ask("GET", "/v1/apps/shop").status == 401
    assert sky.ask("GET", "/v1/apps/shop", token="wrong").status == 401
    assert sky.ask("POST", "/graphql", {"query": "{viewer{__typename}}"}, host="api.fly.io").status == 401


def test_an_unknown_app_is_404(sky: Asker) -> None:
    assert sky.ask("GET", "/v1/apps/nothing").status == 404
    assert sky.ask("GET", "/v1/apps/nothing/machines").status == 404


def test_a_token_of_one_app_sees_no_other(two: Asker) -> None:
    scoped = token(two, b'{"apps": ["shop"], "access": "write"}')
    assert two.ask("GET", "/v1/apps/shop/machines", token=scoped).status == 200
    assert two.ask("GET", "/v1/apps/mail/machines", token=scoped).status == 403
    assert two.ask("GET", "/v1/apps?org_slug=personal", token=scoped).status == 403
    told = two.get("/v1/tokens/current", token=scoped)["tokens"][0]
    assert (told["apps"], told["org_slug"]) == (["shop"], "personal")


def test_a_reading_token_writes_nothing(two: Asker) -> None:
    reading = token(two, b'{"apps": ["shop"], "access": "read"}')
    assert two.ask("GET", "/v1/apps/shop/secrets", token=reading).status == 200
    refused = two.ask("POST", "/v1/apps/shop/secrets", {"values": {"A": "x"}}, token=reading)
    assert refused.status == 403
    body = {"app_name": "shop", "image": "x", "strategy": "ROLLING", "definition": {}}
    assert two.ask("POST", "/api/v1/releases", body, host="api.fly.io", token=reading).status == 403


def test_tokens_joined_by_commas_allow_what_each_allows(two: Asker) -> None:
    read = token(two, b'{"apps": ["shop"], "access": "read"}')
    write = token(two, b'{"apps": ["mail"], "access": "write"}')
    both = f"{read},{write}"
    assert two.ask("POST", "/v1/apps/mail/secrets", {"values": {}}, token=both).status == 200
    assert two.ask("POST", "/v1/apps/shop/secrets", {"values": {}}, token=both).status == 403
    assert two.ask("GET", "/v1/apps/shop/secrets", headers={"authorization": f"FlyV1 {both}"}).status == 200


def test_the_machines_api_answers_under_its_private_name_and_on_loopback(sky: Asker) -> None:
    for host in ("_api.internal", "127.0.0.1"):
        assert sky.ask("GET", "/v1/apps/shop", host=host).status == 200
    assert sky.ask("GET", "/v2/", host="127.0.0.1").status == 200
    query = {"query": "{viewer{__typename}}"}
    assert sky.ask("POST", "/graphql", query, host="127.0.0.1").status == 200


def test_an_unknown_host_is_misdirected(sky: Asker) -> None:
    assert sky.ask("GET", "/", host="example.com").status == 421


def test_the_registry_takes_basic_and_bearer_and_keeps_organisations_apart(two: Asker) -> None:
    password = base64.b64encode(f"x:{two.twin.tokens['fly']}".encode()).decode()
    basic = {"authorization": f"Basic {password}"}
    head = two.ask("HEAD", "/v2/shop/manifests/v42", host="registry.fly.io", headers=basic)
    assert head.status == 200
    assert head.headers["docker-content-digest"].startswith("sha256:")
    assert head.body == b""
    scoped = token(two, b'{"apps": ["shop"], "access": "write"}')
    assert two.ask("HEAD", "/v2/shop/manifests/v42", host="registry.fly.io", token=scoped).status == 200
    assert two.ask("HEAD", "/v2/foreign/manifests/v42", host="registry.fly.io", token=scoped).status == 403
    assert two.ask("HEAD", "/v2/shop/manifests/v42", host="registry.fly.io", token="wrong").status == 401


def test_a_machine_cannot_pull_from_another_organisation(two: Asker) -> None:
    machine = two.machines("foreign")[0]
    config = {**machine["config"], "image": "registry.fly.io/shop:v42"}
    response = two.ask("POST", f"/v1/apps/foreign/machines/{machine['id']}", {"config": config})
    assert response.status == 400
    assert "denied" in response.json()["error"]


def test_one_image_has_one_digest_in_every_repository_and_can_be_copied(two: Asker) -> None:
    two.push("v43", "shop")
    manifest = two.ask("GET", "/v2/shop/manifests/v43", host="registry.fly.io")
    digest = manifest.headers["docker-content-digest"]
    assert two.ask("HEAD", f"/v2/mail/manifests/{digest}", host="registry.fly.io").status == 404
    listed = manifest.json()
    for blob in [listed["config"]["digest"], *(layer["digest"] for layer in listed["layers"])]:
        mounted = two.ask("POST", f"/v2/mail/blobs/uploads/?mount={blob}&from=shop", host="registry.fly.io")
        assert mounted.status == 201
    copied = two.ask("PUT", "/v2/mail/manifests/v43", body=manifest.body, host="registry.fly.io")
    assert (copied.status, copied.headers["docker-content-digest"]) == (201, digest)
    assert two.machines("mail")[0]["state"] == "started"
    two.update(two.machines("mail")[0], "v43", app="mail")
    assert manifest.headers["content-type"] == "application/vnd.oci.image.manifest.v1+json"
