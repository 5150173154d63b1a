"""Supabase projects through the Management API: their backups, recovery to a moment, making and deleting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from hotops.core.clock import parse_rfc3339
from hotops.core.context import Context
from hotops.core.errors import ApiError, NotFound
from hotops.core.http import Http
from hotops.core.limiter import Rate
from hotops.core.secret import Secret

#: 120 requests a minute for each user, scope and endpoint (Supabase docs, Management API rate limits).
EACH_ENDPOINT = Rate(per_s=2.0, burst=20)


class Project(BaseModel):
    """A project (Management API, V1ProjectResponse)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    ref: str
    name: str = ""
    organization_slug: str = ""
    region: str = ""
    status: str = ""


class Pooler(BaseModel):
    """A project's shared pooler (Management API, config/database/pooler); its host is told here and nowhere else."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    db_host: str
    database_type: str = "PRIMARY"
    default_pool_size: int | None = None
    max_client_conn: int | None = None


class Backups(BaseModel):
    """A project's backups (Management API, list backups). Times in unix seconds; None where there is none."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pitr_enabled: bool = False
    newest_completed_at: float | None = None
    earliest_recoverable_at: float | None = None
    latest_recoverable_at: float | None = None

    @property
    def newest(self) -> float | None:
        """The youngest moment that can be brought back."""
        known = [at for at in (self.newest_completed_at, self.latest_recoverable_at) if at is not None]
        return max(known, default=None)


class Supabase:
    """The Management API. Safe for use by several threads. Raises TokenMissing where there is no credential."""

    def __init__(self, context: Context, *, token: Secret | None = None) -> None:
        token = context.world.credential("supabase") if token is None else token
        self.http = self._http = Http(
            context.world.endpoint("supabase"),
            transport=context.make_transport(),
            clock=context.clock,
            headers={"authorization": f"Bearer {token.reveal()}"},
            limiter=context.limiter("supabase", token.reveal()),
            on_call=context.note_call,
            request_id_header="x-request-id",
        )

    @classmethod
    def from_context(cls, context: Context) -> Supabase:
        return cls(context)

    def projects(self) -> list[Project]:
        """All projects that the token may see (Management API, list projects)."""
        answer = self._http.request("GET", "/v1/projects", limits=(("projects", EACH_ENDPOINT),))
        return [Project.model_validate(item) for item in answer.items()]

    def find(self, name_or_ref: str) -> Project | None:
        """The project of this ref or name, None if the token sees none."""
        return next((found for found in self.projects() if name_or_ref in (found.ref, found.name)), None)

    def pooler(self, ref: str) -> Pooler | None:
        """The pooler of the project's primary database; None where it has none."""
        answer = self._http.request(
            "GET", f"/v1/projects/{ref}/config/database/pooler", limits=((f"pooler:{ref}", EACH_ENDPOINT),)
        )
        found = [Pooler.model_validate(item) for item in answer.items()]
        return next((pooler for pooler in found if pooler.database_type == "PRIMARY"), None)

    def look(self, ref: str, sql: str) -> list[dict[str, Any]]:
        """Rows of a query that can't write (Management API, database/query/read-only)."""
        answer = self._http.request(
            "POST",
            f"/v1/projects/{ref}/database/query/read-only",
            body={"query": sql},
            idempotent=True,
            limits=((f"look:{ref}", EACH_ENDPOINT),),
        )
        return answer.items()

    def execute(self, ref: str, sql: str, *, idempotent: bool = False) -> list[dict[str, Any]]:
        """Rows of a query that may write, as the role postgres (Management API, database/query).

        `idempotent` says that it may be sent again where no answer came. It is logged there: no value belongs in it.
        """
        answer = self._http.request(
            "POST",
            f"/v1/projects/{ref}/database/query",
            body={"query": sql},
            idempotent=idempotent,
            limits=((f"query:{ref}", EACH_ENDPOINT),),
        )
        return list(answer.data or [])

    def backups(self, ref: str) -> Backups:
        """Completed backups and the window of point-in-time recovery.

        With recovery to a point in time the list can be empty and the window is in `physical_backup_data`.
        """
        answer = self._http.request(
            "GET", f"/v1/projects/{ref}/database/backups", limits=((f"backups:{ref}", EACH_ENDPOINT),)
        )
        data: Mapping[str, Any] = answer.object
        done = [
            parse_rfc3339(item["inserted_at"]) for item in data.get("backups") or [] if item["status"] == "COMPLETED"
        ]
        window = data.get("physical_backup_data") or {}
        earliest, latest = (window.get(f"{end}_physical_backup_date_unix") for end in ("earliest", "latest"))
        return Backups(
            pitr_enabled=bool(data.get("pitr_enabled")),
            newest_completed_at=max(done, default=None),
            earliest_recoverable_at=float(earliest) if earliest else None,
            latest_recoverable_at=float(latest) if latest else None,
        )

    def project(self, ref: str) -> Project | None:
        """One project; None where there is none (any more).

        A deleted one answers 400 "Resource has been removed" (seen in the vendor's recordings), an unknown one 404.
        """
        try:
            answer = self._http.request("GET", f"/v1/projects/{ref}", limits=((f"project:{ref}", EACH_ENDPOINT),))
        except NotFound:
            return None
        except ApiError as error:
            if error.status == 400 and "removed" in error.message:
                return None
            raise
        return Project.model_validate(answer.data)

    def query(
        self, ref: str, statement: str, *, parameters: Sequence[object] = (), read_only: bool
    ) -> list[dict[str, Any]]:
        """The rows of SQL that runs as the project's role `postgres` (or its read-only user). It holds no secret.

        `parameters` are PostgreSQL's own, $1 and so on. A statement that writes is never repeated; what PostgreSQL says
        is in the error. (Management API, run a query.)
        """
        answer = self._http.request(
            "POST",
            f"/v1/projects/{ref}/database/query",
            body={"query": statement, "parameters": list(parameters), "read_only": read_only},
            limits=((f"query:{ref}", EACH_ENDPOINT),),
            idempotent=read_only,
        )
        return answer.items() if read_only else list(answer.data or [])

    def recover_to(self, ref: str, moment: int) -> None:
        """Bring a project's database back, in place, to a moment (unix seconds) inside the window of its backups.

        It answers at once; until the project is ACTIVE_HEALTHY again it is RESTORING and answers nobody. All that was
        written since is lost. Never repeated blindly. (Management API, restore a PITR backup.)
        """
        self._http.request(
            "POST",
            f"/v1/projects/{ref}/database/backups/restore-pitr",
            body={"recovery_time_target_unix": moment},
            limits=((f"restore:{ref}", EACH_ENDPOINT),),
        )

    def create(self, *, name: str, organization: str, region: str, password: Secret) -> Project:
        """Make a project; it is COMING_UP for some minutes. It costs from its first hour. (Management API.)"""
        answer = self._http.request(
            "POST",
            "/v1/projects",
            body={
                "name": name,
                "organization_slug": organization,
                "region_selection": {"type": "specific", "code": region},
                "db_pass": password.reveal(),
            },
            limits=(("create", EACH_ENDPOINT),),
            hidden=(password,),
        )
        return Project.model_validate(answer.data)

    def set_password(self, ref: str, password: Secret) -> None:
        """Give the role postgres a new password; the old one ends at once. (Management API, update its password.)"""
        self._http.request(
            "PATCH",
            f"/v1/projects/{ref}/database/password",
            body={"password": password.reveal()},
            idempotent=True,
            limits=((f"password:{ref}", EACH_ENDPOINT),),
            hidden=(password,),
        )

    def delete(self, ref: str) -> None:
        """Delete a project, its data and all its backups; there is no way back. (Management API.)"""
        self._http.request("DELETE", f"/v1/projects/{ref}", limits=((f"project:{ref}", EACH_ENDPOINT),))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
