"""Databases that hotops makes on a server, and removes again."""

from __future__ import annotations

import contextlib

from hotops.backup.connection import Connection, driver, explained
from hotops.backup.fingerprint import quoted


def create_database(connection: Connection, name: str) -> bool:
    """Make an empty database on the connection's server; False where there is one of this name."""
    psycopg = driver()
    with contextlib.closing(connection.open()) as session:
        try:
            session.execute(f"create database {quoted(name)} template template0")
        except psycopg.errors.DuplicateDatabase:
            return False
        except psycopg.Error as error:
            raise explained(error, connection) from None
    return True


def drop_database(connection: Connection, name: str) -> None:
    """Remove a database that hotops made."""
    with contextlib.closing(connection.open()) as session:
        try:
            session.execute(f"drop database if exists {quoted(name)} with (force)")
        except driver().Error as error:
            raise explained(error, connection) from None
