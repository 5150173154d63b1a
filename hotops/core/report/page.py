"""`report.html`: how a run went, for whoever asks, on a phone, on paper, in the dark; a pure function of its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hotops.core.clock import measured_duration
from hotops.core.report import course, plots
from hotops.core.report.look import template
from hotops.core.report.measured import MEASURING, PARTS, Measured, measured
from hotops.core.summary import outcome_words

Line = Mapping[str, Any]

#: Gates in the order in which they are read: what stands in the way first.
_GATES = ("fail", "warn", "unknown", "waived", "pass", "off")
_GATE_WORDS = {"fail": "NO-GO", "pass": "go"}
#: What is told beside phases, steps and gates: so many lines, the rest stands in the evidence.
_MOST_REMARKS = 60
_UNSEALED = "It goes on, or it died: nothing is signed."


def render(lines: Sequence[Line]) -> str:
    """The page of a run. `lines` are the journal's records in order; the same lines give the same page."""
    lines = course.timed(lines)
    opened, sealed = _last(lines, "run_opened"), _last(lines, "run_sealed")
    length_s = course.length_s(lines)
    apps = measured(lines)
    code = sealed.get("exit_code")
    return str(
        template("hotops.core.report", "report.html.j2").render(
            title=f"{opened.get('playbook', 'run')} {opened.get('environment', '')}",
            env_kind=opened.get("env_kind"),
            outcome=str(sealed.get("outcome") or "not finished").replace("_", " "),
            outcome_words=outcome_words(code) if isinstance(code, int) else _UNSEALED,
            tone=_tone(code),
            exit_code=code,
            failure=_failure(lines) if code != 0 else "",
            following=sealed.get("next") or "",
            contact=sealed.get("contact") or "",
            opened=opened,
            asked=_asked(opened, sealed),
            figures=_figures(lines, apps),
            bars=plots.bars(course.stretches(lines), length_s),
            length_s=length_s,
            ticks=[measured_duration(length_s * part / 4) for part in range(5)],
            apps=[_app(found) for found in apps],
            changed=course.changed(lines),
            gates=_gates(lines),
            verdicts=[line for line in lines if line.get("kind") == "verdict"],
            remarks=_remarks(lines),
        )
    )


def _last(lines: Sequence[Line], kind: str) -> Line:
    return next((line for line in reversed(lines) if line.get("kind") == kind), {})


def _tone(code: object) -> str:
    """Good, bad or between: what is back where it was is no disaster, and is no success either."""
    return {0: "good", 1: "bad", 7: "bad"}.get(code, "warn") if isinstance(code, int) else "warn"


def _failure(lines: Sequence[Line]) -> str:
    """Why it did not end well: what the run gave up with, else the first step that failed."""
    rescued = [_message(line.get("error")) for line in lines if line.get("kind") == "rescue"]
    failed = [step.error for step in course.changed(lines) if step.status == "failed"]
    return next((text for text in [*reversed(rescued), *failed] if text), "")


def _message(error: object) -> str:
    return str((error.get("message") if isinstance(error, Mapping) else error) or "")


def _asked(opened: Line, sealed: Line) -> list[tuple[str, object]]:
    versions = opened.get("versions")
    rows = [
        ("Run", opened.get("run")),
        ("Why", opened.get("reason") or "no reason was given"),
        ("By whom", opened.get("who")),
        ("Command", opened.get("command")),
        ("Began", opened.get("at")),
        ("Ended", sealed.get("at")),
        ("With", ", ".join(f"{name} {version}" for name, version in versions.items()))
        if isinstance(versions, Mapping)
        else ("With", None),
    ]
    return [(name, value) for name, value in rows if value]


def _figures(lines: Sequence[Line], apps: Sequence[Measured]) -> list[tuple[str, str, str]]:
    """Name, figure, and a word to it; only what this run has."""
    found = [("Took", measured_duration(course.length_s(lines)), "from the first line to the last")]
    steps = course.changed(lines)
    done = sum(step.status == "done" for step in steps)
    if steps:
        found.append(("Steps done", f"{done} of {len(steps)}", "of what was begun"))
    gates = [line for line in lines if line.get("kind") == "gate"]
    if gates:
        stops = sum(line.get("status") == "fail" for line in gates)
        doubts = sum(line.get("status") in ("warn", "unknown", "waived") for line in gates)
        found.append(
            (
                "Go or no-go",
                f"{stops} say no" if stops else "go",
                f"{len(gates)} gates asked, {doubts} of them warn or don't know",
            )
        )
    found += _slower(apps)
    for part in ("during", "after"):
        parts = [each for found_app in apps for each in found_app.parts if each.name == part]
        answers, failed = sum(each.answers for each in parts), sum(each.failed for each in parts)
        own, own_failed = sum(len(each.asked) for each in parts), sum(each.failed_requests for each in parts)
        if answers:
            found.append((f"Visitors {part}", f"{failed} of {answers:,}", "answers failed (5xx)"))
        elif own:
            found.append((f"Requests {part}", f"{own_failed} of {own}", "of hotops' own failed"))
    return found


def _slower(apps: Sequence[Measured]) -> list[tuple[str, str, str]]:
    """The medians of the app whose answers changed most."""
    pairs = []
    for found in apps:
        medians = {part.name: part.median_ms for part in found.parts}
        before, after = medians.get("before"), medians.get("after")
        if before and after:
            pairs.append((after / before, before, after, found.app))
    if not pairs:
        return []
    _, before, after, app = max(pairs)
    return [("Median answer", f"{before:.0f} → {after:.0f}\u00a0ms", app)]


def _app(found: Measured) -> dict[str, Any]:
    return {
        "name": found.app,
        "parts": found.parts,
        "unmeasured": [name for name in PARTS if name not in {part.name for part in found.parts}],
        "zones": plots.zones(found),
        "top_ms": plots.top_ms(found),
        "columns": plots.columns(found.series),
        "series": found.series,
        "series_s": found.series[-1].at - found.series[0].at if found.series else 0.0,
        "says": found.says,
    }


def _gates(lines: Sequence[Line]) -> list[dict[str, Any]]:
    gates = [line for line in lines if line.get("kind") == "gate"]
    ranks = {status: number for number, status in enumerate(_GATES)}
    rows = [
        {
            "status": str(line.get("status")),
            "word": _GATE_WORDS.get(str(line.get("status")), str(line.get("status"))),
            "gate": line.get("gate"),
            "app": line.get("app"),
            "found": line.get("found"),
            "wanted": line.get("wanted"),
            "source": line.get("source"),
        }
        for line in gates
    ]
    return sorted(rows, key=lambda row: ranks.get(row["status"], len(ranks)))


def _remarks(lines: Sequence[Line]) -> list[dict[str, Any]]:
    found = []
    for line in lines:
        text = ""
        match line.get("kind"):
            case "note":
                text = str(line.get("text") or "")
            case "lock":
                text = f"lock {line.get('action')}, {line.get('where')}"
            case "waiver":
                text = f"waived: {line.get('gate')}, because: {line.get('reason')}; until {line.get('until')}"
            case "approval":
                text = str(line.get("text") or f"approval {line.get('action')} for plan {line.get('plan')}")
            case "skip":
                text = f"skipped: {line.get('subject')}: {line.get('reason')}"
            case "rescue":
                text = f"failed and was caught: {line.get('subject')}: {_message(line.get('error'))}"
            case "observation" if line.get("subject") not in MEASURING:
                text = f"{line.get('app') or ''} {line.get('subject') or ''}: {line.get('text') or line.get('found')}"
        if text:
            found.append({"at": str(line["at"])[11:19], "text": text})
    return found[:_MOST_REMARKS]
