"""One URL asked, once or often, and told whether it answers as declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan
from hotops.health.latency import Latency, summarise
from hotops.health.probe import HttpCheck, Prober, ProbeResult


class ProbeWanted(HttpCheck):
    """A check, and how often to send it."""

    samples: int = Field(1, ge=1, le=1000, description="How many measured requests to send, one after another.")
    warmup: int = Field(0, ge=0, le=100, description="Requests sent before the measured ones, and told apart.")


@dataclass(frozen=True)
class Probed:
    """The measured results, and the very first of all."""

    first: ProbeResult
    measured: tuple[ProbeResult, ...]

    @property
    def worst(self) -> ProbeResult:
        """A wrong answer if there is one, else the slowest."""
        return min(self.measured, key=lambda result: (result.ok, -(result.took_ms or 0.0)))


class HealthProbe(Operation[ProbeWanted, Probed]):
    """Ask one URL. An unreachable target is a result, never an error."""

    name = "health_probe"
    Want = ProbeWanted
    effect = "read"
    docs = Documented(
        short="Ask a URL whether it answers as declared",
        description=(
            "Sends a request and tells status, time and whether the body is as declared.",
            "Does not fail where the target is down, does not resolve or answers wrong; see RV(ok) and RV(says).",
            "Redirects are answers, unless O(follow) is set. No request is repeated.",
        ),
        returns={
            "ok": {
                "description": "Whether every measured answer has a wanted status and body, and was within the budget.",
                "returned": "success",
                "type": "bool",
            },
            "status": {
                "description": "Status of the worst answer; none without one.",
                "returned": "success",
                "type": "int",
            },
            "took_ms": {"description": "How long it took, in ms.", "returned": "success", "type": "float"},
            "body_ok": {
                "description": "Whether its body is as wanted; none where no body is wanted or nothing answered.",
                "returned": "success",
                "type": "bool",
            },
            "over_budget": {
                "description": "Whether it took longer than O(budget_ms).",
                "returned": "success",
                "type": "bool",
            },
            "error_code": {
                "description": "Why nothing answered: `unresolved`, `tls`, `unreachable`, `timeout` or `broken`.",
                "returned": "success",
                "type": "str",
            },
            "says": {
                "description": "What came of it, in one sentence.",
                "returned": "success",
                "type": "str",
                "sample": "GET https://shop.example.com/health answered 200 in 13 ms.",
            },
            "url": {"description": "The URL without its query.", "returned": "success", "type": "str"},
            "user_agent": {"description": "User-Agent that was sent.", "returned": "success", "type": "str"},
            "request_headers": {
                "description": "Names of the other headers that were declared.",
                "returned": "success",
                "type": "list",
                "elements": "str",
            },
            "latency": {
                "description": "Percentiles of the measured requests; the first of all apart, as `latency.cold_ms`.",
                "returned": "success",
                "type": "dict",
            },
        },
        examples="""
- name: The app says that it is well
  hotops.core.health_probe:
    url: https://shop.example.com/health
    body: {status: ok}
  register: answer
  until: answer.ok
  retries: 10
  delay: 3

- name: 95 of 100 requests are within 300 ms, the cold start apart
  hotops.core.health_probe:
    url: https://shop.example.com/
    status: [200, 302]
    user_agent: Shop-POS/9.1
    budget_ms: 300
    samples: 60
    warmup: 3
  register: answer
  failed_when: not answer.latency.within_budget
""",
        see_also=("smoke", "health_report"),
    )

    def observe(self) -> Probed:
        prober = self.context.client(Prober)
        warmed = [prober.probe(self.want) for _ in range(self.want.warmup)]
        measured = tuple(prober.probe(self.want) for _ in range(self.want.samples))
        return Probed((warmed or list(measured))[0], measured)

    def report(self, state: Probed, plan: Plan, done: Done) -> dict[str, Any]:
        latency: Latency = summarise(state.measured, first=state.first, budget_ms=self.want.budget_ms)
        ok = all(result.ok and not result.over_budget for result in state.measured)
        return {**state.worst.as_row(), "ok": ok, "latency": latency.as_row()}
