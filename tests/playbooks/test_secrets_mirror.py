"""secrets_mirror.yml and secrets_audit.yml on a real sandbox: planned, done, done again with nothing to do; no value
anywhere at -vvvv."""

from __future__ import annotations

import json
from pathlib import Path

from hotops.core.secret import Secret
from tests.playbooks.canaries import Canaries, canary
from tests.playbooks.playing import lines_of, shop
from tests.sandbox_fixture import RunningSandbox

INVENTORY = """
all:
  vars:
    env_kind: sandbox
    env_name: production
    fly_org: personal
    drain_s: 0
    wait_timeout_s: 30
    vault: vault
    challenge_secrets: true
    env_matrix: docs/env_matrix.md
apps:
  hosts:
    shop-production:
"""
MAP = """
secrets:
  DATABASE_URL: {vault: db/url, format: dsn, fly: {shop-production: DATABASE_URL}}
  STRIPE_KEY: {fly: {shop-production: [STRIPE_KEY, STRIPE_COPY]}}
"""
LOOKUP = """
- name: A reference may be shown
  ansible.builtin.debug:
    msg: "{{ lookup('hotops.core.vault', 'STRIPE_KEY') }}"
  run_once: true

- name: A value may not
  run_once: true
  block:
    - name: In a task that logs
      ansible.builtin.debug:
        msg: "{{ lookup('hotops.core.vault', 'STRIPE_KEY', reveal=true) }}"
    - name: Never here
      ansible.builtin.fail:
        msg: it was revealed
  rescue:
    - name: It says why
      ansible.builtin.debug:
        var: ansible_failed_result.msg

- name: A module that knows no references gets it
  ansible.builtin.copy:
    content: "{{ lookup('hotops.core.vault', 'STRIPE_KEY', reveal=true) }}"
    dest: "{{ inventory_dir }}/../../handed"
    mode: "0600"
  no_log: true
  run_once: true
  delegate_to: localhost
  vars: {ansible_connection: local}
"""


def test_the_second_run_changes_nothing_and_no_value_is_anywhere(tmp_path: Path, sandbox: RunningSandbox) -> None:
    project = shop(tmp_path / "project", sandbox, inventory=INVENTORY)
    project.write("inventories/secret_maps/production.yml", MAP)
    seeded = next(app for app in sandbox.seed["fly"]["apps"] if app["name"] == "shop-production")
    planted = canary()
    for path, text in {
        "db/url_prod.env": f"DATABASE_URL={seeded['secrets']['DATABASE_URL']}\n",
        "stripe_prod.env": f"STRIPE_KEY='{planted}'\n",
    }.items():
        file = project.folder / "vault" / path
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
    (project.folder / "vault").chmod(0o700)
    said = []

    def play(*arguments: str, playbook: str = "secrets_mirror") -> list[str]:
        began = len(sandbox.control.entries())
        ran = project.run(f"hotops.core.{playbook}", "-vvvv", "--diff", *arguments)
        said.append(ran.stdout + ran.stderr)
        assert ran.code == 0, ran.stdout[-3000:]
        calls = [call for call in sandbox.control.entries()[began:] if call["surface"] != "proxy"]
        return [f"{call['method']} {call['path']}" for call in calls if call["effect"] != "none"]

    assert play("--check") == []
    writes = play()
    assert writes.count("POST /v1/apps/shop-production/secrets") == 1
    assert any(write.endswith("/exec") for write in writes), "DATABASE_URL was there before: a machine was asked"
    assert play() == []
    assert "changed=0" in said[-1]
    assert play("--check", playbook="secrets_audit") == []
    assert not (project.folder / "docs").exists()
    assert play(playbook="secrets_audit") == []
    assert "changed=1" in said[-1]
    table = (project.folder / "docs/env_matrix.md").read_text(encoding="utf-8")
    assert "| STRIPE_KEY | present: stripe_prod.env#STRIPE_KEY | fly:shop-production/STRIPE_COPY | equal |" in table
    assert play("-e", "authenticate=true", playbook="secrets_audit") == []
    assert "changed=0" in said[-1]
    assert "DATABASE_URL: postgres, valid: logs in as postgres." in said[-1]
    ran = project.play(LOOKUP, "-vvvv")
    said.append(ran.stdout + ran.stderr)
    assert "failed=0" in ran.stdout, ran.stdout[-3000:]
    ledger_key = (project.folder / "vault/.hotops/fingerprint.key").read_text(encoding="utf-8")
    reference = Secret(planted).fingerprint(bytes.fromhex(ledger_key.strip()))
    assert f"vault:stripe_prod.env#STRIPE_KEY@{reference}" in ran.stdout
    assert "reveal=true is for tasks with `no_log: true`" in ran.stdout
    assert (project.folder / "handed").read_text(encoding="utf-8") == planted
    (project.folder / "handed").unlink()
    canaries = Canaries({"the key": planted, "the dsn": seeded["secrets"]["DATABASE_URL"]})
    assert [canaries.found_in(text.encode()) for text in said] == [[]] * 7
    assert (
        canaries.below(
            project.folder, apart_from=[project.folder / "vault/db", project.folder / "vault/stripe_prod.env"]
        )
        == []
    )
    assert any(line["kind"] == "intent" for run in project.runs() for line in lines_of(run))
    ledger = json.loads((project.folder / "vault/.hotops/ledger.json").read_text(encoding="utf-8"))
    assert set(ledger["targets"]) == {f"fly:shop-production/{n}" for n in ("DATABASE_URL", "STRIPE_KEY", "STRIPE_COPY")}
