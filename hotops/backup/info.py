"""The operations that only look: which backups there are, and what could be brought back today, to which moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.create import SCREEN
from hotops.backup.expected import Measured, measured
from hotops.backup.proven import proofs
from hotops.backup.settings import Settings, Where, settings_of
from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError
from hotops.core.operation import Done, Operation, Plan
from hotops.core.table import aligned, wrapped_last
from hotops.fly.client import Fly
from hotops.supabase.client import Supabase


class InfoWanted(Where):
    """Which database's backups."""

    backup: str | None = Field(
        None, description="Only this backup, or newest, with its tables; all, without them, if omitted."
    )


@dataclass(frozen=True)
class Seen:
    """Backups, newest first, and what is wrong with the others."""

    settings: Settings
    backups: tuple[dict[str, Any], ...]
    wrong: dict[str, str]


class BackupInfo(Operation[InfoWanted, Seen]):
    """List whole backups; what is unfinished or damaged is named apart, never listed as good."""

    name = "backup_info"
    Want = InfoWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="List the backups of a database",
        description=(
            "Lists backups that are whole, with their age, rows and size, and when each was proven last.",
            "Attempts that were never finished, and what somebody changed, are named apart.",
        ),
        returns={
            "backups": {
                "description": "The backups, newest first.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [{"id": "20260131T100000Z-3f9a2c", "rows": 1200345}],
            },
            "wrong": {
                "description": "What is no backup there, and why.",
                "returned": "success",
                "type": "dict",
                "sample": {},
            },
        },
        examples="""
- name: See the backups
  hotops.core.backup_info:
  register: found

- name: See the tables of the newest
  hotops.core.backup_info:
    backup: newest
""",
        see_also=("backup", "restore_points"),
    )

    def observe(self) -> Seen:
        settings = settings_of(self.context, self.want)
        if self.want.backup:
            found = [manifests.find(settings.store, settings.environment, settings.database, self.want.backup)]
            wrong: dict[str, str] = {}
        else:
            found, wrong = manifests.listed(settings.store, settings.environment, settings.database)
        proven = proofs(settings.store, settings.environment, settings.database)
        now, told = self.context.clock.now(), []
        for item in found:
            proof = proven.get(item.manifest.id)
            line = manifests.told(item.manifest) | {
                "age_s": round(now - item.manifest.taken_at), "signed_by": item.signed_by, "key_known": item.known,
                "proven_at": rfc3339(proof["proven_at"]) if proof else None,
            }  # fmt: skip
            if self.want.backup:
                line["contents"] = [
                    {
                        "table": table.full_name,
                        "rows": table.rows,
                        "plain_bytes": table.plain_bytes,
                        "parts": len(table.parts),
                    }
                    for table in item.manifest.tables
                ]
            told.append(line)
        return Seen(settings, tuple(told), wrong)

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        rows = [
            (
                item["id"],
                spoken_duration(item["age_s"]),
                str(item["rows"]),
                f"{item['stored_bytes'] / 1e6:.1f} MB",
                item["proven_at"] or "never",
                "" if item["key_known"] else "unknown key",
            )
            for item in state.backups
        ]
        lines = aligned(rows, ("backup", "age", "rows", "stored", "proven", "")) if rows else ["no backup"]
        for item in state.backups:
            lines += [
                f"{found['table']}: {found['rows']} rows, {found['plain_bytes'] / 1e6:.1f} MB"
                for found in item.get("contents", ())
            ]
            if "contents" in item:
                lines += [f"left out: {line}" for line in item["left_out"]]
        lines += [f"{name}: {why}" for name, why in state.wrong.items()]
        return {"backups": list(state.backups), "wrong": state.wrong, SCREEN: lines}


class PointsWanted(Where):
    """Of which environment."""


@dataclass(frozen=True)
class Points:
    """What could be brought back."""

    found: tuple[dict[str, Any], ...]


#: For who looks here at night, where rows are gone and the database stands.
_GONE = (
    "Are rows gone? A backup of what is there now keeps it, finds the tables that",
    "shrank, and names the command that brings their rows back.",
)
_NONE = (
    "There is no backup of hotops' own. Are rows gone? Only the platform can bring",
    "them back: Database > Backups at supabase.com/dashboard; then make one.",
)


class RestorePoints(Operation[PointsWanted, Points]):
    """What could be brought back today, and to which moment: own backups, the platform's, volumes, and what nobody keeps."""

    name = "restore_points"
    Want = PointsWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Tell what could be brought back today, and to which moment",
        description=(
            "Asks hotops' own backups, the platform's backups and its window of recovery, and the snapshots of every volume.",
            "Says for each how old its newest point is, so what would be lost, and how long its last drill took.",
            "Names what nobody keeps: secrets by name, configurations, settings at GitHub.",
        ),
        returns={
            "next": {"description": "The command to type next where rows are gone.", "returned": "success", "type": "str"},
            "points": {
                "description": "What there is: of, kind, newest, oldest, age_s (what would be lost), expected_s (of the last drill), how.", "returned": "success",
                "type": "list", "elements": "dict", "sample": [{"of": "shop", "kind": "hotops backup", "age_s": 3600}],
            },
        },
        examples="""
- name: What could we bring back now
  hotops.core.restore_points:
  register: found

- name: Every point is younger than a day
  ansible.builtin.assert:
    that: found.points | selectattr("age_s", "none") | length == 0
""",
        see_also=("backup_info", "restore"),
    )  # fmt: skip

    def observe(self) -> Points:
        found = [*self._own(), *self._platform(), *self._volumes(), *self._around()]
        return Points(tuple(found))

    def report(self, state: Points, plan: Plan, done: Done) -> dict[str, Any]:
        rows = [
            (
                item["of"],
                item["kind"],
                spoken_duration(item["age_s"]) if item["age_s"] is not None else "none",
                item["how"],
            )
            for item in state.found
        ]
        name = self.context.environment.name
        own = any(item["kind"] == "hotops backup" and item["newest"] for item in state.found)
        lines = [*wrapped_last(rows, ("of", "kept as", "newest", "way back")), "", *(_GONE if own else _NONE)]
        return {"points": list(state.found), "next": f"hotops backup create {name}", SCREEN: lines}

    def _own(self) -> list[dict[str, Any]]:
        try:
            settings = settings_of(self.context, self.want)
            found, _ = manifests.listed(settings.store, settings.environment, settings.database)
        except HotopsError as error:
            return [self._point("database", "hotops backup", None, error.message)]
        proven = proofs(settings.store, settings.environment, settings.database)
        if not found:
            return [self._point(settings.database, "hotops backup", None, "none: hotops backup create")]
        newest = found[0].manifest
        last = list(proven.values())
        how = f"hotops restore, {len(found)} kept" + (
            f"; {spoken_duration(max(last, key=lambda item: item['proven_at'])['seconds'])} when last proven"
            if last
            else "; never proven"
        )
        oldest = found[-1].manifest.taken_at
        return [self._point(settings.database, "hotops backup", newest.taken_at, how, way="backup", oldest=oldest)]

    def _platform(self) -> list[dict[str, Any]]:
        name = self.context.environment.supabase_project
        if not name:
            return []
        try:
            supabase = self.context.client(Supabase)
            project = supabase.find(name)
            if project is None:
                return [self._point(name, "Supabase backup", None, "the token sees no such project")]
            backups = supabase.backups(project.ref)
        except HotopsError as error:
            return [self._point(name, "Supabase backup", None, error.message)]
        points = [
            self._point(
                name,
                "Supabase daily backup",
                backups.newest_completed_at,
                "in place, with downtime; goes with the project",
            )
        ]
        if backups.pitr_enabled:
            points.append(
                self._point(
                    name,
                    "Supabase point in time",
                    backups.latest_recoverable_at,
                    "in place, any moment until then",
                    way="moment",
                    oldest=backups.earliest_recoverable_at,
                )
            )
        return [
            *points,
            self._point(name, "Storage objects, Auth settings, API keys", None, "in no backup of the database"),
        ]

    def _volumes(self) -> list[dict[str, Any]]:
        points = []
        for app in self.context.environment.apps.values():
            try:
                fly = self.context.client(Fly)
                for volume in fly.volumes.list(app.app):
                    times = [
                        shot.created_at
                        for shot in fly.volumes.snapshots(app.app, volume.id)
                        if shot.created_at is not None
                    ]
                    points.append(
                        self._point(
                            f"{app.app} {volume.name}",
                            "volume snapshot",
                            max(times, default=None),
                            "a new volume, and a new machine on it",
                            way="volume",
                            oldest=min(times, default=None),
                        )
                    )
            except HotopsError as error:
                points.append(self._point(app.app, "volume snapshot", None, error.message))
        return points

    def _around(self) -> list[dict[str, Any]]:
        """What a database and its volumes are nothing without: secrets by name, configurations, GitHub."""
        environment, points = self.context.environment, []
        vault = (
            "values are in the vault: hotops secrets mirror" if environment.vault_path else "no vault holds the values"
        )
        for app in environment.apps.values():
            try:
                fly = self.context.client(Fly)
                names = sorted(secret.name for secret in fly.secrets.list(app.app))
            except HotopsError as error:
                points.append(self._point(app.app, "secrets", None, error.message))
                continue
            if names:
                points.append(self._point(app.app, "secrets", None, vault) | {"names": names})
            points.append(self._point(app.app, "configuration", None, "in the machines' history: hotops rollback"))
        if environment.github_repo:
            points.append(
                self._point(environment.github_repo, "GitHub settings", None, "in no backup: hotops generate workflows")
            )
        return points

    def _point(
        self, of: str, kind: str, at: float | None, how: str, *, way: str = "", oldest: float | None = None
    ) -> dict[str, Any]:
        age = None if at is None else max(0.0, self.context.clock.now() - at)
        last = self._measured(way) if way and at is not None else None
        if last is not None:
            how = f"{how}; served after {spoken_duration(last.seconds)} in the last drill"
        return {
            "of": of, "kind": kind, "newest": None if at is None else rfc3339(at), "age_s": age, "how": how,
            "oldest": None if oldest is None else rfc3339(oldest), "expected_s": last.seconds if last else None,
        }  # fmt: skip

    def _measured(self, way: str) -> Measured | None:
        environment = self.context.environment
        register = environment.path(environment.dr.register_file)
        return measured(register, environment.name, environment.env_kind, way)
