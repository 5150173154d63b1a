"""What the phases of a promotion have in common: their options, and the apps they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field

from hotops.core.errors import NotFound, UsageError
from hotops.core.operation import Operation, Spec
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.verdict import GoVerdict, accept
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_managed
from hotops.inventory.schema import Environment
from hotops.promote.apart import go_apart
from hotops.promote.pairs import Pair, environment_of, pairs_of
from hotops.promote.source import unknown_fly_app

PhaseName = Literal["check_ready", "find_source", "ask_gates", "deploy", "verify", "watch", "notify", "compensate"]
S = TypeVar("S")


class PhaseWant(Spec):
    """Options of a phase."""

    phase: PhaseName = Field(description="Which phase to run; a promotion runs them in this order.")
    image: str | None = Field(
        None, description="Deploy this image instead of the source's: registry.fly.io/APP:TAG or with @sha256:…."
    )
    needs_image: bool = Field(default=False, description="For check_ready: refuse where no image is named.")
    version: str | None = Field(
        None, description="What the source is expected to run: a commit, a tag or a release (v42); a gate compares."
    )
    verdict: dict[str, Any] | None = Field(
        None, description="The signed go verdict that ask_gates returned; deploy, verify and watch refuse without it."
    )
    approve: str | None = Field(
        None, description="Id of the plan that who runs this approves; counts only under `approval: self`."
    )
    apart: dict[str, Any] | None = Field(
        None, description="Under `train: independent`, the failures by app that the phase before returned as C(apart)."
    )
    failure: dict[str, Any] | None = Field(
        None, description="For compensate and notify: the failed result that brought the run here."
    )

    def refuse_without_image(self) -> None:
        """Raises UsageError where an image has to be named and none is."""
        if self.needs_image and not self.image:
            raise UsageError(
                "A deploy names its image; what staging runs goes to production by promote.yml.",
                remedy="-e image=registry.fly.io/shop-staging:v42",
                code="no_image",
            )


class Phase(Operation[PhaseWant, S]):
    """A phase: an operation over all selected apps of the environment."""

    name: ClassVar[str] = "promote_phase"
    Want: ClassVar[type[Spec]] = PhaseWant
    needs_environment = True
    #: The one Fly app that it is about, where apps go by themselves; all that are selected if empty.
    only: str = ""

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    def pairs(self) -> tuple[Pair, ...]:
        """The selected apps with their sources. Raises UsageError."""
        pairs = pairs_of(self.context, image=self.want.image)
        return tuple(pair for pair in pairs if self.only in ("", pair.target))

    @property
    def goes_apart(self) -> bool:
        """Whether each of the selected apps is brought back by itself."""
        return not self.only and go_apart(self.environment, self.pairs())

    def managed(self, app: str) -> tuple[Machine, ...]:
        """The machines that deploys manage. Raises UsageError for an app that Fly does not have."""
        return tuple(machine for machine in self.listed(app) if is_managed(machine))

    def listed(self, app: str) -> tuple[Machine, ...]:
        """All machines of an app. Raises UsageError for an app that Fly does not have."""
        try:
            return tuple(self.fly.machines.list(app))
        except NotFound as error:
            org = next((known.fly_org for known in self.environment.apps.values() if known.app == app), "")
            raise unknown_fly_app(self.fly, app, org, "app") from error

    def machines_of(self, apps: list[str]) -> dict[str, tuple[Machine, ...]]:
        """The managed machines of several apps, read in parallel; a machine that waits for a verdict serves nobody."""
        return {app: serving(found) for app, found in self.all_machines_of(apps).items()}

    def all_machines_of(self, apps: list[str]) -> dict[str, tuple[Machine, ...]]:
        """As `machines_of`, with those that wait, stopped, for a verdict."""
        return dict(zip(apps, map_parallel(self.managed, apps), strict=True))

    def go(self) -> GoVerdict:
        """This run's go. Raises NoVerdict."""
        context = self.context
        return accept(self.want.verdict, run=context.run, env_kind=context.world.kind, now=context.clock.now())


def serving(machines: Iterable[Machine]) -> tuple[Machine, ...]:
    """The machines but for those that wait, stopped, for a verdict."""
    return tuple(machine for machine in machines if not marks.is_retired(machine))


def pending_machines(machines: Mapping[str, tuple[Machine, ...]]) -> dict[str, list[Machine]]:
    """By app, the machines whose last change nobody ever said to be good."""
    found = {app: [machine for machine in members if marks.is_pending(machine)] for app, members in machines.items()}
    return {app: members for app, members in found.items() if members}
