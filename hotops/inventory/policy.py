"""Declared rules of a run: waivers of gates, what the watch tolerates, who is told, how old a backup may be."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hotops.inventory.spec import EnvVarName, Seconds, Spec, off_is_a_word

Level = Literal["require", "warn", "off"]
DeclaredLevel = Annotated[Level, BeforeValidator(off_is_a_word)]


class Waiver(Spec):
    """How hard a gate is; anything but `require` says why and until when, and is shown in every table."""

    level: DeclaredLevel = Field(description="require: a no stops the run; warn: a no is shown; off: not asked.")
    reason: str | None = Field(None, min_length=1, description="Why the gate is softened.")
    until: date | None = Field(
        None, description="Last day of the waiver (UTC); from the next day on the gate is required."
    )

    @model_validator(mode="after")
    def _says_why_and_until_when(self) -> Self:
        if self.level != "require":
            for key in ("reason", "until"):
                if getattr(self, key) is None:
                    raise PydanticCustomError(
                        "misshapen", "is {level} without '{key}'", {"level": self.level, "key": key}
                    )
        return self

    def level_at(self, at: float) -> Level:
        """The level that counts at the moment `at` (unix seconds): an expired waiver waives nothing."""
        return "require" if self.is_expired(at) else self.level

    def is_expired(self, at: float) -> bool:
        """Whether its last day (UTC) is over."""
        if self.until is None:
            return False
        end = datetime.fromisoformat(f"{self.until + timedelta(days=1)}T00:00:00+00:00")
        return at >= end.timestamp()


class WatchLimits(Spec):
    """What the watch after a deploy tolerates before it rolls back."""

    error_share: float = Field(
        0.01, ge=0, le=1, description="Tolerated share of failed answers; 0.01 is one in a hundred."
    )
    latency_factor: float = Field(2.0, ge=1, description="So many times slower than before is too slow.")
    restarts: int = Field(0, ge=0, description="Restarts and error exits tolerated, over all machines.")
    misses: int = Field(2, ge=1, description="Failed health checks in a row that count as a breach.")
    interval_s: Seconds = Field(5.0, gt=0, description="Time between two looks, in seconds.")


class Keep(Spec):
    """How many backups of each kind are kept; the newest and the newest proven one are kept anyway."""

    hourly: int = Field(0, ge=0, description="Newest of each hour, for so many hours that have one.")
    daily: int = Field(7, ge=0, description="Newest of each day.")
    weekly: int = Field(5, ge=0, description="Newest of each ISO week.")
    monthly: int = Field(12, ge=0, description="Newest of each month.")
    yearly: int = Field(3, ge=0, description="Newest of each year.")


class Backup(Spec):
    """What the backup gate asks for, and where hotops' own backups go."""

    max_age_h: float = Field(24.0, gt=0, description="Oldest acceptable backup, in hours.")
    proven_days: int = Field(30, ge=1, description="Oldest acceptable proof that the data come back, in days.")
    store: str | None = Field(
        None, min_length=1, description="Where backups are kept: a folder, s3://bucket/prefix, gs://… or az://…"
    )
    recipients: tuple[str, ...] = Field(
        (), description="Public age keys for which a backup is sealed: at least two, one of them kept offline."
    )
    dsn_env: EnvVarName = Field(
        "DATABASE_URL", description="Environment variable with a direct or session connection string of the database."
    )
    identity_env: EnvVarName = Field(
        "HOTOPS_BACKUP_IDENTITY", description="Environment variable with an age identity that opens backups."
    )
    keep: Keep = Field(default_factory=Keep, description="Which backups are kept when old ones are removed.")


class Drills(Spec):
    """What a disaster may cost, and how often the way back is tried."""

    rto_s: Seconds = Field(1800.0, gt=0, description="Longest time until users are served again, in seconds.")
    rpo_s: Seconds = Field(3600.0, gt=0, description="Most that may be lost, in seconds before the disaster.")
    every_days: int = Field(90, ge=1, description="A scenario that was not proven for so many days is due.")
    scenarios: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Scenarios that have to be proven in turn: backup_restored on live clouds if omitted, in a sandbox"
        " database_lost and release_broken.",
    )
    second_region: str | None = Field(None, min_length=1, description="Fly region to go to when the first is lost.")
    approval: Literal["none", "github"] | None = Field(
        None,
        description="Whether another than who runs a drill approves its plan before, as a reviewer of the GitHub"
        " environment: github or none; github if omitted where the environment's approval is.",
    )
    owner: str | None = Field(None, min_length=1, description="GitHub login of who has what a drill left to do.")
    follow_up_days: int = Field(14, ge=1, description="Days until what a failed drill left has to be done.")
    register_file: str = Field(
        "artifacts/drills/register.jsonl",
        alias="register",
        min_length=1,
        description="File that keeps every drill's figures; relative paths begin at the project's folder.",
    )


class Evidence(Spec):
    """What a test has to have left for the image's commit: an artifact, young enough, its number good enough."""

    artifact: str | None = Field(None, min_length=1, description="Name of the artifact; the key's name if omitted.")
    max_age_h: float = Field(48.0, gt=0, description="Oldest acceptable artifact, in hours.")
    file: str = Field("*.json", min_length=1, description="The JSON file in it, as a pattern.")
    key: str | None = Field(
        None,
        min_length=1,
        description="Where the number stands, such as numFailedTests or categories.performance.score.",
    )
    at_least: float | None = Field(None, description="Lowest acceptable number.")
    at_most: float | None = Field(None, description="Highest acceptable number.")

    @model_validator(mode="after")
    def _a_limit_is_of_something(self) -> Self:
        if (self.at_least is not None or self.at_most is not None) and self.key is None:
            raise PydanticCustomError("misshapen", "has a limit without 'key'")
        return self

    def allows(self, value: float) -> bool:
        """Whether a number is good enough."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def limit(self) -> str:
        """The limits in words."""
        limits = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)


class CommandNotification(Spec):
    """Run a command of this computer; the message comes on its standard input."""

    kind: Literal["command"] = Field(description="command")
    argv: tuple[str, ...] = Field(min_length=1, description="The command and its arguments, without a shell.")


class WebhookNotification(Spec):
    """Post the message as JSON to a URL, which is a credential and so is named, not written here."""

    kind: Literal["webhook"] = Field(description="webhook")
    url_env: EnvVarName = Field(description="Name of the environment variable that holds the URL.")


class FileNotification(Spec):
    """Append the message to a file."""

    kind: Literal["file"] = Field(description="file")
    path: str = Field(min_length=1, description="The file; relative paths begin at the project's folder.")


class AppriseNotification(Spec):
    """Send the message by apprise: e-mail, Slack, a pager and many others; needs the extra `notify`."""

    kind: Literal["apprise"] = Field(description="apprise")
    url_env: EnvVarName = Field(
        description="Name of the environment variable that holds apprise's URLs, separated by blanks."
    )
    attach: bool = Field(default=True, description="Whether the run's summary is attached, where it has one.")


class Escalation(Spec):
    """How people are called when a run failed again."""

    issue: bool = Field(default=True, description="Whether an issue is opened in `github_repo`, or added to.")
    labels: tuple[str, ...] = Field(("incident",), description="Labels of an issue that is opened.")


Notification = Annotated[
    CommandNotification | WebhookNotification | FileNotification | AppriseNotification, Field(discriminator="kind")
]
