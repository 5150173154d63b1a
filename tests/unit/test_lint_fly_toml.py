"""The linter of fly.toml: each rule fires on its fault, at its line, and a good file is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.core.world import World
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import App, Environment
from hotops.lint.finding import Finding, table
from hotops.lint.fly_toml import lint_fly_toml
from hotops.lint.lint import Lint, LintWanted
from hotops.scale.toml_file import FlyToml
from tests.documented import as_documented

GOOD = """\
app = 'shop-production'
primary_region = 'ord'

[build]
  image = 'registry.fly.io/shop-production:v42'

[deploy]
  strategy = 'rolling'
  release_command = 'bin/warm-caches'

[env]
  PORT = '8080'

[processes]
  web = 'bin/web'
  worker = 'bin/worker'

[http_service]
  internal_port = 8080
  force_https = true
  auto_stop_machines = 'stop'
  auto_start_machines = true
  min_machines_running = 1
  processes = ['web']

  [http_service.concurrency]
    type = 'requests'
    soft_limit = 20

  [[http_service.checks]]
    path = '/health'
    interval = '15s'

    [http_service.checks.headers]
      X-From = 'fly'

[[vm]]
  memory = '2gb'
  cpus = 1
  processes = ['web', 'worker']
"""
WITHOUT_SERVICE = """\
[[vm]]
  memory = '1gb'
"""
TWO = """\
[[services]]
  internal_port = {}
  [[services.tcp_checks]]
    interval = '10s'
  [[services.ports]]
    port = {}
"""

#: A file, the rule that it breaks, the line, and words of the finding.
BROKEN: dict[str, tuple[str, str, int, str]] = {
    "a typo": (
        GOOD.replace("auto_stop_machines", "auto_stop_machine"),
        "unknown_key",
        21,
        "did you mean auto_stop_machines",
    ),
    "an unknown section": (GOOD + "[scaling]\n  min = 1\n", "unknown_key", 41, "scaling is no key of fly.toml"),
    "a schedule in the file": (GOOD + "  schedule = 'daily'\n", "unknown_key", 41, "vm.schedule"),
    "an inert key": (GOOD + "[experimental]\n  auto_rollback = true\n", "inert_key", 42, "does nothing"),
    "a process group as a table": (
        GOOD.replace("  worker = 'bin/worker'\n", "[processes.worker]\n  command = 'bin/worker'\n  memory = '1gb'\n"),
        "process_table",
        16,
        "[processes.worker] is a table",
    ),
    "a group that is not there": (GOOD.replace("['web']", "['wbe']"), "unknown_process", 24, "did you mean web"),
    "a service for nobody": (
        GOOD + TWO.format(7000, 7000),
        "no_processes",
        41,
        "names no processes, and the app has web, worker",
    ),
    "no size": ("app = 'x'\n[processes]\n  web = 'x'\n", "no_vm", 3, "shared-1x 256 MB"),
    "half a size": ("[[vm]]\n  cpus = 1\n", "partial_vm", 1, "leaves out memory"),
    "half a size that does not exist": ("[[vm]]\n  cpus = 4\n", "bad_size", 1, "shared-4x has not 256 MB"),
    "an unreadable memory": ("[[vm]]\n  memory = 'lots'\n", "bad_size", 1, "is no size"),
    "too much memory for one CPU": ("[vm]\n  memory = '4gb'\n", "bad_size", 1, "shared-1x has not 4096 MB"),
    "an open database": (WITHOUT_SERVICE + TWO.format(9000, 9000), "public_data_port", 3, "ClickHouse or MinIO"),
    "an open Postgres": (WITHOUT_SERVICE + TWO.format(5432, 443), "public_data_port", 3, "PostgreSQL"),
    "one port twice": (
        WITHOUT_SERVICE + TWO.format(4000, 443) + TWO.format(3000, 443),
        "one_port_twice",
        9,
        "port 443 is published by the service of line 3 too",
    ),
    "no check": (
        WITHOUT_SERVICE + "[[services]]\n  internal_port = 4000\n  [[services.ports]]\n    port = 443\n",
        "no_checks",
        3,
        "port 4000 has no check",
    ),
    "a release command that migrates": (
        GOOD.replace("bin/warm-caches", "npx prisma migrate deploy"),
        "release_migrates",
        9,
        "prisma migrate deploy",
    ),
    "Chatwoot's": (GOOD.replace("bin/warm-caches", "rails db:chatwoot_prepare"), "release_migrates", 9, "chatwoot"),
    "machines that stop for ever": (
        GOOD.replace("auto_start_machines = true", "auto_start_machines = false"),
        "stops_for_ever",
        22,
        "never started again",
    ),
    "an app that sleeps": (GOOD.replace("running = 1", "running = 0"), "sleeps", 21, "waits for a boot"),
    "a number without effect": (
        GOOD.replace("auto_stop_machines = 'stop'", "auto_stop_machines = false"),
        "min_without_stop",
        23,
        "does nothing",
    ),
    "an image without tag": (GOOD.replace(":v42", ""), "unpinned_image", 5, "not pinned"),
    "the newest image": (GOOD.replace(":v42", ":latest"), "unpinned_image", 5, "not pinned"),
    "no TOML": ("app = 'x'\n[vm\n", "unreadable", 2, "no TOML"),
}
DECLARED: dict[str, tuple[str, str, int, str]] = {
    "another app": (
        GOOD.replace("shop-production'\nprimary", "shop-staging'\nprimary"),
        "other_app",
        1,
        "not 'shop-production'",
    ),
    "less machines than stay": (
        GOOD.replace("running = 1", "running = 3"),
        "min_above_count",
        23,
        "2 machines are declared",
    ),
    "another rest": (GOOD.replace("'stop'", "'suspend'"), "rest_differs", 21, "the inventory declares 'stop'"),
}


def lint(text: str, app: App | None = None) -> list[Finding]:
    return lint_fly_toml(FlyToml(text, Path("fly.toml")), "fly.toml", app)


def environment(tmp_path: Path, **declared: Any) -> Environment:
    hosts = {"shop-production": {"env_kind": "sandbox", "env_name": "x", "fly_org": "personal", **declared}}
    groups = {"all": list(hosts), "apps": list(hosts)}
    return environment_from_vars(hosts, groups, inventory=tmp_path / "inventories" / "x")


def app(tmp_path: Path) -> App:
    web = {"count": 2, "autostop": "stop"}
    return environment(tmp_path, process_groups={"web": web}).apps["shop-production"]


@pytest.mark.parametrize(("text", "rule", "line", "says"), BROKEN.values(), ids=BROKEN)
def test_each_fault_is_found_at_its_line(text: str, rule: str, line: int, says: str) -> None:
    found = [each for each in lint(text) if each.rule == rule]
    assert [(each.line, says in each.says) for each in found] == [(line, True)], lint(text)
    assert found[0].remedy


@pytest.mark.parametrize(("text", "rule", "line", "says"), DECLARED.values(), ids=DECLARED)
def test_what_the_inventory_says_otherwise_is_found(tmp_path: Path, text: str, rule: str, line: int, says: str) -> None:
    found = [each for each in lint(text, app(tmp_path)) if each.rule == rule]
    assert [(each.line, says in each.says) for each in found] == [(line, True)]


def test_a_good_file_is_silent_and_every_rule_has_a_test(tmp_path: Path) -> None:
    assert lint(GOOD) == []
    assert lint(GOOD, app(tmp_path)) == []
    assert {rule for _, rule, _, _ in [*BROKEN.values(), *DECLARED.values()]} == set(table("fly_toml_rules"))


def linted(tmp_path: Path, want: LintWanted, **declared: Any) -> dict[str, Any]:
    found = environment(tmp_path, **declared)
    with Context(world=World("sandbox", {}, None, None, {}), environment=found, selection=()) as context:
        result = as_documented("lint", drive(Lint(want, context))).result
        assert context.calls == []
    return result


def test_it_reads_what_is_declared_or_named_and_calls_nobody(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps/fly.toml").write_text(BROKEN["a typo"][0], encoding="utf-8")
    (tmp_path / "apps/fly.production.toml").write_text(GOOD, encoding="utf-8")
    result = linted(tmp_path, LintWanted(paths=("apps",)))
    assert result["files"] == 2
    assert [(each["file"], each["line"]) for each in result["failed_findings"]] == [("apps/fly.toml", 21)]
    only = LintWanted(paths=("apps/fly.production.toml",))
    assert linted(tmp_path, only, fly_toml="apps/fly.production.toml")["findings"] == []
    assert linted(tmp_path, LintWanted(), fly_toml="apps/fly.production.toml")["files"] == 2, "all of the project"
    with pytest.raises(HotopsError) as caught:
        linted(tmp_path, LintWanted(paths=("apps",), fail_on_findings=True))
    assert (caught.value.failure_code, int(caught.value.failure_exit)) == ("file_findings", 8)
    with pytest.raises(HotopsError, match="There is no nowhere"):
        linted(tmp_path, LintWanted(paths=("nowhere",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(HotopsError, match="nothing to read"):
        linted(tmp_path, LintWanted(paths=("empty",)))


@pytest.mark.parametrize(
    "text",
    [
        "app = 3\n[http_service]\nchecks = 3\ninternal_port = 'x'\n[mounts]\nprocesses = 5\n",
        "vm = 3\nservices = [1, 2]\nhttp_service = []\nprocesses = [1]\nchecks = 'x'\nenv = 3\n",
        f"app = {'[' * 2000}{']' * 2000}\n",
    ],
    ids=["numbers", "lists", "a well"],
)
def test_a_value_of_another_kind_is_a_finding_and_no_bug(tmp_path: Path, text: str) -> None:
    (tmp_path / "fly.toml").write_text(text, encoding="utf-8")
    found = linted(tmp_path, LintWanted(paths=("fly.toml",)))
    assert any(item["severity"] == "error" for item in found["findings"])
