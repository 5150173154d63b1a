"""The Supabase Management API of the twin: one organisation's projects, their health, backups and SQL."""

from __future__ import annotations

import hmac
import json
import re
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

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


class Database(Protocol):
    """What the API needs of a project's PostgreSQL."""

    def connection_string(self) -> str:
        """A libpq string of the superuser."""
        ...

    def is_answering(self) -> bool:
        """Whether it accepts a connection."""
        ...


@dataclass(frozen=True)
class Project:
    """A project as the API shows it. ``newest_backup_age_s`` None means a backup each night at 03:11 UTC."""

    ref: str
    name: str
    region: str
    organization: str
    created_at: float
    postgres_version: str
    pooler_host: str
    database: Database
    newest_backup_age_s: float | None = None

    @property
    def database_host(self) -> str:
        """Name of the direct connection."""
        return f"db.{self.ref}.supabase.co"


@dataclass
class Refusal(Exception):
    """An error answer: ``{"message": ...}`` with this status."""

    status: int
    message: str
    extra: dict[str, Any] = field(default_factory=dict)


class ManagementApi:
    """Answers requests to api.supabase.com; ``tokens`` are the personal access tokens it knows."""

    def __init__(self, projects: Sequence[Project], *tokens: str) -> None:
        self._projects = {project.ref: project for project in projects}
        self._tokens = [token.encode() for token in tokens]
        self._user_id = str(uuid.uuid4())
        self._limits = _Windows()

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
        return Response(status, headers, json.dumps(payload).encode())

    def _knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode()
        return scheme.lower() == "bearer" and any(hmac.compare_digest(given, known) for known in self._tokens)

    def _answer(self, request: Request, now: float) -> tuple[int, Any]:
        if request.method == "GET" and request.path == "/v1/projects":
            return 200, [_project(project) for project in self._projects.values()]
        if request.method == "GET" and request.path == "/v1/organizations":
            slugs = sorted({project.organization for project in self._projects.values()})
            return 200, [{"id": slug, "slug": slug, "name": slug} for slug in slugs]
        found = _PROJECT.match(request.path)
        answer = _ROUTES.get((request.method, (found["rest"] or "") if found else ""))
        if found is None or answer is None:
            raise Refusal(404, f"Cannot {request.method} {request.path}")
        project = self._projects.get(found["ref"])
        if project is None:
            raise Refusal(404, "Project not found")
        return answer(project, request, now)


def effect(request: Request) -> Effect:
    """What a call does to the world: SQL counts as a write unless it is asked to be read-only."""
    if request.method in ("GET", "HEAD"):
        return "none"
    if request.path.endswith("/database/query"):
        return "none" if _is_read_only(request) else "write"
    return "none" if request.path.endswith("/database/query/read-only") else "write"


# --- answers ----------------------------------------------------------------------------------------------------------


def _project(project: Project) -> dict[str, Any]:
    healthy = project.database.is_answering()
    return {
        "id": project.ref,
        "ref": project.ref,
        "organization_id": project.organization,
        "organization_slug": project.organization,
        "name": project.name,
        "region": project.region,
        "created_at": _timestamp(project.created_at),
        "status": "ACTIVE_HEALTHY" if healthy else "ACTIVE_UNHEALTHY",
        "database": {
            "host": project.database_host,
            "version": project.postgres_version,
            "postgres_engine": project.postgres_version.split(".")[0],
            "release_channel": "ga",
        },
    }


def _get_project(project: Project, _request: Request, _now: float) -> tuple[int, Any]:
    return 200, _project(project)


def _get_health(project: Project, request: Request, _now: float) -> tuple[int, Any]:
    asked = [name for key in ("services", "services[]") for value in request.values(key) for name in value.split(",")]
    if not asked or any(name not in _SERVICES for name in asked):
        raise Refusal(400, f"services must be some of {', '.join(_SERVICES)}")
    healthy = project.database.is_answering()
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


def _get_backups(project: Project, _request: Request, now: float) -> tuple[int, Any]:
    times = _backup_times(project, now)
    return 200, {
        "region": project.region,
        "walg_enabled": True,
        "pitr_enabled": False,
        "backups": [
            {
                "id": int(taken_at // _DAY_S) * 1000 + 1,
                "is_physical_backup": True,
                "status": "COMPLETED",
                "inserted_at": _timestamp(taken_at),
            }
            for taken_at in times
        ],
        "physical_backup_data": {},
    }


def _backup_times(project: Project, now: float) -> list[float]:
    """Newest first; one a day."""
    if project.newest_backup_age_s is not None:
        newest = now - project.newest_backup_age_s
    else:
        newest = (now - _BACKUP_HOUR_S) // _DAY_S * _DAY_S + _BACKUP_HOUR_S
    return [newest - day * _DAY_S for day in range(_BACKUPS_KEPT)]


def _get_pooler(project: Project, _request: Request, _now: float) -> tuple[int, Any]:
    user = f"postgres.{project.ref}"
    connection_string = f"postgresql://{user}:[YOUR-PASSWORD]@{project.pooler_host}:6543/postgres"
    return 200, [
        {
            "identifier": project.ref,
            "database_type": "PRIMARY",
            "is_using_scram_auth": True,
            "db_user": user,
            "db_host": project.pooler_host,
            "db_port": 6543,
            "db_name": "postgres",
            "connection_string": connection_string,
            "connectionString": connection_string,
            "default_pool_size": 15,
            "max_client_conn": 200,
            "pool_mode": "transaction",
        }
    ]


def _post_query(project: Project, request: Request, _now: float) -> tuple[int, Any]:
    return _query(project, request, read_only=_is_read_only(request))


def _post_query_read_only(project: Project, request: Request, _now: float) -> tuple[int, Any]:
    return _query(project, request, read_only=True)


def _query(project: Project, request: Request, *, read_only: bool) -> tuple[int, Any]:
    body = _body(request)
    query, parameters = body.get("query"), body.get("parameters", [])
    if not isinstance(query, str) or not query:
        raise Refusal(400, "query: Too small: expected string to have >=1 characters")
    if not isinstance(parameters, list):
        raise Refusal(400, "parameters: Invalid input: expected array")
    try:
        return 201, run_query(project.database.connection_string(), query, parameters, read_only=read_only)
    except QueryFailed as failure:
        raise Refusal(400, f"Failed to run sql query: {failure}") from None


_ROUTES: Mapping[tuple[str, str], Callable[[Project, Request, float], tuple[int, Any]]] = {
    ("GET", ""): _get_project,
    ("GET", "/health"): _get_health,
    ("GET", "/database/backups"): _get_backups,
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
