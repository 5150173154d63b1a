"""Secrets and variables of GitHub: what arrives is what was sent, and each refusal says what to do."""

from __future__ import annotations

import base64
import secrets

import pytest
from nacl.public import PrivateKey

from hotops.core.errors import Forbidden, NotFound, RateLimited, Unauthorized, UsageError, WireError
from hotops.core.secret import Secret
from hotops.github.errors import EnvironmentMissing, SecretRefused, Unprocessable
from tests.github_worlds import REPO, Forge

SCOPES = [None, "production"]


@pytest.fixture
def forge() -> Forge:
    return Forge()


@pytest.mark.parametrize("environment", SCOPES)
@pytest.mark.parametrize(
    "value",
    [
        f"plain-{secrets.token_hex(8)}",
        "Zeichen mit Punkten äöü, 日本語, 🔑, \u0000 und\nZeilen\r\n",
        "https://example.com/?a=%2F%21&pgbouncer=true&sslmode=require",
        "x" * 48 * 1024,
        " leading and trailing blanks ",
    ],
    ids=["plain", "utf8", "url", "48 KB", "blanks"],
)
def test_what_arrives_is_what_was_sent_byte_for_byte(forge: Forge, environment: str | None, value: str) -> None:
    assert forge.github.secrets.put(REPO, "api_key", Secret(value), environment) == "created"
    assert forge.arrived("API_KEY", environment) == value.encode()
    assert forge.github.secrets.put(REPO, "API_KEY", Secret(value + "2" if len(value) < 99 else "2"), environment) == (
        "updated"
    )
    assert forge.arrived("API_KEY", environment) != value.encode()


def test_scopes_do_not_share_their_secrets(forge: Forge) -> None:
    forge.github.secrets.put(REPO, "A", Secret("of-the-repository"))
    forge.github.secrets.put(REPO, "B", Secret("of-production"), "production")
    assert [found.name for found in forge.github.secrets.list(REPO)] == ["A"]
    assert [found.name for found in forge.github.secrets.list(REPO, "production")] == ["B"]
    assert forge.github.secrets.list(REPO, "staging") == []


def test_times_tell_what_was_written_last(forge: Forge) -> None:
    forge.github.secrets.put(REPO, "A", Secret("first"))
    forge.clock.sleep(60)
    forge.github.secrets.put(REPO, "A", Secret("second"))
    (found,) = forge.github.secrets.list(REPO)
    assert found.created_at is not None
    assert found.updated_at == found.created_at + 60


def test_one_key_serves_all_secrets_of_a_scope(forge: Forge) -> None:
    for name in ("A", "B", "C"):
        forge.github.secrets.put(REPO, name, Secret("value-of-it"), "production")
    base = f"/repos/{REPO}/environments/production/secrets"
    assert forge.asked() == [f"GET {base}/public-key", f"PUT {base}/A", f"PUT {base}/B", f"PUT {base}/C"]


@pytest.mark.parametrize("environment", SCOPES)
def test_a_key_that_was_renewed_is_fetched_again_once(forge: Forge, environment: str | None) -> None:
    forge.github.secrets.put(REPO, "A", Secret("before-it"), environment)
    forge.happen("renew_key", environment=environment)
    forge.calls.clear()
    assert forge.github.secrets.put(REPO, "A", Secret("after-it"), environment) == "updated"
    assert forge.arrived("A", environment) == b"after-it"
    assert [call.status for call in forge.calls] == [422, 200, 204]


def test_what_github_refuses_for_another_reason_is_not_tried_for_ever(forge: Forge) -> None:
    for number in range(100):
        forge.github.secrets.put(REPO, f"N{number}", Secret("value-of-it"))
    forge.calls.clear()
    with pytest.raises(Unprocessable, match="limited to 100"):
        forge.github.secrets.put(REPO, "ONE_MORE", Secret("value-of-it"))
    assert [call.status for call in forge.calls] == [422, 200]


def test_a_list_of_many_is_read_page_after_page(forge: Forge) -> None:
    for number in range(45):
        forge.github.variables.put(REPO, f"V{number:02}", str(number))
    forge.calls.clear()
    assert [found.value for found in forge.github.variables.list(REPO)] == [str(number) for number in range(45)]
    assert len(forge.calls) == 2


@pytest.mark.parametrize("name", ["1ST", "GITHUB_X", "github_x", "A-B", "A B", "", "Ä"])
def test_a_name_that_github_would_refuse_is_refused_before_any_call(forge: Forge, name: str) -> None:
    with pytest.raises(SecretRefused, match="Letters, digits and _"):
        forge.github.secrets.put(REPO, name, Secret("value-of-it"))
    assert forge.calls == []


def test_a_value_of_more_than_48_kb_is_refused_before_any_call(forge: Forge) -> None:
    with pytest.raises(SecretRefused, match="48 KB"):
        forge.github.secrets.put(REPO, "BIG", Secret("ä" * (24 * 1024) + "x"))
    assert forge.calls == []


def test_a_repository_is_owner_slash_name(forge: Forge) -> None:
    for wrong in ("shop", "acme/shop/x", "acme/..", "https://github.com/acme/shop"):
        with pytest.raises(UsageError, match="OWNER/NAME"):
            forge.github.secrets.list(wrong)
    assert forge.calls == []


def test_an_environment_that_is_not_there_is_no_empty_list(forge: Forge) -> None:
    def put() -> object:
        return forge.github.secrets.put(REPO, "A", Secret("value-of-it"), "prodution")

    for attempt in (lambda: forge.github.secrets.list(REPO, "prodution"), put):
        with pytest.raises(EnvironmentMissing, match="Known are: production, staging"):
            attempt()


def test_missing_environment_missing_right_and_missing_repository_are_told_apart(forge: Forge) -> None:
    with pytest.raises(EnvironmentMissing):
        forge.github.secrets.list(REPO, "nowhere")
    poor = forge.as_user("operator", permissions={"secrets": "read", "actions": "read"})
    with pytest.raises(Forbidden, match="lacks the right environments=read") as refused:
        poor.secrets.list(REPO, "production")
    assert refused.value.details["needs"] == "environments=read"
    with pytest.raises(Forbidden, match="secrets=write"):
        poor.secrets.put(REPO, "A", Secret("value-of-it"))
    with pytest.raises(NotFound, match="a token without the right") as absent:
        forge.github.secrets.list("acme/other", "production")
    assert not isinstance(absent.value, EnvironmentMissing)


def test_a_role_that_may_only_read_writes_no_secret(forge: Forge) -> None:
    with pytest.raises(Forbidden, match="ask an administrator"):
        forge.as_user("grace").secrets.put(REPO, "A", Secret("value-of-it"))


def test_a_private_repository_does_not_exist_for_a_stranger() -> None:
    forge = Forge(visibility="private")
    with pytest.raises(NotFound):
        forge.as_user("mallory").secrets.list(REPO)


def test_an_unknown_token_says_how_to_make_one(forge: Forge) -> None:
    with pytest.raises(Unauthorized, match="gh auth token"):
        forge.client("sandbox-unknown").secrets.list(REPO)


@pytest.mark.parametrize("environment", SCOPES)
def test_deleting_twice_is_fine(forge: Forge, environment: str | None) -> None:
    forge.github.secrets.put(REPO, "A", Secret("value-of-it"), environment)
    for _ in range(2):
        forge.github.secrets.delete(REPO, "a", environment)
    assert forge.github.secrets.list(REPO, environment) == []


def test_deleting_in_an_environment_that_is_not_there_says_so(forge: Forge) -> None:
    with pytest.raises(EnvironmentMissing):
        forge.github.secrets.delete(REPO, "A", "nowhere")
    with pytest.raises(NotFound):
        forge.github.secrets.delete("acme/other", "A")


def test_a_box_sealed_for_somebody_else_is_refused(forge: Forge) -> None:
    key = forge.github.secrets.public_key(REPO)
    other = base64.b64encode(bytes(PrivateKey.generate().public_key)).decode()
    foreign = key.model_copy(update={"key": other})
    forge.github.secrets._keys[(REPO, None)] = foreign
    with pytest.raises(Unprocessable, match="not sealed with the public key"):
        forge.github.secrets.put(REPO, "A", Secret("value-of-it"))


@pytest.mark.parametrize("environment", SCOPES)
def test_variables_are_written_and_read_in_clear(forge: Forge, environment: str | None) -> None:
    assert forge.github.variables.put(REPO, "region", "ord", environment) == "created"
    assert forge.github.variables.put(REPO, "REGION", "iad", environment) == "updated"
    (found,) = forge.github.variables.list(REPO, environment)
    assert (found.name, found.value) == ("REGION", "iad")
    forge.github.variables.delete(REPO, "REGION", environment)
    forge.github.variables.delete(REPO, "REGION", environment)
    assert forge.github.variables.list(REPO, environment) == []


def test_a_hundred_secrets_meet_no_limit_of_github() -> None:
    forge = Forge(limits=True)
    github = forge.limited()
    for number in range(90):
        github.secrets.put(REPO, f"N{number}", Secret("value-of-it"))
    assert {call.status for call in forge.calls} <= {200, 201, 204}
    assert 60 < forge.clock.now() - 1_790_000_000.0 < 100


def test_a_secondary_limit_is_waited_for_as_told() -> None:
    forge = Forge(limits=True)
    for number in range(80):
        forge.github.secrets.put(REPO, f"N{number}", Secret("value-of-it"))
    began = forge.clock.now()
    forge.github.secrets.put(REPO, "LATE", Secret("value-of-it"))
    assert [call.status for call in forge.calls[-2:]] == [403, 201]
    assert 55 <= forge.clock.now() - began <= 65


def test_the_hour_s_limit_is_told_instead_of_slept_through() -> None:
    forge = Forge(limits=True)
    forge.fault(
        "status", status=403, body={"message": "API rate limit exceeded for user ID 1."},
        headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(forge.clock.now()) + 1800)},
    )  # fmt: skip
    began = forge.clock.now()
    with pytest.raises(RateLimited, match="Try again in 1800 s"):
        forge.github.secrets.list(REPO)
    assert forge.clock.now() == began


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
def test_a_write_whose_answer_is_lost_is_written_again(forge: Forge, kind: str) -> None:
    forge.fault(kind, path="*/secrets/A", nth=[1])
    forge.github.secrets.put(REPO, "A", Secret("value-of-it"))
    assert forge.arrived("A") == b"value-of-it"


def test_an_outage_is_named(forge: Forge) -> None:
    forge.fault("reset_before")
    with pytest.raises(WireError, match=r"api\.github\.com"):
        forge.github.secrets.list(REPO)


def test_no_value_shows_in_a_result_or_an_error(forge: Forge) -> None:
    value = secrets.token_urlsafe(24)
    forge.github.secrets.put(REPO, "A", Secret(value))
    forge.github.variables.put(REPO, "B", value)
    assert value not in repr(forge.github.secrets.list(REPO))
    assert value not in repr(forge.github.variables.list(REPO))
