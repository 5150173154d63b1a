"""Replacing the rows of a living database by those of a backup: its tables, keys and policies stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

from hotops.backup.catalogue import compare_catalogues, read_catalogue
from hotops.backup.errors import RestoreRefused
from hotops.backup.fingerprint import quoted
from hotops.backup.hosted import OWN_ROWS
from hotops.backup.load import NOTES, Load

#: What has to be as it was, for the backup's rows to fit.
_SHAPE = frozenset({"enum", "domain", "table", "column"})


@dataclass
class Over(Load):
    """A restore whose target holds rows, which go in the same transaction that notes it."""

    def claim(self) -> None:
        """Empty the wanted tables, once. Raises RestoreRefused where tables are not as they were."""
        manifest = self.found.manifest
        wanted = [table for table in self.wanted() if table.full_name not in OWN_ROWS and not table.where]
        names = {f"{table.schema_name}.{table.name}" for table in wanted}
        with self._session(autocommit=False) as session:
            row = session.execute(f"select to_regclass('{NOTES}.done') is not null").fetchone()
            if row and row[0]:
                return
            shape = compare_catalogues(self.catalogue(), read_catalogue(session, kinds=_SHAPE), kinds=_SHAPE)
            unlike = [str(found) for found in shape if any(name in found.name.replace('"', "") for name in names)]
            if unlike:
                raise RestoreRefused(
                    f"{self.connection.place} is not shaped as {manifest.id}: {'; '.join(unlike[:3])}. Nothing was written.",
                    remedy="Restore into a new database, and bring the rows over with SQL.",
                )
            tables = ", ".join(f"only {quoted(table.schema_name)}.{quoted(table.name)}" for table in wanted)
            session.execute(f"truncate {tables}")
            session.execute(f"create schema {NOTES}")
            session.execute(f"create table {NOTES}.done (part text primary key, backup text)")
            session.execute(f"insert into {NOTES}.done values ('', %s)", (manifest.id,))
            session.commit()
