"""Gates about the team's repository: CI's checks, tests' results, open blockers."""

from __future__ import annotations

from collections.abc import Callable

from hotops.core.clock import spoken_duration
from hotops.core.errors import ApiError, Forbidden, NotFound, Unauthorized, WireError
from hotops.github.errors import Unprocessable
from hotops.promote.facts import Facts
from hotops.promote.gates import Found, go, no, unknown, warn
from hotops.repository.ci import not_green

_SHOWN = 3


def ci_checks(facts: Facts) -> Found:
    """The required checks of the image's commit: an absent one is as red as a failed one."""
    wanted = facts.pair.app.required_checks
    if not wanted:
        return unknown("not configured", "inventory")
    return _asked(facts, "GitHub checks", lambda: _ci_checks(facts))


def test_evidence(facts: Facts) -> Found:
    """The artifacts that tests of the image's commit left: there, young enough, good enough."""
    if not facts.pair.app.test_evidence:
        return unknown("not configured", "inventory")
    return _asked(facts, "GitHub artifacts", lambda: _test_evidence(facts))


def history(facts: Facts) -> Found:
    """What became of this commit here before, as promotions recorded it: a failed one is worth a second look."""
    found = _asked(facts, "GitHub deployments", lambda: _history(facts))
    declared = facts.environment.gates.get("history")
    if declared is not None and declared.level == "require":
        return no(found.found, found.source) if found.status == "warn" else found
    # Where nobody declared it, it only warns, and what can't be asked stops nobody.
    return found if found.status != "fail" else unknown(found.found, found.source)


def no_blocker(facts: Facts) -> Found:
    """No open issue that says that nothing is to be deployed."""
    if not facts.environment.blocking_labels:
        return unknown("not configured", "inventory")
    return _asked(facts, "GitHub issues", lambda: _no_blocker(facts), needs_commit=False)


def _ci_checks(facts: Facts) -> Found:
    wanted, commit = facts.pair.app.required_checks, facts.source.image.commit
    try:
        bad = not_green(wanted, facts.ci_checks())
    except Unprocessable:
        return no(f"no commit {commit[:12]} in {facts.environment.github_repo}", "GitHub checks", ", ".join(wanted))
    if bad:
        return no(f"{commit[:12]}: {_few(bad)}", "GitHub checks", ", ".join(wanted))
    return go(f"{commit[:12]}: {len(wanted)} of {len(wanted)} green", "GitHub checks", ", ".join(wanted))


def _test_evidence(facts: Facts) -> Found:
    told, bad = [], []
    for name, wanted in facts.pair.app.test_evidence.items():
        proof = facts.test_evidence()[name]
        if proof is None:
            bad.append(f"{name} left nothing for this commit")
            continue
        age_s = max(0.0, facts.now - (proof.made_at or 0.0))
        said = f"{name} {spoken_duration(age_s)} old"
        if proof.trouble:
            bad.append(f"{name}: {proof.trouble}")
        elif age_s > wanted.max_age_h * 3600:
            bad.append(f"{said}, at most {wanted.max_age_h:g} h")
        elif proof.value is not None and not wanted.allows(proof.value):
            bad.append(f"{name} {wanted.key} is {proof.value:g}, {wanted.limit}")
        else:
            told.append(said + (f", {wanted.key} {proof.value:g}" if proof.value is not None else ""))
    if bad:
        return no(_few(bad), "GitHub artifacts")
    return go("; ".join(told), "GitHub artifacts")


def _history(facts: Facts) -> Found:
    told = [
        (deployment.created_at, str(deployment.payload["outcome"]))
        for deployment in facts.deployments()
        if isinstance(deployment.payload, dict) and deployment.payload.get("outcome")
    ]
    if not told:
        return go("not deployed here before", "GitHub deployments")
    at, outcome = told[0]
    said = f"{outcome.replace('_', ' ')} {spoken_duration(max(0.0, facts.now - (at or facts.now)))} ago"
    return go(said, "GitHub deployments") if outcome == "promoted" else warn(said, "GitHub deployments")


def _no_blocker(facts: Facts) -> Found:
    labels = ", ".join(facts.environment.blocking_labels)
    found = facts.blockers()
    if found:
        # Titles of issues may be long, and are somebody else's words.
        return no(
            _few([f"#{issue.number} {issue.title[:60]}" for issue in found]), "GitHub issues", f"no {labels} open"
        )
    return go(f"no {labels} open", "GitHub issues")


def _asked(facts: Facts, source: str, ask: Callable[[], Found], *, needs_commit: bool = True) -> Found:
    """The answer; unknown without a token or the right; no where GitHub is down: declared and not proven is a no."""
    if facts.environment.github_repo is None:
        return unknown("no github_repo in the inventory", "inventory")
    if not facts.context.world.has_credential("github"):
        return unknown("no GITHUB_TOKEN", "environment")
    if needs_commit and not facts.source.image.commit:
        return no("the image claims no commit", "image labels")
    try:
        return ask()
    except (Unauthorized, Forbidden, NotFound) as error:
        needs = f"needs {error.details['needs']}" if error.details.get("needs") else error.message
        return unknown(f"the token may not: {needs}", source)
    except (ApiError, WireError) as error:
        return no(f"could not be asked: {error.message}", source)


def _few(words: list[str]) -> str:
    more = f" (and {len(words) - _SHOWN} more)" if len(words) > _SHOWN else ""
    return "; ".join(words[:_SHOWN]) + more
