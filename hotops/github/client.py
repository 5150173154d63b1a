"""The client: one object per credential, its parts by subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from hotops.core.clock import Clock, SystemClock
from hotops.core.errors import WorldsMixed
from hotops.core.secret import Secret
from hotops.core.world import EnvKind, World, looks_live
from hotops.github.api import Api
from hotops.github.checks import Checks
from hotops.github.deployments import Deployments
from hotops.github.environments import Environments
from hotops.github.git import Git
from hotops.github.issues import Issues
from hotops.github.repos import Repos
from hotops.github.runs import Runs
from hotops.github.secrets import Secrets
from hotops.github.variables import Variables
from hotops.github.workflows import Workflows

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

    from hotops.core.context import Context
    from hotops.core.http import Call, Retry
    from hotops.core.limiter import Limiter


class GitHub:
    """GitHub by subject: `github.secrets`, `github.variables` and so on; a repository is always OWNER/NAME.

        with GitHub.from_env() as github:
            for secret in github.secrets.list("acme/shop", environment="production"):
                print(secret.name, secret.updated_at)

    Safe for use by several threads. Raises TokenMissing where there is no credential, WorldsMixed where a live token
    meets the sandbox, SandboxDown where `env_kind="sandbox"` and none runs.
    """

    def __init__(
        self,
        token: Secret | str | None = None,
        env_kind: EnvKind = "live",
        *,
        world: World | None = None,
        clock: Clock | None = None,
        transport: httpx.BaseTransport | None = None,
        limiter: Callable[[str, str], Limiter] | None = None,
        on_call: Callable[[Call], None] | None = None,
        retry: Retry | None = None,
    ) -> None:
        from hotops.core.http import make_transport

        found = world or World.of(env_kind)
        secret = found.credential("github") if token is None else token if isinstance(token, Secret) else Secret(token)
        if found.kind == "sandbox" and looks_live(secret.reveal()):
            raise WorldsMixed(
                "A live GitHub token was given to the sandbox.",
                remedy="Leave the token out: the sandbox makes its own.",
            )
        used = clock or SystemClock()
        self._api = Api(
            found.endpoint("github"),
            secret,
            clock=used,
            transport=transport or make_transport(found),
            limiter=(limiter or _shared_limiter(used))("github", secret.reveal()),
            on_call=on_call,
            retry=retry,
        )
        self.repos = Repos(self._api)
        self.git = Git(self._api)
        self.checks = Checks(self._api)
        self.workflows = Workflows(self._api)
        self.runs = Runs(self._api)
        self.environments = Environments(self._api)
        self.deployments = Deployments(self._api)
        self.issues = Issues(self._api)
        self.secrets = Secrets(self._api)
        self.variables = Variables(self._api)

    @classmethod
    def from_context(cls, context: Context) -> GitHub:
        """The client of a run: its world, clock, limits and count of calls."""
        return cls(
            world=context.world,
            clock=context.clock,
            transport=context.make_transport(),
            limiter=context.limiter,
            on_call=context.note_call,
        )

    @classmethod
    def from_env(cls, env_kind: EnvKind = "live") -> GitHub:
        """The client of a script: GITHUB_TOKEN, else GH_TOKEN; or the sandbox that runs on this computer."""
        return cls(env_kind=env_kind)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _shared_limiter(clock: Clock) -> Callable[[str, str], Limiter]:
    def made(cloud: str, identity: str) -> Limiter:
        from hotops.core.limiter import FileLimiter
        from hotops.core.state import state_dir

        return FileLimiter(state_dir() / "limits", cloud, identity, clock)

    return made
