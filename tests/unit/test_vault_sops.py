"""A vault in one SOPS file: the same vault as in a folder, and a file that SOPS itself reads and writes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pyrage
import pytest

from hotops.core.errors import HotopsError
from hotops.core.secret import Secret
from hotops.vault.opening import open_vault
from hotops.vault.sops import SopsStore, make_sops_file
from hotops.vault.vault import Vault
from tests.peers import find_peer

CONTENTS = {
    "supabase/database_url_prod.env": "DATABASE_URL='postgresql://u:p q@h/d'\nOTHER=1\n",
    "notes_prod.env": "# a comment stays\nexport KEY=value\n",
    "fly/api_token.env": "a-raw-token-of-fly\n",
    "google/account_prod.json": '{"type": "service_account", "key": "ü"}\n',
    "empty_prod.env": "EMPTY=''\n",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    identity = pyrage.x25519.Identity.generate()
    keys = tmp_path / "keys.txt"
    keys.write_text(f"# created: now\n{identity}\n", encoding="utf-8")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(keys))
    monkeypatch.delenv("SOPS_AGE_KEY", raising=False)
    made = tmp_path / "vault.json"
    store = make_sops_file(made, [str(identity.to_public())])
    for path, text in CONTENTS.items():
        store.write(path, text.encode())
    return made


def test_what_was_written_is_read_exactly(file: Path) -> None:
    store = SopsStore(file)
    assert {path: (store.read(path) or b"").decode() for path in store.paths()} == CONTENTS
    assert store.read("nowhere.env") is None
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_value_stands_in_the_file_and_names_do(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert "postgresql" not in text
    assert "a-raw-token" not in text
    assert "DATABASE_URL" in text


def test_it_is_a_vault_like_any_other(file: Path) -> None:
    vault = open_vault(file, "production")
    reference = vault.reference("DATABASE_URL")
    vault.write("OTHER", Secret("two words"))
    vault.keep_sibling(vault.find("FLY_API_TOKEN"), "new", Secret("the-next"))
    again = open_vault(file, "production")
    assert again.value(reference) == Secret("postgresql://u:p q@h/d")
    assert again.value("OTHER") == Secret("two words")
    assert again.sibling(again.find("FLY_API_TOKEN"), "new") == Secret("the-next")
    assert again.value("KEY") == Secret("value")


def test_a_write_changes_one_line_of_the_diff_and_the_metadata(file: Path) -> None:
    before = json.loads(file.read_text(encoding="utf-8"))
    open_vault(file, "production", may_write=True).write("OTHER", Secret("2"))
    after = json.loads(file.read_text(encoding="utf-8"))
    changed = {path for path in before if before[path] != after.get(path)}
    assert changed == {"supabase/database_url_prod.env", "sops"}
    assert (
        before["supabase/database_url_prod.env"]["DATABASE_URL"]
        == after["supabase/database_url_prod.env"]["DATABASE_URL"]
    )
    assert before["sops"]["age"] == after["sops"]["age"]


@pytest.mark.parametrize("harm", ["value moved", "value gone", "no mac", "not json", "no sops"])
def test_a_file_that_was_changed_by_hand_is_refused(file: Path, harm: str) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    entry = document["supabase/database_url_prod.env"]
    if harm == "value moved":
        entry["OTHER"] = entry["DATABASE_URL"]
    elif harm == "value gone":
        del entry["OTHER"]
    elif harm == "no mac":
        document["sops"]["mac"] = ""
    elif harm == "no sops":
        del document["sops"]
    file.write_text(harm if harm == "not json" else json.dumps(document), encoding="utf-8")
    with pytest.raises(HotopsError) as caught:
        SopsStore(file).paths()
    assert caught.value.failure_code == "vault_unreadable"


def test_another_identity_opens_nothing_and_is_told_for_whom_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(file.with_name("nowhere")))
    with pytest.raises(HotopsError, match="no age identity"):
        SopsStore(file).paths()
    monkeypatch.setenv("SOPS_AGE_KEY", str(pyrage.x25519.Identity.generate()))
    with pytest.raises(HotopsError, match="it is for age1"):
        SopsStore(file).paths()


def sops(file: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(find_peer("sops")), *arguments, str(file)], capture_output=True, check=False, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.peer("sops")
def test_sops_reads_what_hotops_wrote(file: Path) -> None:
    assert json.loads(sops(file, "--decrypt")) == {
        "supabase/database_url_prod.env": {"DATABASE_URL": "postgresql://u:p q@h/d", "OTHER": "1"},
        "notes_prod.env": CONTENTS["notes_prod.env"],
        "fly/api_token.env": "a-raw-token-of-fly\n",
        "google/account_prod.json": CONTENTS["google/account_prod.json"],
        "empty_prod.env": {"EMPTY": ""},
    }


@pytest.mark.peer("sops")
def test_hotops_reads_what_sops_wrote_and_goes_on_from_there(file: Path) -> None:
    sops(file, "--set", '["supabase/database_url_prod.env"]["DATABASE_URL"] "postgresql://by-sops"')
    vault = open_vault(file, "production")
    assert vault.value("DATABASE_URL") == Secret("postgresql://by-sops")
    vault.write("OTHER", Secret("by hotops"))
    assert json.loads(sops(file, "--decrypt"))["supabase/database_url_prod.env"]["OTHER"] == "by hotops"


def test_the_store_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    known = pyrage.decrypt

    def counted(sealed: bytes, identities: object) -> bytes:
        opened.append("once")
        return bytes(known(sealed, identities))

    monkeypatch.setattr(pyrage, "decrypt", counted)
    Vault(SopsStore(file), "production").value("DATABASE_URL")
    assert opened == ["once"]
