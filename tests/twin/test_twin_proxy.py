"""The proxy and the machines behind it: who is asked, what they answer, what is lost."""

from __future__ import annotations

from typing import Any

import pytest

from hotops.sandbox.wire import Pending, Request, Response
from tests.twin.asking import SERVICE, Asker, Make, app_seed

HOST = "shop.fly.dev"
MACHINES = "/v1/apps/shop/machines"


def run(sky: Asker, tag: str) -> None:
    """Put an image on every machine of the group and let it settle."""
    sky.push(tag)
    for machine in sky.machines():
        sky.update(machine, tag)
    sky.sleep(4)


def statuses(sky: Asker, path: str, count: int = 10) -> list[int]:
    """What so many visits answer."""
    return [sky.visit(HOST, path).status for _ in range(count)]


def test_good_machines_answer_in_turn_with_page_and_health(sky: Asker) -> None:
    page, health = sky.visit(HOST, "/"), sky.visit(HOST, "/health")
    assert page.headers["content-type"].startswith("text/html")
    assert health.json() == {"status": "ok", "release": "v42"}
    assert page.headers["fly-machine-id"] != health.headers["fly-machine-id"]
    assert page.headers["fly-request-id"] != health.headers["fly-request-id"]
    assert 0.005 <= page.delay_s <= 0.015


def test_plain_http_is_sent_to_https(sky: Asker) -> None:
    moved = sky.visit(HOST, "/health?a=b", tls=False)
    assert (moved.status, moved.headers["location"]) == (301, f"https://{HOST}/health?a=b")


def test_a_host_name_with_a_certificate_leads_to_the_app(sky: Asker) -> None:
    assert sky.visit("www.shop.example.com", "/health").status == 200


def test_slow_answers_take_a_second_and_a_half_and_fail_checks_with_a_short_timeout(make: Make) -> None:
    patient = {**SERVICE, "checks": [{**SERVICE["checks"][0], "timeout": "5s"}]}
    groups = {"app": {"count": 1, "services": [patient]}}
    sky = make(app_seed("shop", groups=groups), app_seed("hasty"))
    run(sky, "v43-slow")
    before = sky.time
    assert sky.visit(HOST, "/").status == 200
    assert sky.time - before >= 1.5
    sky.push("v43-slow", "hasty")
    for machine in sky.machines("hasty"):
        sky.update(machine, "v43-slow", app="hasty")
    sky.sleep(4)
    assert {row["status"] for row in sky.machines("hasty")[0]["checks"] if "service" in row["name"]} == {"critical"}


@pytest.mark.parametrize("tag", ["v43-wrong-path", "v43.wrongpath"])
def test_a_wrong_check_path_gives_404_inside_and_503_outside(sky: Asker, tag: str) -> None:
    run(sky, tag)
    machine = sky.machines()[0]
    rows = {row["name"]: row for row in machine["checks"]}
    assert rows["servicecheck-00-http-8080"]["status"] == "critical"
    assert sky.visit(HOST, "/").status == 503
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://localhost:8080/health"]
    inside = sky.post(f"{MACHINES}/{machine['id']}/exec", {"command": command})
    assert (inside["exit_code"], inside["stdout"]) == (0, "404")
    root = sky.post(f"{MACHINES}/{machine['id']}/exec", {"cmd": "curl -sS http://127.0.0.1:8080/"})
    assert "release v43" in root["stdout"]


def test_an_image_without_its_database_is_degraded(sky: Asker) -> None:
    run(sky, "v43-no-db")
    assert statuses(sky, "/", 4) == [503] * 4
    shown = sky.machines()[0]["checks"]
    assert "UnknownHost" in next(row["output"] for row in shown if row["name"] == "alive")


def test_a_database_is_asked_with_the_secrets_the_machine_was_given(make: Make) -> None:
    asked: list[str] = []

    def connect(dsn: str) -> str | None:
        asked.append(dsn)
        return None if "good" in dsn else "InvalidPassword"

    seed = app_seed("shop", secrets={"DATABASE_URL": "postgresql://u@bad.invalid/app"})
    sky = make(seed, connect=connect)
    assert sky.visit(HOST, "/").status == 503
    version = sky.post("/v1/apps/shop/secrets", {"values": {"DATABASE_URL": "postgresql://u@good.invalid/app"}})
    assert sky.visit(HOST, "/").status == 503
    for machine in sky.machines():
        sky.update(machine, "v42", min_secrets_version=version["version"])
    sky.sleep(4)
    assert sky.visit(HOST, "/health").status == 200
    assert set(asked) == {"postgresql://u@bad.invalid/app", "postgresql://u@good.invalid/app"}


def test_every_thirty_third_request_fails_on_an_image_with_errors(make: Make) -> None:
    sky = make(app_seed("shop", groups={"app": {"count": 1, "services": [SERVICE]}}))
    run(sky, "v43-error3pct")
    seen = statuses(sky, "/", 99)
    assert [number for number, status in enumerate(seen, start=1) if status == 500] == [33, 66, 99]


@pytest.mark.parametrize(("tag", "code", "oom"), [("v43-crash", 1, False), ("v43-oom", 137, True)])
def test_a_crashing_image_restarts_until_its_retries_are_used_up(sky: Asker, tag: str, code: int, oom: bool) -> None:
    run(sky, tag)
    sky.sleep(2)
    machine = sky.machines()[0]
    exits = [e["request"]["exit_event"] for e in machine["events"] if e["type"] == "exit"]
    assert exits[0]["exit_code"] == code
    assert exits[0]["oom_killed"] is oom
    assert exits[0]["restarting"] is True
    sky.sleep(600)
    last = sky.get(f"{MACHINES}/{machine['id']}")
    assert last["state"] == "stopped"
    newest = next(e for e in last["events"] if e["type"] == "exit")
    assert newest["request"]["restart_count"] == 10
    assert newest["request"]["exit_event"]["restarting"] is False


def test_a_missing_required_secret_ends_the_process_at_once(make: Make) -> None:
    sky = make(app_seed("shop", secrets={"APP_ENV": "staging"}))
    machine = sky.machines()[0]
    exits = [e["request"]["exit_event"] for e in machine["events"] if e["type"] == "exit"]
    assert exits[0]["exit_code"] == 1


def test_an_image_bad_only_in_production_is_good_elsewhere(make: Make) -> None:
    production = app_seed("live", secrets={"DATABASE_URL": "postgresql://x", "APP_ENV": "production"})
    sky = make(app_seed("shop"), production)
    run(sky, "v43-prod-crash")
    sky.push("v43-prod-crash", "live")
    for machine in sky.machines("live"):
        sky.update(machine, "v43-prod-crash", app="live")
    sky.sleep(5)
    assert sky.visit(HOST, "/").status == 200
    assert sky.visit("live.fly.dev", "/").status in {502, 503}


def test_a_cordon_reaches_the_proxy_late_and_then_holds(sky: Asker) -> None:
    sky.twin.settings.propagation_s = 5.0
    machine = sky.machines()[0]["id"]
    sky.post(f"{MACHINES}/{machine}/cordon")
    sky.sleep(5.0)
    assert machine not in {sky.visit(HOST).headers["fly-machine-id"] for _ in range(6)}
    assert sky.get(f"{MACHINES}/{machine}")["cordoned"] is True
    sky.post(f"{MACHINES}/{machine}/uncordon")
    sky.sleep(5.0)
    assert machine in {sky.visit(HOST).headers["fly-machine-id"] for _ in range(6)}


def load(sky: Asker, seconds: float, per_s: int = 50) -> list[int]:
    """Visits at an even rate for so long."""
    found = []
    for _ in range(int(seconds * per_s)):
        found.append(sky.visit(HOST).status)
        sky.sleep(1 / per_s)
    return found


def test_stopping_a_machine_in_rotation_loses_requests(sky: Asker) -> None:
    sky.post(f"{MACHINES}/{sky.machines()[0]['id']}/stop", {})
    lost = [status for status in load(sky, 10) if status != 200]
    assert 0 < len(lost) < 250
    assert set(lost) == {502}


def test_cordon_then_drain_then_stop_loses_nothing(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    sky.post(f"{MACHINES}/{machine}/cordon")
    seen = load(sky, 10)
    sky.post(f"{MACHINES}/{machine}/stop", {})
    seen += load(sky, 10)
    assert set(seen) == {200}


def test_a_request_in_flight_is_lost_with_its_process(make: Make) -> None:
    patient = {**SERVICE, "checks": []}
    sky = make(app_seed("shop", groups={"app": {"count": 1, "services": [patient]}}))
    run(sky, "v43-slow")
    request = Request.to("GET", HOST, "/")
    flight = sky.twin.handle(request, sky.time)
    assert isinstance(flight, Pending)
    early = sky.twin.handle(request, sky.time + 0.5)
    assert early == flight
    sky.ask("DELETE", f"{MACHINES}/{sky.machines()[0]['id']}?force=true")
    landed = sky.twin.handle(request, flight.check_at)
    assert isinstance(landed, Response)
    assert landed.status == 502


def test_a_stopped_machine_is_woken_only_where_autostart_says_so(make: Make) -> None:
    def seed(*, autostart: bool) -> dict[str, Any]:
        service = {**SERVICE, "autostart": autostart}
        return app_seed("shop", groups={"app": {"count": 1, "services": [service], "state": "stopped"}})

    asleep, waking = make(seed(autostart=False)), make(seed(autostart=True))
    assert asleep.visit(HOST).status == 503
    before = waking.time
    assert waking.visit(HOST).status == 200
    assert 1.0 <= waking.time - before <= 5.0
    assert waking.machines()[0]["state"] == "started"


def test_a_suspended_app_without_autostart_is_503(make: Make) -> None:
    group = {"count": 1, "services": [SERVICE], "state": "suspended"}
    sky = make(app_seed("shop", groups={"app": group}))
    assert sky.machines()[0]["state"] == "suspended"
    answer = sky.visit(HOST)
    assert answer.status == 503
    assert "fly-request-id" in answer.headers


def test_a_machine_made_without_registration_gets_no_visits_until_uncordoned(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    green = sky.post(MACHINES, {"config": config, "skip_service_registration": True})["id"]
    sky.sleep(5)
    assert green not in {sky.visit(HOST).headers["fly-machine-id"] for _ in range(9)}
    sky.post(f"{MACHINES}/{green}/uncordon")
    sky.sleep(6)
    assert green in {sky.visit(HOST).headers["fly-machine-id"] for _ in range(9)}


def test_checks_are_critical_until_the_first_evaluation(sky: Asker) -> None:
    machine = sky.machines()[0]
    assert {row["name"] for row in machine["checks"]} == {"servicecheck-00-http-8080", "alive"}
    assert {row["status"] for row in machine["checks"]} == {"passing"}
    sky.update(machine, "v41")
    sky.get(f"{MACHINES}/{machine['id']}/wait?state=started")
    rows = sky.get(f"{MACHINES}/{machine['id']}")["checks"]
    assert {row["status"] for row in rows} == {"critical"}
    sky.sleep(1.1)
    rows = sky.get(f"{MACHINES}/{machine['id']}")["checks"]
    assert {row["status"] for row in rows} == {"passing"}


@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        (["wget", "-qO-", "http://localhost:8080/health"], 0, "v42"),
        (["wget", "-q", "--spider", "http://localhost:8080/health"], 0, ""),
        (["curl", "-sSf", "-m", "5", "http://127.0.0.1:8080/health"], 0, "ok"),
        (["curl", "-s", "http://localhost:9999/"], 7, ""),
        (["sh", "-c", "curl -s -w '%{http_code}' -o /dev/null http://localhost:8080/"], 0, "200"),
        (["python3", "-c", "print()"], 127, ""),
    ],
)
def test_exec_knows_two_clients_and_nothing_else(sky: Asker, command: list[str], code: int, out: str) -> None:
    ran = sky.post(f"{MACHINES}/{sky.machines()[0]['id']}/exec", {"command": command})
    assert ran["exit_code"] == code
    assert out in ran["stdout"]


def test_an_image_without_a_shell_runs_no_client(sky: Asker) -> None:
    run(sky, "v43-distroless")
    ran = sky.post(f"{MACHINES}/{sky.machines()[0]['id']}/exec", {"cmd": "curl -s http://localhost:8080/"})
    assert ran["exit_code"] == 127
