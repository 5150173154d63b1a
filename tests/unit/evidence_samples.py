"""Runs for the tests of evidence: a clock that moves by itself, a small promotion, its sealed folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from hotops.core.evidence import EvidenceFolder

#: 2026-01-31T10:00:00Z
START = 1769853600.0


class TickingClock:
    """Each look moves it by a quarter of a second, so that every line has a time of its own."""

    def __init__(self, start: float = START) -> None:
        self.moment = start

    def now(self) -> float:
        self.moment += 0.25
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += seconds


def opened(evidence_dir: Path, *, env_kind: Literal["live", "sandbox"] = "live", **more: Any) -> EvidenceFolder:
    """A run that has just begun."""
    return EvidenceFolder.open_run(
        evidence_dir,
        playbook="promote",
        environment="production",
        env_kind=env_kind,
        reason="the login fix",
        who="ann",
        versions={"hotops": "0.1.0"},
        clock=TickingClock(),
        **more,
    )


def promotion(evidence_dir: Path, *, env_kind: Literal["live", "sandbox"] = "live") -> EvidenceFolder:
    """A promotion that has just updated its second machine and did not write so down: 9 lines, the last an intent."""
    run = opened(evidence_dir, env_kind=env_kind)
    run.event("phase_started", phase="ask_gates")
    run.event(
        "gate", gate="staging is healthy", app="shop-staging", level="require", status="pass", found="200 in 12 ms"
    )
    run.event("waiver", gate="backup age", level="warn", reason="first week", until="2026-12-01", who="ann")
    run.event("verdict", verdict="go", scope="gates", text="11 gates pass, 1 is waived")
    run.event("phase_started", phase="deploy")
    first = run.intent(
        "deploy", "web/1", "m1", before={"image": "v42"}, after={"image": "v43"}, action="updating machine m1"
    )
    run.outcome(first, "done", fact={"version": "01H"}, duration_s=5.1, request_ids=["r-1"])
    run.intent("deploy", "web/2", "m2", before={"image": "v42"}, after={"image": "v43"}, action="updating machine m2")
    return run


def sealed(evidence_dir: Path, *, env_kind: Literal["live", "sandbox"] = "live") -> EvidenceFolder:
    """The same promotion, finished and sealed, with a file in a folder of its own."""
    run = promotion(evidence_dir, env_kind=env_kind)
    run.outcome(9, "done", duration_s=4.2)
    run.event("observation", app="shop", subject="5xx", text="0 of 1200 requests")
    report = run.run_dir / "reports" / "latency.json"
    report.parent.mkdir()
    report.write_text('{"p95_ms": 12}\n', encoding="utf-8")
    run.seal("promoted", 0, next_step="hotops status production", contact="on-call@example.com", changed=2)
    return run
