"""The client: one object per credential, its parts by subject."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from hotops.core.clock import Clock, SystemClock
from hotops.core.secret import Secret
from hotops.core.world import EnvKind, World
from hotops.fly.account import Places, Tokens
from hotops.fly.apps import Apps
from hotops.fly.auth import Credentials
from hotops.fly.certificates import Certificates
from hotops.fly.logs import Logs
from hotops.fly.machines import Machines
from hotops.fly.metrics import Metrics
from hotops.fly.registry import Registry
from hotops.fly.releases import Releases
from hotops.fly.secrets import Secrets
from hotops.fly.surfaces import Surfaces
from hotops.fly.volumes import Volumes

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

    from hotops.core.context import Context
    from hotops.core.http import Call, Retry
    from hotops.core.limiter import Limiter


class Fly:
    """Fly.io by subject: `fly.machines`, `fly.releases`, `fly.secrets` and so on.

        with Fly.from_env() as fly:
            for machine in fly.machines.list("shop"):
                print(machine.id, machine.state, machine.image_ref)

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
        transport: Callable[[], httpx.BaseTransport] | None = None,
        limiter: Callable[[str, str], Limiter] | None = None,
        on_call: Callable[[Call], None] | None = None,
        retry: Retry | None = None,
    ) -> None:
        from hotops.core.http import make_transport

        found = world or World.of(env_kind)
        secret = found.credential("fly") if token is None else token if isinstance(token, Secret) else Secret(token)
        credentials = Credentials.parse(secret)
        credentials.check_world(found.kind)
        used = clock or SystemClock()
        surfaces = Surfaces(
            found,
            credentials,
            clock=used,
            transport=transport or (lambda: make_transport(found)),
            limiter=(limiter or _shared_limiter(used))("fly", secret.reveal()),
            on_call=on_call,
            retry=retry,
        )
        self._surfaces = surfaces
        self.apps = Apps(surfaces)
        self.machines = Machines(surfaces)
        self.releases = Releases(surfaces)
        self.secrets = Secrets(surfaces)
        self.logs = Logs(surfaces)
        self.registry = Registry(surfaces)
        self.certificates = Certificates(surfaces)
        self.volumes = Volumes(surfaces)
        self.regions = Places(surfaces)
        self.tokens = Tokens(surfaces)
        self.metrics = Metrics(surfaces)

    @classmethod
    def from_context(cls, context: Context) -> Fly:
        """The client of a run: its world, clock, limits and count of calls."""
        return cls(
            world=context.world,
            clock=context.clock,
            transport=context.make_transport,
            limiter=context.limiter,
            on_call=context.note_call,
        )

    @classmethod
    def from_env(cls, env_kind: EnvKind = "live") -> Fly:
        """The client of a script: FLY_ACCESS_TOKEN, else FLY_API_TOKEN; or the sandbox that runs on this computer."""
        return cls(env_kind=env_kind)

    def close(self) -> None:
        """Close the connections; leases that are still held expire by themselves."""
        self._surfaces.close()

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
