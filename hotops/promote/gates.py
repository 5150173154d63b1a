"""Gates: every question of a promotion, asked anew, with what was found, from where, and whether it stops the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.errors import ApiError, WireError
from hotops.core.journal import Journal
from hotops.core.table import wrapped_last
from hotops.inventory.gates import GATES
from hotops.inventory.policy import Level
from hotops.inventory.schema import Environment
from hotops.promote.facts import Facts

Status = Literal["pass", "fail", "warn", "unknown", "waived", "off"]
SHOWN: Mapping[Status, str] = {
    "pass": "go",
    "fail": "NO-GO",
    "warn": "warn",
    "unknown": "unknown",
    "waived": "waived",
    "off": "off",
}
#: What was found is asked again after this time; a verdict made of it counts no longer.
VALID_S = 900.0
#: What can't be known on every account stops nobody by default: it is shown as unknown. `level: require` makes it stop.
MAY_BE_UNKNOWN = frozenset(
    {
        "token",
        "clock_skew",
        "check_path_inside",
        "backup_fresh",
        "restore_proven",
        "ci_checks",
        "test_evidence",
        "history",
        "no_blocker",
        "commit",
        "release_command",
        "urls_resolve",
    }
)


@dataclass(frozen=True)
class Found:
    """An answer to a gate: `found` and `wanted` in words, `source` is what was asked."""

    status: Literal["pass", "fail", "warn", "unknown"]
    found: str
    wanted: str = ""
    source: str = ""


def go(found: str, source: str, wanted: str = "") -> Found:
    return Found("pass", found, wanted, source)


def no(found: str, source: str, wanted: str = "") -> Found:
    return Found("fail", found, wanted, source)


def warn(found: str, source: str, wanted: str = "") -> Found:
    return Found("warn", found, wanted, source)


def unknown(found: str, source: str, wanted: str = "") -> Found:
    return Found("unknown", found, wanted, source)


Ask = Callable[[Facts], Found]


@dataclass(frozen=True)
class Gate:
    """A gate's answer for one app, and what the inventory makes of it."""

    name: str
    app: str
    level: Level
    status: Status
    found: str
    wanted: str
    source: str
    asked_at: float
    expires_at: float
    blocks: bool
    reason: str = ""
    until: str = ""

    def as_row(self) -> dict[str, Any]:
        """Plain data, times in RFC 3339."""
        return {
            "gate": self.name,
            "app": self.app,
            "level": self.level,
            "status": self.status,
            "found": self.found,
            "wanted": self.wanted,
            "source": self.source,
            "asked_at": rfc3339(self.asked_at),
            "expires_at": rfc3339(self.expires_at),
            "blocks": self.blocks,
            **({"reason": self.reason, "until": self.until} if self.reason else {}),
        }

    def note(self, journal: Journal, now: float) -> None:
        """Keep it in the evidence, and the waiver beside it."""
        journal.event(
            "gate",
            gate=self.name,
            app=self.app,
            level=self.level,
            status=self.status,
            found=self.found,
            wanted=self.wanted,
            source=self.source,
            age_s=round(now - self.asked_at, 1),
            expires_at=rfc3339(self.expires_at),
        )
        if self.reason:
            journal.event(
                "waiver", gate=self.name, app=self.app, level=self.level, reason=self.reason, until=self.until
            )


def ask(name: str, how: Ask, facts: Facts) -> Gate:
    """Ask one gate. What can't be read is unknown, and an unknown of a required gate stops the run."""
    environment, now = facts.environment, facts.context.clock.now()
    level = environment.gate_level(name, now)
    if level == "off":
        found = Found("unknown", "not asked", source="inventory")
    else:
        try:
            found = how(facts)
        except (ApiError, WireError) as error:
            found = unknown(f"could not be read: {error.message}", "the cloud's answer")
    return judged(name, facts.pair.host, found, environment, now)


def judged(name: str, app: str, found: Found, environment: Environment, now: float) -> Gate:
    """What an answer means under the inventory's levels and waivers."""
    level = environment.gate_level(name, now)
    waiver = environment.gates.get(name)
    declared = waiver is not None and waiver.level == "require"
    status: Status = found.status
    stops = found.status == "fail" or (found.status == "unknown" and (declared or name not in MAY_BE_UNKNOWN))
    if level == "off":
        status, stops = "off", False
    elif level == "warn" and stops:
        status, stops = "waived", False
    softened = waiver is not None and level != "require"
    return Gate(
        name,
        app,
        level,
        status,
        found.found,
        found.wanted or GATES[name].meaning,
        found.source,
        now,
        now + VALID_S,
        stops,
        reason=str(waiver.reason) if softened and waiver else "",
        until=str(waiver.until) if softened and waiver else "",
    )


def table(gates: Sequence[Gate], now: float) -> list[str]:
    """The go/no-go table, an app after the other: a line a gate; one that does not say go also says where it looked.

    Source, age and expiry of every gate stand in the result and in the evidence.
    """
    apps = list(dict.fromkeys(gate.app for gate in gates))
    lines: list[str] = []
    for app in apps:
        lines += [] if len(apps) == 1 else [f"{app}:"]
        rows = [[gate.name, SHOWN[gate.status], _found(gate, now)] for gate in gates if gate.app == app]
        lines += wrapped_last(rows, ("gate", "verdict", "found"))
    waived = {(gate.name, gate.reason, gate.until) for gate in gates if gate.reason}
    lines += [f"waiver: {name} until {until}: {reason}" for name, reason, until in sorted(waived)]
    return lines


def _found(gate: Gate, now: float) -> str:
    if gate.status == "pass" or gate.source == "inventory":
        return gate.found
    age, until = spoken_duration(max(0.0, now - gate.asked_at)), rfc3339(gate.expires_at)[11:16]
    return f"{gate.found} ({gate.source}, {age} ago, holds until {until})"


def verdict_line(gates: Iterable[Gate]) -> str:
    """`GO: 26 go, 3 unknown` or `NO-GO: smoke, latency`."""
    seen = list(gates)
    blocking = [f"{gate.app} {gate.name}" for gate in seen if gate.blocks]
    if blocking:
        return f"NO-GO: {', '.join(blocking)}"
    counts = {SHOWN[status]: sum(gate.status == status for gate in seen) for status in SHOWN}
    return f"GO: {', '.join(f'{count} {word}' for word, count in counts.items() if count)}"


def no_go_words(gates: Iterable[Gate]) -> str:
    """Each blocking gate with what was found, for an error."""
    return "; ".join(f"{gate.app}: {gate.name}: {gate.found}" for gate in gates if gate.blocks)
