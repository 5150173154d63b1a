"""An environment on one screen: what it says of good and bad days, what it costs, what it never does."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hotops.core.errors import ExitCode
from hotops.core.lock import FileLock, Holder
from hotops.core.world import TokenMissing, World
from hotops.fly import Fly
from hotops.github import approval_workflow as workflow
from hotops.github.client import GitHub
from hotops.health.health_report import NotWell
from hotops.look.status import HEADER
from hotops.registry import operation
from tests.turns import TurnClock, threads_take_turns
from tests.twin.asking import START, app_seed
from tests.twin.looking import Scene

#: What each call of a cloud takes.
LATENCY_S = 0.08


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(tmp_path / "state"))


def asleep(name: str) -> dict[str, Any]:
    seed = app_seed(name, traffic_rps=1)
    for group in seed["groups"].values():
        group["state"] = "suspended"
    return seed


def crashed(name: str) -> dict[str, Any]:
    broken = [
        {"version": 41, "tag": "v41", "status": "complete", "age_s": 864_000},
        {"version": 42, "tag": "v42-crash", "status": "complete", "age_s": 3000},
    ]
    return app_seed(name, traffic_rps=1, releases=broken)


def row_of(result: dict[str, Any], app: str = "shop") -> dict[str, Any]:
    return next(row for row in result["apps"] if row["app"] == app)


def screen(result: dict[str, Any]) -> str:
    return "\n".join(result["hotops_screen"])


def commit_of(tag: str) -> str:
    """The commit that an image of this tag claims, in a twin."""
    scene = Scene(app_seed("any", releases=[{"version": 1, "tag": tag, "status": "complete", "age_s": 1}]))
    image = scene.twin.world.images.resolve(scene.twin.world.apps["any"].releases[-1].image_ref)
    assert image is not None
    return str(image.content.labels["GH_SHA"])


def github(**changes: Any) -> dict[str, Any]:
    """The team's repository, with the commit that the apps run."""
    checks = {"build": "success", "test": "success"}
    return {"name": "acme/shop", "commits": [{"sha": commit_of("v42"), "age_s": 7200}], "checks": checks, **changes}


def test_twelve_apps_are_seen_in_a_second_with_as_few_calls_as_it_takes() -> None:
    names = [f"shop-{number}" for number in range(12)]
    clock = TurnClock(START)
    declared = {name: {"required_checks": ["build", "test"]} for name in names}
    scene = Scene(
        *(app_seed(name, traffic_rps=1) for name in names),
        clock=clock,
        declared=declared,
        github=github(),
        blocking_labels=["P0"],
    )
    deployment(scene, "success")
    scene.twin.calls.clear()
    began = clock.now()
    scene.twin.faults.add({"kind": "latency", "seconds": LATENCY_S})
    with threads_take_turns(clock):
        result = scene.ask("status")
    took_s = clock.now() - began
    kinds = Counter(
        "HEAD" if call["surface"] == "registry" else f"{call['method']} {call['surface']} {call['path'].split('/')[-1]}"
        for call in scene.twin.calls.since()
    )
    print(f"{took_s:.2f} s, {sum(kinds.values())} calls of {LATENCY_S * 1000:.0f} ms: {dict(kinds)}")
    assert kinds == {
        "GET machines machines": 12,
        "GET uiex releases": 12,
        "GET machines secrets": 12,
        "HEAD": 12,
        "GET prometheus query": 2,
        "GET supabase projects": 1,
        "GET supabase backups": 1,
        "GET github production": 1,  # the lock
        "GET github deployments": 1,
        "GET github statuses": 1,  # how the newest one stands
        "GET github runs": 1,  # who waits for a reviewer
        "GET github issues": 1,
        "GET github check-runs": 1,  # all apps run one commit
    }
    assert took_s < 1.0, "the rest of three seconds is for starting and reading the inventory"
    assert {row["state"] for row in result["apps"]} == {"ok"}
    assert not [call for call in scene.twin.calls.since() if call["effect"] != "none"]


def deployment(scene: Scene, state: Any, description: str = "promoted") -> None:
    with scene.context() as context:
        github = context.client(GitHub)
        made = github.deployments.create(
            "acme/shop", commit_of("v42"), "production", task="a run", description=description, payload={}
        )
        github.deployments.tell("acme/shop", made.id, state, description=description)


def line(result: dict[str, Any]) -> str:
    """What is said of GitHub."""
    lines = screen(result).split("\nlock ")[0].split("github    ")[1].splitlines()
    return " ".join(each.strip() for each in lines)


def test_the_repository_is_told_in_a_line_when_all_is_well() -> None:
    scene = Scene(github=github(), blocking_labels=["P0"], declared={"shop": {"required_checks": ["build", "test"]}})
    assert line(scene.ask("status")) == "no deployment recorded, CI green"
    deployment(scene, "success")
    scene.clock.time += 3 * 3600
    result = scene.ask("status")
    assert line(result) == "last deployment success 3h ago, CI green"
    assert result["findings"] == []
    (told,) = result["repository"]["deployments"]
    assert (told["state"], told["says"], told["commit"]) == ("success", "promoted", commit_of("v42"))
    assert result["repository"]["unknown"] == {}


def test_red_checks_blockers_and_whoever_waits_are_told_and_worth_knowing() -> None:
    issues = [{"title": "Checkout is down", "labels": ["P0"]}, {"title": "A typo", "labels": ["P2"]}]
    seed = github(
        checks={"build": "success", "test": "failure"},
        issues=issues,
        workflows={workflow.FILE: workflow.text()},
        environments={"production": {"reviewers": ["reviewer"]}},
        collaborators={"reviewer": "write"},
    )
    declared = {"shop": {"required_checks": ["build", "test", "lint"]}}
    scene = Scene(github=seed, blocking_labels=["P0"], declared=declared)
    with scene.context() as context:
        inputs = {"plan": "a" * 64, "environment": "production"}
        context.client(GitHub).workflows.dispatch("acme/shop", workflow.FILE, "main", inputs)
    scene.clock.time += 600
    result = scene.ask("status")
    assert line(result) == "no deployment recorded, CI red for shop, 1 waits for a reviewer, #1 blocks"
    assert result["repository"]["not_green"] == {"shop": ["test is failure", "lint is absent"]}
    assert [(found["kind"], found["severity"]) for found in result["findings"]] == [
        ("ci_not_green", "warn"), ("blocker", "warn"), ("waits", "warn"),
    ]  # fmt: skip
    assert row_of(result)["state"] == "ok", "nobody is served worse for it"
    assert max(map(len, result["hotops_screen"])) <= 80


def test_what_github_does_not_tell_is_unknown_and_the_rest_is_there() -> None:
    scene = Scene(github=github(), blocking_labels=["P0"], declared={"shop": {"required_checks": ["test"]}})
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "*/deployments*"}})
    result = scene.ask("status")
    assert line(result) == "deployments unknown, CI green"
    assert list(result["repository"]["unknown"]) == ["deployments"]
    scene.twin.faults.add({"kind": "status", "status": 503, "match": {"surface": "github"}})
    down = scene.ask("status")
    assert line(down).startswith("unknown: ")
    assert row_of(down)["state"] == "ok"
    no_token = Scene(github=github())
    del no_token.tokens["github"]
    assert line(no_token.ask("status")) == "unknown: there is no GITHUB_TOKEN"


def test_a_good_day() -> None:
    scene = Scene(app_seed("shop", traffic_rps=5), declared={"shop": {"promote_from": "shop-staging"}})
    result = scene.ask("status")
    row = row_of(result)
    assert (row["state"], row["releases"], row["machines"]) == ("ok", [42], {"started": 3})
    assert row["checks"] == {"passing": 4, "configured": 4}
    assert row["served"]["answers"] == 15 * 60 * 5
    assert row["served"]["errors_5xx"] == 0
    assert 5 <= row["served"]["p95_ms"] <= 25
    assert row["way_back"]["release"] == 41
    assert row["way_back"]["digest"].startswith("sha256:")
    assert row["unknown"] == {}
    assert result["database"]["status"] == "ACTIVE_HEALTHY"
    assert result["next"] == "hotops plan production"
    assert result["findings"] == []
    lines = result["hotops_screen"]
    assert lines[0].endswith("UTC: all well")
    assert lines[2].split() == list(HEADER)
    assert lines[3].split() == ["·shop", "v42", row["images"][0].rpartition(":")[2][:7], *lines[3].split()[3:]]
    assert lines[3].split()[4:7] == ["3/3", "4/4", "0"]
    json.dumps(result)


def test_a_bad_night_fits_on_one_screen_and_names_the_next_command() -> None:
    names = [f"shop-{number}-with-a-name-of-some-length" for number in range(10)]
    scene = Scene(*(app_seed(name, traffic_rps=1) for name in names), asleep("mcp"), crashed("chat"))
    result = scene.ask("status")
    lines = result["hotops_screen"]
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert "2 of 12 apps are not well" in lines[0]
    assert any("!mcp" in line and "0/3" in line and "100.0%" in line for line in lines)
    assert "mcp: the whole app is suspended (3 machines); nothing" in screen(result)
    assert "chat app" in screen(result)
    assert lines[-1] == "Next: hotops why production chat"


def test_a_database_that_is_down_is_said() -> None:
    scene = Scene()
    scene.databases.only.status = "ACTIVE_UNHEALTHY"
    result = scene.ask("status")
    assert "apps well, database not" in result["hotops_screen"][0]
    assert result["next"] == "hotops doctor production"
    assert [finding["kind"] for finding in result["findings"]] == ["database"]


def test_an_old_backup_is_worth_knowing() -> None:
    scene = Scene(backup={"max_age_h": 6})
    assert [finding["kind"] for finding in scene.ask("status")["findings"]] == ["old_backup"]


def test_without_supabase_and_metrics_the_rest_is_told_and_these_are_unknown() -> None:
    scene = Scene(supabase=False)
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"surface": "prometheus"}})
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"surface": "registry"}})
    result = scene.ask("status")
    row = row_of(result)
    assert row["served"] is None
    assert row["way_back"] is None
    assert sorted(row["unknown"]) == ["served", "way_back"]
    assert row["state"] == "ok"
    assert result["database"]["status"] is None
    assert "database  unknown: The sandbox has no supabase token." in screen(result)
    assert "github    unknown: no github_repo in the inventory" in screen(result)
    assert "? shop 5xx, p95: " in screen(result)
    assert result["hotops_screen"][3].split()[-3:] == ["?", "?", "?"]


def test_an_app_that_cannot_be_read_is_unknown_and_not_well() -> None:
    scene = Scene(app_seed("shop"), app_seed("chat"))
    scene.twin.faults.add({"kind": "status", "status": 403, "match": {"path": "/v1/apps/chat/*"}})
    result = scene.ask("status")
    assert row_of(result, "chat")["state"] == "unknown"
    assert row_of(result)["state"] == "ok"
    assert result["next"] == "hotops doctor production"
    with pytest.raises(NotWell) as caught:
        scene.ask("status", fail_on_findings=True)
    assert caught.value.failure_exit == ExitCode.FINDINGS


def test_each_change_of_the_last_day_is_told_whoever_made_it() -> None:
    scene = Scene(app_seed("shop", traffic_rps=1), app_seed("chat"))
    scene.clock.time += 3 * 3600
    with scene.context() as context:
        fly = context.client(Fly)
        machine = fly.machines.list("shop")[0]
        fly.machines.restart("shop", machine.id)
        fly.secrets.bulk("chat", {"NEW_KEY": _secret()})
    scene.clock.time += 60
    result = scene.ask("status")
    told = [(change["app"], change["what"], change["who"]) for change in result["changes"]]
    assert ("chat", "secrets written: NEW_KEY (staged)", "not told") in told
    assert ("shop", f"machine {machine.id} restarted, outside of a release", "not told") in told
    assert ("shop", "release v42", "operator@example.com") in told
    assert not [what for _, what, _ in told if "v41" in what], "it is ten days old"
    times = [change["at"] for change in result["changes"]]
    assert times == sorted(times, reverse=True)
    assert result["next"] == "fly secrets deploy -a chat"


def test_answers_of_what_ran_before_do_not_count_against_what_runs_now() -> None:
    """After a way back the old release's failures are no finding about what serves now, and the other way round."""

    def seen(*releases: tuple[str, float]) -> dict[str, Any]:
        made = [
            {"version": 41 + n, "tag": tag, "status": "complete", "age_s": age_s}
            for n, (tag, age_s) in enumerate(releases)
        ]
        return row_of(Scene(app_seed("shop", traffic_rps=5, releases=made)).ask("status"))

    back = seen(("v41-error3pct", 7200), ("v42", 60))
    assert (back["state"], back["served"]["window"], back["served"]["errors_5xx"]) == ("ok", "50s", 0)
    worse = seen(("v41", 7200), ("v42-error3pct", 60))
    assert (worse["state"], worse["served"]["window"]) == ("bad", "50s")
    assert seen(("v41-error3pct", 7200), ("v42", 10))["served"]["answers"] == 0, "too young to say"


def test_shares_of_failed_answers_and_slow_ones_are_judged_by_the_inventory() -> None:
    broken = [
        {"version": 41, "tag": "v41", "status": "complete", "age_s": 864_000},
        {"version": 42, "tag": "v42-error3pct", "status": "complete", "age_s": 7200},
    ]
    seed = app_seed("shop", traffic_rps=5, releases=broken)
    found = Scene(seed, declared={"shop": {"budget_ms": 10}}).ask("status")["findings"]
    assert [finding["kind"] for finding in found] == ["errors_5xx", "slow"]
    assert Scene(seed, declared={"shop": {"watch": {"error_share": 0.5}}}).ask("status")["findings"] == []


def test_a_run_that_holds_the_environment_is_named() -> None:
    scene = Scene()
    store = FileLock("sandbox-personal-production")
    holder = Holder("20260101T000000Z-promote", "search", "ops", "elsewhere", 1, None, START, START + 3600)
    assert store.create(holder)
    result = scene.ask("status")
    assert "held by run 20260101T000000Z-promote of ops@elsewhere" in screen(result)
    assert result["next"].startswith("hotops evidence show")


def test_no_way_back_is_worth_knowing() -> None:
    only = [{"version": 1, "tag": "v1", "status": "complete", "age_s": 7200}]
    result = Scene(app_seed("shop", releases=only)).ask("status")
    assert [(f["kind"], f["severity"]) for f in result["findings"]] == [("no_way_back", "warn")]
    assert result["hotops_screen"][3].split()[-1] == "none"


def test_without_a_token_nothing_is_guessed() -> None:
    scene = Scene()
    context = scene.context()
    context.world = World("live", {})
    with pytest.raises(TokenMissing, match="FLY_API_TOKEN"):
        scene.ask("status", context)
    assert scene.log() == []


def test_no_value_of_a_secret_is_shown() -> None:
    value = secrets.token_hex(12)
    scene = Scene(app_seed("shop", secrets={"DATABASE_URL": value}, staged_secrets={"NEW": value}))
    assert value not in json.dumps(scene.ask("status"))


def test_a_look_leaves_no_evidence() -> None:
    from hotops.surroundings import keeps_evidence

    assert not keeps_evidence(operation("status"), check=False)
    assert keeps_evidence(operation("health_report"), check=False)


def _secret() -> Any:
    from hotops.core.secret import Secret

    return Secret(secrets.token_hex(12))
