"""Scripts and documents: idioms that lie (incident I-25) and what flyctl does not have (I-26), each at its line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hotops.lint.document import lint_document
from hotops.lint.finding import Finding, table
from hotops.lint.idioms import judge_script
from hotops.lint.lint import lint_files
from hotops.lint.shell_words import read_script
from hotops.lint.sources import files_below

ROOT = Path(__file__).resolve().parents[2]
#: What lies, the rule that finds it, a word of what it says.
LIES: dict[str, tuple[str, str, str]] = {
    "a count ends the script": ("set -euo pipefail\n((passed++))", "increment_ends", "passed=$((passed + 1))"),
    "two lines for zero": ('n=$(grep -c ERROR app.log || echo "0")', "count_or_zero", "|| true"),
    "six zeros": ("""code=$(curl -s -o /dev/null -w '%{http_code}' "$URL" || echo 000)""", "code_or_zeros", "000000"),
    "a password in the manifest": ('echo "source: ${DB_URL%%@*}@***" >> manifest', "password_shown", "${DB_URL%%@*}"),
    "a path called $(date)": ("mkdir -p 'backups/$(date -u +%F)_sqlite'", "not_expanded", "literally"),
    "a value cut at its first =": ('DATABASE_URL=$(grep DATABASE_URL .env | cut -d= -f2)', "value_cut", "-f2-"),
    "quotes broken": ("export $(grep -v '^#' .env | xargs)", "export_xargs", "set -a"),
    "a file as a secret": ("gh secret set DATABASE_URL < vault/db.env", "file_as_secret", "KEY=value"),
    "a value among the arguments": ('fly secrets set SESSION_SECRET="$NEW" -a shop', "secret_shown", "processes"),
    "a value in gh's arguments": ('gh secret set TOKEN --body "$VALUE"', "secret_shown", "processes"),
    "a digest for a value": (
        "DATABASE_URL=$(fly secrets list -a shop | grep DATABASE_URL | awk '{print $2}')", "digest_as_value", "digest",
    ),
    "a key that is not there": ("v=$(fly releases --json -a shop | jq -r '.[1].version')", "json_key", ".Version"),
    "back to what runs": ("image=$(fly releases --image -a shop | awk 'NR==2{print $5}')", "row_is_now", "runs now"),
    "the hosted database wiped": ("supabase db reset --linked --yes", "wipes_shared", "hosted"),
    "logs since": ("fly logs -a shop --since 1h", "no_flag", "no flag --since"),
    "logs limit": ("flyctl logs -a shop --limit 100", "no_flag", "tail -n"),
    "logs lines": ("fly logs -a shop --lines 50", "no_flag", "tail -n"),
    "logs tail": ("~/.fly/bin/fly logs -a shop --tail", "no_flag", "--no-tail"),
    "logs -f": ("timeout 30 fly logs -a shop -f", "no_flag", "no flag -f"),
    "logs of a process": ("fly logs --app shop --process worker", "no_flag", "--machine"),
    "scale a process": ("fly scale memory 2048 --process worker -a shop", "no_flag", "--process-group"),
    "a typo": ("fly deploy --remote-onyl", "no_flag", "did you mean --remote-only"),
    "autoscale": ("fly autoscale set min=1 max=3 -a shop", "no_command", "min_machines_running"),
    "a typo in a command": ("fly secrets lits -a shop", "no_command", "did you mean list"),
    "releases rollback": ("fly releases rollback -a shop", "no_words", "hotops rollback"),
    "a release as a way back": ("flyctl releases 41", "no_words", "hotops rollback"),
    "cd without a shell": ('fly ssh console -a shop -C "cd /app && ls"', "no_shell", "not a shell"),
    "a region of old": ("fly regions add iad -a shop", "old_command", "fly scale count"),
    "suspend": ("fly apps suspend shop", "old_command", "fly machine stop"),
}  # fmt: skip
HONEST = """\
#!/usr/bin/env bash
set -euo pipefail
passed=0
passed=$((passed + 1))
if ((passed++)); then echo more; fi
((passed++)) || true
n=$(grep -c ERROR app.log || true)
code=$(curl -s -o /dev/null -w '%{http_code}' "$URL" || true)
ok=$(curl -fsS "$URL/health" || echo down)
mkdir -p "backups/$(date -u +%F)"
value=$(grep DATABASE_URL .env | cut -d= -f2-)
echo "${EMAIL%%@*}@***" "${name%%-*}" $(( passed * 2 )) ${x:-"y"}
gh secret set -f vault/db.env
printf '%s' "$TOKEN" | gh secret set TOKEN
fly secrets import -a shop < <(hotops-values)
fly secrets set FEATURE_X=on APP_ENV=staging -a shop
fly secrets list -a shop | awk '{print $1}'
fly releases --json -a shop | jq -r '.[0].Version'
supabase db reset
for app in one two; do fly status -a "$app" --json | jq .; done
fly -a shop status; fly status --app=shop; fly machine list -a shop -jq; fly logs -n
fly pg connect -a shop; fly m list; fly machines status 3d8d9021b64d48; fly volumes ls
fly $COMMAND --anything; fly "$@"; fly help deploy; fly completion bash; fly --help
fly ssh console -a shop -C "sh -c 'cd /app && ls'"; fly ssh console -a shop -C "bin/rails console"
fly machine run ubuntu --region ord -- sleep inf
fly deploy --config fly.toml --app shop --build-arg A=1 -e X=1 --image-label "v$N" --strategy rolling --ha=false
cat <<EOF > notes
fly logs --since 1h isn't shell here
EOF
case "$1" in
  start) fly machine start "$2" ;;
esac
butterfly logs --since 1h; ./fly.sh logs --since 1h
"""


def judged(text: str) -> list[Finding]:
    script = read_script(text)
    assert not script.broken, text
    return sorted(set(judge_script(script, "deploy.sh")))


@pytest.mark.parametrize(("text", "rule", "says"), LIES.values(), ids=LIES)
def test_what_lies_in_a_script_is_found_at_its_line_with_what_to_write(text: str, rule: str, says: str) -> None:
    found = judged(f"# a comment\n\n{text}\n")
    assert [(item.rule, item.line) for item in found] == [(rule, 2 + len(text.splitlines()))]
    assert says in f"{found[0].says} {found[0].remedy}"


def test_an_honest_script_is_silent_and_every_rule_has_a_lie() -> None:
    assert judged(HONEST) == []
    assert {rule for _, rule, _ in LIES.values()} == set(table("shell_rules"))


def test_the_honest_script_is_one() -> None:
    assert subprocess.run([shutil.which("bash") or "bash", "-n"], input=HONEST, text=True, check=False).returncode == 0


def test_i_25_these_idioms_do_what_the_rules_say() -> None:
    """The shell itself is asked: a rule about a lie that is none would be one."""

    def said(script: str) -> tuple[int, str]:
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=10, check=False)
        return done.returncode, done.stdout

    assert said("set -e; n=0; ((n++)); echo on") == (1, "")
    assert said("set -e; n=0; n=$((n + 1)); echo on") == (0, "on\n")
    assert said('n=$(printf "a\\n" | grep -c x || echo 0); printf "%s" "$n"') == (0, "0\n0")
    assert said('U="postgresql://app:pw@db/x"; echo "${U%%@*}@***"') == (0, "postgresql://app:pw@***\n")
    assert said("echo 'K=postgresql://db/x?sslmode=require' | cut -d= -f2") == (0, "postgresql://db/x?sslmode\n")


def test_a_count_that_nothing_stops_at_is_silent() -> None:
    assert judged("n=0\n((n++))\n") == []


def test_text_that_is_no_shell_is_left_alone() -> None:
    assert read_script("it's half a quote\nfly logs --since 1h\n").broken
    assert list(judge_script(read_script('echo "half\nfly logs --since 1h\n'), "x.sh")) == []


DOCUMENT = """\
# Runbook

Look at the logs with `fly logs -a shop --since 1h`, or by hand:

```bash
cd app
fly logs -a <app> --lines 50
```

    fly autoscale set min=1 max=3
    fly deploy [--remote-only] -a APP

```
$ fly releases rollback -a shop
v41  complete
```

`fly logs --tail` does not exist, and `fly.toml` is a file. `fly status -a [app]` is fine; so is `fly machine [command] [flags]`.

```python
fly logs --since("1h")
```
"""


def test_i_26_commands_in_a_document_are_found_and_what_it_only_speaks_of_is_not() -> None:
    found = lint_document(DOCUMENT, "docs/runbook.md")
    assert [(item.line, item.rule) for item in found] == [
        (3, "no_flag"),
        (7, "no_flag"),
        (10, "no_command"),
        (14, "no_words"),
    ]


def test_a_line_that_says_so_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "look.sh"
    file.write_text(
        "fly logs --since 1h  # hotops: ignore\n# hotops: ignore, an old flyctl\nfly logs --tail\nfly logs -f\n"
    )
    assert [item.line for item in lint_files({file: None}, tmp_path)] == [4]


def test_this_project_says_nothing_about_flyctl_or_the_shell_that_is_not_so() -> None:
    found = list(lint_files(dict.fromkeys(files_below(ROOT)), ROOT))
    assert [str(item) for item in found] == []


def test_the_table_of_flyctl_is_dated_and_whole() -> None:
    data = table("flyctl_commands")
    assert data["as_of"] >= "2026-08-21"
    assert len(data["commands"]) > 300
    assert data["commands"]["logs"]["flags"]["--no-tail"] is False
    assert data["commands"]["deploy"]["flags"]["--image-label"] is True
    assert [name for name, about in data["commands"].items() if about.get("open")] == [
        "launch", "mcp add", "mcp destroy", "mcp inspect", "mcp launch", "mcp list", "mcp logs", "mcp remove",
        "mcp server", "mcp volume",
    ]  # fmt: skip
