"""Logs and metrics: functions of time that agree with each other and with what the machines do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twin.asking import SERVICE, START, Asker, Make, app_seed

LOGS = "/api/v1/apps/shop/logs"


def page(sky: Asker, query: str = "") -> tuple[list[dict[str, Any]], str]:
    """One page: the attributes of its lines, and the token of the next."""
    reply = sky.get(LOGS + query, host="api.fly.io")
    return [{**row["attributes"], "id": row["id"]} for row in reply["data"]], reply["meta"]["next_token"]


def ask(sky: Asker, query: str, **more: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    from urllib.parse import urlencode

    target = "/prometheus/personal/api/v1/query?" + urlencode({"query": query, **more})
    result: list[dict[str, Any]] = sky.get(target, host="api.fly.io")["data"]["result"]
    return result


@pytest.fixture
def busy(make: Make) -> Asker:
    """An app with ten visits a second."""
    return make(app_seed("shop", traffic_rps=10))


def test_the_last_hundred_lines_come_oldest_first(busy: Asker) -> None:
    lines, _ = page(busy)
    assert len(lines) == 100
    stamps = [line["timestamp"] for line in lines]
    assert stamps == sorted(stamps)
    assert lines[-1]["meta"]["http"]["response"]["status_code"] == 200
    assert lines[-1]["level"] == "info"


def test_pages_follow_one_another_without_gap_or_repeat(busy: Asker) -> None:
    _, token = page(busy)
    busy.sleep(60)
    seen: list[str] = []
    while True:
        lines, token = page(busy, f"?next_token={token}")
        if not lines:
            break
        seen += [line["id"] for line in lines]
    assert len(seen) == len(set(seen)) == 600
    assert seen == sorted(seen)


def test_the_same_moment_gives_the_same_lines(busy: Asker) -> None:
    assert page(busy) == page(busy)


def test_a_token_is_a_time_in_nanoseconds(busy: Asker) -> None:
    lines, token = page(busy, f"?next_token={int((START - 5) * 1e9)}")
    assert len(lines) == 51
    assert int(token) == pytest.approx(START * 1e9, rel=1e-6)


def test_the_first_page_is_never_empty_and_a_later_one_keeps_its_place(make: Make) -> None:
    quiet = make(app_seed("shop", groups={}))
    lines, token = page(quiet)
    assert len(lines) == 1
    assert page(quiet, f"?next_token={token}") == ([], token)


def test_lines_are_filtered_by_instance_and_region(busy: Asker) -> None:
    machine = busy.machines()[0]
    lines, _ = page(busy, f"?instance={machine['id']}")
    assert {line["instance"] for line in lines} == {machine["id"]}
    assert {line["region"] for line in page(busy, "?region=iad")[0]} == {"iad"}


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("v43-crash", "Cannot find module"),
        ("v43-oom", "Out of memory: Killed process"),
        ("v43-no-db", "database connection failed: UnknownHost"),
        ("v43-wrong-path", "No route matches"),
    ],
)
def test_each_bad_image_says_in_the_log_what_is_wrong(busy: Asker, tag: str, words: str) -> None:
    busy.push(tag)
    for machine in busy.machines():
        busy.update(machine, tag)
    busy.sleep(20)
    lines, token = page(busy, f"?next_token={int(START * 1e9)}")
    while not any(words in line["message"] for line in lines):
        more, token = page(busy, f"?next_token={token}")
        assert more
        lines += more
    assert next(line for line in lines if words in line["message"])["level"] == "error"


def test_visits_without_a_machine_are_errors_of_the_proxy(busy: Asker) -> None:
    busy.push("v43-wrong-path")
    for machine in busy.machines():
        busy.update(machine, "v43-wrong-path")
    busy.sleep(30)
    last = page(busy)[0][-1]
    assert last["message"].startswith("[PR04] could not find a good candidate")
    assert last["meta"]["error"]["code"] == 4
    assert last["meta"]["http"]["response"]["status_code"] == 503


def test_a_real_visit_appears_in_the_log(make: Make) -> None:
    sky = make()
    sky.visit("shop.fly.dev", "/cart")
    sky.sleep(1)
    assert "GET /cart 200" in [line["message"] for line in page(sky)[0]]


def test_responses_are_counted_by_status(make: Make) -> None:
    sky = make(app_seed("shop", traffic_rps=33, groups={"app": {"count": 1, "services": [SERVICE]}}))
    sky.push("v43-error3pct")
    sky.update(sky.machines()[0], "v43-error3pct")
    sky.sleep(120)
    query = 'sum by(status)(increase(fly_app_http_responses_count{app="shop"}[1m]))'
    counts = {row["metric"]["status"]: int(row["value"][1]) for row in ask(sky, query)}
    assert counts == {"200": 1920, "500": 60}
    rate = ask(sky, 'sum(rate(fly_app_http_responses_count{app="shop",status=~"5.."}[1m])) by (status)')
    assert rate[0]["value"][1] == "1"


def test_counts_agree_with_the_lines_of_the_log(busy: Asker) -> None:
    busy.sleep(60)
    counted = ask(busy, 'sum(increase(fly_app_http_responses_count{app="shop"}[1m]))')
    assert counted[0]["value"][1] == "600"


def test_memory_and_kills_can_be_asked_for(busy: Asker) -> None:
    total = ask(busy, 'fly_instance_memory_mem_total{app="shop"}')
    assert {int(row["value"][1]) for row in total} == {1024 * 2**20, 512 * 2**20}
    busy.push("v43-oom")
    busy.update(busy.machines()[0], "v43-oom")
    busy.sleep(60)
    killed = ask(busy, 'sum(increase(fly_instance_exit_oom{app="shop"}[5m]))')
    assert int(killed[0]["value"][1]) >= 3
    assert {row["value"][1] for row in ask(busy, 'fly_instance_up{app="shop"}')} <= {"0", "1"}


def test_a_range_gives_one_value_per_step(busy: Asker) -> None:
    busy.sleep(300)
    query = "query_range?query=sum(rate(fly_app_http_responses_count[1m]))&step=60s"
    target = f"/prometheus/personal/api/v1/{query}&start={START + 60}&end={START + 300}"
    result = busy.get(target, host="api.fly.io")["data"]
    assert result["resultType"] == "matrix"
    assert [value for _, value in result["result"][0]["values"]] == ["10"] * 5


@pytest.mark.parametrize(
    "query", ["histogram_quantile(0.9, x)", "fly_unknown_metric", "fly_instance_up[5m]", "rate(fly_instance_up[1m])"]
)
def test_a_query_outside_the_subset_is_refused_not_guessed(busy: Asker, query: str) -> None:
    response = busy.ask("GET", f"/prometheus/personal/api/v1/query?query={query}", host="api.fly.io")
    assert response.status == 422
    assert response.json()["status"] == "error"
