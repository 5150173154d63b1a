"""Writing an app's secrets in one call, noting what was written, and proving that it arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotops.core.context import Context
from hotops.core.errors import VerifyFailed
from hotops.core.operation import Fact
from hotops.core.waiting import Pace, wait_for
from hotops.fly import Fly
from hotops.fly.models import AppSecret
from hotops.secrets.drift import Remote
from hotops.secrets.judgement import Judged
from hotops.secrets.ledger import Ledger, Mark
from hotops.secrets.places import AppHolds, app_holds
from hotops.secrets.wanted import Wanted

#: A write is seen by reads within moments; a deploy's release within seconds.
_PATIENCE_S = 30.0
_PACE = Pace(first_s=0.5, factor=2.0, cap_s=4.0)


def write_app(context: Context, fly: Fly, app: str, values: Mapping[str, Wanted], ledger: Ledger) -> Fact:
    """Write all values in one call. The ledger knows of it before, and what came of it after.

    Returns the app's new secrets version and the names.
    """
    ledger.intend({str(want.target): want.fingerprint for want in values.values()}, run=context.run)
    answer = fly.secrets.bulk(app, {name: want.value for name, want in values.items()})
    shown = {secret.name: secret for secret in answer.secrets}
    if not set(values) <= set(shown):
        shown = {secret.name: secret for secret in fly.secrets.list(app, min_version=answer.version)}
    now = context.clock.now()
    ledger.wrote(
        {
            str(want.target): Mark(want.fingerprint, shown[name].digest, shown[name].updated_at, now, run=context.run)
            for name, want in values.items()
            if name in shown
        }
    )
    return {"version": answer.version, "names": sorted(values)}


def note_proven(context: Context, fly: Fly, app: str, proven: Mapping[str, Judged], ledger: Ledger) -> Fact:
    """Note what a machine proved to be there, as the store shows it now; one read, no write anywhere else."""
    seen = {secret.name: secret for secret in fly.secrets.list(app)}
    now = context.clock.now()
    ledger.wrote(
        {
            str(item.wanted.target): Mark(
                item.wanted.fingerprint, seen[name].digest, seen[name].updated_at, now, run=context.run
            )
            for name, item in proven.items()
            if name in seen
        }
    )
    return {"proven": sorted(proven)}


def remove_from_app(fly: Fly, app: str, name: str, ledger: Ledger) -> Fact:
    """Remove one name that the map does not have."""
    ledger.remove(f"fly:{app}/{name}")
    version = fly.secrets.delete(app, [name]).version
    return {"version": version, "removed": name}


def prove_app(
    context: Context,
    fly: Fly,
    app: str,
    names: Iterable[str],
    ledger: Ledger,
    *,
    version: int | None,
    deployed: bool,
    gone: Iterable[str] = (),
) -> None:
    """Read the app again: the names are there with the digests that the write answered, and on every machine.

    Raises VerifyFailed, which names what is not so.
    """
    wanted, removed = list(names), list(gone)
    if deployed:
        holds = wait_for(
            lambda seen: not _wrong(seen, wanted, removed, ledger) and not _undeployed(seen, wanted),
            lambda: app_holds(fly, app),
            clock=context.clock,
            timeout_s=_PATIENCE_S,
            what=f"{app}'s secrets on all machines",
            pace=_PACE,
            describe=lambda seen: "; ".join([*_wrong(seen, wanted, removed, ledger), *_undeployed(seen, wanted)]),
            remedy=f"fly secrets list -a {app}, then run it again.",
        )
    else:
        holds = AppHolds(app, tuple(fly.secrets.list(app, min_version=version)), (), ())
    wrong = _wrong(holds, wanted, removed, ledger)
    if wrong:
        raise VerifyFailed(
            f"{app}: {'; '.join(wrong)}: somebody else writes there too.",
            remedy=f"fly secrets list -a {app}, then run it again.",
            exit_code=None,
        )


def _wrong(holds: AppHolds, names: Iterable[str], gone: Iterable[str], ledger: Ledger) -> list[str]:
    shown: Mapping[str, AppSecret] = {secret.name: secret for secret in holds.secrets}
    found = [f"{name} is still there" for name in gone if name in shown]
    for name in names:
        mark = ledger.marks.get(f"fly:{holds.app}/{name}")
        secret = shown.get(name)
        if secret is None:
            found.append(f"{name} is not there")
        elif mark is None or not Remote(secret.digest, secret.updated_at).is_as_noted(mark):
            found.append(f"{name} has another digest than the one that was written")
    return found


def _undeployed(holds: AppHolds, names: Iterable[str]) -> list[str]:
    states = holds.states()
    return [f"{name} is {states[name]}" for name in names if states.get(name) in ("staged", "partial")]
