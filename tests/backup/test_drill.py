"""The drill for production: the newest backup comes back beside everything, is compared, measured and removed."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import psycopg
import pytest

from hotops.backup import manifest as manifests
from hotops.core.driver import drive
from hotops.core.errors import HotopsError, NotRestored, RolledBack
from hotops.drill import backups
from hotops.drill.backups import NotQuiet, prove_quiet
from hotops.drill.drill import DrDrill, DrillWanted, TargetMissed
from hotops.drill.record import Record
from hotops.proofs.register import Register
from tests.backup.stage import Keys, Server
from tests.backup.test_operations import Calls


@pytest.fixture
def calls(server: Server, tmp_path: Path) -> Calls:
    made = Calls(server, tmp_path)
    changes = {"supabase_project": "shop", "project_dir": tmp_path}
    made.environment = made.environment.model_copy(update=changes)
    return made


def drill(calls: Calls) -> dict[str, Any]:
    with calls.context() as context:
        return drive(DrDrill(DrillWanted(scenario="backup_restored"), context)).result


def databases(server: Server) -> list[Any]:
    return list(server.run("template1", "select datname from pg_database order by 1"))


def entries(calls: Calls) -> list[Any]:
    return Register(calls.folder / "artifacts/drills/register.jsonl").entries()


def test_a_backup_that_is_too_old_comes_back_and_the_drill_fails_all_the_same(calls: Calls, server: Server) -> None:
    calls("backup")
    calls.clock.time += 7200
    before = databases(server)
    with pytest.raises(TargetMissed, match=r"720\d s of data were lost, allowed are 3600 s"):
        drill(calls)
    assert databases(server) == before
    assert [entry.passed for entry in entries(calls)] == [False]


def test_what_would_be_lost_is_the_age_of_the_backup_and_the_phases_are_the_restores(
    calls: Calls, server: Server
) -> None:
    calls("backup")
    calls.clock.time += 600
    result = drill(calls)
    assert (result["passed"], result["unproven"]) == (True, [])
    assert 590 <= result["loss_s"] < 900  # the server tells when a backup is of, by a clock of its own
    assert list(result["phases"]) == ["decide", "fetch", "load", "index", "verify", "serve"]
    (entry,) = entries(calls)
    assert (entry.scenario, entry.passed) == ("backup_restored", True)


def test_a_backup_that_does_not_come_back_is_a_failed_drill_and_leaves_nothing(calls: Calls, server: Server) -> None:
    made = calls("backup").result["backup"]["id"]
    chunk = next(name for name, size in calls.files().items() if made in name and name.endswith(".age") and size > 500)
    damaged = bytearray(calls.store.get(chunk))
    damaged[len(damaged) // 2] ^= 1
    calls.store.put(chunk, bytes(damaged))
    before = databases(server)
    with pytest.raises((RolledBack, NotRestored)):
        drill(calls)
    assert databases(server) == before
    (entry,) = entries(calls)
    assert entry.passed is False


def test_a_wrong_key_an_emptied_store_and_a_name_that_is_taken_fail_and_leave_what_was_there(
    calls: Calls, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls("backup")
    before = databases(server)
    key = calls.environ["HOTOPS_BACKUP_IDENTITY"]
    calls.environ["HOTOPS_BACKUP_IDENTITY"] = str(Keys().here)
    with pytest.raises((RolledBack, NotRestored), match=r"old state is proven back|identity"):
        drill(calls)
    calls.environ["HOTOPS_BACKUP_IDENTITY"] = key
    find = manifests.find

    def emptied(*given: Any, **named: Any) -> Any:
        """The store is emptied when the manifest has been read."""
        found = find(*given, **named)
        calls.store.delete([name for name in calls.files() if name.startswith(found.prefix)])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(backups.entropy, "token_hex", lambda _bytes: "c0ffee")
        with calls.context() as context:
            taken = f"drill_{context.run.partition('-')[0].lower()}_c0ffee"
            server.run("template1", f"create database {taken}")
            with pytest.raises((RolledBack, NotRestored), match="is there already"):
                drive(DrDrill(DrillWanted(scenario="backup_restored"), context))
    assert databases(server) == sorted([*before, (taken,)])
    server.drop(taken)
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "find", emptied)
        with pytest.raises((RolledBack, NotRestored)):
            drill(calls)
    assert databases(server) == before
    assert [entry.passed for entry in entries(calls)] == [False, False, False]


def test_without_a_backup_nothing_is_proven(calls: Calls) -> None:
    with pytest.raises(HotopsError):
        drill(calls)
    assert all(not entry.passed for entry in entries(calls))


def test_it_may_run_on_live_clouds_and_counts_there(calls: Calls, server: Server) -> None:
    calls("backup")
    with calls.context() as context:
        context.environment = calls.environment.model_copy(update={"env_kind": "live"})
        result = drive(DrDrill(DrillWanted(scenario="backup_restored"), context)).result
    assert (result["passed"], result["counts_as_proof"]) == (True, True)


class Trap:
    """Listens where a restored production would call, and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.came = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.came += 1
            visitor.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


#: Each new order calls somebody up, as a webhook of pg_net's does, and a table lives on another server.
CALLS_OUT = """
create extension if not exists dblink schema public;
create extension if not exists postgres_fdw schema public;
create table public.calls (id int primary key, note text);
create function public.call_out() returns trigger language plpgsql as $$ begin
  perform public.dblink_connect('call', 'host=127.0.0.1 port={port} dbname=x user=x connect_timeout=2');
  return new;
exception when others then return new; end $$;
create trigger calls_out after insert on public.calls for each row execute function public.call_out();
create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{port}', dbname 'x');
create foreign table public.far (id int) server elsewhere;
create user mapping for public server elsewhere options (user 'x', password_required 'false');
create materialized view public.copied as select id from public.far where false;
create schema net;
create function net.http_post(url text) returns bigint language plpgsql as $$ begin
  perform public.dblink_connect('post', 'host=127.0.0.1 port={port} dbname=x user=x connect_timeout=2');
  return 1;
exception when others then return 0; end $$;
create function public.call_out_of_schema() returns event_trigger language plpgsql as $$ begin
  perform net.http_post('http://127.0.0.1:{port}');
end $$;
select cron.schedule('calling', '* * * * *', $$select net.http_post('http://127.0.0.1:{port}')$$);
create event trigger calls_out on ddl_command_end execute function public.call_out_of_schema();
create event trigger calls_out_always on sql_drop execute function public.call_out_of_schema();
alter event trigger calls_out_always enable always;
insert into public.calls select n, 'order ' || n from generate_series(1, 3) n;
"""


def test_what_is_restored_calls_nobody_is_proven_quiet_and_removed(calls: Calls, server: Server) -> None:
    server.copy_of("shop", "wired")
    left, anothers = "drill_20200101t000000z", "drill_20200101t000001z"
    server.run(
        "template1",
        f"create database {left}",
        f"comment on database {left} is 'hotops: drill of long ago'",
        f"create database {anothers}",
    )
    calls.environ["DATABASE_URL"] = server.dsn("wired", "supabase_admin")
    before = set(databases(server)) - {(left,)}
    with Trap() as trap:
        server.run("wired", CALLS_OUT.format(port=trap.port))
        assert trap.came == 3, "the trap catches: each order that is written calls"
        calls("backup")
        calls.clock.time += 60
        with calls.context() as context:
            operation = DrDrill(DrillWanted(scenario="backup_restored"), context)
            planned = drive(operation, check=True)
            assert "MB of the store, writes" in planned.plan.render()
        result = drill(calls)
        assert trap.came == 3, "what was restored called somebody"
        held = calls("restore", beside="held", outside="hold").result["held"]
        for asks in ("table public.far", "select public.dblink_connect('far', 'elsewhere')"):
            with pytest.raises(psycopg.Error):
                server.run("held", asks)
        server.run("held", "create table public.another ()", "drop table public.another")
        assert server.run("held", "select count(*) from cron.job where active") == [(0,)]
        assert trap.came == 3, "what is held back called somebody"
        server.drop("held", anothers)
    assert result["passed"] is True
    assert (anothers,) in before  # of that name, and not marked: it is somebody's
    assert set(databases(server)) == before - {(anothers,)}
    assert held[0] == "foreign server elsewhere (postgres_fdw)"
    assert held[-2:] == ["event trigger calls_out", "event trigger calls_out_always"]
    told = " ".join(result["hotops_screen"])
    assert "0 subscriptions that are on" in told
    assert "0 foreign servers that answer" in told
    assert "held back in it: foreign server elsewhere" in told
    assert "proven gone" in told
    assert f"left by drills of before, removed now: {left}" in told


def test_a_job_that_runs_in_what_was_restored_is_told(calls: Calls, server: Server) -> None:
    server.copy_of("template0", "busy")
    jobs = (
        "create table cron.job (active bool, database text)",
        "insert into cron.job values (true, 'busy'), (false, 'busy')",
    )
    server.run("busy", "create schema cron", *jobs)
    with calls.context() as context:
        record = Record(calls.clock)
        record.note(restored_database="busy", target_env="RESTORE_URL")
        exercise: Any = SimpleNamespace(context=context, record=record)
        with pytest.raises(NotQuiet, match="busy is not quiet: 1 scheduled jobs that run"):
            prove_quiet(exercise)
