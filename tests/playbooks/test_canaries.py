"""Canaries planted in every store appear nowhere: not on the terminal at -vvvv, in a file, in a child, in any form."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest

from hotops.core.sandbox_control import ControlClient
from tests.playbooks.canaries import Canaries, ProcessWatch, canary, files_below
from tests.playbooks.project import ROOT, Project
from tests.sandbox_fixture import DATABASE_HOST, small_seed

#: Everything is played once, for all tests: on a busy computer that takes a while.
pytestmark = pytest.mark.timeout(900)

POOLER = "aws-1-us-east-1.pooler.supabase.com"

MARK = "CANARY_MARK=yes"
#: What an operator's shell may hold. The vendors' names are read by hotops, the others are none of its business.
EXPORTED = (
    "FLY_API_TOKEN",
    "SUPABASE_ACCESS_TOKEN",
    "GITHUB_TOKEN",
    "HOTOPS_SOME_TOKEN",
    "SHOP_WEBHOOK",
    "PGPASSWORD",
)
#: Programs that ansible-playbook and hotops start for themselves; all others are children that are handed something.
OWN = ("ansible-playbook", "bin/hotops")

INVENTORY = """
all:
  vars:
    env_kind: sandbox
    fly_org: personal
    supabase_project: shop
    github_repo: acme/shop
    vault: vault
    env_matrix: env_matrix.md
    soak_s: 1800
    watch_s: 1
    watch: {interval_s: 0.3}
    samples: 4
    warmup: 1
    drain_s: 0
    wait_timeout_s: 6
    feedback_file: feedback.md
    notifications:
      - kind: webhook
        url_env: SHOP_WEBHOOK
      - kind: command
        argv: [sh, -c, "sleep 0.1; cat >> told.txt"]
      - kind: file
        path: told.md
apps:
  hosts:
    shop-production:
      promote_from: shop-staging
      required_secrets: [DATABASE_URL, SESSION_SECRET]
      health: [{path: /health}]
      database: {secret: supabase/database_url, use: server}
"""
MAP = """
secrets:
  DATABASE_URL:
    vault: supabase/database_url
    fly: {shop-production: DATABASE_URL}
    github: {environments: {production: DATABASE_URL}}
  SESSION_SECRET:
    vault: shop/session_secret
    rotate_days: 90
    provider: {kind: generated, overlap_s: 0}
    fly: {shop-production: SESSION_SECRET}
    github: {repository: SESSION_SECRET}
"""
#: What keeps secrets, connection strings and memory true: one run of all five is one start of Ansible.
FIVE = ("dsn_fix", "secrets_mirror", "secrets_rotate", "memory_scale", "secrets_audit")
ABOUT = ("-e", "reason='canaries'", "-e", "secret=SESSION_SECRET", "-e", "adopt=write", "-e", "memory_mb=2048")
#: The lookup: a reference may be shown; a value only goes where nothing is logged, and is refused elsewhere.
LOOKED_UP = """\
- hosts: shop-production
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ lookup('hotops.core.vault', 'SESSION_SECRET') }}"
    - ansible.builtin.set_fact:
        revealed: "{{ lookup('hotops.core.vault', 'SESSION_SECRET', reveal=true) }}"
      no_log: true
    - ansible.builtin.assert:
        that: revealed | length > 20
      no_log: true
    - ansible.builtin.debug:
        msg: "{{ lookup('hotops.core.vault', 'SESSION_SECRET', reveal=true) }}"
      ignore_errors: true
"""
FIVE_PLAYBOOK = "\n".join(f"- ansible.builtin.import_playbook: hotops.core.{name}" for name in FIVE)


@dataclass
class Played:
    """Everything that was done, and what there is to search."""

    project: Project = field(repr=False)
    canaries: Canaries
    temporary: Path
    began_at: float
    watch: ProcessWatch
    endings: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, bytes] = field(default_factory=dict, repr=False)

    def play(self, name: str, *command: str, stdin: bytes = b"") -> None:
        """Run a command of the operator's, and keep its output and exit code."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=self.project.folder,
            env=self.project.environment(),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        self.endings[name] = done.returncode
        self.outputs[name] = done.stdout + b"\0" + done.stderr

    def session_secret(self) -> str:
        """What the vault holds at this moment."""
        text = (self.project.folder / "vault/shop/session_secret_sandbox.env").read_text(encoding="utf-8")
        return text.partition("=")[2].strip().strip("'")

    def note_values_of_the_vault(self, after: str) -> None:
        """What the vault holds now is planted too: a rotation makes its own values."""
        found = [line.partition("=")[2].strip("'") for path in files_below(self.project.folder / "vault")
                 if path.suffix != ".json" for line in path.read_text(encoding="utf-8").splitlines()
                 if not line.startswith("{")]  # fmt: skip
        passwords = [unquote(urlsplit(value).password or "") if "://" in value else value for value in found]
        known = {**self.canaries.values, **{f"{after} {n}": it for n, it in enumerate(passwords) if len(it) >= 16}}
        self.canaries = self.watch.canaries = Canaries(known)

    def playbook(self, name: str, *arguments: str) -> None:
        playbook, *more = arguments
        found = playbook if playbook.endswith(".yml") else f"hotops.core.{playbook}"
        self.play(name, "ansible-playbook", found, "-i", "inventories/sandbox", "-vvvv", "--diff", *more)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Good, refused, rolled back, by hand back, an image straight, a broken cloud; everything an operator may type."""
    folder = tmp_path_factory.mktemp("canaries")
    temporary = folder / "tmp"
    temporary.mkdir()
    seed, planted = seed_with_canaries()
    exported = {name: canary() for name in EXPORTED}
    exported["SHOP_WEBHOOK"] = f"https://hooks.example.com/{exported['SHOP_WEBHOOK'][4:24]}"
    planted |= {f"${name}": value for name, value in exported.items()} | {
        "$SHOP_WEBHOOK": exported["SHOP_WEBHOOK"][26:]
    }
    project = Project(folder / "project")
    project.write("inventories/sandbox/hosts.yml", INVENTORY)
    project.write("inventories/secret_maps/sandbox.yml", MAP)
    project.write("looked_up.yml", f"---\n{LOOKED_UP}")
    project.write("five.yml", f"---\n{FIVE_PLAYBOOK}\n")
    planted |= fill_the_vault(project, planted["the database password"])
    project.environ |= {
        **exported,
        "TMPDIR": str(temporary),
        "ANSIBLE_LOG_PATH": str(project.folder / "ansible.log"),
        MARK.partition("=")[0]: MARK.partition("=")[2],
    }
    watch = ProcessWatch(Canaries(planted), MARK)
    run = Played(project, Canaries(planted), temporary, (project.folder / "inventories").stat().st_mtime, watch)
    try:
        with watch.watching():
            play_everything(run, seed)
        state = json.loads((project.state / "sandbox/state.json").read_text(encoding="utf-8"))
        run.note_values_of_the_vault("a rotation")
        run.canaries = watch.canaries = Canaries(
            {
                **run.canaries.values,
                **{f"the sandbox's {cloud} token": token for cloud, token in state["tokens"].items()},
                "the control token": state["control"]["token"],
                "the signing key": (project.state / "keys/evidence.key").read_text(encoding="utf-8").strip(),
            }
        )
        yield run
    finally:
        run.play("down", "hotops", "sandbox", "down")


def seed_with_canaries() -> tuple[dict[str, Any], dict[str, str]]:
    """A world of which every secret is a canary, on one machine an app: what is quick is done more often."""
    seed = small_seed()
    planted = {"the database password": canary()}
    project = seed["supabase"]["projects"][0]
    project["db_pass"] = planted["the database password"]
    for app in seed["fly"]["apps"]:
        name = app["name"]
        app["groups"]["app"]["count"] = 1
        values = {f"{name} {key}": canary() for key in ("SESSION_SECRET", "STRIPE_KEY")}
        planted |= values
        app["secrets"] |= {label.partition(" ")[2]: value for label, value in values.items()}
        password = quote(project["db_pass"], safe="")
        app["secrets"]["DATABASE_URL"] = (
            f"postgresql://postgres:{password}@{DATABASE_HOST}:5432/postgres?sslmode=require"
        )
    return seed, planted


def fill_the_vault(project: Project, password: str) -> dict[str, str]:
    """The vault's own values; the connection string is one for dsn_fix to mend."""
    session = canary()
    wrong = f"postgresql://postgres:{quote(password, safe='')}@{POOLER}:5432/postgres?sslmode=require"
    for path, text in {
        "supabase/database_url_sandbox.env": f"DATABASE_URL={wrong}\n",
        "shop/session_secret_sandbox.env": f"SESSION_SECRET='{session}'\n",
    }.items():
        file = project.write(f"vault/{path}", text)
        file.parent.chmod(0o700)
        file.chmod(0o600)
    (project.folder / "vault").chmod(0o700)
    return {"the vault's SESSION_SECRET": session}


def play_everything(run: Played, seed: Mapping[str, Any]) -> None:
    document = json.dumps(seed).encode()
    run.play("up", "hotops", "sandbox", "up", "--seed", "-", "--detach", "--speed", "20", stdin=document)
    run.play("up again, of the inventory", "hotops", "sandbox", "up")
    state = json.loads((run.project.state / "sandbox/state.json").read_text(encoding="utf-8"))
    control = ControlClient(state)
    run.playbook("check", "promote", "--check")
    run.playbook("good", "promote")
    run.playbook("rollback", "rollback")
    control.push("shop-staging", "v44-prod-nodb", age_s=7200)
    run.playbook("rolled back", "promote")
    run.playbook("refused", "promote", "-e", "version=v99")
    run.playbook("health", "health")
    run.playbook("the five", "five.yml", *ABOUT, "-e", "force=true")
    run.note_values_of_the_vault("the first rotation")
    # The same once more by command, and each by its verb: ansible-runner's artifacts, JSON documents, prompts.
    run.play("the five by command", "hotops", "run", "five.yml", "sandbox", "--yes", *ABOUT)
    for verb, *more in (
        ("secrets rotate", "--secret", "SESSION_SECRET", "--force", "--check", "--diff", "--json"),
        ("secrets mirror", "--yes", "--json"),
        ("dsn fix", "shop-production", "--yes", "--diff", "--json"),
        ("memory scale", "--memory-mb", "2048", "--yes"),
        ("secrets audit", "--json"),
        ("secrets due",),
    ):
        run.play(verb, "hotops", *verb.split(), "sandbox", *more)
    session = run.session_secret()
    run.play("secrets trace", "hotops", "secrets", "trace", "sandbox", "--authenticate", stdin=session.encode())
    run.play("secrets trace, in a log", "hotops", "secrets", "trace", "sandbox", "--json", stdin=a_log_of(session))
    for verb in ("check", "fix-modes", "templates"):
        run.play(f"vault {verb}", "hotops", "vault", verb, "sandbox", *(() if verb == "check" else ("--check",)))
    run.playbook("looked up", "looked_up.yml")
    # A cloud that says back what it was sent, in the ways in which clouds, proxies and drivers do.
    control.add_fault({"kind": "status", "status": 403, "body": echo(run, state), "match": {"path": "/v1/apps*"}})
    run.playbook("echoed", "health")
    run.play("echoed to a mirror", "hotops", "secrets", "mirror", "sandbox", "--yes", "--json")
    run.playbook("echoed to the five", "five.yml", *ABOUT)
    run.playbook("echoed to a promotion", "promote")
    control.clear_faults()
    run.playbook("drill", "dr_drill", "-e", "scenario=machine_lost", "-e", "confirm=sandbox")
    for command in (
        ["evidence", "show", "--json"],
        ["evidence", "verify"],
        ["sandbox", "status"],
        ["sandbox", "log", "--json"],
    ):
        run.play(" ".join(command[:2]), "hotops", *command)


def a_log_of(value: str) -> bytes:
    """A value as logs and dumps have it: plain, base64, hex, URL-encoded, JSON-escaped, broken over lines."""
    content = value.encode()
    encoded = base64.b64encode(b"x: " + content).decode()
    told = [value, encoded, content.hex(), quote(value, safe=""), json.dumps({"of": json.dumps({"key": value})})]
    return "\n".join([*told, f"{encoded[:30]}\n{encoded[30:]}", f"{value[:18]}\n{value[18:]}"]).encode()


def echo(run: Played, state: Mapping[str, Any]) -> dict[str, str]:
    """An error body that holds the token and the database's password in several forms."""
    token = str(state["tokens"]["fly"])
    password = quote(run.canaries.values["the database password"], safe="")
    basic = base64.b64encode(f"x:{token}".encode()).decode()
    return {
        "error": f"refused: Bearer {token}; Basic {basic}; {token.encode().hex()}; postgresql://u:{password}@h:5432/d"
    }


def test_each_run_ended_as_meant(played: Played) -> None:
    """Else the search would prove nothing."""
    done = {
        "up",
        "check",
        "good",
        "rollback",
        "health",
        "the five",
        "the five by command",
        "secrets rotate",
        "secrets mirror",
        "dsn fix",
        "memory scale",
        "secrets audit",
        "secrets due",
        "secrets trace",
        "secrets trace, in a log",
        "vault check",
        "vault fix-modes",
        "vault templates",
        "looked up",
        "drill",
        "evidence show",
        "sandbox status",
        "sandbox log",
    }
    failed = {
        name: played.outputs[name][-1500:].decode(errors="replace")
        for name in done
        if played.endings[name] not in (0, 8)
    }
    assert not failed, "\n".join(f"{name}: {said}" for name, said in failed.items())
    for name, said in (
        ("rolled back", b"(exit code 6)"),
        ("refused", b"(exit code 3)"),
        ("echoed", b"refused: Bearer"),
        ("secrets trace", b"it is this value"),
        ("secrets trace, in a log", b"the text holds this value"),
        ("looked up", b"vault:shop/session_secret"),
        ("looked up", b"no_log"),
    ):
        assert said in played.outputs[name], name
    assert (played.project.folder / "told.txt").read_text(encoding="utf-8").count("promoted") >= 1


def test_nothing_is_shown(played: Played) -> None:
    found = {name: played.canaries.found_in(output) for name, output in played.outputs.items()}
    assert {name: names for name, names in found.items() if names} == {}


def test_no_file_of_the_project_holds_one(played: Played) -> None:
    """Evidence, artifacts, ~/.ansible (the project is the home), Ansible's log, what the notifications wrote."""
    folder = played.project.folder
    assert (folder / "ansible.log").stat().st_size > 10_000
    assert len(played.project.runs()) >= 5
    assert played.canaries.below(folder, apart_from=[played.project.state, folder / "vault"]) == []


def test_nothing_is_left_in_the_temporary_folder(played: Played) -> None:
    assert played.canaries.below(played.temporary) == []
    assert [str(path.relative_to(played.temporary)) for path in files_below(played.temporary)] == []


def test_only_files_that_nobody_else_reads_hold_one(played: Played) -> None:
    """In the state directory: the sandbox's own store and the key; its log and the rest hold none."""
    state = played.project.state
    holding = {place.partition(" in ")[2] for place in played.canaries.below(state)}
    assert {name for name in holding if not name.startswith("sandbox/pg")} == {
        "sandbox/state.json",
        "keys/evidence.key",
    }
    opened = [
        str(path.relative_to(state))
        for path in [state, *state.rglob("*")]
        if not path.is_symlink() and not path.is_socket() and path.exists() and path.stat().st_mode & 0o077
    ]
    public = {"keys/evidence.pub", "keys/known_keys"}
    # What ansible-runner makes is as open as it likes, in a folder that is ours alone.
    (job,) = (state / "jobs").iterdir()
    assert job.stat().st_mode & 0o077 == 0
    theirs = f"{job.relative_to(state)}/"
    assert {path for path in opened if not path.startswith(theirs)} - public == set()


def test_no_process_shows_one_in_its_arguments(played: Played) -> None:
    assert any("ansible-playbook" in program for program in played.watch.programs), "nothing was watched"
    assert played.watch.argv == {}


def test_no_child_is_handed_one(played: Played) -> None:
    """The sandbox, PostgreSQL, ansible-inventory, a notification's command: none needs what the operator exported."""
    children = {program for program in played.watch.programs if not any(own in program for own in OWN)}
    for known in ("hotops.sandbox", "ansible-inventory", "told.txt"):
        assert any(known in child for child in children), (known, children)
    assert {child: played.watch.handed[child] for child in children if child in played.watch.handed} == {}


def test_the_checkout_holds_none(played: Played) -> None:
    """Whatever was written since the runs began, whether git knows it or not."""
    git = {path for path in (ROOT / ".git", ROOT / ".venv") if path.exists()}
    recent = [path for path in files_below(ROOT) if not any(path.is_relative_to(other) for other in git)]
    recent = [path for path in recent if path.exists() and path.stat().st_mtime >= played.began_at]
    assert [str(path) for path in recent if played.canaries.found_in(path.read_bytes())] == []
    assert os.environ.get("HOTOPS_RUN_DIR") is None
