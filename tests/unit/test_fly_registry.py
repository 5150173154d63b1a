"""The registry: a tag's digest, or why there is none."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from hotops.core.errors import UsageError
from hotops.fly.errors import ImageRefused, ImageUnknown
from tests.twin.asking import app_seed
from tests.unit.fly_worlds import Sky, literal, replying

IMAGE = "registry.fly.io/shop:v42"


def test_a_tag_means_the_digest_that_machines_run() -> None:
    sky = Sky()
    ref = sky.fly.registry.resolve(IMAGE)
    running = sky.fly.machines.list("shop")[0].image_ref
    assert running is not None
    assert ref.is_same_image_as(running)
    assert sky.fly.registry.resolve(ref) == ref
    assert ref.tag == "v42"


def test_the_labels_tell_the_commit() -> None:
    sky = Sky()
    running = sky.fly.machines.list("shop")[0].image_ref
    assert running is not None
    assert sky.fly.registry.labels(IMAGE)["GH_SHA"] == running.commit
    assert sky.fly.registry.manifest(IMAGE)["schemaVersion"] == 2


def test_a_pruned_image_is_unknown() -> None:
    sky = Sky()
    sky.twin.world.images.prune("shop", "v41")
    with pytest.raises(ImageUnknown, match="manifests/v41") as refused:
        sky.fly.registry.resolve("registry.fly.io/shop:v41")
    assert "prune" in refused.value.remedy


def test_another_organisations_image_is_refused() -> None:
    sky = Sky(app_seed("shop"), app_seed("elsewhere", org="other"))
    token = "sandbox-of-one-app"
    sky.twin.world.tokens[token] = type(next(iter(sky.twin.world.tokens.values())))(id="t", apps=("shop",))
    with pytest.raises(ImageRefused, match="answered 403"):
        sky.client(token).registry.resolve("registry.fly.io/elsewhere:v42")


def test_a_token_that_the_registry_does_not_know_is_refused_after_one_call() -> None:
    calls = []

    def reply(request: httpx.Request) -> httpx.Response:
        calls.append(request.headers["authorization"].partition(" ")[0])
        return httpx.Response(401, headers={"www-authenticate": 'Basic realm="registry"'})

    with pytest.raises(ImageRefused) as refused:
        literal(reply).registry.resolve(IMAGE)
    assert calls == ["Basic"]
    assert refused.value.failure_code == "image_refused"


def test_all_kinds_of_manifests_are_accepted() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        assert request.method == "HEAD"
        for kind in ("oci.image.index", "docker.distribution.manifest.list", "oci.image.manifest"):
            assert kind in request.headers["accept"]
        return httpx.Response(200, headers={"docker-content-digest": "sha256:aa"})

    assert literal(reply).registry.resolve(IMAGE).digest == "sha256:aa"


def test_without_the_header_the_digest_is_the_manifests_own() -> None:
    body = b'{"schemaVersion":2}'
    expected = "sha256:" + hashlib.sha256(body).hexdigest()
    fly = literal(lambda request: httpx.Response(200, content=b"" if request.method == "HEAD" else body))
    assert fly.registry.resolve(IMAGE).digest == expected


def test_an_index_has_the_labels_of_its_first_platform() -> None:
    replies = {
        "/v2/shop/manifests/v42": {"manifests": [{"digest": "sha256:bb"}]},
        "/v2/shop/manifests/sha256:bb": {"config": {"digest": "sha256:cc"}},
        "/v2/shop/blobs/sha256:cc": {"config": {"Labels": {"GH_SHA": "abc"}}},
    }
    fly = literal(lambda request: httpx.Response(200, json=replies[request.url.path]))
    assert fly.registry.labels(IMAGE) == {"GH_SHA": "abc"}
    assert literal(replying(200, {})).registry.labels(IMAGE) == {}


@pytest.mark.parametrize(
    ("realm", "asked"),
    [
        ("https://registry.fly.io/token", True),
        ("https://evil.example.com/token", False),
        ("https://fly.io.example.com/token", False),
        ("http://registry.fly.io/token", False),
    ],
)
def test_a_registry_that_wants_its_own_token_gets_one_from_fly_only(realm: str, asked: bool) -> None:
    hosts: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        if request.url.path == "/token":
            assert request.url.params["scope"] == "repository:shop:pull"
            return httpx.Response(200, json={"token": "short-lived"})
        if request.headers["authorization"] == "Bearer short-lived":
            return httpx.Response(200, headers={"docker-content-digest": "sha256:aa"})
        challenge = f'Bearer realm="{realm}",service="registry.fly.io",scope="repository:shop:pull"'
        return httpx.Response(401, headers={"www-authenticate": challenge})

    fly = literal(reply)
    if asked:
        assert fly.registry.resolve(IMAGE).digest == "sha256:aa"
        return
    with pytest.raises(ImageRefused):
        fly.registry.resolve(IMAGE)
    assert set(hosts) == {"registry.fly.io"}


def test_a_realm_that_refuses_is_a_refusal() -> None:
    challenge = 'Bearer realm="https://registry.fly.io/token",service="s"'
    fly = literal(lambda request: httpx.Response(401, headers={"www-authenticate": challenge}))
    with pytest.raises(ImageRefused):
        fly.registry.resolve(IMAGE)


def test_another_registrys_image_is_not_asked_for_here() -> None:
    with pytest.raises(UsageError, match=r"not in registry\.fly\.io"):
        Sky().fly.registry.resolve("ghcr.io/acme/shop:1")
