"""Supabase projects as the Management API tells them: so far their backups."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from hotops.core.clock import parse_rfc3339
from hotops.core.context import Context
from hotops.core.http import Http
from hotops.core.limiter import Rate

#: 120 requests a minute for each user, scope and endpoint (Supabase docs, Management API rate limits).
EACH_ENDPOINT = Rate(per_s=2.0, burst=20)


class Project(BaseModel):
    """A project (Management API, V1ProjectResponse)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    ref: str
    name: str = ""
    region: str = ""
    status: str = ""


class Backups(BaseModel):
    """A project's backups (Management API, list backups). Times in unix seconds; None where there is none."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pitr_enabled: bool = False
    newest_completed_at: float | None = None
    latest_recoverable_at: float | None = None

    @property
    def newest(self) -> float | None:
        """The youngest moment that can be brought back."""
        known = [at for at in (self.newest_completed_at, self.latest_recoverable_at) if at is not None]
        return max(known, default=None)


class Supabase:
    """The Management API. Safe for use by several threads. Raises TokenMissing where there is no credential."""

    def __init__(self, context: Context) -> None:
        token = context.world.credential("supabase")
        self._http = Http(
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
        return [Project.model_validate(item) for item in answer.data or []]

    def find(self, name_or_ref: str) -> Project | None:
        """The project of this ref or name, None if the token sees none."""
        return next((found for found in self.projects() if name_or_ref in (found.ref, found.name)), None)

    def backups(self, ref: str) -> Backups:
        """Completed backups and the window of point-in-time recovery.

        With recovery to a point in time the list can be empty and the window is in `physical_backup_data`.
        """
        answer = self._http.request(
            "GET", f"/v1/projects/{ref}/database/backups", limits=((f"backups:{ref}", EACH_ENDPOINT),)
        )
        data: Mapping[str, Any] = answer.data or {}
        done = [
            parse_rfc3339(item["inserted_at"]) for item in data.get("backups") or [] if item["status"] == "COMPLETED"
        ]
        latest = (data.get("physical_backup_data") or {}).get("latest_physical_backup_date_unix")
        return Backups(
            pitr_enabled=bool(data.get("pitr_enabled")),
            newest_completed_at=max(done, default=None),
            latest_recoverable_at=float(latest) if latest else None,
        )

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
