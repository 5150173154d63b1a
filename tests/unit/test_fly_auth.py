"""Which credential goes to which surface, under which scheme."""

from __future__ import annotations

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.errors import WorldsMixed
from hotops.core.secret import Secret
from hotops.fly.auth import Credentials, TokenEmpty

WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789+/=-", min_size=1, max_size=20)
MACAROONS = st.builds(lambda kind, word: f"{kind}_{word}", st.sampled_from(["fm1r", "fm1a", "fm2"]), WORDS)
USERS = st.builds(lambda kind, word: f"{kind}{word}", st.sampled_from(["", "fo1_", "sandbox-", "fm_", "fm1rx_"]), WORDS)


def test_a_user_token_is_a_bearer_everywhere() -> None:
    word = secrets.token_hex(8)
    found = Credentials.parse(word)
    assert found.machines() == found.graphql() == found.uiex() == found.prometheus() == f"Bearer {word}"


def test_macaroons_go_alone_to_the_machines_api_and_together_with_users_to_graphql() -> None:
    word = secrets.token_hex(8)
    found = Credentials.parse(f"FlyV1 fm2_{word}, {word} ,fm1a_{word}")
    assert found.machines() == f"FlyV1 fm2_{word},fm1a_{word}"
    assert found.graphql() == f"FlyV1 fm2_{word},fm1a_{word},{word}"
    assert found.uiex() == f"Bearer fm2_{word},fm1a_{word},{word}"
    assert found.prometheus() == found.machines()


def test_two_tokens_as_the_command_line_prints_them_can_be_joined() -> None:
    one, two = secrets.token_hex(8), secrets.token_hex(8)
    found = Credentials.parse(f"FlyV1 fm2_{one},fm2_{two}\n,FlyV1 fm2_{two}")
    assert found.machines() == f"FlyV1 fm2_{one},fm2_{two},fm2_{two}"


def test_the_registry_takes_the_token_as_a_password() -> None:
    word = secrets.token_hex(8)
    scheme, _, encoded = Credentials.parse(f"Bearer {word}").registry().partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded).decode() == f"x:{word}"


@pytest.mark.parametrize("nothing", ["", "  ", "Bearer", "FlyV1 ", "Bearer ,", ",,"])
def test_a_credential_without_a_token_says_what_to_export(nothing: str) -> None:
    with pytest.raises(TokenEmpty) as refused:
        Credentials.parse(nothing)
    assert "FLY_API_TOKEN" in refused.value.remedy
    assert refused.value.failure_exit == 4


def test_a_live_token_never_enters_the_sandbox() -> None:
    found = Credentials.parse(f"fm2_{secrets.token_hex(8)}")
    with pytest.raises(WorldsMixed):
        found.check_world("sandbox")
    found.check_world("live")


def test_no_token_shows() -> None:
    word = secrets.token_hex(8)
    assert word not in repr(Credentials.parse(Secret(f"{word},fm2_{word}")))


@given(
    st.lists(MACAROONS, max_size=3), st.lists(USERS, max_size=3), st.sampled_from(["", "Bearer ", "FlyV1 ", "bearer  "])
)
def test_whatever_the_order_and_scheme_the_tokens_are_told_apart(
    macaroons: list[str], users: list[str], scheme: str
) -> None:
    mixed = [token for pair in zip(users, macaroons, strict=False) for token in pair]
    mixed += users[len(macaroons) :] + macaroons[len(users) :]
    if not mixed:
        return
    found = Credentials.parse(scheme + ",".join(mixed))
    assert list(found.macaroons) == macaroons
    assert list(found.users) == users
    assert found.machines().startswith("FlyV1 " if macaroons else "Bearer ")
    # What went on the wire is read back as the same credential.
    assert Credentials.parse(found.graphql()) == found
