"""The lock that all see: of those who try at once one has it, and what GitHub's bad days mean for a run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hotops.core import lock as locks
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError, LockHeld, UsageError
from hotops.core.lock import FileLock, Holder, Taken
from hotops.core.state import state_dir
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.github.lock import GitLock, SharedLock
from hotops.promote.holding import LockUnknown, hold, let_go, local_lock, lock_of
from hotops.promote.lock import Lock, LockWant
from tests.github_worlds import REPO, Forge
from tests.stage import NOBODY, Stage

WHO = ("ci-runner-1", "ci-runner-2", "laptop")

pytestmark = pytest.mark.usefixtures("own_state")


def store_of(forge: Forge, tmp_path: Path, who: str) -> SharedLock:
    """The lock as one of several computers sees it."""
    return SharedLock(GitLock(forge.client(), REPO, "production"), FileLock("production", tmp_path / who))


def holder_of(who: str, forge: Forge, *, run: str = "") -> Holder:
    mine = Holder.of(run or f"run-of-{who}", "a change", os.getpid(), forge.clock)
    return replace(mine, host=who, place=f"place-of-{who}")


def contend(tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All of WHO take the lock at the same moment; who has it then. The others were told who holds it."""
    names = threading.local()
    made = Holder.of
    monkeypatch.setattr(
        Holder,
        "of",
        classmethod(lambda cls, *given: replace(made(*given), host=names.who, place=f"place-of-{names.who}")),
    )
    start = threading.Barrier(len(WHO))
    winners: list[str] = []
    told: list[str] = []

    def take(who: str) -> None:
        names.who = who
        store = store_of(forge, tmp_path, who)
        start.wait()
        try:
            locks.take(store, run=f"run-of-{who}", reason="a change", pid=os.getpid(), clock=forge.clock)
            winners.append(who)
        except LockHeld as error:
            told.append(error.message)

    threads = [threading.Thread(target=take, args=(who,)) for who in WHO]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    assert len(told) == len(WHO) - len(winners)
    assert all("run-of-" in message or "changes hands" in message for message in told)
    return winners


@pytest.mark.parametrize("attempt", range(12))
def test_two_runners_and_a_laptop_contend_and_one_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    forge = Forge()
    (winner,) = contend(tmp_path, forge, monkeypatch)
    assert forge.github.git.ref(REPO, "refs/hotops/lock/production") is not None
    held = store_of(forge, tmp_path, "onlooker").read()
    assert held is not None
    assert held.run == f"run-of-{winner}"


@pytest.mark.parametrize("attempt", range(12))
def test_a_dead_holder_s_lock_is_inherited_by_one_of_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempt: int
) -> None:
    forge = Forge()
    store_of(forge, tmp_path, "long-gone").create(holder_of("long-gone", forge))
    forge.clock.sleep(locks.LONGEST_HOLD_S + 1)
    winners = contend(tmp_path, forge, monkeypatch)
    assert len(winners) <= 1  # of those who stood in each other's way none may have it; never two
    names = [ref.name for ref in forge.github.git.refs(REPO, "refs/hotops/")]
    assert names == ["refs/hotops/lock/production"] * len(winners)


def test_the_slow_one_who_also_found_it_dead_does_not_remove_the_winner_s(tmp_path: Path) -> None:
    forge = Forge()
    dead, fast, slow = (store_of(forge, tmp_path, who) for who in ("dead", "fast", "slow"))
    gone = holder_of("dead", forge)
    dead.create(gone)
    fast.remove(gone)
    winner = holder_of("fast", forge)
    assert fast.create(winner)
    slow.remove(gone)
    assert slow.read() == winner


def test_the_lock_carries_holder_run_reason_and_expiry_where_all_see_them(tmp_path: Path) -> None:
    forge = Forge()
    mine = holder_of("laptop", forge)
    store_of(forge, tmp_path, "laptop").create(mine)
    with pytest.raises(LockHeld, match="run-of-laptop") as refused:
        locks.take(store_of(forge, tmp_path, "ci"), run="another", reason="x", pid=os.getpid(), clock=forge.clock)
    assert "GitHub, acme/shop" in refused.value.message
    assert refused.value.details["reason"] == "a change"
    assert refused.value.details["expires_at"] == mine.expires_at


def test_taking_and_giving_back_asks_little(tmp_path: Path) -> None:
    forge = Forge()
    store = store_of(forge, tmp_path, "laptop")
    forge.calls.clear()
    locks.take(store, run="a", reason="", pid=os.getpid(), clock=forge.clock)
    assert len(forge.calls) == 4
    forge.calls.clear()
    locks.release(store, "a")
    assert len(forge.calls) <= 8
    assert forge.github.git.refs(REPO, "refs/hotops/") == []


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "truncate"])
@pytest.mark.parametrize("path", ["*/git/refs", "*/git/tags", "*/git/refs/*"])
def test_an_answer_that_is_lost_takes_or_frees_it_all_the_same(tmp_path: Path, kind: str, path: str) -> None:
    forge = Forge()
    forge.fault(kind, path, nth=[1])
    store = store_of(forge, tmp_path, "laptop")
    taken = locks.take(store, run="a", reason="", pid=os.getpid(), clock=forge.clock)
    held = store.shared.read()
    assert held == taken.holder
    locks.release(store, "a")
    assert forge.github.git.refs(REPO, "refs/hotops/lock/") == []


def test_the_same_process_number_on_another_computer_of_that_name_is_not_dead(tmp_path: Path) -> None:
    forge = Forge()
    other = replace(Holder.of("theirs", "a change", NOBODY, forge.clock), place="another computer")
    assert not other.is_dead(forge.clock.now())
    assert replace(other, place=Holder.of("x", "", 1, forge.clock).place).is_dead(forge.clock.now())


def test_a_lock_that_was_made_by_hand_is_somebody_s(tmp_path: Path) -> None:
    forge = Forge()
    forge.github.git.create_ref(REPO, "refs/hotops/lock/production", forge.github.git.head(REPO))
    held = store_of(forge, tmp_path, "laptop").read()
    assert held is not None
    assert "made by hand" in str(held)
    assert not held.is_dead(forge.clock.now())


# --- a promotion ------------------------------------------------------------------------------------------------------


def stage_with_github(tmp_path: Path, **more: Any) -> Stage:
    return Stage(tmp_path, github_repo=REPO, **more)


def ref_of(stage: Stage) -> str | None:
    repo = stage.twin.github.hub.repository(REPO)
    assert repo is not None
    return repo.refs.get("refs/hotops/lock/stage")


def references(stage: Stage) -> list[str]:
    repo = stage.twin.github.hub.repository(REPO)
    assert repo is not None
    return [name for name in repo.refs if name.startswith("refs/hotops/")]


def outage(stage: Stage, **more: Any) -> None:
    stage.twin.faults.add({"kind": "status", "status": 503, "match": {"surface": "github"}, **more})


def refused(call: Callable[..., Any], **options: Any) -> HotopsError:
    with pytest.raises(HotopsError) as error:
        call(**options)
    return error.value


def test_a_promotion_holds_the_lock_for_everybody_and_gives_it_back(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    seen: dict[str, str | None] = {}
    stage.promote(on_phase=lambda phase, _outcome: seen.update({phase: ref_of(stage)}))
    assert seen["ask_gates"] is None
    assert seen["deploy"] is not None
    assert seen["watch"] is None


def test_a_promotion_stops_where_a_colleague_s_run_holds_it(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    with stage.context() as context:
        hold(replace_run(context, "theirs"), stage.environment)
        colleague = Holder.of("theirs", "a hotfix", 1, stage.clock)
        move_to_another_computer(stage, colleague)
    error = refused(stage.promote)
    assert (error.failure_code, int(error.failure_exit)) == ("lock_held", 9)
    assert "a hotfix" in error.message
    assert stage.tags() == {"v41"}


def test_while_github_is_down_nobody_promotes_and_nothing_was_changed(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    outage(stage)
    error = refused(stage.promote)
    assert isinstance(error, LockUnknown)
    assert "a rollback needs no lock" in error.remedy
    assert stage.tags() == {"v41"}


def test_github_down_blocks_no_rollback(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    stage.promote()
    outage(stage)
    with stage.context("20260101T010000Z-rollback-stage") as context:
        drive(Rollback(RollbackWant(), context))
    assert stage.tags() == {"v41"}


def test_github_going_down_after_the_lock_keeps_no_bad_release(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    stage.push("v43-prod-slow")
    error = refused(stage.promote, on_phase=lambda phase, _outcome: outage(stage) if phase == "deploy" else None)
    assert error.failure_code == "rolled_back"
    assert stage.tags() == {"v41"}


def test_github_going_down_after_the_lock_undoes_no_good_release(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    stage.promote(on_phase=lambda phase, _outcome: outage(stage) if phase == "deploy" else None)
    assert stage.tags() == {"v42"}
    assert ref_of(stage) is not None  # it could not be given back: it expires, or is broken


def test_a_token_without_the_right_leaves_a_lock_of_this_computer_and_says_so(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    token = next(iter(stage.twin.github.hub.tokens.values()))
    token.permissions = {"metadata": "read"}
    outcomes = stage.promote()
    assert stage.tags() == {"v42"}
    lock = next(gate for gate in outcomes["ask_gates"].result["gates"] if gate["gate"] == "lock")
    assert lock["found"] == "free (this computer only: GitHub answers 403 for acme/shop (needs contents=write))"


# --- the module -------------------------------------------------------------------------------------------------------


def replace_run(context: Any, run: str) -> Any:
    context.run = run
    return context


def move_to_another_computer(stage: Stage, holder: Holder) -> None:
    """Let the lock be one that somebody took elsewhere."""
    with stage.context() as context:
        store = lock_of(context, stage.environment)
        held = store.read()
        if held is not None:
            store.remove(held)
        assert isinstance(store, SharedLock)
        assert store.shared.create(replace(holder, host="elsewhere", place="elsewhere"))
        assert local_lock(stage.environment).read() is None


def lock_module(stage: Stage, *, check: bool = False, **want: Any) -> Outcome:
    with stage.context("20260101T020000Z-lock-stage") as context:
        return drive(Lock(LockWant(**want), context), check=check)


def test_show_tells_who_why_and_where(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    assert lock_module(stage).result["hotops_screen"] == ["free (GitHub, acme/shop)"]
    move_to_another_computer(stage, Holder.of("theirs", "a hotfix", 1, stage.clock))
    shown = lock_module(stage)
    assert not shown.changed
    assert shown.result["holder"]["run"] == "theirs"
    assert "a hotfix" in shown.result["hotops_screen"][0]
    assert "elsewhere" in shown.result["hotops_screen"][0]


def test_break_removes_it_for_a_reason_and_twice_changes_nothing(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    move_to_another_computer(stage, Holder.of("theirs", "a hotfix", 1, stage.clock))
    with pytest.raises(UsageError, match="for a reason"):
        lock_module(stage, action="break")
    planned = lock_module(stage, action="break", reason="its runner is gone", check=True)
    assert planned.changed
    assert ref_of(stage) is not None
    assert lock_module(stage, action="break", reason="its runner is gone").changed
    assert ref_of(stage) is None
    assert not lock_module(stage, action="break", reason="its runner is gone").changed


def test_break_names_the_run_so_that_no_newer_lock_is_broken(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    move_to_another_computer(stage, Holder.of("newer", "a hotfix", 1, stage.clock))
    with pytest.raises(LockHeld, match="not run older"):
        lock_module(stage, action="break", reason="gone", run="older")
    assert ref_of(stage) is not None


def test_a_run_that_lives_here_is_not_broken_into(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    with stage.context("mine", holder_pid=os.getpid()) as context:
        assert isinstance(hold(context, stage.environment), Taken)
    with pytest.raises(LockHeld, match=f"kill {os.getpid()}"):
        lock_module(stage, action="break", reason="impatience")
    with stage.context("mine", holder_pid=os.getpid()) as context:
        let_go(context, stage.environment)
    assert ref_of(stage) is None


def test_without_a_repository_it_is_shown_as_this_computer_s_only(tmp_path: Path) -> None:
    assert lock_module(Stage(tmp_path)).result["scope"] == "this computer only"


def test_while_github_is_down_what_is_known_here_is_shown(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    outage(stage)
    assert lock_module(stage).result["scope"] == "this computer only: GitHub does not answer"
    with pytest.raises(LockUnknown):
        lock_module(stage, action="break", reason="gone")


def test_one_who_died_taking_over_stops_nobody_and_one_elsewhere_who_stopped_does_for_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_with_github(tmp_path)

    def stops_half_way() -> None:
        """Whoever takes over ends right after its claim: the second reference stays."""
        match = {"method": "DELETE", "path": "*/git/refs/*"}
        stage.control("POST", "faults", {"kind": "status", "status": 403, "match": match})
        refused(lock_module, stage=stage, action="break", reason="its runner is gone")
        stage.control("DELETE", "faults")
        assert len(references(stage)) >= 2

    move_to_another_computer(stage, Holder.of("theirs", "a hotfix", 1, stage.clock))
    stops_half_way()
    stops_half_way()
    assert lock_module(stage, action="break", reason="its runner is gone").changed
    assert references(stage) == [], "also the claims of the dead are gone"

    move_to_another_computer(stage, Holder.of("theirs", "a hotfix", 1, stage.clock))
    made = Holder.of
    with monkeypatch.context() as patched:
        elsewhere = classmethod(lambda _cls, *given: replace(made(*given), host="a runner", place="elsewhere"))
        patched.setattr(Holder, "of", elsewhere)
        stops_half_way()
    told = refused(lock_module, stage=stage, action="break", reason="its runner is gone")
    assert (told.failure_code, "in a minute" in told.remedy) == ("lock_held", True)
    stage.clock.sleep(61)
    assert lock_module(stage, action="break", reason="its runner is gone").changed
    assert references(stage) == []


def test_a_file_that_is_no_lock_is_somebody_s_until_it_is_broken(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with stage.context() as context:
        hold(context, stage.environment)
    (file,) = (state_dir() / "locks").glob("[!.]*.json")
    file.write_text("{", encoding="utf-8")
    assert "is no lock of hotops" in lock_module(stage).result["hotops_screen"][0]
    assert refused(stage.promote).failure_code == "lock_held"
    assert lock_module(stage, action="break", reason="a full disk").changed
    stage.promote()


def test_break_claims_nothing_where_the_token_may_not_look(tmp_path: Path) -> None:
    stage = stage_with_github(tmp_path)
    move_to_another_computer(stage, Holder.of("theirs", "a hotfix", 1, stage.clock))
    outage(stage, status=403)
    told = refused(lock_module, stage=stage, action="break", reason="its runner is gone")
    assert (told.failure_code, "for everybody is not known" in told.message) == ("lock_unknown", True)
