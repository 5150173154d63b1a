"""The script beside each backup that restores it with age, zstd, psql and pg_restore alone."""

from __future__ import annotations

import shlex

from hotops.backup.fingerprint import quoted
from hotops.backup.manifest import Manifest, Table

_HEAD = """#!/bin/sh
# Restores {id} of {database} ({rows} rows, taken {taken}) into an empty database, without hotops.
#
#   IDENTITY=key.txt TARGET="postgresql://…/new_database" sh restore.sh
#
# Needs age, zstd, psql and pg_restore {major} or newer. Run it in the folder of the backup, as a superuser of the target.
set -eu
: "${{IDENTITY:?the file with the age identity}}" "${{TARGET:?connection string of an empty database}}"
open() {{ age -d -i "$IDENTITY" "$1" | zstd -dc; }}
load() {{ for part in "$1"/*.copy.zst.age; do open "$part" | psql -X -q -v ON_ERROR_STOP=1 "$TARGET" -c "set session_replication_role = replica" -c "$2"; done; }}

open roles.sql.zst.age | psql -X -q -v ON_ERROR_STOP=1 "$TARGET"
# On a server of its own, to make roles that were there already as they were: open role_settings.sql.zst.age | psql -X "$TARGET"
open schema.pgdump.zst.age > schema.pgdump
pg_restore --section=pre-data -d "$TARGET" schema.pgdump
"""


def restore_script(manifest: Manifest) -> str:
    """The script of one backup. It names tables and columns, and no row."""
    from hotops.core.clock import rfc3339

    lines = [
        _HEAD.format(
            id=manifest.id,
            database=manifest.database,
            rows=manifest.rows,
            taken=rfc3339(manifest.taken_at),
            major=manifest.server_major,
        )
    ]
    for table in manifest.tables:
        if table.parts:
            folder = table.parts[0].name.rpartition("/")[0]
            lines.append(f"load {shlex.quote(folder)} {shlex.quote(copy_in(table))}")
    if "large_objects" in manifest.schema_parts:
        lines.append(
            "open large_objects.pgdump.zst.age > large_objects.pgdump\n"
            "pg_restore -l large_objects.pgdump | grep -E '^[0-9]+; [0-9]+ [0-9]+ (BLOB|[A-Z ]+ - LARGE OBJECT)' > large_objects.list\n"
            'pg_restore -L large_objects.list -d "$TARGET" large_objects.pgdump'
        )
    lines.append('pg_restore --section=post-data -d "$TARGET" schema.pgdump')
    lines.append('open sequences.sql.zst.age | psql -X -q -v ON_ERROR_STOP=1 "$TARGET" > /dev/null')
    lines.append('open settings.sql.zst.age | psql -X -q -v ON_ERROR_STOP=1 "$TARGET"')
    if "jobs" in manifest.schema_parts:
        lines.append(
            '# Scheduled jobs start at once: do this only where they should run.\n# open jobs.sql.zst.age | psql -X "$TARGET"'
        )
    lines.append('psql -X -q "$TARGET" -c analyze')
    return "\n".join(lines) + "\n"


def copy_in(table: Table) -> str:
    """The COPY that takes a table's parts."""
    columns = ", ".join(quoted(column) for column in table.columns)
    return f"copy {quoted(table.schema_name)}.{quoted(table.name)}{f' ({columns})' if columns else ''} from stdin"
