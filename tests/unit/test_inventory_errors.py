"""A wrong inventory is told with file, line, key and the nearest known name; nothing is guessed, nothing is skipped."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotops.core.errors import ExitCode, InventoryError, MissingExtra, WorldsMixed
from hotops.inventory.listing import load_environment
from hotops.inventory.load import environment_from_vars

Write = Callable[..., Path]

ALL = "env_kind: sandbox\nfly_org: personal\n"
APPS = "apps:\n  hosts:\n    shop-production: {promote_from: shop-staging}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes inventories/trial with these files and returns its folder; hosts.yml and group_vars/all.yml are there."""

    def written(files: dict[str, str] | None = None) -> Path:
        folder = tmp_path / "inventories" / "trial"
        for name, text in {"hosts.yml": APPS, "group_vars/all.yml": ALL, **(files or {})}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return folder

    return written


def refusal(inventory: Path) -> InventoryError:
    with pytest.raises(InventoryError) as caught:
        load_environment(inventory)
    assert caught.value.failure_exit is ExitCode.USAGE
    return caught.value


@pytest.mark.parametrize(
    ("files", "file", "line", "key", "nearest"),
    [
        ({"group_vars/all.yml": ALL + "soack_s: 60\n"}, "group_vars/all.yml", 3, "soack_s", "soak_s"),
        ({"group_vars/all.yml": "env_kind: sandbox\nflyorg: x\n"}, "group_vars/all.yml", 2, "flyorg", "fly_org"),
        ({"group_vars/apps.yml": "\nbudget-ms: 9\n"}, "group_vars/apps.yml", 2, "budget-ms", "budget_ms"),
        (
            {"host_vars/shop-production.yml": "health:\n  - path: /up\n    stauts: 200\n"},
            "host_vars/shop-production.yml", 3, "health[0].stauts", "status",
        ),
        (
            {"host_vars/shop-production/probes.yaml": "smoke:\n  - {path: /}\n  - {pth: /cart}\n"},
            "host_vars/shop-production/probes.yaml", 3, "smoke[1].pth", "path",
        ),
        (
            {"group_vars/apps.json": '{"gates": {\n "lattency": {"level": "off"}}}\n'},
            "group_vars/apps.json", 2, "gates.lattency", "latency",
        ),
        (
            {"group_vars/all.yml": ALL + "windows:\n  - {from: '09:00', to: '17:00', tz: America/Los_Angles}\n"},
            "group_vars/all.yml", 4, "windows[0].tz", "America/Los_Angeles",
        ),
        (
            {"hosts.yml": "apps:\n  hosts:\n    web: {promote_from: web-staging,\n          promte_from: x}\n"},
            "hosts.yml", 4, "promte_from", "promote_from",
        ),
        (
            {"hosts.yml": "apps:\n  hosts:\n    web: {after: [api]}\n    apy: {}\n"},
            "hosts.yml", 3, "after[0]", "apy",
        ),
        ({"group_vars/all.yml": ALL + "strategy: rolling\n"}, "group_vars/all.yml", 3, "strategy", "deploy_strategy"),
        ({"group_vars/all.yml": ALL + "environment: x\n"}, "group_vars/all.yml", 3, "environment", "env_name"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_told_with_its_place_and_the_nearest_known_one(
    write: Write, files: dict[str, str], file: str, line: int, key: str, nearest: str
) -> None:
    error = refusal(write(files))
    place = f"inventories/trial/{file}"
    assert error.details["file"] == place
    assert error.details["line"] == line
    assert error.details["key"] == key
    assert error.details["nearest"] == nearest
    assert error.message.startswith(f"{place}:{line}: {key}: ")
    assert error.remedy == f"Did you mean {nearest!r}?"


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("soak_s: soon\n", 3, "soak_s", "has to be a number"),
        ("soak_s: -1\n", 3, "soak_s", "greater than or equal to 0"),
        ("required_secrets: DATABASE_URL\n", 3, "required_secrets", "has to be a list"),
        ("required_secrets: [my-secret]\n", 3, "required_secrets[0]", "letters, digits and underscores"),
        ("memory_floor_mb: 1000\n", 3, "memory_floor_mb", "multiple of 256"),
        ("train: alone\n", 3, "train", "'together' or 'independent'"),
        (
            "process_groups:\n  web: {memory_mb: 100}\n",
            4,
            "process_groups.web.memory_mb",
            "multiple of 256",
        ),
        ("gates:\n  smoke:\n    level: warn\n", 4, "gates.smoke.reason", "is warn without 'reason'"),
        ("gates:\n  smoke: {level: off, reason: x}\n", 4, "gates.smoke.until", "is off without 'until'"),
        ("gates:\n  way_back: {level: warn, reason: x, until: 2030-01-01}\n", 4, "gates.way_back", "never be waived"),
        ("gates:\n  smoke: {level: warn, reason: x, until: soon}\n", 4, "gates.smoke.until", "has to be a date"),
        ("windows:\n  - {from: nine, to: '17:00'}\n", 4, "windows[0].from", "not a time of day"),
        ("freezes:\n  - {from: 2025-12-24, to: 2025-12-20, reason: x}\n", 4, "freezes[0]", "ends before it starts"),
        ("freezes:\n  - {from: 2025-12-24, to: 2025-12-26}\n", 4, "freezes[0].reason", "is missing"),
        ("health:\n  - path: health\n", 4, "health[0].path", "begin with /"),
        ("health:\n  - {path: /, body: '('}\n", 4, "health[0].body", "not a regular expression"),
        ("smoke:\n  - {url: 'https://x.test/', path: /y}\n", 4, "smoke[0]", "one address is enough"),
        ("smoke:\n  - {url: 'x.test'}\n", 4, "smoke[0].url", "not an absolute http(s) URL"),
        ("notifications:\n  - {kind: pigeon}\n", 4, "notifications[0].kind", "'file'"),
        ("notifications:\n  - {kind: webhook}\n", 4, "notifications[0].url_env", "is missing"),
        (
            "notifications:\n  - {kind: webhook, url_env: 'https://x.test/'}\n",
            4,
            "notifications[0].url_env",
            "never values",
        ),
        ("github_repo: shop\n", 3, "github_repo", "owner/name"),
        ("promote_from: Shop_Staging\n", 3, "promote_from", "Fly app name"),
    ],
)
def test_a_wrong_value_is_told_with_its_place_in_words_an_operator_knows(
    write: Write, text: str, line: int, key: str, words: str
) -> None:
    hosts = "apps:\n  hosts:\n    shop-production:\n"
    error = refusal(write({"group_vars/all.yml": ALL + text, "hosts.yml": hosts}))
    assert error.details["file"] == "inventories/trial/group_vars/all.yml"
    assert (error.details["line"], error.details["key"]) == (line, key)
    assert words in error.message
    assert error.remedy


def test_a_missing_key_says_where_it_belongs(write: Write) -> None:
    error = refusal(write({"group_vars/all.yml": "env_kind: live\n"}))
    assert error.details["key"] == "fly_org"
    assert "fly_org: is missing" in error.message
    assert error.message.count("fly_org") == 1
    assert "group_vars/all.yml" in error.remedy


def test_all_mistakes_are_told_at_once_and_each_once(write: Write) -> None:
    hosts = "apps:\n  hosts:\n    a: {}\n    b: {soak_s: x}\n    c: {}\n"
    error = refusal(write({"group_vars/all.yml": ALL + "soack_s: 1\ntrain: alone\n", "hosts.yml": hosts}))
    mistakes: Any = error.details["mistakes"]
    assert [mistake["key"] for mistake in mistakes] == ["soack_s", "soak_s", "train"]
    assert all(mistake["line"] for mistake in mistakes)


def test_the_strongest_place_is_named_as_ansible_ranks_them(write: Write) -> None:
    inventory = write({
        "group_vars/all.yml": ALL + "budget_ms: 800\n",
        "group_vars/apps.yml": "budget_ms: 500\n",
        "host_vars/shop-production.yml": "\n\nbudget_ms: fast\n",
    })  # fmt: skip
    assert refusal(inventory).details["file"] == "inventories/trial/host_vars/shop-production.yml"


def test_yaml_that_is_none_is_told_with_its_line_and_without_quoting_it(write: Write) -> None:
    error = refusal(write({"group_vars/all.yml": "env_kind: sandbox\nfly_org: 'hidden-value\nx: y: z\n"}))
    assert error.details["file"] == "inventories/trial/group_vars/all.yml"
    assert isinstance(error.details["line"], int)
    assert "hidden-value" not in str(error)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [(ALL + "soak_s: 1\nsoak_s: 2\n", 4, "soak_s"), (ALL + "health:\n  - path: /a\n    path: /b\n", 5, "path")],
)
def test_a_key_that_stands_twice_is_refused(write: Write, text: str, line: int, key: str) -> None:
    error = refusal(write({"group_vars/all.yml": text}))
    assert (error.details["line"], error.details["key"]) == (line, key)
    assert f"first in line {line - 1}" in error.message


@pytest.mark.parametrize(
    ("hidden", "by"),
    [
        ("group_vars/all.yml", "group_vars/all/policy.yml"),
        ("host_vars/shop-production.yaml", "host_vars/shop-production.yml"),
    ],
)
def test_a_file_that_another_one_hides_from_ansible_is_refused(write: Write, hidden: str, by: str) -> None:
    error = refusal(write({hidden: ALL, by: ALL}))
    assert error.details["file"] == f"inventories/trial/{hidden}"
    assert "Ansible does not read this" in error.message


@pytest.mark.parametrize(
    ("file", "near"), [("host_vars/shop-prodution.yml", "shop-production"), ("group_vars/app.yml", "apps")]
)
def test_a_file_of_variables_that_belongs_to_nobody_is_refused(write: Write, file: str, near: str) -> None:
    error = refusal(write({file: "soak_s: 1\n"}))
    assert error.details["file"] == f"inventories/trial/{file}"
    assert error.remedy == f"Did you mean {near!r}?"


def test_an_inventory_without_apps_is_refused_and_a_misspelt_group_recognised(write: Write) -> None:
    error = refusal(write({"hosts.yml": "app:\n  hosts:\n    shop-production: {}\n"}))
    assert error.details["nearest"] == "app"
    assert "group 'apps' is empty or missing" in error.message


def test_a_host_outside_both_groups_is_refused_not_skipped(write: Write) -> None:
    error = refusal(write({"hosts.yml": APPS + "database:\n  hosts:\n    shop-db: {}\n"}))
    assert "'shop-db'" in error.message
    assert error.details["nearest"] == "databases"


def test_an_app_is_not_promoted_from_itself(write: Write) -> None:
    error = refusal(write({"hosts.yml": "apps:\n  hosts:\n    web:\n      promote_from: web\n"}))
    assert (error.details["line"], error.details["key"]) == (4, "promote_from")


def test_two_hosts_are_not_one_app(write: Write) -> None:
    error = refusal(write({"hosts.yml": "apps:\n  hosts:\n    web: {}\n    shop:\n      app: web\n"}))
    assert (error.details["line"], error.details["key"]) == (5, "app")


def test_after_does_not_run_in_a_circle(write: Write) -> None:
    hosts = "apps:\n  hosts:\n    a: {after: [b]}\n    b: {after: c}\n    c: {after: [a]}\n"
    error = refusal(write({"hosts.yml": hosts}))
    assert "a after b after c after a" in error.message
    assert error.details["line"] == 3


def test_a_key_of_the_environment_is_the_same_for_all_its_apps(write: Write) -> None:
    hosts = "apps:\n  hosts:\n    a: {}\n    b: {}\n    c:\n      train: independent\n"
    error = refusal(write({"hosts.yml": hosts}))
    assert (error.details["line"], error.details["key"], error.details["host"]) == (6, "train", "c")


def test_a_template_in_a_key_is_refused_outside_a_playbook(write: Write) -> None:
    error = refusal(write({"group_vars/all.yml": ALL + "smoke:\n  - path: '{{ landing }}'\n"}))
    assert (error.details["line"], error.details["key"]) == (4, "smoke[0].path")
    assert "template" in error.message


def test_an_inventory_that_is_not_there_names_the_nearest(write: Write) -> None:
    inventory = write()
    error = refusal(inventory.parent / "trail")
    assert error.details["nearest"] == "trial"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sandbox: {traffic_rps: 1}\n", "sandbox"),
        ("sandbox_world: {}\n", "sandbox_world"),
        ("url: http://127.0.0.1:8080\n", "url"),
        ("source_url: http://localhost\n", "source_url"),
    ],
)
def test_a_live_inventory_holds_nothing_of_a_sandbox(write: Write, text: str, key: str) -> None:
    inventory = write({"group_vars/all.yml": "env_kind: live\nfly_org: personal\n" + text})
    with pytest.raises(WorldsMixed) as caught:
        load_environment(inventory)
    assert (caught.value.details["line"], caught.value.details["key"]) == (3, key)


def test_what_a_play_registered_is_no_mistake_but_what_a_file_says_is(write: Write) -> None:
    inventory = write()
    hostvars = {
        "shop-production": {
            "env_kind": "sandbox",
            "fly_org": "personal",
            "found": {"changed": False},
            "reason": "a release",
            "ansible_connection": "local",
            "group_names": ["apps"],
            "x_ours": 1,
        }
    }
    groups = {"all": ["shop-production"], "apps": ["shop-production"]}
    assert environment_from_vars(hostvars, groups, inventory=inventory).name == "trial"
    with pytest.raises(InventoryError, match="found: unknown key"):
        environment_from_vars(hostvars, groups, inventory=None)
    with pytest.raises(InventoryError, match=r"trial/group_vars/all\.yml:3: found"):
        environment_from_vars(hostvars, groups, inventory=write({"group_vars/all.yml": ALL + "found: 1\n"}))


def test_no_token_of_this_shell_reaches_ansible_inventory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory = write()
    seen: dict[str, str] = {}

    def run(command: list[str], *, env: dict[str, str], **_: object) -> object:
        seen.update(env)
        raise FileNotFoundError(command[0])

    monkeypatch.setenv("FLY_API_TOKEN", "canary")
    monkeypatch.setattr("hotops.inventory.listing.subprocess.run", run)
    with pytest.raises(FileNotFoundError):
        load_environment(inventory)
    assert "PATH" in seen
    assert "FLY_API_TOKEN" not in seen
    (inventory / "fly.yml").write_text("plugin: hotops.core.fly\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError):
        load_environment(inventory)
    assert seen["FLY_API_TOKEN"] == "canary"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (subprocess.CompletedProcess([], 4, "", "ERROR! it is broken"), "it is broken"),
        (subprocess.CompletedProcess([], 0, "not json", "odd"), "can't read"),
        (subprocess.TimeoutExpired([], 60), "within 60 s"),
    ],
)
def test_what_ansible_can_not_read_is_an_error_of_the_inventory(
    write: Write, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    def run(*_: object, **__: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("hotops.inventory.listing.subprocess.run", run)
    assert words in refusal(write()).message


def test_without_ansible_it_is_said_what_to_install(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotops.inventory.listing.sys.executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtra, match="ansible-core"):
        load_environment(write())


def test_an_encrypted_value_is_refused_since_an_inventory_holds_names(write: Write) -> None:
    vault = "fly_org: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n"
    error = refusal(write({"group_vars/all.yml": "env_kind: sandbox\n" + vault}))
    assert (error.details["line"], error.details["key"]) == (2, "fly_org")


def test_an_inventory_in_ini_form_loads_and_its_mistakes_name_the_host(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    common = "[all:vars]\nenv_kind=sandbox\nfly_org=personal\n"
    hosts.write_text(f"[apps]\nweb promote_from=web-staging\n{common}", encoding="utf-8")
    assert load_environment(hosts).apps["web"].promote_from == "web-staging"
    hosts.write_text(f"[apps]\nweb soak_s=long\n{common}", encoding="utf-8")
    assert "soak_s: has to be a number (host web)" in refusal(hosts).message


def test_a_file_that_is_no_text_is_refused(write: Write) -> None:
    inventory = write()
    (inventory / "group_vars/all.yml").write_bytes(b"fly_org: \xff\xfe\n")
    assert "is not UTF-8 text" in refusal(inventory).message
