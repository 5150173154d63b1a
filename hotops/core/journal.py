"""What the driver tells about a run, whoever keeps it.

Kinds of events, with the fields that readers of the evidence (summary, story) know; others are kept and not shown.

    run_opened      playbook, environment, env_kind, reason, who, versions, command
    phase_started   phase
    phase_finished  phase, status ("done" | "failed"), duration_s
    gate            gate, app, level ("require" | "warn" | "off"),
                    status ("pass" | "fail" | "warn" | "unknown" | "waived" | "off"),
                    found, wanted (words), source, age_s, expires_at
    waiver          gate, app, level, reason, until, who
    verdict         verdict ("go" | "no_go" | "good" | "bad" | "too_thin"), scope ("gates" | "watch" | …), app, text,
                    envelope
    intent          operation, step, target, before, after, action       written before the step acts
    outcome         intent (its line number), status ("done" | "failed" | "skipped" | "undone" | "unknown"),
                    fact, duration_s, request_ids, error
    observation     app, subject, text, found
    task            task, module, host, status ("started" | "ok" | "changed" | "failed" | "unreachable" | "caught"):
                    a task of another collection, in a run that `hotops run` started
    lock            action ("taken" | "released" | "refused" | "lost" | "broken"), holder, where
    note            text
    skip            subject, reason
    approval        action (requested, used, resumed), plan, text, url
    rescue          subject, error
    run_sealed      outcome, exit_code, next, contact
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

KINDS = frozenset(
    {
        "run_opened",
        "phase_started",
        "phase_finished",
        "gate",
        "verdict",
        "intent",
        "outcome",
        "observation",
        "task",
        "lock",
        "approval",
        "waiver",
        "note",
        "skip",
        "rescue",
        "run_sealed",
    }
)

#: The line number of an intent that nobody kept (no journal, or a tolerant one on a full disk).
NOT_KEPT = 0


class Journal(Protocol):
    """Takes events in the order in which they happen. Safe to call from threads and from forked workers."""

    def event(self, kind: str, **fields: object) -> None:
        """Keep one event of a kind in `KINDS`."""

    def intent(self, operation: str, step: str, target: str, *, before: object, after: object, action: str) -> int:
        """Keep what is about to be done, before it is done; returns the line number that `outcome` refers to.

        `action` is a phrase for an operator that fits behind "was": `updating machine 17811953c92e18`.
        """

    def outcome(
        self,
        intent: int,
        status: str,
        *,
        fact: Mapping[str, object] | None = None,
        duration_s: float,
        request_ids: Sequence[str] = (),
        error: Mapping[str, object] | None = None,
    ) -> None:
        """Keep what became of an intent."""


# The arguments of NoJournal are unused by intent; a caller passes them by name, so the names stay.


class NoJournal:
    """Keeps nothing: for reads, check mode and scripts that want no evidence."""

    def event(self, kind: str, **fields: object) -> None:
        """Forget the event."""

    def intent(self, operation: str, step: str, target: str, *, before: object, after: object, action: str) -> int:
        """Forget the intent."""
        return NOT_KEPT

    def outcome(
        self,
        intent: int,
        status: str,
        *,
        fact: Mapping[str, object] | None = None,
        duration_s: float,
        request_ids: Sequence[str] = (),
        error: Mapping[str, object] | None = None,
    ) -> None:
        """Forget the outcome."""
