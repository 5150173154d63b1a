"""What a child needs and must not have in its environment: handed over in a private file, taken once."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hotops.core.errors import UsageError
from hotops.core.handover import HANDOVER_VARIABLE, only, split_environment, take_handover, write_handover


def test_only_what_is_harmless_by_name_stays_in_the_environment() -> None:
    harmless, rest = split_environment(
        {
            "PATH": "/bin",
            "FLY_API_TOKEN": "a",
            "MY_HOOK": "b",
            "ANSIBLE_FORKS": "5",
            "LC_ALL": "C",
            "HOTOPS_READONLY": "1",
            "HOTOPS_REBUILT_URL": "c",
            "ANSIBLE_VAULT_PASSWORD_FILE": "/etc/word",
            "ANSIBLE_NET_PASSWORD": "d",
        }
    )
    assert set(harmless) == {"PATH", "ANSIBLE_FORKS", "LC_ALL", "HOTOPS_READONLY", "ANSIBLE_VAULT_PASSWORD_FILE"}
    assert rest == {"FLY_API_TOKEN": "a", "MY_HOOK": "b", "HOTOPS_REBUILT_URL": "c", "ANSIBLE_NET_PASSWORD": "d"}


def test_it_is_private_taken_once_and_gone(tmp_path: Path) -> None:
    file = tmp_path / "handover.json"
    write_handover(file, {"FLY_API_TOKEN": "a"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    environ = {HANDOVER_VARIABLE: str(file), "PATH": "/bin"}
    take_handover(environ)
    assert environ == {"FLY_API_TOKEN": "a", "PATH": "/bin"}
    assert not file.exists()
    take_handover(environ)
    assert environ == {"FLY_API_TOKEN": "a", "PATH": "/bin"}


def test_one_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "handover.json"
    write_handover(file, {"FLY_API_TOKEN": "a"})
    file.chmod(0o640)
    with pytest.raises(UsageError, match="others may read"):
        take_handover({HANDOVER_VARIABLE: str(file)})


def test_the_environment_of_the_block_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLY_API_TOKEN", "a")
    before = dict(os.environ)
    with only({"PATH": "/bin"}):
        assert dict(os.environ) == {"PATH": "/bin"}
    assert dict(os.environ) == before
