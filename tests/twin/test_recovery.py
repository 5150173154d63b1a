"""A Supabase project of the sandbox that is lost, brought back to a moment, made and deleted: on real PostgreSQL."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from hotops.core.context import Context
from hotops.core.errors import ApiError
from hotops.core.sandbox_control import ControlClient
from hotops.core.sandbox_process import start_sandbox, stop_sandbox
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.supabase.client import Supabase
from tests.sandbox_fixture import PROJECT_REF, RunningSandbox, small_seed

PROJECTS = "https://api.supabase.com/v1/projects"
API = f"{PROJECTS}/{PROJECT_REF}"
#: Two minutes of the platform are a second here: so often is the log archived.
SPEED = 120


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A sandbox whose project can be brought back to any moment."""
    state_dir = tmp_path_factory.mktemp("archived")
    seed = small_seed()
    seed["supabase"]["projects"][0]["pitr"] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOTOPS_STATE_DIR", str(state_dir))
        started = start_sandbox(seed, speed=SPEED, detached=False)
        yield RunningSandbox(started.state, ControlClient(started.state), seed, state_dir)
        stop_sandbox()


def run(sandbox: RunningSandbox, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(**sandbox.conninfo(), password=sandbox.db_pass, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def wait(until: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = until()
        if found:
            return found
        time.sleep(0.4)  # within the rate limit
    raise AssertionError("it did not come about")


def latest(sandbox: RunningSandbox) -> int:
    answer = sandbox.request("GET", f"{API}/database/backups").json()
    assert answer["pitr_enabled"] is True
    assert answer["backups"] == []
    return int(answer["physical_backup_data"]["latest_physical_backup_date_unix"])


def beat_until_archived(sandbox: RunningSandbox, moment: float) -> None:
    """Write until a log of a later second than `moment` is archived: a log is archived only when something is in it."""
    run(sandbox, "create table if not exists beats (at timestamptz)")
    wait(lambda: run(sandbox, "insert into beats values (now()) returning 1") and latest(sandbox) > moment)


def status(sandbox: RunningSandbox, url: str = API) -> str:
    return str(sandbox.request("GET", url).json()["status"])


def recover(sandbox: RunningSandbox, moment: object) -> Any:
    return sandbox.request("POST", f"{API}/database/backups/restore-pitr", json={"recovery_time_target_unix": moment})


def test_a_lost_database_comes_back_as_it_was_at_the_moment_asked_for(archived: RunningSandbox) -> None:
    run(archived, "create table orders (id int primary key, at timestamptz default clock_timestamp())")
    run(archived, "insert into orders values (1)")
    time.sleep(1.1)  # moments are told in whole seconds
    moment = int(time.time())
    wait(lambda: time.time() >= moment + 1.1)
    run(archived, "insert into orders values (2)")
    wait(lambda: latest(archived) > moment)
    archived.control.lose_database(PROJECT_REF)
    assert status(archived) == "ACTIVE_UNHEALTHY"
    with pytest.raises(psycopg.OperationalError):
        run(archived, "select 1")

    answer = recover(archived, moment)
    assert (answer.status_code, answer.content) == (201, b"")
    wait(lambda: status(archived) == "ACTIVE_HEALTHY")
    assert run(archived, "select id from orders") == [(1,)]

    # It goes on from there, and can be brought back again: to the end of what was archived.
    run(archived, "insert into orders values (3)")
    beat_until_archived(archived, time.time())
    archived_until = latest(archived)
    run(archived, "insert into orders values (4)")
    assert recover(archived, archived_until).status_code == 201
    wait(lambda: status(archived) == "ACTIVE_HEALTHY")
    assert run(archived, "select id from orders order by id") == [(1,), (3,)]


@pytest.mark.parametrize(
    ("moment", "refused"), [(1, 422), (4_102_444_800, 422), (-1, 400), ("1740787200", 400), (True, 400)]
)
def test_a_moment_outside_the_window_is_refused_and_changes_nothing(
    archived: RunningSandbox, moment: object, refused: int
) -> None:
    answer = recover(archived, moment)
    assert answer.status_code == refused
    assert set(answer.json()) == {"message"}
    assert status(archived) == "ACTIVE_HEALTHY"


def test_a_project_is_made_and_deleted(archived: RunningSandbox) -> None:
    password = secrets.token_urlsafe(16)
    body = {"name": "drill", "organization_slug": "acme", "db_pass": password, "region": "eu-west-1"}
    made = archived.request("POST", PROJECTS, json=body)
    assert made.status_code == 201
    assert password not in made.text
    ref = made.json()["ref"]
    assert made.json()["status"] in {"COMING_UP", "ACTIVE_HEALTHY"}
    wait(lambda: status(archived, f"{PROJECTS}/{ref}") == "ACTIVE_HEALTHY")
    rows = archived.request("POST", f"{PROJECTS}/{ref}/database/query", json={"query": "select 1 as one"})
    assert rows.json() == [{"one": 1}]

    gone = archived.request("DELETE", f"{PROJECTS}/{ref}")
    assert (gone.status_code, gone.json()["ref"]) == (200, ref)
    answer = archived.request("GET", f"{PROJECTS}/{ref}")
    assert (answer.status_code, answer.json()) == (400, {"message": "Resource has been removed"})
    assert [project["ref"] for project in archived.request("GET", PROJECTS).json()] == [PROJECT_REF]


def test_a_deleted_project_is_there_again_after_a_reset(archived: RunningSandbox) -> None:
    archived.request("DELETE", API)
    archived.control.reset()
    assert status(archived) == "ACTIVE_HEALTHY"
    assert run(archived, "select to_regclass('orders')::text") == [(None,)]


@pytest.mark.parametrize("missing", ["name", "organization_slug", "db_pass"])
def test_a_project_without_what_it_needs_is_not_made(archived: RunningSandbox, missing: str) -> None:
    body = {"name": "drill", "organization_slug": "acme", "db_pass": secrets.token_urlsafe(16)}
    answer = archived.request("POST", PROJECTS, json={key: value for key, value in body.items() if key != missing})
    assert answer.status_code == 400
    assert missing in answer.json()["message"]


def test_the_client_reads_the_window_recovers_makes_and_deletes(
    archived: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(archived.state_dir))
    with Supabase.from_context(Context(world=World.of("sandbox", {}))) as supabase:
        window = supabase.backups(PROJECT_REF)
        assert window.earliest_recoverable_at is not None
        assert window.latest_recoverable_at is not None
        assert window.earliest_recoverable_at <= window.latest_recoverable_at + 1
        with pytest.raises(ApiError, match="outside of the window"):
            supabase.recover_to(PROJECT_REF, 1)
        password = Secret(secrets.token_urlsafe(16))
        made = supabase.create(name="drill", organization="acme", region="eu-west-1", password=password)
        wait(lambda: (found := supabase.project(made.ref)) is not None and found.status == "ACTIVE_HEALTHY")
        supabase.delete(made.ref)
        assert supabase.project(made.ref) is None
        assert supabase.project("z" * 20) is None
