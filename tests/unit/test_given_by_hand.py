"""What somebody gives by hand and is none: bytes for a text, a binary for a script, an empty list, a wrong tag."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hotops.core.errors import UsageError
from hotops.core.operation import Spec
from hotops.core.options import validated
from hotops.lint.sources import is_no_text
from hotops.sandbox.control import _TAG
from hotops.secrets.leak import leaked_text


class Tables(Spec):
    tables: tuple[str, ...] = ()


@pytest.mark.parametrize("empty", ["", " ", " , "])
def test_an_empty_text_is_no_list_of_all(empty: str) -> None:
    with pytest.raises(UsageError, match=r"^restore: tables=.* names nothing"):
        validated(Tables, {"tables": empty}, of="restore")
    assert validated(Tables, {"tables": "a, b,"}).tables == ("a", "b")
    assert validated(Tables, {"tables": []}).tables == ()


def test_a_leaked_value_that_is_no_text_is_refused_without_a_byte_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "leaked"
    file.write_bytes(b"\xff\xfesecret")
    file.chmod(0o600)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfesecret"), encoding="utf-8"))
    for given in (None, str(file)):
        with pytest.raises(UsageError, match="is no text: it holds bytes that are no UTF-8") as refused:
            leaked_text(given)
        assert "0xff" not in str(refused.value)
        assert refused.value.__cause__ is None


def test_a_binary_is_told_from_a_script(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("echo ü\n", encoding="utf-8")
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    assert [is_no_text(tmp_path / name) for name in ("script", "empty", "binary")] == [False, False, True]


@pytest.mark.parametrize(("tag", "taken"), [("v43-crash", True), ("bad tag!", False), ("", False), ("-x", False)])
def test_the_sandbox_takes_the_tags_that_a_registry_takes(tag: str, taken: bool) -> None:
    assert bool(_TAG.fullmatch(tag)) is taken
