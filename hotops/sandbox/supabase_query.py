"""SQL through the Management API: run as the project's ``postgres`` role, rows in the JSON that it answers."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

READ_ONLY_ROLE = "supabase_read_only_user"
LARGEST_SAFE_INTEGER = 2**53 - 1
STATEMENT_TIMEOUT_MS = 60_000


class QueryFailed(Exception):
    """PostgreSQL refused the query or could not be reached; the text is PostgreSQL's own."""


def run_query(connection_string: str, query: str, parameters: list[Any], *, read_only: bool) -> list[dict[str, Any]]:
    """The rows of the last statement, an empty list where it returns none. Raises: QueryFailed.

    Parameters are PostgreSQL's own ($1, $2 …), sent as text and typed by the server.
    """
    import psycopg
    from psycopg.rows import dict_row

    role = READ_ONLY_ROLE if read_only else "postgres"
    try:
        with psycopg.connect(
            connection_string, autocommit=True, row_factory=dict_row, cursor_factory=psycopg.RawCursor
        ) as connection:
            _read_times_as_text(connection)
            connection.execute(f"set session authorization {role}")
            connection.execute(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}")
            if read_only:
                connection.execute("set default_transaction_read_only = on")
            cursor = connection.execute(query, [_as_text(value) for value in parameters] or None)
            rows = cursor.fetchall() if cursor.description else []
            while cursor.nextset():
                rows = cursor.fetchall() if cursor.description else []
            return [{name: _as_json(value) for name, value in row.items()} for row in rows]
    except psycopg.Error as error:
        raise QueryFailed(_said(error)) from None


def _read_times_as_text(connection: Any) -> None:
    """Times reach the caller as PostgreSQL writes them: nothing is lost on the way through another calendar."""
    from psycopg.types.string import TextLoader

    for name in ("date", "time", "timetz", "timestamp", "timestamptz", "interval"):
        connection.adapters.register_loader(name, TextLoader)


def _said(error: Any) -> str:
    diagnosis = error.diag
    if diagnosis.message_primary is None:
        return "could not connect to the database"
    text = f"{diagnosis.severity}:  {diagnosis.sqlstate}: {diagnosis.message_primary}"
    if diagnosis.message_detail:
        text += f"\nDETAIL:  {diagnosis.message_detail}"
    if diagnosis.message_hint:
        text += f"\nHINT:  {diagnosis.message_hint}"
    return text


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _as_json(value: Any) -> Any:
    """Whole numbers that a double cannot hold, exact decimals and everything JSON has no word for become text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_SAFE_INTEGER else str(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (datetime, date, time, timedelta)):
        return str(value)
    if isinstance(value, (bytes, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    return str(value)
