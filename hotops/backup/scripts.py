"""The part of a database that pg_dump leaves out, as SQL that psql runs: roles, settings, sequences, scheduled jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hotops.backup.fingerprint import quoted

_OURS = "!~ '^(pg_|cli_login_)'"
_ROLES = f"""
select rolname, concat_ws(' ', case when rolinherit then 'inherit' else 'noinherit' end,
    case when rolcreaterole then 'createrole' else 'nocreaterole' end, case when rolcreatedb then 'createdb' else 'nocreatedb' end,
    case when rolcanlogin then 'login' else 'nologin' end, 'connection limit ' || rolconnlimit),
  array_remove(array[case when rolsuper then 'superuser' end, case when rolreplication then 'replication' end,
    case when rolbypassrls then 'bypassrls' end], null)
from pg_roles where rolname {_OURS} order by 1
"""
_MEMBERS = f"""
select g.rolname, m.rolname, bool_or(a.admin_option) from pg_auth_members a
  join pg_roles g on g.oid = a.roleid join pg_roles m on m.oid = a.member
where m.rolname {_OURS} group by 1, 2 order by 1, 2
"""
_SETTINGS = f"""
select r.rolname, s.setdatabase <> 0, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c
where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
  and coalesce(r.rolname, '') {_OURS} order by 1 nulls first, 2, 3
"""
_SEQUENCES = """
select c.oid::regclass::text, coalesce(pg_sequence_last_value(c.oid), s.seqstart), pg_sequence_last_value(c.oid) is not null
from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
where c.relpersistence <> 't' and n.nspname not in ('hotops_restore', 'cron')  -- jobs get new numbers
  and case when c.relkind = 'S' then has_sequence_privilege(c.oid, 'select, usage') and has_schema_privilege(n.oid, 'usage') end
order by 1
"""
#: Settings whose value is a list of names, each quoted for itself already.
_LISTS = frozenset(
    {"search_path", "datestyle", "local_preload_libraries", "session_preload_libraries", "temp_tablespaces"}
)


def roles_script(cursor: Any) -> str:
    """Makes the roles that are missing, with their attributes, memberships and settings; leaves the others alone.

    Passwords are in no backup. What only a superuser may give warns and goes on where there is none.
    """
    cursor.execute(_ROLES)
    roles = cursor.fetchall()
    cursor.execute(_MEMBERS)
    members = cursor.fetchall()
    cursor.execute(_SETTINGS)
    settings = [row for row in cursor.fetchall() if row[0] and not row[1]]
    body = [
        f"  if to_regrole({literal(quoted(name))}) is null then create role {quoted(name)}; made := array_append(made, {literal(name)}); end if;"
        for name, _, _ in roles
    ]
    for name, usual, special in roles:
        body += [_if_made((name,), f"alter role {quoted(name)} with {attributes}") for attributes in (usual, *special)]
    for group, member, admin in members:
        body.append(
            _if_made(
                (group, member), f"grant {quoted(group)} to {quoted(member)}{' with admin option' if admin else ''}"
            )
        )
    for name, _, setting, value in settings:
        body.append(_if_made((name,), f"alter role {quoted(name)} set {setting} = {_value(setting, value)}"))
    return _block("Roles that are not there yet.", body, "declare made text[] := '{}'; ")


def settings_script(cursor: Any) -> str:
    """Sets what is set for this database, for all roles or for some."""
    cursor.execute(_SETTINGS)
    body = []
    for role, here, setting, value in cursor.fetchall():
        if not here:
            continue
        whom = f"role {quoted(role)} in database %I" if role else "database %I"
        command = f"alter {whom} set {setting} = {_value(setting, value).replace('%', '%%')}"
        body.append(_guarded(f"execute format({literal(command)}, current_database());"))
    return _block("Settings of the database.", body)


def role_settings_script(cursor: Any) -> str:
    """Makes roles that are there already as they were: for a project of its own, never beside a living database."""
    cursor.execute(_ROLES)
    body = [
        _guarded(f"alter role {quoted(name)} with {attributes};")
        for name, usual, special in cursor.fetchall()
        for attributes in (usual, *special)
    ]
    cursor.execute(_MEMBERS)
    body += [
        _guarded(f"grant {quoted(g)} to {quoted(m)}{' with admin option' if admin else ''};")
        for g, m, admin in cursor.fetchall()
    ]
    cursor.execute(_SETTINGS)
    body += [
        _guarded(f"alter role {quoted(role)} set {setting} = {_value(setting, value)};")
        for role, here, setting, value in cursor.fetchall()
        if role and not here
    ]
    return _block("Attributes, memberships and settings of roles that are there already.", body)


def sequence_values(cursor: Any) -> dict[str, tuple[int, bool]]:
    """Each sequence's last value, and whether it was ever asked. Read last: it never lies below a row of the snapshot."""
    cursor.execute("select set_config('search_path', '', true)")
    cursor.execute(_SEQUENCES)
    return {name: (int(value), bool(called)) for name, value, called in cursor.fetchall()}


def sequences_script(values: dict[str, tuple[int, bool]]) -> str:
    """Sets each sequence to where it was."""
    lines = [
        f"select pg_catalog.setval({literal(name)}, {value}, {str(called).lower()});"
        for name, (value, called) in values.items()
    ]
    return "\n".join(["-- Where each sequence stands.", *lines]) + "\n"


def jobs_script(cursor: Any) -> str:
    """Schedules the jobs of pg_cron again, of which nobody else keeps a copy; empty where there are none."""
    cursor.execute("select has_table_privilege(to_regclass('cron.job')::oid, 'select')")
    if not cursor.fetchone()[0]:
        return ""
    cursor.execute(
        "select coalesce(jobname, 'job ' || jobid), schedule, command, active from cron.job where database = current_database() order by jobid"
    )
    lines = ["-- Jobs of pg_cron: they run as soon as they are scheduled."]
    for name, schedule, command, active in cursor.fetchall():
        lines.append(f"select cron.schedule({literal(name)}, {literal(schedule)}, {literal(command)});")
        if not active:
            lines.append(f"update cron.job set active = false where jobname = {literal(name)};")
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""


def literal(text: str) -> str:
    """An SQL string."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'" if "\\" not in text else "E'" + escaped.replace("\\", "\\\\") + "'"


def _value(setting: str, value: str) -> str:
    return (value or "''") if setting.lower() in _LISTS else literal(value)


def _if_made(names: tuple[str, ...], command: str) -> str:
    either = " or ".join(f"{literal(name)} = any (made)" for name in names)
    return f"  if {either} then {_guarded(f'{command};').strip()} end if;"


def _guarded(statement: str) -> str:
    return f"  begin {statement} exception when insufficient_privilege or invalid_grant_operation or undefined_object then raise warning '%', sqlerrm; end;"


def _block(title: str, body: list[str], declare: str = "") -> str:
    return "\n".join(_lines(title, body, declare)) + "\n"


def _lines(title: str, body: list[str], declare: str) -> Iterator[str]:
    yield f"-- {title}"
    if body:
        yield f"do $hotops$ {declare}begin"
        yield from body
        yield "end $hotops$;"
