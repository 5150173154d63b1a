"""Lines of evidence for the tests of the page: a promotion that was brought back, with names and words that attack."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from hotops.core.clock import rfc3339

#: 2026-01-31T10:00:00Z
START = 1769853600.0

OLD = f"registry.fly.io/shop:v42@sha256:{'4' * 64}"
NEW = f"registry.fly.io/shop-staging:v43@sha256:{'5' * 64}"

#: What an image's label, a log line or a colleague's reason may hold.
ATTACKS = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'; } body { display: none } /*",
    "{{ 7 * 7 }}{% raw %}",
    "</style><link rel=stylesheet href=//evil.example/x.css>",
    "\u202egnp.exe\x1b[2J\x00",
)


class Lines(list[dict[str, Any]]):
    """A journal in memory: numbers and times come by themselves."""

    def add(self, kind: str, at_s: float, **fields: Any) -> int:
        """A line `at_s` after the run began; gives its number."""
        number = len(self) + 1
        self.append({"n": number, "at": rfc3339(START + at_s, millis=True), "run": "R", "kind": kind, **fields})
        return number


def brought_back(app: str = "shop-production", word: str = "the login fix") -> Lines:
    """Gates, a deploy of two machines, a watch in which the new release is slow and fails, and the way back."""
    lines = Lines()
    lines.add(
        "run_opened", 0, playbook="promote", environment="production", env_kind="sandbox", reason=word, who="ann",
        command=f"ansible-playbook promote.yml -e reason={word}", versions={"hotops": "0.1.0"},
    )  # fmt: skip
    lines.add("phase_started", 0.1, phase="ask_gates")
    lines.add(
        "gate", 1.0, gate="source_healthy", app=app, level="require", status="pass", found="2 started", wanted="started"
    )
    lines.add("gate", 1.0, gate="backup_fresh", app=app, level="warn", status="warn", found=word, wanted="24 h")
    lines.add("gate", 1.0, gate="ci_checks", app=app, level="require", status="unknown", found="not configured")
    before = {
        "answers": {"answers": 2900, "failed": 3, "incidents": 1, "seconds": [[1, 3]]},
        "requests": {"answers": 20, "failed": 1, "incidents": 1, "seconds": [[1, 1]]},
        "times_ms": [20.0 + number for number in range(19)],
    }
    payload = base64.b64encode(json.dumps({"before": {app: before}}).encode()).decode()
    lines.add("verdict", 1.2, verdict="go", scope="gates", text="GO: 1 go", envelope={"payload": payload})
    lines.add("phase_finished", 1.3, phase="ask_gates", status="done")
    lines.add("phase_started", 1.4, phase="deploy")
    for number, at_s in ((1, 1.5), (2, 9.0)):
        _step(lines, at_s, app, number, OLD, NEW, f"updating m{number}", 7.0)
    series = {"requests": [[START + 9, 30.0, 0], [START + 16, None, 1]], "answers": []}
    lines.add("observation", 16.0, app=app, subject="during", text="1 of 2 failed", found={"series": series})
    lines.add("phase_finished", 16.1, phase="deploy", status="done")
    lines.add("phase_started", 16.2, phase="watch")
    series = {
        "requests": [[START + 17 + number, 900.0 + number, int(number == 3)] for number in range(10)],
        "answers": [[START + 17 + number, 20, 5 * (number == 4)] for number in range(10)],
    }
    found = {"probes": 10, "answers": 200, "answers_5xx": 5, "verdict": {"verdict": "bad", "says": word}}
    lines.add("observation", 27.0, app=app, subject="watch", text=word, found={**found, "series": series})
    lines.add("verdict", 27.1, verdict="bad", scope="watch", text=word)
    for number, at_s in ((1, 27.2), (2, 30.0)):
        _step(lines, at_s, app, number, NEW, OLD, f"bringing back m{number}", 2.0)
    lines.add("rescue", 33.0, subject="watch", error={"code": "rolled_back", "message": f"It was slow. {word}"})
    lines.add("phase_started", 33.1, phase="notify")
    lines.add("phase_finished", 33.2, phase="notify", status="done")
    lines.add(
        "run_sealed", 34.0, outcome="rolled_back", exit_code=6, next="hotops evidence show", contact=word, changed=2
    )
    return lines


def _step(lines: Lines, at_s: float, app: str, number: int, was: str, becomes: str, action: str, took_s: float) -> None:
    intent = lines.add(
        "intent", at_s, operation="promote_phase", step=f"{app}/app/{number}", target=f"m{number}",
        before={"image": was, "runs": True}, after={"image": becomes}, action=action,
    )  # fmt: skip
    lines.add("outcome", at_s + took_s, intent=intent, status="done", fact={}, duration_s=took_s, error=None)


def attacked() -> Lines:
    """The same, in which everything that comes from outside attacks."""
    return brought_back(app=ATTACKS[1], word=" ".join(ATTACKS))


def without(lines: Lines, is_left_out: Callable[[dict[str, Any]], bool]) -> Lines:
    """The lines but for some."""
    return Lines(line for line in lines if not is_left_out(line))
