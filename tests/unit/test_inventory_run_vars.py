"""Variables of one run: a misspelt one is refused, and policy comes from the inventory."""

from __future__ import annotations

import pytest
from ansible.vars.reserved import get_reserved_names
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.errors import ExitCode, UsageError
from hotops.inventory.load import environment_from_vars
from hotops.inventory.run_vars import INVENTORY_KEYS, RESERVED, RUN_VARS, check_extra_vars

KINDS = ("live", "sandbox")
HOSTVARS = {"web": {"env_kind": "live", "fly_org": "personal", "promote_from": "web-staging", "env_name": "trial"}}
GROUPS = {"apps": ["web"]}


@pytest.mark.parametrize("env_kind", KINDS)
@pytest.mark.parametrize("name", RUN_VARS)
def test_a_run_variable_is_accepted_in_both_worlds(name: str, env_kind: str) -> None:
    check_extra_vars({name: "x"}, env_kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["ansible_connection", "hotops_run", "x_ours"])
def test_what_belongs_to_others_is_left_alone(name: str) -> None:
    check_extra_vars({name: "x"}, "live")


@pytest.mark.parametrize(
    ("name", "nearest"), [("reson", "reason"), ("aps", "apps"), ("scenarios", "scenario"), ("from-app", "from_app")]
)
def test_a_misspelt_one_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_extra_vars({"reason": "ok", name: "x"}, "live")
    assert caught.value.remedy == f"Did you mean {nearest!r}?"
    assert caught.value.failure_exit is ExitCode.USAGE


def test_a_reason_that_the_shell_left_without_quotes_says_how_to_quote_it() -> None:
    with pytest.raises(UsageError, match="cuts at blanks") as caught:
        check_extra_vars({"reason": "search", "_raw_params": "is faster"}, "live")
    assert caught.value.remedy.endswith("""-e "reason='search is faster'\"""")


def test_one_that_is_like_none_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        check_extra_vars({"zzz": 1}, "live")
    assert all(name in caught.value.remedy for name in RUN_VARS)


@pytest.mark.parametrize("name", sorted(INVENTORY_KEYS - {"env_kind"}))
def test_policy_from_the_command_line_counts_in_a_sandbox_only(name: str) -> None:
    check_extra_vars({name: "x"}, "sandbox")
    with pytest.raises(UsageError, match="policy from the command line counts only in a sandbox"):
        check_extra_vars({name: "x"}, "live")


@pytest.mark.parametrize("env_kind", KINDS)
def test_no_run_chooses_its_world(env_kind: str) -> None:
    with pytest.raises(UsageError, match="the inventory's to say"):
        check_extra_vars({"env_kind": "sandbox"}, env_kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("env_kind", KINDS)
@pytest.mark.parametrize("name", RESERVED)
def test_a_word_that_ansible_reserves_is_refused_with_what_to_write(name: str, env_kind: str) -> None:
    with pytest.raises(UsageError, match="Ansible reserves the word") as caught:
        check_extra_vars({name: "production"}, env_kind)  # type: ignore[arg-type]
    assert "-i" in caught.value.remedy if name == "environment" else RESERVED[name] in caught.value.remedy


def test_no_key_and_no_run_variable_is_a_word_that_ansible_reserves() -> None:
    assert not (INVENTORY_KEYS | RUN_VARS.keys()) & get_reserved_names()
    assert RESERVED.keys() <= get_reserved_names()
    assert set(RESERVED.values()) <= INVENTORY_KEYS


@given(st.text(min_size=1, max_size=20))
def test_any_name_is_accepted_or_refused_with_what_to_do(name: str) -> None:
    if name in RUN_VARS or name.startswith(("ansible_", "inventory_", "role_", "hotops_", "x_")):
        check_extra_vars({name: "x"}, "live")
        return
    with pytest.raises(UsageError) as caught:
        check_extra_vars({name: "x"}, "live")
    assert caught.value.message
    assert caught.value.remedy


def test_a_sandbox_takes_policy_from_the_command_line_over_the_inventory() -> None:
    hostvars = {"web": {**HOSTVARS["web"], "env_kind": "sandbox", "soak_s": 9}}
    environment = environment_from_vars(hostvars, GROUPS, inventory=None, extra={"soak_s": "0", "reason": "trial"})
    assert environment.apps["web"].soak_s == 0


def test_a_live_environment_refuses_it_before_anything_else() -> None:
    with pytest.raises(UsageError, match="soak_s is policy"):
        environment_from_vars(HOSTVARS, GROUPS, inventory=None, extra={"soak_s": "0"})
