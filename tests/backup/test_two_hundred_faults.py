"""Two hundred faults and more, planted one by one in a restored database and in a backup's files: each found, each named.

The long form, for `make soak`; some of each kind are in test_planted_faults.py.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hotops.backup import manifest as manifests
from hotops.backup.errors import BackupDamaged, NoBackup
from hotops.backup.keys import Opener, library
from hotops.backup.load import Load
from hotops.backup.manifest import Found
from hotops.backup.quick import check_parts
from hotops.backup.store import Store
from hotops.core.secret import Secret
from tests.backup import stage
from tests.backup.stage import Server
from tests.backup.test_planted_faults import FILE_FAULTS, PLANTED, copy_of_restored

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
FILES_EACH = 8

#: By type: what a value becomes that a careless tool would call the same, or nearly so.
NEARLY: dict[str, tuple[str, ...]] = {
    "name": ("upper(name)", "name || E'\\u200b'", "''"),
    "email": ("null", "'x' || email"),
    "note": ("null", "''", "'NULL'", "note || E'\\r'"),
    "balance": ("balance + 0.00", "balance + 0.0000000001", "null", "-balance"),
    "score": ("score + 1e-15", "'infinity'", "null", "float8 '0.1' + 0.2"),
    "ratio": ("ratio + 1e-7::float4", "null"),
    "tags": ("array_append(tags, null)", "'{}'", "array[tags]", "array_replace(tags, null, '')"),
    "attributes": ("attributes - 'g'", "attributes || '{\"n\": null}'", "'[]'"),
    "raw": ("raw::jsonb::json", "'null'"),
    "token": ("null", "''", "set_byte(token, 0, get_byte(token, 0) # 1)"),
    "born": ("born + 1", "'infinity'", "null"),
    "seen": ("seen + interval '1 us'", "date_trunc('second', seen)", "null"),
    "span": ("'empty'", "null"),
    "home": ("host(home)::inet", "null"),
    "wait": ("wait + interval '0.000001 s'", "justify_hours(wait)", "null"),
}
#: Rows of every table, by its full name: one is lost, one is changed.
LOST = {
    "public.customers": "id = 55", "public.orders": "id = 4999", "public.\"Odd \"\"Name\"": '"a b" = 50',
    "public.measurements_2025": "at = '2025-06-01'", "public.measurements_2026": "at = '2026-01-01'",
    "public.parent": "id = 1", "public.child": "id = 2", "auth.users": "email = 'u1@example.com'",
    "storage.buckets": "id = 'avatars'", "storage.objects": "name = 'u/30.png'", "auth.schema_migrations": "version = 'v1'",
    "supabase_migrations.schema_migrations": "true",
}  # fmt: skip
OBJECTS: dict[str, tuple[str, str]] = {
    "a schema": ("create schema extra", "schema extra was not there"),
    "a table more": ("create table public.extra (a int)", "table public.extra was not there"),
    "a view less": ("drop view public.open_orders", "public.open_orders is missing"),
    "a materialized view less": ("drop materialized view public.totals", "public.totals is missing"),
    "an index unique": ("drop index public.customers_email; create unique index customers_email on public.customers (id)", "index public.customers_email is"),
    "an index more": ("create index extra on public.orders (placed)", "index public.extra was not there"),
    "a primary key": ("alter table public.cache drop constraint cache_pkey", "cache_pkey is missing"),
    "a column's name": ("alter table public.orders rename placed to placed_at", "public.orders.placed"),
    "a column gone": ("alter table public.child drop more", "public.child.more is missing"),
    "another type": ("alter table public.cache alter v type varchar(9)", "column public.cache.v"),
    "a shorter type": ("alter table auth.users alter role type varchar(64)", "column auth.users.role"),
    "an identity": ("alter table public.customers alter id drop identity", "column public.customers.id"),
    "a generated column": ("alter table public.customers alter shout drop expression", "column public.customers.shout"),
    "a storage": ("alter table public.customers alter note set storage external", "column public.customers.note"),
    "a collation": ('alter table public.customers alter note type text collate "C"', "column public.customers.note"),
    "a check that lets more in": ("alter table public.orders drop constraint orders_total_check; alter table public.orders add constraint orders_total_check check (total >= -1)", "orders_total_check is"),
    "a cascade": ("alter table public.orders drop constraint orders_customer_id_fkey; alter table public.orders add constraint orders_customer_id_fkey foreign key (customer_id) references public.customers", "orders_customer_id_fkey is"),
    "a sequence's owner": ("alter sequence public.orders_id_seq owned by none", "sequence public.orders_id_seq is"),
    "a sequence gone": ("drop sequence public.invoice_number", "sequence public.invoice_number is missing"),
    "a sequence that cycles": ("alter sequence public.invoice_number cycle", "sequence public.invoice_number is"),
    "a sequence further": ("select nextval('public.invoice_number')", "sequence public.invoice_number stands at 1240"),
    "a sequence of auth": ("select setval('auth.refresh_tokens_id_seq', 99)", "sequence auth.refresh_tokens_id_seq stands at 99"),
    "a grant to everyone": ("grant select on public.orders to public", "grant table public.orders: public"),
    "a schema's grant": ("grant create on schema public to anon", "grant schema public: anon"),
    "a type's grant": ("revoke usage on type public.status from public", "grant type public.status: public"),
    "a sequence's grant": ("grant usage on sequence public.invoice_number to anon", "grant table public.invoice_number: anon"),
    "a column's grant more": ("grant update (total) on public.orders to anon", "grant column public.orders.total: anon"),
    "a default grant more": ("alter default privileges for role postgres in schema public grant select on tables to anon", "default grant postgres in public on r to anon"),
    "a policy more": ("create policy open on public.orders using (true)", "policy public.orders open was not there"),
    "a policy's role": ("alter policy own_customers on public.customers to anon", "policy public.customers own_customers is"),
    "a policy made permissive": ("drop policy own_orders on public.orders; create policy own_orders on public.orders to anon, authenticated using (total > 0) with check (total < 1000000)", "policy public.orders own_orders is"),
    "a policy's check": ("alter policy own_orders on public.orders with check (true)", "policy public.orders own_orders is"),
    "row level security of storage": ("alter table storage.objects disable row level security", "table storage.objects is"),
    "a trigger gone": ("drop trigger touch on public.orders", "trigger public.orders touch is missing"),
    "a trigger more": ("create trigger extra before insert on public.orders for each row execute function public.touch()", "trigger public.orders extra was not there"),
    "a trigger's moment": ("drop trigger touch on public.orders; create trigger touch after update on public.orders for each row execute function public.touch()", "trigger public.orders touch is"),
    "a function gone": ("drop function public.greet(text)", "function public.greet(text) is missing"),
    "a function's search path": ("alter function public.greet(text) reset search_path", "function public.greet(text) is"),
    "a function not definer": ("alter function public.copy_user() security invoker", "function public.copy_user() is"),
    "a function's owner": ("alter function public.touch() owner to supabase_admin", "function public.touch() is"),
    "a function of auth": ("create or replace function auth.role() returns text language sql stable as $$ select 'service_role' $$", "function auth.role() is"),
    "an extension more": ("create extension citext", "extension citext was not there"),
    "an extension moved": ("alter extension hstore set schema public", "extension hstore is"),
    "an enum gone": ("create type public.other as enum ('a')", "enum public.other was not there"),
    "a label first": ("alter type public.status add value 'draft' before 'new'", "enum public.status is"),
    "a domain not null": ("alter domain public.email set not null", "domain public.email is"),
    "a domain's default": ("alter domain public.email set default 'a@b'", "domain public.email is"),
    "a partition more": ("create table public.measurements_2027 partition of public.measurements for values from ('2027-01-01') to ('2028-01-01')", "table public.measurements_2027 was not there"),
    "a partition's bounds": ("alter table public.measurements detach partition public.measurements_2025; alter table public.measurements attach partition public.measurements_2025 for values from ('2024-01-01') to ('2026-01-01')", "table public.measurements_2025 is"),
    "an inheritance": ("alter table public.child no inherit public.parent", "table public.child is"),
    "an unlogged table logged": ("alter table public.cache set logged", "table public.cache is"),
    "a replica identity": ("alter table public.orders replica identity full", "table public.orders is"),
    "a fill factor": ("alter table public.orders set (fillfactor = 70)", "table public.orders is"),
    "a publication more": ("create publication extra for table public.orders", "publication extra was not there"),
    "a published column list": ("alter publication supabase_realtime set table public.orders (id), public.customers", "published table supabase_realtime: public.orders is"),
    "a published condition": ("alter publication supabase_realtime set table public.orders where (id > 0), public.customers", "published table supabase_realtime: public.orders is"),
    "an event trigger": ("create function public.seen() returns event_trigger language plpgsql as $$ begin end $$; create event trigger watch on ddl_command_end execute function public.seen()", "event trigger watch was not there"),
    "a rule more": ("create rule extra as on update to public.cache do instead nothing", "rule public.cache extra was not there"),
    "statistics of less": ("drop statistics public.together; create statistics public.together (mcv) on customer_id, status from public.orders", "statistics together is"),
    "a job's time": ("update cron.job set schedule = '0 4 * * *' where jobname = 'nightly'", "scheduled job nightly is"),
    "a job's command": ("update cron.job set command = 'select 2' where jobname = 'nightly'", "scheduled job nightly is"),
    "a job more": ("select cron.schedule('extra', '* * * * *', 'select 1')", "scheduled job extra was not there"),
    "a role's setting here": ("do $$ begin execute format('alter role clerk in database %I set work_mem = ''6MB''', current_database()); end $$", "setting clerk in this database: work_mem"),
    "a setting more": ("do $$ begin execute format('alter database %I set work_mem = ''9MB''', current_database()); end $$", "setting all roles in this database: work_mem was not there"),
}  # fmt: skip


def planted() -> Iterator[tuple[str, str, str]]:
    """Name, statement, and what the finding has to say."""
    for name, (statement, wanted) in {**PLANTED, **OBJECTS}.items():
        yield name, statement, wanted
    for column, values in NEARLY.items():
        for number, value in enumerate(values):
            row = (
                12 + number if column != "note" else 6 + number
            )  # customers 6, 7, 9, … : a note that is neither NULL nor ''
            yield (
                f"customers.{column} became {value}", f"update public.customers set {column} = {value} where id = {row}",
                "table public.customers",
            )  # fmt: skip
    for table, where in LOST.items():
        yield (
            f"a row of {table} is lost", f"set session_replication_role = replica; delete from only {table} where {where}",
            "table public.Odd" if "Odd" in table else f"table {table}",
        )  # fmt: skip


class Forger:
    """Faults of a backup's files and of its manifest: each planted in a copy, and how it is found."""

    def __init__(self, server: Server, kept: Store, folder: Path) -> None:
        self.server, self.kept, self.folder = server, kept, folder
        self.number = 0

    def copy(self) -> Store:
        self.number += 1
        assert self.kept.folder is not None
        shutil.copytree(self.kept.folder, self.folder / str(self.number))
        return Store.of(str(self.folder / str(self.number)))

    def part(self, kind: str, seed: int) -> bool:
        """A part that is not as it was is the only one named."""
        chance, store = random.Random(seed), self.copy()
        found = stage.found(store)
        part = chance.choice(found.manifest.parts())
        assert store.folder is not None
        FILE_FAULTS[kind](store.folder / found.prefix / part.name, chance)
        wrong = check_parts(store, found)
        shutil.rmtree(store.folder)
        return len(wrong) == 1 and wrong[0].startswith(part.name)

    def manifest(self, change: Callable[[bytes], bytes]) -> bool:
        """A manifest that is not as it was signed is refused."""
        store = self.copy()
        name = f"{stage.found(store).prefix}/manifest.json"
        store.put(name, change(store.get(name)))
        try:
            manifests.read(store, name.rpartition("/")[0])
        except (BackupDamaged, NoBackup):
            return True
        return False

    def swapped(self, offset: int) -> bool:
        """Two parts of one table in each other's place are both named."""
        store = self.copy()
        found: Found = stage.found(store)
        orders = found.manifest.table("public.orders")
        assert orders is not None
        one, two = (f"{found.prefix}/{orders.parts[place].name}" for place in (offset, offset + 1))
        first, second = store.get(one), store.get(two)
        store.put(one, second)
        store.put(two, first)
        return len(check_parts(store, found)) == 2

    def wrong_key(self) -> bool:
        wrong = Opener(Secret(str(library().x25519.Identity.generate())))
        said = check_parts(self.kept, stage.found(self.kept), wrong)
        return bool(said) and all("sealed for other keys" in line for line in said)


@dataclass
class Tally:
    """What was planted, by kind, and what was missed."""

    planted: Counter[str] = field(default_factory=Counter)
    missed: dict[str, object] = field(default_factory=dict)

    def note(self, kind: str, name: str, *, found: bool, said: object = "not named") -> None:
        self.planted[kind] += 1
        if not found:
            self.missed[name] = said

    def __str__(self) -> str:
        total = self.planted.total()
        told = ", ".join(f"{count} {kind}" for kind, count in self.planted.items())
        return f"{total - len(self.missed)} of {total} planted faults found and named: {told}"


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of it": lambda content: bytes([*content[:400], content[400] ^ 1, *content[401:]]),
    "its end": lambda content: content[: len(content) // 2],
    "all of it": lambda _content: b"",
    "another document": lambda _content: b'{"payload": "e30=", "payloadType": "x", "signatures": []}',
    "its signature": lambda content: content.replace(b'"sig": "', b'"sig": "A'),
}


def test_two_hundred_planted_faults_are_all_found_and_named(
    server: Server, kept: Store, restored: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()
    for name, statement, wanted in planted():
        copy = copy_of_restored(server)
        server.run(copy, statement)
        said = server.compared(restored, copy).findings
        tally.note("in a restored database", name, found=any(wanted in line for line in said), said=said)
        server.drop(copy)
    forger = Forger(server, kept, tmp_path)
    for kind, seed in itertools.product(FILE_FAULTS, range(FILES_EACH)):
        tally.note("in a part", f"a part {kind} ({seed})", found=forger.part(kind, seed))
    for offset in range(2):
        tally.note("in a part", f"parts {offset} swapped", found=forger.swapped(offset))
    for name, change in CHANGES.items():
        tally.note("in a manifest", f"a manifest: {name}", found=forger.manifest(change))
    tally.note("with a wrong key", "a wrong key", found=forger.wrong_key())
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.missed == {}
    assert tally.planted.total() >= 200
