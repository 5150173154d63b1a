"""What GitHub answers, as data. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hotops.core.clock import parse_rfc3339
from hotops.core.errors import WireError


def _moment(value: object) -> object:
    return parse_rfc3339(value) if isinstance(value, str) else value


#: Unix seconds of an RFC 3339 time; None where GitHub says null.
Moment = Annotated[float | None, BeforeValidator(_moment)]


@dataclass(frozen=True)
class Identity:
    """Whom a token speaks for. `scopes` are a classic token's; `expires` a day, empty where it has no end."""

    login: str
    scopes: tuple[str, ...] = ()
    expires: str = ""


class Reply(BaseModel):
    """Part of an answer; what we do not read is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """The reply as data. Raises WireError for one in an unknown form: that is no bug of the caller."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise WireError(
                f"GitHub answered a {cls.__name__} that hotops can't read: {place}: {first['msg']}.",
                remedy="Is there a newer hotops? Nothing was changed by reading.",
                code="unknown_reply",
            ) from error


class PublicKey(Reply):
    """The key that a scope's secrets are sealed with (GitHub REST, get a public key)."""

    key_id: str
    key: str


class SecretInfo(Reply):
    """A secret without its value, which GitHub never tells again."""

    name: str
    created_at: Moment = None
    updated_at: Moment = None


class Variable(Reply):
    """A variable, readable in clear."""

    name: str
    value: str = Field(repr=False)
    created_at: Moment = None
    updated_at: Moment = None


class GitObject(Reply):
    """What a reference or a tag points to."""

    type: str
    sha: str


class Ref(Reply):
    """A reference (GitHub REST, git references)."""

    name: str = Field(alias="ref")
    object: GitObject

    @property
    def sha(self) -> str:
        """The object's sha."""
        return self.object.sha


class Tag(Reply):
    """An annotated tag: its message carries what hotops keeps there."""

    sha: str
    name: str = Field(alias="tag")
    message: str
    object: GitObject


class Account(Reply):
    """A user, an organisation or a bot."""

    id: int
    login: str
    type: str = "User"


class Repository(Reply):
    """A repository, as far as hotops asks."""

    full_name: str
    private: bool
    default_branch: str
    owner: Account


class CheckRun(Reply):
    """One check on a commit. `status` queued, in_progress, completed …; `conclusion` once it is completed."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    completed_at: Moment = None


class CommitStatus(Reply):
    """A commit status of the older kind; `state` error, failure, pending or success."""

    name: str = Field(alias="context")
    state: str
    updated_at: Moment = None


class Workflow(Reply):
    """A workflow: a file on the default branch."""

    id: int
    name: str
    path: str
    state: str


class Run(Reply):
    """A run of a workflow."""

    id: int
    name: str | None = None
    path: str
    event: str
    status: str
    conclusion: str | None = None
    head_branch: str | None = None
    head_sha: str
    display_title: str = ""
    html_url: str
    created_at: Moment = None
    updated_at: Moment = None
    triggering_actor: Account | None = None

    @property
    def file(self) -> str:
        """The path of its workflow; a called one is told with `@` and a reference."""
        return self.path.partition("@")[0]

    @property
    def is_over(self) -> bool:
        """Whether it ended, well or not."""
        return self.status == "completed"


class Job(Reply):
    """A job of a run."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    html_url: str | None = None


class EnvironmentName(Reply):
    """An environment, as reviews name it."""

    id: int
    name: str


class Team(Reply):
    """A team of an organisation."""

    id: int
    slug: str


class Reviewer(Reply):
    """Who may approve: a user, or a team, of which only its slug is known."""

    type: str
    reviewer: Account | Team

    @property
    def name(self) -> str:
        """A login, or a team's slug after an @."""
        return self.reviewer.login if isinstance(self.reviewer, Account) else f"@{self.reviewer.slug}"


class Review(Reply):
    """What somebody said to a run that waited for an environment; `state` approved, rejected or pending."""

    state: str
    user: Account
    comment: str = ""
    environments: tuple[EnvironmentName, ...] = ()


class PendingDeployment(Reply):
    """An environment that a run waits for."""

    environment: EnvironmentName
    current_user_can_approve: bool = False
    reviewers: tuple[Reviewer, ...] = ()


class ProtectionRule(Reply):
    """A rule of an environment; `type` required_reviewers, wait_timer or branch_policy."""

    type: str
    prevent_self_review: bool = False
    reviewers: tuple[Reviewer, ...] = ()
    wait_timer: int = 0


class Environment(Reply):
    """An environment with the rules that guard jobs which name it."""

    id: int
    name: str
    protection_rules: tuple[ProtectionRule, ...] = ()

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Who may approve: logins, and teams after an @."""
        return tuple(each.name for rule in self.protection_rules for each in rule.reviewers)


class ArtifactRun(Reply):
    """The run that made an artifact."""

    id: int
    head_sha: str


class Artifact(Reply):
    """An artifact of a run."""

    id: int
    name: str
    size_in_bytes: int
    expired: bool
    created_at: Moment = None
    digest: str | None = None
    workflow_run: ArtifactRun | None = None


class Deployment(Reply):
    """A deployment in the repository's history."""

    id: int
    sha: str
    ref: str
    environment: str
    description: str | None = None
    payload: Any = None
    created_at: Moment = None


class DeploymentStatus(Reply):
    """What became of a deployment."""

    id: int
    state: str
    description: str = ""
    created_at: Moment = None


class Label(Reply):
    """A label."""

    name: str


class Issue(Reply):
    """An issue. Pull requests are issues too; they carry `pull_request`."""

    number: int
    title: str
    state: str
    html_url: str
    body: str | None = None
    labels: tuple[Label | str, ...] = ()
    created_at: Moment = None
    pull_request: dict[str, Any] | None = None

    @property
    def label_names(self) -> frozenset[str]:
        """The names of its labels."""
        return frozenset(label if isinstance(label, str) else label.name for label in self.labels)
