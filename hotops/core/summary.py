"""The summary of a run in plain words, for those who ask what happened: a pure function of the journal's lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hotops.core.clock import parse_rfc3339, spoken_duration
from hotops.core.table import one_line

SANDBOX_MARK = (
    "> **SANDBOX: not proof.** This run was made against simulated clouds. It shows that the procedure works; "
    "it says nothing about production and does not count as a drill, a deployment or a restore test."
)

_Line = Mapping[str, Any]

_SHOWN_OBSERVATIONS = 40
_LONGEST_CELL = 240

_EXIT_WORDS = {
    0: "Done.",
    1: "It ended with an error.",
    2: "It was called wrongly, or the inventory is wrong. Nothing was changed.",
    3: "No-go: a gate said no. Nothing was changed.",
    4: "A token is missing or was refused.",
    5: "An approval or confirmation is missing. Nothing was changed.",
    6: "It failed, and the old state is proven back.",
    7: "It failed, and the old state is NOT proven back. Someone has to look now.",
    8: "There are findings.",
    9: "Another run holds the environment. Nothing was changed.",
    130: "It was interrupted and can be resumed.",
}
_EXIT_NEXT = {
    1: "Read the error below, then run the same command again: it finishes or undoes what was begun.",
    2: "Correct the call or the inventory and run it again.",
    3: "Make the gate pass, or waive it with a reason and an end, then run it again.",
    4: "Export the token that the error names and run it again.",
    5: "Get the approval for the plan's id and run it again.",
    6: "Find out why the change failed before it is tried again; users are served by the old release.",
    7: "Wake the engineer on call. Then run the rollback: it undoes what is left.",
    8: "Go through the findings.",
    9: "Wait for the holder, or ask who it is.",
    130: "Run the same command again: it finishes or undoes what was begun.",
}


def outcome_words(exit_code: int) -> str:
    """What an exit code of hotops means, as a sentence."""
    return _EXIT_WORDS.get(exit_code, f"It ended with exit code {exit_code}.")


def render(lines: Sequence[_Line]) -> str:
    """`summary.md` of a run. `lines` are the journal's records in order; the same lines give the same text."""
    opened = next(_of_kind(lines, "run_opened"), {})
    sealed = next(_of_kind(reversed(lines), "run_sealed"), {})
    parts = [
        _title(opened, sealed),
        _asked(opened, sealed),
        _checked(lines),
        _changed(lines),
        _run_besides(lines),
        _watched(lines),
        _remarks(lines),
        _ended(opened, sealed),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def changes(before: object, after: object) -> str:
    """What differs between two values, as `memory_mb: 512 → 1024`; whole values where they are no mappings."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        found = [
            f"{key}: {_value(before.get(key))} → {_value(after.get(key))}"
            for key in keys
            if before.get(key) != after.get(key)
        ]
        return ", ".join(found) or "no difference"
    return f"{_value(before)} → {_value(after)}"


def _title(opened: _Line, sealed: _Line) -> str:
    outcome = _spoken(sealed.get("outcome", "")) or "not finished"
    title = f"# {_text(opened.get('playbook', 'run'))} {_text(opened.get('environment', ''))}: {_text(outcome)}"
    mark = f"\n\n{SANDBOX_MARK}" if opened.get("env_kind") == "sandbox" else ""
    result = outcome_words(int(sealed["exit_code"])) if "exit_code" in sealed else "The run was not finished."
    return f"{title}{mark}\n\n**{result}**"


def _asked(opened: _Line, sealed: _Line) -> str:
    rows = [
        ("Run", opened.get("run")),
        ("What", f"{opened.get('playbook', '?')} on {opened.get('environment', '?')} ({opened.get('env_kind', '?')})"),
        ("Why", opened.get("reason") or "no reason was given"),
        ("By whom", opened.get("who")),
        ("Command", opened.get("command")),
        ("Started", opened.get("at")),
        ("Ended", sealed.get("at")),
        ("Took", _took(opened, sealed)),
        ("With", ", ".join(f"{name} {version}" for name, version in (opened.get("versions") or {}).items())),
    ]
    return "## What was asked\n\n" + "\n".join(f"- {name}: {_text(value)}" for name, value in rows if value)


def _checked(lines: Sequence[_Line]) -> str:
    gates = [
        (g.get("gate"), g.get("app"), g.get("level"), _spoken(g.get("status")), _found(g), g.get("source"), _age(g))
        for g in _of_kind(lines, "gate")
    ]
    waivers = [
        f"- Waived: {_text(w.get('gate'))}{_on(w)} ({_text(w.get('level', 'off'))}), because: "
        f"{_text(w.get('reason') or 'no reason was given')}; until {_text(w.get('until') or 'no end is set')}"
        f"{'; by ' + _text(w['who']) if w.get('who') else ''}"
        for w in _of_kind(lines, "waiver")
    ]
    verdicts = [
        f"- Verdict{' of ' + _text(v['scope']) if v.get('scope') else ''}{_on(v)}: "
        f"**{_spoken(v.get('verdict')).upper()}** at {v.get('at')}{_tail(v.get('text'))}"
        for v in _of_kind(lines, "verdict")
    ]
    if not (gates or waivers or verdicts):
        return "## What was checked\n\nNothing was checked."
    table = _table(("Check", "App", "Level", "Result", "Found", "Source", "Age"), gates)
    return "\n\n".join(part for part in ("## What was checked", table, "\n".join(waivers), "\n".join(verdicts)) if part)


def _changed(lines: Sequence[_Line]) -> str:
    outcomes = {line.get("intent"): line for line in _of_kind(lines, "outcome")}
    rows = []
    for intent in _of_kind(lines, "intent"):
        outcome = outcomes.get(intent.get("n"), {})
        took = f"{outcome['duration_s']} s" if "duration_s" in outcome else ""
        error = outcome.get("error")
        why = error.get("message") if isinstance(error, Mapping) else error
        result = _spoken(outcome.get("status", "begun, end unknown")) + (f": {_value(why)}" if why else "")
        change = changes(intent.get("before"), intent.get("after"))
        rows.append((intent.get("action"), intent.get("target"), change, result, took))
    if not rows:
        return "## What changed\n\nNothing was changed."
    return "## What changed\n\n" + _table(("Step", "Target", "From → to", "Result", "Took"), rows)


def _run_besides(lines: Sequence[_Line]) -> str:
    """Tasks of other collections: hotops knows that they ran, not what they did."""
    rows = [
        (line.get("task"), line.get("module"), line.get("host"), line.get("status"))
        for line in _of_kind(lines, "task")
        if line.get("status") != "started"
    ]
    if not rows:
        return ""
    return "## What else was run\n\n" + _table(("Task", "Module", "Host", "Result"), rows)


def _watched(lines: Sequence[_Line]) -> str:
    seen = [
        f"- {line.get('at')} {_text(line.get('subject', ''))}{_on(line)}{_tail(line.get('text') or line.get('found'))}"
        for line in _of_kind(lines, "observation")
    ]
    if not seen:
        return ""
    more = len(seen) - _SHOWN_OBSERVATIONS
    rest = [f"- … and {more} more in `evidence.jsonl`"] if more > 0 else []
    return "## What was watched\n\n" + "\n".join(seen[:_SHOWN_OBSERVATIONS] + rest)


def _remarks(lines: Sequence[_Line]) -> str:
    told = []
    for line in lines:
        match line.get("kind"):
            case "skip":
                told.append(f"skipped {_text(line.get('subject'))}{_tail(line.get('reason'))}")
            case "rescue":
                told.append(f"failed and was caught: {_text(line.get('subject'))}{_tail(line.get('error'))}")
            case "lock":
                told.append(
                    f"lock {_text(line.get('action'))}{_tail(line.get('where'))}"
                    + (f", held by {_text(line['holder'])}" if line.get("holder") else "")
                )
            case "approval":
                told.append(
                    _text(
                        line.get("text") or f"approval {_text(line.get('action'))} for plan {_text(line.get('plan'))}"
                    )
                    + _tail(line.get("url") if not line.get("text") else None)
                )
            case "note":
                told.append(_text(line.get("text")))
            case "phase_finished" if line.get("status") not in (None, "done"):
                told.append(f"phase {_text(line.get('phase'))}: {_spoken(line.get('status'))}")
            case _:
                continue
        told[-1] = f"- {line.get('at')} {told[-1]}"
    return "## Also to be told\n\n" + "\n".join(told) if told else ""


def _ended(opened: _Line, sealed: _Line) -> str:
    code = int(sealed.get("exit_code", 130))
    following = sealed.get("next") or _EXIT_NEXT.get(code, "Nothing has to be done.")
    proof = (
        "- Proof: `evidence.jsonl` holds every step, `manifest.json` signs every file of this folder; "
        f"`hotops evidence verify {_text(opened.get('run', 'DIR'))}` checks both."
    )
    rows = [
        f"- Outcome: {_text(_spoken(sealed.get('outcome', 'not finished')))} (exit code {code})",
        f"- Next: {_text(following)}",
        f"- Whom to call: {_text(sealed['contact'])}" if sealed.get("contact") else "",
        proof,
    ]
    mark = f"\n\n{SANDBOX_MARK}" if opened.get("env_kind") == "sandbox" else ""
    return "## How it ended\n\n" + "\n".join(row for row in rows if row) + mark


# --- words and cells --------------------------------------------------------------------------------------------------


def _of_kind(lines: Iterable[_Line], kind: str) -> Iterator[_Line]:
    return (line for line in lines if line.get("kind") == kind)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table without the columns that no row fills."""
    if not rows:
        return ""
    columns = [number for number in range(len(head)) if any(row[number] not in (None, "") for row in rows)]
    texts = [[head[number] for number in columns], ["---"] * len(columns)]
    texts += [[_text(row[number]) for number in columns] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in texts)


def _text(value: object) -> str:
    """One line of Markdown that shows `value` as it is: what a cloud answered must not become a link or a table."""
    text = re.sub(r"\s+", " ", "" if value is None else one_line(_value(value)))
    if len(text) > _LONGEST_CELL:
        text = text[: _LONGEST_CELL - 1] + "…"
    return re.sub(r"([\\|<>\[\]`*])", r"\\\1", text)


def _value(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{key} {_value(item)}" for key, item in value.items()) or "nothing"
        case list() | tuple():
            return ", ".join(_value(item) for item in value) or "nothing"
        case _:
            return str(value)


def _spoken(word: object) -> str:
    return one_line(str(word or "")).replace("_", " ")


def _tail(value: object) -> str:
    return f": {_text(value)}" if value else ""


def _on(line: _Line) -> str:
    return f" on {_text(line['app'])}" if line.get("app") else ""


def _found(gate: _Line) -> str:
    found, wanted = gate.get("found"), gate.get("wanted")
    shown = "" if found is None else _value(found)
    return f"{shown} (wanted: {_value(wanted)})" if wanted is not None else shown


def _age(gate: _Line) -> str:
    age_s = gate.get("age_s")
    return spoken_duration(float(age_s)) if isinstance(age_s, (int, float)) else ""


def _took(opened: _Line, sealed: _Line) -> str:
    if "at" not in opened or "at" not in sealed:
        return ""
    return spoken_duration(parse_rfc3339(sealed["at"]) - parse_rfc3339(opened["at"]))
