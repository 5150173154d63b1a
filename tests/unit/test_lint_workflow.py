"""The linter of workflows: each defect that a team really had fires at its line, and good workflows are silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.generate.texts import Surroundings, workflows_of
from hotops.lint.finding import Finding, table
from hotops.lint.workflow import lint_workflows
from tests.unit.test_generate_workflows import MAP, both

PLACE = ".github/workflows"
GOOD = """\
name: Deploy Production
on:
  workflow_dispatch:
    inputs:
      reason: {required: true, type: string}
      dry_run: {type: boolean, default: false}
permissions:
  contents: read
  issues: write
  actions: write
concurrency:
  group: deploy-production
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    outputs:
      release: ${{ steps.ship.outputs.release }}
    steps:
      - uses: actions/checkout@v4
      - uses: superfly/flyctl-actions/setup-flyctl@1.5
      - name: Deploy
        id: ship
        env:
          FLY_API_TOKEN: ${{ secrets.FLY_API_TOKEN }}
          REASON: ${{ inputs.reason }}
        run: |
          set -u
          ./scripts/check.sh "$REASON"
          flyctl deploy --remote-only --config fly.production.toml --app shop
          echo "release=1" >> "$GITHUB_OUTPUT"
      - name: Roll back
        if: failure()
        env:
          GH_TOKEN: ${{ github.token }}
        run: |
          gh workflow run rollback.yml -f environment=production -f reason="bad release"
          gh issue create --title "Rolled back"
  tell:
    needs: deploy
    runs-on: ubuntu-latest
    steps:
      - run: echo "${{ needs.deploy.outputs.release }}"
"""
ROLLBACK = """\
name: Rollback
on:
  workflow_dispatch:
    inputs:
      environment: {required: true, type: choice, options: [staging, production]}
      reason: {required: true, type: string}
jobs:
  back:
    runs-on: ubuntu-latest
    steps:
      - run: echo back
"""
HEALTH = """\
name: Production health
on:
  schedule: [{cron: "*/15 * * * *"}]
jobs:
  look:
    runs-on: ubuntu-latest
    steps:
      - name: Smoke test
        run: curl -fsS https://shop.fly.dev/health
"""
#: What is changed in a good workflow, the rule that finds it, the line, a word of what it says.
FAULTS: dict[str, tuple[str, str, str, str, int, str]] = {
    "no YAML": (GOOD, "permissions:\n", "permissions: [\n", "no_yaml", 9, "never runs"),
    "no jobs": (GOOD, "jobs:", "job:", "no_jobs", 1, "no jobs"),
    "a workflow that is not there": (GOOD, "run rollback.yml", "run rollback-deployment.yml", "no_such_workflow", 37, "rollback-deployment.yml"),
    "a script that is not there": (GOOD, "./scripts/check.sh", "bash scripts/parity.sh", "no_such_script", 29, "scripts/parity.sh"),
    "an input that is not there": (GOOD, "-f environment=", "-f env=", "no_such_input", 37, "no input env"),
    "no right to start": (GOOD, "  actions: write\n", "", "no_right", 31, "actions: write"),
    "no right to tell": (GOOD, "  issues: write\n", "", "no_right", 31, "issues: write"),
    "an output nobody declares": (GOOD, "needs.deploy.outputs.release", "needs.deploy.outputs.url", "no_such_output", 43, "declares release"),
    "a step nobody named so": (GOOD, "steps.ship.outputs", "steps.push.outputs", "no_such_output", 18, "no step"),
    "no flyctl": (GOOD, "      - uses: superfly/flyctl-actions/setup-flyctl@1.5\n", "", "no_flyctl", 29, "flyctl"),
    "a secret in if": (GOOD, "if: failure()", "if: ${{ secrets.TOKEN != '' }}", "secret_in_if", 33, "secrets context"),
    "production with staging's file": (GOOD, " --config fly.production.toml", "", "staging_config", 30, "fly.production.toml"),
    "a pull request deploys": (GOOD, "on:\n", "on:\n  pull_request:\n", "deploys_pull_requests", 31, "shop"),
    "a typed approver": (GOOD, "      dry_run: {", "      manager_approver: {required: true}\n      dry_run: {", "approver_typed", 6, "manager_approver"),
    "an input in the shell": (GOOD, '"$REASON"', '"${{ inputs.reason }}"', "input_in_shell", 29, "inputs.reason"),
    "a stranger's words in the shell": (GOOD, "echo \"release=1\"", 'echo "${{ github.event.head_commit.message }}"', "foreign_in_shell", 31, "anybody"),
    "an action that moves": (GOOD, "setup-flyctl@1.5", "setup-flyctl@master", "moving_action", 21, "branch"),
    "a flag that flyctl lacks": (GOOD, "--remote-only", "--remote", "no_flag", 30, "did you mean"),
    "a test that is never red": (HEALTH, "        run: curl", "        continue-on-error: true\n        run: curl", "never_red", 9, "green"),
    "production's watch asks staging": (HEALTH, "https://shop.fly.dev", "https://shop-staging.fly.dev", "watches_another", 1, "shop-staging.fly.dev only"),
    "a name that nobody has": (HEALTH, 'schedule: [{cron: "*/15 * * * *"}]', "workflow_run: {workflows: [Deploy Prod]}", "no_such_name", 3, "Deploy Prod"),
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    (made / "scripts").mkdir()
    for name in ("scripts/check.sh", "fly.toml", "fly.production.toml"):
        (made / name).write_text("", encoding="utf-8")
    return made


def lint(root: Path, text: str, **others: str) -> list[Finding]:
    beside = {"rollback.yml": ROLLBACK, **{f"{name}.yml": other for name, other in others.items()}}
    return lint_workflows({f"{PLACE}/it.yml": text}, root, {f"{PLACE}/{name}": other for name, other in beside.items()})


@pytest.mark.parametrize(("good", "old", "new", "rule", "line", "says"), FAULTS.values(), ids=FAULTS)
def test_each_defect_is_found_at_its_line(
    root: Path, good: str, old: str, new: str, rule: str, line: int, says: str
) -> None:
    assert old in good
    found = [item for item in lint(root, good.replace(old, new)) if item.rule == rule]
    assert [(item.line, says in f"{item.says} {item.remedy}") for item in found] == [(line, True)]
    assert found[0].file == f"{PLACE}/it.yml"


@pytest.mark.parametrize("text", [GOOD, HEALTH, ROLLBACK])
def test_a_good_workflow_is_silent(root: Path, text: str) -> None:
    assert lint(root, text) == []


def test_an_input_that_is_needed_and_not_given_is_found(root: Path) -> None:
    found = lint(root, GOOD.replace(' -f reason="bad release"', ""))
    assert [(item.rule, item.line) for item in found] == [("input_missing", 37)]


def test_two_that_deploy_one_environment_have_to_share_a_group(root: Path) -> None:
    apart = GOOD.replace("group: deploy-production", "group: deploy-enhanced")
    found = lint(root, apart, another=GOOD)
    assert [(item.rule, "another.yml" in item.says) for item in found] == [("side_by_side", True)]
    assert lint(root, GOOD, another=GOOD) == []
    of_the_job = GOOD.replace("concurrency:\n  group: deploy-production\n", "").replace(
        "    environment: production\n", "    environment: production\n    concurrency: deploy-production\n"
    )
    assert lint(root, of_the_job, another=GOOD) == []


def test_every_rule_has_a_defect() -> None:
    tested = {fault[3] for fault in FAULTS.values()} | {"input_missing", "side_by_side"}
    assert tested - {"no_flag"} == set(table("workflow_rules"))


def test_a_called_workflow_that_is_not_there_is_found_and_a_script_that_is_only_asked_for_is_not(root: Path) -> None:
    called = "name: it\non: push\njobs:\n  gate:\n    uses: ./.github/workflows/production-gate.yml\n"
    assert [(item.rule, item.line) for item in lint(root, called)] == [("no_such_workflow", 5)]
    asked = GOOD.replace('./scripts/check.sh "$REASON"', "if [ -x scripts/more.sh ]; then scripts/more.sh; fi")
    assert lint(root, asked) == []
    elsewhere = GOOD.replace(
        "        run: |\n          set -u", "        working-directory: web\n        run: |\n          set -u"
    )
    assert lint(root, elsewhere.replace("./scripts/check.sh", "./scripts/none.sh")) == []


def test_a_preview_of_a_pull_request_and_a_guarded_job_are_no_finding(root: Path) -> None:
    asked = GOOD.replace("on:\n", "on:\n  pull_request:\n")
    assert lint(root, asked.replace("--app shop", '--app "shop-pr-$NUMBER"')) == []
    guarded = asked.replace(
        "    environment: production", "    if: github.event_name == 'push'\n    environment: production"
    )
    assert lint(root, guarded) == []


def test_what_is_generated_is_clean(root: Path) -> None:
    texts, _ = workflows_of(Surroundings(both(), {"production": MAP}))
    assert lint_workflows(texts, root) == []


UNFOLDING = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{number}: &a{number} [{','.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{UNFOLDING}on: push\njobs: {{a: {{runs-on: u, steps: *a11}}}}\n", "unfold"),
        ("on: push\njobs: &jobs {a: *jobs}\n", "inside of what it names"),
        (f"on: push\njobs: {'[' * 3000}{']' * 3000}\n", "too deep"),
    ],
    ids=["a bomb", "a circle", "a well"],
)
def test_a_file_that_is_made_to_hurt_its_reader_is_told_and_not_unfolded(tmp_path: Path, text: str, says: str) -> None:
    found = list(lint_workflows({f"{PLACE}/x.yml": text}, tmp_path))
    assert [item.rule for item in found] == ["no_yaml"]
    assert says in str(found[0])
