"""All commands of `hotops`, a line each: to add one, add its line."""

from __future__ import annotations

from collections.abc import Mapping

from hotops.commands.command import Command, ModuleCommand, OperationCommand, PlaybookCommand

#: In the order of `hotops --help`. A name of two words is a noun with its verb; NOUNS says what the noun is about. A
#: command may be the noun of others (`restore`, `restore points`): the help of the one names the others.
COMMANDS: tuple[Command, ...] = (
    ModuleCommand(
        "init",
        "From an empty folder to an inventory: what runs is read and written down, with what contradicts itself.",
        ("hotops init --fly-org personal", "hotops init --fly-org personal --repo acme/shop --app shop --check"),
        module="hotops.cli_init",
    ),
    OperationCommand(
        "status",
        "The environment on one screen: what runs, how it is, what changed in a day, what to type next.",
        ("hotops status production", "hotops status production --json"),
        operation="status",
    ),
    OperationCommand(
        "why",
        "Why one app is not well, on one page, and the command that helps.",
        ("hotops why production shop-production",),
        operation="why",
    ),
    OperationCommand(
        "explain",
        "Where each value of the inventory comes from: flag, file and line, observed, default.",
        ("hotops explain production", "hotops explain production shop-production --no-observed"),
        operation="explain",
    ),
    OperationCommand(
        "readiness",
        "How ready an environment is, computed from gates, visitors' answers and certificates.",
        ("hotops readiness production", "hotops readiness production --claimed-percent 95"),
        operation="readiness",
    ),
    OperationCommand(
        "doctor",
        "What can be done from here: tokens, scopes, clocks, files, lock; each finding with its remedy.",
        ("hotops doctor production", "hotops doctor production --live"),
        operation="doctor",
    ),
    OperationCommand(
        "conformance check",
        "What hotops takes for true about the clouds, against what they answer; reads only.",
        ("hotops conformance check production", "hotops conformance check sandbox --json"),
        operation="conformance",
        fixed={"budget": None, "image": None},
        reads=True,
        recorded=False,
    ),
    OperationCommand(
        "conformance try",
        "The same, and what only writes tell: on an app that is made for it and destroyed.",
        ("hotops conformance try production --budget 0.05 --check", "hotops conformance try production --budget 0.05"),
        operation="conformance",
        recorded=False,
    ),
    OperationCommand(
        "health",
        "How every app is, in one table, and what to do about each finding.",
        ("hotops health production", "hotops health production shop-production --since-s 86400 --json"),
        operation="health_report",
        recorded=True,
    ),
    OperationCommand(
        "plan",
        "What a promotion would do now, what each gate says, and the id to approve it by.",
        ("hotops plan production", "hotops plan production shop-production --as-commands --out plan.json"),
        operation="promote_plan",
    ),
    OperationCommand(
        "approve",
        "Ask a reviewer at GitHub to approve a plan; the page, and who approved it.",
        ("hotops approve production a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a --yes",),
        operation="approve_plan",
        word="plan_id",
    ),
    PlaybookCommand(
        "promote",
        "What staging runs goes to production: gates, deploy, watch, and back by itself when it is bad.",
        (
            "hotops promote production --reason 'search is faster' --check",
            "hotops promote production --reason 'search is faster'",
            "hotops promote production shop-production --reason 'hotfix' --version v42 --yes --wait 8h",
        ),
        playbook="promote",
        variables=("reason", "version", "approve"),
        asks="Promote {apps} in {env}?",
    ),
    PlaybookCommand(
        "deploy",
        "One image straight to an environment, with the gates, the watch and the way back of a promotion.",
        ("hotops deploy production shop-production --image registry.fly.io/shop-staging:v42 --reason 'hotfix'",),
        playbook="deploy",
        variables=("reason", "image", "approve"),
        needs=("image",),
        asks="Deploy to {apps} in {env}?",
    ),
    OperationCommand(
        "rollback",
        "The fire exit: what ran before the last promotion runs again. Needs the Fly token alone.",
        ("hotops rollback production", "hotops rollback production shop-production --version 41 --yes"),
        operation="fly_rollback",
        next="hotops health {env}",
    ),
    ModuleCommand(
        "run",
        "Any playbook of yours, with progress, evidence, exit code, and a second try after looking.",
        (
            "hotops run site.yml production --yes",
            "hotops run nightly.yml -i inventories/production -e reason='every night' --yes --json",
            "hotops run health production",
        ),
        module="hotops.commands.run",
    ),
    OperationCommand(
        "freeze",
        "Refuse promotions to an environment for a while; a rollback is always allowed.",
        (
            "hotops freeze production --reason holidays --until 2026-12-27",
            "hotops freeze production --reason 'release week' --until 8h",
        ),
        operation="freeze",
        fixed={"state": "frozen"},
        next="hotops thaw {env} --reason '…' ends it",
    ),
    OperationCommand(
        "thaw",
        "Allow promotions again.",
        ("hotops thaw production --reason 'everybody is back'",),
        operation="freeze",
        fixed={"state": "thawed", "until": ""},
        next="hotops plan {env}",
    ),
    OperationCommand(
        "memory scale",
        "Every machine gets its declared memory, CPUs and number, or what is asked for; never a whole group at once.",
        (
            "hotops memory scale production --check",
            "hotops memory scale production shop-production --process-group worker --memory-mb 2048",
        ),
        operation="fly_scale",
        next="hotops health {env}",
    ),
    OperationCommand(
        "memory report",
        "Memory as declared, as the next deploy gives it, as it runs and is used; what would be right, and its cost.",
        ("hotops memory report production", "hotops memory report production shop-production --json"),
        operation="scale_report",
    ),
    OperationCommand(
        "lint",
        "What is wrong in fly.toml files, workflows, scripts and documents: file, line, what to write instead.",
        ("hotops lint production", "hotops lint production --paths .github/workflows --paths scripts"),
        operation="lint",
    ),
    ModuleCommand(
        "generate workflows",
        "GitHub workflows for the project's environments: deploy, roll back, approve, health, backup, drill.",
        ("hotops generate workflows --check", "hotops generate workflows --env staging --env production"),
        module="hotops.cli_generate",
    ),
    OperationCommand(
        "lock show",
        "Who holds an environment, since when and why.",
        ("hotops lock show production",),
        operation="lock",
        fixed={"action": "show"},
        reads=True,
    ),
    OperationCommand(
        "lock break",
        "Take the lock from a holder that will not give it back.",
        ("hotops lock break production --reason 'its runner was shut down'",),
        operation="lock",
        fixed={"action": "break"},
    ),
    OperationCommand(
        "backup create",
        "A whole, sealed, signed backup of the database.",
        ("hotops backup create production", "hotops backup create production --unless-younger-h 1"),
        operation="backup",
        next="hotops backup verify {env} --mode full proves that it comes back",
    ),
    OperationCommand(
        "backup list",
        "The whole backups, with their age, and when each was proven.",
        ("hotops backup list production",),
        operation="backup_info",
        fixed={"backup": None},
    ),
    OperationCommand(
        "backup show",
        "One backup with its tables, and what is not in it.",
        ("hotops backup show production", "hotops backup show production --backup 20260131T100000Z-3f9a2c"),
        operation="backup_info",
        default={"backup": "newest"},
    ),
    OperationCommand(
        "backup verify",
        "Is a backup whole and unchanged (quick), does it come back row by row (full).",
        ("hotops backup verify production", "hotops backup verify production --mode full --scratch-env SCRATCH_URL"),
        operation="backup_verify",
    ),
    OperationCommand(
        "backup prune",
        "Backups that no rule keeps go; told only, until confirmed.",
        ("hotops backup prune production --check", "hotops backup prune production --confirm shop"),
        operation="backup_prune",
    ),
    OperationCommand(
        "restore points",
        "What could be brought back today, and to which moment.",
        ("hotops restore points production",),
        operation="restore_points",
    ),
    OperationCommand(
        "restore",
        "A backup into a new database beside the living one, proven row by row; or over it, with its name typed twice.",
        (
            "hotops restore production --beside shop_yesterday --to 2026-01-31T10:00:00Z",
            "hotops restore production --tables public.orders --overwrite shop --confirm shop",
        ),
        operation="restore",
    ),
    OperationCommand(
        "restore compare",
        "What a restore would lose: rows of the living database that a backup does not hold; --keep keeps them first.",
        ("hotops restore compare production", "hotops restore compare production --tables public.orders --keep"),
        operation="restore_compare",
    ),
    OperationCommand(
        "restore rewind",
        "The project's own database goes back to a moment, in place, by the platform; what was written since is lost.",
        ("hotops restore rewind production --to 2026-01-31T09:59:30Z --overwrite shop --confirm shop",),
        operation="restore_moment",
    ),
    OperationCommand(
        "restore switch",
        "An app works with a restored database from now on: vault, Fly, machines; --undo puts the former one back.",
        (
            "hotops restore switch production shop-production --to-database NAME --confirm NAME",
            "hotops restore production shop-production --switch NAME --confirm NAME",
            "hotops restore switch production shop-production --undo --yes",
        ),
        operation="restore_switch",
    ),
    OperationCommand(
        "restore volume",
        "A Fly volume comes back from a snapshot, on a new machine; the former one stays, stopped.",
        (
            "hotops restore volume production shop-search --volume data --check",
            "hotops restore volume production shop-search --volume data --snapshot 2026-01-31T10:00:00Z --confirm data",
        ),
        operation="restore_volume",
    ),
    OperationCommand(
        "dsn check",
        "Is an app's connection string what it needs, and does it connect? Findings end with exit code 8.",
        ("hotops dsn check production shop-chatwoot", "hotops dsn check production --secret DATABASE_URL --use backup"),
        operation="supabase_dsn",
        fixed={"fail_on_findings": True},
        reads=True,
    ),
    OperationCommand(
        "dsn explain",
        "What the error of a database client means, and what to do about it.",
        ("hotops dsn explain production --error-text 'FATAL: Tenant or user not found'",),
        operation="supabase_dsn",
        fixed={"prove": False},
        reads=True,
    ),
    OperationCommand(
        "dsn fix",
        "The right connection string in vault, Fly and machines, proven; --undo puts the former one back.",
        ("hotops dsn fix production shop-chatwoot --check", "hotops dsn fix production shop-chatwoot --yes"),
        operation="dsn_fix",
        next="hotops status {env}",
    ),
    OperationCommand(
        "secrets mirror",
        "The vault's secrets go to Fly's apps and GitHub's environments: only what changed, proven afterwards.",
        ("hotops secrets mirror production --check", "hotops secrets mirror production --yes"),
        operation="secrets_mirror",
    ),
    OperationCommand(
        "secrets audit",
        "Vault, Fly, GitHub and secret map in one table: what is missing, stale, staged, shared or due. No value.",
        (
            "hotops secrets audit production --check",
            "hotops secrets audit production --check --authenticate",
            "hotops secrets audit production --places fly --json",
        ),
        operation="secrets_audit",
    ),
    OperationCommand(
        "secrets map init",
        "The first secret map, drafted from the vault and what apps and GitHub have. Names only.",
        ("hotops secrets map init production --check", "hotops secrets map init production --no-look --yes"),
        operation="secrets_map_init",
        next="hotops secrets audit {env} --check",
    ),
    OperationCommand(
        "secrets trace",
        "Something leaked, given on standard input: what is it, is it valid, who uses it, what now? It is not shown.",
        ("hotops secrets trace production < leaked.txt", "hotops secrets trace production --authenticate < leaked.txt"),
        operation="secrets_trace",
    ),
    OperationCommand(
        "vault check",
        "What of the vault can't be used: modes, forms, placeholders, double claims; what the map needs and it lacks.",
        ("hotops vault check production",),
        operation="vault_check",
    ),
    OperationCommand(
        "vault fix-modes",
        "Nobody else on this computer reads the vault.",
        ("hotops vault fix-modes production --check", "hotops vault fix-modes production --yes"),
        operation="vault_fix_modes",
    ),
    OperationCommand(
        "vault templates",
        "Files for what the map needs and the vault lacks: names only, to be filled in.",
        ("hotops vault templates production --check", "hotops vault templates production --yes"),
        operation="vault_templates",
        next="hotops vault check {env}",
    ),
    OperationCommand(
        "secrets scan",
        "Does the repository hold secrets: files, untracked ones, the whole history, commit messages?",
        (
            "hotops secrets scan production",
            "hotops secrets scan production --no-history",
            "hotops secrets scan production --message .git/COMMIT_EDITMSG",
        ),
        operation="secrets_scan",
    ),
    OperationCommand(
        "secrets rotate",
        "A credential gets a successor in vault, Fly, GitHub and machines, proven; only then the old one goes.",
        (
            "hotops secrets rotate production --secret DATABASE_URL --check",
            "hotops secrets rotate production --secret DATABASE_URL --leaked --yes",
            "hotops secrets rotate production --secret DATABASE_URL --undo --yes",
        ),
        operation="secrets_rotate",
    ),
    OperationCommand(
        "secrets fill",
        "Missing secrets that nobody issues are made in the vault; what else is missing is told.",
        ("hotops secrets fill production --check", "hotops secrets fill production --yes"),
        operation="secrets_fill",
        next="hotops secrets mirror {env}",
    ),
    OperationCommand(
        "secrets due",
        "Which secrets are due for rotation, 30 and 7 days ahead, and who rotates each.",
        ("hotops secrets due production", "hotops secrets due production --json"),
        operation="secrets_due",
    ),
    OperationCommand(
        "dr drill",
        "A disaster on purpose: break, come back, measure. On live clouds: the newest backup, restored beside.",
        (
            "hotops dr drill sandbox --scenario database_lost --confirm sandbox",
            "hotops dr drill production --scenario backup_restored --confirm production",
        ),
        operation="dr_drill",
    ),
    OperationCommand(
        "dr documents",
        "The papers: plan, restore runbook, recovery times, and one page for who decides; from measured figures only.",
        ("hotops dr documents production --check", "hotops dr documents production --out docs/disaster-recovery --yes"),
        operation="dr_documents",
        recorded=False,
    ),
    OperationCommand(
        "dr follow-ups",
        "An issue for each drill that failed or is due, with owner and date; closed when it passes.",
        ("hotops dr follow-ups production --check", "hotops dr follow-ups production --yes"),
        operation="dr_follow_ups",
    ),
    OperationCommand(
        "dr timer",
        "A systemd service and timer that drill what is due; written to look at, installed by you.",
        ("hotops dr timer production --user hotops --yes", "hotops dr timer production --check"),
        operation="dr_timer",
        recorded=False,
    ),
    OperationCommand(
        "dr due",
        "Which drills are due: what was proven too long ago, or never.",
        ("hotops dr due production",),
        operation="dr_due",
    ),
    ModuleCommand(
        "completion",
        "Lines by which bash, zsh or fish complete commands, environments, apps and options.",
        ("hotops completion bash", "hotops completion fish"),
        module="hotops.commands.completion",
    ),
    ModuleCommand(
        "schema",
        "What a command prints with --json, as JSON Schema.",
        ("hotops schema status", "hotops schema evidence verify"),
        module="hotops.commands.schema",
    ),
    ModuleCommand("sandbox", "The twin of the clouds on this computer.", module="hotops.cli_sandbox"),
    ModuleCommand("evidence", "Check and read what a run left behind.", module="hotops.cli_evidence"),
)

NOUNS: dict[str, str] = {
    "backup": "Backups of the database: made, listed, proven, removed.",
    "restore": "What is lost comes back: beside, over, to a moment.",
    "conformance": "Assumptions about the clouds, and what they really do.",
    "dsn": "Connection strings: judged, proven, explained, put right.",
    "secrets": "Secrets: mirrored, audited, looked for, rotated.",
    "secrets map": "The secret map: which value goes where.",
    "vault": "The vault of secrets, by itself.",
    "memory": "Sizes and numbers of machines.",
    "dr": "Disaster drills.",
    "generate": "Files for a team's repository, made from its inventories.",
    "lock": "Who works on an environment.",
}

#: A command's flag by which it is another command, whose option takes the flag's value; None: a flag that may stand
#: without its value, since it says what the command does anyway.
SHORTER: Mapping[tuple[str, str], tuple[str, str] | None] = {
    ("restore", "--switch"): ("restore switch", "--to-database"),
    ("restore", "--beside"): None,
}


def below(command: Command) -> list[Command]:
    """The commands whose noun this command is."""
    return [each for each in COMMANDS if len(each.words) > 1 and each.words[:-1] == command.words]


def find(words: tuple[str, ...]) -> Command | None:
    """The command that these words begin with, the longest first."""
    for length in (3, 2, 1):
        for command in COMMANDS:
            if len(command.words) == length and command.words == words[:length]:
                return command
    return None
