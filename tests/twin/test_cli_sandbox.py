"""`hotops sandbox` as an operator types it: up, look, break, down, and what a kill leaves."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hotops.backup.settings import SANDBOX_STORE
from hotops.backup.store import Store
from tests.documented import document_of
from tests.sandbox_fixture import PROJECT_REF, small_seed

ROOT = Path(__file__).parents[2]
CANARY = f"canary-{secrets.token_hex(8)}"


@dataclass
class Shell:
    """`hotops sandbox` with a state directory of its own."""

    state_dir: Path
    cache_dir: Path
    seed: dict[str, Any]
    seed_file: Path
    prefix: list[str] = field(default_factory=list)
    python: str = sys.executable
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.state_dir.parent),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOTOPS_STATE_DIR": str(self.state_dir),
            "HOTOPS_CACHE_DIR": str(self.cache_dir),
            **self.extra,
        }

    def command(self, *words: str) -> list[str]:
        return [*self.prefix, self.python, "-m", "hotops.cli", "sandbox", *words]

    def run(self, *words: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env=self.environment,
            input=typed,
            cwd=self.state_dir.parent,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--detach", "--seed", str(self.seed_file), *words)

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return document_of(f"sandbox {words[0]}", done.stdout)

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.state_dir / "sandbox" / "state.json").read_text())
        return state

    def processes(self) -> list[int]:
        """Processes that belong to this state directory, by their command line."""
        mark = str(self.state_dir).encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes()
            except OSError:
                continue
            if mark in command and (b"hotops.sandbox" in command or b"postgres" in command):
                found.append(int(path.parent.name))
        return found


@pytest.fixture(scope="session")
def cluster_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the tests of this worker: the cluster's template is made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def shell(tmp_path: Path, cluster_cache: Path) -> Iterator[Shell]:
    seed = small_seed()
    seed_file = tmp_path / "seed.json"
    seed_file.write_text(json.dumps(seed))
    made = Shell(tmp_path / "state", cluster_cache, seed, seed_file)
    yield made
    made.run("down")
    assert made.processes() == []


def gone(shell: Shell, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while shell.processes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_up_tells_what_is_there_and_down_leaves_nothing(shell: Shell) -> None:
    done = shell.up()
    assert done.returncode == 0, done.stderr
    assert "Apps: shop-staging, shop-production" in done.stdout
    assert "hotops sandbox down" in done.stdout.splitlines()[-1]
    assert shell.json("status")["twin"]["apps"][0]["name"] == "shop-staging"
    assert shell.run("down").stdout == "The sandbox is down.\n"
    assert gone(shell, 1.0)
    left = {path.name for path in (shell.state_dir / "sandbox").iterdir()}
    assert left == {"lock", "pg", "sandbox.err", "sandbox.log"}
    assert list((shell.state_dir / "sandbox" / "pg").iterdir()) == []


def test_backups_of_its_databases_go_with_them(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next backup, of another shop of the same name, says that all tables are gone."""
    monkeypatch.setenv("HOTOPS_STATE_DIR", str(shell.state_dir))
    shell.up()
    for command in ("reset", "down"):
        store = Store.of(SANDBOX_STORE)
        store.put("production/shop/manifest", b"kept")
        assert shell.run(command).returncode == 0
        assert store.folder is not None
        assert not store.folder.exists()


def test_up_again_changes_nothing_and_another_seed_is_not_taken(shell: Shell) -> None:
    shell.up()
    pid = shell.state["pid"]
    again = shell.up("--json")
    assert (again.returncode, json.loads(again.stdout)["changed"]) == (0, False)
    shell.seed["fly"]["apps"][0]["secrets"]["SESSION_SECRET"] = "made anew"
    shell.seed_file.write_text(json.dumps(shell.seed))
    assert shell.up().returncode == 0
    shell.seed["fly"]["apps"][0]["groups"]["app"]["count"] = 3
    shell.seed_file.write_text(json.dumps(shell.seed))
    other = shell.up()
    assert other.returncode == 1
    assert "Next: hotops sandbox down, then up again" in other.stderr
    assert shell.state["pid"] == pid


def test_down_and_status_are_calm_when_nothing_is_up(shell: Shell) -> None:
    assert shell.run("down").returncode == 0
    status = shell.run("status", "--json")
    assert (status.returncode, json.loads(status.stdout)["state"]) == (1, "down")
    refused = shell.run("log")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == "Next: hotops sandbox up --detach"


def test_after_a_kill_nothing_runs_on_and_up_works(shell: Shell) -> None:
    shell.up()
    os.kill(shell.state["pid"], signal.SIGKILL)
    assert gone(shell)
    assert shell.run("status").returncode == 1
    up = shell.up()
    assert up.returncode == 0, up.stderr
    assert shell.json("status")["state"] == "up"


def test_after_a_kill_down_clears_what_is_left(shell: Shell) -> None:
    shell.up()
    os.kill(shell.state["pid"], signal.SIGKILL)
    assert gone(shell)
    assert shell.run("down").returncode == 0
    assert not (shell.state_dir / "sandbox" / "state.json").exists()
    assert list((shell.state_dir / "sandbox" / "pg").iterdir()) == []


def test_a_state_file_of_somebody_elses_process_is_stale(shell: Shell) -> None:
    shell.up()
    state = shell.state
    os.kill(state["pid"], signal.SIGKILL)
    assert gone(shell)
    (shell.state_dir / "sandbox" / "state.json").write_text(json.dumps({**state, "pid": os.getpid()}))
    assert shell.run("status").returncode == 1
    assert shell.run("down").returncode == 0  # and this test still runs


def test_in_the_foreground_it_shows_calls_and_ends_with_ctrl_c(shell: Shell, tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as said:
        command = shell.command("up", "--seed", str(shell.seed_file))
        running = subprocess.Popen(command, env=shell.environment, stdout=said, stderr=said)
        until(lambda: "hotops sandbox down" in (tmp_path / "said").read_text())
        from hotops.core.sandbox_control import ControlClient

        assert ControlClient(shell.state).entries() == []
        call_the_cloud(shell)
        until(lambda: "GET    api.machines.dev/v1/apps/shop-staging" in (tmp_path / "said").read_text())
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
    assert "The sandbox is down." in (tmp_path / "said").read_text()
    assert gone(shell, 1.0)


def test_in_the_foreground_it_ends_with_its_killed_parent(shell: Shell, tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as said:
        command = shell.command("up", "--seed", str(shell.seed_file))
        running = subprocess.Popen(command, env=shell.environment, stdout=said, stderr=said)
        until(lambda: "hotops sandbox down" in (tmp_path / "said").read_text())
        running.kill()
        running.wait()
    assert gone(shell)


def until(claim: Any, within_s: float = 40.0) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.05)


def call_the_cloud(shell: Shell) -> None:
    import httpx

    place = shell.state["hosts"]["api.machines.dev:443"]
    headers = {"Host": "api.machines.dev", "Authorization": f"Bearer {shell.state['tokens']['fly']}"}
    httpx.get(f"http://127.0.0.1:{place['port']}/v1/apps/shop-staging", headers=headers).raise_for_status()


def test_the_operators_day(shell: Shell) -> None:
    shell.up("--speed", "20")
    assert shell.run("push", "shop-staging", "v44-slow", "--age", "3600").returncode == 0
    assert shell.json("status")["twin"]["apps"][0]["release"] == 44
    added = shell.json("faults", "add", '{"kind": "status", "status": 503, "match": {"path": "/v1/never"}}')
    assert [fault["id"] for fault in shell.json("faults")["faults"]] == [added["fault"]["id"]]
    assert shell.json("faults", "clear")["removed"] == 1
    call_the_cloud(shell)
    entries = shell.json("log")["entries"]
    assert [(entry["path"], entry["effect"]) for entry in entries] == [("/v1/apps/shop-staging", "none")]
    assert shell.json("log", "--writes")["entries"] == []
    assert shell.json("log", "--since", str(entries[-1]["n"]))["entries"] == []
    assert shell.json("reset")["changed"] is True
    assert shell.json("status")["twin"]["apps"][0]["release"] == 43


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["faults", "add", "{"], 2, "The fault is not JSON"),
        (["faults", "add"], 2, "`add` takes a fault as JSON"),
        (["faults", "remove"], 2, "Invalid value"),
        (["lgo"], 2, "lgo"),
    ],
)
def test_a_wrong_word_is_told_in_a_line(shell: Shell, words: list[str], code: int, says: str) -> None:
    done = shell.run(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_sandbox_refuses_is_told_in_its_words(shell: Shell) -> None:
    shell.up()
    unknown = shell.run("push", "shop-stagin", "v1")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "unknown app 'shop-stagin', known are shop-production, shop-staging" in unknown.stderr
    fault = shell.run("faults", "add", '{"kind": "flood"}')
    assert fault.returncode == 1
    assert "'flood' is not one of latency" in fault.stderr


@pytest.mark.parametrize(
    ("seed", "code", "says"),
    [
        (None, 2, "cannot be read: No such file or directory"),
        ("not json", 2, "is not JSON"),
        ('{"schema": 2}', 1, "The seed's schema is 2; this sandbox reads schema 1."),
    ],
)
def test_a_wrong_seed_is_told_in_a_line(shell: Shell, seed: str | None, code: int, says: str) -> None:
    shell.seed_file.unlink()
    if seed is not None:
        shell.seed_file.write_text(seed)
    done = shell.up()
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_start_that_fails_says_why_and_leaves_nothing(shell: Shell) -> None:
    shell.extra["HOTOPS_PG_BIN"] = str(shell.state_dir.parent)
    done = shell.run("up", "--detach", "--seed", str(shell.seed_file), "--json")
    failure = json.loads(done.stdout)["failure"]
    assert (done.returncode, failure["code"]) == (1, "sandbox_failed")
    assert "holds no PostgreSQL >= 15" in failure["message"]
    assert "sandbox.log" in failure["remedy"]
    assert gone(shell, 1.0)


def test_an_inventory_that_is_not_there_is_a_usage_error(shell: Shell) -> None:
    done = shell.run("up", "-i", "inventories/nowhere", "--detach")
    assert done.returncode == 2
    assert "There is no inventory inventories/nowhere" in done.stderr


def test_a_seed_may_come_through_a_pipe(shell: Shell) -> None:
    done = shell.run("up", "--detach", "--seed", "-", typed=json.dumps(shell.seed))
    assert done.returncode == 0, done.stderr


def test_the_sandbox_sees_no_token_and_shows_no_password(shell: Shell) -> None:
    shell.extra |= {"FLY_API_TOKEN": CANARY, "SUPABASE_ACCESS_TOKEN": CANARY, "PGPASSWORD": CANARY}
    up = shell.up("--json")
    status = shell.run("status", "--json")
    db_pass = shell.seed["supabase"]["projects"][0]["db_pass"]
    shown = up.stdout + up.stderr + status.stdout + status.stderr
    for process in shell.processes():
        for name in ("environ", "cmdline"):
            shown += (Path("/proc") / str(process) / name).read_bytes().decode(errors="replace")
    shown += (shell.state_dir / "sandbox" / "sandbox.log").read_text()
    assert shell.processes()
    assert CANARY not in shown
    assert db_pass not in shown
    assert shell.state["control"]["token"] not in shown
    assert not any(token in shown for token in shell.state["tokens"].values())


def test_two_sandboxes_live_side_by_side(shell: Shell, tmp_path: Path) -> None:
    other = Shell(tmp_path / "other", shell.cache_dir, shell.seed, shell.seed_file)
    try:
        assert shell.up().returncode == other.up().returncode == 0
        place = f"db.{PROJECT_REF}.supabase.co:5432"
        assert shell.state["hosts"][place]["address"] != other.state["hosts"][place]["address"]
    finally:
        other.run("down")
    assert other.processes() == []
    assert shell.json("status")["state"] == "up"


def ordinary_python(prefix: list[str]) -> tuple[str, dict[str, str]] | None:
    """A Python that another user may run and that can load what the sandbox needs, with its environment."""
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    extra = {"PYTHONPATH": os.pathsep.join([str(ROOT), packages])}
    for python in (sys.executable, shutil.which(minor, path="/usr/local/bin:/usr/bin")):
        if python is None:
            continue
        # A child of a child: setpriv itself still opens what only root may.
        load = "import hotops.sandbox.runtime, typer"
        code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {load!r}], check=True)"
        trial = [*prefix, python, "-c", code]
        environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **extra}
        if subprocess.run(trial, env=environment, cwd="/", capture_output=True, check=False).returncode == 0:
            return python, extra
    return None


def test_an_ordinary_user_runs_it_too(shell: Shell) -> None:
    if os.geteuid() != 0:
        pytest.skip("this whole run is an ordinary user's")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    nobody = 65534
    prefix = ["setpriv", f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", "--"]
    found = ordinary_python(prefix)
    if found is None:
        pytest.skip("no Python here that another user may run with the packages of this one")
    home = Path(f"/tmp/hotops-test-{secrets.token_hex(6)}")
    home.mkdir(mode=0o700)
    try:
        seed_file = home / "seed.json"
        shutil.copy(shell.seed_file, seed_file)
        for path in (home, seed_file):
            os.chown(path, nobody, nobody)
        user = Shell(home / "state", home / "cache", shell.seed, seed_file, prefix, found[0], found[1])
        up = user.up()
        assert up.returncode == 0, up.stderr
        assert user.state["postgres"]["runs"] == "as this user"
        owners = {(Path("/proc") / str(process)).stat().st_uid for process in user.processes()}
        assert owners == {nobody}
        assert user.run("down").returncode == 0
        assert gone(user, 1.0)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_the_version_costs_next_to_nothing() -> None:
    code = "import sys; from hotops.cli import main; main(['--version']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    version, modules = done.stdout.splitlines()
    assert version.startswith("hotops ")
    assert not {"typer", "rich", "httpx", "pydantic", "ansible"} & set(modules.split())


def test_the_command_loads_only_what_is_used() -> None:
    code = "import sys; from hotops.cli import main; main(['sandbox', '--help']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1].split()
    assert "hotops.cli_sandbox" in modules
    assert not {"hotops.cli_evidence", "hotops.sandbox", "httpx", "ansible", "yaml"} & set(modules)
