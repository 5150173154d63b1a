"""Which app is looked at, and what is known of it beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotops.fly.models import Machine
from hotops.health.configured import Declared
from hotops.health.probe import HttpCheck
from hotops.health.routes import SUCCESS, health_checks, is_public, observed_checks
from hotops.inventory.schema import App

#: `/` of an app nobody declared anything about: a page, or the way to one.
ANSWERS = (*SUCCESS, 301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Target:
    """An app. `host` is its name in the inventory, `declared` what is declared of it; None is an app by name alone."""

    host: str
    app: str
    url: str
    declared: App | None = None

    @classmethod
    def of(cls, app: App) -> Target:
        """A declared app."""
        return cls(app.host, app.app, app.url, app)

    @classmethod
    def named(cls, app: str) -> Target:
        """An app known by its name: its address is the one that Fly always serves."""
        return cls(app, app, f"https://{app}.fly.dev")

    @property
    def floor_mb(self) -> int | None:
        return self.declared.memory_floor_mb if self.declared else None

    @property
    def groups(self) -> Mapping[str, Declared]:
        return dict(self.declared.process_groups) if self.declared else {}

    @property
    def budget_ms(self) -> int | None:
        return self.declared.budget_ms if self.declared else None

    @property
    def may_exec(self) -> bool:
        return bool(self.declared and self.declared.exec_checks)

    def checks(self, machines: Sequence[Machine]) -> list[HttpCheck]:
        """What to ask it: its declared health checks, else what its machines' checks ask, else `/`."""
        if self.declared is not None:
            found = health_checks(self.url, self.declared, machines)
        else:
            found = observed_checks(self.url, machines)
        if found or (machines and not is_public(machines)):
            return found
        return [HttpCheck(url=f"{self.url.rstrip('/')}/", status=ANSWERS, budget_ms=self.budget_ms)]
