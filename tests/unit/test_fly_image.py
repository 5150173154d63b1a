"""Image references, taken apart and put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.fly.image import ImageRef
from hotops.fly.models import Machine

NAMES = st.from_regex(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", fullmatch=True).filter(lambda name: len(name) < 30)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
DIGESTS = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64).map(lambda text: f"sha256:{text}")
REGISTRIES = st.sampled_from(["registry.fly.io", "localhost:5000", "ghcr.io", "10.0.0.1:8080"])


@given(
    registry=REGISTRIES,
    repository=st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    tag=st.one_of(st.just(""), TAGS),
    digest=st.one_of(st.just(""), DIGESTS),
)
def test_a_reference_survives_being_written_and_read(registry: str, repository: str, tag: str, digest: str) -> None:
    ref = ImageRef(registry=registry, repository=repository, tag=tag, digest=digest)
    assert ImageRef.parse(str(ref)) == ref


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_a_value_error(text: str) -> None:
    try:
        ref = ImageRef.parse(text)
    except ValueError:
        return
    assert ref.repository
    assert ImageRef.parse(str(ref)) == ref


def test_a_tag_and_a_digest_are_both_kept() -> None:
    digest = "sha256:" + "a" * 64
    ref = ImageRef.parse(f"registry.fly.io/shop:v42@{digest}")
    assert (ref.repository, ref.tag, ref.digest, ref.reference) == ("shop", "v42", digest, digest)
    assert ref.is_pinned
    assert ref.in_repository("shop-production").is_same_image_as(ref)


def test_a_bare_name_is_docker_hubs() -> None:
    assert str(ImageRef.parse("nginx")) == "docker.io/library/nginx"
    assert str(ImageRef.parse("acme/shop:1")) == "docker.io/acme/shop:1"


@pytest.mark.parametrize("text", ["", "shop:", "registry.fly.io/", "shop@md5:1", "shop@sha256:", "@sha256:aa"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sha256|no image reference"):
        ImageRef.parse(text)


def test_an_unknown_digest_is_never_the_same_image() -> None:
    ref = ImageRef.parse("registry.fly.io/shop:v42")
    assert not ref.is_same_image_as(ref)


def test_the_commit_comes_from_the_labels() -> None:
    assert ImageRef(repository="shop", labels={"GH_SHA": "abc"}).commit == "abc"
    assert ImageRef(repository="shop", labels={"org.opencontainers.image.revision": "def"}).commit == "def"
    assert ImageRef(repository="shop").commit == ""


def test_nulls_in_a_machines_image_are_absences() -> None:
    machine = Machine.model_validate({"id": "m", "image_ref": {"repository": "shop", "tag": None, "labels": None}})
    assert machine.image_ref == ImageRef(repository="shop")
    assert Machine.model_validate({"id": "m", "image_ref": {"registry": "", "repository": ""}}).image_ref is None
