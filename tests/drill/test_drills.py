"""Every scenario on the sandbox: what breaks comes back, the figures are measured, nothing is left over."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hotops.core.clock import rfc3339
from hotops.core.driver import drive
from hotops.core.errors import NoGo, RolledBack, UsageError
from hotops.core.lock import LockHeld
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.drill import drill as dr_drill
from hotops.drill.credentials import NotRotatable
from hotops.drill.drill import ConfirmationMissing, DrDrill, DrillWanted, TargetMissed
from hotops.drill.due import DrDue, DrillsDue, DueWanted
from hotops.drill.experiment import load, scenarios
from hotops.drill.provided import ACTIVITIES
from hotops.drill.rebuild import NotRebuildable
from hotops.dsn.parsing import parse
from hotops.fly import Fly
from hotops.inventory.seed_values import project_ref
from hotops.promote.holding import hold, let_go
from hotops.proofs.register import Entry, Register, RegisterDamaged
from hotops.secrets.pretended_vault import make_pretended_vault
from hotops.secrets.wanted import vault_of
from hotops.supabase.client import Project, Supabase
from tests.documented import as_documented
from tests.drill.conftest import Shop
from tests.playbooks.canaries import Canaries

#: What each scenario's way back consists of.
PHASES = {
    "bad_migration": ["detect", "decide", "archive", "load", "verify", "serve"],
    "database_lost": ["detect", "decide", "load", "verify", "serve"],
    "machine_lost": ["detect", "decide", "load", "serve"],
    "project_deleted": ["detect", "decide", "make", "fetch", "load", "index", "verify", "re-point", "serve"],
    "region_lost": ["detect", "decide", "fetch", "load", "serve"],
    "volume_lost": ["detect", "decide", "fetch", "load", "serve"],
    "release_broken": ["detect", "decide", "load", "serve"],
}


def drill(shop: Shop, scenario: str, **changes: Any) -> dict[str, Any]:
    if scenario in (
        "volume_lost",
        "region_lost",
    ):  # a snapshot a day is what the platform makes: more is lost than the shop allows
        changes["dr"] = shop.environment().dr.model_copy(update={"rpo_s": 86400})
    with shop.context() as context:
        if changes:
            context.environment = context.environment.model_copy(update=changes)
        return as_documented("dr_drill", drive(DrDrill(DrillWanted(scenario=scenario, confirm="shop"), context))).result


def is_as_before(shop: Shop) -> None:
    """Two machines run in their region, the database answers and holds nothing of the drill, no lock is held."""
    with shop.context(recorded=False) as context:
        fly = context.client(Fly)
        for app, count in (("shop-production", 2), ("shop-search", 1)):
            machines = [(m.state, m.region, m.host_status) for m in fly.machines.list(app)]
            assert machines == [("started", "ord", "ok")] * count
        assert len(fly.volumes.list("shop-search")) == 1
        supabase = context.client(Supabase)
        project = supabase.find("shop")
        assert project is not None
        assert project.status == "ACTIVE_HEALTHY"
        rows = supabase.query(project.ref, "select to_regnamespace('hotops_drill')::text as there", read_only=True)
        assert rows == [{"there": None}]
    assert not list((shop.state_dir / "drills").glob("*"))
    assert not list((shop.state_dir / "locks").glob("*.json"))
    shop.is_clean.set()


def test_every_scenario_is_tested() -> None:
    elsewhere = ["backup_restored", "credential_leaked"]  # tests/backup/test_drill.py, and below
    assert sorted([*PHASES, *elsewhere]) == scenarios()


@pytest.mark.parametrize("scenario", sorted(PHASES))
def test_what_breaks_comes_back_and_is_measured(shop: Shop, scenario: str) -> None:
    result = drill(shop, scenario)
    assert result["passed"] is True
    assert result["counts_as_proof"] is False  # a sandbox proves nothing about live clouds
    assert list(result["phases"]) == PHASES[scenario]
    assert sum(result["phases"].values()) == pytest.approx(result["recovery_s"], abs=0.05)
    assert 0 < result["recovery_s"] < 60
    if load(scenario).facts.needs_database:
        # The log is archived once a second here, so at most that second and a beat are lost.
        assert 0 <= result["loss_s"] <= 3
    elif scenario in ("volume_lost", "region_lost"):
        assert 6 * 3600 <= result["loss_s"] < 6.1 * 3600  # the age of the newest snapshot
    else:
        assert result["loss_s"] is None
    folder = Path(result["report"]).parent
    page = (folder / "drill.html").read_text(encoding="utf-8")
    assert "SANDBOX" in page
    assert load(scenario).title in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "Can we come back? | yes" in (folder / "drill.md").read_text(encoding="utf-8")
    assert not (folder / "deadman.log").exists()
    (entry,) = Register(shop.folder / "artifacts/drills/register.jsonl").entries()
    assert (entry.scenario, entry.passed, entry.env_kind) == (scenario, True, "sandbox")
    is_as_before(shop)


def test_a_release_that_nobody_recorded_as_failed_is_not_what_a_broken_release_goes_back_to(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A way back died when the machines were back, before it said so: the crashing release counts as good."""
    shop.control.push("shop-production", "drill-crash")
    with monkeypatch.context() as patch, shop.context() as context:
        patch.setattr(Rollback, "_record", lambda *_given: {})
        drive(Rollback(RollbackWant(apps=("shop-production",)), context))
    result = drill(shop, "release_broken")
    facts = json.loads((Path(result["report"]).parent / "drill.json").read_text(encoding="utf-8"))["facts"]
    with shop.context(recorded=False) as context:
        releases = context.client(Fly).releases.list("shop-production")
    crashing = {release.version: release.status for release in releases if "drill-crash" in release.image_ref}
    assert facts["before_version"] not in crashing
    assert len(crashing) >= 2
    assert set(crashing.values()) == {"failed"}
    is_as_before(shop)


def test_a_leaked_credential_is_refused_and_no_password_is_in_what_is_kept(shop: Shop) -> None:
    """The first drill makes the login roles, the second finds them: each leaves the other one of the two in use."""
    canaries: dict[str, str] = {}
    for number, (leaked, valid) in enumerate((("shop_app_a", "shop_app_b"), ("shop_app_b", "shop_app_a"))):
        result = drill(shop, "credential_leaked")
        with shop.context(recorded=False) as context:
            project = context.client(Supabase).find("shop")
            assert project is not None
            asked = "select rolname::text as role, rolcanlogin as may from pg_roles where rolname ~ '^shop_app_'"
            roles = {row["role"]: row["may"] for row in context.client(Supabase).look(project.ref, asked)}
        assert roles == {leaked: False, valid: True}
        vault = vault_of(shop.environment(), may_write=False)
        dsn = parse(vault.value(vault.find("supabase/database_url")))
        assert dsn.role == valid
        assert dsn.password is not None
        canaries[f"of drill {number}"] = dsn.password.reveal()
        record = json.loads((Path(result["report"]).parent / "drill.json").read_text(encoding="utf-8"))
        assert list(result["phases"]) == ["detect", "decide", "revoke", "re-point", "serve"]
        assert (result["passed"], result["counts_as_proof"], result["loss_s"]) == (True, False, None)
        assert 0 < record["facts"]["exposed_s"] <= result["recovery_s"]
    assert Canaries(canaries).below(shop.folder) == []
    is_as_before(shop)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("postgresql://postgres:{word}@elsewhere.example:5432/postgres", "No secret of shop.yml names the project"),
        ("postgresql://somebody:{word}@db.{ref}.supabase.co:5432/postgres", "logs in as somebody"),
    ],
)
def test_a_project_that_could_not_come_back_is_not_deleted(
    paper: Shop, monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    ref = project_ref("shop")
    path = paper.folder / "inventories/secret_maps/shop.yml"
    declared = path.read_text(encoding="utf-8")
    path.write_text(declared.partition("    provider:")[0], encoding="utf-8")
    dsn = value.format(word="of-nobody", ref=ref)
    make_pretended_vault(
        paper.environment(), {"fly": {"apps": [{"name": "shop-production", "secrets": {"DATABASE_URL": dsn}}]}}
    )
    monkeypatch.setattr(Supabase, "find", lambda _self, name: Project(ref=ref, name=name))
    try:
        with pytest.raises(NotRebuildable, match=says):
            drill(paper, "project_deleted")
    finally:
        path.write_text(declared, encoding="utf-8")


@pytest.mark.soak
def test_a_login_role_whose_password_no_backup_holds_gets_another_when_its_project_is_rebuilt(shop: Shop) -> None:
    assert drill(shop, "credential_leaked")["passed"] is True
    result = drill(shop, "project_deleted")
    assert result["passed"] is True
    vault = vault_of(shop.environment(), may_write=False)
    dsn = parse(vault.value(vault.find("supabase/database_url")))
    record = json.loads((Path(result["report"]).parent / "drill.json").read_text(encoding="utf-8"))
    assert dsn.role in ("shop_app_a", "shop_app_b")
    assert record["facts"]["rebuilt_ref"] in dsn.host
    assert record["facts"]["repointed"] == ["DATABASE_URL", "SUPABASE_SERVICE_KEY"]
    assert record["facts"]["keys_left"] == []
    assert dsn.password is not None
    canaries = {
        "of the role": dsn.password.reveal(),
        "of the project": vault.value("supabase/rebuilt_project").reveal(),
        "the API key": vault.value("SUPABASE_SERVICE_KEY").reveal(),
    }
    assert Canaries(canaries).below(shop.folder) == []


def test_a_credential_that_nobody_can_rotate_is_told_before_anything_leaks(paper: Shop) -> None:
    path = paper.folder / "inventories/secret_maps/shop.yml"
    declared = path.read_text(encoding="utf-8")
    with paper.context(recorded=False) as context:
        context.selection = ("shop-search",)
        with pytest.raises(UsageError, match="at all of its places"):
            drive(DrDrill(DrillWanted(scenario="credential_leaked", confirm="shop"), context))
    path.write_text(declared.partition("    provider:")[0], encoding="utf-8")
    try:
        with pytest.raises(NotRotatable, match="does not say who issues DATABASE_URL"):
            drill(paper, "credential_leaked")
    finally:
        path.write_text(declared, encoding="utf-8")


def test_a_second_drill_finds_its_known_rows_in_the_archive(shop: Shop) -> None:
    """They are planted, then waited for: rows that were never archived would be lost for no fault of the way back."""
    for _ in range(2):
        assert drill(shop, "database_lost")["passed"] is True


def test_check_mode_asks_and_writes_nothing(shop: Shop) -> None:
    with shop.context(recorded=False) as context:
        outcome = drive(DrDrill(DrillWanted(scenario="database_lost"), context), check=True)
    assert outcome.changed
    assert "breaks the environment's database" in outcome.plan.render()
    assert "1 to destroy. Nothing was written." in outcome.plan.render()
    shop.wrote_nothing()


def test_without_the_name_typed_again_nothing_happens(shop: Shop) -> None:
    for confirm in (None, "production"):
        with shop.context() as context, pytest.raises(ConfirmationMissing, match="on purpose") as refused:
            drive(DrDrill(DrillWanted(scenario="machine_lost", confirm=confirm), context))
        assert refused.value.failure_exit == 5
        assert refused.value.remedy.endswith("-e confirm=shop")
    shop.wrote_nothing()


def test_a_system_that_is_not_well_is_not_drilled(shop: Shop) -> None:
    shop.control.push("shop-production", "v99-crash", age_s=60)
    with shop.context() as context, pytest.raises(NoGo, match="would prove nothing") as refused:
        drive(DrDrill(DrillWanted(scenario="machine_lost", confirm="shop"), context))
    assert refused.value.failure_code == "not_steady"
    assert not (shop.folder / "artifacts/drills/register.jsonl").exists()


def test_a_way_back_that_takes_too_long_fails_and_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dr_drill, "ABORTED_AFTER", 10**6)
    allowed = shop.environment().dr.model_copy(update={"rto_s": 0.01})
    with pytest.raises(TargetMissed, match=r"it took \d+ s, allowed are 0 s") as missed:
        drill(shop, "machine_lost", dr=allowed)
    assert missed.value.failure_exit == 8
    (entry,) = Register(shop.folder / "artifacts/drills/register.jsonl").entries()
    assert entry.passed is False
    is_as_before(shop)


def test_a_drill_that_fails_is_tidied_up_and_says_so(shop: Shop) -> None:
    shop.control.add_fault(
        {
            "kind": "status",
            "status": 500,
            "match": {"method": "POST", "path": "/v1/projects/*/database/backups/*"},
            "times": 1,
        }
    )
    with pytest.raises(RolledBack, match="The old state is proven back"):
        drill(shop, "database_lost")
    (entry,) = Register(shop.folder / "artifacts/drills/register.jsonl").entries()
    assert (entry.passed, entry.recovery_s) == (False, None)
    is_as_before(shop)


@pytest.mark.parametrize(
    ("scenario", "after"),
    [
        ("database_lost", "lose_database"),
        pytest.param("bad_migration", "recover_database", marks=pytest.mark.soak),
        pytest.param("region_lost", "lose_region", marks=pytest.mark.soak),
        pytest.param("region_lost", "put_machines_back", marks=pytest.mark.soak),
        pytest.param("release_broken", "break_release", marks=pytest.mark.soak),
        pytest.param("machine_lost", "lose_machine", marks=pytest.mark.soak),
    ],
)
def test_a_killed_drill_is_tidied_up_by_the_dead_mans_handle(shop: Shop, scenario: str, after: str) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from hotops.core.driver import drive\n"
        "from hotops.core.sandbox_control import ControlClient\n"
        "from hotops.core.world import sandbox_state\n"
        "from hotops.drill.drill import DrDrill, DrillWanted\n"
        "from tests.drill.conftest import Shop\n"
        f"shop = Shop(Path({str(shop.folder)!r}), Path({str(shop.state_dir)!r}), ControlClient(sandbox_state()))\n"
        "class Killed(DrDrill):\n"
        "    def apply(self, step, done):\n"
        "        fact = super().apply(step, done)\n"
        f"        if step.name.endswith({after!r}):\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return fact\n"
        f"drive(Killed(DrillWanted(scenario={scenario!r}, confirm='shop'), shop.context()))\n"
    )
    root = Path(__file__).resolve().parents[2]
    died = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    deadline = time.monotonic() + 60
    (log,) = sorted(shop.environment().evidence_path.glob("*/deadman.log"))[-1:]
    while "all is as before" not in log.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(0.2)
    log.unlink()
    (shop.state_dir / "locks" / "sandbox-personal-shop.json").unlink()  # a dead holder's; the next run takes it over
    is_as_before(shop)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_an_unknown_scenario_names_the_nearest(paper: Shop) -> None:
    with paper.context(recorded=False) as context, pytest.raises(UsageError, match="no scenario") as refused:
        drive(DrDrill(DrillWanted(scenario="databse_lost"), context))
    assert refused.value.remedy == "Did you mean database_lost?"


@pytest.mark.parametrize(("text", "says"), [("{", "line 1"), ('{"title": "x"}', "method"), ("[]", "is no experiment")])
def test_a_scenario_file_that_is_wrong_is_told_where(paper: Shop, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(text, encoding="utf-8")
    with paper.context(recorded=False) as context, pytest.raises(UsageError, match=says):
        drive(DrDrill(DrillWanted(scenario=str(path)), context))


def test_a_scenario_that_names_other_code_is_refused(paper: Shop, tmp_path: Path) -> None:
    experiment = json.loads(load("machine_lost").model_dump_json(by_alias=True))
    experiment["method"][0]["provider"] = {"type": "python", "module": "os", "func": "abort"}
    path = tmp_path / "own.json"
    path.write_text(json.dumps(experiment), encoding="utf-8")
    with paper.context(recorded=False) as context, pytest.raises(UsageError, match="none of the drill's activities"):
        drive(DrDrill(DrillWanted(scenario=str(path)), context))


def test_no_fault_is_made_on_live_clouds(shop: Shop, tmp_path: Path) -> None:
    """Also not by a scenario that says of itself that it touches nothing that lives."""
    claimed = tmp_path / "claimed.json"
    experiment = json.loads(load("release_broken").model_dump_json(by_alias=True))
    experiment["method"] = experiment["method"][-2:]  # the way back alone, of an app that is well
    experiment["extensions"][0]["isolated"] = True
    claimed.write_text(json.dumps(experiment), encoding="utf-8")
    refused = []
    for scenario in (*(name for name in scenarios() if name != "backup_restored"), str(claimed)):
        with shop.context(recorded=False) as context:
            context.environment = context.environment.model_copy(update={"env_kind": "live"})
            with pytest.raises(UsageError, match=r"not made on live clouds|declares no vault"):
                drive(DrDrill(DrillWanted(scenario=scenario, confirm="shop"), context))
            refused.append(scenario)
    assert len(refused) == 9
    shop.wrote_nothing()


def test_a_drill_that_users_wait_for_far_too_long_is_given_up_and_tidied_up(shop: Shop) -> None:
    allowed = shop.environment().dr.model_copy(update={"rto_s": 0.001})
    with pytest.raises(RolledBack, match="a drill is given up") as aborted:
        drill(shop, "machine_lost", dr=allowed)
    assert aborted.value.details["cause"]["code"] == "drill_aborted"
    (entry,) = Register(shop.folder / "artifacts/drills/register.jsonl").entries()
    assert entry.passed is False
    is_as_before(shop)


def test_a_second_drill_at_once_is_refused_and_writes_nothing(shop: Shop) -> None:
    with shop.context() as context:
        context.run = "20300101T000000Z-another"
        hold(context, context.environment)
        with pytest.raises(LockHeld):
            drill(shop, "machine_lost")
        let_go(context, context.environment)
    shop.wrote_nothing()


# --- what is due -----------------------------------------------------------------------------------------------------


def due(shop: Shop, **changes: Any) -> dict[str, Any]:
    with shop.context(recorded=False) as context:
        if changes:
            context.environment = context.environment.model_copy(update=changes)
        return as_documented("dr_due", drive(DrDue(DueWanted(), context))).result


def test_a_drill_that_was_never_made_is_due_and_a_proven_one_is_not(paper: Shop) -> None:
    with pytest.raises(DrillsDue, match="2 of 2 drills are due") as refused:
        due(paper)
    assert refused.value.failure_exit == 8
    proof = Entry(
        at=rfc3339(time.time() - 86400),
        scenario="machine_lost",
        environment="shop",
        env_kind="sandbox",
        run="earlier",
        passed=True,
        recovery_s=4.0,
        rto_s=60,
        rpo_s=30,
    )
    register = Register(paper.folder / "artifacts/drills/register.jsonl")
    register.add(proof.model_copy(update={"at": rfc3339(time.time() - 91 * 86400)}))  # too long ago
    register.add(proof.model_copy(update={"passed": False}))
    with pytest.raises(DrillsDue, match="2 of 2"):
        due(paper)
    register.add(proof)
    with pytest.raises(DrillsDue, match="1 of 2 drills are due: database_lost"):
        due(paper)
    only = paper.environment().dr.model_copy(update={"scenarios": ("machine_lost",)})
    assert due(paper, dr=only)["due"] is False
    with pytest.raises(DrillsDue):  # the sandbox's drill is no proof for live clouds
        due(paper, dr=only, env_kind="live")


def test_a_damaged_register_is_told_and_not_overwritten(paper: Shop) -> None:
    path = paper.folder / "artifacts/drills/register.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"schema": 1}\n', encoding="utf-8")
    with pytest.raises(RegisterDamaged, match="line 1"):
        due(paper)
    assert path.read_text(encoding="utf-8") == '{"schema": 1}\n'


# --- the form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", scenarios())
def test_scenarios_are_experiments_of_the_chaos_toolkit(scenario: str) -> None:
    from hotops.drill import chaos

    experiment = load(scenario)
    for activity in (*experiment.hypothesis.probes, *experiment.method, *experiment.rollbacks):
        assert activity.provider.func in ACTIVITIES
        assert callable(getattr(chaos, activity.provider.func))
    assert experiment.rollbacks[-1].provider.func == ("drop_restored" if experiment.facts.isolated else "tidy_up")


def test_an_environment_without_a_project_is_told_what_to_declare(paper: Shop) -> None:
    with paper.context(recorded=False) as context:
        context.environment = context.environment.model_copy(update={"supabase_project": None})
        with pytest.raises(UsageError, match="No supabase_project is declared"):
            drive(DrDrill(DrillWanted(scenario="database_lost"), context), check=True)
