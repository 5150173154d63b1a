"""What the twin's GitHub holds: accounts, tokens, and repositories with all that is in them."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from nacl.public import PrivateKey

if TYPE_CHECKING:
    from hotops.sandbox.github.running import Run

Role = Literal["admin", "write", "read"]


@dataclass(frozen=True)
class Account:
    """A user, an organisation, or a bot."""

    id: int
    login: str
    kind: Literal["User", "Organization", "Bot"] = "User"


@dataclass
class Token:
    """Who it speaks for; `permissions` (name to read or write) and `repositories` None: all of its owner's."""

    login: str
    permissions: Mapping[str, str] | None = None
    repositories: tuple[str, ...] | None = None
    of_actions: bool = False


@dataclass
class Stored:
    """A secret as it arrived after its box was opened, or a variable."""

    value: bytes
    created_at: float
    updated_at: float


class Keyring:
    """The secrets of one scope, and the key that they have to be sealed with."""

    def __init__(self) -> None:
        self.values: dict[str, Stored] = {}
        self.renew()

    def renew(self) -> None:
        """Another key pair; what is sealed with the old one is refused from now on."""
        self.key = PrivateKey.generate()
        self.key_id = str(secrets.randbelow(9 * 10**17) + 10**17)


@dataclass
class Environment:
    """An environment of deployments. `reviewers` are logins, or slugs of teams with a leading `@`."""

    id: int
    name: str
    created_at: float
    reviewers: tuple[str, ...] = ()
    prevent_self_review: bool = False
    can_admins_bypass: bool = True
    wait_timer_min: int = 0
    #: Branch patterns that may deploy; None: all.
    branches: tuple[str, ...] | None = None
    keyring: Keyring = field(default_factory=Keyring)
    variables: dict[str, Stored] = field(default_factory=dict)


@dataclass
class Commit:
    """A commit, with the check runs that somebody reported on it (name to conclusion; `pending` runs still)."""

    sha: str
    at: float
    message: str = "A change"
    checks: dict[str, str] = field(default_factory=dict)
    #: The older kind: commit statuses by context.
    statuses: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tag:
    """An annotated tag."""

    sha: str
    name: str
    message: str
    object_sha: str
    tagger: dict[str, str]


@dataclass
class Artifact:
    """An artifact of a run; content of `files` is text, or what becomes JSON."""

    id: int
    name: str
    run_id: int
    head_sha: str
    created_at: float
    files: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeploymentStatus:
    """What became of a deployment."""

    id: int
    state: str
    creator: Account
    description: str
    at: float
    log_url: str = ""
    environment_url: str = ""


@dataclass
class Deployment:
    """A deployment, its newest status last."""

    id: int
    sha: str
    ref: str
    task: str
    environment: str
    creator: Account
    created_at: float
    description: str
    payload: Any
    production: bool
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass(frozen=True)
class Comment:
    """A comment of an issue."""

    id: int
    body: str
    user: Account
    at: float


@dataclass
class Issue:
    """An issue."""

    id: int
    number: int
    title: str
    body: str
    user: Account
    created_at: float
    labels: tuple[str, ...] = ()
    state: str = "open"
    closed_at: float | None = None
    assignees: tuple[Account, ...] = ()
    comments: list[Comment] = field(default_factory=list)


@dataclass
class Repository:
    """A repository and everything in it."""

    id: int
    owner: Account
    name: str
    private: bool
    default_branch: str
    created_at: float
    roles: dict[str, Role] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    keyring: Keyring = field(default_factory=Keyring)
    variables: dict[str, Stored] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    tags: dict[str, Tag] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    #: Check runs that every new commit gets, by name.
    usual_checks: dict[str, str] = field(default_factory=dict)
    #: Files by branch and path.
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    #: How the jobs of a workflow file end, where not well.
    outcomes: dict[str, str] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    artifacts: dict[int, Artifact] = field(default_factory=dict)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """owner/name."""
        return f"{self.owner.login}/{self.name}"

    @property
    def path(self) -> str:
        """Its path in the API."""
        return f"/repos/{self.full_name}"

    def add_commit(self, sha: str, at: float, message: str = "A change") -> Commit:
        """A commit on the default branch, newest where it is the youngest; the known one where there is one."""
        known = self.commits.get(sha)
        if known is not None:
            return known
        made = self.commits[sha] = Commit(sha, at, message, dict(self.usual_checks))
        self.refs[f"refs/heads/{self.default_branch}"] = max(self.commits.values(), key=lambda each: each.at).sha
        return made

    def role_of(self, login: str) -> Role | None:
        """What a user may do there; None for a stranger."""
        return "admin" if login == self.owner.login else self.roles.get(login)


class Hub:
    """All of it. Names are compared without regard to case, as GitHub does."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        #: Whether a dispatch may tell the number of its run; older servers pass the wish over.
        self.returns_run_details = True
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}
        self.repositories: dict[str, Repository] = {}
        self._numbers = itertools.count(1_000_001)

    def number(self) -> int:
        """A new id."""
        return next(self._numbers)

    def account(self, login: str, kind: Literal["User", "Organization", "Bot"] = "User") -> Account:
        """The account of this name, made where there is none."""
        known = self.accounts.get(login.lower())
        if known is None:
            known = self.accounts[login.lower()] = Account(self.number(), login, kind)
        return known

    def repository(self, full_name: str) -> Repository | None:
        """The repository of this name."""
        return self.repositories.get(full_name.lower())

    def all_repositories(self) -> Iterator[Repository]:
        """Every repository, oldest first."""
        yield from self.repositories.values()


def sha_of(*parts: Any) -> str:
    """Forty hexadecimal digits that name what was given."""
    return hashlib.sha1("\0".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def node_id(kind: str, number: int) -> str:
    """An opaque id such as GraphQL knows things by."""
    return f"{kind}_{number:x}"
