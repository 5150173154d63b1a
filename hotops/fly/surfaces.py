"""The connections to Fly's surfaces: base addresses, headers, limits, and calls that read one answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from hotops.core.answer import Answer
from hotops.core.clock import Clock
from hotops.core.errors import HotopsError
from hotops.core.http import Http, Retry, plain_error
from hotops.core.limiter import Limiter, Rate
from hotops.core.secret import Secret
from hotops.core.world import World
from hotops.fly.auth import Credentials
from hotops.fly.errors import refine, refine_registry
from hotops.fly.image import FLY_REGISTRY

if TYPE_CHECKING:
    import httpx

    from hotops.core.http import Call

#: 1 request a second per action and identifier, burst 3; Get Machine 5, burst 10 (Fly docs, Machines API rate limits).
EACH_ACTION = Rate(1, 3)
GET_MACHINE = Rate(5, 10)
#: The header that carries a lease (fly-go, NonceHeader).
NONCE = "fly-machine-lease-nonce"


def path(*parts: str) -> str:
    """`/apps/shop/machines`: each part quoted, so that no name can step out of its place."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def bucket(action: str, identifier: str, rate: Rate = EACH_ACTION) -> tuple[tuple[str, Rate], ...]:
    """The limit that one request takes from."""
    return ((f"{action}:{identifier}", rate),)


class Surfaces:
    """One `Http` per surface, made when first used, over one transport. Safe for use by several threads."""

    def __init__(
        self,
        world: World,
        credentials: Credentials,
        *,
        clock: Clock,
        transport: Callable[[], httpx.BaseTransport],
        limiter: Limiter,
        on_call: Callable[[Call], None] | None = None,
        retry: Retry | None = None,
    ) -> None:
        self.clock = clock
        self._world = world
        self._credentials = credentials
        self._make_transport = transport
        self._transport: httpx.BaseTransport | None = None
        self._limiter = limiter
        self._on_call = on_call
        self._retry = retry
        self._made: dict[str, Http] = {}
        self._closed = False
        self._guard = threading.Lock()

    @property
    def machines(self) -> Http:
        """The Machines API. A path in its address is dropped, as flyctl drops it."""
        moved = urlsplit(self._world.endpoint("fly_machines"))
        return self._http("machines", f"{moved.scheme}://{moved.netloc}/v1", self._credentials.machines())

    @property
    def graphql(self) -> Http:
        """GraphQL (its errors come with status 200: see graphql.py)."""
        return self._http("graphql", self._world.endpoint("fly_api"), self._credentials.graphql())

    @property
    def uiex(self) -> Http:
        """Releases."""
        return self._http("uiex", self._world.endpoint("fly_uiex"), self._credentials.uiex())

    @property
    def logs(self) -> Http:
        """Logs, on GraphQL's host with the Machines API's header."""
        return self._http("logs", self._world.endpoint("fly_api"), self._credentials.machines())

    @property
    def prometheus(self) -> Http:
        """Metrics."""
        return self._http("prometheus", self._world.endpoint("fly_api"), self._credentials.prometheus())

    @property
    def registry(self) -> Http:
        """The registry of images."""
        return self._http("registry", self._world.endpoint("fly_registry"), self._credentials.registry())

    @property
    def registry_name(self) -> str:
        """The registry that image references must name to be asked here."""
        return FLY_REGISTRY

    def call(
        self,
        action: str,
        identifier: str,
        method: str,
        target: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        nonce: str | None = None,
        rate: Rate = EACH_ACTION,
        timeout_s: float | None = None,
        idempotent: bool | None = None,
        accept: frozenset[int] = frozenset(),
        hidden: tuple[Secret, ...] = (),
    ) -> Answer:
        """One request to the Machines API, within its action's limit, with the lease's nonce where one is held."""
        return self.machines.request(
            method,
            target,
            params=params,
            body=body,
            headers={NONCE: nonce} if nonce else None,
            limits=bucket(action, identifier, rate),
            timeout_s=timeout_s,
            idempotent=idempotent,
            accept=accept,
            hidden=hidden,
        )

    def close(self) -> None:
        """Close what was opened."""
        with self._guard:
            self._closed = True
            for http in self._made.values():
                http.close()
            self._made.clear()

    def _http(self, name: str, base_url: str, authorization: str) -> Http:
        with self._guard:
            if self._closed:
                raise HotopsError("The client of Fly was closed.", remedy="Make a new one.")
            if name not in self._made:
                if self._transport is None:
                    self._transport = self._make_transport()
                self._made[name] = Http(
                    base_url,
                    transport=self._transport,
                    clock=self.clock,
                    headers={"authorization": authorization},
                    limiter=self._limiter,
                    retry=self._retry,
                    read_error=plain_error,
                    refine=refine_registry if name == "registry" else refine,
                    on_call=self._on_call,
                )
            return self._made[name]
