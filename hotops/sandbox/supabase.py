"""The Supabase Management API of the twin: projects made and deleted, their health, backups, recovery and SQL."""

from __future__ import annotations

import hmac
import json
import math
import re
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hotops.sandbox.archive import OutsideWindow
from hotops.sandbox.host_map import pooler_host
from hotops.sandbox.pooler import MAX_CLIENTS, POOL_SIZE
from hotops.sandbox.projects import Database, Databases
from hotops.sandbox.supabase_keys import KeyRefused, ProjectKeys
from hotops.sandbox.supabase_query import QueryFailed, run_query
from hotops.sandbox.wire import Effect, Request, Response

HOST = "api.supabase.com"
LIMIT_PER_MINUTE = 120
"""Requests per user, scope and endpoint (Supabase docs, Management API rate limits); all tokens of a user share it."""

_DAY_S = 86400.0
_BACKUP_HOUR_S = 3 * 3600 + 11 * 60
_BACKUPS_KEPT = 7
_SERVICES = ("auth", "db", "db_postgres_user", "pooler", "realtime", "rest", "storage", "pg_bouncer")
_PROJECT = re.compile(r"^/v1/projects/(?P<ref>[^/]+)(?P<rest>/.*)?$")


@dataclass
class Refusal(Exception):
    """An error answer: ``{"message": ...}`` with this status."""

    status: int
    message: str
    extra: dict[str, Any] = field(default_factory=dict)


class ManagementApi:
    """Answers requests to api.supabase.com; ``tokens`` are the personal access tokens it knows."""

    def __init__(self, databases: Databases, *tokens: str) -> None:
        self._databases = databases
        self._tokens = [token.encode() for token in tokens]
        self._user_id = str(uuid.uuid4())
        self._limits = _Windows()
        self.keys = ProjectKeys(self._seeded_keys)

    def handle(self, request: Request, now: float) -> Response:
        """Answer one request. Each answer carries the rate headers, the authenticated ones the user's id too."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        request.memory["effect"] = effect(request)
        try:
            scope, endpoint = _endpoint(request)
            remaining, reset_s = self._limits.take((scope, request.method, endpoint), now)
            headers |= {
                "x-ratelimit-limit": str(LIMIT_PER_MINUTE),
                "x-ratelimit-remaining": str(max(0, remaining)),
                "x-ratelimit-reset": str(reset_s),
            }
            if not self._knows(request.headers.get("authorization", "")):
                raise Refusal(401, "Unauthorized")
            headers["x-gotrue-id"] = self._user_id
            if remaining < 0:
                raise Refusal(429, "ThrottlerException: Too Many Requests")
            status, payload = self._answer(request, now)
        except Refusal as refusal:
            status, payload = refusal.status, {"message": refusal.message, **refusal.extra}
        return Response(status, headers, b"" if payload is None else json.dumps(payload).encode())

    def _knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, known) for known in self._tokens)

    def _answer(self, request: Request, now: float) -> tuple[int, Any]:
        if request.path == "/v1/projects" and request.method in ("GET", "POST"):
            if request.method == "GET":
                return 200, [_project(database) for database in self._databases]
            return self._create(_body(request), now)
        if request.method == "GET" and request.path == "/v1/organizations":
            return 200, [{"id": slug, "slug": slug, "name": slug} for slug in self._databases.organizations()]
        found = _PROJECT.match(request.path)
        answer = _ROUTES.get((request.method, (found["rest"] or "") if found else ""))
        is_of_keys = found is not None and (found["rest"] or "").startswith("/api-keys")
        if found is None or (answer is None and not is_of_keys):
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        database = self._databases.find(found["ref"])
        if database is None and found["ref"] in self._databases.removed:
            raise Refusal(400, "Resource has been removed")  # not 404: seen in the vendor's own recordings
        if database is None:
            raise Refusal(404, "Project not found")
        if answer is not None:
            return answer(self._databases, database, request, now)
        return self._of_keys(found["ref"], found["rest"], request, now)

    def _of_keys(self, ref: str, rest: str, request: Request, now: float) -> tuple[int, Any]:
        reveal = "true" in request.values("reveal")
        body = _body(request) if request.method in ("POST", "PATCH") else {}
        try:
            answer = self.keys.answer(ref, request.method, rest, body, now, reveal=reveal)
        except KeyRefused as refused:
            raise Refusal(refused.status, refused.message) from None
        if answer is None:
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        return answer

    def _seeded_keys(self, ref: str) -> Mapping[str, str]:
        database = self._databases.find(ref)
        return dict(database.project.get("api_keys") or {}) if database else {}

    def _create(self, body: dict[str, Any], now: float) -> tuple[int, Any]:
        name, slug, password = body.get("name"), body.get("organization_slug"), body.get("db_pass")
        region = (body.get("region_selection") or {}).get("code") or body.get("region") or "us-east-1"
        for key, value in (("name", name), ("organization_slug", slug), ("db_pass", password)):
            if not isinstance(value, str) or not value:
                raise Refusal(400, f"{key}: Invalid input: expected string, received {type(value).__name__}")
        if slug not in self._databases.organizations():
            raise Refusal(404, "Organization not found")
        made = self._databases.create(
            name=str(name), organization=str(slug), region=str(region), password=str(password), now=now
        )
        return 201, {key: value for key, value in _project(made).items() if key != "database"}


def effect(request: Request) -> Effect:
    """What a call does to the world: SQL counts as a write unless it is asked to be read-only."""
    if request.method in ("GET", "HEAD"):
        return "none"
    if request.path.endswith("/database/query"):
        return "none" if _is_read_only(request) else "write"
    return "none" if request.path.endswith("/database/query/read-only") else "write"


# --- answers ----------------------------------------------------------------------------------------------------------


def _project(database: Database) -> dict[str, Any]:
    project, version = database.project, database.cluster.toolkit.programs.version
    return {
        "id": project["ref"],
        "ref": project["ref"],
        "organization_id": project["organization"],
        "organization_slug": project["organization"],
        "name": project["name"],
        "region": project["region"],
        "created_at": _timestamp(database.made_at),
        "status": database.status,
        "database": {
            "host": f"db.{project['ref']}.supabase.co",
            "version": version,
            "postgres_engine": version.split(".")[0],
            "release_channel": "ga",
        },
    }


def _get_project(_all: Databases, database: Database, _request: Request, _now: float) -> tuple[int, Any]:
    return 200, _project(database)


def _delete_project(databases: Databases, database: Database, _request: Request, _now: float) -> tuple[int, Any]:
    databases.remove(database)
    project = database.project
    return 200, {"id": int(database.made_at), "ref": project["ref"], "name": project["name"]}


def _get_health(_all: Databases, database: Database, request: Request, _now: float) -> tuple[int, Any]:
    asked = [name for key in ("services", "services[]") for value in request.values(key) for name in value.split(",")]
    if not asked or any(name not in _SERVICES for name in asked):
        raise Refusal(400, f"services must be some of {', '.join(_SERVICES)}")
    healthy = database.status == "ACTIVE_HEALTHY"
    return 200, [_service(name, healthy) for name in asked]


def _service(name: str, healthy: bool) -> dict[str, Any]:
    service: dict[str, Any] = {
        "name": name,
        "healthy": healthy,
        "status": "ACTIVE_HEALTHY" if healthy else "UNHEALTHY",
    }
    if not healthy:
        service["error"] = "The database does not accept connections"
    return service


def _get_backups(_all: Databases, database: Database, _request: Request, now: float) -> tuple[int, Any]:
    """With recovery to a point in time the list is empty and the window tells what there is."""
    window = database.window
    return 200, {
        "region": database.project["region"],
        "walg_enabled": True,
        "pitr_enabled": window is not None,
        "backups": [
            {
                "id": _backup_id(taken_at),
                "is_physical_backup": True,
                "status": "COMPLETED",
                "inserted_at": _timestamp(taken_at),
            }
            for taken_at in ([] if window else _backup_times(database, now))
        ],
        "physical_backup_data": {
            "earliest_physical_backup_date_unix": math.ceil(window[0]),
            "latest_physical_backup_date_unix": math.floor(window[1]),
        }
        if window
        else {},
    }


def _backup_times(database: Database, now: float) -> list[float]:
    """Newest first; one a day, each night at 03:11 UTC unless the seed says how old the newest is."""
    age_s = database.project.get("newest_backup_age_s")
    newest = (now - _BACKUP_HOUR_S) // _DAY_S * _DAY_S + _BACKUP_HOUR_S if age_s is None else now - float(age_s)
    return [newest - day * _DAY_S for day in range(_BACKUPS_KEPT)]


def _backup_id(taken_at: float) -> int:
    return int(taken_at // _DAY_S) * 1000 + 1


def _restore_to_moment(databases: Databases, database: Database, request: Request, _now: float) -> tuple[int, Any]:
    moment = _body(request).get("recovery_time_target_unix")
    if not isinstance(moment, int) or isinstance(moment, bool) or moment < 0:
        raise Refusal(400, "recovery_time_target_unix: Invalid input: expected number")
    if database.window is None:
        raise Refusal(402, "Point in time recovery is not enabled for this project")
    if database.busy is not None:
        raise Refusal(409, f"The project is {database.busy}")
    earliest, latest = database.window
    target = float(moment)
    if math.floor(earliest) <= moment <= math.ceil(latest):
        target = min(max(target, earliest), latest)  # the window is told in whole seconds; its ends are inside
    try:
        databases.recover(database, target)
    except OutsideWindow as outside:
        raise Refusal(422, f"The recovery time target is outside of the window: {outside}") from None
    return 201, None


def _get_pooler(_all: Databases, database: Database, _request: Request, _now: float) -> tuple[int, Any]:
    ref, host = database.project["ref"], pooler_host(database.project)
    user = f"postgres.{ref}"
    connection_string = f"postgresql://{user}:[YOUR-PASSWORD]@{host}:6543/postgres"
    return 200, [
        {
            "identifier": ref,
            "database_type": "PRIMARY",
            "is_using_scram_auth": True,
            "db_user": user,
            "db_host": host,
            "db_port": 6543,
            "db_name": "postgres",
            "connection_string": connection_string,
            "connectionString": connection_string,
            "default_pool_size": POOL_SIZE,
            "max_client_conn": MAX_CLIENTS,
            "pool_mode": "transaction",
        }
    ]


def _post_query(_all: Databases, database: Database, request: Request, _now: float) -> tuple[int, Any]:
    return _query(database, request, read_only=_is_read_only(request))


def _post_query_read_only(_all: Databases, database: Database, request: Request, _now: float) -> tuple[int, Any]:
    return _query(database, request, read_only=True)


def _query(database: Database, request: Request, *, read_only: bool) -> tuple[int, Any]:
    body = _body(request)
    query, parameters = body.get("query"), body.get("parameters", [])
    if not isinstance(query, str) or not query:
        raise Refusal(400, "query: Too small: expected string to have >=1 characters")
    if not isinstance(parameters, list):
        raise Refusal(400, "parameters: Invalid input: expected array")
    try:
        return 201, run_query(database.connection_string(), query, parameters, read_only=read_only)
    except QueryFailed as failure:
        raise Refusal(400, f"Failed to run sql query: {failure}") from None


def _patch_password(_all: Databases, database: Database, request: Request, _now: float) -> tuple[int, Any]:
    password = _body(request).get("password")
    if not isinstance(password, str) or len(password) < 4:
        raise Refusal(400, "password: Too small: expected string to have >=4 characters")
    try:
        database.set_password(password)
    except RuntimeError:
        raise Refusal(500, "Failed to update database password") from None
    return 200, {"message": "Successfully updated password"}


_ROUTES: Mapping[tuple[str, str], Callable[[Databases, Database, Request, float], tuple[int, Any]]] = {
    ("GET", ""): _get_project,
    ("DELETE", ""): _delete_project,
    ("GET", "/health"): _get_health,
    ("PATCH", "/database/password"): _patch_password,
    ("GET", "/database/backups"): _get_backups,
    ("POST", "/database/backups/restore-pitr"): _restore_to_moment,
    ("GET", "/config/database/pooler"): _get_pooler,
    ("POST", "/database/query"): _post_query,
    ("POST", "/database/query/read-only"): _post_query_read_only,
}


# --- requests ---------------------------------------------------------------------------------------------------------


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Refusal(400, "The body is not JSON") from None
    if not isinstance(body, dict):
        raise Refusal(400, "The body is not a JSON object")
    return body


def _is_read_only(request: Request) -> bool:
    try:
        return _body(request).get("read_only") is True
    except Refusal:
        return False


def _endpoint(request: Request) -> tuple[str, str]:
    """Scope (a project or the user) and endpoint of a request, what the limit is counted by."""
    found = _PROJECT.match(request.path)
    return (found["ref"], found["rest"] or "") if found else ("user", request.path)


def _timestamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Windows:
    """Fixed windows of a minute, one for each key."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
        self._lock = threading.Lock()

    def take(self, key: tuple[str, str, str], now: float) -> tuple[int, int]:
        """Count a request; returns what remains (negative: refuse) and the seconds until the window ends."""
        window = int(now // 60)
        with self._lock:
            began, used = self._used[key]
            used = used + 1 if began == window else 1
            self._used[key] = (window, used)
        return LIMIT_PER_MINUTE - used, 60 - int(now) % 60
