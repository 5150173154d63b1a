"""What an operation is given to work with: its world, clock, journal and clients."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast

from hotops.core.clock import Clock, SystemClock, basic_stamp
from hotops.core.journal import Journal, NoJournal
from hotops.core.state import state_dir
from hotops.core.world import World

if TYPE_CHECKING:
    import httpx

    from hotops.core.http import Call
    from hotops.core.limiter import Limiter


class Client(Protocol):
    """A cloud's client: built from a context, used by many threads, closed once."""

    @classmethod
    def from_context(cls, context: Context) -> Client: ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Client)


@dataclass
class Context:
    """One run's surroundings. `run` names the run in the clouds' metadata, the lock and the evidence.

    `holder_pid` is the process whose death means that the run is dead (ansible-playbook itself, not its forked worker).
    """

    world: World
    clock: Clock = field(default_factory=SystemClock)
    journal: Journal = field(default_factory=NoJournal)
    run: str = ""
    reason: str = ""
    holder_pid: int = field(default_factory=os.getpid)
    #: The environment (hotops.inventory) and the hosts selected in it, where the caller has an inventory.
    environment: Any = None
    selection: tuple[str, ...] = ()
    #: Whether only a plan is wanted; the driver writes nothing then, and readings that act (exec) are left out.
    check: bool = False
    #: Told now and then how far a long step is: bytes done, bytes there are, seconds so far.
    tell_far: Callable[[int, int, float], None] = lambda _done, _all, _seconds: None
    transport: httpx.BaseTransport | None = None
    limiter_of: Any = None
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.run or f"{basic_stamp(self.clock.now())}-{secrets.token_hex(3)}"
        self._clients: dict[type, Client] = {}
        self._guard = threading.Lock()

    def client(self, kind: type[C]) -> C:
        """The run's client of this kind, made when first asked for."""
        with self._guard:
            if kind not in self._clients:
                self._clients[kind] = kind.from_context(self)
            return cast("C", self._clients[kind])

    def make_transport(self) -> httpx.BaseTransport:
        """The injected transport (tests), else the world's own."""
        if self.transport is not None:
            return self.transport
        from hotops.core.http import make_transport

        return make_transport(self.world)

    def limiter(self, cloud: str, identity: str) -> Limiter:
        """The limiter of (cloud, identity): in files shared by all processes, or what the context was given."""
        from hotops.core.limiter import FileLimiter

        if self.limiter_of is not None:
            return cast("Limiter", self.limiter_of(cloud, identity))
        return FileLimiter(state_dir() / "limits", cloud, identity, self.clock)

    def note_call(self, call: Call) -> None:
        """Count a request; evidence takes the request ids from here."""
        self.calls.append(call)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
