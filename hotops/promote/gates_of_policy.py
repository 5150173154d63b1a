"""Gates about the moment: tokens, clocks, the lock, windows, freezes, backups."""

from __future__ import annotations

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.errors import HotopsError
from hotops.inventory.frozen import frozen_by, told
from hotops.inventory.windows import freeze_at, is_window_open, next_opening
from hotops.promote.facts import Facts
from hotops.promote.failed_lately import WITHIN_S, failed_lately
from hotops.promote.gates import Found, go, no, unknown
from hotops.promote.holding import LockUnknown, held_by

_BACKUPS = "backups"
#: What is dated further ahead than that was dated by a clock that is wrong, and says nothing of an age.
AHEAD_S = 600.0


def token(facts: Facts) -> Found:
    """Whether the credential is meant for both apps. What it may write, only a write tells."""
    tokens = facts.fly.tokens.current()
    if not tokens:
        return unknown("Fly tells nothing about this token", "Fly tokens")
    app = facts.pair.app
    wanted = [(app.app, app.fly_org)] + ([(facts.source.app, str(app.source_org))] if facts.source.app else [])
    uncovered = [name for name, org in wanted if not any(found.covers(name, org) for found in tokens)]
    if uncovered:
        return no(f"no token covers {', '.join(uncovered)}", "Fly tokens")
    scopes = [", ".join(found.apps) or found.org_slug or found.organization or "all" for found in tokens]
    return go(f"covers {', '.join(name for name, _ in wanted)} ({'; '.join(scopes)})", "Fly tokens")


def clock_skew(facts: Facts) -> Found:
    skews = [call.clock_ahead_s for call in facts.context.calls if call.clock_ahead_s is not None]
    if not skews:
        return unknown("no answer told the time", "Date headers")
    skew, limit = min(skews, key=abs), facts.environment.clock_skew_s
    said = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} Fly's"
    return (go if abs(skew) <= limit else no)(said, "Date headers", f"at most {limit:.0f} s")


def lock(facts: Facts) -> Found:
    try:
        held, scope = held_by(facts.context, facts.environment)
    except LockUnknown as error:
        return no(error.message, "lock")
    if held is None or held.run == facts.context.run:
        return go(f"free ({scope})", "lock")
    if held.is_dead(facts.now):
        return go(f"left by dead {held}; this run takes it over", "lock")
    return no(f"held by {held} ({scope})", "lock")


def window(facts: Facts) -> Found:
    windows = facts.pair.app.windows
    if is_window_open(windows, facts.now):
        return go("open" if windows else "always open", "inventory")
    opens = next_opening(windows, facts.pair.app.freezes, facts.now)
    said = " or ".join(window.spoken() for window in windows)
    return no(f"closed until {rfc3339(opens) if opens else 'further notice'} ({said})", "inventory")


def freeze(facts: Facts) -> Found:
    found = freeze_at(facts.pair.app.freezes, facts.now)
    if found is not None:
        return no(f"until {rfc3339(found.ends_at)}: {found.reason}", "inventory")
    by_hand, scope = frozen_by(facts.context, facts.environment)
    if by_hand is not None:
        return no(told(by_hand), f"freeze ({scope})")
    failed = failed_lately(facts.environment, facts.now)
    if failed.is_too_often:
        ends = rfc3339(failed.since + WITHIN_S)
        said = f"{len(failed.runs)} runs failed in a row, the newest is {failed.runs[0]}: look first; until {ends}"
        return no(said, "evidence")
    return go("none", "inventory, freeze")


def backup_fresh(facts: Facts) -> Found:
    """The age of the newest backup, where one is asked for; "not configured" is an answer, not a pass."""
    backup = facts.environment.backup
    if backup is None:
        return unknown("not configured", "inventory")
    try:
        newest = facts.newest_backup()
    except HotopsError as error:
        # Declared and not proven is a no: on other gates "could not be read" may pass as unknown.
        return no(f"could not be asked: {error.message}", _BACKUPS, f"at most {backup.max_age_h:g} h old")
    if newest is None:
        return no("there is no completed backup", _BACKUPS, f"at most {backup.max_age_h:g} h old")
    age_s = facts.now - newest
    if age_s < -AHEAD_S:
        return no(f"dated {spoken_duration(-age_s)} in the future: which clock is wrong?", _BACKUPS)
    said = f"{spoken_duration(max(0.0, age_s))} old"
    return (go if age_s <= backup.max_age_h * 3600 else no)(said, _BACKUPS, f"at most {backup.max_age_h:g} h")


def restore_proven(facts: Facts) -> Found:
    """The age of the newest proof that the data come back; "never proven" is an answer, not a pass."""
    backup, source = facts.environment.backup, "drills, backups"
    if backup is None:
        return unknown("not configured", "inventory")
    wanted = f"at most {backup.proven_days} days ago"
    try:
        proof = facts.restore_proof()
    except HotopsError as error:
        return no(f"could not be read: {error.message}", source, wanted)
    if proof is None:
        return unknown(f"never proven for this environment ({facts.environment.env_kind})", source, wanted)
    if proof.at > facts.now + AHEAD_S:
        return no(f"dated {spoken_duration(proof.at - facts.now)} in the future: {proof.told}", source, wanted)
    age_s = max(0.0, facts.now - proof.at)
    said = f"{spoken_duration(age_s)} ago: {proof.told}"
    return (go if age_s <= backup.proven_days * 86400 else no)(said, source, wanted)
