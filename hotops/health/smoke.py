"""The routes a user depends on, each asked; all of them have to answer as declared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.fly import Fly
from hotops.health.probe import HttpCheck, Prober, ProbeResult
from hotops.health.routes import route_check, smoke_checks
from hotops.health.target import Target
from hotops.inventory.probes import SmokeRoute
from hotops.inventory.schema import Environment


class SmokeWanted(Spec):
    """Which app, where, and which routes."""

    app: str = Field(min_length=1, description="Name of the app.")
    url: str | None = Field(
        None, pattern=r"^https?://[^/@\s]+", description="Base URL of the app; https://APP.fly.dev if omitted."
    )
    routes: tuple[SmokeRoute, ...] = Field(
        (), description="Routes to ask; if omitted, the declared ones, else what the app's own health checks ask."
    )


class Smoke(Operation[SmokeWanted, list[ProbeResult]]):
    """Ask an app's routes: one request each, and one call of Fly's API where no route is given.

    Raises NotFound, Forbidden and Unauthorized where the app's own checks have to be read.
    """

    name = "smoke"
    Want = SmokeWanted
    effect = "read"
    docs = Documented(
        short="Ask the routes of an app that its users depend on",
        description=(
            "Asks each route once and tells whether all of them answered as declared: status, body and time.",
            "A route that is over its budget is asked once more, since the first request may have started a machine.",
            "Does not fail where a route does; see RV(ok).",
        ),
        returns={
            "ok": {
                "description": "Whether every route answered as declared; false where there is none to ask.",
                "returned": "success",
                "type": "bool",
            },
            "rows": {
                "description": "One result for each route, as M(hotops.core.health_probe) returns it.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
            },
        },
        examples="""
- name: The shop sells
  hotops.core.smoke:
    app: shop-production
    routes:
      - path: /
        body: Welcome
      - path: /app
        status: [200, 302]
        user_agent: Shop-POS/9.1
      - path: /api/health
        body: {status: ok}
        budget_ms: 500
  register: smoke
  failed_when: not smoke.ok

- name: The app's own health path answers from outside
  hotops.core.smoke:
    app: shop-staging
  register: smoke
""",
        see_also=("health_probe", "health_report"),
    )

    def observe(self) -> list[ProbeResult]:
        return self.context.client(Prober).patient(self._checks())

    def report(self, state: list[ProbeResult], plan: Plan, done: Done) -> dict[str, Any]:
        return {
            "ok": bool(state) and all(result.passes for result in state),
            "rows": [result.as_row() for result in state],
            "hotops_screen": lines(state),
        }

    def _checks(self) -> list[HttpCheck]:
        target = self._target()
        if self.want.routes:
            return [route_check(target.url, route) for route in self.want.routes]
        if target.declared is not None and target.declared.smoke:
            return smoke_checks(target.url, target.declared, ())
        if target.declared is not None and target.declared.health:
            return target.checks(())
        return target.checks(self.context.client(Fly).machines.list(target.app))

    def _target(self) -> Target:
        environment: Environment | None = self.context.environment
        apps = environment.apps.values() if environment is not None else ()
        declared = next((app for app in apps if self.want.app in (app.app, app.host)), None)
        target = Target.of(declared) if declared else Target.named(self.want.app)
        return replace(target, url=self.want.url) if self.want.url else target


def lines(results: list[ProbeResult]) -> list[str]:
    """One line for each route."""
    return aligned([["ok" if result.passes else "FAILED", result.says] for result in results])
